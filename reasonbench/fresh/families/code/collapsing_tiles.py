"""Runs of tiles that vanish when enough equal ones lie side by side: stacks."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_LETTERS = "ABCDEF"
_N = (8, 500, 6_000)
_RUN = (6, 1_000, 10**9)

_TAIL = """
Kinds: @table.

Input: the first line has an integer n. Each of the next n lines has a letter c and an integer x:
x of kind c are added, one after the other.
Output: two integers, how many are left when all have been added, and the total of the points.

Constraints:
- 1 <= n <= @n
- 1 <= x <= @run
"""
_STORIES = (
    """
Tiles are put in a row, always at its right end. Each kind of tile has a size of group and a worth.
As soon as the last tiles of the row form a group, that is, so many equal tiles as the size of
group of their kind, they vanish, which gives (worth) times (1 + the number of tiles that remain in
the row) points. The row is empty at first.
""",
    """
In a game a row of coloured stones grows to the right, one stone at a time. When the colour of the
stone just placed has now appeared on the last g places of the row, g being the group size of the
colour, these g stones are taken away at once and the player scores w * (h + 1), where w is the
worth of the colour and h is the number of stones still in the row. Play begins with no stones.
""",
    """
A stack holds letters. After every push, if the top g letters are all equal, where g is the group
size of that letter, they are popped together; with h letters left on the stack this pays h + 1
times the worth of the letter. The stack starts empty.
""",
)
_REFERENCE = """
import sys


def main():
    words = sys.stdin.read().split()
    groups, worths = dict(@groups), dict(@worths)
    stack = []
    height = points = 0
    for at in range(1, len(words), 2):
        kind, count = words[at], int(words[at + 1])
        if stack and stack[-1][0] == kind:
            count += stack[-1][1]
            height -= stack.pop()[1]
        times, left = divmod(count, groups[kind])
        points += times * worths[kind] * (height + 1)
        if left:
            stack.append((kind, left))
            height += left
    print(height, points)


main()
"""
_SLOW = """
groups, worths = dict(@groups), dict(@worths)
row = ""
points = 0
for _ in range(int(input())):
    kind, count = input().split()
    for _ in range(int(count)):
        row += kind
        if row.endswith(kind * groups[kind]):
            row = row[:len(row) - groups[kind]]
            points += worths[kind] * (len(row) + 1)
print(len(row), points)
"""


def _view(p: Params) -> dict[str, Any]:
    kinds = list(zip(_LETTERS, p["groups"], p["worths"], strict=False))
    return {
        "n": p["n"],
        "run": p["run"],
        "groups": [(letter, group) for letter, group, _ in kinds],
        "worths": [(letter, worth) for letter, _, worth in kinds],
        "table": "; ".join(f"{k} (group size {group}, worth {w})" for k, group, w in kinds),
    }


def _draw(draw: Draw, level: int) -> Params:
    kinds = (2, 4, 6)[level]
    return {
        "n": _N[level],
        "run": _RUN[level],
        "groups": [draw.integer(2, 3 + 2 * level) for _ in range(kinds)],
        "worths": [draw.integer(2, 10 + 40 * level) for _ in range(kinds)],
    }


def _runs(draw: Draw, p: Params, count: int, longest: int) -> str:
    kinds = bulk(draw, count, 0, len(p["groups"]) - 1)
    lengths = bulk(draw, count, 1, longest)
    return rows(count, *((_LETTERS[k], x) for k, x in zip(kinds, lengths, strict=True)))


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [_runs(draw, p, draw.integer(4, 8), 5) for _ in range(10)]
    first, second = p["groups"][:2]
    edges = [rows(1, ("A", 1)), rows(1, ("A", first)), rows(1, ("B", p["run"]))]
    edges.append(rows(3, ("A", first - 1), ("B", second), ("A", 1)))
    edges.append(rows(4, ("B", 1), ("A", first - 1), ("B", second), ("A", 1)))
    edges.append(rows(3, ("A", 1), ("B", second - 1), ("B", p["run"])))
    large = [_runs(draw, p, p["n"], p["run"]), _runs(draw, p, p["n"], 2)]
    large.append(rows(p["n"], *[("A" if i % 2 else "B", 1) for i in range(p["n"])]))
    return [*small, *edges, *large]


FAMILY = CodeFamily(
    name="collapsing_tiles",
    topic="stacks",
    style="stdio",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES, view=_view),
    entry_point="",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE, _view),
    slow=filled(_SLOW, _view),
    wrong=mutants(
        _REFERENCE,
        ("(height + 1)", "height"),
        ("if stack and stack[-1][0] == kind:", "if False:"),
        ("height -= stack.pop()[1]", "stack.pop()"),
        ("count, groups[kind])", "count, groups[kind] + 1)"),
        ("points += times", "points += min(times, 1)"),
        view=_view,
    ),
    cpu_s=2.0,
)
