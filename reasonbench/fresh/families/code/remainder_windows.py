"""Count subarrays by the remainder of their sum and by their length: prefix sums."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (40, 1_500, 30_000)

_TAIL = """
Write a function count_blocks(values) that returns this number.

Constraints:
- 1 <= len(values) <= @n
- -1000 <= values[i] <= 1000
"""
_STORIES = (
    """
A block of a list is a non-empty run of consecutive elements. Count the blocks of values that
have at least @least elements, whose number of elements leaves the remainder @s when divided by
@q, and whose sum leaves the remainder @r when divided by @m. (Remainders are from 0 to the
divisor minus 1, for negative sums too.)
""",
    """
The balance of a shop changes by values[i] on day i. A period is one or more consecutive days.
How many periods last at least @least days and d days in all, with d congruent to @s modulo @q,
while their total change is congruent to @r modulo @m? Periods on different days are different.
""",
    """
For 0 <= i <= j < len(values) let S(i, j) = values[i] + ... + values[j] and L(i, j) = j - i + 1.
Count the pairs (i, j) with L(i, j) >= @least, L(i, j) = @s (mod @q) and S(i, j) = @r (mod @m),
where "=" means congruent.
""",
)
_REFERENCE = """
def count_blocks(values):
    prefix = [0]
    for value in values:
        prefix.append((prefix[-1] + value) % @m)
    seen = {}
    total = 0
    for end in range(@least, len(prefix)):
        start = end - @least
        key = (start % @q, prefix[start])
        seen[key] = seen.get(key, 0) + 1
        total += seen.get(((end - @s) % @q, (prefix[end] - @r) % @m), 0)
    return total
"""
_SLOW = """
def count_blocks(values):
    found = 0
    for i in range(len(values)):
        running = 0
        for j in range(i, len(values)):
            running += values[j]
            length = j - i + 1
            if length >= @least and length % @q == @s and running % @m == @r:
                found += 1
    return found
"""


def _draw(draw: Draw, level: int) -> Params:
    q, m = draw.integer(2, (2, 6, 9)[level]), draw.integer(2, (5, 40, 90)[level])
    return {
        "n": _N[level],
        "least": draw.integer(2, (3, 8, 12)[level]),
        "q": q,
        "s": draw.integer(0, q - 1),
        "m": m,
        "r": draw.integer(1, m - 1),
    }


def _counting(draw: Draw, p: Params) -> list[Any]:
    """Return a list that counts as a whole, with one more element before it."""
    length = p["least"] + (p["s"] - p["least"]) % p["q"]
    values = bulk(draw, length, -9, 9)
    values[-1] += (p["r"] - sum(values)) % p["m"]
    return [[draw.integer(-9, 9), *values]]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    least, m, r = p["least"], p["m"], p["r"]
    small = [[bulk(draw, draw.integer(least + 1, least + 7), -9, 9)] for _ in range(10)]
    edges: list[Any] = [[[0]], [[r] + [0] * (least + 6)], [[r] + [m] * (least + 9)]]
    edges += [[[r - m] + [-m] * (least + 9)], [[-1000] * p["n"] if level < 2 else [-1000] * 99]]
    edges += [[[r] + [0] * size] for size in range(least - 1, least + 10)]
    edges += [[[*[0] * size, r]] for size in range(least - 2, least + 3)]
    shorter = [[bulk(draw, min(p["n"], 300), -3, 3)], [bulk(draw, 39, -1000, 1000)]]
    return [
        _counting(draw, p),
        _counting(draw, p),
        *small,
        *edges,
        *shorter,
        [bulk(draw, p["n"], -1000, 1000)],
    ]


FAMILY = CodeFamily(
    name="remainder_windows",
    topic="prefix sums",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="count_blocks",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("start = end - @least", "start = end - @least + 1"),
        ("(end - @s) % @q", "(end - @s - 1) % @q"),
        ("range(@least, len(prefix))", "range(@least, len(prefix) - 1)"),
        ("range(@least, len(prefix))", "range(@least + 1, len(prefix))"),
        ("(prefix[-1] + value) % @m", "int(__import__('math').fmod(prefix[-1] + value, @m))"),
        ("(prefix[end] - @r) % @m", "prefix[end]"),
    ),
    cpu_s=2.0,
)
