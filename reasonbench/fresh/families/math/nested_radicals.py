"""Radicals that can be denested."""

from collections.abc import Iterator
from math import gcd, isqrt

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import squarefree, surd, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "simplify": (
        "Simplify $@expression$ as far as possible, in the form $a\\sqrt{b}$.",
        "Write $@expression$ in the form $a\\sqrt{b}$, where $a$ and $b$ are positive integers and "
        "$b$ is not divisible by the square of a prime.",
        "Express $@expression$ in simplest radical form.",
    ),
    "denest": (
        "Write $@expression$ without nested radicals.@real",
        "Simplify $@expression$; the answer must not contain a root inside another root.@real",
        "The number $@expression$ is a sum of rational multiples of square roots of integers (a "
        "rational number may be one of the terms). Find this sum.@real",
    ),
}


def _square(part: list[int]) -> str:
    a, b, c = part
    return total([(a, ""), (b, rf"\sqrt{{{c}}}")])


def _texts(p: Params) -> dict[str, str]:
    roots = [rf"\sqrt{{{_square(part)}}}" for part in p["squares"]]
    roots += [rf"\sqrt[3]{{{_square(part)}}}" for part in p["cubes"]]
    real = " All cube roots are real." if p["cubes"] else ""
    return {"expression": " + ".join(roots) or rf"\sqrt{{{p['number']}}}", "real": real}


def _draw(draw: Draw, level: int) -> Params:
    def square(inner: int = 0) -> list[int]:
        """The square of a sum or difference of two roots."""
        m, n = sorted(draw.distinct(2, 1, 24), reverse=True)
        if inner:
            m, n = draw.integer(1, 9) ** 2, draw.integer(1, 5) ** 2 * inner
        outer, left = squarefree(m * n)
        return [m + n, draw.choice([-2, 2]) * outer, left]

    def cube(inner: int) -> list[int]:
        m, n = draw.integer(1, 9), draw.choice([-1, 1]) * draw.integer(1, 5)
        b = 3 * m * m * n + n**3 * inner
        return [m**3 + 3 * m * n * n * inner, b, inner]

    def make() -> Params:
        c, d = draw.sample([2, 3, 5, 6, 7, 10, 11, 13, 14, 15], 2)
        squares, cubes = {
            0: ([], []),
            1: ([square()], []),
            2: ([square(), square()], []),
            3: ([], [cube(c), cube(d)]),
            4: ([square(c)], [cube(c), cube(d)]),
        }[level]
        number = draw.integer(2, 40) ** 2 * draw.choice(
            [2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19, 21, 22, 23]
        )
        p = {"form": "denest" if level else "simplify", "squares": squares, "cubes": cubes}
        return p if level else {**p, "number": number}

    def fine(p: Params) -> bool:
        parts = p["squares"] + p["cubes"]
        inner = all(part[2] > 1 and gcd(*part[:2]) < 200 for part in parts)
        return (
            inner
            and len({tuple(part) for part in parts}) == len(parts)
            and (not parts or r"\sqrt" in _solve(p))
        )

    return redrawn(make, fine)


def _roots(p: Params) -> Iterator[tuple[int, int]]:
    for a, b, c in p["squares"]:
        # The numbers under the two roots have sum a and product b^2 c / 4.
        under = isqrt(a * a - b * b * c)
        yield 1, (a + under) // 2
        yield (1 if b > 0 else -1), (a - under) // 2
    for a, b, c in p["cubes"]:
        # The norm of the root is the cube root of the norm.
        norm = a * a - b * b * c
        size = round(abs(norm) ** (1 / 3))
        norm = size if norm > 0 else -size
        m = next(m for m in range(1, a + 1) if 4 * m**3 - 3 * norm * m == a)
        yield m, 1
        yield b // (3 * m * m + (m * m - norm)), c


def _solve(p: Params) -> str:
    return surd(0, *_roots(p)) if "number" not in p else surd(0, (1, p["number"]))


def _check(p: Params) -> str:
    """Search for whole numbers that give the numbers back."""
    if "number" in p:
        found = [(a, p["number"] // (a * a)) for a in range(1, 400) if p["number"] % (a * a) == 0]
        return surd(0, max(found))
    roots = []
    for a, b, c in p["squares"]:
        n = next(n for n in range(1, a) if 2 * n <= a and 4 * n * (a - n) == b * b * c)
        roots += [(1, a - n), (1 if b > 0 else -1, n)]
    for a, b, c in p["cubes"]:
        pairs = ((m, n) for m in range(1, 10) for n in range(-5, 6))
        m, n = next(
            (m, n)
            for m, n in pairs
            if m**3 + 3 * m * n * n * c == a and 3 * m * m * n + n**3 * c == b
        )
        roots += [(m, 1), (n, c)]
    return surd(0, *roots)


FAMILY = MathFamily(
    name="nested_radicals",
    topic="algebra",
    kind="surd",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
