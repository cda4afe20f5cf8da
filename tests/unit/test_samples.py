"""Completions that are picked, put in order and shown, whatever text they hold."""

import itertools
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from exported_runs import make, patchy
from hypothesis import given
from hypothesis import strategies as st
from validity_runs import Drawn, honest

from reasonbench.audit import AUDIT_FILE, run_audit
from reasonbench.beside import grade_beside
from reasonbench.cli.samples import MARKS, _marked, samples
from reasonbench.errors import MissingDependencyError, ReasonbenchError, SpecError, UnknownNameError
from reasonbench.records import FinishReason, Verdict
from reasonbench.samples import Filter, Samples, _characters, answer_spans, length
from reasonbench.serving import serve
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec


def pick(directory, *, sort="index", limit=None, **wanted):
    with Samples.open(directory) as opened:
        return list(opened.pick(Filter(**wanted), sort=sort, limit=limit))


def places(picked):
    return [(p.completion.task, p.problem.id, p.completion.sample_index) for p in picked]


def run_cli(*arguments, code=0):
    done = CliRunner().invoke(samples, [str(a) for a in arguments])
    if isinstance(done.exception, ReasonbenchError):
        raise done.exception
    assert done.exit_code == code, (done.output, done.exception)
    return done


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    return make(tmp_path_factory.mktemp("patched") / "r", patchy, tasks=("a", "b"))


def test_without_a_filter_everything_comes_in_the_runs_order(patched):
    expected = [(t, f"p{i:03d}", j) for t in ("a", "b") for i in range(4) for j in range(7)]
    assert places(pick(patched)) == expected
    assert places(pick(patched, limit=3)) == expected[:3]


@pytest.mark.parametrize(
    ("wanted", "test"),
    [
        ({"task": "b"}, lambda p: p.completion.task == "b"),
        ({"problem": "p002"}, lambda p: p.problem.id == "p002"),
        ({"verdict": Verdict.CORRECT}, lambda p: p.grade and p.grade.verdict == "correct"),
        ({"verdict": Verdict.INCORRECT}, lambda p: p.grade and p.grade.verdict == "incorrect"),
        ({"verdict": Verdict.UNGRADED}, lambda p: p.completion.sample_index in (5, 6)),
        ({"reason": "truncated"}, lambda p: p.completion.sample_index == 3),
        ({"truncated": True}, lambda p: p.completion.finish_reason is FinishReason.LENGTH),
        (
            {"truncated": True, "task": "a", "problem": "p001"},
            lambda p: places([p]) == [("a", "p001", 3)],
        ),
    ],
)
def test_a_filter_lets_pass_exactly_what_it_names(patched, wanted, test):
    everything = pick(patched)
    expected = places([p for p in everything if test(p)])
    assert places(pick(patched, **wanted)) == expected
    assert 0 < len(expected) < len(everything)


@pytest.mark.parametrize("limit", [None, 1, 5, 1000])
def test_sorting_by_length_is_that_of_a_full_sort(tmp_path, limit):
    directory = make(tmp_path / "r", count=20)
    everything = pick(directory)
    for sort, reverse in (("longest", True), ("shortest", False)):
        found = pick(directory, sort=sort, limit=limit)
        ordered = sorted(everything, key=lambda p: length(p.completion), reverse=reverse)
        assert places(found) == places(ordered[:limit])
        assert all(p.completion.text for p in found)
        assert all(p.grade.key == p.completion.key for p in found)


def test_lengths_are_characters_where_nobody_counted_tokens(tmp_path):
    directory = make(tmp_path / "r", lambda p, i: Drawn(n_tokens=0, text="x" * (i + 1)), count=1)
    assert [p.completion.sample_index for p in pick(directory, sort="longest", limit=2)] == [7, 6]


