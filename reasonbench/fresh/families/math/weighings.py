"""Unknown weights from the sums of all pairs, or of all triples."""

from collections import Counter
from itertools import combinations

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, ordered, worded
from reasonbench.fresh.family import MathFamily, Params

_WORDS = {2: "two", 3: "three"}
_FORMS = {
    "any": (
        "There are $@n$ stones with different weights; every weight is a positive whole number of "
        "grams. All choices of @size stones are weighed together, and the results in grams, in "
        "increasing order, are @sums. Find the weights in increasing order, as a tuple $@tuple$.",
        "The positive integers $@names$ satisfy $@chain$. The sums of @size different ones among "
        "them, sorted by size, are @sums. Determine $@tuple$.",
        "Somebody thinks of $@n$ different positive integers, adds them up by @{size}s in all "
        "possible ways (using no number twice in a sum), and writes down the sums in increasing "
        "order: @sums. Which numbers are they? Answer with the tuple $@tuple$, where $@chain$.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    names = "abcdef"[: p["n"]]
    return {
        "size": _WORDS[p["size"]],
        "sums": listed(maths(p["sums"])),
        "names": ", ".join(names),
        "chain": " < ".join(names),
        "tuple": ordered(names),
    }


def _sums(weights: tuple[int, ...], size: int) -> list[int]:
    return sorted(map(sum, combinations(weights, size)))


def _draw(draw: Draw, level: int) -> Params:
    n, size = ((3, 2), (4, 2), (5, 2), (5, 3), (6, 2))[level]

    def make() -> Params:
        high = (20, 30, 40, 40, 60)[level]
        weights = tuple(sorted(draw.distinct(n, 1, high)))
        return {"form": "any", "n": n, "size": size, "sums": _sums(weights, size)}

    return redrawn(make, lambda p: len(_possible(p)) == 1)


def _possible(p: Params) -> list[tuple[int, ...]]:
    """All solutions: the two least sums share a number, and each choice of a third decides."""
    n, sums = p["n"], list(p["sums"])
    if p["size"] == 3:
        # Triples are the complements of pairs among five numbers.
        whole = sum(sums) // 6
        sums = sorted(whole - value for value in sums)
    found = set()
    for third in sums[2 : n + 1]:
        # a + b, a + c and b + c.
        twice = sums[0] + sums[1] - third
        if twice % 2 or twice <= 0:
            continue
        a = twice // 2
        weights, left = [a], Counter(sums)
        while len(weights) < n and left:
            new = min(left) - a
            left -= Counter(new + w for w in weights)
            weights.append(new)
        if len(set(weights)) == n and _sums(tuple(weights), 2) == sums:
            found.add(tuple(sorted(weights)))
    return sorted(found)


def _solve(p: Params) -> str:
    (weights,) = _possible(p)
    return ordered(weights)


def _check(p: Params) -> str:
    """Try numbers in rising order; a sum that is not on the list ends a branch."""
    n, size = p["n"], p["size"]
    sums: Counter[int] = Counter(p["sums"])
    high = p["sums"][-1]
    whole, odd = divmod(sum(p["sums"]) * n, len(p["sums"]) * size)
    found: list[tuple[int, ...]] = []

    def extend(weights: tuple[int, ...]) -> None:
        if len(weights) == n - 1:
            last = whole - sum(weights)
            if last > weights[-1] and _sums((*weights, last), size) == p["sums"]:
                found.append((*weights, last))
            return
        low = weights[-1] + 1 if weights else 1
        if len(weights) < size:
            # The lightest ones make the least sum.
            rest = p["sums"][0] - sum(weights)
            choices = (
                range(max(low, rest), rest + 1) if len(weights) == size - 1 else range(low, rest)
            )
        else:
            choices = range(low, high)
        for new in choices:
            if len(weights) + 1 >= size:
                made = Counter(map(sum, combinations((*weights, new), size)))
                if any(sums[value] < count for value, count in made.items()):
                    continue
            extend((*weights, new))

    if not odd:
        extend(())
    return ordered(found[0]) if len(found) == 1 else str(found)


FAMILY = MathFamily(
    name="weighings",
    topic="logic",
    kind="tuple",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
