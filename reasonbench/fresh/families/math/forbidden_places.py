"""Permutations with forbidden places, counted by rook numbers."""

from math import factorial

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, worded
from reasonbench.fresh.family import MathFamily, Params

_LETTERS = "ABCDEFGHI"
_FORMS = {
    "places": (
        "The $@n$ books @books are placed on a shelf with positions $1$ to $@n$, one book in each "
        "position. @shelf In how many ways can this be done?",
        "In how many ways can $@n$ workers @books be assigned to $@n$ jobs, numbered $1$ to $@n$, "
        "with one worker for each job, if these rules hold? @jobs",
        "The letters @books are written in some order, each exactly once, into a row "
        "of cells numbered $1$ to $@n$. @cells Find the number of possible orders.",
    ),
    "own": (
        "The $@n$ books @books are placed on a shelf with positions $1$ to $@n$, one book in each "
        "position. No book may be in the position whose number is its place in the alphabet (A is "
        "$1$, B is $2$, and so on). @shelf In how many ways can this be done?",
        "In how many ways can $@n$ workers @books be assigned to $@n$ jobs, numbered $1$ to $@n$, "
        "with one worker for each job, if these rules hold? No worker gets the job that has the "
        "number of the worker's place in the alphabet (A is $1$, B is $2$, and so on). @jobs",
        "The letters @books are written in some order, each exactly once, into a row "
        "of cells numbered $1$ to $@n$, and no letter may stand in the cell that has its number in "
        "the alphabet (A is $1$, B is $2$, and so on). @cells Find the number of possible orders.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    sentences = []
    for one, letter in enumerate(_LETTERS[: p["n"]]):
        places = sorted(place for who, place in p["bans"] if who == one + 1)
        if places:
            sentences.append((letter, listed(maths(places), "or")))
    return {
        "books": listed(_LETTERS[: p["n"]]),
        "shelf": " ".join(f"Book {who} cannot be in position {at}." for who, at in sentences),
        "jobs": " ".join(f"Worker {who} cannot get job {at}." for who, at in sentences),
        "cells": " ".join(f"Letter {who} cannot be in cell {at}." for who, at in sentences),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        n = (4, 5, 6, 7, 7)[level]
        many = draw.integer(*((2, 3), (4, 6), (5, 8), (7, 11), (4, 8))[level])
        cells = [[who, place] for who in range(1, n + 1) for place in range(1, n + 1)]
        if level == 4:
            cells = [cell for cell in cells if cell[0] != cell[1]]
        form = "own" if level == 4 else "places"
        return {"form": form, "n": n, "bans": sorted(draw.sample(cells, many))}

    return redrawn(make, lambda p: int(_solve(p)) > 3)


def _all_bans(p: Params) -> list[list[int]]:
    own = [[i, i] for i in range(1, p["n"] + 1)] if p["form"] == "own" else []
    return [*p["bans"], *own]


def _solve(p: Params) -> str:
    n = p["n"]
    # Rooks on the forbidden cells, row by row: by the columns that they take.
    rooks = {0: 1}
    for row in range(1, n + 1):
        following = dict(rooks)
        for who, place in _all_bans(p):
            if who == row:
                for mask, ways in rooks.items():
                    if not mask >> place & 1:
                        taken = mask | 1 << place
                        following[taken] = following.get(taken, 0) + ways
        rooks = following
    signed = ((-1) ** m.bit_count() * w * factorial(n - m.bit_count()) for m, w in rooks.items())
    return str(sum(signed))


def _check(p: Params) -> str:
    n, bans = p["n"], {tuple(ban) for ban in _all_bans(p)}

    def orders(who: int, free: frozenset[int]) -> int:
        if who > n:
            return 1
        return sum(orders(who + 1, free - {at}) for at in free if (who, at) not in bans)

    return str(orders(1, frozenset(range(1, n + 1))))


FAMILY = MathFamily(
    name="forbidden_places",
    topic="combinatorics",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
