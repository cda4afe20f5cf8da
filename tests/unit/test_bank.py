"""Trace banks: what is in the file, that it is the same each time, and what is refused."""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bank_rows import NOON, bank, header, trace
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import EngineError, ReasonbenchError, SpecError, TraceError
from reasonbench.records import Message, Problem, Prompt, Verdict
from reasonbench.specs import BankSpec, EngineSpec, ModelSpec, SamplingSpec, TaskSpec
from reasonbench.store import Store
from reasonbench.training import bank_file
from reasonbench.training.bank import _prompts, make_bank, read_bank, run_folder, run_specs
from reasonbench.training.bank_cost import bank_cost
from reasonbench.training.bank_file import HEADER, SCHEMA, is_bank, write_bank

TASKS = ("sums:4", "sums:3,other,10")


def policy(n=3, temperatures=(0.0, 1.0), batch_size=6, **args):
    return BankSpec(
        n=n,
        temperatures=temperatures,
        sampling=SamplingSpec(max_tokens=50),
        engine=EngineSpec(name="fake", batch_size=batch_size, args=args),
    )


def make(path, spec=None, tasks=TASKS, **options):
    return make_bank(ModelSpec(id="m"), tasks, spec or policy(), path, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "bank.parquet"
    return make(path, command=("reasonbench", "traces", "m"))


@pytest.fixture(scope="module")
def traces(made):
    return list(read_bank(Path(made.path)).traces())


def test_rows_come_by_task_problem_temperature_and_sample_index(traces):
    expected = [
        (task, f"{i:03d}", t, j)
        for task, ids in (("sums", range(4)), ("other", range(10, 13)))
        for i in ids
        for t, n in ((0.0, 1), (1.0, 3))
        for j in range(n)
    ]
    found = [(t.problem.task, t.problem.id, t.temperature, t.sample_index) for t in traces]
    assert found == expected


def test_the_summary_counts_the_rows(made, traces):
    assert (made.rows, made.problems) == (len(traces), 7)
    assert made.correct == sum(t.verdict is Verdict.CORRECT for t in traces)
    assert made.tokens == sum(t.n_tokens for t in traces)
    assert [part.temperature for part in made.by_temperature] == [0.0, 1.0]
    for part in made.by_temperature:
        mine = [t for t in traces if t.temperature == part.temperature]
        right = [t for t in mine if t.verdict is Verdict.CORRECT]
        assert (part.rows, part.problems, part.correct) == (len(mine), 7, len(right))
        assert part.solved == len({(t.problem.task, t.problem.id) for t in right})
        assert part.tokens == sum(t.n_tokens for t in mine)
    assert read_bank(Path(made.path)).summary == made


def test_a_row_holds_what_its_run_directory_holds(made, traces):
    mine = {t.key: t for t in traces if t.temperature == 1.0}
    with Store.read(run_folder(Path(made.path), 1.0)) as store:
        plan = store.latest_plan()
        drawn = list(store.completions(plan.digest()))
        graders = dict.fromkeys(plan.graders, traces[0].grader)
        grades = {g.key: g for g, _ in store.grades(plan.digest(), graders)}
    assert len(drawn) == len(mine) == len(grades)
    for problem, completion in drawn:
        row, grade = mine[completion.key], grades[completion.key]
        assert row.problem == problem
        assert row.messages == (Message(role="user", content=problem.statement),)
        assert row.completion == completion.text
        assert (row.seed, row.n_tokens) == (completion.seed, completion.n_tokens)
        assert (row.verdict, row.reason, row.answer) == (grade.verdict, grade.reason, grade.answer)
        assert (row.teacher, row.weights_digest) == ("m", "w" * 32)
        assert (row.engine, row.sampling) == (plan.engine, plan.sampling)


def test_the_header_says_how_to_make_it_again(made):
    found = read_bank(Path(made.path)).header
    assert found.teacher == ModelSpec(id="m")
    assert found.policy == policy()
    assert found.command == ("reasonbench", "traces", "m")
    assert found.versions["reasonbench"]
    assert [task.name for task in found.tasks] == ["sums", "other"]
    assert [run.directory for run in found.runs] == ["bank.runs/T0.0", "bank.runs/T1.0"]
    assert all(run.sessions and run.graders for run in found.runs)


def test_the_same_inputs_give_the_same_content_whatever_the_batch_and_workers(tmp_path, made):
    other = make(tmp_path / "b.parquet", policy(batch_size=1, wrong_last=True), workers=2)
    assert other.digest == made.digest
    assert other.by_temperature == made.by_temperature


def test_the_command_again_draws_nothing_and_gives_the_same_content(tmp_path):
    path = tmp_path / "b.parquet"
    first = make(path)
    again = make(path, policy(raise_after=0))
    assert again == first


def test_what_was_drawn_before_an_end_is_kept(tmp_path, made):
    path = tmp_path / "b.parquet"
    with pytest.raises(ReasonbenchError):
        make(path, policy(raise_after=9, batch_size=1))
    assert not path.exists()
    with Store.read(run_folder(path, 1.0)) as store:
        kept = len(store.present(store.latest_plan().digest()))
    assert 0 < kept < 21
    assert make(path).digest == made.digest


def test_a_bank_that_was_killed_goes_on(tmp_path, made):
    path = tmp_path / "b.parquet"
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; import test_bank\n"
        "test_bank.make(Path(sys.argv[1]), test_bank.policy(kill_after=8, batch_size=1))"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, str(path), here], check=False, timeout=120)
    assert done.returncode == -9
    assert not path.exists()
    assert run_folder(path, 0.0).is_dir()
    assert make(path).digest == made.digest


