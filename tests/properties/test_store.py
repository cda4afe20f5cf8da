"""However additions interleave, repeat or break off, each sample exists once."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.records import (
    Completion,
    EngineIdentity,
    FinishReason,
    Grade,
    Plan,
    PlanItem,
    Problem,
    Verdict,
)
from reasonbench.specs import ModelSpec, RunSpec, SamplingSpec, TaskSpec
from reasonbench.store import STORE_FILE, Store

N = 4
PROBLEMS = [Problem(task="t", id=str(i), statement=f"{i}?") for i in range(3)]
INDICES = st.integers(0, len(PROBLEMS) * N - 1)
BATCHES = st.lists(st.tuples(INDICES, st.text(st.characters(exclude_categories=()))), max_size=5)


def items_of(n):
    return [
        PlanItem(f"{p.id}/{i}", "t", p.id, i, p.full_digest()) for p in PROBLEMS for i in range(n)
    ]


ITEMS = items_of(N)


def plan_of(n):
    return Plan(
        spec=RunSpec(model=ModelSpec(id="m"), tasks=("t",), n=n),
        sampling=SamplingSpec(),
        engine=EngineIdentity(
            engine="fake", model="m", revision=None, weights_digest="w", dtype="d", versions={}
        ),
        tasks=(TaskSpec(name="t"),),
        graders={"t": "exact"},
    )


def completion(item, text=""):
    return Completion(
        key=item.key,
        task="t",
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        text=text,
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=1,
        engine="e",
    )


def grade(item, answer=""):
    return Grade(
        key=item.key,
        task="t",
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        verdict=Verdict.CORRECT,
        reason="ok",
        answer=answer,
        grader="g",
    )


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("complete"), BATCHES),
        st.tuples(st.just("grade"), BATCHES),
        st.tuples(st.just("plan"), st.integers(1, N)),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=12,
)


@given(OPERATIONS)
@settings(max_examples=60, deadline=None)
def test_any_interleaving_keeps_what_was_added_first(operations):
    texts, answers = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder))
        try:
            full = store.add_plan(plan_of(N), PROBLEMS, ITEMS)
            for operation, value in operations:
                if operation == "complete":
                    batch = [completion(ITEMS[index], text) for index, text in value]
                    known = len(texts)
                    for made in batch:
                        texts.setdefault(made.key, made.text)
                    assert store.add_completions(batch) == len(texts) - known
                elif operation == "grade":
                    batch = [grade(ITEMS[i], text) for i, text in value if ITEMS[i].key in texts]
                    known = len(answers)
                    for made in batch:
                        answers.setdefault(made.key, made.answer)
                    assert store.add_grades(full, batch) == len(answers) - known
                elif operation == "plan":
                    plan_id = store.add_plan(plan_of(value), PROBLEMS, items_of(value))
                    assert store.latest_plan() == plan_of(value)
                    asked = {item.key for item in items_of(value)}
                    assert store.present(plan_id) == asked & texts.keys()
                else:
                    store.close()
                    store = Store.create(Path(folder))
            order = [item.key for item in ITEMS]
            got = [(c.key, c.text) for _, c in store.completions(full)]
            assert got == [(key, texts[key]) for key in order if key in texts]
            graded = [(g.key, g.answer) for g, _ in store.grades(full, {"t": "g"})]
            assert graded == [(key, answers[key]) for key in order if key in answers]
            owed = [c.key for _, c in store.ungraded(full, {"t": "g"})]
            assert owed == [key for key in order if key in texts and key not in answers]
        finally:
            store.close()


def contents(directory):
    with Store.read(directory) as store:
        return list(store.completions(store.latest_plan().digest()))


def fill(store, batch=2):
    """Sample what the plan still owes, as a run does."""
    plan_id = store.add_plan(plan_of(N), PROBLEMS, ITEMS)
    present = store.present(plan_id)
    owed = [completion(item, f"text of {item.key}") for item in ITEMS if item.key not in present]
    for start in range(0, len(owed), batch):
        yield store.add_completions(owed[start : start + batch])


@given(st.lists(st.integers(0, 6), max_size=4))
@settings(max_examples=20, deadline=None)
def test_a_run_that_broke_off_anywhere_ends_as_one_that_did_not(stops):
    with tempfile.TemporaryDirectory() as folder:
        broken, whole = Path(folder, "broken"), Path(folder, "whole")
        for stop in stops:
            with Store.create(broken) as store:
                for _, added in zip(range(stop), fill(store), strict=False):
                    assert added > 0
        for directory in (broken, whole):
            with Store.create(directory) as store:
                assert all(added > 0 for added in fill(store))
        assert contents(broken) == contents(whole)


@given(st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_log_cut_at_any_byte_leaves_whole_transactions_and_resumes_to_the_same(share):
    with tempfile.TemporaryDirectory() as folder:
        live, killed = Path(folder, "live"), Path(folder, "killed")
        with Store.create(live) as store:
            assert sum(fill(store)) == len(ITEMS)
            shutil.copytree(live, killed)
        log = killed / f"{STORE_FILE}-wal"
        kept = int(log.stat().st_size * share)
        with log.open("r+b") as stream:
            stream.truncate(kept)
        with Store.create(killed) as store:
            plan = store.latest_plan()
            present = store.present(plan.digest()) if plan is not None else set()
            assert present == {item.key for item in ITEMS[: len(present)]}
            assert len(present) % 2 == 0
            assert sum(fill(store)) == len(ITEMS) - len(present)
        assert contents(killed) == contents(live)
