"""Functions that are composed, iterated, inverted, or given by a functional equation."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import polynomial, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "compose": (
        "Let $f(x) = @f$ and $g(x) = @g$. Find $f(g(x))$ in terms of $x$.",
        "The functions $f$ and $g$ are given by $f(x) = @f$ and $g(x) = @g$. Write $f(g(x))$ as a "
        "simplified expression in $x$.",
        "If $f(x) = @f$ and $g(x) = @g$, what is $f(g(x))$, simplified?",
    ),
    "iterate": (
        "Let $f(x) = @f$, and let $f^{(k)}$ denote $f$ applied $k$ times, so that "
        "$f^{(2)}(x) = f(f(x))$. Find $f^{(@k)}(x)$ in terms of $x$.",
        "A function is defined by $f_1(x) = @f$ and $f_{n+1}(x) = f_1(f_n(x))$ for all "
        "$n \\ge 1$. Determine $f_{@k}(x)$ as a simplified expression in $x$.",
        "A machine replaces the number $x$ by $@f$. A number $x$ is put in and the output is put "
        "in again, until the machine has been used $@k$ times in all. What is the final output, in "
        "terms of $x$ and simplified?",
    ),
    "quotients": (
        "Let $f(x) = @f$, and let $f^{(k)}$ denote $f$ applied $k$ times, so that "
        "$f^{(2)}(x) = f(f(x))$. Write $f^{(@k)}(x)$ as a quotient of two linear polynomials in "
        "$x$.",
        "A function is defined by $f_1(x) = @f$ and $f_{n+1}(x) = f_1(f_n(x))$ for all "
        "$n \\ge 1$, wherever this is defined. Determine $f_{@k}(x)$ as a single simplified "
        "fraction.",
        "Starting with $x$, the operation $t \\mapsto @t$ is carried out $@k$ times. Assuming that "
        "no denominator is ever $0$, find the result as a single simplified fraction in $x$.",
    ),
    "reflected": (
        "A function $f$ satisfies $@equation$ for all real numbers $x$. Find $f(x)$.",
        "Find $f(x)$, given that $f$ is defined on the real numbers and $@equation$ for every real "
        "$x$.",
        "Let $f$ be a function from the real numbers to the real numbers such that $@equation$ for "
        "all real $x$. Determine $f(x)$ as a polynomial in $x$.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    match p["form"]:
        case "quotients":
            (a, b), (c, d) = p["f"]
            f = rf"\frac{{{total([(a, 'x'), (b, '')])}}}{{{total([(c, 'x'), (d, '')])}}}"
            return {"f": f, "t": f.replace("x", "t")}
        case "reflected":
            inner = total([(p["s"], ""), (-1, "x")])
            left = total([(1, "f(x)"), (p["a"], f"f({inner})")])
            return {"equation": f"{left} = {polynomial(p['g'])}"}
    return {"f": polynomial(p["f"]), "g": polynomial(p.get("g", []))}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        f = [draw.choice([-1, 1]) * draw.integer(1, 15), draw.choice([-4, -3, -2, 2, 3, 4, 5])]
        match level:
            case 0:
                return {"form": "compose", "f": f, "g": [draw.integer(1, 9), draw.integer(2, 6)]}
            case 1:
                return {"form": "iterate", "f": f, "k": draw.integer(3, 5)}
            case 2:
                rows = [[draw.integer(-6, 8), draw.integer(-8, 9)] for _ in range(2)]
                return {"form": "quotients", "f": rows, "k": draw.integer(2, 3)}
            case 3:
                g = [draw.integer(-9, 9) for _ in range(3)]
                a = draw.choice([-3, -2, 2, 3, 4])
                return {"form": "reflected", "g": g, "a": a, "s": draw.integer(1, 6)}
        rows = [[draw.integer(-6, 6), draw.integer(-7, 7)] for _ in range(2)]
        return {"form": "quotients", "f": rows, "k": draw.integer(5, 12)}

    def fine(p: Params) -> bool:
        if p["form"] != "quotients":
            return bool(p["form"] != "reflected" or (p["g"][2] > 0 and 0 not in p["g"]))
        (a, b), (c, d) = p["f"]
        simple = a > 0 and c > 0 and b * d != 0 and a * d != b * c and gcd(a, b, c, d) == 1
        power = _by_recurrence(p["f"], p["k"])
        return simple and 0 not in power and max(map(abs, _reduced(power))) < 10**7

    return redrawn(make, fine)


def _reduced(entries: Sequence[int]) -> list[int]:
    common = gcd(*entries)
    return [e // common * (1 if entries[2] > 0 else -1) for e in entries]


def _by_recurrence(f: Sequence[Sequence[int]], k: int) -> list[int]:
    """Cayley-Hamilton: M^k = u M - v with u and v from a linear recurrence."""
    (a, b), (c, d) = f
    trace, det = a + d, a * d - b * c
    before, now = 0, 1
    for _ in range(k - 1):
        before, now = now, trace * now - det * before
    shift = det * before
    return [a * now - shift, b * now, c * now, d * now - shift]


def _quotient(entries: Sequence[int]) -> str:
    a, b, c, d = _reduced(entries)
    return rf"\frac{{{total([(a, 'x'), (b, '')])}}}{{{total([(c, 'x'), (d, '')])}}}"


def _solve(p: Params) -> str:
    match p["form"]:
        case "compose":
            (b, a), (d, c) = p["f"], p["g"]
            return polynomial([a * d + b, a * c])
        case "iterate":
            (b, a), k = p["f"], p["k"]
            return polynomial([b * (a**k - 1) // (a - 1), a**k])
        case "quotients":
            return _quotient(_by_recurrence(p["f"], p["k"]))
    # With x and s - x exchanged: (1 - a^2) f(x) = g(x) - a g(s - x).
    (g0, g1, g2), a, s = p["g"], p["a"], p["s"]
    turned = [g0 + g1 * s + g2 * s * s, -g1 - 2 * g2 * s, g2]
    pairs = zip(p["g"], turned, strict=True)
    return polynomial([Fraction(one - a * other, 1 - a * a) for one, other in pairs])


def _through(points: Sequence[tuple[int, Fraction]]) -> list[Fraction]:
    """Coefficients of the polynomial through some points, by Lagrange's formula."""
    result = [Fraction(0)] * len(points)
    for i, (x, y) in enumerate(points):
        basis, scale = [Fraction(1)], Fraction(1)
        for j, (other, _) in enumerate(points):
            if j != i:
                raised = zip([Fraction(0), *basis], [*basis, Fraction(0)], strict=True)
                basis = [u - other * v for u, v in raised]
                scale *= x - other
        result = [r + y * b / scale for r, b in zip(result, basis, strict=True)]
    return result


