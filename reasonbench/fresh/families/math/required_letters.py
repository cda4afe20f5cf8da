"""Strings that must hold certain letters: inclusion and exclusion."""

from collections import Counter
from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_LETTERS = "ABCDEFGH"
_FORMS = {
    "strings": (
        "How many strings of length $@n$ over the alphabet $\\{@alphabet\\}$ @rule?",
        "A code consists of $@n$ letters, each one of @letters; letters may repeat. Find the "
        "number of codes that @rule.",
        "Each cell of a row of $@n$ cells is filled with one of the letters @letters. Determine "
        "how many of the resulting words @rule.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    letters = list(_LETTERS[: p["k"]])
    needed = _LETTERS[: p["needed"]]
    which = (
        f"the letter {needed[0]}" if len(needed) == 1 else f"each of the letters {listed(needed)}"
    )
    rules = [f"contain {which} at least once"]
    last = letters[-1]
    if p["rule"] == "exactly":
        rules.append(f"contain the letter {last} exactly ${p['times']}$ times")
    if p["rule"] == "even":
        rules.append(f"contain the letter {last} an even number of times (possibly zero)")
    if p["rule"] == "apart":
        rules.append("have no two equal letters next to each other")
    return {"alphabet": ", ".join(letters), "letters": listed(letters, "or"), "rule": listed(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        k = draw.integer(2 if level == 0 else 3, 5 if level == 0 else 7)
        n = draw.integer(*((3, 6), (4, 12), (5, 12), (6, 13), (6, 14))[level])
        needed = 1 if level == 0 else draw.integer(2, k if level in (1, 4) else k - 1)
        rule = ("", "", "exactly", "even", "apart")[level]
        p = {"form": "strings", "n": n, "k": k, "needed": needed, "rule": rule}
        return {**p, "times": draw.integer(2, 3)} if level == 2 else p

    return redrawn(make, lambda p: p["n"] > p["needed"] + p.get("times", 0) and int(_solve(p)) > 3)


def _free(p: Params, k: int) -> int:
    """Number of words over k letters that obey the further rule; its letter is among the k."""
    n = p["n"]
    match p["rule"]:
        case "exactly":
            return comb(n, p["times"]) * int((k - 1) ** (n - p["times"]))
        case "even":
            return int(k**n + (k - 2) ** n) // 2
        case "apart":
            return k * int((k - 1) ** (n - 1)) if k else 0
    return int(k**n)


def _solve(p: Params) -> str:
    j = p["needed"]
    return str(sum((-1) ** i * comb(j, i) * _free(p, p["k"] - i) for i in range(j + 1)))


def _check(p: Params) -> str:
    """Letter by letter; a state is what has been seen, the last letter, and a count."""
    k, needed, rule = p["k"], p["needed"], p["rule"]
    states = Counter({(0, -1, 0): 1})
    for _ in range(p["n"]):
        following: Counter[tuple[int, int, int]] = Counter()
        for (seen, last, count), ways in states.items():
            for letter in range(k):
                if rule == "apart" and letter == last:
                    continue
                mask = seen | 1 << letter if letter < needed else seen
                more = count + (rule in ("exactly", "even") and letter == k - 1)
                following[mask, letter if rule == "apart" else -1, more] += ways
        states = following
    wanted = {"exactly": {p.get("times", 0)}, "even": set(range(0, 20, 2))}.get(rule, {0})
    full = (1 << needed) - 1
    return str(sum(w for (seen, _, count), w in states.items() if seen == full and count in wanted))


FAMILY = MathFamily(
    name="required_letters",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
