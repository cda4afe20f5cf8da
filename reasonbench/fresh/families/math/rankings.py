"""Who came in where: an order from clues."""

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, ordered, worded
from reasonbench.fresh.family import MathFamily, Params

_NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn")
_FORMS = {
    "any": (
        "Runners @names finished a race in places $1$ to $@n$, without ties. @clues Let @places be "
        "the places of @names, in this order. Find $@tuple$.",
        "In a contest with $@n$ participants, @names, there were no ties, and place $1$ is the "
        "best. @clues Give the places of @names as the tuple $@tuple$.",
        "@names took the places from $1$ (first) to $@n$ (last) in a tournament; no two of them "
        "shared a place. @clues Determine $@tuple$, where @places denote the places of @names, "
        "respectively.",
    ),
}


def _sentence(clue: Sequence[Any]) -> str:
    kind, *numbers = clue
    names = [_NAMES[i] for i in numbers[:3] if i < len(_NAMES)]
    match kind:
        case "before":
            return f"{names[0]} finished before {names[1]}."
        case "apart":
            return f"The places of {names[0]} and {names[1]} differ by exactly ${numbers[2]}$."
        case "not":
            return f"{names[0]} did not finish in place ${numbers[1]}$."
        case "between":
            return (
                f"{names[0]} finished after one of {names[1]} and {names[2]} and before the other."
            )
    return f"The places of {names[0]} and {names[1]} add up to ${numbers[2]}$."


def _texts(p: Params) -> dict[str, str]:
    letters = "abcdef"[: p["n"]]
    return {
        "names": listed(_NAMES[: p["n"]]),
        "clues": " ".join(map(_sentence, p["clues"])),
        "places": listed(maths(letters)),
        "tuple": ordered(letters),
    }


def _holds(clue: Sequence[Any], places: Sequence[int]) -> bool:
    kind, x, y, *rest = clue
    match kind:
        case "before":
            return bool(places[x] < places[y])
        case "apart":
            return bool(abs(places[x] - places[y]) == rest[0])
        case "not":
            return bool(places[x] != y)
        case "between":
            return bool((places[x] - places[y]) * (places[x] - places[rest[0]]) < 0)
    return bool(places[x] + places[y] == rest[0])


_KINDS = (
    ["before", "not"],
    ["before", "not", "apart"],
    ["before", "not", "apart", "sum"],
    ["apart", "sum", "between", "not"],
    ["apart", "sum", "between", "before"],
)


@cache
def _orders(n: int) -> list[tuple[int, ...]]:
    return list(permutations(range(1, n + 1)))


def _clue(draw: Draw, level: int, places: Sequence[int]) -> list[Any]:
    """One true clue."""
    n = len(places)
    while True:
        kind = draw.choice(_KINDS[level])
        x, y, z = draw.sample(range(n), 3)
        last = {"apart": abs(places[x] - places[y]), "sum": places[x] + places[y], "between": z}
        found = [kind, x, draw.integer(1, n) if kind == "not" else y]
        if kind in last:
            found.append(last[kind])
        if _holds(found, places) and not (kind == "apart" and found[3] == 1 and level > 3):
            return found


def _draw(draw: Draw, level: int) -> Params:
    n = (3, 4, 5, 5, 6)[level]

    def make() -> Params:
        places = draw.shuffled(range(1, n + 1))
        left, clues = _orders(n), list[list[Any]]()
        while len(left) > 1:
            new = _clue(draw, level, places)
            kept = [order for order in left if _holds(new, order)]
            if len(kept) < len(left):
                left, clues = kept, [*clues, new]
        # Leave out what the other clues imply.
        for old in list(clues):
            others = [c for c in clues if c is not old]
            if sum(all(_holds(c, order) for c in others) for order in _orders(n)) == 1:
                clues = others
        return {"form": "any", "n": n, "clues": clues}

    return redrawn(make, lambda p: len(p["clues"]) > 1 + (level > 1) + (level > 2))


def _solve(p: Params) -> str:
    orders = _orders(p["n"])
    (places,) = (o for o in orders if all(_holds(c, o) for c in p["clues"]))
    return ordered(places)


def _broken(clue: Sequence[Any], row: list[int]) -> bool:
    """Whether a clue is decided by the first places, and wrong."""
    kind, x, y, *rest = clue
    if kind == "not":
        return bool(len(row) >= y and row[y - 1] == x)
    if not {x, y, *(rest if kind == "between" else [])} <= set(row):
        return False
    i, j = row.index(x) + 1, row.index(y) + 1
    if kind == "before":
        return i > j
    if kind == "between":
        k = row.index(rest[0]) + 1
        return not (j < i < k or k < i < j)
    return rest[0] not in ((i + j,) if kind == "sum" else (i - j, j - i))


def _check(p: Params) -> str:
    """Fill places from the first to the last, and look at the row of names."""
    n = p["n"]
    found: list[list[int]] = []

    def fill(row: list[int]) -> None:
        if any(_broken(clue, row) for clue in p["clues"]):
            return
        if len(row) == n:
            found.append(row)
            return
        for who in range(n):
            if who not in row:
                fill([*row, who])

    fill([])
    return ordered([found[0].index(who) + 1 for who in range(n)]) if len(found) == 1 else "several"


FAMILY = MathFamily(
    name="rankings",
    topic="logic",
    kind="tuple",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