def test_a_larger_n_tops_up_and_keeps_the_first_traces(tmp_path):
    path = tmp_path / "b.parquet"
    make(path, policy(n=2))
    before = {t.key: t for t in read_bank(path).traces()}
    make(path, policy(n=4))
    after = {t.key: t for t in read_bank(path).traces()}
    assert len(after) == len(before) + 2 * 7
    assert {key: after[key] for key in before} == before


def test_traces_that_are_owed_make_no_bank(tmp_path):
    path = tmp_path / "b.parquet"
    with pytest.raises(EngineError, match=r"7 traces are not drawn.*no answer") as caught:
        make(path, policy(temperatures=(1.0,), fail_at=[1]))
    assert "goes on" in caught.value.hint
    assert not path.exists()
    assert make(path, policy(temperatures=(1.0,))).rows == 21


def test_a_system_prompt_stands_in_the_messages(tmp_path):
    path = tmp_path / "b.parquet"
    spec = msgspec.structs.replace(policy(temperatures=(0.0,)), system_prompt="Be brief.")
    make(path, spec, tasks=("sums:1",))
    (row,) = read_bank(path).traces()
    assert [(m.role, m.content) for m in row.messages] == [
        ("system", "Be brief."),
        ("user", row.problem.statement),
    ]


@pytest.mark.parametrize(
    ("spec", "tasks", "said"),
    [
        (policy(temperatures=(1.0, 0.5, 1.0)), TASKS, "names 1 twice"),
        (policy(temperatures=(0.0, -0.0)), TASKS, "names 0 twice"),
        (policy(temperatures=(101.0,)), TASKS, "between 0 and 100, got 101"),
        (policy(temperatures=(float("nan"),)), TASKS, "between 0 and 100, got nan"),
        (policy(), (), "no task is named"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_anything_is_loaded(
    tmp_path, spec, tasks, said
):
    with pytest.raises(SpecError, match=said):
        make(tmp_path / "b.parquet", spec, tasks)
    assert not list(tmp_path.iterdir())


def test_greedy_is_one_trace_a_problem():
    assert [
        (s.sampling.temperature, s.n) for s in run_specs(ModelSpec(id="m"), ("a",), policy())
    ] == [
        (0.0, 1),
        (1.0, 3),
    ]


class Asking:
    """A task of one problem that sends what it is told to."""

    spec = TaskSpec(name="odd")

    def __init__(self, **sent):
        self._sent = sent

    def problems(self):
        yield Problem(task="odd", id="1", statement="q")

    def prompt(self, problem):
        return Prompt(problem_id=problem.id, task="odd", **self._sent)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"text": "q"}, "task 'odd' sends plain text"),
        (
            {
                "messages": (
                    Message(role="user", content="q"),
                    Message(role="assistant", content="a"),
                )
            },
            "task 'odd' sends no question last",
        ),
    ],
)
def test_a_prompt_that_no_chat_is_trained_on_is_refused(sent, said):
    with pytest.raises(SpecError, match=said):
        _prompts([Asking(**sent)], policy())


@pytest.mark.parametrize("name", ["bank.jsonl", "bank"])
def test_a_bank_must_be_called_a_parquet_file(tmp_path, name):
    with pytest.raises(SpecError, match="does not end in"):
        make(tmp_path / name)


