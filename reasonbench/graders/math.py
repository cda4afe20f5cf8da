r"""Mathematical equality of the final answer and the target.

Three layers, the first that can decide does, and the grade's detail names it:

``text``
    the same text but for spelling (spaces, ``\left``, ``\dfrac``, dollar signs).
``number``
    both are integers, decimals, fractions or mixed numbers, perhaps with a unit or a
    multiple ('5 million'): compared exactly, as fractions.
``math-verify``
    anything else, gold first; what it calls equal is checked again at 60 digits, since it
    rounds at six.

A target that nothing can read gives ``unparsed_target`` and no verdict.  math-verify is
given LaTeX only: its reader of plain expressions goes through ``sympy.parse_expr``, which
evaluates text as code.  It runs without a timeout of its own, which would need signals;
the pool kills the process instead.  Not covered: tolerances, and several answers at once.
"""

import functools
import importlib.metadata
import logging
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, gold_answer
from reasonbench.records import Completion, Grade, Problem

RULES = "rules-2"
"""Part of the identity; raised whenever any answer may be judged differently."""

MAX_ANSWER = 1_000
"""Longest answer that is parsed; no honest one comes near it."""

_SPELLINGS = (
    (re.compile(r"\\(?:left|right|[bB]ig[glr]?)(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox|underline)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"(?<=\d)(?:\\,|\{,\}|\\ |\\!,?|,\\!|\s)(?=\d{3}(?!\d))"), ""),
    (re.compile(r"\\?\$"), ""),
    (re.compile(r"(?<!\\)\\[,;:!> ]|~|\\q?quad(?![A-Za-z])"), " "),
    (re.compile("[\u2212\u2013]"), "-"),
    (re.compile(r"\s+"), " "),
    # A space between two digits stays: '1 2' is not 12.
    (re.compile(r"(?<![\d.]) | (?!\.?\d)"), ""),
)
_FRACTIONS = (
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)"), r"\\frac{\1}{\2}"),
)
_MIXED = re.compile(
    r"(?<![A-Za-z\d.^_/\\])(?<!\\sqrt )(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:"
    r"(?:\s|\\[,;: ]|~)+(?P<top>\d+)/(?P<bottom>\d+)"
    r"|(?:\s|\\[,;:! ]|~)*\\frac\s*\{\s*(?P<top2>\d+)\s*\}\s*\{\s*(?P<bottom2>\d+)\s*\}"
    r")(?!\d|\.\d|\s*\^)"
)
_GAP = re.compile(r"[\d.] \.?\d")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?:(?P<fixed>\d*\.\d*)\\overline(?:\{(?P<repeat>\d+)\}|(?P<one>\d))"
    r"|(?P<plain>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)"
    r"(?:/(?P<under>\d+)|(?P<power>[eE][-+]?\d{1,3}))?|\\frac\{(?P<top>[-+]?\d+)\}\{(?P<bottom>\d+)\})"
)
_UNIT = re.compile(
    r"\s*(\$?(?:[-+\d.,/]+|[-+]?\\frac\{\d+\}\{\d+\}))\$?"
    r"((?:\s+(?!pi\b|or\b|and\b|over\b)[A-Za-z]{2,}){1,4})\s*\.?"
)
_IN_WORDS = (
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\\\$"), "$"),
    (re.compile(r"\\[,;:!> ]|~"), " "),
)
_MULTIPLES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_OPERATOR = re.compile(
    r"\b(?:plus|minus|times|divided|squared|cubed|factorial|sqrt|mod|to|than)\b", re.IGNORECASE
)
_BASED = re.compile(r"(?P<digits>[0-9A-Za-z]+)_\{?(?P<base>\d+)\}?")


def plain(text: str) -> str:
    """Return ``text`` without differences of spelling."""
    text = _without_mixed(text)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    return text.removesuffix(".")


def _without_mixed(text: str) -> str:
    """Return ``text`` with its mixed numbers, as '1 1/2', written as fractions."""
    for pattern, spelling in _FRACTIONS:
        text = pattern.sub(spelling, text)
    return _MIXED.sub(_improper, text) if len(text) <= MAX_ANSWER else text


