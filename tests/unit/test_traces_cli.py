"""``reasonbench traces``: flags over a policy, the table, JSON, the dry run, and a scan of it."""

import json
import re
from pathlib import Path

import pytest
from bank_rows import bank, trace
from click.testing import CliRunner

from reasonbench.cli.scan import scan
from reasonbench.cli.traces import traces
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.records import Message
from reasonbench.specs import BankSpec, EngineSpec, SamplingSpec, TraceView
from reasonbench.tasks import resolve
from reasonbench.training.bank import read_bank
from reasonbench.training.views import rows_of

DOCS = Path(__file__).resolve().parents[2] / "docs" / "traces.md"
FAKE = ("--engine", "fake", "--max-tokens", "50")


def invoke(command, *arguments, code=0):
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(done.exception, ReasonbenchError):
        raise done.exception
    assert done.exit_code == code, (done.output, done.exception)
    return done


def policy_of(path):
    return read_bank(path).header.policy


@pytest.fixture
def out(tmp_path):
    return tmp_path / "bank.parquet"


def test_the_table_says_traces_problems_correct_and_tokens_by_temperature(out):
    done = invoke(
        traces, "m", "--task", "sums:4", "--greedy", "--temperature", "1", "-n", "3",
        "--out", out, *FAKE,
    )  # fmt: skip
    summary = read_bank(out).summary
    rows = [
        re.split(r"\s*│\s*", line.strip("│ ")) for line in done.stdout.splitlines() if "│" in line
    ]
    assert [row[:4] for row in rows] == [
        [f"{p.temperature:g}", f"{p.rows}", f"{p.problems}", f"{p.solved}"]
        for p in summary.by_temperature
    ] + [["all", "16", "4", f"{summary.solved}"]]
    assert rows[-1][4] == f"{summary.correct} ({summary.correct / 16:.1%})"
    assert rows[-1][7] == f"{summary.tokens}"
    assert summary.digest in done.stdout
    assert str(out.with_suffix(".runs")) in done.stderr


def test_json_is_the_summary_alone(out):
    arguments = ("m", "--task", "sums:4", "-n", "2", "--out", out, *FAKE, "--format", "json")
    found = json.loads(invoke(traces, *arguments).stdout)
    assert (found["rows"], found["problems"]) == (8, 4)
    assert found["digest"] == read_bank(out).summary.digest
    assert [part["temperature"] for part in found["by_temperature"]] == [1.0]


def test_flags_win_over_the_policy_which_wins_over_the_defaults(tmp_path, out):
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'n = 5\ntemperatures = [0.5]\nlimit = 3\nsystem_prompt = "s"\n'
        '[engine]\nname = "fake"\nbatch_size = 4\n[sampling]\nmax_tokens = 40\ntop_p = 0.9\n'
    )
    arguments = ("m", "--task", "sums:4", "--policy", policy, "--out", out)
    invoke(traces, *arguments)
    assert policy_of(out) == BankSpec(
        n=5,
        temperatures=(0.5,),
        limit=3,
        system_prompt="s",
        engine=EngineSpec(name="fake", batch_size=4),
        sampling=SamplingSpec(max_tokens=40, top_p=0.9),
    )
    invoke(traces, *arguments, "-n", "2", "--temperature", "1", "--top-p", "1", "--limit", "2")
    found = policy_of(out)
    assert (found.n, found.temperatures, found.limit) == (2, (1.0,), 2)
    assert found.sampling == SamplingSpec(max_tokens=40, top_p=1.0)
    assert found.engine.batch_size == 4


def test_greedy_alone_is_one_trace_a_problem_at_temperature_0(out):
    invoke(traces, "m", "--task", "sums:4", "--greedy", "--out", out, *FAKE)
    assert policy_of(out).temperatures == (0.0,)
    assert read_bank(out).summary.rows == 4


