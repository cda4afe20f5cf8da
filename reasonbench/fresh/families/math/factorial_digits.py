"""Zeros at the end of factorials, and what stands before them."""

from math import factorial, prod

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
    below = r" \cdot ".join(f"{m}!" for m in p["below"])
    return {"quotient": rf"\frac{{{p['n']}!}}{{{below}}}"}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        match level:
            case 0:
                return {"form": "zeros", "n": draw.integer(20, 999), "b": 10}
            case 1:
                b = draw.choice([6, 12, 14, 15, 18, 20, 24, 35, 36, 45, 50, 72])
                return {"form": "zeros", "n": draw.integer(60, 900), "b": b}
            case 2:
                below = [draw.integer(10, 150)]
            case 3:
                below = [draw.integer(200, 999)]
            case _:
                below = sorted(draw.integer(20, 300) for _ in range(2))
        n = sum(below) + draw.integer(*((0, 0), (0, 0), (15, 150), (50, 900), (0, 200))[level])
        return {"form": "tail", "n": n, "below": below, "modulus": 1000}

    return redrawn(make, lambda p: _tall(p) and int(_solve(p)) > 3)


def _legendre(n: int, q: int) -> int:
    return n // q + _legendre(n // q, q) if n else 0


def _tall(p: Params) -> bool:
    """Whether there are so many factors 2 that they leave a multiple of 8."""
    if p["form"] == "zeros":
        return True
    twos, fives = (_legendre(p["n"], q) - sum(_legendre(m, q) for m in p["below"]) for q in (2, 5))
    return twos >= 3 + fives


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
    tens = _legendre(n, 5) - sum(_legendre(m, 5) for m in p["below"])
    bottom = pow(2, tens, 125) * prod(_unit(m, 125) for m in p["below"])
    residue = _unit(n, 125) * pow(bottom, -1, 125) % 125
    # Factors 2 abound, so N is 0 modulo 8.
    return str(next(r for r in range(residue, 1000, 125) if r % 8 == 0))


def _check(p: Params) -> str:
    value, b = factorial(p["n"]) // prod(map(factorial, p.get("below", []))), p.get("b", 10)
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
