"""Ordered sums with restricted parts."""

from collections.abc import Iterable
from math import comb, factorial, prod

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "capped": (
        "How many ordered $@k$-tuples of positive integers, each at most $@cap$, have sum $@n$?",
        "In how many ways can $@n$ identical coins be given to $@k$ different children so that "
        "every child gets at least one coin and at most $@cap$ coins?",
        "Find the number of solutions of $@sum = @n$ in integers with "
        "$1 \\le x_i \\le @cap$ for every $i$.",
    ),
    "plain": (
        "In how many ways can $@n$ be written as an ordered sum of exactly $@k$ integers that are "
        "all at least $@low$?",
        "A teacher gives $@n$ identical coins to $@k$ different children, and every child gets at "
        "least $@low$ of them. In how many ways can this be done?",
        "Find the number of ordered $@k$-tuples of integers with sum $@n$ in which every integer "
        "is at least $@low$.",
    ),
    "parts": (
        "In how many ways can $@n$ be written as a sum of terms that are each @parts, if the order "
        "of the terms matters, there may be any number of terms, and at least one term must be "
        "$@must$?",
        "A robot moves along a line in jumps, each of length @parts. In how many different "
        "sequences of jumps can it cover a distance of exactly $@n$, always moving forward and "
        "making at least one jump of length $@must$?",
        "A strip of length $@n$ is tiled with tiles, each of length @parts; tiles of the same "
        "length are identical. How many different tilings, read from left to right, contain at "
        "least one tile of length $@must$?",
    ),
    "even": (
        "How many ordered $@k$-tuples of integers from $@low$ to $@cap$, inclusive, have sum $@n$ "
        "and exactly $@j$ even @entries?",
        "In how many ways can $@n$ identical coins be given to $@k$ different children so that "
        "every child gets at least $@low$ and at most $@cap$ coins, and exactly $@j$ of the "
        "children @get an even number of coins?",
        "Find the number of solutions of $@sum = @n$ in integers with "
        "$@low \\le x_i \\le @cap$ for every $i$, for which exactly $@j$ of the numbers $x_i$ @are "
        "even.",
    ),
    "bounds": (
        "Find the number of ordered quadruples of integers $(w, x, y, z)$ with "
        "$w + x + y + z = @n$ that satisfy @bounds.",
        "How many integer solutions does the equation $w + x + y + z = @n$ have under the "
        "conditions @bounds?",
        "Integers $w$, $x$, $y$ and $z$ satisfy @bounds. For how many ordered quadruples "
        "$(w, x, y, z)$ of such integers is $w + x + y + z = @n$?",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    limits = zip(p.get("lows", []), "wxyz", p.get("highs", []), strict=False)
    bounds = [rf"{low} \le {name} \le {high}" for low, name, high in limits]
    names = [f"x_{i}" for i in range(1, p.get("k", 0) + 1)]
    if len(names) > 4:
        names[2:-1] = [r"\cdots"]
    singular = {"entries": "entry", "get": "gets", "are": "is"}
    plural = {"entries": "entries", "get": "get", "are": "are"}
    return {
        **(singular if p.get("j") == 1 else plural),
        "sum": " + ".join(names),
        "bounds": listed(maths(bounds)),
        "parts": f"{listed(maths(p['parts']), 'or')}" if p["form"] == "parts" else "",
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        k = draw.integer(3, 6)
        match level:
            case 0:
                k, low = draw.integer(2, 4), draw.integer(1, 6)
                return {"form": "plain", "n": draw.integer(k * low + 3, 60), "k": k, "low": low}
            case 1:
                cap = draw.integer(4, 15)
                n = draw.integer(k + cap, k * cap - 2)
                return {"form": "capped", "n": n, "k": k, "cap": cap}
            case 2:
                parts = sorted(draw.distinct(draw.integer(3, 4), 1, 12))
                n, must = draw.integer(15, 40), draw.choice(parts)
                return {"form": "parts", "n": n, "parts": parts, "must": must}
            case 3:
                low, j = draw.integer(1, 6), draw.integer(1, k - 1)
                cap = low + draw.integer(7, 26)
                n = draw.integer(k * low + 4, k * cap - 4)
                return {"form": "even", "n": n, "k": k, "j": j, "low": low, "cap": cap}
        lows = [draw.integer(-3, 4) for _ in range(4)]
        highs = [low + draw.integer(5, 12) for low in lows]
        n = draw.integer(sum(lows) + 9, sum(highs) - 9)
        return {"form": "bounds", "n": n, "lows": lows, "highs": highs}

    return redrawn(make, lambda p: p["n"] > 1 and 3 < int(_solve(p)) < 10**6)


def _bounded(total: int, spans: list[int]) -> int:
    """Solutions of a sum of variables from 0 to each span, by inclusion and exclusion."""
    k, answer = len(spans), 0
    for mask in range(1 << k):
        left = total - sum(s + 1 for i, s in enumerate(spans) if mask >> i & 1)
        if left >= 0:
            answer += (-1) ** mask.bit_count() * comb(left + k - 1, k - 1)
    return answer


def _multisets(total: int, parts: list[int]) -> list[list[int]]:
    """Numbers of times that each part may occur."""
    first, *rest = parts
    if not rest:
        return [[total // first]] if total % first == 0 else []
    return [
        [times, *others]
        for times in range(total // first + 1)
        for others in _multisets(total - times * first, rest)
    ]


def _solve(p: Params) -> str:
    n = p["n"]
    match p["form"]:
        case "plain":
            return str(comb(n - p["k"] * (p["low"] - 1) - 1, p["k"] - 1))
        case "capped":
            return str(_bounded(n - p["k"], [p["cap"] - 1] * p["k"]))
        case "parts":
            place = p["parts"].index(p["must"])
            found = [times for times in _multisets(n, p["parts"]) if times[place]]
            return str(sum(factorial(sum(m)) // prod(map(factorial, m)) for m in found))
        case "even":
            # Halves of the even entries, and of one more than the odd ones.
            k, j, low, cap = p["k"], p["j"], p["low"], p["cap"]
            if (n + k - j) % 2:
                return "0"
            evens, odds = cap // 2 - (low + 1) // 2, (cap + 1) // 2 - (low + 2) // 2
            left = (n + k - j) // 2 - j * ((low + 1) // 2) - (k - j) * ((low + 2) // 2)
            return str(comb(k, j) * _bounded(left, [evens] * j + [odds] * (k - j)))
    spans = [high - low for low, high in zip(p["lows"], p["highs"], strict=True)]
    return str(_bounded(n - sum(p["lows"]), spans))


def _sequences(n: int, parts: Iterable[int]) -> int:
    ways = [1]
    for value in range(1, n + 1):
        ways.append(sum(ways[value - part] for part in parts if part <= value))
    return ways[n]


def _check(p: Params) -> str:
    n = p["n"]
    if p["form"] == "parts":
        return str(_sequences(n, p["parts"]) - _sequences(n, {*p["parts"]} - {p["must"]}))
    lows = p.get("lows") or [p.get("low", 1)] * p["k"]
    highs = p.get("highs") or [p.get("cap", n)] * p["k"]
    states = {(0, 0): 1}
    for low, high in zip(lows, highs, strict=True):
        following: dict[tuple[int, int], int] = {}
        for (so_far, even), count in states.items():
            for value in range(low, high + 1):
                key = (so_far + value, even + (value % 2 == 0))
                following[key] = following.get(key, 0) + count
        states = following
    wanted = {p["j"]} if "j" in p else set(range(len(lows) + 1))
    return str(sum(c for (total, even), c in states.items() if total == n and even in wanted))


FAMILY = MathFamily(
    name="compositions",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
