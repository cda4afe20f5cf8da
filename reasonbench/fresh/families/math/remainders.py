"""Numbers with given remainders: the least, how many, and their sum."""

from math import gcd, lcm

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "least": (
        "Find the smallest positive integer that @conditions.",
        "A positive integer $n$ @conditions. What is the least possible value of $n$?",
        "What is the least positive integer that @conditions?",
    ),
    "count": (
        "How many positive integers not exceeding $@limit$ have the following property: the "
        "integer @conditions, and it is not divisible by $@avoid$?",
        "Find the number of integers $n$ with $1 \\le n \\le @limit$ such that $n$ @conditions, "
        "but $n$ is not a multiple of $@avoid$.",
        "Consider the integers from $1$ to $@limit$, inclusive. Determine how many of them are "
        "not divisible by $@avoid$ and have this property: the integer @conditions.",
    ),
    "sum": (
        "Find the sum of all positive integers $n \\le @limit$ such that $n$ @conditions, and "
        "$n$ is not divisible by $@avoid$.",
        "Let $S$ be the set of integers $n$ with $1 \\le n \\le @limit$ for which $n$ "
        "@conditions, but $n$ is not a multiple of $@avoid$. What is the sum of the elements "
        "of $S$?",
        "A positive integer is called good if it is not divisible by $@avoid$ and it "
        "@conditions. Determine the sum of all good integers that do not exceed $@limit$.",
    ),
}


def _conditions(p: Params) -> dict[str, str]:
    pairs = list(zip(p["residues"], p["moduli"], strict=True))
    first, *rest = [f"remainder ${r}$ when divided by ${m}$" for r, m in pairs]
    return {"conditions": f"leaves {listed([first, *rest])}"}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        low, high = ((3, 15), (4, 14), (6, 40), (4, 12), (5, 20))[level]
        count = 3 if level in (1, 2) else 2
        moduli = sorted(draw.distinct(count, low, high))
        hidden = draw.integer(high + 1, lcm(*moduli) + high)
        p = {"form": "least", "moduli": moduli, "residues": [hidden % m for m in moduli]}
        if level < 3:
            return p
        limit = draw.integer(800, 3000) if level == 3 else draw.integer(2000, 9999)
        avoid = draw.choice([3, 5, 6, 7, 10, 11, 13])
        return {**p, "form": "count" if level == 3 else "sum", "limit": limit, "avoid": avoid}

    def fine(p: Params) -> bool:
        moduli = p["moduli"]
        coprime = all(gcd(a, b) == 1 for i, a in enumerate(moduli) for b in moduli[:i])
        if coprime == (level == 2) or 0 in p["residues"] or len(set(p["residues"])) == 1:
            return False
        if any(a % b == 0 for a in moduli for b in moduli if a != b):
            return False
        if level < 3:
            return bool(int(_solve(p)) > 2 * moduli[-1])
        avoid = p["avoid"]
        return all(m % avoid and avoid % m for m in moduli) and int(_solve(p)) > 3

    return redrawn(make, fine)


def _merged(p: Params) -> tuple[int, int]:
    """Return (r, m) such that the conditions say: remainder r modulo m."""
    residue, modulus = 0, 1
    for r, m in zip(p["residues"], p["moduli"], strict=True):
        common = gcd(modulus, m)
        step = (r - residue) // common * pow(modulus // common, -1, m // common)
        residue += modulus * (step % (m // common))
        modulus = lcm(modulus, m)
    return residue, modulus


def _solve(p: Params) -> str:
    residue, modulus = _merged(p)
    if p["form"] == "least":
        return str(residue or modulus)
    both = _merged({"residues": [residue, 0], "moduli": [modulus, p["avoid"]]})
    # A common factor that the residue lacks leaves nothing to take away.
    possible = residue % gcd(modulus, p["avoid"]) == 0
    runs = [((residue, modulus), 1)] + ([(both, -1)] if possible else [])
    answer = 0
    for (first, step), sign in runs:
        start = first or step
        n = max(0, (p["limit"] - start) // step + 1)
        answer += sign * (n if p["form"] == "count" else n * start + step * n * (n - 1) // 2)
    return str(answer)


def _check(p: Params) -> str:
    pairs = list(zip(p["moduli"], p["residues"], strict=True))
    last, start = pairs[-1]

    def good(n: int) -> bool:
        return all(n % m == r for m, r in pairs) and n % p.get("avoid", n + 1) != 0

    if p["form"] == "least":
        return str(next(n for n in range(start, 10**9, last) if good(n)))
    found = [n for n in range(start, p["limit"] + 1, last) if good(n)]
    return str(len(found) if p["form"] == "count" else sum(found))


FAMILY = MathFamily(
    name="remainders",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _conditions),
    solve=_solve,
    check=_check,
)
