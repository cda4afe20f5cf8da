"""Words in which the numbers of certain letters are restricted: products of exponential series.

On level 0 one letter is restricted, so that there are some hundred problems; from level 2 on there
are very many.
"""

from collections import Counter
from collections.abc import Sequence
from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_LETTERS = "ABCDEF"
_FORMS = {
    "strings": (
        "How many strings of length $@n$ over the alphabet $\\{@alphabet\\}$ @rule?",
        "A code consists of $@n$ letters, each one of @letters; letters may repeat. Find the "
        "number of codes that @rule.",
        "Each cell of a row of $@n$ cells is filled with one of the letters @letters. Determine "
        "how many of the resulting words @rule.",
    ),
}
_TIMES = ("zero times", "once", "twice", *(f"{word} times" for word in ("three", "four")))
_KINDS = ("least", "most", "exactly", "even", "odd")
"""What may be said of a letter."""


def _rule(rule: Sequence[int]) -> str:
    letter, kind, number = rule
    name, times = f"the letter {_LETTERS[letter]}", _TIMES[number]
    return {
        "least": f"contain {name} at least {times}",
        "most": f"contain {name} at most {times}",
        "exactly": f"contain {name} exactly {times}",
        "even": f"contain {name} an even number of times (possibly zero)",
        "odd": f"contain {name} an odd number of times",
    }[_KINDS[kind]]


def _texts(p: Params) -> dict[str, str]:
    letters = list(_LETTERS[: p["k"]])
    rules = [_rule(rule) for rule in p["rules"]]
    if p["apart"]:
        rules.append("have no two equal letters next to each other")
    return {"alphabet": ", ".join(letters), "letters": listed(letters, "or"), "rule": listed(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def rule(letter: int) -> list[int]:
        kind = draw.integer(0, 1 + (level == 4) if level in (1, 4) else 4)
        return [letter, kind, draw.integer(1, 3) if kind < 3 else 0]

    def make() -> Params:
        k = draw.integer((2, 3, 3, 4, 4)[level], 5)
        n = draw.integer(*((3, 6), (4, 9), (6, 11), (6, 12), (6, 10))[level])
        many = (1, 2, draw.integer(2, 3), draw.integer(3, 4), draw.integer(2, 3))[level]
        chosen = sorted(draw.sample(range(k), many))
        return {
            "form": "strings",
            "n": n,
            "k": k,
            "rules": [rule(letter) for letter in chosen],
            "apart": int(level == 4),
        }

    def fine(p: Params) -> bool:
        parity = any(kind > 2 for _, kind, _ in p["rules"])
        return (parity or level != 3) and 3 < int(_solve(p)) < 10**7

    return redrawn(make, fine)


Table = dict[tuple[int, int], int]
"""Signed number of ways by the letters used and the blocks that they form."""


def _blocks(counts: Sequence[int], apart: bool) -> Table:
    """One letter: its occurrences are blocks of their own, or joined up with a sign."""
    if not apart:
        return {(m, m): 1 for m in counts}
    table = {(m, j): comb(m - 1, j - 1) * (-1) ** (m - j) for m in counts for j in range(1, m + 1)}
    return {**table, (0, 0): 1} if 0 in counts else table


def _solve(p: Params) -> str:
    """Inclusion and exclusion over equal neighbours; the blocks of all letters are shuffled."""
    n = p["n"]
    allowed = [range(n + 1)] * p["k"]
    for letter, kind, number in p["rules"]:
        allowed[letter] = {
            "least": range(number, n + 1),
            "most": range(number + 1),
            "exactly": range(number, number + 1),
            "even": range(0, n + 1, 2),
            "odd": range(1, n + 1, 2),
        }[_KINDS[kind]]
    whole: Table = {(0, 0): 1}
    for counts in allowed:
        table: Table = {}
        for (m, j), ways in _blocks(counts, bool(p["apart"])).items():
            for (so_far, blocks), before in whole.items():
                if so_far + m <= n:
                    key = (so_far + m, blocks + j)
                    more = before * ways * comb(blocks + j, j)
                    table[key] = table.get(key, 0) + more
        whole = table
    return str(sum(ways for (m, _), ways in whole.items() if m == n))


def _check(p: Params) -> str:
    """Letter by letter; a state is the last letter and the counts of the restricted ones."""
    rules = p["rules"]
    states = Counter({(-1, (0,) * len(rules)): 1})
    for _ in range(p["n"]):
        following: Counter[tuple[int, tuple[int, ...]]] = Counter()
        for (last, counts), ways in states.items():
            for letter in range(p["k"]):
                if p["apart"] and letter == last:
                    continue
                more = tuple(c + (r[0] == letter) for c, r in zip(counts, rules, strict=True))
                following[letter if p["apart"] else -1, more] += ways
        states = following

    def good(count: int, rule: Sequence[int]) -> bool:
        _, kind, number = rule
        return (
            count >= number,
            count <= number,
            count == number,
            count % 2 == 0,
            count % 2 == 1,
        )[kind]

    return str(sum(ways for (_, counts), ways in states.items() if all(map(good, counts, rules))))


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
