"""Necklaces and bracelets up to symmetry: Burnside's lemma, with colours that must not meet.

Level 0 has little more than a hundred problems: there are few small necklaces without such colours.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from math import factorial, gcd, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_COLOURS = ("red", "blue", "green", "white", "black", "yellow")
_FORMS = {
    "free": (
        "A @thing consists of $@n$ beads on a circular string, each of them @colours; not every "
        "colour needs to occur. @{bead}Two @things are the same if @same. How many different "
        "@things are there?",
        "The $@n$ vertices of a regular polygon with $@n$ sides are each painted @colours; not "
        "every colour needs to be used. @{vertex}Colourings are regarded as identical if @same. "
        "Find the number of different colourings.",
        "A round tray has $@n$ equally spaced slots, and each slot gets a candle that is @colours; "
        "not every colour needs to occur. @{candle}Determine the number of different trays, where "
        "two trays count as the same if @same.",
    ),
    "content": (
        "A @thing is made of @content beads on a circular string. @{bead}Two @things are the same "
        "if @same. How many different @things are there?",
        "The $@n$ vertices of a regular polygon with $@n$ sides are to be painted so that there "
        "are @content vertices. @{vertex}Colourings are regarded as identical if @same. Find the "
        "number of different colourings.",
        "A round tray has $@n$ equally spaced slots, to be filled with @content candles. "
        "@{candle}Determine the number of different trays, where two trays count as the same if "
        "@same.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    turned = "one can be obtained from the other by a rotation"
    counts = p.get("content", [])
    parts = [f"${c}$ {colour}" for c, colour in zip(counts, _COLOURS, strict=False)]
    pairs = [(_COLOURS[a], _COLOURS[b]) for a, b in p["bans"]]

    def rule(place: str, one: str, more: str) -> str:
        found = [f"two {a} {more}" if a == b else f"a {a} {one} and a {b} {one}" for a, b in pairs]
        return f"The following must not be {place}: {'; '.join(found)}. " if found else ""

    return {
        "thing": "bracelet" if p["flip"] else "necklace",
        "things": "bracelets" if p["flip"] else "necklaces",
        "same": turned
        + (", a reflection, or both" if p["flip"] else " (reflections do not count)"),
        "content": listed(parts),
        "colours": listed(_COLOURS[: p.get("k", 0)], "or"),
        "n": p.get("n") or sum(counts),
        "bead": rule("next to each other", "bead", "beads"),
        "vertex": rule("the ends of a side", "vertex", "vertices"),
        "candle": rule("in neighbouring slots", "candle", "candles"),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        k = (draw.integer(2, 4), draw.integer(3, 4), 5, 5, 4)[level]
        pairs = list(combinations_with_replacement(range(k), 2))
        many = draw.choice(((0,), (1, 2), (3, 4, 4, 5, 5), (3, 4, 4, 5, 5), (1, 2, 2, 3, 3))[level])
        bans = sorted(map(list, draw.sample(pairs, many)))
        flip = (0, draw.integer(0, 1), 0, 1, draw.integer(0, 1))[level]
        if level == 4 or (level == 0 and draw.integer(0, 2)):
            content = [draw.integer(1, 5 if level else 3) for _ in range(k)]
            return {"form": "content", "flip": flip, "content": content, "bans": bans}
        n = draw.integer(*((3, 6), (4, 7), (4, 8), (4, 8))[level])
        return {"form": "free", "flip": flip, "k": k, "n": n, "bans": bans}

    def fine(p: Params) -> bool:
        if p["form"] == "free":
            return int(_solve(p)) > 3
        counts = p["content"]
        words = factorial(sum(counts)) // prod(map(factorial, counts))
        if level == 0:
            return sum(counts) < 9 and 3 < int(_solve(p)) < 100
        if any(a == b and counts[a] == 1 for a, b in p["bans"]):
            return False
        return 7 <= sum(counts) <= 12 and words < 60_000 and int(_solve(p)) > 12

    return redrawn(make, fine)


def _symmetries(p: Params) -> Iterator[tuple[tuple[int, ...], tuple[bool, bool, bool], int]]:
    """Lengths of the cycles along the ring, which ends meet what, and how many such there are.

    The ends of a row of cycles may meet themselves, at the start or at the end, or each other.
    """
    n = p.get("n") or sum(p["content"])
    for cycles in range(1, n + 1):
        if n % cycles == 0:
            turns = sum(gcd(n, shift) == cycles for shift in range(1, n + 1))
            yield (n // cycles,) * cycles, (False, False, True), turns
    if not p["flip"]:
        return
    if n % 2:
        yield (1, *(2,) * (n // 2)), (False, True, False), n
    else:
        yield (1, *(2,) * (n // 2 - 1), 1), (False, False, False), n // 2
        yield (2,) * (n // 2), (True, True, False), n // 2


def _used(left: tuple[int, ...], colour: int, weight: int) -> tuple[int, ...] | None:
    """What is left of each colour, or None if that is too much; nothing says no limit."""
    if not left:
        return left
    rest = left[colour] - weight
    return (*left[:colour], rest, *left[colour + 1 :]) if rest >= 0 else None


def _fixed(p: Params, weights: Sequence[int], meets: tuple[bool, bool, bool]) -> int:
    """Number of colourings of a row of cycles; the ends meet themselves or each other."""
    content, bans = tuple(p.get("content", ())), {tuple(ban) for ban in p["bans"]}
    k = len(content) or p["k"]
    free = [[(min(a, b), max(a, b)) not in bans for b in range(k)] for a in range(k)]
    answer = 0
    for first in range(k):
        start = _used(content, first, weights[0])
        if start is None or (meets[0] and not free[first][first]):
            continue
        states = {(first, start): 1}
        for weight in weights[1:]:
            following: dict[tuple[int, tuple[int, ...]], int] = {}
            for (last, left), ways in states.items():
                for colour in range(k):
                    rest = _used(left, colour, weight) if free[last][colour] else None
                    if rest is not None:
                        following[colour, rest] = following.get((colour, rest), 0) + ways
            states = following
        answer += sum(
            ways
            for (last, _), ways in states.items()
            if (free[last][last] or not meets[1]) and (free[last][first] or not meets[2])
        )
    return answer


def _solve(p: Params) -> str:
    found = [(_fixed(p, weights, meets), many) for weights, meets, many in _symmetries(p)]
    return str(sum(ways * many for ways, many in found) // sum(many for _, many in found))


def _necklaces(p: Params) -> Iterator[list[int]]:
    """Words that none of their rotations comes before, by their first letters."""
    content = list(p.get("content", ()))
    n, k = p.get("n") or sum(content), len(content) or p["k"]
    left = content or [n] * k
    word = [0] * (n + 1)

    def bad(one: int, other: int) -> bool:
        return [one, other] in p["bans"] or [other, one] in p["bans"]

    def extend(t: int, period: int) -> Iterator[list[int]]:
        if t > n:
            if n % period == 0 and not bad(word[n], word[1]):
                yield word[1:]
            return
        for colour in range(word[t - period], k):
            if left[colour] and not (t > 1 and bad(word[t - 1], colour)):
                word[t], left[colour] = colour, left[colour] - 1
                yield from extend(t + 1, period if colour == word[t - period] else t)
                left[colour] += 1

    return extend(1, 1)


def _check(p: Params) -> str:
    """List one word of each orbit."""
    count = 0
    for word in _necklaces(p):
        turned = word[::-1]
        count += not p["flip"] or all(turned[i:] + turned[:i] >= word for i in range(len(word)))
    return str(count)


FAMILY = MathFamily(
    name="necklaces",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
