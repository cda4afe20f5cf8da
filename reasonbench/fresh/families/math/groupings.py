"""Partitions of a set into unlabelled groups with bounds on their sizes."""

from fractions import Fraction
from functools import cache
from math import factorial

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_NAMES = ("Ana", "Ben", "Cleo", "Dan")
_FORMS = {
    "any": (
        "In how many ways can $@n$ different students@who be divided into $@k$ groups, if the "
        "groups are not numbered or named and the following holds: @rules?",
        "A set of $@n$ people@who is split into $@k$ unlabelled teams in such a way that @rules. "
        "How many divisions are possible?",
        "Find the number of ways to put $@n$ distinguishable people@who into $@k$ identical rooms "
        "such that @rules.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    low, high = p["low"], p["high"]
    bounds = [f"at least ${low}$"] if low > 1 else []
    if high < p["n"]:
        bounds.append(f"at most ${high}$")
    rules = [f"each of them gets {listed(bounds)} people"] if bounds else []
    if low == 1:
        rules.insert(0, "none of them is empty")
    names = listed(_NAMES[: p["apart"]])
    if p["apart"]:
        rules.append(
            f"no two of {names} are together" if p["apart"] > 2 else f"{names} are not together"
        )
    return {"who": f", among them {names}," if names else "", "rules": listed(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        n = draw.integer(*((4, 7), (5, 13), (6, 14), (6, 13), (7, 14))[level])
        k = draw.integer(2, 4 if level == 0 else 7)
        low = draw.integer(1, 2) if level > 1 else 1
        high = draw.integer(3, 8) if level in (2, 4) else n
        apart = (0, 0, 0, draw.integer(2, 3), draw.integer(2, 3))[level]
        return {"form": "any", "n": n, "k": k, "low": low, "high": min(high, n), "apart": apart}

    def fine(p: Params) -> bool:
        n, k, low, high = p["n"], p["k"], p["low"], p["high"]
        needed = level not in (1, 2) or (low > 1 or high < n) == (level == 2)
        room = k * low < n < k * high and high > low and p["apart"] <= k
        tight = high == n or (k - 1) * low + high < n
        return needed and room and tight and 3 < int(_solve(p)) < 10**8

    return redrawn(make, fine)


def _times(a: list[Fraction], b: list[Fraction], n: int) -> list[Fraction]:
    result = [Fraction(0)] * (n + 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b[: n + 1 - i]):
            result[i + j] += x * y
    return result


def _solve(p: Params) -> str:
    """Exponential generating functions; those who must part name the groups they are in."""
    n, k, low, high, apart = p["n"], p["k"], p["low"], p["high"], p["apart"]
    left = n - apart

    def sizes(low: int, high: int) -> list[Fraction]:
        return [Fraction(int(low <= i <= high), factorial(i)) for i in range(left + 1)]

    product = [Fraction(1)]
    for group in range(k):
        own = group < apart
        product = _times(product, sizes(low - own, high - own), left)
    return str(int(product[left] * factorial(left) / factorial(k - apart)))


@cache
def _count(left: int, sizes: tuple[int, ...], k: int, low: int, high: int) -> int:
    """Ways to add the remaining people one by one; the sizes so far are in a fixed order."""
    if not left:
        return int(len(sizes) == k and all(low <= size <= high for size in sizes))
    ways = 0
    for i, size in enumerate(sizes):
        if size < high:
            grown = tuple(sorted((*sizes[:i], size + 1, *sizes[i + 1 :])))
            ways += _count(left - 1, grown, k, low, high)
    if len(sizes) < k:
        ways += _count(left - 1, tuple(sorted((*sizes, 1))), k, low, high)
    return ways


def _check(p: Params) -> str:
    start = (1,) * p["apart"]
    return str(_count(p["n"] - p["apart"], start, p["k"], p["low"], p["high"]))


FAMILY = MathFamily(
    name="groupings",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
