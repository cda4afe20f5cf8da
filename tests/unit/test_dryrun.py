"""A dry run: what a run would cost, with nothing written."""

import json

import pytest

from reasonbench.cli.dryrun import duration
from reasonbench.dryrun import dry_run
from reasonbench.errors import EngineError
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store


def spec(n=4, tasks=("sums:5", "sums:3,other,10"), max_tokens=100, **args):
    return RunSpec(
        model=ModelSpec(id="m"),
        tasks=tasks,
        n=n,
        engine=EngineSpec(name="fake", args=args, batch_size=6),
        sampling=SamplingSpec(max_tokens=max_tokens),
    )


def test_it_counts_problems_completions_and_tokens_and_writes_nothing(tmp_path):
    found = dry_run(spec(), tmp_path / "r")
    assert [(t.task, t.n_problems, t.n_completions, t.n_stored) for t in found.tasks] == [
        ("sums", 5, 20, 0),
        ("other", 3, 12, 0),
    ]
    assert found.n_missing == 32
    assert found.worst_case_tokens == 32 * 100
    assert found.tasks[0].prompt_tokens.largest == 5
    assert found.first_prompt.startswith("What do you get")
    assert not (tmp_path / "r").exists()


def test_the_probe_draws_at_most_what_is_in_flight_at_once(tmp_path):
    found = dry_run(spec(), tmp_path / "r")
    assert found.probe.n_completions == 6
    assert found.worst_case_seconds == pytest.approx(3200 / found.probe.tokens_per_second)
    assert found.likely_seconds is None
    assert dry_run(spec(), tmp_path / "r", probe=False).probe is None


def test_failed_probe_requests_are_counted(tmp_path):
    probe = dry_run(spec(fail_at=[0]), tmp_path / "r").probe
    assert (probe.n_completions, probe.n_failed) == (0, 6)


def test_it_says_what_is_there_already_and_leaves_it_alone(tmp_path):
    execute(spec(n=3), tmp_path / "r")
    before = (tmp_path / "r" / "run.sqlite").read_bytes()
    found = dry_run(spec(n=4), tmp_path / "r")
    assert [t.n_stored for t in found.tasks] == [15, 9]
    assert found.n_missing == 8
    assert found.mean_stored_tokens == 7
    assert found.likely_seconds == pytest.approx(8 * 7 / found.probe.tokens_per_second)
    assert (tmp_path / "r" / "run.sqlite").read_bytes() == before
    with Store.read(tmp_path / "r") as store:
        assert len(store.plans()) == 1


def test_other_draws_are_not_there_already(tmp_path):
    execute(spec(), tmp_path / "r")
    assert dry_run(spec(max_tokens=99), tmp_path / "r").n_missing == 32
    assert dry_run(spec(), tmp_path / "r").probe is None


def test_what_keeps_a_run_from_starting_keeps_a_dry_run(tmp_path):
    with pytest.raises(EngineError, match="do not fit"):
        dry_run(spec(context=50), tmp_path / "r")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h 0 min"), (7_261_200, "2,017 h 0 min")],
)
def test_times_are_told_in_their_unit(seconds, text):
    assert duration(seconds) == text


def test_the_command_prints_it_and_samples_nothing(cli, tmp_path):
    arguments = ("run", "m", "--engine", "fake", "--task", "sums:5", "-n", "4", "--out", "r")
    shown = cli(*arguments, "--max-tokens", "50", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "at most 1,000 tokens" in shown.stdout
    assert "What do you get" in shown.stdout
    told = cli(*arguments, "--dry-run", "--no-probe", "--format", "json")
    assert json.loads(told.stdout)["tasks"][0]["n_completions"] == 20
    assert not (tmp_path / "r").exists()
