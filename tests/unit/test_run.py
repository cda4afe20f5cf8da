"""One run with a stranger's engine and task: top-up, resume, failures, regrade."""

import msgspec
import pytest

from reasonbench.errors import EngineError, PluginError, SpecError, TaskError, UnknownNameError
from reasonbench.run import Silent, execute, regrade
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.summary import summarize


class Listening(Silent):
    def __init__(self):
        self.said, self.phases = [], []

    def say(self, sentence):
        self.said.append(sentence)

    def phase(self, name, *, total, done=0):
        self.phases.append((name, total, done))


def spec(n=4, tasks=("sums:5",), args=None, sampling=None, **more):
    return RunSpec(
        model=ModelSpec(id=more.pop("model", "m")),
        tasks=tasks,
        n=n,
        engine=EngineSpec(name="fake", args=args or {}),
        sampling=sampling or SamplingSpec(max_tokens=100),
        **more,
    )


def texts(directory):
    with Store.read(directory) as store:
        plan_id = store.latest_plan().digest()
        return {(p.id, c.sample_index): c.text for p, c in store.completions(plan_id)}


def test_a_run_ends_with_exactly_n_graded_completions_a_problem(tmp_path):
    result = execute(spec(n=6), tmp_path / "r")
    (task,) = result.tasks
    assert [c.n for c in task.problems] == [6] * 5
    assert task.n_owed == 0
    assert [e.k for e in task.estimates] == [1, 2, 4]
    assert task.problems[0].c == 6
    assert sum(task.reasons.values()) == 30


def test_the_same_call_again_samples_nothing(tmp_path):
    first = execute(spec(), tmp_path / "r")
    listening = Listening()
    again = execute(spec(args={"raise_after": 0}), tmp_path / "r", reporter=listening)
    assert again.tasks == first.tasks
    assert "sampling" not in [p[0] for p in listening.phases]


def test_raising_n_samples_only_what_is_missing_and_keeps_the_rest(tmp_path):
    execute(spec(n=3), tmp_path / "r")
    before = texts(tmp_path / "r")
    listening = Listening()
    result = execute(spec(n=8), tmp_path / "r", reporter=listening)
    after = texts(tmp_path / "r")
    assert ("sampling", 40, 15) in listening.phases
    assert [c.n for c in result.tasks[0].problems] == [8] * 5
    assert before.items() <= after.items()
    assert after == texts_of_fresh_run(tmp_path, 8)


def texts_of_fresh_run(tmp_path, n):
    execute(spec(n=n), tmp_path / "fresh")
    return texts(tmp_path / "fresh")


def test_adding_a_task_keeps_the_first_ones_samples(tmp_path):
    execute(spec(), tmp_path / "r")
    listening = Listening()
    both = ("sums:5", "sums:3,other,10")
    result = execute(spec(tasks=both), tmp_path / "r", reporter=listening)
    assert ("sampling", 32, 20) in listening.phases
    assert [t.spec.name for t in result.tasks] == ["sums", "other"]


def test_a_changed_temperature_draws_new_samples_and_says_which_field(tmp_path):
    execute(spec(), tmp_path / "r")
    listening = Listening()
    hot = spec(sampling=SamplingSpec(max_tokens=100, temperature=0.5))
    execute(hot, tmp_path / "r", reporter=listening)
    assert ("sampling", 20, 0) in listening.phases
    assert any("sampling.temperature: 1.0 -> 0.5" in s for s in listening.said)


def test_an_engine_that_breaks_down_leaves_what_it_made_and_the_next_call_goes_on(tmp_path):
    with pytest.raises(EngineError, match=r"stopped after 7 completions.*the engine broke down"):
        execute(spec(args={"raise_after": 7}), tmp_path / "r")
    assert len(texts(tmp_path / "r")) == 7
    with Store.read(tmp_path / "r") as store:
        assert [s.status for s in store.sessions()] == ["failed"]
    result = execute(spec(), tmp_path / "r")
    assert result.tasks[0].n_owed == 0
    assert texts(tmp_path / "r") == texts_of_fresh_run(tmp_path, 4)


