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
        "Find the number of ordered pairs $(a, b)$ of integers with $1 \\le a \\le @m$, "
        "$1 \\le b \\le @n$ and $\\gcd(a, b) = @g$.",
        "How many ordered pairs of positive integers $(a, b)$ with $a \\le @m$ and $b \\le @n$ "
        "have greatest common divisor exactly $@g$?",
        "An integer $a$ is taken from $1, 2, \\ldots, @m$ and an integer $b$ from "
        "$1, 2, \\ldots, @n$; they may be equal. For how many ordered pairs $(a, b)$ is "
        "$\\gcd(a, b) = @g$?",
    ),
    "sum": (
        "Compute $\\sum_{k=1}^{@n} \\gcd(k, @m)$.",
        "Find the value of $\\gcd(1, @m) + \\gcd(2, @m) + \\cdots + \\gcd(@n, @m)$.",
        "For each integer $k$ from $1$ to $@n$, inclusive, the greatest common divisor of $k$ and "
        "$@m$ is written on a board. What is the sum of the numbers on the board?",
    ),
    "multiple": (
        "Find the number of ordered pairs $(a, b)$ of relatively prime integers with "
        "$1 \\le a \\le @m$ and $1 \\le b \\le @n$ whose product $ab$ is divisible by $@q$.",
        "How many ordered pairs of positive integers $(a, b)$ satisfy $a \\le @m$, $b \\le @n$ "
        "and $\\gcd(a, b) = 1$, and have a product $ab$ that is a multiple of $@q$?",
        "Let $a$ be an integer from $1$ to $@m$ and $b$ an integer from $1$ to $@n$, both ranges "
        "inclusive. Determine the number of ordered pairs $(a, b)$ with $\\gcd(a, b) = 1$ such "
        "that at least one of $a$ and $b$ is a multiple of $@q$.",
    ),
}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        match level:
            case 0:
                m = draw.choice([6, 10, 12, 14, 15, 18, 20, 21])
                return {"form": "coprime", "n": draw.integer(15, 120), "m": m}
            case 1:
                m = draw.choice([30, 42, 60, 66, 70, 78, 84, 90, 105, 110, 120, 130, 210])
                return {"form": "coprime", "n": draw.integer(150, 999), "m": m}
            case 2:
                sides = {"m": draw.integer(30, 150), "n": draw.integer(30, 150)}
                return {"form": "pairs", **sides, "g": draw.integer(2, 9)}
            case 3:
                return {"form": "sum", "m": draw.integer(12, 120), "n": draw.integer(200, 2400)}
        sides = {"m": draw.integer(20, 99), "n": draw.integer(20, 99)}
        return {"form": "multiple", **sides, "q": draw.choice([2, 3, 5, 7])}

    def fine(p: Params) -> bool:
        if p["form"] == "sum":
            return len(_prime_factors(p["m"])) > 1
        return bool(level < 2 or p["m"] != p["n"])

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


def _totient(n: int) -> int:
    answer = n
    for q, _ in _prime_factors(n):
        answer -= answer // q
    return answer


def _coprime(m: int, n: int, q: int = 0) -> int:
    """Number of coprime pairs up to m and n, of numbers without the prime factor q if given."""

    def many(limit: int) -> int:
        return limit - limit // q if q else limit

    steps = [d for d in range(1, min(m, n) + 1) if not q or d % q]
    return sum(_moebius(d) * many(m // d) * many(n // d) for d in steps)


def _solve(p: Params) -> str:
    match p["form"]:
        case "coprime":
            divisors = [d for d in range(1, p["m"] + 1) if p["m"] % d == 0]
            return str(sum(_moebius(d) * (p["n"] // d) for d in divisors))
        case "pairs":
            return str(_coprime(p["m"] // p["g"], p["n"] // p["g"]))
        case "sum":
            # A number is the sum of the totients of its divisors.
            divisors = [d for d in range(1, p["m"] + 1) if p["m"] % d == 0]
            return str(sum(_totient(d) * (p["n"] // d) for d in divisors))
    return str(_coprime(p["m"], p["n"]) - _coprime(p["m"], p["n"], p["q"]))


def _check(p: Params) -> str:
    n = p["n"]
    match p["form"]:
        case "coprime":
            return str(sum(gcd(k, p["m"]) == 1 for k in range(1, n + 1)))
        case "pairs":
            m, g = p["m"], p["g"]
            return str(sum(gcd(a, b) == g for a in range(g, m + 1, g) for b in range(1, n + 1)))
        case "sum":
            return str(sum(gcd(k, p["m"]) for k in range(1, n + 1)))
    pairs = ((a, b) for a in range(1, p["m"] + 1) for b in range(1, n + 1))
    return str(sum(gcd(a, b) == 1 and a * b % p["q"] == 0 for a, b in pairs))


def quantity(p: Params) -> str:
    """Return what is asked for, to be put into another problem."""
    n, m = p["n"], p["m"]
    return {
        "coprime": f"the number of integers from $1$ to ${n}$, inclusive, that are relatively "
        f"prime to ${m}$",
        "pairs": f"the number of ordered pairs $(a, b)$ of integers with $1 \\le a \\le {m}$, "
        f"$1 \\le b \\le {n}$ and $\\gcd(a, b) = {p.get('g')}$",
        "sum": f"the sum of $\\gcd(k, {m})$ over all integers $k$ from $1$ to ${n}$, inclusive",
        "multiple": f"the number of ordered pairs $(a, b)$ of relatively prime integers with "
        f"$1 \\le a \\le {m}$ and $1 \\le b \\le {n}$ whose product is divisible by ${p.get('q')}$",
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
