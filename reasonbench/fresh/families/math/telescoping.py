"""Sums that telescope, as fractions."""

from fractions import Fraction
from math import gcd

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import fraction, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "any": (
        "Compute $\\sum_{k=@first}^{@last} @term$. Give your answer as a fraction in lowest terms.",
        "Find the exact value of $\\sum_{k=@first}^{@last} @term$ as a common fraction.",
        "The number $@term$ is written on a card for every integer $k$ from $@first$ to $@last$, "
        "inclusive. What is the sum of the numbers on all the cards, as a fraction in lowest "
        "terms?",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    a, b, d = p["a"], p["b"], p["d"]

    def factor(shift: int) -> str:
        inner = total([(a, "k"), (b + shift, "")])
        return inner if inner == "k" else f"({inner})"

    if p["shape"] == "squares":
        # A multiple of the difference of the squares, over their product.
        c = p["c"]
        top = total([(2 * a * c, "k"), (c * (2 * b + a * d), "")])
        return {"term": rf"\frac{{{top}}}{{{factor(0)}^2{factor(a * d)}^2}}"}
    product = "".join(factor(a * d * i) for i in range(3 if p["shape"] == "three" else 2))
    return {"term": rf"\frac{{{p['c']}}}{{{product}}}"}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        a = 1 if level == 0 else draw.integer(1, 4)
        d = 1 if level in (0, 1, 3) else draw.integer(2, 4)
        shape = ("two", "two", "two", "three", draw.choice(["squares", "three"]))[level]
        if shape == "squares":
            d = draw.integer(1, 2)
        first = draw.integer(1, 15 if level == 0 else 6)
        last = first + draw.integer(*((4, 50), (10, 40), (20, 99), (10, 60), (12, 60))[level])
        b, c = draw.integer(0, 5) if level else 0, draw.integer(1, 9) if level else 1
        return {
            "form": "any",
            "shape": shape,
            "a": a,
            "b": b,
            "c": c,
            "d": d,
            "first": first,
            "last": last,
        }

    def fine(p: Params) -> bool:
        reduced = gcd(p["a"], p["b"]) == 1
        return reduced and 2 < _value(p).denominator < 10**8

    return redrawn(make, fine)


def _value(p: Params) -> Fraction:
    """Each term is a difference of g at k and at k + d."""
    a, b, c, d = p["a"], p["b"], p["c"], p["d"]

    def g(k: int) -> Fraction:
        if p["shape"] == "squares":
            return Fraction(c, a * d * (a * k + b) ** 2)
        if p["shape"] == "three":
            return Fraction(c, 2 * a * d * (a * k + b) * (a * k + b + a * d))
        return Fraction(c, a * d * (a * k + b))

    return sum((g(p["first"] + i) - g(p["last"] + 1 + i) for i in range(d)), start=Fraction(0))


def _solve(p: Params) -> str:
    return fraction(_value(p))


def _check(p: Params) -> str:
    a, b, c, d = p["a"], p["b"], p["c"], p["d"]
    answer = Fraction(0)
    for k in range(p["first"], p["last"] + 1):
        if p["shape"] == "squares":
            one, other = a * k + b, a * (k + d) + b
            answer += Fraction(c * (one + other), one**2 * other**2)
        else:
            bottom = (a * k + b) * (a * (k + d) + b)
            bottom *= a * (k + 2 * d) + b if p["shape"] == "three" else 1
            answer += Fraction(c, bottom)
    return fraction(answer)


FAMILY = MathFamily(
    name="telescoping",
    topic="sequences",
    kind="fraction",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
