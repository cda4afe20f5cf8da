"""Sums of fractions over the roots of a polynomial."""

from fractions import Fraction

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import (
    fraction,
    listed,
    maths,
    polynomial,
    total,
    worded,
)
from reasonbench.fresh.family import MathFamily, Params

_NAMES = "rstu"
_FORMS = {
    "any": (
        "Let @roots be the complex roots, counted with multiplicity, of $@polynomial$. Find "
        "$@what$ as an integer or a fraction in lowest terms.",
        "The polynomial $@polynomial$ has complex roots @roots (repeated according to "
        "multiplicity). Compute $@what$, and give the exact value as a common fraction or integer.",
        "Given that the equation $@polynomial = 0$ has the complex roots @roots, counted with "
        "multiplicity, determine the exact rational value of $@what$.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    names = _NAMES[: len(p["coefficients"]) - 1]

    def term(name: str) -> str:
        below = total([(1, name), (-p["a"], "")])
        if p["what"] == "square":
            below = f"({below})^2" if p["a"] else f"{below}^2"
        return rf"\frac{{{name if p['what'] == 'itself' else 1}}}{{{below}}}"

    return {
        "roots": listed(maths(names)),
        "polynomial": polynomial(p["coefficients"]),
        "what": "+".join(map(term, names)),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        degree = (2, 3, 3, 3, 4)[level]
        coefficients = [draw.integer(-12, 12) for _ in range(degree)]
        coefficients.append(1 if level == 0 else draw.integer(1, 5))
        a = 0 if level < 2 else draw.choice([-3, -2, -1, 1, 2, 3])
        what = ("one", "one", "one", "itself", "square")[level]
        return {"form": "any", "coefficients": coefficients, "what": what, "a": a}

    def fine(p: Params) -> bool:
        c, a = p["coefficients"], p["a"]
        if c.count(0) > (level > 1) or c[0] == 0 or not sum(v * a**i for i, v in enumerate(c)):
            return False
        answer = Fraction(_value(p))
        return (
            answer.denominator > (level > 0)
            and answer not in (0, 1, -1)
            and abs(answer.numerator) < 100_000
        )

    return redrawn(make, fine)


def _value(p: Params) -> Fraction:
    """By P'/P, the logarithmic derivative, at a."""
    c, a = p["coefficients"], p["a"]
    at = Fraction(sum(v * a**i for i, v in enumerate(c)))
    first: int = sum(i * v * a ** (i - 1) for i, v in enumerate(c) if i > 0)
    second: int = sum(i * (i - 1) * v * a ** (i - 2) for i, v in enumerate(c) if i > 1)
    ones = -first / at
    if p["what"] == "square":
        return (first / at) ** 2 - second / at
    return Fraction(len(c) - 1 + a * ones) if p["what"] == "itself" else ones


def _solve(p: Params) -> str:
    return fraction(_value(p))


def _check(p: Params) -> str:
    """Shift the polynomial by a, reverse it, and read the sums off its coefficients."""
    c, a = [Fraction(v) for v in p["coefficients"]], p["a"]
    n = len(c) - 1
    for start in range(n):
        # Repeated synthetic division by x - a.
        for i in range(n - 1, start - 1, -1):
            c[i] += a * c[i + 1]
    first = -c[1] / c[0]
    if p["what"] == "square":
        return fraction(first**2 - 2 * c[2] / c[0])
    return fraction(n + a * first if p["what"] == "itself" else first)


FAMILY = MathFamily(
    name="root_fractions",
    topic="algebra",
    kind="fraction",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
