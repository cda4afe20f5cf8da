"""Systems of equations with one solution, given as a tuple."""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import bracketed, fraction, ordered, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "linear": (
        "Solve the system @system. Give your answer as $@names$.",
        "Real numbers satisfy @system. Find $@names$.",
        "Determine the ordered @kind $@names$ of real numbers for which @system.",
    ),
    "products": (
        "Positive real numbers $x$, $y$, $z$ satisfy @system. Find the ordered triple $@names$.",
        "Solve the system @system in positive real numbers, and give your answer as $@names$.",
        "Determine all ordered triples $@names$ of positive real numbers for which @system; there "
        "is exactly one.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    count = len(p["right"])
    names = "xyz"[:count]
    if p["form"] == "linear":
        lefts = [total(list(zip(row, names, strict=True))) for row in p["rows"]]
    else:
        sums = [
            bracketed(total([(1, n), (s, "")])) for n, s in zip(names, p["shifts"], strict=True)
        ]
        lefts = [sums[0] + sums[1], sums[1] + sums[2], sums[2] + sums[0]]
    equations = [f"${left} = {right}$" for left, right in zip(lefts, p["right"], strict=True)]
    return {
        "system": ", ".join(equations[:-1]) + f" and {equations[-1]}",
        "names": ordered(names),
        "kind": "pair" if count == 2 else "triple",
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        n = 3 if level else 2
        hidden = [draw.integer(-9, 12) for _ in range(n)]
        if level in (3, 4):
            hidden = draw.distinct(3, 1, 40 if level == 3 else 14)
            shifts = [draw.integer(-4, 9) if level == 4 else 0 for _ in hidden]
            u, v, w = (h + s for h, s in zip(hidden, shifts, strict=True))
            return {"form": "products", "shifts": shifts, "right": [u * v, v * w, w * u]}
        rows = [[draw.integer(-5, 7) for _ in range(n)] for _ in range(n)]
        if level == 1:
            a, b, c = (draw.integer(1, 4) for _ in range(3))
            rows = [[a, b, 0], [0, b, c], [a, 0, c]]
        right = [sum(a * h for a, h in zip(row, hidden, strict=True)) for row in rows]
        return {"form": "linear", "rows": rows, "right": right}

    def fine(p: Params) -> bool:
        if p["form"] == "products":
            sums = [v > 0 for v in p["right"]]
            return all(sums) and (0 not in p["shifts"] or level == 3) and _positive(p)
        bare = level != 1 and any(0 in row for row in p["rows"])
        return not bare and bool(_determinant(p["rows"])) and all(row[0] >= 0 for row in p["rows"])

    return redrawn(make, fine)


def _positive(p: Params) -> bool:
    """Whether the factors are positive, the solution is, and the other sign of it is not."""
    return all(u > s and -u <= s for u, s in zip(_factors(p["right"]), p["shifts"], strict=True))


def _factors(right: Sequence[int]) -> list[int]:
    uv, vw, wu = right
    return [isqrt(uv * wu // vw), isqrt(uv * vw // wu), isqrt(vw * wu // uv)]


def _determinant(m: Sequence[Sequence[int]]) -> int:
    if len(m) == 1:
        return m[0][0]
    return sum(
        (-1) ** j * m[0][j] * _determinant([[*row[:j], *row[j + 1 :]] for row in m[1:]])
        for j in range(len(m))
    )


def _solve(p: Params) -> str:
    if p["form"] == "products":
        found = zip(_factors(p["right"]), p["shifts"], strict=True)
        return ordered([u - s for u, s in found])
    rows, right = p["rows"], p["right"]
    whole = _determinant(rows)
    columns = (
        [[*row[:j], r, *row[j + 1 :]] for row, r in zip(rows, right, strict=True)]
        for j in range(len(rows))
    )
    return ordered([fraction(Fraction(_determinant(column), whole)) for column in columns])


def _check(p: Params) -> str:
    right = p["right"]
    if p["form"] == "products":
        a, b, c = p["shifts"]
        found = [
            (x, right[0] // (x + a) - b, right[2] // (x + a) - c)
            for x in range(1, right[0] + 10)
            if x + a > 0 and right[0] % (x + a) == 0 == right[2] % (x + a)
        ]
        good = [t for t in found if (t[1] + b) * (t[2] + c) == right[1] and min(t) > 0]
        return ordered(good[0]) if len(good) == 1 else str(good)
    rows = [[Fraction(v) for v in (*row, r)] for row, r in zip(p["rows"], right, strict=True)]
    n = len(rows)
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return ordered([fraction(row[-1]) for row in rows])


FAMILY = MathFamily(
    name="systems",
    topic="algebra",
    kind="tuple",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
