"""Squares modulo primes and products of two primes."""

from collections import Counter
from math import prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import total, worded
from reasonbench.fresh.family import MathFamily, Params

_PRIMES = [q for q in range(11, 250) if all(q % d for d in range(2, 16))]
_SMALL = [3, 5, 7, 11, 13, 17, 19, 23, 29]
_FORMS = {
    "squares": (
        "How many different remainders can an integer of the form $@left$, where $n$ is an "
        "integer, leave when it is divided by $@m$?",
        "As $n$ runs over all integers, how many distinct values does the remainder of $@left$ on "
        "division by $@m$ take?",
        "Find the number of integers $r$ with $0 \\le r < @m$ for which $@left \\equiv r "
        "\\pmod{@m}$ has an integer solution $n$.",
    ),
    "roots": (
        "How many positive integers $n \\le @limit$ satisfy $n^2 \\equiv @a \\pmod{@m}$?",
        "Find the number of integers $n$ from $1$ to $@limit$, inclusive, such that $n^2$ leaves "
        "remainder $@a$ when divided by $@m$.",
        "For how many positive integers $n$ not exceeding $@limit$ is $n^2 - @a$ divisible by "
        "$@m$?",
    ),
    "conic": (
        "Find the number of ordered pairs $(x, y)$ of integers with $0 \\le x, y < @m$ such that "
        "$@left \\equiv @b \\pmod{@m}$.",
        "How many ordered pairs $(x, y)$ of nonnegative integers less than $@m$ make $@left - @b$ "
        "divisible by $@m$?",
        "Nonnegative integers $x$ and $y$, both less than $@m$ and possibly equal, are chosen. For "
        "how many ordered pairs $(x, y)$ does $@left$ leave remainder $@b$ when divided by $@m$?",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    m = prod(p["primes"])
    if p["form"] == "squares":
        return {"m": m, "left": total([(p["a"], "n^2"), (p["b"], "n"), (p["c"], "")])}
    return {"m": m, "left": total([(1, "x^2"), (p["a"], "y^2")])}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        primes = [draw.choice(_PRIMES)]
        if level:
            primes = sorted(draw.sample(_PRIMES[:20] if level == 1 else _SMALL, 2 + (level > 3)))
        m = prod(primes)
        if level < 2:
            linear = draw.integer(0, 9) if level else 0
            top, last = draw.integer(1, 5), draw.integer(0, 9)
            return {"form": "squares", "primes": primes, "a": top, "b": linear, "c": last}
        if level == 2:
            a = draw.integer(2, m - 1) ** 2 % m
            return {"form": "roots", "primes": primes, "a": a, "limit": draw.integer(1000, 9999)}
        a, b = draw.choice([-1, 1]) * draw.integer(2, 15), draw.integer(1, 30)
        return {"form": "conic", "primes": primes, "a": a, "b": b}

    def fine(p: Params) -> bool:
        small = p["primes"][0] < 10 and p["form"] == "conic"
        if p["form"] != "squares" and (any(p["a"] % q == 0 for q in p["primes"]) or p["a"] == 1):
            return False
        if small and (p["b"] >= prod(p["primes"]) or any(p["b"] % q == 0 for q in p["primes"])):
            return False
        return int(_solve(p)) > 3

    return redrawn(make, fine)


def _legendre(a: int, q: int) -> int:
    return 1 if pow(a, (q - 1) // 2, q) == 1 else -1


def _up_to(p: Params, limit: int) -> int:
    """Numbers to a limit below m that are roots: one of each pair of roots modulo the primes."""
    q, r = p["primes"]
    inverse = pow(q, -1, r)
    roots = [
        s + q * ((t - s) * inverse % r)
        for s in range(q)
        if (s * s - p["a"]) % q == 0
        for t in range(r)
        if (t * t - p["a"]) % r == 0
    ]
    return sum(0 < n <= limit for n in roots)


def _solve(p: Params) -> str:
    primes = p["primes"]
    match p["form"]:
        case "squares":
            # Completing the square leaves the squares, moved and multiplied by a unit.
            return str(prod((q + 1) // 2 for q in primes))
        case "roots":
            full, rest = divmod(p["limit"], prod(primes))
            return str(full * _up_to(p, prod(primes)) + _up_to(p, rest))
    a, b = p["a"], p["b"]
    # x^2 + a y^2 = b has q - (-a/q) solutions, where q divides neither a nor b.
    counts = [
        q - _legendre(-a % q, q) if b % q else 1 + (q - 1) * (1 + _legendre(-a % q, q))
        for q in primes
    ]
    return str(prod(counts))


def _check(p: Params) -> str:
    m = prod(p["primes"])
    match p["form"]:
        case "squares":
            a, b, c = p["a"], p["b"], p["c"]
            return str(len({(a * n * n + b * n + c) % m for n in range(m)}))
        case "roots":
            return str(sum((n * n - p["a"]) % m == 0 for n in range(1, p["limit"] + 1)))
    squares = Counter(n * n % m for n in range(m))
    pairs = ((c, squares[(p["b"] - p["a"] * s) % m]) for s, c in squares.items())
    return str(sum(c * d for c, d in pairs))


FAMILY = MathFamily(
    name="quadratic_residues",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
