"""Counting whole solutions of linear and hyperbolic equations."""

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "two": (
        "How many ordered pairs $(x, y)$ of @sign integers satisfy $@left = @n$?",
        "Find the number of ordered pairs of @sign integers $(x, y)$ such that $@left = @n$.",
        "Determine how many solutions the equation $@left = @n$ has in @sign integers $x$ and $y$.",
    ),
    "three": (
        "How many ordered triples $(x, y, z)$ of @sign integers satisfy $@left = @n$?",
        "Find the number of ordered triples of @sign integers $(x, y, z)$ such that $@left = @n$.",
        "Determine how many solutions the equation $@left = @n$ has in @sign integers $x$, $y$ "
        "and $z$.",
    ),
    "at_most": (
        "How many ordered triples $(x, y, z)$ of @sign integers satisfy $@left \\le @n$?",
        "Find the number of ordered triples of @sign integers $(x, y, z)$ such that "
        "$@left \\le @n$.",
        "Determine the number of points $(x, y, z)$ whose coordinates are @sign integers with "
        "$@left \\le @n$.",
    ),
    "hyperbola": (
        "Find the sum of the values of $x$ over all ordered pairs $(x, y)$ of positive integers "
        "with $xy = @right$.",
        "Consider all solutions of $xy = @right$ in positive integers $x$ and $y$. What is the "
        "sum of their $x$-coordinates?",
        "Let $S$ be the set of ordered pairs of positive integers $(x, y)$ for which "
        "$xy = @right$. Compute the sum of $x$ over all pairs in $S$.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    if p["form"] == "hyperbola":
        return {"right": total([(p["a"], "x"), (p["b"], "y"), (p["c"], "")])}
    sign = "positive" if p["least"] else "nonnegative"
    return {"sign": sign, "left": total(list(zip(p["weights"], "xyz", strict=False)))}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        if level == 3:
            a, b, c = draw.integer(1, 12), draw.integer(1, 12), draw.integer(5, 200)
            return {"form": "hyperbola", "a": a, "b": b, "c": c}
        weights = draw.distinct(2 if level < 2 else 3, 2 if level == 0 else 1, 9)
        n = draw.integer(*((20, 60), (150, 900), (40, 120), (0, 0), (60, 160))[level])
        form = ("two", "two", "three", "", "at_most")[level]
        return {"form": form, "weights": weights, "least": draw.integer(0, 1), "n": n}

    def fine(p: Params) -> bool:
        return int(_solve(p)) > 3 and sum(w == 1 for w in p.get("weights", [])) < 1 + (level > 1)

    return redrawn(make, fine)


def _solve(p: Params) -> str:
    if p["form"] == "hyperbola":
        # (x - b)(y - a) = ab + c, and both factors are positive or both negative.
        a, b = p["a"], p["b"]
        product = a * b + p["c"]
        halves = [d for d in range(1, product + 1) if product % d == 0]
        negative = [-d for d in halves if d < b and product // d < a]
        return str(sum(d + b for d in halves + negative))
    weights, n = list(p["weights"]), p["n"]
    if p["least"]:
        n -= sum(weights)
    if p["form"] == "at_most":
        # A fourth variable of weight 1 takes up the rest.
        weights.append(1)
    ways = [1] + [0] * n
    for weight in weights:
        for value in range(weight, n + 1):
            ways[value] += ways[value - weight]
    return str(ways[n])


def _check(p: Params) -> str:
    if p["form"] == "hyperbola":
        a, b, c = p["a"], p["b"], p["c"]
        pairs = ((x, a * x + c) for x in range(1, a * b + c + b + 1) if x != b)
        return str(sum(x for x, top in pairs if top % (x - b) == 0 and top // (x - b) > 0))
    least, n = p["least"], p["n"]
    *first, last = sorted(p["weights"], reverse=True)
    if len(first) == 1:
        first.insert(0, n + 1)
    count = 0
    for x in range(least if len(p["weights"]) == 3 else 0, n // first[0] + 1):
        for y in range(least, (n - first[0] * x) // first[1] + 1):
            rest = n - first[0] * x - first[1] * y
            if p["form"] == "at_most":
                count += max(0, rest // last + 1 - least)
            else:
                count += rest % last == 0 and rest // last >= least
    return str(count)


FAMILY = MathFamily(
    name="diophantine",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
