r"""Exact values of numbers as they are written; nothing is rounded.

Integers, decimals, fractions, mixed numbers, scientific notation and repeating decimals.
A number longer than ``MAX_DIGITS`` has no value here.
"""

import re
from fractions import Fraction

MAX_DIGITS = 4_000
"""Most characters of a number; Python itself refuses to convert more digits."""
MAX_POWER = 5_000
"""Largest power of ten in scientific notation."""

_MIXED = re.compile(
    r"(?<![A-Za-z\d.^_/\\}])(?<!\\sqrt )(?P<whole>\d+)(?:"
    r" (?P<top>\d+) ?/ ?(?P<bottom>\d+)"
    r"| ?\\frac\{ ?(?P<top2>\d+) ?\}\{ ?(?P<bottom2>\d+) ?\}"
    r")(?!\d|\.\d|\s*\^)",
    re.ASCII,
)
_DECIMAL = r"(?:\d+(?:\.\d*)?|\.\d+)"
_NUMBER = re.compile(
    r"(?P<sign>[-+]*)(?:"
    r"(?P<fixed>\d*\.\d*)(?:\\overline(?:\{(?P<over>\d+)\}|(?P<one>\d))|\((?P<in>\d+)\))"
    r"|(?P<shown>\d*\.\d+)\\ldots"
    rf"|(?P<plain>{_DECIMAL})"
    r"(?:/(?P<under>[-+]?(?:\d+(?:\.\d*)?|\.\d+))"
    r"|[eE](?P<power>[-+]?\d{1,5})"
    r"|(?:\\times|\\cdot|\*|[xX])10\^(?:\{(?P<power2>[-+]?\d{1,5})\}|(?P<power3>\d{1,5})))?"
    r"|10\^(?:\{(?P<power4>-?\d{1,5})\}|(?P<power5>\d{1,5}))"
    rf"|\\frac\{{(?P<top>[-+]?{_DECIMAL})\}}\{{(?P<bottom>[-+]?{_DECIMAL})\}})",
    re.ASCII,
)
_SHOWN = re.compile(r"(?P<fixed>\d*\.\d*?)(?P<repeat>\d{1,12}?)(?P=repeat){2,}")
_IN_BRACKETS = re.compile(r"([-+]?)\(([^()]+)\)")


def without_mixed(text: str) -> str:
    """Return ``text`` with its mixed numbers, as '1 1/2', written as fractions."""
    return _MIXED.sub(_improper, text)


def _improper(found: re.Match[str]) -> str:
    whole = int(found["whole"])
    top, bottom = int(found["top"] or found["top2"]), int(found["bottom"] or found["bottom2"])
    # '2\frac{5}{3}' is a product.
    return f"\\frac{{{whole * bottom + top}}}{{{bottom}}}" if top < bottom else found[0]


def number(text: str) -> Fraction | None:
    """Return the exact value of a number in tight spelling, or None if it is no number."""
    if len(text) > MAX_DIGITS:
        return None
    if (inside := _IN_BRACKETS.fullmatch(text)) is not None:
        text = inside[1] + inside[2]
    found = _NUMBER.fullmatch(text)
    size = None if found is None else _size(found)
    if found is None or size is None:
        return None
    return -size if found["sign"].count("-") % 2 else size


def _size(found: re.Match[str]) -> Fraction | None:
    if found["fixed"] is not None:
        return _repeating(found["fixed"], found["over"] or found["one"] or found["in"])
    if found["shown"] is not None:
        shown = _SHOWN.fullmatch(found["shown"])
        return None if shown is None else _repeating(shown["fixed"], shown["repeat"])
    if found["top"] is not None:
        return _ratio(found["top"], found["bottom"])
    if found["plain"] is None:
        return _power_of_ten(found["power4"] or found["power5"])
    power = found["power"] or found["power2"] or found["power3"]
    scale = _power_of_ten(power) if power else Fraction(1)
    value = _ratio(found["plain"], found["under"] or "1")
    return None if value is None or scale is None else value * scale


def _ratio(top: str, bottom: str) -> Fraction | None:
    under = Fraction(bottom)
    return Fraction(top) / under if under else None


def _power_of_ten(power: str) -> Fraction | None:
    return Fraction(10) ** int(power) if abs(int(power)) <= MAX_POWER else None


def _repeating(fixed: str, repeat: str) -> Fraction | None:
    if fixed == ".":
        fixed = "0."
    whole, _, decimals = fixed.partition(".")
    scale = 10 ** len(decimals)
    return Fraction(int((whole + decimals) or 0), scale) + Fraction(
        int(repeat), scale * (10 ** len(repeat) - 1)
    )
