"""Which texts of a problem are searched for."""

from reasonbench.records import Problem
from reasonbench.searched import item_of


def problem(**fields):
    return Problem(task="t", id="1", statement="Add.", **fields)


def test_a_math_problem_has_its_solution_and_its_answer():
    item = item_of(problem(target="3", metadata={"solution": "1 + 2 = 3"}))
    assert (item.question, item.solution, item.answer, item.code) == ("Add.", "1 + 2 = 3", "3", "")


def test_the_solution_of_a_coding_problem_is_its_program():
    tests = {"reference": "def f(): return 1", "cases": []}
    item = item_of(problem(tests=tests))
    assert (item.solution, item.code) == ("", tests["reference"])
    item = item_of(problem(tests=tests, metadata={"solution": "def g(): return 2"}))
    assert (item.solution, item.code) == ("", "def g(): return 2")


def test_the_names_that_humaneval_and_mbpp_give_their_programs_are_known():
    assert item_of(problem(metadata={"canonical_solution": "x = 1"})).code == "x = 1"
    assert item_of(problem(metadata={"code": "x = 2", "canonical_solution": "y"})).code == "x = 2"


def test_what_is_no_text_is_not_searched_for():
    item = item_of(problem(metadata={"solution": ["a"], "code": 3}))
    assert (item.solution, item.code) == ("", "")