@pytest.mark.parametrize("content", [b"not parquet at all", None])
def test_a_file_that_is_no_bank_is_not_written_over(tmp_path, content):
    path = tmp_path / "b.parquet"
    if content is None:
        pq.write_table(pa.table({"a": [1]}), path)
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(SpecError, match="is no bank of traces, so it is left alone"):
        make(path)
    assert path.read_bytes() == before


def test_a_dry_run_counts_what_is_there_and_writes_nothing(tmp_path):
    path = tmp_path / "b.parquet"
    make(path, policy(n=2, temperatures=(1.0,)))
    before = sorted(p for p in tmp_path.rglob("*"))
    cost = bank_cost(ModelSpec(id="m"), TASKS, policy(), path)
    assert [(c.temperature, c.problems, c.traces, c.stored) for c in cost.by_temperature] == [
        (0.0, 7, 7, 0),
        (1.0, 7, 21, 14),
    ]
    assert (cost.to_draw, cost.worst_case_tokens) == (14, 14 * 50)
    assert cost.mean_stored_tokens == 7
    assert cost.likely_seconds == pytest.approx(14 * 7 / cost.tokens_per_second)
    assert sorted(p for p in tmp_path.rglob("*")) == before


def test_the_time_does_not_count_for_the_digest_and_everything_else_does(tmp_path):
    later = trace(drawn_at=NOON + datetime.timedelta(days=9))
    digests = {
        name: write_bank(tmp_path / f"{name}.parquet", header(), [row]).digest
        for name, row in {
            "first": trace(),
            "later": later,
            "text": trace(text="other"),
            "verdict": trace(verdict="incorrect"),
            "target": trace(problem=msgspec.structs.replace(trace().problem, target="5")),
        }.items()
    }
    assert digests.pop("later") == digests["first"]
    assert len(set(digests.values())) == len(digests)


texts = st.text(st.characters(), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            trace,
            number=st.integers(0, 3),
            index=st.integers(0, 9),
            text=texts,
            temperature=st.floats(0, 100),
            verdict=st.sampled_from(list(Verdict)),
            answer=st.none() | texts,
            detail=texts,
            seed=st.integers(0, 2**40),
            published=st.none() | st.dates(),
            problem=st.builds(
                Problem,
                task=texts,
                id=texts,
                statement=texts,
                target=st.none() | texts,
                metadata=st.dictionaries(texts, st.integers(-(2**60), 2**60) | texts, max_size=3),
            ),
        ),
        max_size=5,
    )
)
def test_what_is_read_is_what_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("law") / "b.parquet"
    summary = write_bank(path, header(), rows)
    found = read_bank(path)
    assert list(found.traces()) == [bank_file.wellformed(row) for row in rows]
    assert found.summary == summary


def test_a_lone_surrogate_becomes_a_replacement_character(tmp_path):
    path = bank(tmp_path / "b.parquet", [trace(text="a\ud800b")])
    (row,) = read_bank(path).traces()
    assert row.completion == "a\ufffdb"


def test_row_groups_do_not_change_the_content(tmp_path, monkeypatch):
    rows = [trace(i, j) for i in range(5) for j in range(3)]
    one = write_bank(tmp_path / "one.parquet", header(), rows)
    monkeypatch.setattr(bank_file, "GROUP_ROWS", 4)
    many = write_bank(tmp_path / "many.parquet", header(), rows)
    assert pq.ParquetFile(tmp_path / "many.parquet").num_row_groups == 4
    assert many.digest == one.digest
    assert list(read_bank(tmp_path / "many.parquet").traces()) == rows


