"""Whole symmetric functions of the roots of a polynomial."""

from collections.abc import Sequence

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, polynomial, total, worded
from reasonbench.fresh.family import MathFamily, Params

_NAMES = "rstu"
_FORMS = {
    "any": (
        "Let @roots be the complex roots, counted with multiplicity, of $@polynomial$. Find "
        "$@what$.",
        "The polynomial $@polynomial$ has complex roots @roots (repeated according to "
        "multiplicity). Compute $@what$.",
        "Given that the equation $@polynomial = 0$ has the complex roots @roots, counted with "
        "multiplicity, determine the value of $@what$.",
    ),
}


def _what(p: Params) -> str:
    names = _NAMES[: len(p["coefficients"])]
    if p["what"] == "powers":
        return "+".join(f"{name}^{{{p['k']}}}" for name in names)
    if p["what"] == "shifted":
        return "".join(f"({total([(1, name + '^2'), (p['k'], '')])})" for name in names)
    return "".join(f"({a}+{b})" for i, a in enumerate(names) for b in names[i + 1 :])


def _texts(p: Params) -> dict[str, str]:
    names = list(_NAMES[: len(p["coefficients"])])
    return {
        "roots": listed(maths(names)),
        "polynomial": polynomial([*p["coefficients"], 1]),
        "what": _what(p),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        degree = (2, 3, 3, 3, 4)[level]
        coefficients = [
            draw.integer(-15, 15) if level == 0 else draw.integer(-11, 11) for _ in range(degree)
        ]
        what = ("powers", "powers", "powers", draw.choice(["shifted", "sums"]), "powers")[level]
        low, high = ((2, 2), (2, 3), (4, 5), (1, 9), (5, 8))[level]
        return {
            "form": "any",
            "coefficients": coefficients,
            "what": what,
            "k": draw.integer(low, high) if what != "sums" else 1,
        }

    def fine(p: Params) -> bool:
        c = p["coefficients"]
        return c[0] != 0 and c.count(0) < 2 - (level < 2) and 2 < abs(int(_solve(p))) < 10**6

    return redrawn(make, fine)


def _power_sum(coefficients: Sequence[int], k: int) -> int:
    """Newton's identities; signs are those of the coefficients of the polynomial."""
    c = list(coefficients[::-1])
    sums: list[int] = []
    for i in range(1, k + 1):
        value = -i * c[i - 1] if i <= len(c) else 0
        value -= sum(c[j - 1] * sums[i - j - 1] for j in range(1, min(i - 1, len(c)) + 1))
        sums.append(value)
    return sums[-1]


def _solve(p: Params) -> str:
    coefficients, k = p["coefficients"], p["k"]
    if p["what"] == "powers":
        return str(_power_sum(coefficients, k))
    c, b, a = coefficients
    if p["what"] == "sums":
        # r + s = -a - t, so the product is the polynomial at -a, up to sign.
        return str((-a) ** 3 + a * a**2 + b * -a + c)
    # The product of r^2 + k is P(iw) P(-iw) with w^2 = k: |real|^2 + |imaginary|^2.
    return str((c - a * k) ** 2 + k * (b - k) ** 2)


def _companion(coefficients: Sequence[int]) -> list[list[int]]:
    n = len(coefficients)
    rows = [[int(j == i + 1) for j in range(n)] for i in range(n - 1)]
    return [*rows, [-c for c in coefficients]]


def _times(a: list[list[int]], b: list[list[int]]) -> list[list[int]]:
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, col, strict=True)) for col in columns] for row in a]


def _determinant(m: list[list[int]]) -> int:
    if len(m) == 1:
        return m[0][0]
    minors = ([row[:j] + row[j + 1 :] for row in m[1:]] for j in range(len(m)))
    return sum((-1) ** j * m[0][j] * _determinant(minor) for j, minor in enumerate(minors))


def _check(p: Params) -> str:
    """The roots are the eigenvalues of the companion matrix."""
    matrix = _companion(p["coefficients"])
    n = len(matrix)
    if p["what"] == "powers":
        result = matrix
        for _ in range(p["k"] - 1):
            result = _times(result, matrix)
        return str(sum(result[i][i] for i in range(n)))
    if p["what"] == "shifted":
        moved = _times(matrix, matrix)
    else:
        # Each sum of two roots is the sum of all less the third.
        moved = [[-value for value in row] for row in matrix]
    shift = p["k"] if p["what"] == "shifted" else -p["coefficients"][-1]
    return str(
        _determinant(
            [[v + shift * (i == j) for j, v in enumerate(row)] for i, row in enumerate(moved)]
        )
    )


def quantity(p: Params) -> str:
    """Return what is asked for, to be put into another problem."""
    texts = _texts(p)
    return (
        f"the value of ${texts['what']}$, where {texts['roots']} are the complex roots, counted "
        f"with multiplicity, of ${texts['polynomial']}$"
    )


FAMILY = MathFamily(
    name="vieta",
    topic="algebra",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
