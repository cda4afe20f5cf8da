"""Count pairs by the remainder of a linear expression in their greatest common divisor."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (20, 800, 20_000)
_TOP = (60, 3_000, 20_000)

_TAIL = """
Write a function count_pairs(values) that returns this number.

Constraints:
- 1 <= len(values) <= @n
- 1 <= values[i] <= @top
"""
_STORIES = (
    """
For how many pairs of indices i < j does @a * g + @b leave the remainder @r when divided by @m,
where g is the greatest common divisor of values[i] and values[j]?
""",
    """
Two gears, with values[i] and values[j] teeth, fit together if @a * gcd(values[i], values[j]) + @b
is congruent to @r modulo @m. Count the unordered pairs of two gears of the list that fit; gears at
different places are different, even with equally many teeth.
""",
    """
Let f(x, y) = (@a * gcd(x, y) + @b) mod @m. Among the len(values) * (len(values) - 1) / 2 ways to
choose two elements of the list (by place, not by value), count those for which f is @r.
""",
)
_REFERENCE = """
def count_pairs(values):
    top = max(values)
    count = [0] * (top + 1)
    for value in values:
        count[value] += 1
    exact = [0] * (top + 1)
    total = 0
    for g in range(top, 0, -1):
        multiples = sum(count[g::g])
        exact[g] = multiples * (multiples - 1) // 2 - sum(exact[2 * g :: g])
        if (@a * g + @b) % @m == @r:
            total += exact[g]
    return total
"""
_SLOW = """
from math import gcd


def count_pairs(values):
    found = 0
    for i in range(len(values)):
        for j in range(i):
            if (@a * gcd(values[i], values[j]) + @b) % @m == @r:
                found += 1
    return found
"""


def _draw(draw: Draw, level: int) -> Params:
    m = draw.integer(3, (4, 9, 20)[level])
    a = draw.choice([a for a in range(2, 60) if a % m])
    b = draw.choice([b for b in range(1, 100) if b % m])
    # Some small common divisor counts, so that no answer is 0 for all tests.
    g = draw.integer(1, 2 + level)
    return {"n": _N[level], "top": _TOP[level], "a": a, "b": b, "m": m, "r": (a * g + b) % m}


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    a, b, m, r, top = p["a"], p["b"], p["m"], p["r"], p["top"]
    good = next(g for g in range(1, m + 1) if (a * g + b) % m == r)
    small = [[bulk(draw, draw.integer(4, 9), 1, 30)] for _ in range(10)]
    small[0] = [[good * value for value in bulk(draw, 6, 1, 5)]]
    edges: list[Any] = [[[1]], [[top]], [[good]], [[good, good]], [[1] * 20], [[top] * 20]]
    edges += [[[good] * 20], [[good, 2 * good, 3 * good]], [[good * value for value in (2, 4, 6)]]]
    edges += [[list(range(1, 21))], [[top, top - 1, top // 2, 1]]]
    if level:
        edges.append([[good * 2] * p["n"]] if level < 2 else [[good * 2] * 2_000])
    return [*small, *edges, [bulk(draw, p["n"], 1, top)]]


FAMILY = CodeFamily(
    name="gcd_classes",
    topic="number theory",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="count_pairs",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        (" - sum(exact[2 * g :: g])", ""),
        ("multiples * (multiples - 1) // 2", "multiples * (multiples + 1) // 2"),
        ("multiples * (multiples - 1) // 2", "multiples * (multiples - 1)"),
        ("(@a * g + @b) % @m", "(@a * g) % @m"),
        ("range(top, 0, -1)", "range(top - 1, 0, -1)"),
        ("count[value] += 1", "count[value] = 1"),
    ),
    cpu_s=2.0,
)
