"""Partitions of a set of people into unlabelled groups.

Level 0 has some three hundred problems: few lists of small sizes give numbers that are easy.
"""

from collections import Counter
from functools import cache
from itertools import permutations
from math import comb, factorial, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, worded
from reasonbench.fresh.family import MathFamily, Params

_NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana")
_FORMS = {
    "sizes": (
        "Suppose that $@n$ different students@who are divided into $@k$ groups of sizes @sizes, "
        "and that the groups are not numbered or named. @{rules}In how many ways can this be done?",
        "A set of $@n$ people@who is split into $@k$ unlabelled teams with @sizes members. "
        "@{rules}How many divisions are possible?",
        "There are $@k$ rooms for @sizes people, and $@n$ distinguishable people@who are to fill "
        "all of them; rooms for the same number of people are not distinguished. @{rules}Find the "
        "number of ways to do this.",
    ),
    "kinds": (
        "Suppose that $@n$ different students@who and $@t$ different teachers are divided into "
        "$@k$ groups, that the groups are not numbered or named, and that each of them gets "
        "@bounds. @{rules}In how many ways can this be done?",
        "A party of $@n$ students@who and $@t$ teachers, all of them distinguishable, is split "
        "into $@k$ unlabelled teams such that each team has @bounds. @{rules}How many divisions "
        "are possible?",
        "Consider the partitions of a set of $@n$ students@who and $@t$ teachers into $@k$ "
        "(unordered) subsets, each of which contains @bounds. @{rules}Determine the number of "
        "these partitions.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    together = _NAMES[: p["together"]]
    apart = _NAMES[p["together"] : p["together"] + p["apart"]]
    rules = []
    if together:
        rules.append(f"{listed(together)} must be together. ")
    if apart:
        must = "must not" if p["apart"] == 2 else "may"
        alone = listed(apart) if p["apart"] == 2 else f"No two of {listed(apart)}"
        rules.append(f"{alone} {must} be together. ")
    named = listed([*together, *apart])
    texts = {
        "who": f", among them {named}," if named else "",
        "rules": "".join(rules),
    }
    if p["form"] == "sizes":
        return {**texts, "n": sum(p["sizes"]), "sizes": listed(maths(p["sizes"]))}
    bounds = f"at least ${p['low']}$ and at most ${p['high']}$ students"
    if few := p["teachers"]:
        bounds += f" and at least ${few}$ teacher" + "s" * (few > 1)
    return {**texts, "bounds": bounds}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        pair = draw.choice([(0, 2), (2, 0)])
        both = (draw.choice([0, 2, 3, 4]), draw.choice([0, 2, 3, 4]))
        together, apart = ((0, 0), pair, both, both, both)[level]
        names = {"together": together, "apart": apart}
        if level < 3:
            k = draw.choice(((2, 3, 3, 4, 4), (3, 4, 5), (4, 5, 6, 6, 7))[level])
            sizes = sorted(draw.integer(1, 9) for _ in range(k))
            return {"form": "sizes", "k": k, "sizes": sizes, **names}
        low = draw.integer(1, 3)
        return {
            "form": "kinds",
            "k": draw.integer(2, 2 + level),
            "n": draw.integer(6, 13 + level),
            "t": draw.integer(3, 12),
            "low": low,
            "high": low + draw.integer(2, 7),
            "teachers": draw.integer(0 if level == 3 else 1, 2),
            **names,
        }

    def fine(p: Params) -> bool:
        k, apart, together = p["k"], p["apart"], p["together"]
        rules = bool(together) + bool(apart)
        if (level > 1 and rules == 0) or (level > 2 and rules != level - 2):
            return False
        if p["form"] == "sizes":
            fits = apart <= k and sum(p["sizes"]) < 28 and together <= max(p["sizes"])
            return fits and 3 < int(_solve(p)) < (10**7, 10**8, 10**13)[level]
        n, low, high = p["n"], p["low"], p["high"]
        if apart + together > n:
            return False
        tight = k * low < n < k * high and high < n - (k - 1) * low
        return tight and apart <= k and k * p["teachers"] < p["t"] and 3 < int(_solve(p)) < 10**11

    return redrawn(make, fine)


def _solve(p: Params) -> str:
    return str(_by_sizes(p) if p["form"] == "sizes" else _by_kinds(p))


def _by_sizes(p: Params) -> int:
    """Number the groups, place those who are named, fill up, and forget the numbers."""
    sizes, together, apart = p["sizes"], p["together"], p["apart"]
    answer = 0
    left = sum(sizes) - together - apart
    for home, _ in enumerate(sizes) if together else [(0, 0)]:
        for rooms in permutations(range(len(sizes)), apart):
            free = [s - (i in rooms) - together * (i == home) for i, s in enumerate(sizes)]
            if min(free) >= 0:
                answer += factorial(left) // prod(map(factorial, free))
    return answer // prod(map(factorial, Counter(sizes).values()))


def _spread(people: int, bounds: list[tuple[int, int]]) -> int:
    """Ways to send different people to numbered groups with bounds on their sizes."""
    ways = [1] + [0] * people
    for low, high in bounds:
        ways = [
            sum(comb(m, i) * ways[m - i] for i in range(max(low, 0), min(high, m) + 1))
            for m in range(people + 1)
        ]
    return ways[people]


def _by_kinds(p: Params) -> int:
    """Number the groups: those who must part are in the first ones, and may be interchanged."""
    k, apart, together = p["k"], p["apart"], p["together"]
    answer = 0
    for home in range(k) if together else [-1]:
        taken = [(i < apart) + together * (i == home) for i in range(k)]
        bounds = [(p["low"] - have, p["high"] - have) for have in taken]
        answer += _spread(p["n"] - apart - together, bounds)
    answer *= _spread(p["t"], [(p["teachers"], p["t"])] * k)
    # Groups with one of those who must part are told apart by them.
    return answer // factorial(k - apart)


Group = tuple[int, bool]
"""Seats left, and whether one of those who must part is in."""


@cache
def _seated(
    empty: tuple[int, ...], begun: tuple[Group, ...], parties: tuple[tuple[int, bool], ...]
) -> int:
    """Ways to seat parties one by one, in a group that is begun or in an empty one."""
    if not parties:
        return int(not empty and all(left == 0 for left, _ in begun))
    (weight, marked), *others = parties
    rest, ways = tuple(others), 0
    for i, size in enumerate(empty):
        if size >= weight and size not in empty[:i]:
            group = (size - weight, marked)
            ways += _seated(empty[:i] + empty[i + 1 :], tuple(sorted((*begun, group))), rest)
    for i, (left, has) in enumerate(begun):
        if left >= weight and not (marked and has):
            group = (left - weight, marked or has)
            grown = (*begun[:i], group, *begun[i + 1 :])
            ways += _seated(empty, tuple(sorted(grown)), rest)
    return ways


Rules = tuple[int, int, int]
"""Least and greatest number of students in a group, and least number of teachers."""


@cache
def _grouped(left: tuple[int, int], k: int, apart: int, block: int, rules: Rules) -> int:
    """Choose who joins the first person left: one who must part, the block, or a student."""
    (s, t), (low, high, teachers) = left, rules
    if not k:
        return int(s == t == apart == block == 0)
    if apart:
        starts = [(1, block)] + ([(1 + block, 0)] if block else [])
    elif block:
        starts = [(block, 0)]
    else:
        starts, s = [(1, 0)], s - 1
    ways = 0
    for have, stay in starts:
        for a in range(max(0, low - have), min(s, high - have) + 1):
            for b in range(teachers, t + 1):
                rest = _grouped((s - a, t - b), k - 1, max(0, apart - 1), stay, rules)
                ways += comb(s, a) * comb(t, b) * rest
    return ways


def _check(p: Params) -> str:
    together, apart = p["together"], p["apart"]
    if p["form"] == "sizes":
        alone = sum(p["sizes"]) - together - apart
        parties = [(together, False)] * bool(together) + [(1, True)] * apart + [(1, False)] * alone
        return str(_seated(tuple(p["sizes"]), (), tuple(parties)))
    rules = (p["low"], p["high"], p["teachers"])
    people = (p["n"] - apart - together, p["t"])
    return str(_grouped(people, p["k"], apart, together, rules))


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
