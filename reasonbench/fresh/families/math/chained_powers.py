"""The answer of one problem, or of two, in the exponents of another."""

from collections.abc import Callable

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math import chains, power_towers
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "one": (
        "Let $N$ be @first. Find the remainder when $@tower$ is divided by $@m$.",
        "Let $N$ denote @first. What is the remainder of $@tower$ on division by $@m$?",
        "Determine the remainder of $@tower$ upon division by $@m$, where the number $N$ is "
        "defined as @first.",
    ),
    "two": (
        "Let $M$ be @first. Let $N$ be @second. Find the remainder when $@sum$ is divided by $@m$.",
        "The integer $M$ is @first. The integer $N$ is @second. What is the remainder of $@sum$ on "
        "division by $@m$?",
        "Determine the remainder of $@sum$ upon division by $@m$. Here $M$ is @first, and $N$ is "
        "@second.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    a, *rest = p["bases"]
    tower = f"N^{{{a}}}" if p["shape"] == "base" else f"{a}^{{N}}"
    if p["shape"] == "high":
        tower = f"{a}^{{{rest[0]}^{{N}}}}"
    return {
        "first": chains.quantity(p["sources"][0]),
        "second": chains.quantity(p["sources"][-1]),
        "tower": tower,
        "sum": f"{a}^{{M}} + {rest[0]}^{{N}}" if rest else "",
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        sources = [chains.source(draw, min(level, 3), 10**6) for _ in range(2 if level == 4 else 1)]
        bases = draw.distinct(1 if level < 3 else 2, 2, 19)
        low, high = ((7, 13), (13, 60), (50, 200), (100, 999), (200, 1999))[level]
        if level == 0:
            bases = [draw.integer(2, 3)]
        return {
            "form": "two" if level == 4 else "one",
            "shape": ("base", "power", "power", "high", "sum")[level],
            "sources": sources,
            "bases": bases,
            "m": draw.integer(low, high),
        }

    return redrawn(make, lambda p: int(_solve(p)) > 1 + (level > 0) and _distinct(p))


def _distinct(p: Params) -> bool:
    names = [made["family"] for made in p["sources"]]
    return len(set(names)) == len(names)


def _inner(p: Params, answer: Callable[[Params], int]) -> Params:
    """The second problem, with the answers of the first ones put in."""
    values = [answer(made) for made in p["sources"]]
    bases = p["bases"]
    match p["shape"]:
        case "base":
            towers = [[values[0], *bases]]
        case "high":
            towers = [[*bases, values[0]]]
        case _:
            towers = [[a, value] for a, value in zip(bases, values, strict=True)]
    return {"form": "power", "towers": towers, "m": p["m"]}


def _solve(p: Params) -> str:
    return power_towers.FAMILY.solve(_inner(p, chains.solved))


def _check(p: Params) -> str:
    return power_towers.FAMILY.check(_inner(p, chains.checked))


FAMILY = MathFamily(
    name="chained_powers",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
