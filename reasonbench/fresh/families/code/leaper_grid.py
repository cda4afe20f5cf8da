"""Cheapest way through a grid with steps and the leaps of a chess piece of its own."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_SIDE = (8, 25, 140)

_TAIL = """
Input: the first line has integers h and w, the numbers of rows and columns. Each of the next h
lines has w characters, digits or '#'. The first and the last cell of the grid are digits.
Output: the least total cost, or -1 if there is no way.

Constraints:
- 1 <= h, w <= @side
"""
_STORIES = (
    """
A piece stands on the top left cell of a grid and has to reach the bottom right cell. Cells marked
'#' are blocked; every other cell holds a digit. The piece may step to a cell that shares a side,
which costs @slope * d + @base, where d is the digit of the cell that it enters. Or it may leap
@short cells along one axis and @long cells along the other (any directions), over whatever lies
between, onto a cell that is not blocked; a leap costs @leap. What is the least total cost?
""",
    """
A rover drives from the north-west corner of a map to its south-east corner. Rocks are '#'; other
squares show their roughness, a digit. Driving one square north, south, east or west onto a square
of roughness d takes @slope * d + @base units of energy. A thruster jump moves the rover by @short
squares in one of the directions north/south or east/west and by @long squares in the other, either
way round; it takes @leap units whatever the roughness, and only must not end on a rock or off the
map. Find the least energy.
""",
    """
Consider the graph whose vertices are the cells of a grid that are not '#'. From a cell there are
arcs to the (up to four) side neighbours, of weight @slope * d + @base with d the digit in the
neighbour, and arcs of weight @leap to all cells (x + dx, y + dy) with {|dx|, |dy|} =
{@short, @long}. Compute the distance from the top left to the bottom right cell.
""",
)
_REFERENCE = """
import heapq
import sys


def main():
    words = sys.stdin.read().split()
    h, w, grid = int(words[0]), int(words[1]), words[2:]
    leaps = [(x * i, y * j) for x, y in ((@short, @long), (@long, @short))
             for i in (1, -1) for j in (1, -1)]
    best = {(0, 0): 0}
    heap = [(0, 0, 0)]
    while heap:
        cost, x, y = heapq.heappop(heap)
        if cost > best[x, y]:
            continue
        if (x, y) == (h - 1, w - 1):
            print(cost)
            return
        moves = [(x + 1, y, 0), (x - 1, y, 0), (x, y + 1, 0), (x, y - 1, 0)]
        moves += [(x + i, y + j, @leap) for i, j in leaps]
        for u, v, price in moves:
            if 0 <= u < h and 0 <= v < w and grid[u][v] != "#":
                total = cost + (price or @slope * int(grid[u][v]) + @base)
                if total < best.get((u, v), total + 1):
                    best[u, v] = total
                    heapq.heappush(heap, (total, u, v))
    print(-1)


main()
"""
_SLOW = """
h, w = map(int, input().split())
grid = [input().strip() for _ in range(h)]
far = 10**15
reach = range(-@long, @long + 1)
kinds = [[0, 1], [@short, @long]]
gaps = [(i, j) for i in reach for j in reach if sorted((abs(i), abs(j))) in kinds]
cost = [[far] * w for _ in range(h)]
cost[0][0] = 0
changed = True
while changed:
    changed = False
    for x in range(h):
        for y in range(w):
            if grid[x][y] == "#":
                continue
            for i, j in gaps:
                if 0 <= x + i < h and 0 <= y + j < w:
                    step = @slope * int(grid[x][y]) + @base if i * j == 0 else @leap
                    if cost[x + i][y + j] + step < cost[x][y]:
                        cost[x][y] = cost[x + i][y + j] + step
                        changed = True
print(cost[-1][-1] if cost[-1][-1] < far else -1)
"""


def _draw(draw: Draw, level: int) -> Params:
    slope, base = draw.integer(1, 9), draw.integer(1, 20)
    short = draw.integer(1, 2 + (level > 0))
    return {
        "side": _SIDE[level],
        "slope": slope,
        "base": base,
        "short": short,
        "long": draw.integer(short + 1, 3 + level),
        "leap": draw.integer(base + 1, 6 * slope + 4 * base),
    }


def _grid(draw: Draw, h: int, w: int, blocked: int, digits: int = 9) -> str:
    """Return a grid with a share of blocked cells, in percent."""
    marks = bulk(draw, h * w, 0, 99)
    values = bulk(draw, h * w, 0, digits)
    cells = ["#" if mark < blocked else str(d) for mark, d in zip(marks, values, strict=True)]
    cells[0], cells[-1] = "1", str(digits // 2)
    return rows((h, w), *("".join(cells[x * w : x * w + w]) for x in range(h)))


def _snake(side: int, thick: int) -> str:
    """Return a grid of corridors that are joined at alternate ends, with walls that no leap passes.

    Half of the way runs against the order in which a program goes over the cells.
    """
    walls = ("#" * (side - 1) + "0", "0" + "#" * (side - 1))
    lines = ["0" * side]
    while len(lines) + 2 * (thick + 1) <= side:
        for wall in walls:
            lines += [wall] * thick + ["0" * side]
    return rows((len(lines), side), *lines)


def _back(p: Params) -> list[Any]:
    """Return a grid, if it is not too large, whose only way leaps down, up again, and down."""
    short, long = p["short"], p["long"]
    h, w = 2 * long - short + 1, 2 * short + long + 1
    cells = [["#"] * w for _ in range(h)]
    for x, y in ((0, 0), (long, short), (long - short, short + long), (h - 1, w - 1)):
        cells[x][y] = "3"
    return [rows((h, w), *map("".join, cells))] if max(h, w) <= p["side"] else []


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [_grid(draw, draw.integer(3, 6), draw.integer(3, 6), 25) for _ in range(10)]
    small += [_grid(draw, 7, 7, 50) for _ in range(12)]
    edges = [rows((1, 1), "5"), rows((1, 2), "05"), rows((2, 1), "9", "9"), rows((1, 3), "1#1")]
    for x, y in ((p["short"], p["long"]), (p["long"], p["short"])):
        alone = [["#"] * (y + 1) for _ in range(x + 1)]
        alone[0][0] = alone[x][y] = "9"
        edges.append(rows((x + 1, y + 1), *map("".join, alone)))
    side = p["side"]
    edges += _back(p)
    half = (side + 1) // 2
    large = [_grid(draw, side, side, 30), _grid(draw, half, half, 60), _snake(side, p["long"])]
    large.append(_grid(draw, half, half, 10, digits=0))
    return [*small, *edges, *large, _grid(draw, half, side, 55)]


FAMILY = CodeFamily(
    name="leaper_grid",
    topic="grids",
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
        ("((@short, @long), (@long, @short))", "((@short, @long),)"),
        ("for i in (1, -1) for j in (1, -1)", "for i in (1,) for j in (1,)"),
        ("int(grid[u][v]) + @base", "int(grid[x][y]) + @base"),
        ("y + j, @leap)", "y + j, 0)"),
        ("print(cost)", "print(cost + @slope * int(grid[0][0]) + @base)"),
    ),
    cpu_s=2.0,
)
