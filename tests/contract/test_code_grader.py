"""What every grader must do, and what the pool needs of one that starts processes itself."""

import contextlib
import os
import signal
import time

import msgspec
import pytest
from real_sandbox import require_sandbox

from reasonbench import plugins, protocols
from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, FinishReason, Grade, Problem, Verdict

require_sandbox()

RIGHT = "```python\nprint(int(input()) + 1)\n```"
WRONG = "```python\nprint(11)\n```"
PROBLEM = Problem(
    task="one",
    id="p",
    statement="q",
    tests={
        "style": "stdio",
        "cases": [{"input": "1\n", "output": "2\n"}, {"input": "41\n", "output": "42\n"}],
        "limits": {"cpu_s": 2},
    },
)


def completion(text, finish_reason=FinishReason.STOP, prefilled=False, index=3):
    return Completion(
        key=f"k{index}",
        task="one",
        problem_id="p",
        sample_index=index,
        text=text,
        finish_reason=finish_reason,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="e",
        thinking_prefilled=prefilled,
    )


@pytest.fixture(scope="module")
def grader():
    grader = plugins.GRADERS.load("code")
    yield grader
    grader.close()


def test_it_satisfies_the_protocol_and_names_its_version(grader):
    assert isinstance(grader, protocols.Grader)
    name, _, version = grader.identity.partition("/")
    assert name == "code"
    assert version.startswith("1+")


def test_a_grade_says_which_completion_it_is_of(grader):
    grade = grader.grade(PROBLEM, completion(RIGHT))
    assert (grade.key, grade.task, grade.problem_id, grade.sample_index) == ("k3", "one", "p", 3)
    assert grade.grader == grader.identity


@pytest.mark.parametrize("finish", [FinishReason.STOP, FinishReason.LENGTH])
def test_a_complete_answer_counts_however_the_completion_ended(grader, finish):
    right = grader.grade(PROBLEM, completion(f"<think>{WRONG}</think>{RIGHT}\nand", finish))
    assert (right.verdict, right.reason) == (Verdict.CORRECT, "ok")
    wrong = grader.grade(PROBLEM, completion(f"<think>{RIGHT}</think>{WRONG}\nand", finish))
    assert (wrong.verdict, wrong.reason) == (Verdict.INCORRECT, "wrong")


@pytest.mark.parametrize(
    ("text", "prefilled"),
    [
        (f"<think>so {RIGHT}", False),
        (f"so {RIGHT}", True),
        ("<think>x</think>", False),
        ("", False),
    ],
)
def test_without_an_answer_the_end_of_the_completion_says_why(grader, text, prefilled):
    for finish, reason in ((FinishReason.LENGTH, "truncated"), (FinishReason.STOP, "no_answer")):
        grade = grader.grade(PROBLEM, completion(text, finish, prefilled))
        assert (grade.verdict, grade.reason, grade.answer) == (Verdict.INCORRECT, reason, None)


@pytest.mark.parametrize(
    "code", ["\x00", "🙂", "(" * 50_000, "-" * 200_000 + "1", "x = " + "[" * 90, "\\", "'''"]
)
def test_strange_code_is_judged_and_not_right(grader, code):
    grade = grader.grade(PROBLEM, completion(f"```python\n{code}\n```"))
    assert grade.verdict is Verdict.INCORRECT


@pytest.mark.parametrize("code", [r"print('\ud800')", r"raise OSError('\ud800\n\x1b')"])
def test_a_grade_can_be_stored_whatever_a_program_says(grader, code):
    grade = grader.grade(PROBLEM, completion(f"```python\n{code}\n```"))
    assert grade.verdict is Verdict.INCORRECT
    assert grade.detail.isprintable()
    msgspec.json.encode(grade)


def descendants(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                for child in map(int, file.read().split()):
                    found += [child, *descendants(child)]
    return found


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


FLOODS = {
    "print('x' * (15 << 20))": "wrong",
    "print('\\n' * (15 << 20) + 'x')": "wrong",
    "while True: print('x' * 10**6)": "output_limit",
    "x = [0] * (1 << 40)": "memory",
}


def test_it_grades_within_the_memory_of_a_workers_process():
    codes = [f"```python\n{code}\n```" for code in FLOODS]
    pairs = [(PROBLEM, completion(text, index=i)) for i, text in enumerate([RIGHT, *codes])]
    with GraderPool("code", workers=1) as pool:
        (pid,) = pool.pids
        grades = sorted(pool.grade_all(pairs), key=lambda grade: grade.sample_index)
        assert all(isinstance(grade, Grade) for grade in grades)
        assert [grade.reason for grade in grades] == ["ok", *FLOODS.values()]
        assert {grade.grader for grade in grades} == {pool.identity}
        assert pool.pids == (pid,)


def test_what_it_started_dies_with_its_worker():
    spin = completion("```python\nwhile True: pass\n```")
    problem = msgspec.structs.replace(PROBLEM, tests={**PROBLEM.tests, "limits": {"cpu_s": 60}})
    with GraderPool("code", workers=1) as pool:
        pool.submit(problem, spin)
        (pid,) = pool.pids
        wait_until(lambda: len(descendants(pid)) >= 3)
        started = descendants(pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in started))
