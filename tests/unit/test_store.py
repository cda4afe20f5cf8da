"""The store in fair weather: each record goes in once and comes out as it was."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from reasonbench.errors import StoreCorruptError, StoreError
from reasonbench.records import (
    Completion,
    EngineIdentity,
    Failure,
    FinishReason,
    Grade,
    Plan,
    PlanItem,
    Problem,
    Session,
    Stage,
    Verdict,
)
from reasonbench.specs import ModelSpec, RunSpec, SamplingSpec, TaskSpec
from reasonbench.store import Store, core
from reasonbench.store.codec import column

STRANGE = [
    "",
    "\0",
    "lone \ud800 surrogate",
    "\ud83d\ude00",
    "two halves \ud83d" + "\ude00",
    "\\ud800",
    'quote " back\\slash \x7f\u2028\uffff',
    "\U0001d518" * 3,
]


def plan_for(*tasks, n=1):
    return Plan(
        spec=RunSpec(model=ModelSpec(id="m"), tasks=tasks, n=n),
        sampling=SamplingSpec(max_tokens=9),
        engine=EngineIdentity(
            engine="fake", model="m", revision=None, weights_digest="w", dtype="d", versions={}
        ),
        tasks=tuple(TaskSpec(name=task) for task in tasks),
        graders=dict.fromkeys(tasks, "exact"),
    )


def items_of(problems, n=1):
    return [
        PlanItem(f"{p.task}/{p.id}/{i}", p.task, p.id, i, p.full_digest())
        for p in problems
        for i in range(n)
    ]


def completion(item, text="text", finish=FinishReason.STOP):
    return Completion(
        key=item.key,
        task=item.task,
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        text=text,
        finish_reason=finish,
        n_prompt_tokens=1,
        n_tokens=2,
        seed=3,
        engine="e",
    )


def grade(item, grader="exact 1", verdict=Verdict.CORRECT):
    return Grade(
        key=item.key,
        task=item.task,
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        verdict=verdict,
        reason="ok",
        answer="1",
        grader=grader,
    )


def session_of(plan_id):
    return Session(
        plan=plan_id,
        command=("run",),
        versions={"python": "3"},
        platform="p",
        pid=1,
        started=datetime(2026, 1, 2, tzinfo=UTC),
    )


PROBLEMS = [Problem(task="t", id=str(i), statement=f"{i}?", target=str(i)) for i in range(3)]
GRADERS = {"t": "exact 1"}


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "deep" / "run") as opened:
        yield opened


@pytest.fixture
def run(store):
    """Return a store that holds a plan, with the plan's id and items."""
    items = items_of(PROBLEMS, n=2)
    return store, store.add_plan(plan_for("t", n=2), PROBLEMS, items), items


def test_a_new_run_is_empty(store):
    assert store.latest_plan() is None
    assert store.plans() == []
    assert store.sessions() == []


def test_a_plan_comes_back_with_its_problems_and_items(run):
    store, plan_id, items = run
    assert plan_id == plan_for("t", n=2).digest()
    assert store.latest_plan() == plan_for("t", n=2)
    assert list(store.problems(plan_id)) == PROBLEMS
    assert list(store.items(plan_id)) == items
    assert store.present(plan_id) == set()


def test_adding_a_plan_again_only_makes_it_the_latest(run):
    store, first, items = run
    other = store.add_plan(plan_for("t", n=1), PROBLEMS, items_of(PROBLEMS))
    assert store.latest_plan().digest() == other
    for _ in range(2):
        assert store.add_plan(plan_for("t", n=2), PROBLEMS, items) == first
    assert store.latest_plan().digest() == first
    assert [plan.digest() for plan in store.plans()] == [first, other]
    uses = store._open().execute("SELECT count(*) FROM plan_uses").fetchone()
    assert uses == (3,)


@pytest.mark.parametrize("items", [items_of(PROBLEMS), items_of(PROBLEMS[:1], 2)])
def test_one_plan_cannot_have_two_lists_of_items(run, items):
    store, plan_id, original = run
    with pytest.raises(StoreError, match="with other problems"):
        store.add_plan(plan_for("t", n=2), PROBLEMS, items)
    assert list(store.items(plan_id)) == original


def test_a_plan_that_names_a_completion_twice_is_refused_whole(store):
    items = items_of(PROBLEMS)
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add_plan(plan_for("t"), PROBLEMS, [*items, items[0]])
    assert store.plans() == []


def test_a_plan_that_names_an_unknown_problem_is_refused_whole(store):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.add_plan(plan_for("t"), PROBLEMS[:2], items_of(PROBLEMS))
    assert store.plans() == []


def test_the_problems_of_a_plan_are_the_versions_that_it_refers_to(run):
    store, first, _ = run
    corrected = [msgspec.structs.replace(p, target="new") for p in PROBLEMS]
    plan = msgspec.structs.replace(plan_for("t", n=2), tasks=(TaskSpec(name="t", version="2"),))
    second = store.add_plan(plan, [*PROBLEMS, *corrected], items_of(corrected[::-1], 2))
    assert list(store.problems(second)) == corrected[::-1]
    assert list(store.problems(first)) == PROBLEMS


