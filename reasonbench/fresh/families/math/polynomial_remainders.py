"""Remainders of polynomials of high degree."""

from fractions import Fraction
from math import factorial, perm

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import polynomial, power, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "any": (
        "Find the remainder when $@dividend$ is divided by $@divisor$. Give your answer as a "
        "polynomial in $x$.",
        "Let $P(x) = @dividend$. What is the remainder, as a polynomial in $x$, when $P(x)$ is "
        "divided by $@divisor$?",
        "There is a unique polynomial $R(x)$ of degree less than $@degree$ such that "
        "$@dividend - R(x)$ is divisible by $@divisor$. Determine $R(x)$.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    roots = p["roots"]
    factors = [
        power("x" if a == 0 else f"({total([(1, 'x'), (-a, '')])})", roots.count(a))
        for a in sorted(set(roots), key=lambda a: (a != 0, a))
    ]
    divisor = "".join(factors)
    return {
        "dividend": total([(c, power("x", e)) for c, e in p["terms"]]),
        "divisor": divisor,
        "degree": len(roots),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        roots = {
            0: [-1, 1],
            1: draw.distinct(2, -3, 3),
            2: [draw.choice([-2, -1, 1, 2])] * 2,
            3: draw.sample([-2, -1, 0, 1, 2], 3),
            4: [*[a := draw.choice([-1, 1])] * 2, draw.choice([-a, 0, 2])],
        }[level]
        large = any(abs(a) > 1 for a in roots)
        low, high = (4, 9) if large else (9, 30 if level == 0 else 99)
        powers = sorted(draw.distinct(2 if level < 3 else 3, low, high), reverse=True)
        terms = [[draw.choice([-3, -2, -1, 1, 1, 2, 3]), e] for e in powers]
        terms[0][0] = abs(terms[0][0])
        terms.append([draw.choice([-9, -7, -5, -4, 4, 5, 7, 8]), draw.integer(0, 1)])
        return {"form": "any", "roots": sorted(roots), "terms": terms}

    def fine(p: Params) -> bool:
        remainder = _remainder(p)
        return all(remainder[1:]) and max(map(abs, remainder)) < 10**5

    return redrawn(make, fine)


def _derivative(p: Params, a: int, k: int) -> int:
    """The k-th derivative at a, over k factorial."""
    whole = sum(c * perm(e, k) * a ** (e - k) for c, e in p["terms"] if e >= k)
    return int(whole) // factorial(k)


def _remainder(p: Params) -> list[Fraction]:
    """Hermite interpolation at the roots by divided differences."""
    roots = p["roots"]
    column = [Fraction(_derivative(p, a, 0)) for a in roots]
    newton = [column[0]]
    for k in range(1, len(roots)):
        column = [
            (column[i + 1] - column[i]) / (roots[i + k] - roots[i])
            if roots[i + k] != roots[i]
            else Fraction(_derivative(p, roots[i], k))
            for i in range(len(roots) - k)
        ]
        newton.append(column[0])
    result = [Fraction(0)]
    for value, a in zip(reversed(newton), reversed(roots), strict=True):
        moved = [Fraction(0), *result]
        for i, c in enumerate(result):
            moved[i] -= a * c
        moved[0] += value
        result = moved
    return result[: len(roots)]


def _solve(p: Params) -> str:
    return polynomial(_remainder(p))


def _check(p: Params) -> str:
    """Long division."""
    divisor = [1]
    for a in p["roots"]:
        divisor = [x - a * y for x, y in zip([0, *divisor], [*divisor, 0], strict=True)]
    left = [0] * (max(e for _, e in p["terms"]) + 1)
    for c, e in p["terms"]:
        left[e] += c
    while len(left) >= len(divisor):
        lead = left[-1]
        for i, c in enumerate(reversed(divisor)):
            left[-1 - i] -= lead * c
        left.pop()
    return polynomial(left)


FAMILY = MathFamily(
    name="polynomial_remainders",
    topic="algebra",
    kind="expression",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
