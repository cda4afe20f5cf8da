"""Views of trace banks: what is kept, what is dropped and why, and that nothing is lost."""

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from bank_rows import bank, header, trace
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import SpecError, TraceError, UnknownNameError
from reasonbench.records import FinishReason, Message, Verdict
from reasonbench.resources import embedded_traces
from reasonbench.specs import BankSpec, EngineSpec, ModelSpec, SamplingSpec, TraceView
from reasonbench.training.bank import make_bank, read_bank
from reasonbench.training.bank_file import write_bank
from reasonbench.training.views import REASONS, row_of, rows_of

ALL = TraceView(correct_only=False, deduplicate=False)


def view(**fields):
    return msgspec.structs.replace(ALL, **fields)


def completions(rows):
    return [row.completion for row in rows]


def test_a_view_of_everything_is_the_bank_in_its_order(tmp_path):
    traces = [trace(i, j, f"{i}/{j}") for i in (2, 0, 1) for j in range(3)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], ALL)
    assert completions(rows) == [t.completion for t in traces]
    assert [row.problem for row in rows] == [t.problem for t in traces]
    assert rows[0].messages == ({"role": "user", "content": "What is 2 + 2?"},)
    assert len({row.id for row in rows}) == len(traces)
    assert dropped == {}


def test_only_what_the_grader_called_correct_and_the_rest_is_counted(tmp_path):
    traces = [trace(j, 0, str(j), verdict=v) for j, v in enumerate(Verdict)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], TraceView())
    assert completions(rows) == ["0"]
    assert dropped == {"ungraded": 1, "incorrect": 1}


def test_a_temperature_picks_its_traces_and_zero_the_greedy_ones(tmp_path):
    traces = [trace(0, 0, "g", temperature=0.0), trace(0, 0, "a"), trace(0, 1, "b")]
    path = bank(tmp_path / "b.parquet", traces)
    assert completions(rows_of([path], view(temperature=0))[0]) == ["g"]
    rows, dropped = rows_of([path], view(temperature=1))
    assert completions(rows) == ["a", "b"]
    assert dropped == {"temperature": 1}
    assert rows_of([path], view(temperature=0.5)) == ([], {"temperature": 3})


def test_the_lowest_sample_indices_stay_over_all_temperatures(tmp_path):
    traces = [trace(0, j, f"{t}/{j}", temperature=t) for t in (0.5, 1.0) for j in (2, 0, 1)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], view(per_problem=3))
    assert completions(rows) == ["0.5/0", "0.5/1", "1.0/0"]
    assert dropped == {"per_problem": 3}


def test_traces_a_problem_are_counted_after_all_else_was_left_out(tmp_path):
    texts = [("x", "incorrect"), ("y", "correct"), ("y", "correct"), ("z", "correct")]
    traces = [trace(0, j, text, verdict=v) for j, (text, v) in enumerate(texts)]
    spec = TraceView(per_problem=2)
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], spec)
    assert completions(rows) == ["y", "z"]
    assert dropped == {"incorrect": 1, "duplicate": 1}


def test_equal_traces_count_once_in_a_problem_and_not_over_problems(tmp_path):
    traces = [trace(0, 0), trace(0, 1), trace(1, 0), trace(0, 0, temperature=0.0)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], view(deduplicate=True))
    assert [row.problem.id for row in rows] == ["p0", "p1"]
    assert dropped == {"duplicate": 2}


def test_the_same_question_with_other_messages_is_no_duplicate(tmp_path):
    other = (Message(role="system", content="s"), *trace().messages)
    traces = [trace(0, 0), trace(0, 1, messages=other)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], view(deduplicate=True))
    assert [len(row.messages) for row in rows] == [1, 2]
    assert dropped == {}


def test_the_first_problems_are_those_of_the_bank_whatever_else_is_dropped(tmp_path):
    traces = [trace(i, verdict="incorrect" if i == 3 else "correct") for i in (3, 1, 2, 0)]
    rows, dropped = rows_of([bank(tmp_path / "b.parquet", traces)], TraceView(problems=2))
    assert [row.problem.id for row in rows] == ["p1"]
    assert dropped == {"problems": 2, "incorrect": 1}


