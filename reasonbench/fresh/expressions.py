"""Arithmetic expressions from untrusted text: read, and given an exact value.

Standard library only.  A text is read with ``ast.parse`` after its length, depth and
characters were checked, and nothing of it is ever evaluated as code; values are
``fractions.Fraction``.  Whole numbers, + - * / and parentheses; LaTeX and Unicode
spellings of these are made plain first.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, NamedTuple

MAX_TEXT = 400
"""Longest answer that is read at all, in characters before normalisation."""

MAX_DEPTH = 40
"""Deepest nesting that is read; no honest answer on five numbers comes near it."""


class Binary(NamedTuple):
    """An operation on two expressions."""

    op: str
    left: Expr
    right: Expr


Expr = int | Binary
"""A parsed answer: a number, or an operation on two expressions."""


class NotAnExpressionError(ValueError):
    """The text is not an expression of the kind read here.

    Attributes:
        reason: `unparsed` or `operation_not_allowed`.
    """

    def __init__(self, reason: Literal["unparsed", "operation_not_allowed"]) -> None:
        super().__init__(reason)
        self.reason = reason


_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_WRAPPED = re.compile(r"\\(?:text|texttt|mathrm)\s*\{(.*)\}", re.DOTALL)
_SPELLINGS = (
    (re.compile(r"\\(?:left|right)(?=\s*[()])|\\[,;:! ]|\$|~"), " "),
    (
        re.compile(
            "\\\\(?:times|cdot|ast)(?![A-Za-z])|[\N{MULTIPLICATION SIGN}·⋅\N{ASTERISK OPERATOR}]"
        ),
        "*",
    ),
    (re.compile(r"\\div(?![A-Za-z])|÷"), "/"),
    (re.compile("[\N{MINUS SIGN}\N{EN DASH}]"), "-"),
)
_ALLOWED = re.compile(r"[0-9+\-*/() ]+")
# A call such as `3(4)` would be parsed too, with a SyntaxWarning on the way.
_IMPLICIT = re.compile(r"[0-9)]\s*\(|\)\s*[0-9]")
_OPS: Mapping[type[ast.operator], str] = MappingProxyType(
    {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
)


def parse(text: str) -> Expr:
    """Read an expression of whole numbers, + - * / and parentheses, and evaluate nothing.

    Raises:
        NotAnExpressionError: The text is too long, too deep, or not such an expression.
    """
    if len(text) > MAX_TEXT:
        raise NotAnExpressionError("unparsed")
    plain = " ".join(_normalise(text).split())
    if not _ALLOWED.fullmatch(plain) or _IMPLICIT.search(plain) or _depth(plain) > MAX_DEPTH:
        raise NotAnExpressionError("unparsed")
    try:
        body = ast.parse(plain, mode="eval").body
        return _convert(body)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, NotAnExpressionError):
            raise
        raise NotAnExpressionError("unparsed") from error


def evaluate(expr: Expr) -> Fraction | None:
    """The exact value, or None where something is divided by zero."""
    if isinstance(expr, int):
        return Fraction(expr)
    left, right = evaluate(expr.left), evaluate(expr.right)
    return None if left is None or right is None else apply(expr.op, left, right)


def apply(op: str, a: Fraction, b: Fraction) -> Fraction | None:
    """Return the exact result of one operation, or None for a division by zero."""
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    return a / b if b else None


def _normalise(text: str) -> str:
    text = _unwrapped(text)
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
    # Each round resolves the innermost fractions; the depth cap bounds the rounds.
    for _ in range(MAX_DEPTH):
        text, changed = _FRACTION.subn(r"((\1)/(\2))", text)
        if not changed:
            break
    return text


def _unwrapped(text: str) -> str:
    """Return the text without what surrounds it: backticks, a text box, a full stop."""
    text = text.strip("`$ \n").removesuffix(".")
    wrapped = _WRAPPED.fullmatch(text.strip())
    return wrapped[1].strip("`$ \n").removesuffix(".") if wrapped else text.strip("`$ \n")


def _depth(text: str) -> int:
    steps = (1 if char == "(" else -1 if char == ")" else 0 for char in text)
    return max(itertools.accumulate(steps), default=0)


def _convert(node: ast.expr) -> Expr:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if not isinstance(node, ast.BinOp):
        raise NotAnExpressionError("unparsed")
    op = _OPS.get(type(node.op))
    if op is None:
        raise NotAnExpressionError("operation_not_allowed")
    return Binary(op, _convert(node.left), _convert(node.right))
