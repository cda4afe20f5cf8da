"""Grading a file: order, bad lines, streaming, being asked line by line."""

import io
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_sandbox import missing

from reasonbench import gradefile
from reasonbench.errors import UnknownNameError
from reasonbench.gradefile import Judged, bounded_lines, grade_lines
from reasonbench.graders import references
from reasonbench.records import Problem

GUARD = 60
"""Seconds after which something hangs."""


def line(**fields):
    return json.dumps({"target": "42", "completion": "\\boxed{42}"} | fields).encode()


def grade(*lines, grader="math", workers=1):
    return list(grade_lines(lines, grader, workers=workers))


def test_each_line_gets_a_verdict_with_its_id_reason_answer_layer_and_seconds():
    right, wrong, none = grade(
        line(id="a"), line(id="b", completion="\\boxed{41}"), line(completion="no idea")
    )
    assert (right.id, right.line, right.verdict, right.answer) == ("a", 1, "correct", "42")
    assert right.layer
    assert 0 <= right.seconds < 60
    assert (wrong.id, wrong.verdict, wrong.reason) == ("b", "incorrect", "wrong")
    assert (none.id, none.reason) == (3, "no_answer")


def test_a_number_is_a_target_and_further_fields_are_left_alone():
    (judged,) = grade(line(target=42, source="somewhere", n=[1, 2]))
    assert judged.verdict == "correct"


def test_a_completion_that_was_cut_off_is_told_from_one_that_gave_no_answer():
    (judged,) = grade(line(completion="<think>so", finish_reason="length"))
    assert judged.reason == "truncated"


@pytest.mark.parametrize(
    "bad",
    [
        b"{broken",
        b"\xff\xfe",
        b"[1]",
        b'{"target": "1"}',
        b'{"completion": "x"}',
        b'{"target": [1], "completion": "x"}',
        b'{"target": "1", "completion": 3}',
        b'{"target": "1", "completion": "x", "finish_reason": "maybe"}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_cannot_be_graded_is_named_and_the_rest_goes_on(bad):
    first, named, blank_skipped = grade(line(id=1), bad, b"  \n", line(id=4))
    assert (first.verdict, blank_skipped.verdict, blank_skipped.line) == ("correct", "correct", 4)
    assert (named.line, named.verdict, named.reason) == (2, "error", "bad_line")
    assert named.detail.startswith("line 2 cannot be graded")


def test_a_grader_that_raises_is_named_by_its_line():
    (judged,) = grade(line(), grader="raising")
    assert (judged.verdict, judged.reason) == ("error", "grader_failed")
    assert "this grader is broken" in judged.detail


def test_an_unknown_grader_is_refused():
    with pytest.raises(UnknownNameError, match="maths"):
        grade(line(), grader="maths")


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.booleans(), max_size=60))
def test_verdicts_come_in_the_order_of_the_lines(good):
    lines = [line(id=i) if ok else b"{" for i, ok in enumerate(good)]
    judged = grade(*lines, workers=2)
    assert [j.line for j in judged] == list(range(1, len(good) + 1))
    assert [j.verdict == "correct" for j in judged] == good


