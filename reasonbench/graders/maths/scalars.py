r"""One value against another: numbers, ratios, words, units, and then symbols."""

import re
from fractions import Fraction

from reasonbench.graders.maths import symbolic, units
from reasonbench.graders.maths.arithmetic import TooBigError, value
from reasonbench.graders.maths.judgement import Judgement
from reasonbench.graders.maths.numbers import without_mixed
from reasonbench.graders.maths.options import MathOptions
from reasonbench.graders.maths.spelling import tight, unbraced
from reasonbench.graders.maths.words import words

_CLOCK = re.compile(r"\d{1,2}:\d\d")
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3}")
_DEGREES = re.compile(r"(\d{1,9}) ?\^\\circ(?![A-Za-z])")
_FUNCTION = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RANGE = re.compile(r"(\d{1,20}(?:\.\d{1,9})?) ?- ?(\d{1,20}(?:\.\d{1,9})?)", re.ASCII)
_JOINED = re.compile(r",? and |, ")
_PRODUCT = re.compile(r"[b-df-hj-np-tv-z]{3,6}")
_RATIO = re.compile(r"([\d./]+|\\frac\{\d+\}\{\d+\}):([\d./]+|\\frac\{\d+\}\{\d+\})")


def compare_scalars(gold: str, answer: str, options: MathOptions) -> Judgement:
    """Compare two values in spelled form."""
    if (decided := _ratios(gold, answer)) is not None:
        return decided
    gold, answer = _in_radians(gold, answer), _in_radians(answer, gold)
    ours, theirs = units.quantity(gold), units.quantity(answer)
    if ours.base != theirs.base or _is_range(ours.body) != _is_range(theirs.body):
        return Judgement("wrong", "number")
    if _DATE.fullmatch(ours.body) or _DATE.fullmatch(theirs.body):
        return Judgement("wrong", "number")
    same_unit = units.same_unit(ours.unit, theirs.unit, options)
    if (decided := _numbers(ours, theirs, options)) is not None:
        return decided if same_unit else Judgement("wrong", "unit")
    if ours.base != 10:
        return Judgement("wrong", "number")
    if (decided := _by_words(gold, answer, ours, theirs)) is not None:
        return decided
    if not same_unit:
        return Judgement("wrong", "unit")
    if Fraction(1) not in units.same_percent(ours, theirs, options):
        return Judgement("wrong", "number")
    body, other = (unbraced(without_mixed(one.body)) for one in (ours, theirs))
    outcome = symbolic.equal(body, other, options.tolerance)
    return Judgement(outcome, "cost" if outcome == "too_big" else "math-verify")


def _in_radians(text: str, other: str) -> str:
    """Return a text with its degrees in radians, where they are an angle's size.

    They are in a function, and where the other side is a multiple of pi.
    """
    turned = _FUNCTION.search(text) or ("\\pi" in other and "\\circ" not in other)
    return _DEGREES.sub(r"(\\frac{\1\\pi}{180})", text) if turned else text


def _numbers(
    gold: units.Quantity, answer: units.Quantity, options: MathOptions
) -> Judgement | None:
    """Compare two rational numbers; None if either is none."""
    ours = exact(gold)
    if ours is None:
        return None
    try:
        theirs = exact(answer, strict=True)
    except TooBigError:
        return Judgement("too_big", "cost")
    if theirs is None:
        return None
    error = Fraction(options.tolerance or 0) * abs(ours)
    factors = units.same_percent(gold, answer, options)
    right = any(abs(ours - theirs * factor) <= error for factor in factors)
    return Judgement("ok" if right else "wrong", "number")


def _is_range(body: str) -> bool:
    """Return whether '10-20' stands there, which is no difference; '20-10' may be one."""
    found = _RANGE.fullmatch(body)
    return found is not None and Fraction(found[1]) < Fraction(found[2])


def _ratios(gold: str, answer: str) -> Judgement | None:
    """Compare ratios, as 3:2, with one another and with fractions; None if neither is one."""
    ours, theirs = (_RATIO.fullmatch(tight(text)) for text in (gold, answer))
    if ours is None and theirs is None:
        return None
    if any(_CLOCK.fullmatch(tight(text)) for text in (gold, answer)):
        return Judgement("wrong", "number") if ours and theirs else None
    texts = [tight(gold) if ours is None else _as_fraction(ours)]
    texts.append(tight(answer) if theirs is None else _as_fraction(theirs))
    values = [exact(units.quantity(text)) for text in texts]
    if None in values:
        return None
    return Judgement("ok" if values[0] == values[1] else "wrong", "number")


def same_text(gold: str, answer: str) -> Judgement | None:
    """Return that two answers are the same as texts or words; None if they are not."""
    if tight(gold) and tight(gold) == tight(answer):
        return Judgement("ok", "text")
    ours = words(gold)
    theirs = words(answer)
    if (
        ours is not None
        and theirs is not None
        and sorted(_JOINED.split(ours)) == sorted(_JOINED.split(theirs))
    ):
        return Judgement("ok", "words")
    if tight(_TEXT.sub(r"\1", gold)) == tight(_TEXT.sub(r"\1", answer)):
        return Judgement("ok", "text")
    phrases = [_TEXT.sub(r"\1", text).strip(" .").casefold() for text in (gold, answer)]
    # Not so of a quantity: an mPa is no MPa.
    worded = phrases[0] == phrases[1] and _WORD.search(phrases[0]) is not None
    if worded and units.quantity(gold).value is None:
        return Judgement("ok", "words")
    return None


def _by_words(
    gold: str, answer: str, ours: units.Quantity, theirs: units.Quantity
) -> Judgement | None:
    """Compare answers in words; None where symbols may still agree."""
    gold_words, answer_words = words(gold), words(answer)
    if gold_words is None and answer_words is None:
        return None
    if gold_words is not None:
        plain = tight(answer).replace(r"\text", "").strip("{}()").casefold()
        if gold_words in (answer_words, plain):
            return Judgement("ok", "words")
    if gold_words and answer_words and _PRODUCT.fullmatch(gold) and _PRODUCT.fullmatch(answer):
        # Without a vowel they are variables: xyz is zyx, and an abc no cab.
        return None
    if gold_words is not None and (answer_words is not None or theirs.value is not None):
        return Judgement("wrong", "words")
    if answer_words is not None and (ours.value is not None or "\\text" in answer):
        return Judgement("wrong", "words")
    return None


def exact(quantity: units.Quantity, *, strict: bool = False) -> Fraction | None:
    """Return the exact value of a quantity, or None if it is no rational number.

    Raises:
        TooBigError: it is one, too large to be computed; only where ``strict``.
    """
    if quantity.value is not None:
        return quantity.value
    if quantity.base != 10:
        return None
    try:
        return value(quantity.body)
    except TooBigError:
        if strict:
            raise
        return None


def _as_fraction(found: re.Match[str]) -> str:
    return f"({found[1]})/({found[2]})"
