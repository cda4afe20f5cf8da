"""``reasonbench tasks validate`` says what is wrong with a task, and what it did not check."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_sandbox import missing

from reasonbench.records import Problem
from reasonbench.specs import TaskSpec
from reasonbench.taskcheck import check_task, emptied, normalised

DAY = datetime.date(2024, 5, 1)


class Made:
    """A task of the given problems."""

    def __init__(self, *problems, grader="math", left_out=None):
        self.spec = TaskSpec(name="made", grader=grader)
        self._problems = problems
        if left_out is not None:
            self.left_out = left_out

    def problems(self):
        return iter(self._problems)


def problem(name, target="4", statement=None, **fields):
    statement = f"What is {name}?" if statement is None else statement
    return Problem(task="made", id=name, statement=statement, target=target, **fields)


def program(name, reference, cases, **tests):
    found = {"style": "function", "entry_point": "f", "cases": cases, **tests}
    if reference is not None:
        found["reference"] = reference
    return problem(name, target=None, tests=found)


def complaints(*problems, **rest):
    return check_task(Made(*problems, **rest)).complaints


def test_a_task_whose_gold_answers_are_right_is_fit():
    check = check_task(Made(problem("a"), problem("b", r"\frac12"), left_out={"no tests": 3}))
    assert check.complaints == ()
    assert (check.n_problems, check.n_gold, check.n_unchecked) == (2, 2, 0)
    assert check.left_out == {"no tests": 3}


def test_a_gold_answer_that_its_grader_does_not_take_is_named():
    (said,) = complaints(problem("a"), problem("b", r"\frac{1}{"))
    assert said.startswith("b: its gold answer ") and "is not graded correct" in said


def test_problems_without_gold_are_counted_and_a_task_of_them_alone_is_not_fit():
    check = check_task(Made(problem("a"), problem("b", None)))
    assert (check.n_gold, check.n_unchecked, check.complaints) == (1, 1, ())
    check = check_task(Made(problem("b", None)))
    assert check.complaints == ("no problem has a gold answer, so its grader cannot be checked",)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["Find $x$.", "Find  $x$."], "2 problems ask 'Find $x$.' (0, 1)"),
        (
            ["Find $x\\,y$.", "find $x y$."],
            "2 problems, but for case and spacing, ask 'Find $x\\\\,y",
        ),
        (["Find \\left(x\\right).", "Find (x)."], "2 problems, but for case and spacing"),
        (["a"] * 7, "7 problems ask 'a' (0, 1, 2, 3, 4 and 2 more)"),
        (["a", ""], "1: its statement is empty"),
    ],
)
def test_problems_that_ask_the_same_are_named(statements, said):
    (found,) = complaints(*(problem(str(i), statement=s) for i, s in enumerate(statements)))
    assert said in found


def test_problems_that_differ_in_more_than_spacing_are_not():
    differing = ["Find $x$.", "Find $x^2$.", "Find $\\lefty$.", "Find $-x$.", "\\,", "\\;"]
    assert complaints(*(problem(str(i), statement=s) for i, s in enumerate(differing))) == ()


@given(st.text())
def test_a_normalised_statement_is_its_own_and_empty_only_for_nothing(statement):
    assert normalised(normalised(statement)) or not statement
    assert normalised(f" {statement} ".upper()) or not statement


def test_an_id_that_is_used_twice_is_named():
    found = complaints(problem("a"), problem("a", statement="Another?"))
    assert "a: 2 problems have this id" in found


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([DAY, None], "1 problems have no day of publication, others have one"),
        ([datetime.date(1066, 10, 14)], "0: the day of publication, 1066-10-14, lies before 1990"),
        (
            [datetime.date(3000, 1, 1)] * 3,
            "3 problems, first 0: the day of publication, 3000-01-01",
        ),
        ([None, None], None),
        ([DAY, DAY], None),
    ],
)
def test_days_that_cannot_be_are_named(days, said):
    found = complaints(*(problem(str(i), published=day) for i, day in enumerate(days)))
    assert [said] == [f[: len(said)] for f in found] if said else found == ()


SANDBOX = pytest.mark.skipif(bool(missing()), reason="bubblewrap is NOT installed")


@SANDBOX
def test_reference_programs_are_graded_and_empty_ones_must_fail():
    right = program("a", "def f(x):\n    return x + 1\n", [{"args": [1], "expected": 2}])
    wrong = program("b", "def f(x):\n    return x\n", [{"args": [1], "expected": 2}])
    idle = program("c", "def f(x):\n    return None\n", [{"args": [1], "expected": None}])
    untested = program("d", None, [{"args": [1], "expected": 2}])
    fenced = program(
        "e",
        'def f(x):\n    """\n```python\n```\n"""\n    return 2\n',
        [{"args": [1], "expected": 2}],
    )
    check = check_task(Made(right, wrong, idle, untested, fenced, grader="code"))
    assert (check.n_problems, check.n_gold, check.n_unchecked) == (5, 4, 1)
    first, second = check.complaints
    assert first.startswith("b: its reference program is not graded correct (")
    assert second == "c: a program that does nothing passes its tests"


@SANDBOX
def test_of_tests_without_a_program_it_is_known_that_nothing_does_not_pass():
    tested = program("a", None, [{"args": [1], "expected": 2}])
    idle = program("b", None, [{"input": "", "output": ""}], style="stdio", entry_point="")
    check = check_task(Made(tested, idle, grader="code"))
    assert (check.n_gold, check.n_unchecked) == (0, 2)
    assert check.complaints == ("b: a program that does nothing passes its tests",)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import a\nX = 1\ndef f(x):\n    return a.b(x)\n", "import a\n\ndef f(x):\n    pass"),
        ("class S:\n    y = 2\n    def f(self):\n        return 1",
         "class S:\n    y = 2\n\n    def f(self):\n        pass"),
        ("print(int(input()) + 1)", "pass"),
        ("def f(:", "pass"),
        ("", "pass"),
        ("\0", "pass"),
    ],
)  # fmt: skip
def test_an_emptied_program_keeps_its_functions_and_does_nothing(code, expected):
    assert emptied(code) == expected
