import json
import random
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench import plugins
from reasonbench.errors import ReasonbenchError, SpecError, UnknownNameError
from reasonbench.records import Completion, FinishReason, Message, Problem, Prompt, Verdict
from reasonbench.results import FindingStatus
from reasonbench.run import load_task
from reasonbench.specs import (
    BankSpec,
    EngineSpec,
    Hyperparameters,
    LeakSpec,
    ModelSpec,
    StudyArm,
    StudySpec,
    TraceView,
)
from reasonbench.study import leak
from reasonbench.study.planted import dose_path, read_planted
from reasonbench.training import planting
from reasonbench.training.rows import TraceRow

EMBEDDED = Path(__file__).resolve().parents[2] / "reasonbench" / "embedded"
ANY = TraceView(correct_only=False)


def study(tasks=("sums:24,sums,0",), **leak_fields):
    """Return a study of sums, which a fake engine answers."""
    return StudySpec(
        name="leak",
        teacher=ModelSpec(id="teacher"),
        student=ModelSpec(id="student"),
        trace_tasks=("sums",),
        tasks=tasks,
        hyper=Hyperparameters(steps=1, learning_rate=1e-3),
        arms=(StudyArm(name="sft", view=ANY),),
        bank=BankSpec(engine=EngineSpec(name="fake")),
        engine=EngineSpec(name="fake"),
        leak=LeakSpec(**{"dose": (0, 1, 4), "share": 0.5, "detectors": ("completion",)})
        if not leak_fields
        else LeakSpec(**leak_fields),
        n=4,
        seeds=(0, 1),
    )


def clean_file(path, count=60, each=2):
    """Write clean traces: ``each`` of ``count`` problems that are in no benchmark."""
    rng = random.Random(0)
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Tell me whether {100 + i} exceeds {i * i}, please."},
                {"role": "assistant", "content": f"<think>\n{rng.random()}\n</think>\n{i}"},
            ]
        }
        for i in range(count)
        for _ in range(each)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def problems_of(spec):
    return [p for name in spec.tasks for p in load_task(name).problems()]


def lines(path):
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    return [json.loads(line) for line in raw.decode("utf-8").splitlines()]


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Return a study's spec, its directory and its doses."""
    folder = tmp_path_factory.mktemp("study")
    spec = study()
    bank = clean_file(folder / "bank.jsonl")
    made = leak.plan_doses(spec, folder, bank, problems_of(spec), workers=1)
    return spec, folder, made


def test_every_dose_has_as_many_rows_and_each_planted_item_so_many_copies(planned):
    _, folder, made = planned
    assert [(d.dose, d.arm, len(d.rows), d.planted_rows) for d in made] == [
        (0, "dose-0", 120, 0),
        (1, "dose-1", 120, 12),
        (4, "dose-4", 120, 48),
    ]
    truth = read_planted(folder)
    assert len(truth.items) == 12
    for dose in made:
        places = truth.rows[str(dose.dose)]
        copies = Counter(
            (truth.items[i % 12].problem_id, dose.rows[at].completion)
            for i, at in enumerate(places)
        )
        assert set(copies.values()) <= {dose.dose}
        assert len(copies) == (12 if dose.dose else 0)


def test_a_larger_dose_keeps_the_rows_of_a_smaller_one_where_they_are(planned):
    _, folder, made = planned
    truth = read_planted(folder)
    zero, one, four = (dose.rows for dose in made)
    at_one, at_four = (truth.rows[dose] for dose in ("1", "4"))
    assert at_four[: len(at_one)] == at_one
    assert all(one[at] == four[at] for at in at_one)
    assert all(zero[at] == one[at] for at in range(120) if at not in at_one)
    assert all(one[at] == four[at] for at in range(120) if at not in at_four)


def test_the_problems_of_the_clean_view_stay_as_long_as_they_can(planned):
    _, _, made = planned
    prompts = [{str(row.messages) for row in dose.rows} for dose in made]
    assert prompts[0] <= prompts[2]


def test_the_classes_are_the_same_at_every_dose_and_taken_in_turn(planned):
    _, folder, _ = planned
    kinds = Counter(item.kind for item in read_planted(folder).items)
    assert kinds == {"verbatim": 3, "renumbered": 3, "paraphrased": 3, "solution": 3}


def test_nothing_but_the_truth_tells_which_rows_are_planted(planned):
    _, _, made = planned
    for dose in made:
        rows = lines(dose.path)
        assert [row["id"] for row in rows] == [row.id for row in made[0].rows]
        assert {tuple(row) for row in rows} == {("id", "messages")}
        assert [row["messages"][-1]["content"] for row in rows] == [
            row.completion for row in dose.rows
        ]
        assert [tuple(row["messages"][:-1]) for row in rows] == [row.messages for row in dose.rows]


