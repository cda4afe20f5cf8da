r"""Countdown: given numbers and a target, find the expression that reaches it.

A pure core (standard library only). The answer is an arithmetic expression that uses each
given number at most once. Values are exact (`fractions.Fraction`), answers are read with
`ast.parse` on a short, character-checked text and never evaluated, and the canonical form of
an expression is its *solution path*: two answers share a path exactly when one becomes the
other by commuting and re-associating inside chains of + and -, or of * and /. So `7 + 3` and
`3 + 7` are one path, as are `9 - (3 - 2)` and `9 + 2 - 3`; `2 * (3 + 4)` and
`2 * 3 + 2 * 4` would be two.

Not covered: whether an answer was reasoned or remembered. `check` sees the expression only.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

from reasonbench.fresh.expressions import (
    Expr,
    NotAnExpressionError,
    apply,
    evaluate,
    parse,
)

MAX_MISSES = 5_000
"""Draws in a row without a new problem after which a level counts as exhausted."""

Key = tuple[tuple[int, ...], int]
"""What makes a problem the same problem: its sorted numbers and its target."""

Reason = Literal[
    "ok",
    "unparsed",
    "operation_not_allowed",
    "number_not_given",
    "number_reused",
    "division_by_zero",
    "wrong_value",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Level:
    """One rung of difficulty."""

    count: int
    """How many numbers are given."""
    low: int
    """Smallest number that can be given."""
    high: int
    """Largest number that can be given; numbers may repeat."""
    ops: str
    """The allowed operations, a subset of `+-*/` in that order."""
    target_low: int
    """Smallest target."""
    target_high: int
    """Largest target."""
    needs_all: bool
    """Whether every solution must use all the numbers."""


LEVELS: Mapping[int, Level] = MappingProxyType(
    {
        1: Level(3, 1, 9, "+-", 1, 27, needs_all=True),
        2: Level(3, 1, 12, "+-*", 10, 199, needs_all=True),
        3: Level(4, 1, 9, "+-*", 10, 99, needs_all=True),
        4: Level(4, 1, 13, "+-*/", 10, 100, needs_all=True),
        5: Level(5, 1, 25, "+-*/", 100, 999, needs_all=False),
    }
)
"""The levels by number. A level's meaning never changes: a new meaning gets a new number."""


