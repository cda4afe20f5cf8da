"""Paths of steps right and up, past forbidden points and below the diagonal."""

from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, ordered, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "paths": (
        "A path from $(0, 0)$ to $@end$ consists of steps of one unit right or one unit up. How "
        "many such paths @rule?",
        "An ant on the integer grid walks from $(0, 0)$ to $@end$; each step increases exactly one "
        "of its coordinates by $1$. Find the number of walks that @rule.",
        "Consider the shortest lattice paths from the origin to the point $@end$ along the lines "
        "of the unit grid. Determine how many of them @rule.",
    ),
    "free": (
        "A path from $@start$ to $@end$ consists of steps of one unit right or one unit up. How "
        "many such paths are there?",
        "An ant on the integer grid walks from $@start$ to $@end$; each step increases exactly one "
        "of its coordinates by $1$. In how many ways can it walk?",
        "Determine the number of shortest lattice paths from the point $@start$ to the point "
        "$@end$ along the lines of the unit grid.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    rules = []
    if p.get("through"):
        rules.append(f"pass through the point ${ordered(p['through'])}$")
    if p.get("avoid", []):
        points = [ordered(point) for point in p.get("avoid", [])]
        which = "the point" if len(points) == 1 else "any of the points"
        rules.append(f"do not pass through {which} {listed(maths(points), 'or')}")
    if p.get("below"):
        rules.append("never go above the line $y = x$ (touching it is allowed)")
    start = ordered(p.get("start", [0, 0]))
    return {"start": start, "end": ordered(p["end"]), "rule": listed(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def point(end: list[int]) -> list[int]:
        return [draw.integer(0, end[0]), draw.integer(0, end[1])]

    def make() -> Params:
        low, high = ((2, 5), (3, 8), (4, 9), (5, 10), (6, 11))[level]
        end = [draw.integer(low, high), draw.integer(low, high)]
        if level == 4:
            end.sort(reverse=True)
        avoid = [point(end) for _ in range((0, 0, 2, 3, 3)[level])]
        through = point(end) if level == 1 else []
        if level == 0:
            start = [draw.integer(-4, 5), draw.integer(-4, 5)]
            moved = [a + b for a, b in zip(start, end, strict=True)]
            return {"form": "free", "start": start, "end": moved}
        return {
            "form": "paths",
            "end": end,
            "through": through,
            "avoid": sorted(avoid),
            "below": int(level == 4),
        }

    def fine(p: Params) -> bool:
        end, points = (
            p["end"],
            [*p.get("avoid", []), *([p.get("through")] if p.get("through") else [])],
        )
        inside = all(x + y > 1 and x + y < sum(end) - 1 for x, y in points)
        distinct = len({tuple(point) for point in points}) == len(points)
        below = not p.get("below") or all(x >= y for x, y in points)
        return inside and distinct and below and int(_solve(p)) > 3

    return redrawn(make, fine)


def _between(one: list[int], other: list[int], below: bool) -> int:
    right, up = other[0] - one[0], other[1] - one[1]
    if right < 0 or up < 0:
        return 0
    if not below:
        return comb(right + up, up)
    # Reflect the start in y = x + 1, which the path must not meet.
    mirrored = other[0] - one[1] + 1
    return comb(right + up, up) - (comb(right + up, mirrored) if mirrored >= 0 else 0)


def _solve(p: Params) -> str:
    below, end = bool(p.get("below")), p["end"]
    if p["form"] == "free":
        return str(_between(p["start"], end, below))
    if through := p.get("through"):
        return str(_between([0, 0], through, below) * _between(through, end, below))
    # Paths by the first forbidden point that they meet.
    points = sorted([*p.get("avoid", []), end], key=sum)
    clean: list[int] = []
    for i, target in enumerate(points):
        blocked = sum(clean[j] * _between(points[j], target, below) for j in range(i))
        clean.append(_between([0, 0], target, below) - blocked)
    return str(clean[-1])


def _check(p: Params) -> str:
    through, (left, low) = p.get("through"), p.get("start", [0, 0])
    width, height = p["end"][0] - left, p["end"][1] - low
    ways = {(0, 0): 1}
    for x in range(width + 1):
        for y in range(height + 1):
            if (x, y) != (0, 0):
                ways[x, y] = ways.get((x - 1, y), 0) + ways.get((x, y - 1), 0)
            if [x, y] in p.get("avoid", []) or (p.get("below") and y > x):
                ways[x, y] = 0
            if through and x + y == sum(through) and [x, y] != through:
                ways[x, y] = 0
    return str(ways[width, height])


def quantity(p: Params) -> str:
    """Return what is asked for, to be put into another problem."""
    texts = _texts(p)
    return (
        f"the number of paths from ${texts['start']}$ to ${texts['end']}$ that consist "
        "of unit steps to the right and unit steps up"
        f"{', and that ' * bool(texts['rule'])}{texts['rule']}"
    )


FAMILY = MathFamily(
    name="lattice_paths",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
