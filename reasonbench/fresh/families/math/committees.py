"""Committees with quotas, feuds, pairs and offices."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from math import comb, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, worded
from reasonbench.fresh.family import MathFamily, Params

_KINDS = ("teacher", "parent", "student")
_FORMS = {
    "any": (
        "A committee of $@k$ people is to be chosen from @people. @rules In how many ways can this "
        "be done?",
        "From a club that consists of @people, a delegation of $@k$ members is selected. @rules "
        "Find the number of possible selections.",
        "The candidates for a jury with $@k$ members are @people. @rules Determine how many "
        "choices are possible.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    few, most = p["least"], p["most"]
    rules = [
        "The number of teachers chosen must be "
        f"{'exactly' if p['exact'] else 'at least'} ${few}$"
        + (f", and the number of parents chosen must be at most ${most}$." if most else ".")
    ]
    if p["feud"]:
        one, other = (_KINDS[kind] for kind in p["feud"])
        rules.append(
            f"Two of the people, Anna (a {one}) and Bob (a {other}), must not both be chosen."
        )
    if p["pair"]:
        one, other = (_KINDS[kind] for kind in p["pair"])
        rules.append(
            f"Two of the people, Clara (a {one}) and Dora (a {other}), insist that either both of "
            "them or neither of them is chosen."
        )
    if p["offices"]:
        one, other = (_KINDS[kind] for kind in p["offices"])
        rules.append(
            f"In addition, one of the chosen {one}s is named president and one of the chosen "
            f"{other}s is named treasurer; choices with different office holders count as "
            "different."
        )
    people = listed([f"${n}$ {kind}s" for n, kind in zip(p["sizes"], _KINDS, strict=False)])
    return {"people": people, "rules": " ".join(rules)}


def _draw(draw: Draw, level: int) -> Params:
    def two() -> list[int]:
        return [draw.integer(0, 2), draw.integer(0, 2)]

    def make() -> Params:
        kinds = 3 if level > 1 else 2
        k = draw.integer(3, 5 if level == 0 else 7)
        return {
            "form": "any",
            "sizes": [draw.integer(4, (12, 12, 10, 10, 10)[level]) for _ in range(kinds)],
            "k": k,
            "least": draw.integer(1, k - 1),
            "exact": int(level == 0),
            "most": draw.integer(1, k - 1) if level > 1 else 0,
            "feud": two() if level > 1 else [],
            "pair": two() if level > 2 else [],
            "offices": draw.sample(range(3), 2) if level > 3 else [],
        }

    def fine(p: Params) -> bool:
        sizes = p["sizes"]
        loose = not p["most"] or p["least"] + p["most"] <= p["k"]
        return loose and p["least"] < sizes[0] and int(_solve(p)) > 3

    return redrawn(make, fine)


def _chosen(p: Params, inside: list[int], outside: list[int]) -> int:
    """Number of choices with some people, given by their kinds, inside and others outside."""
    free = [n - inside.count(i) - outside.count(i) for i, n in enumerate(p["sizes"])]
    answer = 0
    for counts in product(*(range(inside.count(i), p["k"] + 1) for i in range(len(free)))):
        least = counts[0] == p["least"] if p["exact"] else counts[0] >= p["least"]
        if sum(counts) != p["k"] or not least or (p["most"] and counts[1] > p["most"]):
            continue
        ways = prod(
            comb(n, c - inside.count(i)) for i, (n, c) in enumerate(zip(free, counts, strict=True))
        )
        answer += ways * prod(counts[i] for i in p["offices"])
    return answer


def _solve(p: Params) -> str:
    """Clara and Dora are in or out; from each case the choices with Anna and Bob are taken."""
    pair, feud = p["pair"], p["feud"]
    cases = [(pair, []), ([], pair)] if pair else [([], [])]
    answer = 0
    for inside, outside in cases:
        answer += _chosen(p, inside, outside)
        if feud:
            answer -= _chosen(p, [*inside, *feud], outside)
    return str(answer)


def _named(p: Params) -> Iterator[tuple[int, ...]]:
    """Kinds of the named people who are chosen, for each allowed way of choosing them."""
    for a, b, c, d in product((0, 1), repeat=4):
        unnamed = (not p["feud"] and (a or b)) or (not p["pair"] and (c or d))
        if not (unnamed or (a and b) or c != d):
            people = zip(
                (a, b, c, d), [*(p["feud"] or [0, 0]), *(p["pair"] or [0, 0])], strict=True
            )
            yield tuple(kind for taken, kind in people if taken)


def _check(p: Params) -> str:
    """Decide person by person; a state is how many of each kind are in."""
    sizes, k = p["sizes"], p["k"]
    named = [*p["feud"], *p["pair"]]
    states = Counter(tuple(kinds.count(i) for i in range(len(sizes))) for kinds in _named(p))
    for kind, size in enumerate(sizes):
        for _ in range(size - named.count(kind)):
            following = Counter(states)
            for counts, ways in states.items():
                if sum(counts) < k:
                    following[(*counts[:kind], counts[kind] + 1, *counts[kind + 1 :])] += ways
            states = following
    answer = 0
    for counts, ways in states.items():
        if sum(counts) == k and counts[0] >= p["least"]:
            if (p["exact"] and counts[0] > p["least"]) or (p["most"] and counts[1] > p["most"]):
                continue
            answer += ways * prod(counts[i] for i in p["offices"])
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
