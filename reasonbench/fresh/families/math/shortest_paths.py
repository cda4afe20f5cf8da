"""Shortest paths that touch lines: reflection."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import hypot

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import ordered, root, total, worded
from reasonbench.fresh.family import MathFamily, Params

_END = " Give the exact value in simplest radical form."
_FORMS = {
    "direct": (
        "Find the distance between the points $@one$ and $@two$ in the coordinate plane." + _END,
        "What is the length of the segment with endpoints $@one$ and $@two$?" + _END,
        "A bird flies in a straight line from $@one$ to $@two$. How long is its path?" + _END,
    ),
    "touch": (
        "In the coordinate plane, a path leads from $A = @one$ to $B = @two$ and touches @lines on "
        "the way. What is the smallest possible length of the path?" + _END,
        "An ant at $@one$ wants to walk to $@two$ but must visit @lines on its way. Find the "
        "length of the shortest route." + _END,
        "Among all curves in the plane that start at $@one$, meet @lines, and end at $@two$, "
        "determine the minimal length." + _END,
    ),
}


def _texts(p: Params) -> dict[str, str]:
    lines = {
        "none": "",
        "axis": "the $x$-axis",
        "axes": "both the $x$-axis and the $y$-axis (in either order)",
        "diagonal": f"the line $y = {total([(p['slope'], 'x'), (p['k'], '')])}$",
        "strip": f"first the $x$-axis and after that the line $y = {p['k']}$",
    }
    return {"one": ordered(p["one"]), "two": ordered(p["two"]), "lines": lines[p["lines"]]}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        one, two = ([draw.integer(1, 15), draw.integer(1, 12)] for _ in range(2))
        lines = ("none", "axis", "axes", "diagonal", "strip")[level]
        k = 0
        if level == 3:
            k = draw.integer(-9, 25)
        if level == 4:
            k = draw.integer(max(one[1], two[1]) + 1, 20)
        slope = draw.choice([-1, 1])
        form = "touch" if level else "direct"
        return {"form": form, "lines": lines, "one": one, "two": two, "k": k, "slope": slope}

    def fine(p: Params) -> bool:
        sides = [y - p["slope"] * x - p["k"] for x, y in (p["one"], p["two"])]
        apart = p["one"] != p["two"] and p["one"][0] != p["two"][0]
        same = level != 3 or (sides[0] * sides[1] > 0 and p["k"] != 0)
        return apart and same and r"\sqrt" in _solve(p)

    return redrawn(make, fine)


def _solve(p: Params) -> str:
    (a, b), (c, d) = p["one"], p["two"]
    match p["lines"]:
        case "axis":
            d = -d
        case "axes":
            c, d = -c, -d
        case "diagonal":
            c, d = (d - p["k"], c + p["k"]) if p["slope"] == 1 else (p["k"] - d, p["k"] - c)
        case "strip":
            # Down to 0, up to k, and down to the second point.
            b, d = 0, b + p["k"] + (p["k"] - d)
    return root((a - c) ** 2 + (b - d) ** 2)


def _least(f: Callable[[float], float]) -> float:
    """The minimum of a convex function, by ternary search."""
    low, high = -60.0, 60.0
    for _ in range(42):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if f(left) < f(right) else (left, high)
    return f(low)


def _length(points: Sequence[Sequence[float]]) -> float:
    ends = pairwise(points)
    return sum(hypot(a[0] - b[0], a[1] - b[1]) for a, b in ends)


def _by_axes(one: Sequence[int], two: Sequence[int]) -> float:
    return _least(lambda x: _least(lambda y: _length([one, (x, 0), (0, y), two])))


def _check(p: Params) -> str:
    """Minimise over the points of contact; the square is known to be whole."""
    one, two, k, slope = p["one"], p["two"], p["k"], p["slope"]
    match p["lines"]:
        case "none":
            length = _length([one, two])
        case "axis":
            length = _least(lambda x: _length([one, (x, 0), two]))
        case "diagonal":
            length = _least(lambda x: _length([one, (x, slope * x + k), two]))
        case "strip":
            length = _least(lambda x: _least(lambda u: _length([one, (x, 0), (u, k), two])))
        case _:
            length = min(_by_axes(one, two), _by_axes(two, one))
    whole = round(length**2)
    return root(whole) if abs(length**2 - whole) < 1e-4 else str(length)


FAMILY = MathFamily(
    name="shortest_paths",
    topic="geometry",
    kind="surd",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