def test_lines_are_read_as_they_are_needed():
    read = itertools.count()
    endless = (line(id=next(read)) for _ in itertools.repeat(None))
    judged = grade_lines(endless, "exact", workers=1)
    assert [next(judged).id for _ in range(50)] == list(range(50))
    judged.close()
    assert next(read) < 1000


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_code_is_judged_by_its_tests_in_the_sandbox():
    tests = {"style": "stdio", "cases": [{"input": "1\n", "output": "2\n"}]}
    right = "```python\nprint(int(input()) + 1)\n```"
    lines = [
        {"id": "right", "tests": tests, "completion": right},
        {"id": "wrong", "tests": tests, "completion": "```python\nprint(3)\n```"},
        {"id": "slow", "tests": tests, "completion": "```python\nwhile True: pass\n```"},
        {"id": "broken", "tests": {"style": "stdio", "cases": 3}, "completion": right},
    ]
    lines[2]["limits"] = {"cpu_s": 0.5}
    judged = {j.id: j for j in grade(*(json.dumps(x).encode() for x in lines), grader="code")}
    assert judged["right"].verdict == "correct"
    assert judged["wrong"].reason == "wrong"
    assert judged["slow"].reason == "timeout"
    assert (judged["broken"].verdict, judged["broken"].reason) == ("error", "gold_unparsed")


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_tests_that_their_own_reference_fails_are_named_by_line():
    cases = [{"input": "1\n", "output": "2\n"}]
    answer = "```python\nprint(2)\n```"
    lines = [
        {
            "id": i,
            "tests": {"style": "stdio", "cases": cases, "reference": code},
            "completion": answer,
        }
        for i, code in enumerate(("print(2)", "print(3)", "print(2)"))
    ]
    first, second, third = grade(*(json.dumps(x).encode() for x in lines), grader="code", workers=2)
    assert (first.verdict, third.verdict) == ("correct", "correct")
    assert (second.verdict, second.reason) == ("error", "reference_fails")
    assert second.detail.startswith("line 2: the tests' own reference does not pass: wrong")


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize(
    ("changed", "limits", "named"),
    [
        ({"cases": 3}, None, "cases"),
        ({"style": "guess"}, None, "style"),
        ({"reference": 3}, None, "reference"),
        ({}, {"cpu_s": -1}, "cpu_s"),
        ({}, {"minutes": 1}, "minutes"),
    ],
)
def test_malformed_tests_and_limits_are_not_called_a_failing_reference(changed, limits, named):
    tests = {"style": "stdio", "cases": [{"input": "", "output": "2\n"}], "reference": "print(2)"}
    asked = {"tests": tests | changed, "limits": limits, "completion": "```python\nprint(2)\n```"}
    (judged,) = grade(json.dumps(asked).encode(), grader="code")
    assert (judged.verdict, judged.reason) == ("error", "gold_unparsed")
    assert judged.detail.startswith("line 1: it cannot be graded against its tests")
    assert "malformed" in judged.detail
    assert named in judged.detail


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_reference_that_goes_on_from_the_prompt_is_run_behind_it():
    tests = {
        "style": "assert",
        "entry_point": "add",
        "prefix": "def add(x, y):\n",
        "code": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
    }
    answer = "```python\ndef add(x, y):\n    return x + y\n```"
    references = ("    return x + y\n", "\n    return x + y", "    return x - y\n")
    lines = [{"tests": tests | {"reference": code}, "completion": answer} for code in references]
    judged = grade(*(json.dumps(x).encode() for x in lines), grader="code")
    assert [j.reason for j in judged] == ["ok", "ok", "reference_fails"]


class CountingGrader:
    checked: ClassVar[list[str]] = []

    def __init__(self, pool):
        assert pool is None

    def check_gold(self, problem):
        self.checked.append(problem.tests["reference"])


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(references, "CodeGrader", CountingGrader)
    monkeypatch.setattr(references, "SandboxPool", lambda **settings: None)
    monkeypatch.setattr(CountingGrader, "checked", [])
    return CountingGrader


def test_references_are_checked_once_and_the_latest_are_remembered(counting, monkeypatch):
    monkeypatch.setattr(references, "MAX_REMEMBERED", 2)
    with references.References(workers=1) as checks:
        for name in ("a", "b", "a", "c", "a", "b"):
            found = checks.check(Problem(task="t", id="1", statement="", tests={"reference": name}))
            assert found.result(GUARD) is None
        assert counting.checked == ["a", "b", "c", "b"]
        assert len(checks._found) == 2


def test_tests_that_are_nested_too_deeply_for_a_digest_are_checked_all_the_same(counting):
    deep = json.loads("[" * 800 + "]" * 800)
    with references.References(workers=1) as checks:
        problem = Problem(task="t", id="1", statement="", tests={"reference": "a", "cases": deep})
        assert checks.check(problem).result(GUARD) is None
    assert counting.checked == ["a"]