def test_a_sample_exists_once_and_the_first_stays(run):
    store, plan_id, items = run
    assert store.add_completions([completion(items[0], "a"), completion(items[1], "b")]) == 2
    assert store.add_completions([completion(items[1], "c"), completion(items[2], "d")]) == 1
    assert store.add_completions([completion(items[3], "e"), completion(items[3], "f")]) == 1
    assert store.add_completions([]) == 0
    assert [c.text for _, c in store.completions(plan_id)] == ["a", "b", "d", "e"]
    assert store.present(plan_id) == {item.key for item in items[:4]}


def test_completions_come_in_the_plans_order_with_their_problems(run):
    store, plan_id, items = run
    store.add_completions([completion(item) for item in reversed(items)])
    got = list(store.completions(plan_id))
    assert [c.key for _, c in got] == [item.key for item in items]
    assert [p for p, _ in got] == [p for p in PROBLEMS for _ in range(2)]


def test_raising_n_keeps_the_samples_that_are_there(run):
    store, _, items = run
    store.add_completions([completion(item) for item in items])
    more = items_of(PROBLEMS, n=5)
    plan_id = store.add_plan(plan_for("t", n=5), PROBLEMS, more)
    assert store.present(plan_id) == {item.key for item in items}


def test_completions_outside_the_plan_stay_out_of_it(run):
    store, plan_id, items = run
    store.add_completions([completion(items[0]._replace(key="elsewhere"))])
    assert store.present(plan_id) == set()
    assert list(store.completions(plan_id)) == []


@pytest.mark.parametrize("text", STRANGE)
def test_any_text_comes_back_as_it_was(tmp_path, text):
    problem = Problem(
        task=text, id=text, statement=text, target=text, metadata={text: [text, 2**80, 0.1]}
    )
    items = [items_of([problem])[0]._replace(key="k")]
    with Store.create(tmp_path) as store:
        plan_id = store.add_plan(plan_for(text), [problem], items)
        store.add_completions([completion(items[0], text)])
        store.add_grades(plan_id, [grade(items[0], grader=text)])
    with Store.read(tmp_path) as store:
        assert store.latest_plan() == plan_for(text)
        assert list(store.items(plan_id)) == items
        assert list(store.completions(plan_id)) == [(problem, completion(items[0], text))]
        assert list(store.ungraded(plan_id, {text: text})) == []
        assert [g.grader for g, _ in store.grades(plan_id, {text: text})] == [text]


def test_different_texts_lie_in_different_columns():
    assert len({column(text) for text in STRANGE}) == len(set(STRANGE))


def test_dates_and_nested_values_come_back(store):
    problem = Problem(
        task="t",
        id="1",
        statement="?",
        tests={"cases": [[1, "a", None, True]]},
        published=date(2025, 1, 2),
        cluster="c",
    )
    plan_id = store.add_plan(plan_for("t"), [problem], items_of([problem]))
    assert list(store.problems(plan_id)) == [problem]


def test_grades_come_in_the_plans_order_with_the_finish_reason(run):
    store, plan_id, items = run
    finishes = [FinishReason.STOP, FinishReason.LENGTH] * 3
    store.add_completions([completion(i, finish=f) for i, f in zip(items, finishes, strict=True)])
    assert store.add_grades(plan_id, [grade(item) for item in reversed(items)]) == 6
    assert list(store.grades(plan_id, GRADERS)) == [
        (grade(item), finish) for item, finish in zip(items, finishes, strict=True)
    ]


def test_a_grade_exists_once_for_each_grader_and_the_first_stays(run):
    store, plan_id, items = run
    store.add_completions([completion(items[0])])
    assert store.add_grades(plan_id, [grade(items[0])]) == 1
    assert store.add_grades(plan_id, [grade(items[0], verdict=Verdict.INCORRECT)]) == 0
    assert [c.key for _, c in store.ungraded(plan_id, {"t": "exact 2"})] == [items[0].key]
    assert list(store.grades(plan_id, {"t": "exact 2"})) == []
    assert store.add_grades(plan_id, [grade(items[0], "exact 2", Verdict.INCORRECT)]) == 1
    for version, verdict in (("exact 1", Verdict.CORRECT), ("exact 2", Verdict.INCORRECT)):
        assert [g.verdict for g, _ in store.grades(plan_id, {"t": version})] == [verdict]


def test_a_corrected_target_means_a_new_grade_and_no_new_sample(run):
    store, first, items = run
    store.add_completions([completion(item) for item in items])
    store.add_grades(first, [grade(item) for item in items])
    corrected = [msgspec.structs.replace(p, target="x") for p in PROBLEMS[:1]] + PROBLEMS[1:]
    plan = msgspec.structs.replace(plan_for("t", n=2), tasks=(TaskSpec(name="t", version="2"),))
    second = store.add_plan(plan, corrected, items_of(corrected, 2))
    assert len(store.present(second)) == 6
    assert [p.target for p, _ in store.ungraded(second, GRADERS)] == ["x", "x"]
    assert len(list(store.grades(second, GRADERS))) == 4
    assert len(list(store.grades(first, GRADERS))) == 6


