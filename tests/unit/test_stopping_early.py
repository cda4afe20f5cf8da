"""stop_after_successes: what is drawn, what counts, and that it goes on as any run does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.errors import EngineError, SpecError
from reasonbench.run import Silent, execute
from reasonbench.sampling import wave
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.summary import summarize

PROBLEMS, N = 30, 32


def spec(stop, n=N, **args):
    return RunSpec(
        model=ModelSpec(id="m"),
        tasks=(f"sums:{PROBLEMS}",),
        n=n,
        engine=EngineSpec(name="fake", args=args),
        sampling=SamplingSpec(max_tokens=100),
        stop_after_successes=stop,
    )


def stored(directory):
    with Store.read(directory) as store:
        return sum(1 for _ in store.completions(store.latest_plan().digest()))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of all completions, and its verdicts."""
    directory = tmp_path_factory.mktemp("whole") / "r"
    result = execute(spec(None), directory)
    (name,) = result.grader_versions.values()
    found = {}
    with Store.read(directory) as store:
        for grade, _ in store.grades(result.plan, {"sums": name}):
            found.setdefault(grade.problem_id, []).append(grade.verdict == "correct")
    return found


def expected(verdicts, stop, n=N):
    """n and c of a problem whose draws are looked at one after the other."""
    right = 0
    for place, is_right in enumerate(verdicts[:n], start=1):
        right += is_right
        if right == stop:
            return place, right, True
    return n, right, False


@pytest.mark.parametrize("stop", [1, 3, 8])
def test_a_problem_counts_up_to_its_last_needed_success_and_no_further(tmp_path, whole, stop):
    (task,) = execute(spec(stop), tmp_path / "r").tasks
    got = {c.problem_id: (c.n, c.c, c.stopped) for c in task.problems}
    assert got == {name: expected(found, stop) for name, found in whole.items()}
    assert task.n_owed == 0
    assert task.stop_after_successes == stop
    assert stored(tmp_path / "r") < PROBLEMS * N


def test_the_same_call_again_draws_nothing(tmp_path):
    first = execute(spec(2), tmp_path / "r")
    again = execute(spec(2, raise_after=0), tmp_path / "r")
    assert again.tasks == first.tasks


def test_more_successes_and_a_larger_n_draw_only_what_is_missing(tmp_path, whole):
    execute(spec(1, n=8), tmp_path / "r")
    before = stored(tmp_path / "r")
    (task,) = execute(spec(3), tmp_path / "r").tasks
    assert {c.problem_id: (c.n, c.c, c.stopped) for c in task.problems} == {
        name: expected(found, 3) for name, found in whole.items()
    }
    execute(spec(3), tmp_path / "fresh")
    assert before < stored(tmp_path / "r") < PROBLEMS * N


def test_a_stopped_run_that_broke_down_goes_on_to_the_same_counts(tmp_path):
    with pytest.raises(EngineError):
        execute(spec(3, raise_after=40), tmp_path / "r")
    after = execute(spec(3), tmp_path / "r")
    straight = execute(spec(3), tmp_path / "fresh")
    assert [c.n for c in after.tasks[0].problems] == [c.n for c in straight.tasks[0].problems]
    assert after.tasks[0].estimates == straight.tasks[0].estimates


def test_without_stopping_the_same_samples_are_counted_whole(tmp_path, whole):
    execute(spec(3), tmp_path / "r")
    (task,) = execute(spec(None), tmp_path / "r").tasks
    assert [(c.n, c.stopped) for c in task.problems] == [(N, False)] * PROBLEMS
    assert [c.c for c in task.problems] == [sum(found) for found in whole.values()]


def test_the_estimate_is_the_stopped_ones_and_not_chens(tmp_path):
    result = execute(spec(2), tmp_path / "r")
    (task,) = result.tasks
    stopped = [c for c in task.problems if c.stopped]
    assert len(stopped) > PROBLEMS / 2
    chen = sum(c.c / c.n for c in task.problems) / PROBLEMS
    unbiased = (
        sum((c.c - 1) / (c.n - 1) if c.stopped else c.c / c.n for c in task.problems) / PROBLEMS
    )
    assert task.estimates[0].value == pytest.approx(unbiased)
    assert task.estimates[0].value < chen
    assert [e.k for e in task.estimates] == [1, 2, 4, 8, 16, 32]
    assert {e.n_excluded for e in task.estimates} == {0}
    assert "early stopping" in task.estimates[0].method