def test_several_banks_are_one_after_another_and_one_named_twice_is_read_once(tmp_path):
    first = bank(tmp_path / "z.parquet", [trace(0, 0, "a")])
    second = bank(tmp_path / "a.parquet", [trace(0, 0, "b"), trace(0, 1, "a")])
    rows, _ = rows_of([first, second, first], ALL)
    assert completions(rows) == ["a", "b", "a"]
    rows, dropped = rows_of([first, second], view(deduplicate=True))
    assert completions(rows) == ["a", "b"]
    assert dropped == {"duplicate": 1}
    rows, _ = rows_of([tmp_path], ALL)
    assert completions(rows) == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("so\n</think>\n4", "<think>\nso\n</think>\n4"),
        ("so[/THINK]4", "[THINK]\nso[/THINK]4"),
        ("cut off", "<think>\ncut off"),
        ("<think>\nso</think>4", "<think>\nso</think>4"),
    ],
)
def test_a_thought_that_the_template_had_opened_gets_its_opening_back(text, whole):
    assert row_of(trace(text=text, thinking_prefilled=True)).completion == whole
    assert row_of(trace(text=text)).completion == text


def expected_reasons(traces, spec):
    """Say for each trace why it is dropped, None where it stays: by hand, one at a time."""
    reasons = {}
    order = list(dict.fromkeys(t.problem.id for t in traces))
    first = order[: spec.problems] if spec.problems is not None else order
    stay = defaultdict(list)
    for i, t in enumerate(traces):
        if t.problem.id not in first:
            reasons[i] = "problems"
        elif spec.temperature is not None and t.temperature != spec.temperature:
            reasons[i] = "temperature"
        elif spec.correct_only and t.verdict != "correct":
            reasons[i] = t.verdict.value
        else:
            stay[t.problem.id].append((t.sample_index, i))
    for found in stay.values():
        kept = []
        for _, i in sorted(found):
            before = [j for s, j in sorted(found) if (s, j) < (traces[i].sample_index, i)]
            earlier = {traces[j].completion for j in before}
            if spec.deduplicate and traces[i].completion in earlier:
                reasons[i] = "duplicate"
            elif spec.per_problem is not None and len(kept) >= spec.per_problem:
                reasons[i] = "per_problem"
            else:
                kept.append(i)
    return [reasons.get(i) for i in range(len(traces))]


some_traces = st.lists(
    st.builds(
        trace,
        number=st.integers(0, 3),
        index=st.integers(0, 3),
        text=st.sampled_from("abc"),
        temperature=st.sampled_from([0.0, 0.5, 1.0]),
        verdict=st.sampled_from([v.value for v in Verdict]),
        finish_reason=st.sampled_from(list(FinishReason)),
    ),
    max_size=30,
)
some_views = st.builds(
    TraceView,
    temperature=st.none() | st.sampled_from([0.0, 1.0, 0.7]),
    per_problem=st.none() | st.integers(1, 4),
    correct_only=st.booleans(),
    deduplicate=st.booleans(),
    problems=st.none() | st.integers(1, 4),
)


@settings(max_examples=80, deadline=None)
@given(some_traces, some_views, st.integers(0, 30))
def test_kept_and_dropped_are_the_rows_of_the_bank_each_for_its_reason(
    tmp_path_factory, traces, spec, cut
):
    folder = tmp_path_factory.mktemp("law")
    # two files, so that no reason may depend on where one ends
    paths = [
        bank(folder / f"{i}.parquet", part) for i, part in enumerate((traces[:cut], traces[cut:]))
    ]
    rows, dropped = rows_of(paths, spec)
    assert len(rows) + sum(dropped.values()) == len(traces)
    reasons = expected_reasons(traces, spec)
    assert dropped == Counter(r for r in reasons if r is not None)
    kept = [t for t, reason in zip(traces, reasons, strict=True) if reason is None]
    assert rows == [row_of(t) for t in kept]
    assert set(dropped) <= set(REASONS)
    assert rows_of(paths, spec) == (rows, dropped)


def embedded(path, **changes):
    """Sample 4 problems that are in no benchmark and 4 of the public one, 3 traces each."""
    policy = BankSpec(n=3, sampling=SamplingSpec(max_tokens=160), limit=4)
    policy = msgspec.structs.replace(policy, engine=EngineSpec(**changes))
    tasks = ("countdown_train", "countdown_public")
    return make_bank(ModelSpec(id="embedded:teacher"), tasks, policy, path, workers=1)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    path = tmp_path_factory.mktemp("sampled") / "bank.parquet"
    embedded(path)
    return path


def test_the_embedded_teacher_says_the_same_in_batches_of_any_size(sampled, tmp_path):
    again = embedded(tmp_path / "b.parquet", batch_size=5)
    assert again.digest == read_bank(sampled).summary.digest


def test_the_embedded_teacher_leaves_graded_traces_with_their_solution_paths(sampled):
    traces = list(read_bank(sampled).traces())
    assert len(traces) == 2 * 4 * 3
    right = [t for t in traces if t.verdict is Verdict.CORRECT]
    assert len(right) > len(traces) / 4
    assert all(t.answer and t.detail for t in right)
    assert all(t.problem.metadata["numbers"] for t in traces)
    assert {t.license for t in traces} == {"Apache-2.0"}
    assert all(len(t.weights_digest) == 32 for t in traces)