def test_a_preset_gives_the_temperature_where_nothing_else_does(out):
    done = invoke(
        traces, "m", "--task", "sums:1", "--preset", "r1-distill", "--out", out,
        "--engine", "fake", "--max-tokens", "50", "-n", "1",
    )  # fmt: skip
    found = policy_of(out)
    assert (found.temperatures, found.sampling.top_p) == ((0.6,), 0.95)
    assert "r1-distill" in done.stderr
    invoke(
        traces, "m", "--task", "sums:1", "--preset", "r1-distill", "--temperature", "1",
        "--out", out, "--engine", "fake", "--max-tokens", "50", "-n", "1",
    )  # fmt: skip
    assert policy_of(out).temperatures == (1.0,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("temperature = 1.0\n", "has no key 'temperature'"),
        ('[model]\nid = "other"\n', "has no key 'model'"),
        ("n = 0\n", "n must be a whole number of at least 1, got 0"),
        ("temperatures = []\n", "temperatures must be a list"),
        ("temperatures = [-1.0]\n", "must be a float"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_the_file_and_the_key(tmp_path, out, text, said):
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    with pytest.raises(SpecError, match=said) as caught:
        invoke(traces, "m", "--task", "sums:4", "--policy", policy, "--out", out, *FAKE)
    assert str(policy) in caught.value.message
    assert not out.exists()


def test_a_dry_run_says_what_would_be_drawn_and_writes_nothing(tmp_path, out):
    arguments = ("m", "--task", "sums:4", "--greedy", "--temperature", "1", "-n", "3", "--out", out)
    done = invoke(traces, *arguments, *FAKE, "--dry-run")
    assert "to draw" in done.stdout
    assert re.search(r"│ 1 +│ 4 +│ 12 +│ 0 +│ 12 +│ 600 +│", done.stdout)
    found = json.loads(invoke(traces, *arguments, *FAKE, "--dry-run", "--format", "json").stdout)
    assert [part["to_draw"] for part in found["by_temperature"]] == [12, 4]
    assert list(tmp_path.iterdir()) == []
    quick = invoke(traces, *arguments, *FAKE, "--dry-run", "--no-probe", "--format", "json")
    assert json.loads(quick.stdout)["tokens_per_second"] is None


def test_a_task_and_an_out_must_be_named(out):
    assert "--task" in invoke(traces, "m", "--out", out, code=2).output
    assert "--out" in invoke(traces, "m", "--task", "sums", code=2).output
    assert "--dry-run" in invoke(traces, "m", "-t", "s", "--out", out, "--no-probe", code=2).output


def benchmark_bank(path, problems):
    """Write a bank with two traces of each problem of the public benchmark."""
    rows = [
        trace(
            i, j, f"<think>\ntry {i} and {j}\n</think>\n\\boxed{{{p.target}}}", problem=p,
            messages=(Message(role="user", content=p.statement),), answer=p.target, detail=p.target,
        )
        for i, p in enumerate(problems)
        for j in range(2)
    ]  # fmt: skip
    return bank(path, rows)


def test_a_scan_of_a_bank_finds_each_item_in_its_prompt(tmp_path, out):
    public = list(resolve("countdown_public").problems())[:20]
    unseen = list(resolve("countdown_train").problems())[:20]
    path = benchmark_bank(out, [*unseen, *public])
    state = ("--state", tmp_path / "state", "--workers", "1")
    arguments = (path, "--against", "countdown_public", *state, "--format", "json")
    for fields in ((), ("--fields", "prompt=messages.content,trace=completion")):
        done = invoke(scan, *arguments, *fields)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        sure = [f for f in found if f["status"] == "contaminated"]
        assert {f["item"] for f in sure} == {problem.id for problem in public}
        assert {f["row"] for f in sure} == set(range(40, 80))
        assert {f["channel"] for f in sure} == {"prompt"}
        assert {f["spans"][0]["field"] for f in sure} == {"messages[0].content"}


def test_a_scan_and_a_view_call_the_same_rows_contaminated(tmp_path, out):
    public = list(resolve("countdown_public").problems())[:9]
    unseen = list(resolve("countdown_train").problems())[:9]
    path = benchmark_bank(out, [p for pair in zip(unseen, public, strict=True) for p in pair])
    done = invoke(
        scan, path, "--against", "countdown_public", "--state", tmp_path / "state",
        "--workers", "1", "--format", "json",
        "--fields", "prompt=messages.content,trace=completion",
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {line["row"] for line in lines if line["status"] == "contaminated"}
    spec = TraceView(deduplicate=False, clean_against=("countdown_public",))
    rows, dropped = rows_of([path], spec)
    assert dropped == {"contaminated": len(found)}
    kept = [t.completion for i, t in enumerate(read_bank(path).traces()) if i not in found]
    assert [row.completion for row in rows] == kept


def test_the_page_names_every_column_flag_and_reason():
    from reasonbench.training.bank_file import SCHEMA
    from reasonbench.training.views import REASONS

    text = DOCS.read_text()
    for name in (
        *SCHEMA.names,
        *REASONS,
        *TraceView.__struct_fields__,
        *BankSpec.__struct_fields__,
    ):
        assert f"`{name}`" in text, name
