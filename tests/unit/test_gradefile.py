"""Grading a file: order, bad lines, streaming."""

import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_sandbox import missing

from reasonbench.errors import UnknownNameError
from reasonbench.gradefile import Judged, grade_lines


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
    assert judged["broken"].verdict in ("error", "ungraded")


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
    assert second.detail.startswith("line 2: its own reference fails")


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