def _improper(found: re.Match[str]) -> str:
    whole = int(found["whole"].replace(",", ""))
    top, bottom = int(found["top"] or found["top2"]), int(found["bottom"] or found["bottom2"])
    # '2\frac{5}{3}' is a product, and '12 345/2' a number with a thousands separator.
    return f"\\frac{{{whole * bottom + top}}}{{{bottom}}}" if top < bottom else found[0]


def number(text: str) -> Fraction | None:
    """Return the exact value of a plain integer, decimal or fraction, or None."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > MAX_ANSWER:
        return None
    if found["fixed"]:
        top, bottom = _repeating(found["fixed"], found["repeat"] or found["one"]), Fraction(1)
    elif found["top"]:
        top, bottom = Fraction(found["top"]), Fraction(found["bottom"])
    else:
        digits = found["plain"].replace(",", "") + (found["power"] or "")
        top, bottom = Fraction(digits), Fraction(found["under"] or 1)
    if not bottom:
        return None
    return -top / bottom if found["sign"] == "-" else top / bottom


def _repeating(fixed: str, repeat: str) -> Fraction:
    whole, _, decimals = fixed.partition(".")
    scale = 10 ** len(decimals)
    return Fraction(int((whole + decimals) or 0), scale) + Fraction(
        int(repeat), scale * (10 ** len(repeat) - 1)
    )


class MathGrader:
    """Judges answers in LaTeX or plain numbers; see the module for its layers."""

    def __init__(self) -> None:
        version = importlib.metadata.version("math-verify")
        self.identity = f"math/1+{RULES}+math-verify-{version}+{VERSION}"
        # Loaded now, so that no completion's time limit pays for it.
        _library()

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        if problem.target is None:
            return judging.ungraded(
                completion, self.identity, "unparsed_target", detail="no target"
            )
        found = judging.final_answer(completion, fallback="stated")
        if found.answer is None:
            return judging.without_answer(completion, self.identity, found.state)
        reason, layer = judge(problem.target, found.answer)
        detail = f"{layer}, {found.how}"
        if reason == "ok":
            return judging.correct(completion, self.identity, found.answer, detail)
        if reason == "unparsed_target":
            return judging.ungraded(completion, self.identity, reason, found.answer, detail)
        return judging.incorrect(completion, self.identity, reason, found.answer, detail)


def judge(target: str, answer: str, *, seconds: int | None = None) -> tuple[str, str]:
    """Compare an answer with a target.

    Args:
        target: the gold answer, or a worked solution that ends in it.
        answer: the extracted answer.
        seconds: math-verify's own time limit; None where the process can be killed.

    Returns:
        the reason (``ok``, ``wrong``, ``unparsed`` or ``unparsed_target``) and the layer
        that decided.
    """
    gold = gold_answer(target)
    gold_plain, answer_plain = plain(gold), plain(answer)
    if gold_plain and gold_plain == answer_plain:
        return "ok", "text"
    gold_number, answer_number = number(gold_plain), number(answer_plain)
    if gold_number is None:
        gold_number = _number_in_context(gold)
    if gold_number is not None and answer_number is None:
        answer_number = _number_in_context(answer)
    if gold_number is not None and answer_number is not None:
        return ("ok" if gold_number == answer_number else "wrong"), "number"
    if _contradicts_itself(answer_plain) or _other_base(gold_plain, answer_plain):
        return "wrong", "number"
    if _is_operation(answer) != _is_operation(gold):
        return "wrong", "number"
    if bool(_GAP.search(gold_plain)) != bool(_GAP.search(answer_plain)):
        return "wrong", "number"
    if len(answer) > MAX_ANSWER:
        return "unparsed", "length"
    return _symbolic(_without_mixed(gold), _without_mixed(answer), seconds), "math-verify"


def _number_in_context(answer: str) -> Fraction | None:
    """Return the number of '18 dollars a day' or '5 million', or None."""
    found = _with_unit(answer)
    value = number(plain(found[1])) if found else None
    if found is None or value is None or _is_operation(answer):
        return None
    words = found[2].lower().split()
    while words and (multiple := _MULTIPLES.get(words[0].removesuffix("s"))):
        value *= multiple
        words.pop(0)
    return None if any(word in _MULTIPLES for word in words) else value


def _with_unit(answer: str) -> re.Match[str] | None:
    if len(answer) >= MAX_ANSWER:
        return None
    text = _without_mixed(answer)
    for pattern, spelling in _IN_WORDS:
        text = pattern.sub(spelling, text)
    return _UNIT.fullmatch(text)


def _is_operation(answer: str) -> bool:
    """Return whether a number is followed by an operation in words, as '7 times ten'."""
    found = _with_unit(answer)
    return found is not None and _OPERATOR.search(found[2]) is not None


def _contradicts_itself(answer: str) -> bool:
    """Return whether an answer equates different numbers; math-verify reads the last one."""
    values = {number(side) for side in answer.split("=")} - {None}
    return len(values) > 1


def _other_base(gold: str, answer: str) -> bool:
    """Return whether an answer names another base than the target; math-verify drops it."""
    said = _BASED.fullmatch(answer)
    if said is None:
        return False
    meant = _BASED.fullmatch(gold)
    return said["base"] != (meant["base"] if meant else "10")


@functools.lru_cache(maxsize=4096)
def _symbolic(gold: str, answer: str, seconds: int | None) -> str:
    library = _library()
    gold_parsed = _parse(gold, seconds)
    if not _is_read(gold_parsed) and not _is_words(gold):
        return "unparsed_target"
    answer_parsed = _parse(answer, seconds)
    if not answer_parsed:
        return "unparsed"
    # strict=True, gold first: verify is not symmetric.
    if not library.verify(list(gold_parsed), list(answer_parsed), timeout_seconds=seconds):
        return "wrong" if _is_read(answer_parsed) or _is_words(gold) else "unparsed"
    return "ok" if _equal_at_60_digits(gold_parsed[0], answer_parsed[0]) else "wrong"


@functools.cache
def _library() -> Any:
    import math_verify

    # It warns that its timeouts are off, once a process.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return math_verify


@functools.lru_cache(maxsize=4096)
def _parse(text: str, seconds: int | None) -> tuple[Any, ...]:
    library = _library()
    config = [library.LatexExtractionConfig(boxed_match_priority=0)]
    boxed = "\\boxed{" + text.strip().strip("$").removesuffix(".") + "}"
    return tuple(library.parse(boxed, extraction_config=config, parsing_timeout=seconds))


def _is_read(parsed: tuple[Any, ...]) -> bool:
    return any(not isinstance(item, str) for item in parsed)


def _is_words(text: str) -> bool:
    return plain(text).replace("-", "").isalpha()


def _equal_at_60_digits(gold: Any, answer: Any) -> bool:
    """Return False where two constants are equal after rounding only.

    Tuples, sets, intervals, equations and matrices of one shape are looked into.
    """
    import sympy  # type: ignore[import-untyped]

    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase):
        return gold.shape != answer.shape or _all_equal(gold.flat(), answer.flat())
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet):
        return all(any(_equal_at_60_digits(g, a) for a in answer.args) for g in gold.args)
    if not isinstance(gold, sympy.Expr) and isinstance(gold, sympy.Basic):
        same = isinstance(answer, sympy.Basic) and gold.func == answer.func
        return not same or _all_equal(gold.args, answer.args)
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return True
    if not (gold.is_number and answer.is_number):
        return True
    try:
        difference = abs(sympy.N(gold - answer, 60))
        size = abs(sympy.N(gold, 60))
        return bool(difference <= sympy.Float("1e-12") * size) or gold == answer
    except (TypeError, ValueError, ArithmeticError):
        return True


def _all_equal(golds: Sequence[Any], answers: Sequence[Any]) -> bool:
    if len(golds) != len(answers):
        return True
    return all(map(_equal_at_60_digits, golds, answers))
