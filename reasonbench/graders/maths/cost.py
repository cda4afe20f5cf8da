r"""What must not reach SymPy: it would take minutes, or all memory, and cannot be stopped.

The guard reads the text alone, in linear time.  It refuses long texts, deep nesting, large
powers, towers of powers, large factorials and binomials, sums and products with many terms,
and whatever has to be integrated or brought to a limit.
"""

import re
from collections.abc import Callable

from reasonbench.graders.maths.arithmetic import TooBigError, value
from reasonbench.graders.maths.spelling import group_end

MAX_LENGTH = 600
"""Longest text; no honest answer comes near it."""
MAX_NESTING = 30
"""Deepest nesting of brackets."""
MAX_POWER = 3_000
"""Largest power."""
MAX_TOGETHER = 10**7
"""Largest product of all powers: they may be powers of one another."""
MAX_FACTORIAL = 1_000
"""Largest number whose factorial or binomial is taken."""
MAX_DIGITS = 400
"""Longest run of digits."""
MAX_REPEATED = {"|": 8, "/": 8, ":": 2, "%": 1, "_": 12, "!": 4}
"""Most signs of a kind: math-verify's reader takes ever longer with each of these."""
MAX_CELLS = 24
"""Largest matrix that is computed with; one that is only compared is not."""
MAX_CHOSEN = 2_000
"""Largest number in a text with a binomial or a union."""

_POWER = re.compile(r"\^\s*")
_FACTORIAL = re.compile(r"(?P<number>[\d.]+)\s*!|[)}\]]\s*!|!\s*!|[a-zA-Z]\s*!\s*!")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*|\\choose(?![A-Za-z])|\\(?:sum|prod|bigcup)(?![A-Za-z])")
_ENDLESS = re.compile(r"\\(?:i?i?int|oint|lim(?:sup|inf)?)(?![A-Za-z])")
_SERIES = re.compile(r"\\(?:sum|prod)(?![A-Za-z])")
_LONG = re.compile(r"\d{3}|\\infty")
_RUN = re.compile(rf"\d{{{MAX_DIGITS},}}")
_SIMPLE = re.compile(r"[-+]?(?:\d+|\\[A-Za-z]+(?: ?\{[^{}]*\})*|[A-Za-z])")
_MARKS = (r"\circ", r"\prime")
_DROPPED = re.compile(r"\\?\$|['\"]")
_AMOUNT = re.compile(r"\d+(?:\s*\^\s*(?:\{\d+\}|\d+))?")
_BIG = re.compile(r"\d{5,}")


def too_big(text: str) -> str | None:
    """Return why a text in spelled form is not given to SymPy, or None if it may be."""
    if len(text) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH:,} characters"
    # math-verify drops them.
    text = _DROPPED.sub("", text)
    try:
        return next((reason for check, reason in _CHECKS if check(text)), None)
    except TooBigError:
        return "a value that is too large"


def _nesting(text: str) -> int:
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _operand(text: str, start: int) -> tuple[str, int]:
    """Return the operand that begins at ``start``, and where it ends."""
    if text[start : start + 1] == "{":
        end = group_end(text, start)
        return (text[start + 1 : end - 1], end) if end > 0 else (text[start + 1 :], len(text))
    if text[start : start + 1] == "(":
        end = text.find(")", start) + 1
        return (text[start + 1 : end - 1], end) if end else (text[start + 1 :], len(text))
    found = _SIMPLE.match(text, start)
    operand = found[0] if found is not None else text[start : start + 1]
    return operand, start + len(operand)


def _large_power(text: str) -> bool:
    together = 1
    for found in _POWER.finditer(text):
        power, end = _operand(text, found.end())
        number = value(power)
        if number is not None:
            together *= max(1, abs(number.numerator))
            large = abs(number) > MAX_POWER or number.denominator > MAX_POWER
            if large or together > MAX_TOGETHER:
                return True
        elif power.count("^") > 1 or _BIG.search(power):
            return True
        # Without braces, 9^9^9 is a tower as well.
        if text[end:].lstrip().startswith("^") and power not in _MARKS:
            return True
    return False


def _large_factorial(text: str) -> bool:
    for found in _FACTORIAL.finditer(text):
        if found["number"] is None:
            if _nested_factorial(text, found.start()):
                return True
        elif len(found["number"]) > 9 or float(found["number"].strip(".") or 0) > MAX_FACTORIAL:
            return True
    return False


def _nested_factorial(text: str, at: int) -> bool:
    """Return whether a factorial of a group may be large: any group of numbers alone."""
    if text[at] == "!" or text[at].isalpha():
        return True
    opening = {")": "(", "}": "{", "]": "["}[text[at]]
    depth, start = 0, at
    while start >= 0:
        depth += (text[start] == text[at]) - (text[start] == opening)
        if not depth:
            break
        start -= 1
    number = value(text[max(start, 0) + 1 : at])
    if number is None:
        return "!" in text[max(start, 0) : at] or bool(_BIG.search(text))
    return number > MAX_FACTORIAL


def _large_binomial(text: str) -> bool:
    if _BINOMIAL.search(text) is None:
        return False
    if _BIG.search(text):
        return True
    amounts = (value(found[0]) for found in _AMOUNT.finditer(text))
    return any(amount is not None and amount > MAX_CHOSEN for amount in amounts)


def _repeats(text: str) -> bool:
    return any(text.count(sign) > most for sign, most in MAX_REPEATED.items())


def _large_series(text: str) -> bool:
    series = len(_SERIES.findall(text))
    return series > 1 or (series == 1 and _LONG.search(text) is not None)


_CHECKS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda text: _nesting(text) > MAX_NESTING, f"nested deeper than {MAX_NESTING}"),
    (lambda text: bool(_RUN.search(text)), f"a number of more than {MAX_DIGITS} digits"),
    (
        lambda text: text.count("&") + text.count(r"\\") > MAX_CELLS,
        f"a matrix of more than about {MAX_CELLS} cells",
    ),
    (lambda text: bool(_ENDLESS.search(text)), "an integral or a limit"),
    (_repeats, "the same sign too many times"),
    (_large_series, "a series of many terms, or one in another"),
    (_large_power, f"a power larger than {MAX_POWER:,}, or a tower of powers"),
    (_large_factorial, f"a factorial larger than that of {MAX_FACTORIAL:,}"),
    (_large_binomial, "a binomial or union that is too large"),
)
