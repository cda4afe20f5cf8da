"""Length of the line on which the weights of widened intervals add up to a given remainder."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (12, 400, 16_000)
_SPAN = (40, 10**5, 10**8)

_TAIL = """
Input: the first line has an integer n. Each of the next n lines has two integers l and r, for
interval 1, 2, ..., n in this order.
Output: one integer, the total length.

Constraints:
- 1 <= n <= @n
- 0 <= l < r <= @span
"""
_STORIES = (
    """
On a number line n intervals [l, r] are given. Each is widened by @left to the left and by @right to
the right, so that it may reach beyond 0 or @span. Intervals whose number is divisible by
@every have weight @weight, all others have weight 1. The load of a point is the sum of the weights
of the widened intervals that contain it. What is the total length of the set of points whose load
leaves the remainder @r when divided by @m?
""",
    """
n pipes lie along an infinite straight road; pipe i runs from kilometre l to kilometre r. Its
insulation begins @left kilometres before l and ends @right kilometres after r. The insulation has
one layer, but @weight layers if i is a multiple of @every. At how many kilometres of the road, in
total, is the number of layers congruent to @r modulo @m?
""",
    """
For real t let N(t) be the sum of w_i over all i with l_i - @left <= t <= r_i + @right, where w_i is
@weight for i divisible by @every and 1 otherwise (i = 1, ..., n). Find the total length of the
intervals on which N(t) mod @m = @r.
""",
)
_REFERENCE = """
import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    events = []
    for i in range(1, data[0] + 1):
        weight = @weight if i % @every == 0 else 1
        events.append((data[2 * i - 1] - @left, weight))
        events.append((data[2 * i] + @right, -weight))
    events.sort()
    total = load = before = 0
    for place, weight in events:
        if load % @m == @r:
            total += place - before
        load += weight
        before = place
    print(total)


main()
"""
_SLOW = """
n = int(input())
pieces = []
for i in range(n):
    low, high = map(int, input().split())
    weight = 1 if (i + 1) % @every else @weight
    pieces.append((low - @left, high + @right, weight))
places = sorted({end for piece in pieces for end in piece[:2]})
total = 0
for here, there in zip(places, places[1:]):
    load = sum(weight for low, high, weight in pieces if low <= here and there <= high)
    if load % @m == @r:
        total += there - here
print(total)
"""


def _draw(draw: Draw, level: int) -> Params:
    m = draw.integer(2, 3 + 3 * level)
    left = draw.integer(1, 5 * 10**level)
    return {
        "n": _N[level],
        "span": _SPAN[level],
        "left": left,
        "right": left + draw.integer(1, 5 * 10**level),
        "every": draw.integer(2, 3 + level),
        "weight": draw.choice([w for w in range(2, 12) if w % m != 1]),
        "m": m,
        "r": draw.integer(1, m - 1),
    }


def _intervals(draw: Draw, count: int, span: int, longest: int) -> str:
    lengths, places = bulk(draw, count, 1, longest), bulk(draw, count, 0, 10**12)
    starts = [place % (span - n + 1) for place, n in zip(places, lengths, strict=True)]
    return rows(count, *((a, a + n) for a, n in zip(starts, lengths, strict=True)))


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [_intervals(draw, draw.integer(4, 7), 40, 12) for _ in range(10)]
    span, n = p["span"], p["n"]
    edges = [rows(1, (0, 1)), rows(1, (0, span)), rows(2, (0, 1), (0, 1)), rows(2, (0, 3), (1, 9))]
    edges += [rows(k, *[(0, 9)] * k) for k in range(3, 12)]
    edges += [rows(k, *[(i, 30) for i in range(k)]) for k in (6, 12)]
    edges += [rows(k, *[(0, 30 - i) for i in range(k)]) for k in (6, 12)]
    large = [_intervals(draw, n, span, span // 4), _intervals(draw, min(n, 400), span, 9)]
    return [*small, *edges, *large]


FAMILY = CodeFamily(
    name="layered_coverage",
    topic="sweep line",
    style="stdio",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("load % @m == @r", "load == @r"),
        ("i % @every == 0", "(i - 1) % @every == 0"),
        ("data[2 * i] + @right", "data[2 * i]"),
        ("@weight if i % @every == 0 else 1", "1"),
        ("place - before", "place - before + 1"),
        ("-weight))", "-1))"),
    ),
    cpu_s=2.0,
)