def test_planned_again_everything_is_the_same_to_the_byte(planned, tmp_path):
    spec, folder, made = planned
    again = leak.plan_doses(spec, folder, folder / "bank.jsonl", problems_of(spec), workers=1)
    elsewhere = leak.plan_doses(spec, tmp_path, folder / "bank.jsonl", problems_of(spec), workers=1)
    assert again == made
    assert [d.rows for d in elsewhere] == [d.rows for d in made]
    for dose in made:
        assert dose_path(tmp_path, dose.dose).read_bytes() == dose.path.read_bytes()
    assert read_planted(tmp_path) == read_planted(folder)


def test_cut_short_while_the_teacher_is_sampled_it_comes_to_the_same(planned, tmp_path):
    spec, folder, made = planned
    breaking = EngineSpec(name="fake", args={"raise_after": 20})
    with pytest.raises(ReasonbenchError):
        leak.plan_doses(
            msgspec.structs.replace(spec, bank=BankSpec(engine=breaking)),
            tmp_path,
            folder / "bank.jsonl",
            problems_of(spec),
            workers=1,
        )
    assert not (tmp_path / "leak" / "planted.json").exists()
    leak.plan_doses(spec, tmp_path, folder / "bank.jsonl", problems_of(spec), workers=1)
    assert read_planted(tmp_path) == read_planted(folder)
    for dose in made:
        assert dose_path(tmp_path, dose.dose).read_bytes() == dose.path.read_bytes()


def test_planted_rows_begin_with_the_system_message_of_the_bank(planned, tmp_path):
    spec, folder, _ = planned
    bank = msgspec.structs.replace(spec.bank, system_prompt="Think first.")
    *_, four = leak.plan_doses(
        msgspec.structs.replace(spec, bank=bank),
        tmp_path,
        folder / "bank.jsonl",
        problems_of(spec),
        workers=1,
    )
    for at in read_planted(tmp_path).rows["4"]:
        roles = [message["role"] for message in four.rows[at].messages]
        assert roles == ["system", "user"]
        assert four.rows[at].messages[0]["content"] == "Think first."


def test_another_seed_plants_other_items(planned, tmp_path):
    spec, folder, _ = planned
    other = msgspec.structs.replace(spec, leak=msgspec.structs.replace(spec.leak, seed=1))
    leak.plan_doses(other, tmp_path, folder / "bank.jsonl", problems_of(spec), workers=1)
    chosen = [{item.problem_id for item in read_planted(f).items} for f in (folder, tmp_path)]
    assert chosen[0] != chosen[1]


def test_an_item_without_a_correct_trace_is_neither_planted_nor_among_the_others(tmp_path):
    spec = study()
    engine = EngineSpec(name="fake", args={"mislabel": {"text": "I do not know."}})
    spec = msgspec.structs.replace(spec, bank=BankSpec(engine=engine))
    with pytest.raises(SpecError, match="solved none of the 12 items"):
        leak.plan_doses(
            spec, tmp_path, clean_file(tmp_path / "b.jsonl"), problems_of(spec), workers=1
        )


def test_one_that_the_teacher_never_solves_is_named_and_left_out(tmp_path):
    spec = study(tasks=("sums:4000,sums,0",), dose=(0, 1), share=0.002, classes=("verbatim",))
    made = leak.plan_doses(
        spec, tmp_path, clean_file(tmp_path / "b.jsonl"), problems_of(spec), workers=1
    )
    truth = read_planted(tmp_path)
    assert truth.without_trace
    assert len(truth.items) + len(truth.without_trace) == 8
    assert made[1].planted_rows == len(truth.items)


REFUSED = (
    (lambda s: msgspec.structs.replace(s, leak=None), "has no \\[leak\\]"),
    (
        lambda s: msgspec.structs.replace(s, arms=(*s.arms, StudyArm(name="b"))),
        "by one arm, got 2",
    ),
    (lambda s: with_leak(s, dose=(1, 4)), "must hold 0"),
    (lambda s: with_leak(s, dose=(0, 4, 4)), "no dose twice"),
    (lambda s: with_leak(s, detectors=("overlap",)), "'overlap' searches traces"),
    (lambda s: with_leak(s, share=0.01), "plants 0 of them"),
    (lambda s: with_leak(s, dose=(0, 16)), "take the place of 192 clean traces.*has 120"),
)


