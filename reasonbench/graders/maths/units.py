r"""Numbers with something beside them: percent signs, bases, units, multiples, number words.

A unit may stand on one side only; two known units of different kinds never agree.  Whether
a percent sign may be left out is a rule of its own (see ``same_percent``).
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from reasonbench.graders.maths import measures
from reasonbench.graders.maths.numbers import number, without_mixed
from reasonbench.graders.maths.options import MathOptions, Percent, Units
from reasonbench.graders.maths.spelling import group_end, tight

PERCENT = "%"

_PREFIX = re.compile(r"([-+]?) ?(?:US)?(?:(\\\$)|([€£¥₹])|(?:USD|Rs\.?) ) ?(?=[-+]?[\d.\\])")
_TEXT_UNIT = re.compile(
    r"(?P<unit>(?: ?(?:/|\\cdot) ?)?(?: ?\\text\{(?P<words>[^{}]{0,80})\}(?: ?\^ ?\{?-?\d\}?)?"
    r"(?: ?(?:/|\\cdot) ?(?=\\text))?)+)\.?"
)
_DEGREES = re.compile(r" ?\^\\circ ?(?:\\text\{ ?(?P<a>[CF]) ?\}|(?P<b>[CFc])(?![a-z]))?")
_PERCENT = re.compile(r" ?(?:%|(?<=[\d} ])per ?cent(?:age)?(?: points?)?|pct)")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|\^ ?\{? ?\\text\{ ?(?:st|nd|rd|th) ?\} ?\}?)")
_WORDS = re.compile(
    r"(?P<body>[-+]?(?:[\d.,/ ]*\d\.?|.*[})]|.*\\pi)) ?"
    r"(?P<words>(?<=[ }])(?!(?:pi|or|and|over|if|for|sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt)\b)"
    r"[A-Za-z]{2,}\.?"
    r"(?:[ /-](?!pi\b|or\b|over\b)[A-Za-z]+\.?){0,4}(?: ?\^ ?\{?[23]\}?)?)"
)
_ATTACHED = re.compile(r"(?P<body>.*\d)(?P<words>[a-zA-Z]{2,5}(?:\^\{?[23]\}?)?)")
_SINGLE = re.compile(r"(?P<body>[-+]?[\d.,/]+) (?P<words>[mghsLlJNW](?:\^\{?[23]\}?)?)")
_QUOTIENT = re.compile(
    r"(?P<body>[-+]?[\d.,]*\d) ?(?P<words>[a-zA-Z]{1,3}(?:/[a-zA-Z]{1,3}(?:\^\{?[23]\}?)?){1,2})"
)
_MICRO = re.compile(r"(?<=\d) ?\\mu ?(?:\\text\{ ?)?(?P<base>[a-zA-Z]{1,3}(?:\^\{?\d\}?)?)\}?$")
_OHM = re.compile(r"(?<=\d) ?(?:\\text\{ ?)?(?P<prefix>[kMm]?)\}? ?\\Omega$")
_NUMBER_WORDS = dict(
    zip(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
            *("seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty"),
            *("sixty", "seventy", "eighty", "ninety"),
        ),
        (*range(20), *range(20, 100, 10)),
        strict=True,
    )
)
_FRACTIONS = {
    name: Fraction(1, size)
    for size, names in {
        2: "half halve",
        3: "third",
        4: "quarter fourth",
        5: "fifth",
        6: "sixth",
        7: "seventh",
        8: "eighth",
        9: "ninth",
        10: "tenth",
    }.items()
    for name in names.split()
}
"""Parts in words; an ordinal alone, as 'third', is none of these."""
_MULTIPLES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_BASED = re.compile(
    r"(?:\\text\{|\()?(?P<digits>\d[\dA-Fa-f]*|[A-Fa-f]+\d[\dA-Fa-f]*|[A-Fa-f]+)[)}]?"
    r"(?:_ ?\{?\(?(?:\\text\{ ?)?(?P<base>\d{1,2}|[a-z]{3,8})(?: ?\})?\)?\}?"
    r"| ?\(?(?:\\text\{ ?\(?|in )?base ?\}? ?(?P<base2>\d{1,2}|[a-z]{3,8})\)? ?\}?\)?)"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A scalar, taken apart."""

    body: str
    """What stands there without its unit."""
    unit: str = ""
    """The unit in one spelling, or nothing."""
    value: Fraction | None = None
    """Exact value, where the body is a number."""
    base: int = 10
    """Base of the digits; ``value`` is what they come to."""