def test_names_that_are_not_in_the_run_are_refused(patched):
    with pytest.raises(UnknownNameError, match="task in this run named 'c'"):
        pick(patched, task="c")
    with pytest.raises(UnknownNameError, match="problem in this run named 'p00'") as refused:
        pick(patched, problem="p00")
    assert "did you mean" in refused.value.hint
    with pytest.raises(SpecError, match="it has no audit"):
        pick(patched, contaminated=True)
    with pytest.raises(SpecError, match="one grader only"):
        pick(patched, disagreement=True)


def test_graders_that_disagree_are_found_in_each_task(tmp_path):
    """The tasks swap graders, so that each one's own grader is the other's second opinion."""
    spelt = lambda p, i: Drawn(  # noqa: E731
        text=f"\\boxed{{{p.target}.0}}" if i == 1 else f"\\boxed{{{p.target}}}",
        verdict=Verdict.INCORRECT if i == 1 else Verdict.CORRECT,
        reason="wrong" if i == 1 else "ok",
        answer=f"{p.target}.0" if i == 1 else p.target,
    )
    directory = make(tmp_path / "r", spelt, tasks=("a", "b"), count=2, n=2)
    grade_beside(directory, "math")
    found = pick(directory, disagreement=True)
    assert places(found) == [(t, f"p00{i}", 1) for t in ("a", "b") for i in (0, 1)]
    assert [g.verdict for g in found[0].others] == ["correct"]
    shown = run_cli(directory, "--disagreement").stdout
    assert "graders disagree" in shown and "math/" in shown


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    text = "What do you get when you add the number 2 to the number 4?"
    (folder / "t.jsonl").write_text(json.dumps({"text": text}) + "\n")
    spec = AuditSpec(
        model=ModelSpec(id="m"),
        public=("sums:4",),
        traces=(str(folder / "t.jsonl"),),
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=10),
        n=2,
    )
    run_audit(spec, folder / "r")
    return folder / "r"


def test_what_the_audit_found_is_marked_in_the_statement(audited):
    found = pick(audited, contaminated=True)
    assert {p.problem.id for p in found} == {"002"} and len(found) == 2
    ((start, end),) = found[0].spans
    statement = found[0].problem.statement
    assert "add the number 2 to the number 4" in statement[start:end]
    shown = run_cli(audited, "--contaminated").stdout
    assert f"{MARKS[0]}{statement[start:end]}{MARKS[1]}" in shown
    assert "contaminated" in shown
    assert all(not p.spans and not p.contaminated for p in pick(audited, problem="000"))


def test_an_audit_that_cannot_be_read_is_said_and_the_rest_works(tmp_path):
    directory = make(tmp_path / "r", count=1)
    (directory / AUDIT_FILE).write_text("{}")
    done = run_cli(directory)
    assert "the audit is not used" in done.stderr and "p000" in done.stdout
    with pytest.raises(SpecError, match="its audit cannot be used"):
        pick(directory, contaminated=True)


@given(st.text(), st.lists(st.tuples(st.integers(-2, 40), st.integers(-2, 40)), max_size=4))
def test_spans_of_bytes_become_spans_of_characters_in_order(text, spans):
    found = _characters(text, spans)
    assert all(0 <= start <= end <= len(text) for start, end in found)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(found))
    shown = _marked(text, found, {"bold": True})
    assert shown.count(MARKS[0]) == len(found) + text.count(MARKS[0])


def test_spans_that_touch_or_overlap_are_one():
    assert _characters("abcdefgh", [(4, 6), (0, 2), (2, 3), (5, 7), (4, 5)]) == ((0, 3), (4, 7))
    assert _characters("abc", [(-1, 2), (2, 9), (2, 1)]) == ()


def test_spans_are_of_bytes_in_utf8():
    text = "\u00e9\u00e8 x \U0001f600 y"
    at = len("\u00e9\u00e8 ".encode())
    ((start, end),) = _characters(text, [(at, at + len("x \U0001f600".encode()))])
    assert text[start:end] == "x \U0001f600"


