"""A second grader beside a run's own."""

import json

import pytest

from reasonbench.beside import grade_beside
from reasonbench.errors import UnknownNameError
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.summary import summarize


def run(directory, **more):
    """Sums that are all right, every second one spelt so that the exact grader calls it wrong."""
    spec = RunSpec(
        model=ModelSpec(id="m"),
        tasks=("sums:3",),
        n=2,
        engine=EngineSpec(name="fake", args={"leak": ["000", "001", "002"], "decimal": [1]}),
        sampling=SamplingSpec(max_tokens=10),
        **more,
    )
    return execute(spec, directory)


def test_disagreements_are_counted_shown_and_priced(tmp_path):
    result = run(tmp_path / "r")
    assert result.tasks[0].estimates[0].value == 0.5
    (task,) = grade_beside(tmp_path / "r", "math")
    assert (task.n_both, task.n_first_only, task.n_second_only, task.n_neither) == (3, 0, 3, 0)
    assert (task.strict.value, task.lenient.value) == (0.5, 1.0)
    assert task.n_disagreements == len(task.disagreements) == 3
    shown = task.disagreements[0]
    assert (shown.target, shown.first.answer, shown.second.verdict) == ("0", "0.0", "correct")


def test_the_runs_own_scores_stay(tmp_path):
    result = run(tmp_path / "r")
    grade_beside(tmp_path / "r", "math")
    with Store.read(tmp_path / "r") as store:
        assert summarize(store).tasks == result.tasks
        assert len(store.plans()) == 1


def test_it_grades_once_and_then_reads(tmp_path):
    run(tmp_path / "r")
    first = grade_beside(tmp_path / "r", "math")
    assert grade_beside(tmp_path / "r", "math") == first


def test_a_run_that_was_stopped_early_gets_no_bounds(tmp_path):
    run(tmp_path / "r", stop_after_successes=1)
    (task,) = grade_beside(tmp_path / "r", "math")
    assert (task.strict, task.lenient) == (None, None)


def test_completions_without_two_verdicts_are_left_out_and_counted(tmp_path):
    run(tmp_path / "r")
    (task,) = grade_beside(tmp_path / "r", "raising")
    assert (task.n_both + task.n_neither, task.n_left_out) == (0, 6)


def test_an_unknown_grader_is_refused(tmp_path):
    run(tmp_path / "r")
    with pytest.raises(UnknownNameError):
        grade_beside(tmp_path / "r", "maths")


def test_the_command_shows_both(tmp_path, cli):
    run(tmp_path / "r")
    shown = cli("regrade", "r", "--beside", "math")
    assert shown.returncode == 0, shown.stderr
    assert "pass@1, lenient" in shown.stdout
    told = json.loads(cli("regrade", "r", "--beside", "math", "--format", "json").stdout)
    assert told[0]["n_second_only"] == 3
    refused = cli("regrade", "r", "--beside", "math", "--grader", "exact")
    assert refused.returncode == 2
