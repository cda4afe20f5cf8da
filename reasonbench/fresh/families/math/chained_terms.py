"""The answer of one problem as the index of a term of a recurrence."""

from collections.abc import Callable

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math import chains, recurrences
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import maths, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "term": (
        "Let $N$ be @first. A sequence is defined by @start, and $a_n = @rule$ for "
        "all $n > @order$. Find the remainder when $a_N$ is divided by $@m$.",
        "Let @start, and let $a_n = @rule$ whenever $n > @order$. Further, let $N$ denote @first. "
        "What remainder does $a_N$ leave on division by $@m$?",
        "The sequence $a_1, a_2, a_3, \\ldots$ satisfies @start, and, for every integer "
        "$n > @order$, $a_n = @rule$. Determine the remainder of $a_N$ upon division by $@m$, "
        "where the number $N$ is defined as @first.",
    ),
    "sum": (
        "Let $N$ be @first. A sequence is defined by @start, and $a_n = @rule$ for "
        "all $n > @order$. Find the remainder when $a_1 + a_2 + \\cdots + a_N$ is divided by $@m$.",
        "Let @start, and let $a_n = @rule$ whenever $n > @order$. Further, let $N$ denote @first. "
        "What remainder does $\\sum_{i=1}^{N} a_i$ leave on division by $@m$?",
        "The sequence $a_1, a_2, a_3, \\ldots$ satisfies @start, and, for every integer "
        "$n > @order$, $a_n = @rule$. Determine the remainder upon division by $@m$ of the sum of "
        "its first $N$ terms, where the number $N$ is defined as @first.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    terms = [(c, f"a_{{n-{i + 1}}}") for i, c in enumerate(p["weights"])]
    starts = [f"a_{i + 1} = {value}" for i, value in enumerate(p["start"])]
    return {
        "first": chains.quantity(p["source"]),
        "start": ", ".join(maths(starts)),
        "rule": total([*terms, (p["plus"], "")]),
        "order": len(p["start"]),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        order = 3 if level == 4 else 2
        m = draw.integer(*((11, 30), (11, 40), (20, 97), (30, 97), (20, 47))[level])
        return {
            "form": "sum" if level > 2 else "term",
            "source": chains.source(draw, min(level, 3), 30 if level == 0 else 10**6),
            "weights": [draw.integer(1, 3 if level == 0 else 6) for _ in range(order)],
            "plus": draw.integer(1, 9) if level > 1 else 0,
            "start": [draw.integer(1, 9) for _ in range(order)],
            "m": m,
        }

    return redrawn(make, lambda p: int(_solve(p)) > 1 and len(set(p["start"])) > 1)


def _inner(p: Params, answer: Callable[[Params], int]) -> Params:
    rest = {key: p[key] for key in ("weights", "plus", "start", "m")}
    form = "sum" if p["form"] == "sum" else "remainder"
    return {**rest, "form": form, "N": answer(p["source"])}


def _solve(p: Params) -> str:
    return recurrences.FAMILY.solve(_inner(p, chains.solved))


def _check(p: Params) -> str:
    return recurrences.FAMILY.check(_inner(p, chains.checked))


FAMILY = MathFamily(
    name="chained_terms",
    topic="sequences",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
