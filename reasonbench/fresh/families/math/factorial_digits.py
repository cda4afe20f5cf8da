"""Zeros at the end of factorials, and what stands before them."""

from math import factorial

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "zeros": (
        "How many consecutive zeros are at the end of $@n!$ when it is written in base $@b$?",
        "The number $@n!$ is written in base $@b$. With how many zeros does it end? Give the "
        "answer in base $10$.",
        "Find the largest integer $k$ such that $@b^k$ divides $@n!$.",
    ),
    "tail": (
        "Let $@quotient = 10^k \\cdot N$, where $N$ is an integer not divisible by $10$. Find the "
        "remainder when $N$ is divided by $@modulus$.",
        "All zeros at the end of the decimal form of $@quotient$ are erased, which leaves an "
        "integer $N$. What is the remainder when $N$ is divided by $@modulus$?",
        "Let $10^k$ be the highest power of $10$ that divides $@quotient$, and let "
        "$N = @quotient / 10^k$. Determine the remainder of $N$ upon division by $@modulus$.",
    ),
}


def _quotient(p: Params) -> dict[str, str]:
    if p["form"] == "zeros":
        return {}
    below = rf"\frac{{{p['n']}!}}{{{p['m']}!}}" if "m" in p else f"{p['n']}!"
    return {"quotient": below}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        match level:
            case 0:
                return {"form": "zeros", "n": draw.integer(20, 250), "b": 10}
            case 1:
                b = draw.choice([6, 12, 14, 15, 18, 20, 24, 35, 36, 45, 50, 72])
                return {"form": "zeros", "n": draw.integer(60, 900), "b": b}
            case 2:
                return {"form": "tail", "n": draw.integer(15, 99), "modulus": 100}
            case 3:
                return {"form": "tail", "n": draw.integer(100, 999), "modulus": 1000}
        m = draw.integer(50, 400)
        n = m + draw.integer(30, 600)
        return {"form": "tail", "n": n, "m": m, "modulus": 1000}

    return redrawn(make, lambda p: _tall(p) and int(_solve(p)) > 3)


def _legendre(n: int, q: int) -> int:
    return n // q + _legendre(n // q, q) if n else 0


def _tall(p: Params) -> bool:
    n, m = p["n"], p.get("m", 0)
    return p["form"] == "zeros" or (
        _legendre(n, 2) - _legendre(m, 2) >= 3 + _legendre(n, 5) - _legendre(m, 5)
    )


def _unit(n: int, modulus: int) -> int:
    """N! without its factors 5, modulo a power of 5."""
    answer = 1
    while n:
        for k in range(n // modulus * modulus + 1, n + 1):
            if k % 5:
                answer = answer * k % modulus
        # A full run of units has product -1: Wilson's theorem for powers of primes.
        answer = answer * (-1) ** (n // modulus) % modulus
        n //= 5
    return answer


def _solve(p: Params) -> str:
    n = p["n"]
    if p["form"] == "zeros":
        exponents, left, q = [], p["b"], 2
        while left > 1:
            power = 0
            while left % q == 0:
                left, power = left // q, power + 1
            if power:
                exponents.append(_legendre(n, q) // power)
            q += 1
        return str(min(exponents))
    m, fives = p.get("m", 0), {100: 25, 1000: 125}[p["modulus"]]
    twos = _legendre(n, 5) - _legendre(m, 5)
    residue = _unit(n, fives) * pow(_unit(m, fives) * pow(2, twos, fives), -1, fives) % fives
    # Factors 2 abound, so N is 0 modulo 4 or 8.
    return str(
        next(r for r in range(residue, p["modulus"], fives) if r % (4 if fives == 25 else 8) == 0)
    )


def _check(p: Params) -> str:
    value, b = factorial(p["n"]) // factorial(p.get("m", 0)), p.get("b", 10)
    zeros = 0
    while value % b == 0:
        value, zeros = value // b, zeros + 1
    return str(zeros if p["form"] == "zeros" else value % p["modulus"])


FAMILY = MathFamily(
    name="factorial_digits",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _quotient),
    solve=_solve,
    check=_check,
)
