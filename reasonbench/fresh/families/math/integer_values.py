"""The set of all integers that meet a condition."""

from math import isqrt

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import polynomial, the_set, total, worded
from reasonbench.fresh.family import MathFamily, Params

_END = " Give your answer as a set, such as $\\{1, 2, 3\\}$."
_FORMS = {
    "distance": (
        "Find all integers $n$ with $|@linear| = @c$." + _END,
        "For which integers $n$ is $|@linear| = @c$?" + _END,
        "Determine the set of integers $n$ that satisfy $|@linear| = @c$." + _END,
    ),
    "divides": (
        "Find all positive integers $n$ such that $@linear$ divides $@c$." + _END,
        "For which positive integers $n$ is $@linear$ a divisor of $@c$?" + _END,
        "Determine the set of all positive integers $n$ for which $\\frac{@c}{@linear}$ is an "
        "integer." + _END,
    ),
    "roots": (
        "Find all integers $k$ for which both roots of $x^2 + @middle x @constant = 0$ are "
        "integers." + _END,
        "For which integers $k$ can $x^2 + @middle x @constant$ be factored as $(x - r)(x - s)$ "
        "with integers $r$ and $s$?" + _END,
        "Determine the set of integers $k$ such that both roots of the equation "
        "$x^2 + @middle x @constant = 0$, counted with multiplicity, are integers." + _END,
    ),
    "quotient": (
        "Find all integers $n$ for which $\\frac{@top}{@linear}$ is an integer." + _END,
        "For which integers $n$ does $@linear$ divide $@top$ (with $@linear \\ne 0$)?" + _END,
        "Determine the set of integers $n$ such that the value of $\\frac{@top}{@linear}$ is an "
        "integer." + _END,
    ),
    "square": (
        "Find all integers $n$ for which $@quadratic$ is the square of an integer." + _END,
        "For which integers $n$ is $@quadratic$ a perfect square (the square of an integer, $0$ "
        "included)?" + _END,
        "Determine the set of integers $n$ such that $@quadratic = m^2$ for some integer $m$."
        + _END,
    ),
}


def _texts(p: Params) -> dict[str, str]:
    a, b = p.get("a", 1), p.get("b", 0)
    return {
        "linear": total([(a, "n"), (b, "")]),
        "middle": f"({total([(1, 'k'), (p.get('s', 1), '')])})",
        "constant": f"{'+' if p['c'] > 0 else '-'} {abs(p['c'])}",
        "top": polynomial(p.get("top", []), "n"),
        "quadratic": polynomial([p["c"], b, 1], "n"),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        b = draw.choice([-1, 1]) * draw.integer(1, 12)
        match level:
            case 0:
                return {
                    "form": "distance",
                    "a": draw.integer(1, 3),
                    "b": b,
                    "c": draw.integer(3, 25),
                }
            case 1:
                return {
                    "form": "divides",
                    "a": draw.integer(1, 3),
                    "b": draw.integer(1, 9),
                    "c": draw.integer(24, 400),
                }
            case 2:
                c = draw.choice([-1, 1]) * draw.integer(6, 400)
                return {"form": "roots", "c": c, "s": draw.choice([-1, 1]) * draw.integer(1, 30)}
            case 3:
                top = [draw.integer(-20, 40), draw.integer(-9, 9), draw.integer(1, 4)]
                return {"form": "quotient", "a": 1, "b": b, "top": top, "c": 0}
        return {"form": "square", "b": draw.integer(3, 60), "c": draw.integer(-300, 300)}

    return redrawn(make, lambda p: 2 <= len(_values(p)) <= (2 if level == 0 else 8) and p["c"] != 1)


def _divisors(number: int) -> list[int]:
    number = abs(number)
    return [s * d for d in range(1, number + 1) if number % d == 0 for s in (1, -1)]


def _values(p: Params) -> set[int]:
    a, b, c = p.get("a", 1), p.get("b", 0), p["c"]
    match p["form"]:
        case "distance":
            return {(s * c - b) // a for s in (1, -1) if (s * c - b) % a == 0}
        case "divides":
            return {(d - b) // a for d in _divisors(c) if (d - b) % a == 0 and d > b}
        case "roots":
            return {d + c // d - p["s"] for d in _divisors(c)}
        case "quotient":
            rest = sum(v * (-b) ** i for i, v in enumerate(p["top"]))
            return {d - b for d in _divisors(rest)}
    # (2n + b)^2 - (2m)^2 = b^2 - 4c: the factors differ by 4m.
    product = b * b - 4 * c
    pairs = [(d, product // d) for d in _divisors(product)]
    return {
        ((d + e) // 2 - b) // 2 for d, e in pairs if (d - e) % 4 == 0 and (d + e - 2 * b) % 4 == 0
    }


def _solve(p: Params) -> str:
    return the_set(list(_values(p)))


def _good(p: Params, n: int) -> bool:
    a, b, c = p.get("a", 1), p.get("b", 0), p["c"]
    match p["form"]:
        case "distance":
            return bool(abs(a * n + b) == c)
        case "divides":
            return n > 0 and a * n + b > 0 and c % (a * n + b) == 0
        case "roots":
            middle = n + p["s"]
            under = middle * middle - 4 * c
            return (
                bool(under >= 0) and isqrt(under) ** 2 == under and (middle + isqrt(under)) % 2 == 0
            )
        case "quotient":
            top = sum(v * n**i for i, v in enumerate(p["top"]))
            return bool(n + b and top % (n + b) == 0)
    value = n * n + b * n + c
    return bool(value >= 0 and isqrt(value) ** 2 == value)


def _check(p: Params) -> str:
    reach = 2_500 if p["form"] in ("quotient", "square") else 500
    return the_set([n for n in range(-reach, reach + 1) if _good(p, n)])


FAMILY = MathFamily(
    name="integer_values",
    topic="number theory",
    kind="set",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
