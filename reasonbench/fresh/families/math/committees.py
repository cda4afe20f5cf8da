"""Committees with quotas, feuds, pairs and offices."""

from itertools import combinations
from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "any": (
        "A committee of $@k$ people is to be chosen from $@w$ women and $@m$ men. @rules In how "
        "many ways can this be done?",
        "From a club with $@w$ women and $@m$ men, a delegation of $@k$ members is selected. "
        "@rules Find the number of possible selections.",
        "There are $@w$ female and $@m$ male candidates for a jury with $@k$ members. @rules "
        "Determine how many choices are possible.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    few = p["least"]
    rules = [
        f"The number of women chosen must be {'exactly' if p['exact'] else 'at least'} ${few}$."
    ]
    if p["feud"]:
        rules.append("Two of the people, Anna (a woman) and Bob (a man), must not both be chosen.")
    if p["pair"]:
        rules.append(
            "Two of the women, Clara and Dora, insist that either both of them or neither of them "
            "is chosen."
        )
    if p["offices"]:
        rules.append(
            "In addition, one of the chosen women is named president and one of the chosen men is "
            "named treasurer; choices with different office holders count as different."
        )
    return {"rules": " ".join(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        high = 6 if level == 0 else 9
        k = draw.integer(3, 4 if level == 0 else 6)
        return {
            "form": "any",
            "w": draw.integer(4, high),
            "m": draw.integer(3, high),
            "k": k,
            "least": draw.integer(1, k - 1),
            "exact": int(level == 0),
            "feud": int(level > 1),
            "pair": int(level > 2),
            "offices": int(level > 3),
        }

    return redrawn(make, lambda p: int(_solve(p)) > 3 and p["w"] > p["least"])


def _solve(p: Params) -> str:
    """By how many of Anna, Bob and of Clara and Dora are in, then the others by number."""
    w, m, k = p["w"], p["m"], p["k"]
    answer = 0
    for anna in range(2 if p["feud"] else 1):
        for bob in range(2 if p["feud"] else 1):
            for both in (0, 2) if p["pair"] else (0,):
                free_w = w - p["feud"] - 2 * p["pair"]
                free_m = m - p["feud"]
                for women in range(anna + both, k + 1):
                    right = women == p["least"] if p["exact"] else women >= p["least"]
                    men = k - women
                    if not right or men < bob or (anna and bob):
                        continue
                    ways = comb(free_w, women - anna - both) * comb(free_m, men - bob)
                    answer += ways * (women * men if p["offices"] else 1)
    return str(answer)


def _check(p: Params) -> str:
    """Go through all committees; Anna, Clara and Dora are women 0, 1, 2 and Bob is man w."""
    w, least = p["w"], p["least"]
    answer = 0
    for chosen in combinations(range(w + p["m"]), p["k"]):
        women = sum(person < w for person in chosen)
        if women < least or (p["exact"] and women != least):
            continue
        if p["feud"] and 0 in chosen and w in chosen:
            continue
        if p["pair"] and (1 in chosen) != (2 in chosen):
            continue
        answer += women * (len(chosen) - women) if p["offices"] else 1
    return str(answer)


FAMILY = MathFamily(
    name="committees",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
