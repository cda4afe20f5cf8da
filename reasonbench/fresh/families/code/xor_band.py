"""Count pairs whose exclusive or lies between two bounds: bit by bit."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (20, 600, 20_000)
_BITS = (6, 12, 17)

_TAIL = """
Input: the first line has an integer n, the second line n integers a_1, ..., a_n.
Output: one integer, the number of pairs.

Constraints:
- 1 <= n <= @n
- 0 <= a_i < 2^@bits
"""
_STORIES = (
    """
How many pairs i < j are there for which the bitwise exclusive or of a_i and a_j is at least @low
and at most @high?
""",
    """
Each of n wizards has a number. Two wizards can duel if the bitwise XOR of their numbers, taken as
an integer, is neither less than @low nor more than @high. Count the pairs of wizards that can
duel. Different wizards may have equal numbers.
""",
    """
A sender stores code words a_1, ..., a_n as binary numbers. Two of them (at different places) form a
usable pair if combining them with XOR gives a number in the closed interval from @low to @high.
Find the number of usable pairs; the order within a pair does not matter.
""",
)
_REFERENCE = """
import sys
from collections import Counter


def main():
    values = list(map(int, sys.stdin.read().split()))[1:]
    groups = [Counter(value >> bit for value in values) for bit in range(@bits + 1)]

    def below(limit):
        total = 0
        for bit, group in enumerate(groups):
            if limit >> bit & 1:
                flip = limit >> bit ^ 1
                total += sum(n * group.get(key ^ flip, 0) for key, n in group.items())
        return total

    print((below(@high + 1) - below(@low)) // 2)


main()
"""
_SLOW = """
n = int(input())
values = list(map(int, input().split()))
found = 0
for i in range(n):
    for j in range(i + 1, n):
        if @low <= values[i] ^ values[j] <= @high:
            found += 1
print(found)
"""


def _draw(draw: Draw, level: int) -> Params:
    top = 2 ** _BITS[level]
    low = draw.integer(1, top // 2)
    return {
        "n": _N[level],
        "bits": _BITS[level],
        "low": low,
        "high": draw.integer(low + 1, top - 2),
    }


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    low, high, top = p["low"], p["high"], 2 ** p["bits"] - 1
    small = [bulk(draw, draw.integer(4, 8), 0, min(top, 2 * high)) for _ in range(10)]
    edges = [[0], [top], [0, low], [0, high], [0, low - 1], [0, high + 1], [low, low], [top] * 20]
    for bound in (low, high):
        value = draw.integer(0, top)
        edges.append([value, value ^ bound, value ^ bound, value])
    edges += [[0] * 7 + [high] * 9, [0] * 5 + [low] * 6, [1, 2, 4, 8, 16, 32], [top, 0]]
    large = [bulk(draw, p["n"], 0, top)]
    if level < 2:
        large.append(bulk(draw, p["n"], 0, 3))
    return [rows(len(values), values) for values in (*small, *edges, *large)]


FAMILY = CodeFamily(
    name="xor_band",
    topic="bit tricks",
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
        ("below(@high + 1)", "below(@high)"),
        ("below(@low)", "below(@low + 1)"),
        (") // 2)", "))"),
        ("sum(n * group", "sum(group"),
        (" - below(@low)", ""),
        ("flip = limit >> bit ^ 1", "flip = limit >> bit"),
    ),
    cpu_s=2.0,
)
