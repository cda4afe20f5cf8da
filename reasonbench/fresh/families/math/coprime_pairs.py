"""Counting by greatest common divisors."""

from math import gcd

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "coprime": (
        "How many integers from $1$ to $@n$, inclusive, are relatively prime to $@m$?",
        "Find the number of positive integers $k \\le @n$ with $\\gcd(k, @m) = 1$.",
        "Determine how many of the integers $1, 2, \\ldots, @n$ have no common factor greater "
        "than $1$ with $@m$.",
    ),
    "pairs": (
        "Find the number of ordered pairs $(a, b)$ of integers with $1 \\le a, b \\le @n$ and "
        "$\\gcd(a, b) = @g$.",
        "How many ordered pairs of integers $(a, b)$, each between $1$ and $@n$ inclusive, have "
        "greatest common divisor exactly $@g$?",
        "Two integers $a$ and $b$, not necessarily different, are taken from $1, 2, \\ldots, @n$. "
        "For how many ordered pairs $(a, b)$ is $\\gcd(a, b) = @g$?",
    ),
    "sum": (
        "Compute $\\sum_{k=1}^{@n} \\gcd(k, @n)$.",
        "Find the value of $\\gcd(1, @n) + \\gcd(2, @n) + \\cdots + \\gcd(@n, @n)$.",
        "For each integer $k$ from $1$ to $@n$, inclusive, the greatest common divisor of $k$ and "
        "$@n$ is written on a board. What is the sum of the numbers on the board?",
    ),
    "even": (
        "Find the number of ordered pairs $(a, b)$ of relatively prime integers with "
        "$1 \\le a \\le @m$ and $1 \\le b \\le @n$ whose product $ab$ is even.",
        "How many ordered pairs of positive integers $(a, b)$ satisfy $a \\le @m$, $b \\le @n$ "
        "and $\\gcd(a, b) = 1$, and have an even product $ab$?",
        "Let $a$ be an integer from $1$ to $@m$ and $b$ an integer from $1$ to $@n$, both ranges "
        "inclusive. Determine the number of ordered pairs $(a, b)$ with $\\gcd(a, b) = 1$ such "
        "that at least one of $a$ and $b$ is even.",
    ),
}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        match level:
            case 0:
                n = draw.integer(12, 120)
                return {"form": "coprime", "n": n, "m": n}
            case 1:
                m = draw.choice([30, 42, 60, 66, 70, 78, 84, 90, 105, 110, 120, 130, 210])
                return {"form": "coprime", "n": draw.integer(150, 999), "m": m}
            case 2:
                return {"form": "pairs", "n": draw.integer(20, 99), "g": draw.integer(2, 7)}
            case 3:
                return {"form": "sum", "n": draw.integer(120, 2400)}
        return {"form": "even", "m": draw.integer(20, 60), "n": draw.integer(20, 60)}

    def fine(p: Params) -> bool:
        if p["form"] == "sum" or level == 0:
            return len(_prime_factors(p["n"])) > 1
        return bool(p["form"] != "even" or p["m"] != p["n"])

    return redrawn(make, fine)


def _prime_factors(n: int) -> list[tuple[int, int]]:
    found, prime = [], 2
    while n > 1:
        count = 0
        while n % prime == 0:
            n, count = n // prime, count + 1
        if count:
            found.append((prime, count))
        prime = prime + 1 if prime * prime <= n else max(n, prime + 1)
    return found


def _moebius(n: int) -> int:
    factors = _prime_factors(n)
    return 0 if any(e > 1 for _, e in factors) else (-1) ** len(factors)


def _coprime(m: int, n: int, *, odd: bool = False) -> int:
    """Number of coprime pairs up to m and n, of odd numbers only if wanted."""
    steps = range(1, min(m, n) + 1, 2 if odd else 1)
    if odd:
        return sum(_moebius(d) * ((m // d + 1) // 2) * ((n // d + 1) // 2) for d in steps)
    return sum(_moebius(d) * (m // d) * (n // d) for d in steps)


def _solve(p: Params) -> str:
    match p["form"]:
        case "coprime":
            divisors = [d for d in range(1, p["m"] + 1) if p["m"] % d == 0]
            return str(sum(_moebius(d) * (p["n"] // d) for d in divisors))
        case "pairs":
            side = p["n"] // p["g"]
            return str(_coprime(side, side))
        case "sum":
            answer = 1
            for q, e in _prime_factors(p["n"]):
                answer *= q ** (e - 1) * ((e + 1) * q - e)
            return str(answer)
    return str(_coprime(p["m"], p["n"]) - _coprime(p["m"], p["n"], odd=True))


def _check(p: Params) -> str:
    n = p["n"]
    match p["form"]:
        case "coprime":
            return str(sum(gcd(k, p["m"]) == 1 for k in range(1, n + 1)))
        case "pairs":
            g = p["g"]
            return str(sum(gcd(a, b) == g for a in range(g, n + 1, g) for b in range(1, n + 1)))
        case "sum":
            return str(sum(gcd(k, n) for k in range(1, n + 1)))
    pairs = ((a, b) for a in range(1, p["m"] + 1) for b in range(1, n + 1))
    return str(sum(gcd(a, b) == 1 and a * b % 2 == 0 for a, b in pairs))


def quantity(p: Params) -> str:
    """Return what is asked for, to be put into another problem."""
    n, m, g = p["n"], p.get("m"), p.get("g")
    return {
        "coprime": f"the number of integers from $1$ to ${n}$, inclusive, that are relatively "
        f"prime to ${m}$",
        "pairs": f"the number of ordered pairs $(a, b)$ of integers with $1 \\le a, b \\le {n}$ "
        f"and $\\gcd(a, b) = {g}$",
        "sum": f"the sum of $\\gcd(k, {n})$ over all integers $k$ from $1$ to ${n}$, inclusive",
        "even": f"the number of ordered pairs $(a, b)$ of relatively prime integers with "
        f"$1 \\le a \\le {m}$, $1 \\le b \\le {n}$ and $ab$ even",
    }[p["form"]]


FAMILY = MathFamily(
    name="coprime_pairs",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS),
    solve=_solve,
    check=_check,
)
