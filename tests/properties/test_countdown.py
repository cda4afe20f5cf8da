import itertools
import random
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from reasonbench.fresh.expressions import Binary, evaluate, parse
from reasonbench.fresh.families.countdown import (
    canonical,
    check,
    generate,
    solutions,
)

NUMBER = st.integers(1, 12)
EXPRESSIONS = st.recursive(
    NUMBER,
    lambda inner: st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
    max_leaves=6,
)


def shown(expr):
    if isinstance(expr, int):
        return str(expr)
    return f"({shown(expr.left)} {expr.op} {shown(expr.right)})"


def commuted(expr, rng):
    """The same solution path, written in another way."""
    if isinstance(expr, int):
        return expr
    op, left, right = expr.op, commuted(expr.left, rng), commuted(expr.right, rng)
    if op in "+*" and rng.random() < 0.5:
        left, right = right, left
    same = "+-" if op in "+-" else "*/"
    if isinstance(right, Binary) and right.op in same and rng.random() < 0.7:
        # x - (y - z) is (x - y) + z: the outer sign turns the inner one.
        turned = {"++": "+", "+-": "-", "-+": "-", "--": "+"}
        turned |= {"**": "*", "*/": "/", "/*": "/", "//": "*"}
        return Binary(turned[op + right.op], Binary(op, left, right.left), right.right)
    return Binary(op, left, right)


def trees(numbers, ops):
    """Every expression on exactly these numbers in this order, by brute force."""
    if len(numbers) == 1:
        yield numbers[0]
    for cut in range(1, len(numbers)):
        for left, right in itertools.product(trees(numbers[:cut], ops), trees(numbers[cut:], ops)):
            yield from (Binary(op, left, right) for op in ops)


@given(st.integers(0, 2**63), st.sampled_from([1, 2, 3]))
def test_every_generated_problem_is_solvable_and_its_solutions_check_correct(seed, level):
    (problem,) = generate(seed, level, 1)
    found = solutions(problem.numbers, problem.target, problem.ops)
    assert found
    for path in found:
        verdict = check(path, problem.numbers, problem.target, problem.ops)
        assert verdict.correct
        assert verdict.canonical == path


@given(EXPRESSIONS)
def test_what_is_written_is_read_back(expr):
    assert parse(shown(expr)) == expr


@given(EXPRESSIONS, st.integers())
def test_the_path_does_not_depend_on_order_or_association(expr, seed):
    assert canonical(commuted(expr, random.Random(seed))) == canonical(expr)


@given(EXPRESSIONS)
def test_the_path_is_an_expression_of_the_same_value_and_its_own_path(expr):
    path = canonical(expr)
    again = parse(path)
    assert canonical(again) == path
    # Re-associating a division by zero may move it, but never repairs it.
    assert evaluate(again) == evaluate(expr) or evaluate(expr) is None


@given(st.text(max_size=600))
def test_any_text_is_judged_without_an_exception(text):
    verdict = check(text, (3, 7, 11), 110, "+-*")
    assert verdict.correct == (verdict.reason == "ok")


@given(st.text(alphabet="0123456789+-*/() \\{}frac=\N{MULTIPLICATION SIGN}÷_.e\n", max_size=600))
def test_text_that_is_nearly_an_expression_is_judged_without_an_exception(text):
    verdict = check(text, (3, 7, 11), 110, "+-*/")
    assert verdict.correct == (verdict.reason == "ok")


@given(
    st.lists(NUMBER, min_size=2, max_size=3), st.integers(0, 40), st.sampled_from(["+-*", "+-*/"])
)
def test_check_and_solutions_agree_with_brute_force(numbers, target, ops):
    paths = set()
    for size in range(1, len(numbers) + 1):
        for chosen in itertools.permutations(numbers, size):
            for tree in trees(chosen, ops):
                right = evaluate(tree) == Fraction(target)
                assert check(shown(tree), numbers, target, ops).correct == right
                if right:
                    paths.add(canonical(tree))
    assert paths == solutions(numbers, target, ops)