@dataclass(frozen=True, slots=True)
class CountdownProblem:
    """One problem, always solvable when `generate` made it."""

    numbers: tuple[int, ...]
    """The given numbers, in the order in which they are shown."""
    target: int
    """The value to reach."""
    ops: str
    """The allowed operations."""
    level: int
    """The key of its level in `LEVELS`."""

    @property
    def key(self) -> Key:
        """The problem's identity: the order of its numbers does not matter."""
        return tuple(sorted(self.numbers)), self.target


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one answer."""

    correct: bool
    """True exactly when the reason is `ok`."""
    reason: Reason
    """The first rule that the answer broke, or `ok`."""
    value: Fraction | None
    """The exact value, where the answer has one."""
    canonical: str | None
    """The solution path, where the answer is an expression with a value."""


# --- making problems ---------------------------------------------------------------------


def generate(
    seed: int, level: int, count: int, exclude: Collection[Key] = frozenset()
) -> tuple[CountdownProblem, ...]:
    """Make `count` different solvable problems, the same ones for the same arguments.

    Args:
        seed: Any integer; the draw uses nothing else.
        level: A key of `LEVELS`.
        count: How many problems.
        exclude: Keys of problems that must not be made.

    Raises:
        ValueError: The level does not exist, or has too few problems left.
    """
    if level not in LEVELS:
        known = ", ".join(map(str, LEVELS))
        raise ValueError(f"level must be one of {known}, got {level!r}")
    rng = random.Random(seed)
    made: dict[Key, CountdownProblem] = {}
    misses = 0
    while len(made) < count:
        problem = _draw(rng, level)
        if problem is None or problem.key in made or problem.key in exclude:
            misses += 1
            if misses > MAX_MISSES:
                raise ValueError(
                    f"level {level} gave only {len(made)} of {count} new problems: ask for fewer"
                )
            continue
        misses = 0
        made[problem.key] = problem
    return tuple(made.values())


def statement(problem: CountdownProblem) -> str:
    r"""The problem in English; the answer is asked for in `\boxed{}`."""
    *most, last = map(str, problem.numbers)
    *some_ops, last_op = tuple(problem.ops)
    ops = f"{' '.join(some_ops)} and {last_op}" if some_ops else last_op
    return (
        f"Use the numbers {', '.join(most)} and {last}, each at most once, with {ops} "
        f"to reach {problem.target}. Put the expression in \\boxed{{}}."
    )


def _draw(rng: random.Random, level: int) -> CountdownProblem | None:
    rung = LEVELS[level]
    numbers = tuple(_pick(rng, range(rung.low, rung.high + 1)) for _ in range(rung.count))
    values = _reachable(numbers, rung.ops)
    full = (1 << rung.count) - 1
    targets = set(values[full])
    for mask in range(1, full):
        if rung.needs_all:
            targets -= values[mask]
        elif mask.bit_count() > 1:
            targets |= values[mask]
    whole = sorted(
        int(value)
        for value in targets
        if value.denominator == 1 and rung.target_low <= value <= rung.target_high
    )
    if not whole:
        return None
    return CountdownProblem(numbers, _pick(rng, whole), rung.ops, level)


def _pick(rng: random.Random, items: Sequence[T]) -> T:
    # Only random() is promised to give the same sequence in every Python version, and a
    # minted set must be verifiable years later.
    return items[int(rng.random() * len(items))]


def _splits(mask: int) -> Iterator[tuple[int, int]]:
    """Every way to part a set of numbers into two non-empty sets, in both orders."""
    part = (mask - 1) & mask
    while part:
        yield part, mask ^ part
        part = (part - 1) & mask


def _reachable(numbers: Sequence[int], ops: str) -> list[set[Fraction]]:
    """The values that each subset (a bit mask) reaches when all of it is used."""
    values: list[set[Fraction]] = [set() for _ in range(1 << len(numbers))]
    for mask in range(1, len(values)):
        if mask.bit_count() == 1:
            values[mask].add(Fraction(numbers[mask.bit_length() - 1]))
        for left, right in _splits(mask):
            for a, b in itertools.product(values[left], values[right]):
                values[mask].update(v for op in ops if (v := apply(op, a, b)) is not None)
    return values


# --- reading answers ---------------------------------------------------------------------


def check(text: str, numbers: Sequence[int], target: int, ops: str) -> Check:
    """Judge one answer; hostile text gets a reason, never an exception.

    Args:
        text: The answer alone, without a box; a trailing `= target` is tolerated.
        numbers: The given numbers.
        target: The value to reach.
        ops: The allowed operations.
    """
    try:
        expr = parse(_without_target(text, target))
    except NotAnExpressionError as error:
        return Check(False, error.reason, None, None)
    used = Counter(_numbers(expr))
    reason: Reason | None = None
    if not set(_operations(expr)) <= set(ops):
        reason = "operation_not_allowed"
    elif not used.keys() <= set(numbers):
        reason = "number_not_given"
    elif used - Counter(numbers):
        reason = "number_reused"
    if reason is not None:
        return Check(False, reason, None, None)
    value = evaluate(expr)
    if value is None:
        return Check(False, "division_by_zero", None, None)
    correct = value == target
    return Check(correct, "ok" if correct else "wrong_value", value, canonical(expr))


def _without_target(text: str, target: int) -> str:
    left, equals, right = text.rpartition("=")
    return left if equals and right.strip(" \t\r\n$") == str(target) else text


def _numbers(expr: Expr) -> Iterator[int]:
    if isinstance(expr, int):
        yield expr
    else:
        yield from _numbers(expr.left)
        yield from _numbers(expr.right)


def _operations(expr: Expr) -> Iterator[str]:
    if not isinstance(expr, int):
        yield expr.op
        yield from _operations(expr.left)
        yield from _operations(expr.right)


# --- solution paths ----------------------------------------------------------------------


class _Form(NamedTuple):
    """A normal form: `plus` terms less `minus` terms, or `plus` factors over `minus` ones."""

    kind: Literal["number", "sum", "product"]
    plus: tuple[str, ...]
    minus: tuple[str, ...]


def canonical(expr: Expr) -> str:
    """The solution path of an expression, itself an expression of the same value."""
    return _render(_form(expr))


def solutions(numbers: Sequence[int], target: int, ops: str) -> frozenset[str]:
    """Every solution path, found by exhaustive search."""
    forms: list[set[tuple[Fraction, _Form]]] = [set() for _ in range(1 << len(numbers))]
    for mask in range(1, len(forms)):
        if mask.bit_count() == 1:
            number = numbers[mask.bit_length() - 1]
            forms[mask].add((Fraction(number), _form(number)))
        for left, right in _splits(mask):
            for (a, form_a), (b, form_b) in itertools.product(forms[left], forms[right]):
                for op in ops:
                    value = apply(op, a, b)
                    if value is not None:
                        forms[mask].add((value, _join(op, form_a, form_b)))
    return frozenset(_render(form) for found in forms for value, form in found if value == target)


def _form(expr: Expr) -> _Form:
    if isinstance(expr, int):
        return _Form("number", (str(expr),), ())
    return _join(expr.op, _form(expr.left), _form(expr.right))


def _join(op: str, left: _Form, right: _Form) -> _Form:
    kind: Literal["sum", "product"] = "sum" if op in "+-" else "product"
    plus, minus = _parts(left, kind)
    more, less = _parts(right, kind)
    if op in "-/":
        more, less = less, more
    return _Form(kind, _sorted(plus + more), _sorted(minus + less))


def _parts(form: _Form, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if form.kind == kind:
        return form.plus, form.minus
    text = _render(form)
    return (f"({text})" if form.kind == "sum" else text,), ()


def _sorted(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (len(text), text)))


def _render(form: _Form) -> str:
    plus, minus = (" + ", " - ") if form.kind == "sum" else (" * ", " / ")
    return minus.join((plus.join(form.plus), *form.minus))