def test_a_write_that_fails_leaves_nothing_and_an_old_bank_alone(tmp_path):
    path = bank(tmp_path / "b.parquet", [trace()])
    before = path.read_bytes()

    def failing():
        yield trace(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(TraceError, match="cannot be written: No space left on device"):
        write_bank(path, header(), failing())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def rewritten(path, out, change):
    """Write a bank's table again, changed, with its own header."""
    table = pq.read_table(path)
    found = pq.ParquetFile(path).metadata.metadata[HEADER]
    table, found = change(table, found)
    with pq.ParquetWriter(out, table.schema) as writer:
        writer.write_table(table)
        if found is not None:
            writer.add_key_value_metadata({HEADER: found})
    return out


def with_column(name, values, kind=None):
    def change(table, found):
        column = pa.array(values, kind or SCHEMA.field(name).type)
        return table.set_column(table.schema.get_field_index(name), name, column), found

    return change


def with_header(**fields):
    return lambda table, found: (table, json.dumps(json.loads(found) | fields).encode())


PROBLEM = msgspec.json.encode(trace(1).problem)
HOSTILE = {
    "no column": (lambda t, h: (t.drop_columns(["verdict"]), h), "has no column verdict"),
    "column type": (with_column("seed", ["1", "2"], pa.string()), "column seed .* is string, not"),
    "null text": (with_column("completion", ["a", None]), "row 1: the column completion is null"),
    "null key": (with_column("key", [None, "k"]), "row 0: the column key is null"),
    "null problem": (with_column("problem", [None, PROBLEM]), "row 0: the column problem is null"),
    "broken problem": (
        with_column("problem", [msgspec.json.encode(trace().problem), b"{"]),
        "row 1: the column problem holds no Problem",
    ),
    "deep problem": (
        with_column("problem", [b'{"metadata":' * 20_000, PROBLEM]),
        "row 0: the column problem holds no Problem",
    ),
    "another problem": (
        with_column("problem_id", ["p0", "p0"]),
        "row 1: the column problem_id is not what the problem's JSON says",
    ),
    "verdict": (with_column("verdict", ["correct", "yes"]), "row 1: verdict: .*'yes'"),
    "no messages": (with_column("messages", [[], []]), "row 0: messages"),
    "null role": (
        with_column("messages", [[{"role": None, "content": "x"}]] * 2),
        r"row 0: the column messages\[0\].role is null",
    ),
    "infinite": (with_column("temperature", [1.0, float("inf")]), "row 1: the temperature is inf"),
    "nan": (with_column("temperature", [float("nan"), 1.0]), "row 0: temperature: "),
    "negative": (with_column("n_tokens", [-1, 2]), "row 0: n_tokens: "),
    "engine": (with_column("engine", [b"[]", b"[]"]), "row 0: the column engine holds no Engine"),
    "not utf-8": (
        lambda t, h: (
            t.set_column(1, "completion", pa.array([b"a", b"\xff"], pa.binary()).view(pa.string())),
            h,
        ),
        "row 1: holds text that is not UTF-8",
    ),
    "changed text": (with_column("completion", ["a", "b"]), "were changed after it was written"),
    "fewer rows": (lambda t, h: (t.slice(0, 1), h), "holds 1 rows, and its header speaks of 2"),
    "no header": (lambda t, h: (t, None), "is no bank of traces"),
    "broken header": (lambda t, h: (t, b"{"), "the header of .* cannot be read"),
    "deep header": (lambda t, h: (t, b"[" * 20_000), "the header of .* cannot be read"),
    "binary header": (lambda t, h: (t, b"\xff"), "the header of .* cannot be read"),
    "unknown field": (with_header(extra=1), "the header of .* cannot be read"),
    "newer schema": (with_header(schema_version=2, extra=1), "of schema 2, and .* reads schema 1"),
    "no summary": (with_header(summary=None), "its header speaks of no rows"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bank_ends_in_one_sentence_with_the_file(tmp_path, name):
    change, said = HOSTILE[name]
    honest = bank(tmp_path / "honest.parquet", [trace(0), trace(1)])
    path = rewritten(honest, tmp_path / "hostile.parquet", change)
    with pytest.raises(TraceError, match=said) as caught:
        list(read_bank(path).traces())
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


def test_a_rewritten_bank_with_nothing_changed_is_read(tmp_path):
    honest = bank(tmp_path / "honest.parquet", [trace(0), trace(1)])
    path = rewritten(honest, tmp_path / "again.parquet", lambda t, h: (t, h))
    assert list(read_bank(path).traces()) == [trace(0), trace(1)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_bank_that_is_cut_or_damaged_anywhere_is_an_error_or_read_as_it_was(
    tmp_path_factory, data
):
    folder = tmp_path_factory.mktemp("cut")
    rows = [trace(i, text=f"text {i} " * 20) for i in range(6)]
    whole = bank(folder / "whole.parquet", rows).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at]
    if data.draw(st.booleans()):
        damaged = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    path = folder / "damaged.parquet"
    path.write_bytes(damaged)
    try:
        found = list(read_bank(path).traces())
    except TraceError as error:
        assert str(path) in error.message
    else:
        assert [msgspec.structs.replace(t, drawn_at=NOON) for t in found] == rows


def test_a_missing_file_and_a_folder_are_said_to_be_so(tmp_path):
    with pytest.raises(TraceError, match="there is no bank at"):
        read_bank(tmp_path / "no.parquet")
    with pytest.raises(TraceError, match="cannot be read"):
        read_bank(tmp_path)


def test_other_parquet_files_are_no_banks(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    assert not is_bank(tmp_path / "a.parquet")
    assert is_bank(bank(tmp_path / "b.parquet", [trace()]))
