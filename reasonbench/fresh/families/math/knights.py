"""Knights, who always tell the truth, and knaves, who always lie."""

from collections.abc import Sequence
from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import the_set, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "any": (
        "On an island every inhabitant is either a knight, who always tells the truth, or a knave, "
        "who always lies. Inhabitants numbered $1$ to $@n$ make the following statements. @said "
        "Find the set of the numbers of all knights among them, in the form $\\{1, 2, 3\\}$.",
        "Each of $@n$ robots, numbered $1$ to $@n$, has either a correct program (a knight: "
        "everything it says is true) or a faulty one (a knave: everything it says is false). @said "
        "Which robots are knights? Answer with the set of their numbers, such as "
        "$\\{1, 2, 3\\}$.",
        "Among people numbered $1$ to $@n$, knights make only true statements and knaves make only "
        "false statements; everybody is one or the other. @said Determine the set of the numbers "
        "of all the knights, written like $\\{1, 2, 3\\}$.",
    ),
}


def _sentence(claim: Sequence[Any], n: int) -> str:
    speaker, kind, a, b, knight = claim
    word = "knight" if knight else "knave"
    text = {
        "is": f"Number ${a}$ is a {word}.",
        "same": f"Numbers ${a}$ and ${b}$ are "
        + ("of the same kind." if knight else "of different kinds."),
        "count": f"Exactly ${a}$ of the ${n}$ of us {'is a' if a == 1 else 'are'} "
        + (word if a == 1 else word + "s")
        + ".",
        "either": f"At least one of numbers ${a}$ and ${b}$ is a {word}.",
        "if": f"If number ${a}$ is a knight, then number ${b}$ is a {word}.",
    }[str(kind)]
    return f"Number ${speaker}$ says: ``{text}''"


def _texts(p: Params) -> dict[str, str]:
    said = [_sentence(claim, p["n"]) for claim in p["claims"]]
    if any(claim[1] == "if" for claim in p["claims"]):
        said.append(
            "(A statement of the form ``if $P$, then $Q$'' is false when $P$ is true and $Q$ is "
            "false, and true otherwise.)"
        )
    return {"said": " ".join(said)}


def _true(claim: Sequence[Any], knights: int, n: int) -> bool:
    """Whether a claim is true, with the knights as a bit mask."""
    _, kind, a, b, word = claim
    one, other = knights >> a & 1, knights >> b & 1
    match kind:
        case "is":
            return bool(one == word)
        case "same":
            return bool((one == other) == word)
        case "count":
            return bool((knights.bit_count() if word else n - knights.bit_count()) == a)
        case "either":
            return word in (one, other)
    return bool(not one or other == word)


def _draw(draw: Draw, level: int) -> Params:
    n = (3, 4, 5, 6, 7)[level]
    kinds = ["is", "same"] if level == 0 else ["is", "same", "count", "either", "if"]

    def claim(speaker: int, knights: int) -> list[Any]:
        while True:
            kind = draw.choice(kinds if level < 3 else kinds[1:])
            a, b = draw.sample([i for i in range(1, n + 1) if i != speaker], 2)
            if kind == "same" and draw.integer(0, 1):
                a, b = sorted((speaker, b))
            if kind == "count":
                a = draw.integer(1, n - 1)
            b = 0 if kind in ("is", "count") else b
            found = [speaker, kind, a, b, draw.integer(0, 1)]
            if _true(found, knights, n) == bool(knights >> speaker & 1):
                return found

    def make() -> Params:
        hidden = 2 * draw.integer(1, 2**n - 2)
        return {"form": "any", "n": n, "claims": [claim(i, hidden) for i in range(1, n + 1)]}

    def fine(p: Params) -> bool:
        found = _possible(p)
        return len(found) == 1 and found[0].bit_count() > (level > 0)

    return redrawn(make, fine)


def _possible(p: Params) -> list[int]:
    n, claims = p["n"], p["claims"]
    masks = range(0, 2 ** (n + 1), 2)
    return [m for m in masks if all(_true(c, m, n) == bool(m >> c[0] & 1) for c in claims)]


def _solve(p: Params) -> str:
    (knights,) = _possible(p)
    return the_set([i for i in range(1, p["n"] + 1) if knights >> i & 1])


def _check(p: Params) -> str:
    """Decide one after the other, and drop a branch once a claim is decided and wrong."""
    n = p["n"]

    def wrong(kinds: dict[int, bool], claim: Sequence[Any]) -> bool:
        speaker, kind, a, b, word = claim
        knight = bool(word)
        known = set(range(1, n + 1)) if kind == "count" else {a, b} - {0}
        if not (known | {speaker}) <= kinds.keys():
            return False
        if kind == "count":
            truth = list(kinds.values()).count(knight) == a
        elif kind == "is":
            truth = kinds[a] is knight
        else:
            one, other = kinds[a], kinds[b]
            agree = [one is knight, other is knight]
            truth = {
                "same": one is other if knight else one is not other,
                "either": any(agree),
                "if": agree[1] if one else True,
            }[str(kind)]
        return truth is not kinds[speaker]

    found: list[list[int]] = []

    def decide(kinds: dict[int, bool]) -> None:
        if any(wrong(kinds, claim) for claim in p["claims"]):
            return
        if len(kinds) == n:
            found.append([i for i, knight in kinds.items() if knight])
            return
        for knight in (True, False):
            decide({**kinds, len(kinds) + 1: knight})

    decide({})
    return the_set(found[0]) if len(found) == 1 else str(found)


FAMILY = MathFamily(
    name="knights",
    topic="logic",
    kind="set",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