@pytest.mark.parametrize(
    ("text", "answer", "marked"),
    [
        ("<think>\n7\n</think>\n7 or so: \\boxed{7}.", "7", ["7"]),
        ("x = \\boxed{1} or \\boxed{2}", "1, 2", ["1", "2"]),
        ("the set is \\boxed{1, 2}", "1, 2", ["1, 2"]),
        ("<think>\n7", None, []),
        ("nothing of the kind", "42", []),
    ],
)
def test_the_answer_is_marked_where_it_stands_last(tmp_path, text, answer, marked):
    directory = make(tmp_path / "r", lambda p, i: Drawn(text=text, answer=answer), count=1, n=1)
    (picked,) = pick(directory)
    spans = answer_spans(picked)
    assert [text[start:end] for start, end in spans] == marked
    assert all(start == text.rfind(text[start:end]) for start, end in spans)
    shown = run_cli(directory).stdout
    for part in marked:
        assert f"{MARKS[0]}{part}{MARKS[1]}" in shown
    assert ("does not stand in the text" in shown) is (answer == "42")


def test_thinking_is_folded_unless_it_is_asked_for(tmp_path):
    directory = make(tmp_path / "r", lambda p, i: Drawn(), count=1, n=1)
    folded = run_cli(directory).stdout
    assert "thinking: 14 characters, folded" in folded and "some thought" not in folded
    assert "some thought" in run_cli(directory, "--thinking").stdout


HOSTILE = "\x1b]0;title\x07\x1b[2J \u202eright to left \u200b\r\x08 \ud800 \\boxed{\x1b[31m7}"


def test_hostile_text_shows_and_does_nothing(tmp_path):
    drawn = Drawn(text=f"<think>{HOSTILE}</think>{HOSTILE}", answer="\x1b[31m7")
    directory = make(tmp_path / "r", lambda p, i: drawn, count=1, n=1)
    shown = run_cli(directory, "--thinking").stdout
    assert not set("\x1b\x07\u202e\u200b\r\x08\ud800") & set(shown)
    assert "<U+001B>[2J" in shown and f"{MARKS[0]}<U+001B>[31m7{MARKS[1]}" in shown
    (line,) = run_cli(directory, "--format", "json").stdout.splitlines()
    assert not set("\x1b\u202e\u200b\ud800") & set(line)
    assert json.loads(line)["text"] == drawn.text


def test_raw_is_the_text_and_nothing_else(tmp_path):
    directory = make(tmp_path / "r", lambda p, i: Drawn(text=f"a\x1b[1m{i}"), count=1, n=2)
    code = "from reasonbench.cli.samples import samples; samples()"
    command = [sys.executable, "-c", code, str(directory), "--raw"]
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stdout == b"a\x1b[1m0\na\x1b[1m1\n"
    assert "a<U+001B>[1m0\r\na<U+001B>[1m1" in on_terminal(command, os.environ)


def test_json_is_one_line_a_completion_with_its_grades(patched):
    lines = run_cli(patched, "--format", "json", "--task", "a").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 28
    start, end = rows[0]["answer_spans"][0]
    assert rows[0]["text"][start:end] == rows[0]["grade"]["answer"]
    assert rows[6]["grade"] is None and rows[6]["other_grades"] == []


def test_nothing_found_is_said(patched):
    done = run_cli(patched, "--reason", "no_such_reason")
    assert (done.stdout, done.stderr) == ("", "no completion is like that\n")


def test_a_terminal_gets_colour_in_a_pager_and_a_pipe_neither(tmp_path):
    directory = make(tmp_path / "r", count=1, n=1)
    code = "from reasonbench.cli.samples import samples; samples()"
    command = [sys.executable, "-c", code, str(directory)]
    pager = tmp_path / "less"
    pager.write_text('#!/bin/sh\necho "LESS=$LESS"\ncat\n')
    pager.chmod(0o755)
    env = {**os.environ, "PAGER": str(pager), "TERM": "xterm"}
    env.pop("LESS", None)
    for environment, coloured in ((env, True), ({**env, "NO_COLOR": "1"}, False)):
        told = on_terminal(command, environment)
        assert "LESS=-R" in told and "p000" in told
        assert ("\x1b[" in told) is coloured
    piped = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "LESS" not in piped.stdout and "\x1b" not in piped.stdout and "p000" in piped.stdout


