"""Necklaces and bracelets up to symmetry: Burnside's lemma."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import factorial, gcd, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_COLOURS = ("red", "blue", "green", "white")
_FORMS = {
    "any": (
        "A @thing consists of $@n$ beads on a circular string, each in one of $@k$ colours; not "
        "every colour needs to occur. Two @things are the same if @same. How many different "
        "@things are there?",
        "The $@n$ vertices of a regular polygon with $@n$ sides are each painted in one of $@k$ "
        "available colours. Colourings are regarded as identical if @same. Find the number of "
        "different colourings.",
        "A round tray has $@n$ equally spaced slots, and each slot gets a candle of one of $@k$ "
        "colours. Determine the number of different trays, where two trays count as the same if "
        "@same.",
    ),
    "content": (
        "A @thing is made of @content beads on a circular string. Two @things are the same if "
        "@same. How many different @things are there?",
        "The $@n$ vertices of a regular polygon with $@n$ sides are to be painted so that there "
        "are @content vertices. Colourings are regarded as identical if @same. Find the number of "
        "different colourings.",
        "A round tray has $@n$ equally spaced slots, to be filled with @content candles. "
        "Determine the number of different trays, where two trays count as the same if @same.",
    ),
    "apart": (
        "A @thing is made of @content beads on a circular string in such a way that beads next to "
        "each other have different colours. Two @things are the same if @same. How many different "
        "@things are there?",
        "The $@n$ vertices of a regular polygon with $@n$ sides are to be painted so that there "
        "are @content vertices and the ends of every side have different colours. Colourings are "
        "regarded as identical if @same. Find the number of different colourings.",
        "A round tray has $@n$ equally spaced slots, to be filled with @content candles such that "
        "neighbouring candles have different colours. Determine the number of different trays, "
        "where two trays count as the same if @same.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    turned = "one can be obtained from the other by a rotation"
    counts = p.get("content", [])
    parts = [f"${c}$ {colour}" for c, colour in zip(counts, _COLOURS, strict=False)]
    return {
        "thing": "bracelet" if p["flip"] else "necklace",
        "things": "bracelets" if p["flip"] else "necklaces",
        "same": turned
        + (", a reflection, or both" if p["flip"] else " (reflections do not count)"),
        "content": listed(parts),
        "n": p.get("n") or sum(counts),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        flip = draw.integer(0, 1) if level else 0
        if level < 2:
            high = (5, 12)[level]
            n, k = draw.integer(3 + level, high), draw.integer(2, high)
            return {"form": "any", "flip": flip, "n": n, "k": k}
        colours = draw.integer(2, 3) if level == 2 else level
        content = [draw.integer(1, 7) for _ in range(colours)]
        return {
            "form": "apart" if level == 4 else "content",
            "flip": int(level == 3) or flip,
            "content": content,
        }

    def fine(p: Params) -> bool:
        if p["form"] == "any":
            return bool(p["k"] ** p["n"] < (700, 12_000)[level] and int(_solve(p)) > 3)
        counts = p["content"]
        words = factorial(sum(counts)) // prod(map(factorial, counts))
        in_reach = 20 < words < (30_000 if level == 4 else 4_000)
        return in_reach and 6 <= sum(counts) <= 12 and int(_solve(p)) > (0, 0, 6, 8, 12)[level]

    return redrawn(make, fine)


def _symmetries(p: Params) -> Iterator[tuple[list[int], bool]]:
    """Lengths of the cycles of each symmetry, and whether it is a reflection."""
    n = p.get("n") or sum(p["content"])
    for shift in range(n):
        cycles = gcd(n, shift)
        yield [n // cycles] * cycles, False
    for mirror in range(n if p["flip"] else 0):
        fixed = 1 if n % 2 else 2 * (mirror % 2)
        yield [1] * fixed + [2] * ((n - fixed) // 2), True


def _words(weights: Sequence[int], content: Sequence[int], *, apart: bool, closed: bool) -> int:
    """Colourings of a row of cycles that use up the colours; of a ring, where it is closed."""
    answer = 0
    for first, many in enumerate(content):
        if many < weights[0]:
            continue
        left = (*content[:first], many - weights[0], *content[first + 1 :])
        states = {(first, left): 1}
        for weight in weights[1:]:
            following: dict[tuple[int, tuple[int, ...]], int] = {}
            for (last, left), ways in states.items():
                for colour, many_left in enumerate(left):
                    if many_left >= weight and not (apart and colour == last):
                        rest = (*left[:colour], many_left - weight, *left[colour + 1 :])
                        following[colour, rest] = following.get((colour, rest), 0) + ways
            states = following
        answer += sum(w for (last, _), w in states.items() if not (closed and last == first))
    return answer


def _fixed(p: Params, cycles: list[int], mirrored: bool) -> int:
    """Number of colourings that a symmetry leaves as they are."""
    if p["form"] == "any":
        return int(p["k"] ** len(cycles))
    if p["form"] == "content":
        return _words(cycles, p["content"], apart=False, closed=False)
    if not mirrored:
        return _words(cycles, p["content"], apart=True, closed=True)
    if cycles.count(1) != 2:
        # The mirror line cuts a side, whose ends would be alike.
        return 0
    return _words([1, *cycles[2:], 1], p["content"], apart=True, closed=False)


def _solve(p: Params) -> str:
    symmetries = list(_symmetries(p))
    return str(sum(_fixed(p, *symmetry) for symmetry in symmetries) // len(symmetries))


def _arrangements(content: tuple[int, ...], apart: bool) -> Iterator[tuple[int, ...]]:
    if not any(content):
        yield ()
    for colour, many in enumerate(content):
        if many:
            rest = (*content[:colour], many - 1, *content[colour + 1 :])
            for word in _arrangements(rest, apart):
                if not (apart and word and word[0] == colour):
                    yield (colour, *word)


@cache
def _orbits(n: int, k: int, flip: int, content: tuple[int, ...], apart: bool) -> int:
    """Take each word that no earlier one can be turned into."""
    seen: set[tuple[int, ...]] = set()
    orbits = 0
    for word in _arrangements(content, apart) if content else product(range(k), repeat=n):
        if word in seen or (apart and word[0] == word[-1]):
            continue
        orbits += 1
        for turned in (word, word[::-1]) if flip else (word,):
            seen.update(turned[i:] + turned[:i] for i in range(n))
    return orbits


def _check(p: Params) -> str:
    content = tuple(p.get("content", ()))
    n, k = p.get("n") or sum(content), p.get("k") or len(content)
    return str(_orbits(n, k, p["flip"], content, p["form"] == "apart"))


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