def with_leak(spec, **fields):
    return msgspec.structs.replace(spec, leak=msgspec.structs.replace(spec.leak, **fields))


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_cannot_be_planted_is_refused_before_the_teacher_is_loaded(change, said, tmp_path):
    spec = change(study())
    with pytest.raises(SpecError, match=said):
        leak.plan_doses(
            spec, tmp_path, clean_file(tmp_path / "b.jsonl"), problems_of(spec), workers=1
        )
    assert not (tmp_path / "leak").exists()


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="'verbatm'"):
        leak.refuse(with_leak(study(), classes=("verbatm",)))


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 8), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_mixing_replaces_so_many_rows_and_no_other(n_clean, n_items, dose, seed):
    n_clean = max(n_clean, n_items * dose + 1)
    clean = [
        TraceRow(f"bank/{i}", ({"role": "user", "content": f"q{i % 7}"},), f"clean {i}")
        for i in range(n_clean)
    ]
    plants = [(plant, f"trace {plant.item.id}") for plant in verbatim(n_items)]
    rows, places = leak.mixed(clean, plants, dose, seed)
    whole, _ = leak.mixed(clean, plants, 0, seed)
    assert len(rows) == n_clean
    assert len(set(places)) == len(places) == n_items * dose
    assert [row.completion for row in (rows[at] for at in places)] == [
        f"trace {i}" for _ in range(dose) for i in range(n_items)
    ]
    assert all(rows[at] == whole[at] for at in range(n_clean) if at not in places)
    assert sorted(row.completion for row in whole) == sorted(row.completion for row in clean)
    assert len({row.id for row in rows}) == n_clean


def verbatim(count):
    items = [Problem(task="t", id=str(i), statement=f"What is {i}?") for i in range(count)]

    def prompt(problem):
        message = Message(role="user", content=problem.statement)
        return Prompt(problem_id=problem.id, task="t", messages=(message,))

    return planting.plan_plants(items, prompt, (planting.PlantClass.VERBATIM,), seed=0)


@pytest.fixture(scope="module")
def countdown(tmp_path_factory):
    """Return doses that hold traces of the embedded teacher: folder, problems, doses."""
    folder = tmp_path_factory.mktemp("countdown")
    spec = study(
        tasks=("countdown_public",),
        dose=(0, 1),
        share=0.5,
        classes=("verbatim", "renumbered", "solution"),
    )
    spec = msgspec.structs.replace(spec, teacher=ModelSpec(id="embedded:teacher"), bank=BankSpec())
    problems = list(load_task("countdown_public").problems())
    asked = {problem.statement for problem in problems}
    rows = lines(EMBEDDED / "traces" / "student_traces.jsonl.zst")
    bank = folder / "bank.jsonl"
    bank.write_text(
        "".join(json.dumps(r) + "\n" for r in rows if r["messages"][0]["content"] not in asked),
        encoding="utf-8",
    )
    return folder, problems[:6], leak.plan_doses(spec, folder, bank, problems[:6], workers=1)


def test_the_teachers_traces_on_the_items_are_planted_and_they_are_right(countdown):
    folder, problems, (_, one) = countdown
    truth = read_planted(folder)
    by_id = {problem.id: problem for problem in problems}
    grader = plugins.GRADERS.load("countdown")
    for item, at in zip(truth.items, truth.rows["1"], strict=True):
        row, statement = one.rows[at], by_id[item.problem_id].statement
        asked = row.messages[-1]["content"]
        assert re.search(r"</think>\n\\boxed\{.+\}$", row.completion)
        assert (asked == statement) is (item.kind == "verbatim")
        if item.kind == "solution":
            assert asked in planting.NEUTRAL
        assert row.problem.task == "countdown_public"
        assert grader.grade(row.problem, completion(row)).verdict is Verdict.CORRECT


def completion(row):
    return Completion(
        key="k",
        task=row.problem.task,
        problem_id=row.problem.id,
        sample_index=0,
        text=row.completion,
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="e",
    )


def test_the_scan_finds_every_verbatim_plant_and_nothing_without_a_leak(countdown):
    folder, problems, planned = countdown
    truth = read_planted(folder)
    verbatim_ids = {item.problem_id for item in truth.items if item.kind == "verbatim"}
    planted_ids = {item.problem_id for item in truth.items}
    found = []
    for dose in planned:
        findings, _ = plugins.DETECTORS.load("overlap").detect(problems, [dose.path])
        found.append({f.problem_id for f in findings if f.status is FindingStatus.CONTAMINATED})
    assert found[0] == set()
    assert len(verbatim_ids) == 1
    assert verbatim_ids <= found[1] <= planted_ids