def test_a_failed_completion_is_owed_though_successes_came_after_it(tmp_path, whole):
    (task,) = execute(spec(3, fail_at=[0]), tmp_path / "r").tasks
    assert [c.stopped for c in task.problems] == [False] * PROBLEMS
    assert all(c.owed for c in task.problems)
    assert stored(tmp_path / "r") < PROBLEMS * N
    assert same_as_whole(execute(spec(3), tmp_path / "r"), whole, 3)


def test_completions_that_fail_when_they_are_wrong_do_not_raise_the_score(tmp_path, whole):
    (task,) = execute(spec(2, fail_wrong=True), tmp_path / "r").tasks
    assert task.n_owed > 0
    assert all(c.n < 2 or c.stopped for c in task.problems)
    assert same_as_whole(execute(spec(2), tmp_path / "r"), whole, 2)


@pytest.mark.parametrize("count", [7, 40, 90])
def test_a_run_that_broke_down_when_the_right_ones_had_come_first_ends_as_a_whole_one(
    tmp_path, whole, count
):
    for _ in range(2):
        with pytest.raises(EngineError):
            execute(spec(3, wrong_last=True, raise_after=count), tmp_path / "r")
    assert same_as_whole(execute(spec(3, wrong_last=True), tmp_path / "r"), whole, 3)


def same_as_whole(result, whole, stop):
    (task,) = result.tasks
    found = {c.problem_id: (c.n, c.c, c.stopped) for c in task.problems}
    return task.n_owed == 0 and found == {
        name: expected(verdicts, stop) for name, verdicts in whole.items()
    }


def test_the_running_score_is_of_draws_that_are_all_there(tmp_path, whole, monkeypatch):
    monkeypatch.setattr("reasonbench.sampling.STATUS_SECONDS", 0)
    monkeypatch.setattr("reasonbench.sampling.COMMIT_SECONDS", 0)

    class Watching(Silent):
        def __init__(self):
            self.scores = []

        def status(self, scores):
            self.scores += scores.values()

    for stop in (None, 2):
        watching = Watching()
        execute(spec(stop, wrong_last=True), tmp_path / f"r{stop}", reporter=watching)
        done = [list(found)[: stop or N] for found in whole.values()]
        rates = [sum(found) / len(found) for found in done]
        for score in watching.scores:
            assert score.interval.low <= score.value <= score.interval.high
            assert score.of == PROBLEMS
            if score.n_problems == PROBLEMS:
                assert score.value == pytest.approx(sum(rates) / PROBLEMS)


def test_problems_that_are_done_leave_the_count_of_the_progress(tmp_path):
    class Watching(Silent):
        total = done = 0

        def phase(self, name, *, total, done=0):
            if name == "sampling":
                self.total, self.done = total, done

        def advance(self, steps=1, *, tokens=0):
            self.done += bool(tokens) * steps

        def drop(self, steps):
            self.total -= steps

    watching = Watching()
    execute(spec(3), tmp_path / "r", reporter=watching)
    assert watching.done == watching.total == stored(tmp_path / "r")


def test_more_successes_than_completions_are_refused(tmp_path):
    with pytest.raises(SpecError, match="n = 4 completions no more can be right"):
        execute(spec(5, n=4), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_store_is_summarised_alike_by_whoever_reads_it(tmp_path):
    result = execute(spec(2), tmp_path / "r")
    with Store.read(tmp_path / "r") as store:
        assert summarize(store).tasks == result.tasks
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result


@given(stop=st.integers(1, 50), data=st.data())
def test_a_wave_is_never_less_than_is_missing_nor_more_than_doubles_the_draws(stop, data):
    graded = data.draw(st.integers(0, 1000))
    successes = data.draw(st.integers(0, min(graded, stop - 1)))
    size = wave(successes, graded, stop)
    assert stop - successes <= size <= max(stop - successes, graded)
