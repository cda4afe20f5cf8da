"""Whether an output is the expected one, judged outside of the sandbox.

Output of a program: lines of tokens, as bytes.  White space around tokens and at the start and
end of the whole output means nothing, line breaks do.  A token is right if it is the same bytes;
with a tolerance, a token that is expected as ``1.5`` or ``2e-3`` may be any number near it in
ASCII digits (no underscores, no NaN), and every other token stays exact.

A value: Python's own equality of plain data.  So 1, 1.0 and True are equal, which is also how
JSON tells them, and a tuple equals a list of the same items, since JSON has no tuples.  Text and
bytes differ, NaN equals nothing, and what has no plain form (an object of the candidate's) is
never right.  The tolerance is for expected floats alone.

``unordered``: the lines of an output, or the items of a list, in any order.  ``unordered_deep``:
the tokens of a line, or the items of lists within, as well.
"""

import decimal
import fractions
import io
import itertools
import math
import re
import reprlib
from collections.abc import Iterator
from typing import Any

from reasonbench.graders.code_tests import Checker

_FLOAT = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_NUMBERS = (int, float, bool, complex, fractions.Fraction, decimal.Decimal)
_SEQUENCES = (list, tuple)
_SETS = (set, frozenset)
MAX_NUMBER = 400
"""Characters of a token that are read as a float."""


def text_difference(expected: bytes, got: bytes, checker: Checker) -> str | None:
    """Return the first difference of two outputs, or None."""
    if expected == got:
        return None
    wanted, given = _lines(expected), _lines(got)
    if checker.kind != "equal":
        deep = checker.kind == "unordered_deep"
        return _unordered_lines(wanted, given, deep=deep)
    pairs = itertools.zip_longest(wanted, given)
    for number, (line, other) in enumerate(pairs, 1):
        if line is None:
            return f"line {number}: expected the end, got {show(b' '.join(other[:8]))}"
        if other is None:
            return f"line {number}: expected {show(b' '.join(line[:8]))}, got the end"
        if line != other and (said := _line_difference(line, other, checker.tolerance)):
            return f"line {number}, {said}"
    return None


def _lines(output: bytes) -> Iterator[list[bytes]]:
    """Yield the tokens of each line; a large output is never split as a whole."""
    return (line.split() for line in io.BytesIO(output.strip()))


def _line_difference(line: list[bytes], other: list[bytes], tolerance: float | None) -> str | None:
    for number, (token, given) in enumerate(zip(line, other, strict=False), 1):
        if token != given and not (tolerance is not None and _is_near(token, given, tolerance)):
            return f"token {number}: expected {show(token)}, got {show(given)}"
    if len(line) != len(other):
        return f"{len(line)} tokens expected, got {len(other)}"
    return None


def _is_near(token: bytes, given: bytes, tolerance: float) -> bool:
    if not any(mark in token for mark in b".eE"):
        return False
    if max(len(token), len(given)) > MAX_NUMBER or not _FLOAT.match(token):
        return False
    return _FLOAT.match(given) is not None and near(float(token), float(given), tolerance)


def near(expected: float, got: float, tolerance: float) -> bool:
    """Return whether two finite numbers are within the tolerance, absolute or relative."""
    if not (math.isfinite(expected) and math.isfinite(got)):
        return False
    return abs(expected - got) <= tolerance * max(1.0, abs(expected))


def _unordered_lines(
    wanted: Iterator[list[bytes]], given: Iterator[list[bytes]], *, deep: bool
) -> str | None:
    one, two = (
        sorted(b" ".join(sorted(line) if deep else line) for line in lines)
        for lines in (wanted, given)
    )
    if one == two:
        return None
    pairs = itertools.zip_longest(one, two)
    line, other = next(pair for pair in pairs if pair[0] != pair[1])
    wanted_line, given_line = ("the end" if x is None else show(x) for x in (line, other))
    return f"in sorted order: expected {wanted_line}, got {given_line}"