def on_terminal(command, env):
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, env=env) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            told += chunk
        os.close(ours)
    assert process.returncode == 0, told
    return told.decode()


DATASETTE = """
import json, pathlib, signal, sqlite3, sys, time
arguments = sys.argv[1:]
database = arguments[arguments.index("--immutable") + 1]
metadata = arguments[arguments.index("--metadata") + 1]
rows = sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
told = {
    "arguments": arguments,
    "metadata": json.loads(pathlib.Path(metadata).read_text()),
    "database": database,
    "counts": {t: rows.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
               for t in ("problems", "completions", "grades")},
    "right": rows.execute(
        "SELECT count(*) FROM completions WHERE verdict = 'correct'").fetchone()[0],
}
pathlib.Path("told.json").write_text(json.dumps(told))
if pathlib.Path("wait").exists():
    pathlib.Path("ready").write_text("")
    time.sleep(60)
"""


@pytest.fixture
def datasette(tmp_path, monkeypatch):
    """Install a Datasette that says what it was given."""
    package = tmp_path / "site" / "datasette"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(DATASETTE)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)


def test_datasette_gets_a_copy_on_loopback_that_is_gone_afterwards(tmp_path, datasette):
    directory = make(tmp_path / "r", patchy)
    before = {p: p.read_bytes() for p in directory.iterdir()}
    run_cli(directory, "--serve", "--port", "8123", "--problem", "p001")
    told = json.loads((tmp_path / "told.json").read_text())
    arguments = told["arguments"]
    assert arguments[0] == "serve"
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert arguments[arguments.index("--port") + 1] == "8123"
    assert told["metadata"]["title"] == "m: r"
    assert told["counts"] == {"problems": 1, "completions": 7, "grades": 6}
    assert told["right"] == len(pick(directory, problem="p001", verdict=Verdict.CORRECT))
    assert not Path(told["database"]).exists()
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_datasette_and_deletes_the_copy(tmp_path, datasette, number):
    directory = make(tmp_path / "r")
    (tmp_path / "wait").write_text("")
    code = "from reasonbench.cli.samples import samples; samples()"
    process = subprocess.Popen([sys.executable, "-c", code, str(directory), "--serve"])
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    process.wait(timeout=30)
    told = json.loads((tmp_path / "told.json").read_text())
    assert not Path(told["database"]).exists()


def test_without_datasette_one_sentence_says_how_to_get_it(patched):
    with Samples.open(patched) as opened, pytest.raises(MissingDependencyError) as refused:
        serve(opened, Filter(), port=1, say=print)
    assert refused.value.hint == "pip install datasette"
    with pytest.raises(SpecError, match="goes with filters alone"):
        run_cli(patched, "--serve", "--raw")


def test_texts_that_sqlite_cannot_hold_are_shown_escaped(tmp_path):
    from reasonbench.serving import write_tables

    directory = make(tmp_path / "r", patchy, count=1)
    with Samples.open(directory) as opened:
        assert write_tables(opened, Filter(truncated=True), tmp_path / "t.db") == 1
    connection = sqlite3.connect(tmp_path / "t.db")
    (thought,) = connection.execute("SELECT thought FROM completions").fetchone()
    connection.close()
    assert thought == "\ncut \\ud800 off"


def test_honest_runs_are_unchanged_by_being_read(tmp_path):
    directory = make(tmp_path / "r", honest)
    before = {p: p.read_bytes() for p in directory.iterdir()}
    pick(directory, sort="longest")
    assert {p: p.read_bytes() for p in before} == before
