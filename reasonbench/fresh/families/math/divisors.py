"""Divisors of a factorised number that are, or are not, multiples, squares or cubes."""

from itertools import product
from math import isqrt, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "all": (
        "How many positive divisors does $@n$ have?",
        "Find the number of positive integers that divide $@n$.",
        "Determine how many positive integers are factors of $@n$, including $1$ and the number "
        "itself.",
    ),
    "multiples": (
        "How many positive divisors of $@n$ are multiples of $@d$?",
        "Let $N = @n$. Find the number of positive divisors of $N$ that are divisible by $@d$.",
        "Among the positive divisors of $@n$, how many are divisible by $@d$?",
    ),
    "but": (
        "How many positive divisors of $@n$ are multiples of $@d$ but not multiples of $@e$?",
        "Let $N = @n$. Find the number of positive divisors of $N$ that are divisible by $@d$ and "
        "not divisible by $@e$.",
        "A positive divisor of $@n$ is called good if $@d$ divides it and $@e$ does not. "
        "Determine the number of good divisors.",
    ),
    "powers": (
        "How many positive divisors of $@n$ are perfect squares or perfect cubes (or both)?",
        "Let $N = @n$. Find the number of positive divisors of $N$ that are the square or the "
        "cube of an integer.",
        "Determine how many positive integers divide $@n$ and are a perfect square, a perfect "
        "cube, or both.",
    ),
    "sum": (
        "Find the sum of all positive divisors of $@n$ that are multiples of $@d$ but not "
        "multiples of $@e$.",
        "Let $N = @n$. What is the sum of the positive divisors of $N$ that are divisible by $@d$ "
        "and not divisible by $@e$?",
        "A positive divisor of $@n$ is called good if $@d$ divides it and $@e$ does not. "
        "Determine the sum of all good divisors.",
    ),
}


def _number(p: Params) -> dict[str, str]:
    pairs = list(zip(p["primes"], p["exponents"], strict=True))
    if p["form"] == "all":
        return {"n": str(prod(q**e for q, e in pairs))}
    return {"n": r" \cdot ".join(str(q) if e == 1 else f"{q}^{{{e}}}" for q, e in pairs)}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        count = draw.integer(2, 3) if level == 0 else (0, 3, 3, 4, 3)[level]
        primes = sorted(draw.sample([2, 3, 5, 7, 11, 13], count))
        high = (4, 7, 9, 12, 5)[level]
        exponents = [draw.integer(1 if level == 0 else 2, high) for _ in primes]
        form = ("all", "multiples", "but", "powers", "sum")[level]
        inner = [draw.integer(0, min(e, 2)) for e in exponents]
        outer = [draw.integer(0, min(e, 3)) for e in exponents]
        p: dict[str, object] = {"form": form, "primes": primes, "exponents": exponents}
        if level in (1, 2, 4):
            p["d"] = prod(q**i for q, i in zip(primes, inner, strict=True))
        if level in (2, 4):
            p["e"] = prod(q**i for q, i in zip(primes, outer, strict=True))
        return p

    def fine(p: Params) -> bool:
        if level == 0:
            number = prod(q**e for q, e in zip(p["primes"], p["exponents"], strict=True))
            return bool(number < 100_000)
        d, e = p.get("d", 2), p.get("e", 0)
        return d > 1 and e != 1 and (not e or (d % e != 0 and e < 1000)) and int(_solve(p)) > 3

    return redrawn(make, fine)


def _valuation(number: int, prime: int) -> int:
    count = 0
    while number % prime == 0:
        number, count = number // prime, count + 1
    return count


def _from(p: Params, least: int) -> int:
    """Number, or sum, of the divisors that are multiples of ``least``."""
    answer = 1
    for q, e in zip(p["primes"], p["exponents"], strict=True):
        low = _valuation(least, q)
        many = e - low + 1
        answer *= (q ** (e + 1) - q**low) // (q - 1) if p["form"] == "sum" else many
    return answer


def _solve(p: Params) -> str:
    if p["form"] == "powers":
        two, three, six = (prod(e // k + 1 for e in p["exponents"]) for k in (2, 3, 6))
        return str(two + three - six)
    answer = _from(p, p.get("d", 1))
    if "e" in p:
        pairs = ((q, max(_valuation(p["d"], q), _valuation(p["e"], q))) for q in p["primes"])
        answer -= _from(p, prod(q**k for q, k in pairs))
    return str(answer)


def _check(p: Params) -> str:
    ranges = (
        [q**i for i in range(e + 1)] for q, e in zip(p["primes"], p["exponents"], strict=True)
    )
    found = [prod(parts) for parts in product(*ranges)]
    if p["form"] == "powers":
        cubes = {n for n in found if round(n ** (1 / 3)) ** 3 == n}
        return str(sum(isqrt(n) ** 2 == n or n in cubes for n in found))
    kept = [n for n in found if n % p.get("d", 1) == 0 and ("e" not in p or n % p["e"])]
    return str(sum(kept) if p["form"] == "sum" else len(kept))


FAMILY = MathFamily(
    name="divisors",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _number),
    solve=_solve,
    check=_check,
)