def quantity(text: str) -> Quantity:
    """Return a scalar in spelled form, taken apart."""
    if (based := _based(text)) is not None:
        return based
    if text.startswith("\\text{") and group_end(text, 5) == len(text) and text[6:7].isdigit():
        text = text[6:-1]
    body, unit = _split(without_mixed(_with_letters(text)).strip())
    if not unit:
        body = _ORDINAL.sub("", body) if _ORDINAL.search(body) else body
    value = number(tight(body))
    words = [word.rstrip(".s") for word in re.split(r"[ -]+", unit.lower()) if word]
    while words and value is not None and words[0] in _MULTIPLES:
        value *= _MULTIPLES[words.pop(0)]
        unit = " ".join(words)
    if value is None:
        body, unit, value = _in_words(text, body, unit)
    return Quantity(body, unit, value)


def _with_letters(text: str) -> str:
    """Return a text whose unit, if it has a Greek letter in it, is written in others."""
    if "\\mu" in text:
        return _MICRO.sub(lambda found: f"\\text{{ µ{found['base']}}}", text)
    return (
        _OHM.sub(lambda found: f"\\text{{ {found['prefix']}ohm}}", text)
        if "\\Omega" in text
        else text
    )


def _split(text: str) -> tuple[str, str]:
    """Return a text without its unit, and the unit."""
    prefix = _PREFIX.match(text)
    if prefix is not None:
        body, unit = _split(prefix[1] + text[prefix.end() :])
        money = "dollar" if prefix[2] else (prefix[3] or "rs")
        if unit.startswith(("per ", "/")):
            return body, f"{money} {unit}"
        return body, (unit if _multiple(unit) else money)
    if (found := _at_end(_PERCENT, text)) is not None and found.start():
        return text[: found.start()].strip(), PERCENT
    if (found := _at_end(_DEGREES, text)) is not None and found.start():
        scale = (found["a"] or found["b"] or "").upper()
        return text[: found.start()].strip(), f"°{scale}" if scale else "degree"
    if text.endswith("}") or text[-3:-1] in ("}^", "}^{") or text[-1:].isdigit():
        start = text.find("\\text{")
        found = _TEXT_UNIT.fullmatch(text, _unit_start(text, start)) if start > 0 else None
        unit = "" if found is None else _plain(found["unit"])
        if found is not None and _PERCENT.fullmatch(f" {unit.strip()}"):
            return text[: found.start()].strip(), PERCENT
        if found is not None and _may_be_unit(unit, text[: found.start()]):
            return text[: found.start()].strip(), unit
    return _without_plain_unit(text)


def _without_plain_unit(text: str) -> tuple[str, str]:
    """Return a text without a unit that is not marked as text, and that unit."""
    for pattern in (_WORDS, _SINGLE, _QUOTIENT, _ATTACHED):
        found = pattern.fullmatch(text)
        if found is None or not _may_be_unit(found["words"], found["body"]):
            continue
        known, others = measures.measured(found["words"])
        if pattern is _QUOTIENT and others:
            continue
        bare = number(tight(found["body"])) is not None
        if pattern is _SINGLE or known or (bare and pattern is _WORDS):
            return found["body"].strip(), found["words"]
    return text, ""


def _may_be_unit(words: str, body: str) -> bool:
    left = _multiples_out(words).strip()
    if not left and left != words.strip():
        return True
    return measures.is_unit(left, single=tight(body) in ("1", "-1"))


