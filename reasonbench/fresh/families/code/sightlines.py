"""Sum of a mix of maximum and minimum over all subarrays: monotonic stacks."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (25, 1_000, 25_000)

_TAIL = """
Write a function total_score(values) that returns the total modulo @modulus.

Constraints:
- 1 <= len(values) <= @n
- 1 <= values[i] <= @top
"""
_STORIES = (
    """
The score of a list is @high times its maximum plus @low times its minimum. Add up the scores of all
runs of two or more consecutive elements of values.
""",
    """
On each day i a share has the price values[i]. For every period of at least two consecutive days an
analyst writes down @high * (highest price in the period) + @low * (lowest price in the period).
What is the total of all the numbers written down?
""",
    """
Compute the total of @high * max(values[i..j]) + @low * min(values[i..j]) over all pairs (i, j) with
0 <= i < j < len(values), where values[i..j] includes both ends.
""",
)
_REFERENCE = """
def total_score(values):
    def largest(values):
        total = running = 0
        stack = []
        for value in values:
            width = 1
            while stack and stack[-1][0] <= value:
                other, count = stack.pop()
                running -= other * count
                width += count
            stack.append((value, width))
            running += value * width
            total += running
        return total - sum(values)

    smallest = -largest([-value for value in values])
    return (@high * largest(values) + @low * smallest) % @modulus
"""
_SLOW = """
def total_score(values):
    total = 0
    for i in range(len(values)):
        top = low = values[i]
        for j in range(i + 1, len(values)):
            top = max(top, values[j])
            low = min(low, values[j])
            total += @high * top + @low * low
    return total % @modulus
"""


def _draw(draw: Draw, level: int) -> Params:
    high, low = draw.distinct(2, 2, 40)
    return {
        "n": _N[level],
        "top": 10**6,
        "high": high,
        "low": low,
        "modulus": draw.integer(10**3, 10**4) if level == 0 else draw.integer(10**8, 10**9),
    }


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    top, n = p["top"], p["n"]
    small = [[bulk(draw, draw.integer(4, 8), 1, 30)] for _ in range(10)]
    edges: list[Any] = [[[1]], [[top]], [[1, top]], [[top, 1]], [[7] * 12], [[top] * 25], [[3, 3]]]
    edges += [[list(range(1, 21))], [list(range(20, 0, -1))], [[1, 2] * 10], [[5, 1, 5, 1, 5]]]
    edges += [[bulk(draw, 25, 1, 3)] for _ in range(3)]
    large = [[bulk(draw, n, 1, top)]]
    if level < 2:
        large += [[[top] * n], [list(range(1, n + 1))]]
    return [*small, *edges, *large]


FAMILY = CodeFamily(
    name="sightlines",
    topic="stacks",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="total_score",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("return total - sum(values)", "return total"),
        ("while stack", "if stack"),
        ("width += count", "width = count"),
        ("@high * largest(values) + @low * smallest", "@low * largest(values) + @high * smallest"),
        ("running += value * width", "running = value * width"),
        (") % @modulus", ") % 2**31 % @modulus"),
    ),
    cpu_s=2.0,
)
