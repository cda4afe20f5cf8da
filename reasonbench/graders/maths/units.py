r"""Numbers with something beside them: percent signs, bases, units, multiples, number words.

A unit may stand on one side only; two known units of different kinds never agree.  Whether
a percent sign may be left out is a rule of its own (see ``same_percent``).
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from reasonbench.graders.maths.numbers import number, without_mixed
from reasonbench.graders.maths.options import MathOptions, Percent, Units
from reasonbench.graders.maths.spelling import group_end, tight

PERCENT = "%"

_SAME = (
    "dollar dollars $ usd buck bucks|cent cents ¢|euro euros € eur|pound £ gbp|rupee rupees rs ₹|"
    "yen ¥|m meter meters metre metres|cm centimeter centimeters centimetre centimetres|"
    "mm millimeter millimeters millimetre millimetres|km kilometer kilometers kilometre kilometres|"
    "inch inches in|foot feet ft|yard yards yd|mile miles mi|g gram grams|kg kilogram kilograms|"
    "lb lbs pounds|oz ounce ounces|s sec secs second seconds|min mins minute minutes|"
    "h hr hrs hour hours|day days|week weeks|month months|year years yr yrs|"
    "l liter liters litre litres|ml milliliter milliliters|gallon gallons gal|"
    "mph milesperhour mileperhour miles/hour mile/hour mi/h|"
    "kmh kmph km/h kilometersperhour kilometers/hour|m/s meterspersecond meters/second|"
    "degree degrees deg|radian radians rad|"
    "cm^2 sqcm squarecm squarecentimeter squarecentimeters|m^2 squaremeter squaremeters sqm|"
    "ft^2 squarefeet squarefoot sqft|in^2 squareinch squareinches sqin|"
    "cm^3 cubiccentimeters cc|m^3 cubicmeters|ft^3 cubicfeet|in^3 cubicinches|n newton newtons|"
    "j joule joules|w watt watts|acre acres|unit units|squareunit squareunits unit^2 units^2|"
    "cubicunit cubicunits unit^3 units^3"
)
_CANONICAL = {name: line.split()[0] for line in _SAME.split("|") for name in line.split()}
_NEUTRAL = ("unit", "squareunit", "cubicunit")
_WORD_SET = frozenset(name for name in _CANONICAL if name.isalpha() and len(name) > 1) | {
    "square",
    "cubic",
    "sq",
    "cu",
}

_PREFIX = re.compile(r"([-+]?) ?(?:US)?(?:(\\\$)|([€£¥₹])|(?:USD|Rs\.?) ) ?(?=[-+]?[\d.\\])")
_TEXT_UNIT = re.compile(
    r"(?P<unit>(?: ?(?:/|\\cdot) ?)?(?: ?\\text\{(?P<words>[^{}]{0,80})\}(?: ?\^ ?\{?-?\d\}?)?"
    r"(?: ?(?:/|\\cdot) ?(?=\\text))?)+)\.?"
)
_DEGREES = re.compile(r" ?\^\\circ ?(?:\\text\{ ?[CF] ?\}|[CFc](?![a-z]))?")
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
_OPERATION = re.compile(
    r"\b(?:plus|minus|times|divided|squared|cubed|factorial|sqrt|mod|to|than|not|root|choose|at"
    r"|least|most|if|when|where|less|more|but|dozen|hundred|thousand|million|billion|trillion)\b",
    re.IGNORECASE,
)
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
    body, unit = _split(without_mixed(text).strip())
    if not unit:
        body = _ORDINAL.sub("", body) if _ORDINAL.search(body) else body
    value = number(tight(body))
    words = [word.rstrip(".s") for word in re.split(r"[ -]+", unit.lower()) if word]
    while words and value is not None and words[0] in _MULTIPLES:
        value *= _MULTIPLES[words.pop(0)]
        unit = " ".join(words)
    if value is None:
        body, unit, value = _in_words(text, body, unit)
    return Quantity(body, canonical(unit), value)


def _split(text: str) -> tuple[str, str]:
    """Return a text without its unit, and the unit."""
    prefix = _PREFIX.match(text)
    if prefix is not None:
        body, unit = _split(prefix[1] + text[prefix.end() :])
        money = "dollar" if prefix[2] else (prefix[3] or "rs")
        return body, (unit if _multiple(unit) else money)
    for pattern, unit in ((_PERCENT, PERCENT), (_DEGREES, "degree")):
        found = _at_end(pattern, text)
        if found is not None and found.start():
            return text[: found.start()].strip(), unit
    if text.endswith("}") or text[-3:-1] in ("}^", "}^{") or text[-1:].isdigit():
        start = text.find("\\text{")
        found = _TEXT_UNIT.fullmatch(text, _unit_start(text, start)) if start > 0 else None
        if found is not None and not _OPERATION.search(_multiples_out(found["unit"])):
            return text[: found.start()].strip(), _plain(found["unit"])
    for pattern in (_WORDS, _SINGLE, _ATTACHED):
        found = pattern.fullmatch(text)
        if found is None or _OPERATION.search(_multiples_out(found["words"])):
            continue
        first = re.split(r"[ /^.-]", found["words"].lower())[0]
        bare = number(tight(found["body"])) is not None
        if pattern is _SINGLE or first in _WORD_SET or (bare and pattern is _WORDS):
            return found["body"].strip(), found["words"]
    return text, ""


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


def canonical(unit: str) -> str:
    """Return a unit in one spelling; what is no known unit keeps its words."""
    bare = re.sub(r"[ .{}()]", "", unit.lower())
    if bare in ("percent", "percentage", "pct"):
        return PERCENT
    if bare in _CANONICAL:
        return _CANONICAL[bare]
    single = bare[:-1] if len(bare) > 3 and bare.endswith("s") and bare[-2].isalpha() else bare
    return _CANONICAL.get(single, single)


def _in_words(text: str, body: str, unit: str) -> tuple[str, str, Fraction | None]:
    words = re.split(r"[ -]+", _plain(text).lower().rstrip("."))
    total, at = 0, 0
    for word in words[:6]:
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
    if _OPERATION.search(rest):
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
    if options.unit is Units.REQUIRED:
        return gold == answer or (not gold and not answer)
    if options.unit is Units.IGNORED or not gold or not answer or gold == answer:
        return True
    if {gold, answer} & set(_NEUTRAL):
        return True
    return not (_known(gold) and _known(answer))


def _known(unit: str) -> bool:
    head = re.split(r"[/^]|per", unit)[0]
    return unit in _CANONICAL or head in _CANONICAL


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