def _at_end(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    for start in range(max(0, len(text) - 24), len(text)):
        found = pattern.match(text, start)
        if found is not None and found.end() == len(text):
            return found
    return None


def _unit_start(text: str, start: int) -> int:
    while start > 0 and text[start - 1] in " /":
        start -= 1
    return start


def _multiples_out(words: str) -> str:
    return re.sub(r"\b(?:dozen|hundred|thousand|million|billion|trillion)s?\b", "", words)


def _multiple(unit: str) -> bool:
    return any(word in _MULTIPLES for word in unit.lower().split())


def _plain(unit: str) -> str:
    return re.sub(r"\\text\{([^{}]*)\}", r"\1", unit).strip()


def _in_words(text: str, body: str, unit: str) -> tuple[str, str, Fraction | None]:
    words = re.split(r"[ -]+", _plain(text).lower().rstrip("."))
    if len(words) <= 2 and (part := _FRACTIONS.get(words[-1].removesuffix("s"))) is not None:
        alone = len(words) == 1 and words[0] == "half"
        times = 1 if alone or words[0] == "a" else _NUMBER_WORDS.get(words[0])
        return (body, unit, None) if times is None else (text, "", times * part)
    total, at = 0, 0
    for word in words[:8]:
        if word in _NUMBER_WORDS and (at == 0 or total % 100 == 0 or total % 10 == 0):
            total += _NUMBER_WORDS[word]
        elif word in _MULTIPLES and at:
            total *= _MULTIPLES[word]
        else:
            break
        at += 1
    if (
        not at
        or len(words) - at > 3
        or any(w in _MULTIPLES or w in _NUMBER_WORDS for w in words[at:])
    ):
        return body, unit, None
    rest = " ".join(words[at:])
    if rest and not measures.is_unit(rest, single=total == 1):
        return body, unit, None
    return str(total), rest, Fraction(total)


def _based(text: str) -> Quantity | None:
    found = _BASED.fullmatch(text)
    if found is None:
        return None
    named = found["base"] or found["base2"]
    base = int(named) if named.isdigit() else _base_named(named)
    if base is None or not 2 <= base <= 36:
        return None
    digits = found["digits"]
    if not any(char.isdigit() for char in digits) and base <= 10:
        return None
    try:
        value = Fraction(int(digits, base)) if len(digits) <= 1000 else None
    except ValueError:
        value = None
    return Quantity(digits.upper(), "", value, base)


def _base_named(name: str) -> int | None:
    return {"binary": 2, "octal": 8, "decimal": 10, "hex": 16}.get(name) or _NUMBER_WORDS.get(name)


def same_unit(gold: str, answer: str, options: MathOptions) -> bool:
    """Return whether two units may stand beside equal numbers."""
    if options.unit is Units.IGNORED or gold == answer:
        return True
    if not gold or not answer:
        return options.unit is Units.OPTIONAL
    if PERCENT in (gold, answer):
        return False
    if options.unit is Units.REQUIRED:
        return measures.alike(gold, answer)
    return measures.agree(gold, answer)


def same_percent(gold: Quantity, answer: Quantity, options: MathOptions) -> list[Fraction]:
    """Return the factors by which an answer's number may be read, for the percent sign.

    By default a sign says one hundredth, and where one side alone has it, it may also have
    been left out; but not from a number of at most 1, where 0.5 and 0.5% are both likely.
    """
    ours, theirs = gold.unit == PERCENT, answer.unit == PERCENT
    if ours == theirs:
        return [Fraction(1)]
    scale = Fraction(1, 100) if theirs else Fraction(100)
    if options.percent is Percent.VALUE:
        return [scale]
    if options.percent is Percent.UNIT:
        return [Fraction(1)]
    signed = answer if theirs else gold
    may_be_left_out = signed.value is None or abs(signed.value) > 1
    return [scale, Fraction(1)] if may_be_left_out else [scale]