def test_rows_that_hold_an_item_are_dropped_as_contaminated_and_no_others(sampled):
    rows, dropped = rows_of([sampled], view(clean_against=("countdown_public",)))
    assert {row.problem.task for row in rows} == {"countdown_train"}
    assert (len(rows), dropped) == (12, {"contaminated": 12})


def test_what_is_contaminated_does_not_depend_on_the_rest_of_the_view(sampled):
    against = ("countdown_public",)
    for spec in (view(), TraceView(), view(temperature=1.0), view(per_problem=1)):
        whole, _ = rows_of([sampled], spec)
        rows, dropped = rows_of([sampled], msgspec.structs.replace(spec, clean_against=against))
        clean = [row for row in whole if row.problem.task == "countdown_train"]
        assert rows == clean
        assert len(rows) + sum(dropped.values()) == 24


def test_a_clean_bank_loses_nothing(sampled):
    rows, dropped = rows_of([sampled], view(clean_against=("countdown_heldout",)))
    assert (len(rows), dropped) == (24, {})


def test_a_target_and_the_problems_json_are_not_searched_since_nobody_is_trained_on_them(tmp_path):
    statement = (
        "A farmer walks 17 miles to the northern market, sells 23 striped melons for 6 dollars "
        "each and buys 4 goats; how many dollars are left if a goat costs 31 dollars?"
    )
    items = tmp_path / "items.jsonl"
    items.write_text(msgspec.json.encode({"id": "x", "question": statement}).decode() + "\n")
    hidden = msgspec.structs.replace(trace(0).problem, target=statement, metadata={"s": statement})
    said = trace(1, messages=(Message(role="user", content=statement),))
    shown = trace(2, text=f"The question is: {statement}")
    path = bank(tmp_path / "b.parquet", [trace(0, problem=hidden), said, shown, trace(3)])
    rows, dropped = rows_of([path], view(clean_against=(str(items),)))
    assert [row.problem.id for row in rows] == ["p0", "p3"]
    assert dropped == {"contaminated": 2}


def test_a_benchmark_that_is_not_known_is_refused(sampled):
    with pytest.raises(UnknownNameError, match="countdown_publik"):
        rows_of([sampled], view(clean_against=("countdown_publik",)))


FOREIGN = Path(embedded_traces())


def test_trace_files_know_no_grades_and_no_temperature():
    with pytest.raises(SpecError, match="nobody graded") as caught:
        rows_of([FOREIGN], TraceView())
    assert "correct_only = false" in caught.value.hint
    with pytest.raises(SpecError, match=r"view.temperature is 0\.5"):
        rows_of([FOREIGN], view(temperature=0.5))


def test_a_bank_beside_a_trace_file_is_refused_as_that_is(tmp_path):
    with pytest.raises(SpecError, match=FOREIGN.name):
        rows_of([bank(tmp_path / "b.parquet", [trace()]), FOREIGN], TraceView())


def test_trace_files_have_the_rest_of_a_view():
    rows, dropped = rows_of([FOREIGN], ALL)
    assert dropped == {}
    assert rows[0].id == f"{FOREIGN.name}:0"
    assert rows[0].problem is None
    n = len(rows)
    unique, dropped = rows_of([FOREIGN], view(deduplicate=True))
    assert len(unique) + dropped["duplicate"] == n
    one, dropped = rows_of([FOREIGN], view(per_problem=1, problems=5))
    assert len(one) == 5 == len({row.messages[0]["content"] for row in one})
    assert sum(dropped.values()) == n - 5


def test_the_shipped_students_traces_lose_what_was_planted_in_them():
    rows, dropped = rows_of([FOREIGN], view(clean_against=("countdown_public",)))
    assert dropped["contaminated"] == pytest.approx(480, abs=20)
    assert len(rows) + dropped["contaminated"] == len(rows_of([FOREIGN], ALL)[0])


def test_a_damaged_bank_is_an_error_and_no_smaller_view(tmp_path):
    path = bank(tmp_path / "b.parquet", [trace(i) for i in range(9)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match=r"b\.parquet cannot be read as Parquet"):
        rows_of([path], ALL)


def test_standard_input_is_refused():
    with pytest.raises(SpecError, match="read once only"):
        rows_of(["-"], ALL)


def test_an_empty_bank_gives_no_rows(tmp_path):
    write_bank(tmp_path / "b.parquet", header(), [])
    assert rows_of([tmp_path / "b.parquet"], view(clean_against=("countdown_public",))) == ([], {})
