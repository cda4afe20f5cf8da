"""Solution sets of polynomial and rational inequalities, as intervals."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import bracketed, fraction, polynomial, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "any": (
        "Solve the inequality $@left @sign @right$ over the real numbers. Write the solution set "
        "in interval notation, using $\\cup$ if it consists of several intervals.@point",
        "Find the set of all real numbers $x$ such that $@left @sign @right$. Give your answer in "
        "interval notation (with $\\cup$ for a union).@point",
        "For which real numbers $x$ does $@left @sign @right$ hold? Express the answer as an "
        "interval or a union of intervals.@point",
    ),
}
_SIGNS = ("<", r"\le", ">", r"\ge")


def _texts(p: Params) -> dict[str, str]:
    # Said of every inequality with a double root, whether a point is left alone or not.
    doubled = len(set(p.get("top", []))) < len(p.get("top", []))
    point = " An isolated point $a$ is written as $\\{a\\}$." if doubled else ""
    return {**_sides(p), "point": point}


def _sides(p: Params) -> dict[str, str]:
    sign = _SIGNS[p["sign"]]
    if p["shape"] == "linear":
        a, b, c, d = p["numbers"]
        return {
            "left": total([(a, "x"), (b, "")]),
            "sign": sign,
            "right": total([(c, "x"), (d, "")]),
        }
    if p["shape"] == "quadratic":
        return {"left": polynomial(_expanded(p["top"])), "sign": sign, "right": "0"}
    top, bottom, right = _shown(p)
    return {"left": rf"\frac{{{top}}}{{{bottom}}}", "sign": sign, "right": right}


def _product(roots: Sequence[int]) -> str:
    parts = []
    for a in sorted(set(roots)):
        base = bracketed(total([(1, "x"), (-a, "")]))
        parts.append(base if roots.count(a) == 1 else f"{base}^{roots.count(a)}")
    return "".join(parts)


def _expanded(roots: Sequence[int]) -> list[int]:
    result = [1]
    for a in roots:
        result = [x - a * y for x, y in zip([0, *result], [*result, 0], strict=True)]
    return result


def _shown(p: Params) -> tuple[str, str, str]:
    """Numerator, denominator and right side as they are asked."""
    if p["shape"] == "moved":
        # Both sides get k: the numerator is expanded, and must be brought back.
        top, bottom = _expanded(p["top"]), _expanded(p["bottom"])
        longer = [t + p["k"] * b for t, b in zip(top, [*bottom, 0, 0], strict=False)]
        return polynomial(longer), polynomial(bottom), str(p["k"])
    tight = _product(p["top"]), _product(p["bottom"])
    return (
        tight[0].strip("()") if len(p["top"]) == 1 else tight[0],
        (tight[1].strip("()") if len(p["bottom"]) == 1 else tight[1]),
        "0",
    )


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        sign = draw.integer(0, 3)
        if level == 0:
            numbers = [draw.integer(-9, 9) for _ in range(4)]
            return {"form": "any", "shape": "linear", "sign": sign, "numbers": numbers}
        top = draw.distinct((0, 2, 2, 2, 2)[level], -12, 12)
        bottom = draw.distinct((0, 0, 1, 2, 2)[level], -12, 12)
        p = {"form": "any", "sign": sign, "top": sorted(top), "bottom": sorted(bottom)}
        if level == 1:
            return {**p, "shape": "quadratic"}
        if level == 4:
            return {**p, "shape": "moved", "k": draw.choice([-3, -2, 2, 3, 4])}
        if level == 3:
            doubled = draw.choice(top)
            p["top"] = sorted([*top, doubled])
        return {**p, "shape": "rational"}

    def fine(p: Params) -> bool:
        if level == 0:
            a, b, c, d = p["numbers"]
            return bool(a * b * c != 0 and a != c and d != b)
        return not set(p["top"]) & set(p["bottom"]) and 0 not in p["bottom"]

    return redrawn(make, fine)


def _end(value: Fraction | None, plus: bool) -> str:
    return (r"\infty" if plus else r"-\infty") if value is None else fraction(value)


Piece = tuple[Fraction | None, Fraction | None, bool, bool]


def _written(pieces: Sequence[Piece]) -> str:
    return r"\cup".join(
        rf"\{{{fraction(low)}\}}"
        if low is not None and low == high
        else f"{'[' if closed else '('}{_end(low, False)},{_end(high, True)}{']' if shut else ')'}"
        for low, high, closed, shut in pieces
    )


def _numbers(p: Params) -> tuple[list[Fraction], list[Fraction], int]:
    """Roots above and below, with multiplicity, and the sign far to the right."""
    if p["shape"] == "linear":
        a, b, c, d = p["numbers"]
        return [Fraction(d - b, a - c)], [], 1 if a > c else -1
    return [Fraction(a) for a in p["top"]], [Fraction(a) for a in p.get("bottom", [])], 1


def _solve(p: Params) -> str:
    """Walk from the right; the sign turns at roots of odd multiplicity."""
    top, bottom, sign = _numbers(p)
    above, strict = p["sign"] > 1, p["sign"] % 2 == 0
    ends: list[Fraction | None] = [None, *sorted({*top, *bottom}, reverse=True), None]
    pieces: list[Piece] = []
    for high, low in pairwise(ends):
        shut = high is not None and not strict and high in top
        closed = low is not None and not strict and low in top
        if (sign > 0) == above:
            if pieces and pieces[-1][0] == high and shut:
                pieces[-1] = (low, pieces[-1][1], closed, pieces[-1][3])
            else:
                pieces.append((low, high, closed, shut))
        elif closed and low is not None and (top.count(low) % 2 == 0):
            pieces.append((low, low, True, True))
        if low is not None and (top + bottom).count(low) % 2:
            sign = -sign
    # A single point that borders on an interval was taken into it above.
    return _written(pieces[::-1])


def _holds(p: Params, x: Fraction) -> bool:
    """Whether the inequality as it is stated is true; false where it is undefined."""
    if p["shape"] == "linear":
        a, b, c, d = p["numbers"]
        left, right = a * x + b, c * x + d
    else:
        top, bottom = (_expanded(p.get(side, [])) for side in ("top", "bottom"))
        over, under = (sum(c * x**i for i, c in enumerate(side)) for side in (top, bottom))
        if under == 0:
            return False
        left, right = over / Fraction(under), Fraction(0)
    return bool((left < right, left <= right, left > right, left >= right)[p["sign"]])


def _check(p: Params) -> str:
    """Try each critical point and a point in each gap."""
    if p["shape"] == "linear":
        a, b, c, d = p["numbers"]
        critical = [Fraction(b - d, c - a)]
    else:
        critical = [Fraction(n) for n in range(-12, 13) if n in p["top"] + p["bottom"]]
    half = Fraction(1, 2)
    pieces: list[Piece] = []
    previous: Fraction | None = None
    for i in range(len(critical) + 1):
        following = critical[i] if i < len(critical) else None
        inner = critical[i] - half if i < len(critical) else critical[-1] + half
        start = previous is not None and _holds(p, previous)
        if _holds(p, inner):
            if pieces and pieces[-1][1] == previous and start:
                low, _, closed, _ = pieces.pop()
                pieces.append((low, following, closed, False))
            else:
                pieces.append((previous, following, start, False))
            if following is not None and _holds(p, following):
                pieces[-1] = (*pieces[-1][:3], True)
        elif following is not None and _holds(p, following):
            pieces.append((following, following, True, True))
        previous = following
    return _written(pieces)


FAMILY = MathFamily(
    name="inequalities",
    topic="algebra",
    kind="interval",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
