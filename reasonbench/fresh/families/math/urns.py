"""Draws from an urn without replacement."""

from fractions import Fraction
from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import fraction, listed, worded
from reasonbench.fresh.family import MathFamily, Params

_COLOURS = ("red", "blue", "green", "white")
_ORDINALS = ("zeroth", "first", "second", "third", *(f"{n}th" for n in ("four", "fif", "six")))
_NUMBERS = {3: "three", 4: "four"}
_FORMS = {
    "draw": (
        "A bag contains @balls balls. Someone takes $@k$ balls at random without replacement. "
        "What is the probability that @event? Give the answer as a fraction in lowest terms.",
        "From an urn with @balls balls, $@k$ balls are drawn at random, one after the other and "
        "without replacement. Find, as a common fraction, the probability that @event.",
        "There are @balls marbles in a box, and $@k$ of them are chosen at random, all choices "
        "being equally likely. Determine the probability that @event, as a fraction in lowest "
        "terms.",
    ),
    "given": (
        "A bag contains @balls balls. Someone takes $@k$ balls at random without replacement and "
        "says truthfully that at least one of them is red. Given this, what is the probability "
        "that @event? Give the answer as a fraction in lowest terms.",
        "From an urn with @balls balls, $@k$ balls are drawn at random, one after the other and "
        "without replacement. Find, as a common fraction, the conditional probability that @event, "
        "given that at least one drawn ball is red.",
        "There are @balls marbles in a box, and $@k$ of them are chosen at random, all choices "
        "being equally likely. Determine the probability that @event, under the condition that at "
        "least one of the chosen marbles is red. Answer with a fraction in lowest terms.",
    ),
    "place": (
        "A bag contains @balls balls. The balls are drawn at random one by one, without "
        "replacement. What is the probability that the @ordinal red ball to be drawn comes out in "
        "draw number $@k$? Give the answer as a fraction in lowest terms.",
        "From an urn with @balls balls, balls are drawn at random one after the other and without "
        "replacement, until the @ordinal red ball is out. Find, as a common fraction, the "
        "probability that exactly $@k$ draws are needed.",
        "There are @balls marbles in a box. They are put in a row in random order, all orders "
        "being equally likely. Determine the probability that the @ordinal red marble in the row, "
        "counted from the front, stands at place $@k$. Answer with a fraction in lowest terms.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    counts = p["counts"]
    named = [f"${c}$ {colour}" for c, colour in zip(counts, _COLOURS, strict=False)]
    event = {
        "exactly": f"exactly ${p['j']}$ of them {'is' if p['j'] == 1 else 'are'} red",
        "same": "all of them have the same colour",
        "every": f"every one of the {_NUMBERS.get(len(counts))} colours occurs among them",
        "": "",
    }[p["event"]]
    ordinal = _ORDINALS[p["j"]] if p["form"] == "place" else ""
    return {"balls": listed(named), "event": event, "ordinal": ordinal}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        colours = (2, 3, 3, draw.choice([3, 4, 4, 4]), 3)[level]
        counts = [draw.integer(2, (12, 9, 9, 10, 12)[level]) for _ in range(colours)]
        event = ("exactly", "same", "", "every", draw.choice(["exactly", "every", "same"]))[level]
        form = ("draw", "draw", "place", "draw", "given")[level]
        k = draw.integer(2, 4 - level) if level < 2 else draw.integer(colours + (level == 3), 7)
        j = draw.integer(1 + (level > 3), k - (level > 0)) if event == "exactly" and k > 2 else 1
        if level == 2:
            j = draw.integer(2, min(6, counts[0]))
            k = draw.integer(j, sum(counts) - counts[0] + j)
        return {"form": form, "counts": counts, "k": k, "event": event, "j": j}

    def fine(p: Params) -> bool:
        if p["event"] == "same" and p["k"] > max(p["counts"]):
            return False
        if sum(p["counts"]) <= p["k"]:
            return False
        answer = _value(p)
        return 0 < answer < 1 and 2 < answer.denominator < 10**6

    return redrawn(make, fine)


def _event(counts: list[int], k: int, event: str, j: int) -> int:
    """Number of choices of k balls with the event."""
    red, whole = counts[0], sum(counts)
    if event == "exactly":
        return comb(red, j) * comb(whole - red, k - j)
    if event == "same":
        return sum(comb(c, k) for c in counts)
    answer = 0
    for mask in range(1 << len(counts)):
        left = sum(c for i, c in enumerate(counts) if not mask >> i & 1)
        answer += (-1) ** mask.bit_count() * comb(left, k)
    return answer


def _value(p: Params) -> Fraction:
    counts, k, event = p["counts"], p["k"], p["event"]
    red, whole = counts[0], sum(counts)
    if p["form"] == "place":
        j = p["j"]
        return Fraction(comb(k - 1, j - 1) * comb(whole - k, red - j), comb(whole, red))
    possible, good = comb(whole, k), _event(counts, k, event, p["j"])
    if p["form"] == "given":
        possible -= comb(whole - red, k)
        # Without a red ball only the same-colour event is possible.
        good -= sum(comb(c, k) for c in counts[1:]) if event == "same" else 0
    return Fraction(good, possible)


def _solve(p: Params) -> str:
    return fraction(_value(p))


def _check(p: Params) -> str:
    """Ball by ball: the chance of each sequence of colours, merged by what was taken."""
    counts, k = p["counts"], p["k"]
    states = {(0,) * len(counts): Fraction(1)}
    for step in range(k):
        following: dict[tuple[int, ...], Fraction] = {}
        for taken, chance in states.items():
            for i, c in enumerate(counts):
                # The red ball that counts must come with draw k.
                due = p["form"] == "place" and taken[0] == p["j"] - 1
                early = due and i == 0 and step < k - 1
                if taken[i] < c and not early:
                    key = (*taken[:i], taken[i] + 1, *taken[i + 1 :])
                    part = chance * Fraction(c - taken[i], sum(counts) - step)
                    following[key] = following.get(key, Fraction(0)) + part
        states = following

    def good(taken: tuple[int, ...]) -> bool:
        if p["form"] == "place" or p["event"] == "exactly":
            return bool(taken[0] == p["j"])
        return max(taken) == k if p["event"] == "same" else min(taken) > 0

    kept = {t: c for t, c in states.items() if p["form"] != "given" or t[0]}
    whole = sum(kept.values()) if p["form"] == "given" else Fraction(1)
    return fraction(sum((c for t, c in kept.items() if good(t)), start=Fraction(0)) / whole)


FAMILY = MathFamily(
    name="urns",
    topic="probability",
    kind="fraction",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