def test_an_interrupted_run_is_marked_so_and_keeps_its_samples(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        execute(spec(args={"interrupt_after": 9}), tmp_path / "r")
    assert len(texts(tmp_path / "r")) == 9
    with Store.read(tmp_path / "r") as store:
        assert [s.status for s in store.sessions()] == ["interrupted"]


def test_failed_completions_stay_owed_and_are_never_graded(tmp_path):
    listening = Listening()
    result = execute(spec(args={"fail_at": [1, 2]}), tmp_path / "r", reporter=listening)
    (task,) = result.tasks
    assert [c.n for c in task.problems] == [2] * 5
    assert [c.owed for c in task.problems] == [2] * 5
    assert task.n_owed == 10
    assert task.estimates[2].value is None
    assert any("10 completions failed and are still owed" in s for s in listening.said)
    assert not any("ended without" in s for s in listening.said)
    assert execute(spec(), tmp_path / "r").tasks[0].n_owed == 0


def test_truncated_completions_count_as_wrong_and_bound_the_score_from_above(tmp_path):
    result = execute(spec(n=16, args={"truncate": 0.5}), tmp_path / "r")
    (task,) = result.tasks
    truncated = task.reasons["truncated"]
    assert 0 < truncated < 80
    assert sum(c.c_if_truncated_right - c.c for c in task.problems) == truncated
    assert all(c.n == 16 for c in task.problems)


def test_a_grader_that_raises_leaves_grades_owed_and_a_regrade_mends_it(tmp_path):
    result = execute(spec(grader="raising"), tmp_path / "r")
    assert result.tasks[0].n_owed == 20
    with Store.read(tmp_path / "r") as store:
        failures = store.failures(store.latest_plan().digest())
    assert len(failures) == 20
    assert {f.message for f in failures} == {"this grader is broken"}
    mended = regrade(tmp_path / "r", grader="exact")
    assert mended.tasks[0].n_owed == 0
    assert mended.tasks[0].estimates == execute(spec(), tmp_path / "fresh").tasks[0].estimates


def test_regrade_with_reloaded_tasks_uses_corrected_answers(tmp_path, monkeypatch):
    before = execute(spec(), tmp_path / "r")
    monkeypatch.setenv("REASONBENCH_FAKE_SHIFT", "1000")
    after = regrade(tmp_path / "r", reload_tasks=True)
    assert before.tasks[0].problems[0].c == 4
    assert after.tasks[0].problems[0].c == 0
    assert after.tasks[0].n_owed == 0


def test_the_plan_resolves_max_tokens_against_the_context_and_records_it(tmp_path):
    result = execute(spec(sampling=SamplingSpec(), args={"context": 400}), tmp_path / "r")
    assert result.sampling.max_tokens == 300


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (spec(model="missing"), EngineError, "there is no model 'missing'"),
        (spec(tasks=("nonsense",)), UnknownNameError, "nonsense"),
        (spec(grader="exakt"), UnknownNameError, "no grader named 'exakt'"),
        (spec(tasks=("sums:0",)), TaskError, "has no problems"),
        (spec(tasks=("sums:2", "sums:3")), TaskError, "two tasks are named 'sums'"),
        (spec(tasks=("sums:x",)), (TaskError, PluginError), "invalid literal"),
        (spec(sampling=SamplingSpec(max_tokens=2000)), EngineError, "do not fit"),
        (spec(sampling=SamplingSpec(temperature=0)), SpecError, "one and the same"),
    ],
)
def test_what_cannot_run_is_refused_in_one_sentence(tmp_path, bad, error, message):
    with pytest.raises(error, match=message):
        execute(bad, tmp_path / "r")


@pytest.mark.parametrize("bad", [spec(grader="exakt"), spec(tasks=("nonsense",))])
def test_a_misspelt_name_leaves_no_directory_behind(tmp_path, bad):
    with pytest.raises(UnknownNameError):
        execute(bad, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_misspelt_grader_does_not_spoil_a_good_run(tmp_path):
    good = execute(spec(), tmp_path / "r")
    with pytest.raises(UnknownNameError):
        execute(spec(grader="exakt"), tmp_path / "r")
    with Store.read(tmp_path / "r") as store:
        assert summarize(store) == good


@pytest.mark.parametrize("wrong", [{"problem_id": "zzz"}, {"sample_index": 3}, {"seed": 1}])
def test_a_mislabelled_completion_is_refused_before_it_is_stored(tmp_path, wrong):
    with pytest.raises(EngineError, match="was not asked for"):
        execute(spec(args={"mislabel": wrong}), tmp_path / "r")
    assert texts(tmp_path / "r") == {}
    assert execute(spec(), tmp_path / "r").n_owed == 0


def test_an_engine_that_ends_early_is_said_to_have(tmp_path):
    listening = Listening()
    result = execute(spec(args={"end_after": 15}), tmp_path / "r", reporter=listening)
    assert result.tasks[0].n_unsampled == 5
    assert any("ended without 5 completions" in s for s in listening.said)


def test_failures_are_told_with_their_reason_and_counted_by_attempt(tmp_path):
    for _ in range(2):
        result = execute(spec(args={"fail_at": [0]}), tmp_path / "r")
    (task,) = result.tasks
    assert (task.n_unsampled, task.n_ungraded) == (5, 0)
    assert task.failures == {"Timeout: no answer": 5}
    with Store.read(tmp_path / "r") as store:
        attempts = [f.attempt for f in store.failures(result.plan)]
    assert sorted(attempts) == [1] * 5 + [2] * 5


def test_completions_that_the_grader_failed_on_are_not_called_unsampled(tmp_path):
    (task,) = execute(spec(grader="raising"), tmp_path / "r").tasks
    assert (task.n_unsampled, task.n_ungraded) == (0, 20)
    assert task.failures == {"RuntimeError: this grader is broken": 20}


def test_a_task_that_raises_is_named_in_one_sentence(tmp_path):
    with pytest.raises(PluginError, match="the task 'bad' failed: ValueError: boom"):
        execute(spec(tasks=("sums:3,bad,raise",)), tmp_path / "r")


def test_grading_counts_only_what_is_left_to_grade(tmp_path):
    execute(spec(n=2), tmp_path / "r")
    listening = Listening()
    execute(spec(n=4), tmp_path / "r", reporter=listening)
    ((_, total, done),) = [p for p in listening.phases if p[0] == "grading"]
    assert total <= 10
    assert done == 0


def test_other_weights_than_the_spec_names_are_refused(tmp_path):
    run = spec()
    model = msgspec.structs.replace(run.model, weights_digest="x" * 32)
    with pytest.raises(EngineError, match="the spec asks for xxx"):
        execute(msgspec.structs.replace(run, model=model), tmp_path / "r")