def _check(p: Params) -> str:
    if p["form"] == "quotients":
        (a, b), (c, d) = p["f"]
        top, bottom = [0, 1], [1, 0]
        for _ in range(p["k"]):
            pairs = list(zip(top, bottom, strict=True))
            top, bottom = [a * t + b * u for t, u in pairs], [c * t + d * u for t, u in pairs]
        return _quotient([top[1], top[0], bottom[1], bottom[0]])

    if p["form"] == "reflected":
        # Undetermined coefficients, from the highest down.
        (g0, g1, g2), a, s = p["g"], p["a"], p["s"]
        c2 = Fraction(g2, 1 + a)
        c1 = (g1 + 2 * a * s * c2) / (1 - a)
        return polynomial([(g0 - a * s * (c1 + c2 * s)) / (1 + a), c1, c2])

    def value(x: int) -> Fraction:
        if p["form"] == "compose":
            return Fraction(p["f"][1] * (p["g"][1] * x + p["g"][0]) + p["f"][0])
        y = x
        for _ in range(p["k"]):
            y = p["f"][1] * y + p["f"][0]
        return Fraction(y)

    return polynomial(_through([(x, value(x)) for x in (-1, 2, 5)]))


FAMILY = MathFamily(
    name="function_rules",
    topic="functional",
    kind="expression",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
