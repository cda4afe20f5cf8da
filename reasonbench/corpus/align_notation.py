# ruff: noqa: RUF001  the look-alikes are what this module is about
"""Notations that mean the same: LaTeX commands, Unicode symbols, HTML, words for numbers.

Masking keeps every character at its place: what means nothing becomes blanks of the same
length, so that offsets into the masked text are offsets into the text.
"""

import html
import re

_GREEK = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi
rho sigma tau upsilon phi chi psi omega
"""
_FUNCTIONS = """
sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp gcd lcm max
min mod det dim ker deg lim sup inf sqrt sum prod int infty angle triangle parallel
perp circ cap cup in binom
"""
_SMALL = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty
"""
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        _GREEK.split(),
        strict=True,
    )
)
_NAMED = _FUNCTIONS.split()
COMMANDS = {
    **{name: name for name in (*_NAMED, *GREEK.values())},
    **{name.capitalize(): name for name in GREEK.values()},
    **{f"var{name}": name for name in ("epsilon", "theta", "phi", "rho", "sigma")},
    **{"dbinom": "binom", "tbinom": "binom", "bmod": "mod", "pmod": "mod", "choose": "binom"},
    **{"infty": "infinity", "circ": "degrees", "degree": "degrees", "cup": "union"},
    **{"cap": "intersection", "perp": "perpendicular"},
}
"""Commands that are words of the text, and the word each is."""
SYMBOLS = {
    **{"√": "sqrt", "∑": "sum", "∏": "prod", "∫": "int", "∞": "infinity", "∠": "angle"},
    **{"△": "triangle", "∆": "delta", "∥": "parallel", "⊥": "perpendicular", "°": "degrees"},
    **{"º": "degrees", "%": "percent", "∩": "intersection", "∪": "union", "∈": "in", "µ": "mu"},
    **{"∛": "cbrt", "ϕ": "phi", "ϵ": "epsilon", "ϑ": "theta"},
}
"""Single characters that are words of the text."""
MATHEMATICAL = frozenset((*COMMANDS.values(), *SYMBOLS.values())) - {"in", "union"}
"""Words that an operator may stand beside, as it may beside a number."""
OPERATORS = {
    **{"times": "*", "cdot": "*", "ast": "*", "div": "/", "over": "/", "pm": "+-", "mp": "-+"},
    **{"le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">="},
    **{"ne": "#", "neq": "#", "lt": "<", "gt": ">"},
}
"""Commands that are operators; ``#`` stands for inequality, all others mean nothing."""
FOLDED = str.maketrans(
    {
        **dict.fromkeys("−–‒‐‑﹣-", "-"),
        **dict.fromkeys("×·⋅∙∗•✕", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **{"≤": "<=", "≥": ">=", "⩽": "<=", "⩾": ">=", "≠": "#", "±": "+-", "∓": "-+", "=": "="},
        **{"+": "+", "(": "(", ")": ")", "<": "<", ">": ">"},
    }
)
NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        _SMALL.split(),
        start=2,
    )
} | {
    word: str(10 * value)
    for value, word in enumerate(
        ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred"], 3
    )
}
"""Words that are numbers; ``one`` is a pronoun too often."""

INK = "\u200b"
"""Filling that parts no word, where a character was written with several."""
MAX_TAG = 80
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8}\d{0,2});")
_TAG = re.compile(
    r"</?(?:br|p|div|span|su[pb]|b|i|u|em|strong|li|[ou]l|code|pre|h[1-6]|t[rdh]|table|tbody|think)"
    rf"(?:\s[^<>]{{0,{MAX_TAG}}})?/?>",
    re.IGNORECASE,
)
_CALCULATION = re.compile(rf"<<[^<>]{{0,{MAX_TAG}}}>>")
# The two characters \\n, left by an escape too many, unless they begin a command.
_BREAK = re.compile(
    r"\\n(?!(?:eq?|eg|u|ot|otin|abla|mid|i|ewline|e?arrow|parallel|leq|geq)(?![A-Za-z]))"
)
_LAYOUT = re.compile(
    r"\\(?:begin|end)\s?\{[A-Za-z]{1,20}\*?\}(?:\{[clrp|@\s]{0,40}\})?"
    r"|\\(?:hspace|vspace|label|phantom|vphantom|hphantom|color|textcolor)\*?\{[^{}]{0,40}\}"
)


def mask(text: str) -> str:
    """Return the text, at the same length, without figure code, entities and tags."""
    if "[asy]" in text:
        text = _without_figures(text)
    if "&" in text:
        text = _ENTITY.sub(_entity, text)
    if "<" in text:
        text = _TAG.sub(_tag, text)
        if "<<" in text:
            text = _CALCULATION.sub(_blank, text)
    if "\\n" in text:
        text = _BREAK.sub("  ", text)
    if "{" in text:
        text = _LAYOUT.sub(_blank, text)
    return text


def _without_figures(text: str) -> str:
    parts: list[str] = []
    at = 0
    while (start := text.find("[asy]", at)) >= 0:
        end = text.find("[/asy]", start)
        if end < 0:
            break
        parts += [text[at:start], " " * (end + 6 - start)]
        at = end + 6
    return "".join((*parts, text[at:]))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _tag(match: re.Match[str]) -> str:
    tag = match.group()
    first = "^" if tag[:4].lower() == "<sup" else " "
    return first + " " * (len(tag) - 1)


def _entity(match: re.Match[str]) -> str:
    entity = match.group()
    meant = html.unescape(entity)
    return meant + INK * (len(entity) - len(meant)) if len(meant) <= len(entity) else entity