def test_a_check_that_raises_names_its_line_and_the_next_goes_on(monkeypatch):
    class Broken(CountingGrader):
        def check_gold(self, problem):
            if problem.tests["reference"] == "bad":
                raise OSError("no more processes")

    monkeypatch.setattr(references, "CodeGrader", Broken)
    monkeypatch.setattr(references, "SandboxPool", lambda **settings: None)
    with references.References(workers=1) as checks:
        bad, good = (
            checks.check(Problem(task="t", id="1", statement="", tests={"reference": name}))
            for name in ("bad", "good")
        )
        assert isinstance(bad.exception(GUARD), OSError)
        assert good.result(GUARD) is None


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_ctrl_c_does_not_wait_for_a_reference_that_does_not_end():
    tests = {"style": "stdio", "cases": [{"input": "", "output": "2\n"}]}
    tests["limits"] = {"cpu_s": 300}
    with CoProcess("code") as other:
        asked = {"tests": tests | {"reference": "print(2)"}, "completion": "nothing"}
        assert other.ask(json.dumps(asked).encode())["reason"] == "no_answer"
        asked["tests"] = tests | {"reference": "while True: pass"}
        other.process.stdin.write(json.dumps(asked).encode() + b"\n")
        other.process.send_signal(signal.SIGINT)
        assert other.process.wait(GUARD) == 130


@pytest.mark.parametrize("completion", ["\\boxed{41}", "no idea", "<think>so"])
def test_a_gold_that_does_not_parse_is_named_by_line_whatever_the_completion(completion):
    before, judged, after = grade(line(), line(target="\\frac{1", completion=completion), line())
    assert (before.verdict, after.verdict) == ("correct", "correct")
    assert (judged.line, judged.verdict, judged.reason) == (2, "error", "gold_unparsed")
    assert judged.detail.startswith("line 2: it cannot be graded against its target")


def test_a_completion_without_an_answer_keeps_its_reason_where_the_gold_is_sound():
    judged = grade(*(line(completion="no idea") for _ in range(200)), workers=2)
    assert {(j.verdict, j.reason) for j in judged} == {("incorrect", "no_answer")}
    assert len(judged) == 200


def test_a_verdict_comes_before_there_is_a_further_line():
    asked: queue.Queue[bytes | None] = queue.Queue()
    verdicts = grade_lines(iter(lambda: asked.get(timeout=GUARD), None), "exact")
    for number in range(5):
        asked.put(line(id=number) if number != 3 else b"{")
        assert next(verdicts).line == number + 1
    asked.put(None)
    assert list(verdicts) == []


def test_what_reading_raises_comes_after_the_verdicts_before_it():
    def lines():
        yield line(id=1)
        yield line(id=2)
        raise OSError("the disk is gone")

    verdicts = grade_lines(lines(), "exact")
    assert [next(verdicts).id, next(verdicts).id] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(verdicts)


def test_a_reader_that_waits_for_its_next_line_does_not_hold_the_end_up():
    never = threading.Event()

    def lines():
        yield line()
        never.wait(GUARD)

    verdicts = grade_lines(lines(), "exact")
    assert next(verdicts).verdict == "correct"
    verdicts.close()
    assert not never.is_set()
    never.set()


def test_lines_that_are_held_are_bounded_by_their_bytes_too(monkeypatch):
    monkeypatch.setattr(gradefile, "MAX_HELD_BYTES", 10_000)
    read = itertools.count()
    long = (line(id=next(read), completion="x" * 4000) for _ in itertools.repeat(None))
    verdicts = grade_lines(long, "exact")
    assert [next(verdicts).id for _ in range(20)] == list(range(20))
    verdicts.close()
    assert next(read) <= 24


