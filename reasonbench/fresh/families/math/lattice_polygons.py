"""Lattice points of polygons: Pick's theorem and dilations."""

from collections.abc import Sequence
from math import gcd

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, ordered, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "boundary": (
        "How many points with integer coordinates lie on the sides (vertices included) of the "
        "@shape with vertices @points?",
        "Consider the @shape whose vertices, in order, are @points. Find the number of lattice "
        "points on its boundary.",
        "A lattice point is a point with two integer coordinates. Determine how many lattice "
        "points are on the perimeter of the @shape with vertices @points in this order.",
    ),
    "interior": (
        "How many points with integer coordinates lie strictly inside the @shape with vertices "
        "@points, listed in order?",
        "Consider the @shape whose vertices, in order, are @points. Find the number of lattice "
        "points in its interior, not counting points on its sides.",
        "A lattice point is a point with two integer coordinates. Determine how many lattice "
        "points are in the interior (boundary excluded) of the @shape with vertices @points in "
        "this order.",
    ),
    "dilated": (
        "The @shape with vertices @points, listed in order, is enlarged by the factor $@t$ from "
        "the origin. How many points with integer coordinates lie inside the enlarged figure or on "
        "its boundary?",
        "Every vertex of the @shape with the vertices @points, in this order, has both coordinates "
        "multiplied by $@t$. Find the number of lattice points in the closed region bounded by the "
        "new figure, its boundary included.",
        "Let $P$ be the closed @shape with vertices @points in order, and let "
        "$@t P = \\{(@t x, @t y) : (x, y) \\in P\\}$. Determine the number of lattice points in "
        "$@t P$, including those on its boundary.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    shape = {3: "triangle", 4: "convex quadrilateral", 5: "convex pentagon"}[len(p["points"])]
    return {"shape": shape, "points": listed(maths([ordered(point) for point in p["points"]]))}


def _draw(draw: Draw, level: int) -> Params:
    count = (3, 3, 4, 5, 4)[level]

    def make() -> Params:
        reach = (8, 10, 10, 9, 7)[level]
        points = [[draw.integer(-reach, reach), draw.integer(-reach, reach)] for _ in range(count)]
        if level == 0:
            points[0] = [0, 0]
        form = ("boundary", "interior", "interior", "interior", "dilated")[level]
        p = {"form": form, "points": _hull(points)}
        return {**p, "t": draw.integer(3, 9)} if level == 4 else p

    def fine(p: Params) -> bool:
        return len(p["points"]) == count and abs(_area2(p["points"])) > 30 and int(_solve(p)) > 3

    return redrawn(make, fine)


def _turn(a: Sequence[int], b: Sequence[int], c: Sequence[int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _hull(points: Sequence[list[int]]) -> list[list[int]]:
    """Corners of the convex hull in order; points on a side are left out."""
    chains = []
    for run in (sorted(points), sorted(points, reverse=True)):
        chain: list[list[int]] = []
        for point in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains += chain[:-1]
    return chains


def _area2(points: Sequence[Sequence[int]]) -> int:
    ends = zip(points, [*points[1:], points[0]], strict=True)
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in ends)


def _solve(p: Params) -> str:
    points = p["points"]
    ends = zip(points, [*points[1:], points[0]], strict=True)
    boundary = sum(gcd(a[0] - b[0], a[1] - b[1]) for a, b in ends)
    area2 = abs(_area2(points))
    match p["form"]:
        case "boundary":
            return str(boundary)
        case "interior":
            return str((area2 - boundary) // 2 + 1)
    t = p["t"]
    return str((area2 * t * t + boundary * t) // 2 + 1)


def _check(p: Params) -> str:
    """Look at every lattice point of the bounding box."""
    t = p.get("t", 1)
    points = [(t * x, t * y) for x, y in p["points"]]
    sides = list(zip(points, [*points[1:], points[0]], strict=True))
    lines = [(a[1] - b[1], b[0] - a[0], a[0] * b[1] - b[0] * a[1]) for a, b in sides]
    xs, ys = zip(*points, strict=True)
    inside = edge = 0
    for x in range(min(xs), max(xs) + 1):
        for y in range(min(ys), max(ys) + 1):
            least = min(u * x + v * y + w for u, v, w in lines)
            inside += least > 0
            edge += least == 0
    return str({"boundary": edge, "interior": inside, "dilated": inside + edge}[p["form"]])


def quantity(p: Params) -> str:
    """Return what is asked for, to be put into another problem."""
    where = {
        "boundary": "on the boundary of the",
        "interior": "strictly inside the",
        "dilated": f"inside or on the boundary of the image, under an enlargement by the factor "
        f"${p.get('t')}$ from the origin, of the",
    }[p["form"]]
    texts = _texts(p)
    return (
        f"the number of points with integer coordinates {where} {texts['shape']} with vertices "
        f"{texts['points']}, in this order"
    )


FAMILY = MathFamily(
    name="lattice_polygons",
    topic="geometry",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
