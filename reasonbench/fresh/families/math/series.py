"""Closed forms of finite sums as expressions in n."""

from collections.abc import Sequence
from fractions import Fraction
from math import comb, lcm

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import polynomial, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "polynomial": (
        "Express $\\sum_{k=1}^{n} @term$ as a polynomial in $n$.",
        "Find a polynomial $P(n)$ with $P(n) = \\sum_{k=1}^{n} @term$ for every positive integer "
        "$n$.",
        "For $k = 1, 2, \\ldots, n$, row $k$ of a table contains the number $@bare$. What is the "
        "sum of the numbers in all $n$ rows, as a polynomial in $n$?",
    ),
    "geometric": (
        "Find a closed form, in terms of $n$ and without a summation sign, for "
        "$\\sum_{k=@m}^{n} @term$, where $n$ is an integer with $n \\ge @m$.",
        "For every integer $n \\ge @m$, let $S_n = \\sum_{k=@m}^{n} @term$. Express $S_n$ in "
        "closed form in terms of $n$.",
        "Row $k$ of an infinite table contains the number $@bare$, for $k = 1, 2, 3, \\ldots$. "
        "What is the sum of the numbers in all rows from row $@m$ to row $n$, inclusive, where "
        "$n \\ge @m$? Give a closed form in terms of $n$.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    text = polynomial(p["c"], "k")
    wrapped = f"({text})" if len(p["c"]) > 1 and any(p["c"][:-1]) else text
    if p["form"] == "polynomial":
        return {"term": wrapped, "bare": text}
    term = (wrapped if wrapped != "1" else "") + rf" \cdot {p['r']}^{{k}}"
    return {"term": term, "bare": term}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        degree, reach = (1, 2, 3, 1, 2)[level], (30, 9, 9, 40, 9)[level]
        c = [draw.integer(-reach, reach) for _ in range(degree)]
        c.append(draw.integer(1, 12 if level == 0 else 6))
        if level > 2:
            r = draw.choice([2, 3, 4, 5, 6, 7] if level == 3 else [2, 3, 4])
            return {"form": "geometric", "c": c, "r": r, "m": draw.integer(1, 6)}
        return {"form": "polynomial", "c": c}

    return redrawn(make, lambda p: p["c"].count(0) == 0)


def _power_sum(degree: int) -> list[Fraction]:
    """Coefficients of 1^d + ... + n^d, by Bernoulli numbers."""
    bernoulli = [Fraction(1)]
    for m in range(1, degree + 1):
        bernoulli.append(
            -sum((comb(m + 1, j) * bernoulli[j] for j in range(m)), start=Fraction(0)) / (m + 1)
        )
    result = [Fraction(0)] * (degree + 2)
    for j, value in enumerate(bernoulli):
        result[degree + 1 - j] += Fraction(comb(degree + 1, j), degree + 1) * value * (-1) ** j
    return result


def _geometric(q: Sequence[Fraction], r: int, constant: Fraction) -> str:
    """q(n) r^n and a constant, with one denominator."""
    bottom = lcm(*(value.denominator for value in (*q, constant)))
    inner = polynomial([value * bottom for value in q], "n")
    constant *= bottom
    tail = f"{'+' if constant > 0 else '-'}{abs(constant)}" if constant else ""
    top = rf"({inner})\cdot {r}^{{n}}{tail}"
    return top if bottom == 1 else rf"\frac{{{top}}}{{{bottom}}}"


def _solve(p: Params) -> str:
    c = p["c"]
    if p["form"] == "polynomial":
        result = [Fraction(0)] * (len(c) + 1)
        for degree, value in enumerate(c):
            for i, part in enumerate(_power_sum(degree)):
                result[i] += value * part
        return polynomial(result, "n")
    # q(k) r^k - q(k-1) r^(k-1) = c(k) r^k: from the highest coefficient down.
    r, q = p["r"], [Fraction(0)] * len(c)
    for i in reversed(range(len(c))):
        known = sum(
            (q[j] * comb(j, i) * (-1) ** (j - i) for j in range(i + 1, len(c))), start=Fraction(0)
        )
        q[i] = (r * c[i] + known) / Fraction(r - 1)
    before = p["m"] - 1
    start = sum((value * before**i for i, value in enumerate(q)), start=Fraction(0))
    return _geometric(q, r, -start * r**before)


def _check(p: Params) -> str:
    """Add up some terms, and find the coefficients by elimination."""
    c, r, first = p["c"], p.get("r", 1), p.get("m", 1)
    size = len(c) + 1
    sums, value = [], 0
    for k in range(first, first + size):
        value += sum(a * k**i for i, a in enumerate(c)) * r**k
        sums.append(value)
    if p["form"] == "polynomial":
        rows = [[Fraction(n) ** i for i in range(size)] for n in range(first, first + size)]
    else:
        degree = len(c)
        rows = [
            [*(Fraction(n) ** i * r**n for i in range(degree)), Fraction(1)]
            for n in range(first, first + size)
        ]
    for row, right in zip(rows, sums, strict=True):
        row.append(Fraction(right))
    for i in range(size):
        pivot = next(k for k in range(i, size) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    found = [row[-1] for row in rows]
    return (
        polynomial(found, "n")
        if p["form"] == "polynomial"
        else _geometric(found[:-1], r, found[-1])
    )


FAMILY = MathFamily(
    name="series",
    topic="sequences",
    kind="expression",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