class Pieces(io.RawIOBase):
    """A stream that gives what it has in pieces, as a pipe does."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


@given(st.lists(st.binary(min_size=1, max_size=12).map(lambda b: b.replace(b"7", b"\n"))))
def test_lines_of_a_stream_are_those_of_its_bytes_however_it_comes(pieces):
    whole = b"".join(pieces)
    assert list(bounded_lines(Pieces(pieces))) == [
        each.removesuffix(b"\n") for each in io.BytesIO(whole).readlines()
    ]


def test_of_a_line_that_is_too_long_no_more_is_kept_than_shows_it(monkeypatch):
    monkeypatch.setattr(gradefile, "MAX_LINE_BYTES", 100)
    pieces = [line(id=1)[:20], line(id=1)[20:] + b"\n", *[b"x" * 90] * 50, b"\n" + line(id=3)]
    assert [len(each) for each in bounded_lines(Pieces(pieces))][1] == 101
    first, long, last = grade_lines(bounded_lines(Pieces(pieces)), "exact")
    assert (first.id, last.id) == (1, 3)
    assert (long.line, long.reason) == (2, "bad_line")
    assert "longer than" in long.detail


def test_a_pipe_that_does_not_wait_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as stream, open(writing, "wb", buffering=0) as sink:
        lines = bounded_lines(stream)
        threading.Timer(0.05, sink.write, [b"late\n"]).start()
        assert next(lines) == b"late"


def test_the_command_streams_a_line_for_each(tmp_path):
    command = ("grade", "-", "--grader", "exact", "--format", "json")
    process = subprocess.Popen(
        [sys.executable, "-m", "reasonbench", *command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    told, talk = process.communicate(b"\n".join([line(id="x\u202e"), b"{", line(id=2)]))
    judged = [json.loads(each) for each in told.splitlines()]
    assert [j["verdict"] for j in judged] == ["correct", "error", "correct"]
    assert judged[0].keys() == set(Judged.__struct_fields__)
    assert "\u202e".encode() not in told
    assert process.returncode == 5
    assert b"line 2 cannot be graded" in talk


def test_the_command_counts_in_a_table_and_ends_well(cli, tmp_path):
    (tmp_path / "f.jsonl").write_bytes(line() + b"\n" + line(completion="\\boxed{1}") + b"\n")
    done = cli("grade", "f.jsonl", "--grader", "exact")
    assert done.returncode == 0, done.stderr
    assert "2 completions, grader exact" in done.stdout
    gone = cli("grade", "nothing.jsonl")
    assert gone.returncode == 2
    assert "nothing.jsonl cannot be read" in gone.stderr


class CoProcess:
    """``reasonbench grade -``, asked a line at a time."""

    def __init__(self, grader):
        command = ("grade", "-", "--grader", grader, "--format", "json")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reasonbench", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self.guard = threading.Timer(GUARD, self.process.kill)
        self.guard.start()

    def ask(self, text):
        self.process.stdin.write(text + b"\n")
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.guard.cancel()
        self.process.kill()
        self.process.communicate()


def test_the_command_answers_each_line_before_the_next_is_written():
    with CoProcess("math") as other:
        for number in range(3):
            assert other.ask(line(id=number))["id"] == number
        assert other.ask(b"{")["reason"] == "bad_line"
        assert other.ask(line(target="\\frac{1", completion="none"))["reason"] == "gold_unparsed"
        told, talk = other.process.communicate(timeout=GUARD)
    assert other.process.returncode == 5
    assert told == b""
    assert b"line 4 cannot be graded" in talk
    assert b"line 5: it cannot be graded against its target" in talk
    assert b"2 lines were not graded" in talk


def test_ctrl_c_ends_the_command_while_it_waits_for_a_line():
    with CoProcess("exact") as other:
        assert other.ask(line())["verdict"] == "correct"
        other.process.send_signal(signal.SIGINT)
        assert other.process.wait(GUARD) == 130
        talk = other.process.stderr.read()
    assert b"the lines up to 1 were graded" in talk
    assert b"Traceback" not in talk
    assert b"Fatal" not in talk


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    (tmp_path / "many.jsonl").write_bytes((line() + b"\n") * 3000)
    command = f"{sys.executable} -m reasonbench grade many.jsonl --grader exact --format json"
    done = subprocess.run(
        f"set -o pipefail; {command} | head -n 1",
        shell=True, executable="/bin/bash", cwd=tmp_path, capture_output=True, timeout=GUARD,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "correct"
    assert done.stderr == b""