def test_a_grade_for_what_is_not_there_is_refused_whole(run):
    store, plan_id, items = run
    store.add_completions([completion(items[0])])
    for missing in (grade(items[1]), grade(items[0]._replace(key="elsewhere"))):
        with pytest.raises(StoreError):
            store.add_grades(plan_id, [grade(items[0]), missing])
    assert list(store.grades(plan_id, GRADERS)) == []


def test_each_task_has_its_own_grader(store):
    problems = [Problem(task=task, id="1", statement="?") for task in "abc"]
    items = items_of(problems)
    plan_id = store.add_plan(plan_for("a", "b", "c"), problems, items)
    store.add_completions([completion(item) for item in items])
    store.add_grades(plan_id, [grade(items[0], "x"), grade(items[1], "x"), grade(items[2], "x")])
    graders = {"a": "x", "b": "y"}
    assert [p.task for p, _ in store.ungraded(plan_id, graders)] == ["b"]
    assert [g.task for g, _ in store.grades(plan_id, graders)] == ["a"]
    assert list(store.ungraded(plan_id, {})) == []
    assert list(store.grades(plan_id, {})) == []


def test_every_grader_that_judged_something_is_named_once(run):
    store, plan_id, items = run
    assert store.graders() == []
    store.add_completions([completion(item) for item in items])
    store.add_grades(plan_id, [grade(item) for item in items])
    store.add_grades(plan_id, [grade(items[0], grader) for grader in ("source 1", STRANGE[2])])
    assert store.graders() == ["exact 1", STRANGE[2], "source 1"]


def test_grades_may_be_added_while_the_ungraded_are_read(run, monkeypatch):
    monkeypatch.setattr(core, "PAGE", 2)
    store, plan_id, items = run
    store.add_completions([completion(item) for item in items])
    seen = []
    for _, found in store.ungraded(plan_id, GRADERS):
        seen.append(found.key)
        item = next(i for i in items if i.key == found.key)
        assert store.add_grades(plan_id, [grade(item)]) == 1
    assert seen == [item.key for item in items]
    assert list(store.ungraded(plan_id, GRADERS)) == []


@pytest.mark.parametrize("page", [1, 2, 5, 6, 7])
def test_pages_of_any_size_yield_everything_once(run, monkeypatch, page):
    monkeypatch.setattr(core, "PAGE", page)
    store, plan_id, items = run
    store.add_completions([completion(item) for item in items])
    assert [c.key for _, c in store.completions(plan_id)] == [item.key for item in items]


def test_failures_are_all_kept_in_order(run):
    store, plan_id, items = run
    failures = [
        Failure(
            key=items[0].key,
            task="t",
            problem_id="0",
            sample_index=0,
            stage=Stage.SAMPLE,
            error_type="ValueError",
            message="\ud800",
            attempt=attempt,
        )
        for attempt in (1, 2)
    ]
    store.add_failures(failures)
    store.add_failures([msgspec.structs.replace(failures[0], key="elsewhere")])
    assert store.failures(plan_id) == failures
    assert store.present(plan_id) == set()


def test_a_session_runs_until_it_is_ended_once(run):
    store, plan_id, _ = run
    session_id = store.begin_session(session_of(plan_id))
    assert store.sessions() == [session_of(plan_id)]
    store.end_session(session_id, "complete")
    store.end_session(session_id, "failed")
    (ended,) = store.sessions()
    assert ended.status == "complete"
    assert ended.ended.tzinfo is not None


def test_ending_a_session_that_never_began_is_an_error(run):
    with pytest.raises(StoreError):
        run[0].end_session(7, "complete")


def test_an_unknown_plan_is_an_error_not_an_empty_run(store):
    with pytest.raises(StoreError, match="no plan 'nope'"):
        store.present("nope")
    with pytest.raises(StoreError, match="no plan 'nope'"):
        list(store.completions("nope"))


def test_a_store_for_reading_refuses_to_write(run):
    store, plan_id, items = run
    with Store.read(store.path) as reader:
        assert reader.latest_plan() == store.latest_plan()
        with pytest.raises(StoreError, match="for reading only"):
            reader.add_completions([completion(items[0])])
        store.add_completions([completion(items[0])])
        assert len(reader.present(plan_id)) == 1


def test_an_error_within_a_transaction_takes_all_of_it_back(run):
    store, plan_id, items = run

    def broken():
        yield completion(items[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add_completions(broken())
    assert store.present(plan_id) == set()
    assert store.add_completions([completion(items[0])]) == 1


def test_a_record_that_cannot_be_decoded_is_named(run):
    store, plan_id, items = run
    store._open().execute("INSERT INTO completions VALUES (?, 'stop', '{}')", (items[0].key,))
    with pytest.raises(StoreCorruptError, match="holds a Completion that cannot be read"):
        list(store.completions(plan_id))
