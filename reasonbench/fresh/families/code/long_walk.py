"""Points of a very long walk on a ring whose next place is a polynomial: cycle detection."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_RING = (50, 2_000, 100_000)
_STEPS = (1_000, 10**9, 10**18)

_TAIL = """
Input: one line with three integers m, x and n.
Output: one integer, the total modulo 1000000007.

Constraints:
- 1 <= m <= @ring
- 0 <= x < m
- 1 <= n <= @steps
"""
_STORIES = (
    """
A robot walks on a ring of m cells, numbered from 0 to m - 1, and starts on cell x. From cell y it
always goes on to cell (@a * y * y + @b * y + @c) mod m. A step from cell y to cell z scores y
points, and @bonus points more if z < y. How many points do the first n steps score in total?
""",
    """
A pseudo-random generator with modulus m starts in the state x; the state after y is
(@a * y^2 + @b * y + @c) mod m. Let s_0 = x, s_1, s_2, ... be its states. Find the total of
s_0 + s_1 + ... + s_{n-1}, plus @bonus for each i with 0 <= i < n and s_{i+1} < s_i.
""",
    """
Every night a ghost moves from room y of a castle to room f(y), where f(y) is the remainder of
@a * y * y + @b * y + @c when divided by m, the number of rooms; f(y) = y is possible. Rooms are
numbered from 0. It starts in room x. In each of n nights it counts the number of the room that it
leaves, and if the room that it enters has a smaller number, @bonus on top. What is the total of
its counts?
""",
)
_REFERENCE = """
def main():
    m, x, n = map(int, input().split())
    seen = {}
    totals = [0]
    while x not in seen and len(seen) < n:
        seen[x] = len(seen)
        after = (@a * x * x + @b * x + @c) % m
        totals.append(totals[-1] + x + (@bonus if after < x else 0))
        x = after
    if len(seen) == n:
        print(totals[n] % 1000000007)
        return
    tail = seen[x]
    length = len(seen) - tail
    rounds, left = divmod(n - tail, length)
    total = rounds * (totals[-1] - totals[tail]) + totals[tail + left]
    print(total % 1000000007)


main()
"""
_SLOW = """
m, x, n = map(int, input().split())
total = 0
for _ in range(n):
    total += x
    after = ((@a * x + @b) * x + @c) % m
    if after < x:
        total += @bonus
    x = after
print(total % 1000000007)
"""


def _draw(draw: Draw, level: int) -> Params:
    top = 9 + 45 * level
    return {
        "ring": _RING[level],
        "steps": _STEPS[level],
        "a": draw.integer(2, top),
        "b": draw.integer(2, top),
        "c": draw.integer(2, top),
        "bonus": draw.integer(2, 10 ** (1 + level)),
    }


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    given = []
    for _ in range(10):
        m = draw.integer(9, 50)
        given.append((m, draw.integer(0, m - 1), draw.integer(4, 20)))
    given += [(1, 0, 1), (1, 0, 300), (2, 1, 1), (2, 1, 7), (40, 39, 400), (50, 49, 1)]
    for _ in range(6):
        m = draw.integer(p["ring"] // 2, p["ring"])
        given.append((m, draw.integer(0, m - 1), draw.integer(p["steps"] // 2, p["steps"])))
    power = 2 ** (p["ring"].bit_length() - 1)
    given += [(power, 1, p["steps"]), (p["ring"], p["ring"] - 1, p["steps"]), (1, 0, p["steps"])]
    return [rows(line) for line in given]


FAMILY = CodeFamily(
    name="long_walk",
    topic="simulation",
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
        ("if after < x", "if after <= x"),
        ("tail = seen[x]", "tail = 0"),
        ("totals[tail + left]", "totals[left]"),
        ("totals[-1] + x +", "totals[-1] + after +"),
        ("(@a * x * x + @b * x + @c) % m", "(@a * x * x + @b * x + @c) % (m + 1) % m"),
        ("n - tail, length", "n - tail, length + 1"),
    ),
    cpu_s=2.0,
)