def value_difference(expected: Any, got: Any, checker: Checker) -> str | None:
    """Return the first difference of two values, or None.

    Never raises on what a candidate returned: a grade must not be avoided by a signalling NaN.
    """
    try:
        if checker.kind == "equal":
            return _difference(expected, got, "", checker.tolerance)
        same = _is_permutation(expected, got, deep=checker.kind == "unordered_deep")
    except (ArithmeticError, TypeError, ValueError, RecursionError, _NoOrderError):
        return f"expected {show(expected)}, got {show(got)}, which cannot be compared"
    return None if same else f"expected {show(expected)} in any order, got {show(got)}"


def _difference(expected: Any, got: Any, path: str, tolerance: float | None) -> str | None:
    if type(expected) in _SEQUENCES and type(got) in _SEQUENCES:
        for index, (item, other) in enumerate(zip(expected, got, strict=False)):
            if said := _difference(item, other, f"{path}[{index}]", tolerance):
                return said
        same = len(expected) == len(got)
        return None if same else _said(path, f"{len(expected)} items", f"{len(got)} items")
    if type(expected) is dict and type(got) is dict:
        for key, item in expected.items():
            if key not in got:
                return _said(path, f"the key {show(key)}", "none")
            if said := _difference(item, got[key], f"{path}[{show(key)}]", tolerance):
                return said
        same = len(expected) == len(got)
        return None if same else _said(path, f"{len(expected)} keys", f"{len(got)} keys")
    if _same(expected, got, tolerance):
        return None
    return _said(path, show(expected), show(got))


def _said(path: str, expected: str, got: str) -> str:
    return f"{'at ' + path + ': ' if path else ''}expected {expected}, got {got}"


def _same(expected: Any, got: Any, tolerance: float | None) -> bool:
    kind, other = type(expected), type(got)
    if kind in _NUMBERS and other in _NUMBERS:
        if tolerance is not None and kind is float and other in (int, float):
            return _is_near_value(expected, got, tolerance)
        return bool(expected == got)
    if kind in _SETS and other in _SETS:
        return bool(expected == got)
    return kind is other and kind in (str, bytes, type(None)) and bool(expected == got)


def _is_near_value(expected: float, got: float, tolerance: float) -> bool:
    try:
        return near(expected, float(got), tolerance)
    except OverflowError:
        return False


class _NoOrderError(Exception):
    """A value that has no place in an order."""


def _is_permutation(expected: Any, got: Any, *, deep: bool) -> bool:
    one, two = (_sorted_items(value, deep=deep) for value in (expected, got))
    return one == two


def _sorted_items(value: Any, *, deep: bool) -> list[Any]:
    if type(value) not in (*_SEQUENCES, *_SETS):
        raise _NoOrderError
    return sorted(_key(item, deep=deep) for item in value)


def _key(value: Any, *, deep: bool) -> tuple[Any, ...]:
    """Return what sorts a value among all others, equal for equal values."""
    kind = type(value)
    if kind in _SEQUENCES:
        keys = [_key(item, deep=deep) for item in value]
        return (4, sorted(keys) if deep else keys)
    if kind in _SETS:
        return (5, sorted(_key(item, deep=deep) for item in value))
    if kind is dict:
        rows = [(_key(key, deep=False), _key(item, deep=deep)) for key, item in value.items()]
        return (6, sorted(rows))
    if kind is complex:
        return (2, value.real, value.imag)
    if kind in _NUMBERS:
        return (1, value)
    if kind in (str, bytes):
        return (3 if kind is str else 7, value)
    if value is None:
        return (0,)
    raise _NoOrderError


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = 60

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 1000:
            return f"<a whole number of {x.bit_length()} bits>"
        return super().repr_int(x, level)


_SHORT = _Short()


def show(value: Any) -> str:
    """Return a value for people: short, on one line, with nothing invisible in it."""
    if value is None:
        return "None"
    if isinstance(value, bytes):
        return _SHORT.repr(value[:200].decode("utf-8", "backslashreplace"))
    try:
        return _SHORT.repr(value)
    except (ValueError, RecursionError):
        return f"<a {type(value).__name__}>"
