r"""The symbolic layer: math-verify reads, and what it reads is compared at 60 digits.

math-verify is given LaTeX only: its reader of plain expressions goes through
``sympy.parse_expr``, which evaluates text as code.  Its own comparison rounds to six digits,
so it is asked only where values at 60 digits decide nothing, and what it then calls equal is
looked through once more.

It may still take too long.  Its own timeouts cancel the caller's alarm, and are never used:
a pool kills the process instead, and where there is none ``time_limit`` watches, which gives
the caller's alarm back.
"""

import contextlib
import functools
import logging
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from reasonbench.graders.maths import precision
from reasonbench.graders.maths.cost import too_big
from reasonbench.graders.maths.names import named

Outcome = str
"""``ok``, ``wrong``, ``unparsed``, ``gold_unparsed`` or ``too_big``."""

_TEXT = re.compile(r"\\text\{ ?([^{}]*?) ?\}")
_UNREADABLE = re.compile(
    r"(?<![_^\d.])\d[\d.]* +\.?\d|\d ?_|\d\.\d*\.\d|\d\.\.|[\"#@&?]|\\ldots"
    r"|(?<![A-Za-z\\])[A-Za-z]{2,} +[A-Za-z]{3,}"
)
_EQUALS = re.compile(r"(?<![\\<!>])=")
_RUN = re.compile(r"\d{20,}")


class OutOfTimeError(BaseException):
    """``time_limit`` ran out; no ``Exception``, since SymPy swallows those."""


@functools.cache
def library() -> Any:
    """Return math-verify, silenced: it warns that its timeouts are off."""
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return math_verify


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise ``OutOfTimeError`` within the block after so many seconds; None is no limit.

    The alarm that the caller had set goes on, less the time that passed.  Only the main
    thread has alarms; elsewhere there is no limit.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            passed = time.monotonic() - started
            signal.setitimer(signal.ITIMER_REAL, max(left - passed, 1e-3), interval)


@functools.lru_cache(maxsize=4096)
def read(text: str) -> Any:
    """Return what math-verify's reader makes of a text in spelled form; None if it cannot.

    Letters keep their case, which math-verify's own ``parse`` does not leave them.
    """
    plain = text.replace("&", " , ").replace("\\\\", " , ") if "matrix}" in text else text
    if _UNREADABLE.search(plain) or text.count("{") != text.count("}"):
        return None
    said = named(_TEXT.sub(r"\\text{\1}", text))
    item = _parsed(said.text)
    if item is None or not said.calls:
        return item
    return _applied(item, said.calls)


def _parsed(text: str) -> Any:
    """Return what LaTeX says; an equation with several signs is read as its last two sides."""
    import latex2sympy2_extended  # type: ignore[import-untyped]
    from math_verify.grader import should_treat_as_complex

    normal, conversion = _configuration()
    text = latex2sympy2_extended.normalize_latex(text, normal)
    tried = [text]
    if "," not in text and ";" not in text and len(sides := _EQUALS.split(text)) > 2:
        tried.append(sides[-1])
    for said in tried:
        with contextlib.suppress(Exception):  # The parser raises nothing more specific.
            return precision.exact(
                latex2sympy2_extended.latex2sympy(
                    said,
                    is_real=not should_treat_as_complex(said),
                    normalization_config=None,
                    conversion_config=conversion,
                )
            )
    return None


def _applied(item: Any, calls: Mapping[str, tuple[str, str]]) -> Any:
    """Return an expression with functions of what they are applied to, or None."""
    import sympy  # type: ignore[import-untyped]

    put: dict[Any, Any] = {}
    for symbol in getattr(item, "free_symbols", ()):
        if symbol.name not in calls:
            continue
        function, inside = calls[symbol.name]
        arguments = [read(part) for part in inside.split(",")]
        if not all(isinstance(argument, sympy.Expr) for argument in arguments):
            return None
        put[symbol] = sympy.Function(function)(*arguments)
    return item.xreplace(put)


@functools.cache
def _configuration() -> tuple[Any, Any]:
    from latex2sympy2_extended.latex2sympy2 import (  # type: ignore[import-untyped]
        ConversionConfig,
        NormalizationConfig,
    )

    # Its units include single letters, so that 5t would be 5; units are ours.
    normal = NormalizationConfig(
        basic_latex=True,
        units=False,
        malformed_operators=True,
        nits=True,
        boxed="none",
        equations=False,
    )
    return normal, ConversionConfig(lowercase_symbols=False)


def equal(gold: str, answer: str, tolerance: float | None = None) -> Outcome:
    """Compare two values in spelled form."""
    read_both = _both(gold, answer)
    if isinstance(read_both, str):
        return read_both
    ours, theirs = read_both
    if gold.count("'") != answer.count("'"):
        return "wrong"
    # A decimal of any length is told from the irrational number that it comes from.
    longest = max(map(len, _RUN.findall(f"{gold} {answer}")), default=0)
    digits = precision.DIGITS + 2 * longest
    decided = precision.same(ours, theirs, tolerance, digits)
    if decided is None:
        decided = _verified(ours, theirs)
    return "ok" if decided else "wrong"


def scaled(gold: tuple[str, str], answer: tuple[str, str], *, positive: bool = False) -> Outcome:
    """Compare two equations, or inequalities, given as their two sides.

    They are the same if the difference of the sides of one is a constant times the other's.

    Args:
        gold: left and right side.
        answer: left and right side.
        positive: whether the constant has to be positive, as for inequalities.
    """
    sides: list[Any] = []
    for ours, theirs in zip(gold, answer, strict=True):
        read_both = _both(ours, theirs)
        if isinstance(read_both, str):
            return read_both
        sides += read_both
    gold_left, answer_left, gold_right, answer_right = sides
    try:
        decided = precision.proportional(
            gold_left - gold_right, answer_left - answer_right, positive
        )
    except (TypeError, ValueError, AttributeError):
        decided = None
    return "ok" if decided else "wrong"


def readable(text: str) -> bool:
    """Return whether the symbolic layer can read a text in spelled form."""
    return too_big(text) is None and _safely(text) is not None


def _both(gold: str, answer: str) -> Outcome | tuple[Any, Any]:
    """Return both values, or why there is none."""
    if too_big(gold):
        return "gold_unparsed"
    if too_big(answer):
        return "too_big"
    ours = _safely(gold)
    if ours is None:
        return "gold_unparsed"
    theirs = _safely(answer)
    return "unparsed" if theirs is None else (ours, theirs)


def _safely(text: str) -> Any:
    try:
        return read(text)
    except (RecursionError, ArithmeticError, ValueError, TypeError, AttributeError):
        return None


def _verified(gold: Any, answer: Any) -> bool:
    """Return math-verify's own verdict, unless the values differ at 60 digits.

    Gold first: it is not symmetric.
    """
    try:
        if not library().verify([gold], [answer], timeout_seconds=None):
            return False
    except (RecursionError, ArithmeticError, ValueError):
        return False
    return precision.alike(gold, answer)
