r"""Names that a reader of LaTeX would take for something else.

The letters of an angle or a vector are no product, nor is a cross product one of numbers; the
inverse of a function is not its reciprocal, and what a function is applied to is not a factor.
Each becomes one name of its own, the same for every honest spelling of the same thing.
"""

import re
from dataclasses import dataclass, field

MAX_CALLS = 20
"""Most applied functions that are looked for in one text."""

_LETTER = r"(?:\\(?:vec|hat|bar) ?\{ ?[A-Za-z]{1,2} ?\})"
_VECTOR = re.compile(r"\\(?:vec|overrightarrow)(?: ?\{ ?([A-Za-z]{1,2}) ?\}| ([A-Za-z]))")
_PRODUCT = re.compile(
    rf"(?P<left>{_LETTER}) ?(?P<sign>\\(?:times|cdot)(?![A-Za-z])) ?(?P<right>{_LETTER})"
)
_ANGLE = re.compile(
    r"\\(?P<what>angle|measuredangle|triangle) ?\{? ?(?P<names>[A-Z]{3}) ?\}?(?![A-Za-z'_])"
)
_SEGMENT = re.compile(r"\\overline ?\{ ?([A-Z])([A-Z]) ?\}")
_TRANSPOSED = re.compile(
    r"(?<!matrix\})\^ ?(?:\{ ?(?:T|\\top|\\intercal) ?\}|T(?![A-Za-z])|\\top|\\intercal)"
)
_CONSTANT = re.compile(r"\\([gG]amma)(?![A-Za-z])(?! ?\()")
_CAPITAL = re.compile(r"\\(?:text|mathcal|mathbb|begin|end) ?\{[^{}]*\}|\\[A-Za-z]+|I")
_PRIMED = re.compile(r"\\[A-Za-z]+|(?P<letter>[A-Za-z])(?P<primes>'{1,3})(?![_(])")
_INDEXED = re.compile(r"(?<![A-Za-z\\_^}])([A-Za-z])(\d{1,2})(?![\d.])")
_CALL = re.compile(
    r"(?<![A-Za-z\\_{])(?P<name>[fghFGH](?: ?_ ?(?:\{ ?\w{1,3} ?\}|\w))?'*)"
    r"(?P<inverse> ?\^ ?\{ ?-1 ?\})? ?\("
)


@dataclass(frozen=True, slots=True)
class Named:
    """A text with names of its own."""

    text: str
    """What is to be read in its place."""
    calls: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each name that stands for an applied function: the function and its argument."""


def named(text: str) -> Named:
    """Return a text in spelled form with one name for each of these things."""
    if "^" in text:
        text = _TRANSPOSED.sub("^{(T)}", text)
    if "\\" in text:
        text = _VECTOR.sub(lambda found: f"\\vec{{{found[1] or found[2]}}}", text)
        text = _PRODUCT.sub(_of_vectors, text)
        text = _ANGLE.sub(_angle, text)
        text = _SEGMENT.sub(_segment, text)
        text = _CONSTANT.sub(r"\\mathcal{\1}", text)
    if "I" in text:
        text = _CAPITAL.sub(lambda found: r"\mathcal{I}" if found[0] == "I" else found[0], text)
    if "'" in text:
        text = _PRIMED.sub(_primed, text)
    # 'C1' is an index, where LaTeX would have a product.
    text = _INDEXED.sub(r"\1_{\2}", text)
    return _with_calls(text) if "(" in text else Named(text)


def _of_vectors(found: re.Match[str]) -> str:
    """Return the name of a product of two vectors; turned round, a cross product changes sign."""
    left, right = (re.sub(r"[\\{} ]", "", found[side]) for side in ("left", "right"))
    first, second = sorted((left, right))
    if found["sign"] == r"\cdot":
        return f"\\mathcal{{{first}dot{second}}}"
    if left == right:
        return "0"
    name = f"\\mathcal{{{first}cross{second}}}"
    return name if left == first else f"(-{name})"


def _angle(found: re.Match[str]) -> str:
    """Return the name of an angle, which may be read from either end, or of a triangle."""
    letters = found["names"]
    if found["what"] == "triangle":
        return f"\\mathcal{{triangle{''.join(sorted(letters))}}}"
    return f"\\mathcal{{angle{min(letters, letters[::-1])}}}"


def _primed(found: re.Match[str]) -> str:
    if found["letter"] is None:
        return found[0]
    return f"{found['letter']}_{{{'prime' * len(found['primes'])}}}"


def _segment(found: re.Match[str]) -> str:
    return f"\\overline{{{''.join(sorted(found[1] + found[2]))}}}"


def _with_calls(text: str) -> Named:
    calls: dict[str, tuple[str, str]] = {}
    out: list[str] = []
    at = 0
    for found in _CALL.finditer(text):
        if found.start() < at:
            continue
        end = _closing(text, found.end() - 1)
        inside = text[found.end() : end - 1].strip()
        if end < 0 or not inside or len(calls) == MAX_CALLS:
            break
        mark = "call" + chr(ord("a") + len(calls))
        function = found["name"].replace(" ", "") + ("inv" if found["inverse"] else "")
        calls[f"math{{{mark}}}"] = (function, inside)
        out += text[at : found.start()], f"\\mathcal{{{mark}}}"
        at = end
    return Named("".join([*out, text[at:]]), calls)


def _closing(text: str, start: int) -> int:
    """Return the end of the bracket that opens at ``start``; -1 if it never closes."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([") - (text[at] in ")]")
        if not depth:
            return at + 1
    return -1
