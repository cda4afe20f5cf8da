"""Digits in several bases: conversion, sums of digits, and counting by them."""

from collections import Counter
from math import comb

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "convert": (
        "Write the base-$@b$ number $@numeral$ in base $10$.",
        "A number is written as $@numeral$ in base $@b$. What is it in base $10$?",
        "Convert the numeral $@numeral$ from base $@b$ to base $10$.",
    ),
    "digits": (
        "What is the sum of the digits of $@n$ (written here in base $10$) when it is rewritten "
        "in base $@b$? Give the sum in base $10$.",
        "The base-$10$ number $@n$ is written in base $@b$. Find the sum of its base-$@b$ digits, "
        "expressed in base $10$.",
        "Express the decimal number $@n$ in base $@b$ and add up its digits. Which number, in "
        "base $10$, do you obtain?",
    ),
    "nines": (
        "Find the sum of the decimal digits of $10^{@k} - @c$.",
        "Let $N = 10^{@k} - @c$. What is the sum of the digits of $N$ in base $10$?",
        "When the number $10^{@k} - @c$ is written out in base $10$, what do its digits add up to?",
    ),
    "count": (
        "How many positive integers not exceeding $@n$ have decimal digits that sum to $@s$?",
        "Find the number of integers from $1$ to $@n$, inclusive, whose digit sum (in base $10$) "
        "equals $@s$.",
        "An integer $k$ with $1 \\le k \\le @n$ is chosen so that the sum of its decimal digits is "
        "exactly $@s$. In how many ways can $k$ be chosen?",
    ),
    "sum": (
        "For a positive integer $n$, let $s(n)$ denote the sum of the digits of $n$ in base "
        "$@b$. Compute $s(1) + s(2) + \\cdots + s(@n)$; both $@n$ and your answer are in base "
        "$10$.",
        "All integers from $1$ to $@n$, inclusive, are written in base $@b$. Find the sum of all "
        "the digits that are written; $@n$ and the answer are in base $10$.",
        "Let $s(n)$ be the sum of the base-$@b$ digits of $n$. Determine, in base $10$, the value "
        "of $\\sum_{n=1}^{@n} s(n)$, where $@n$ is written in base $10$.",
    ),
}


def _numeral(n: int, b: int) -> str:
    return (_numeral(n // b, b) if n >= b else "") + str(n % b)


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        b = draw.integer(5 if level == 1 else 3, 9)
        match level:
            case 0:
                numeral = _numeral(draw.integer(b * b, 3 * b**3 - 1), b)
                return {"form": "convert", "b": b, "numeral": numeral}
            case 1:
                return {"form": "digits", "b": b, "n": draw.integer(2_000, 99_999)}
            case 2:
                return {"form": "nines", "k": draw.integer(20, 99), "c": draw.integer(13, 99_999)}
            case 3:
                n = draw.integer(2_000, 999_999)
                return {"form": "count", "n": n, "s": draw.integer(8, 9 * len(str(n)) - 16)}
        return {"form": "sum", "b": b, "n": draw.integer(300, 4_000)}

    return redrawn(make, lambda p: int(_solve(p)) > 3 and p.get("c", 1) % 10 != 0)


def _up_to(n: int, b: int) -> int:
    """Sum of all base-b digits of 0 to n, place by place."""
    answer, place = 0, 1
    while place <= n:
        above, digit, below = n // (place * b), n // place % b, n % place
        answer += above * place * b * (b - 1) // 2
        answer += place * digit * (digit - 1) // 2 + digit * (below + 1)
        place *= b
    return answer


def _free(k: int, s: int) -> int:
    """Number of rows of k digits with sum s, by inclusion and exclusion."""
    if not k or s < 0:
        return int(s == 0)
    terms = range(min(k, s // 10) + 1)
    return sum((-1) ** i * comb(k, i) * comb(s - 10 * i + k - 1, k - 1) for i in terms)


def _solve(p: Params) -> str:
    match p["form"]:
        case "convert":
            return str(int(p["numeral"], p["b"]))
        case "digits":
            # n loses (b - 1) for each carry: Legendre's formula.
            quotients, left = 0, p["n"] // p["b"]
            while left:
                quotients, left = quotients + left, left // p["b"]
            return str(p["n"] - (p["b"] - 1) * quotients)
        case "nines":
            # Each digit of 10^k - c is that of 99...9 less that of c - 1.
            return str(9 * p["k"] - sum(map(int, str(p["c"] - 1))))
        case "count":
            # By the first place at which the number is below n; n itself is below n + 1.
            digits, above, answer = str(p["n"] + 1), 0, 0
            for place, digit in enumerate(map(int, digits)):
                free = len(digits) - place - 1
                answer += sum(_free(free, p["s"] - above - d) for d in range(digit))
                above += digit
            return str(answer)
    return str(_up_to(p["n"], p["b"]))


def _digits(n: int) -> int:
    return sum(map(int, str(n)))


def _check(p: Params) -> str:
    match p["form"]:
        case "convert":
            value = 0
            for digit in p["numeral"]:
                value = value * p["b"] + "0123456789".index(digit)
            return str(value)
        case "digits":
            return str(sum(map(int, _numeral(p["n"], p["b"]))))
        case "nines":
            return str(sum(map(int, str(10 ** p["k"] - p["c"]))))
        case "count":
            # All numbers, a thousand at a time.
            heads, tail = divmod(p["n"], 1000)
            full = Counter(map(_digits, range(1000)))
            last = Counter(map(_digits, range(tail + 1)))
            whole = sum(full[p["s"] - _digits(head)] for head in range(heads))
            return str(whole + last[p["s"] - _digits(heads)])
    return str(sum(sum(map(int, _numeral(n, p["b"]))) for n in range(1, p["n"] + 1)))


FAMILY = MathFamily(
    name="digit_sums",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS),
    solve=_solve,
    check=_check,
)
