r"""Units of measure and counted things, in one spelling.

A unit is known if it stands here: with any prefix of the SI, raised to a power, or in a
quotient.  Other words beside a number are what was counted, if they read like a plural; a
fraction, a verdict or a hedge ('halves', 'wrong', 'less') never is.
"""

import functools
import re

NEUTRAL = "unit"
"""The unit that stands for any other."""

_SAME = (
    "dollar dollars $ usd buck bucks|cent cents ¢ penny pennies pence|euro euros € eur|"
    "£ gbp|rupee rupees rs ₹ inr|yen ¥ jpy|yuan rmb cny|peso pesos|franc francs|"
    "m meter meters metre metres|inch inches in|foot feet ft|yard yards yd yds|mile miles mi|"
    "g gram grams gm gms|lb lbs pound pounds|oz ounce ounces|ton tons tonne tonnes|"
    "s sec secs second seconds|min mins minute minutes|h hr hrs hour hours|day days|"
    "week weeks wk wks|month months|year years yr yrs|decade decades|century centuries|"
    "l liter liters litre litres|gallon gallons gal|quart quarts qt|pint pints pt|cup cups|"
    "tablespoon tablespoons tbsp|teaspoon teaspoons tsp|"
    "degree degrees deg|°C celsius centigrade|°F fahrenheit|K kelvin kelvins|"
    "rad radian radians|N newton newtons|J joule joules|W watt watts|Pa pascal pascals|"
    "Hz hertz|V volt volts|A amp amps ampere amperes|C coulomb coulombs|ohm ohms|"
    "mol mole moles|cal calorie calories|eV ev|bar bars|byte bytes|bit bits|knot knots|"
    "acre acres|hectare hectares|unit units"
)
_WORDS = {name: line.split()[0] for line in _SAME.split("|") for name in line.split()}
_SPELLED_PREFIXES = {
    "nano": "n",
    "micro": "µ",
    "milli": "m",
    "centi": "c",
    "deci": "d",
    "kilo": "k",
    "mega": "M",
    "giga": "G",
}
_SYMBOLS = ("m", "g", "s", "J", "W", "N", "Pa", "Hz", "V", "A", "C", "L", "l", "mol", "eV", "cal")
_PREFIXED = {
    prefix + symbol: prefix + symbol.replace("L", "l")
    for prefix in ("n", "µ", "u", "m", "c", "d", "k", "M", "G", "T")
    for symbol in (*_SYMBOLS, "ohm", "Wh", "B")
} | {symbol: symbol.replace("L", "l") for symbol in (*_SYMBOLS, "Wh", "kn", "T", "F")}
_CARELESS = {
    name.lower(): unit
    for name, unit in _PREFIXED.items()
    if unit[0] in "mck" and unit[1:] in ("m", "g", "l")
} | {"hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz"}
_WHOLE = {
    "mph": "mile/h",
    "mpg": "mile/gallon",
    "kmh": "km/h",
    "kmph": "km/h",
    "kph": "km/h",
    "fps": "foot/s",
    "cc": "cm^3",
}
_LOOSE = ({"degree", "°C"}, {"degree", "°F"}, {"£", "lb"})
"""Units that are written alike."""
_POWERS = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3, "cu": 3}
_TOKEN = re.compile(r"/|[^\s/.*(){}\\]+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_WORD = re.compile(r"(?P<name>[^\W\d_]+|[$€£¥₹¢%]|°[CF])(?:\^?(?P<power>-?[1-9]))?")

_NOT_COUNTED_TEXT = (
    "is are was were be been am has have had does do did isn not no none nor never neither "
    "either wrong incorrect false true right correct yes ok maybe perhaps probably likely "
    "unless less fewer more greater minus plus times divided squared cubed factorial sqrt mod "
    "to than root choose at least most if when where but off from over under below above "
    "between because half halves third thirds quarter quarters fourth fourths fifth fifths "
    "sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths twelfth twelfths "
    "twentieth twentieths hundredth hundredths thousandth thousandths millionth millionths "
    "percent percentage dozen dozens hundred hundreds thousand thousands million millions "
    "billion billions trillion trillions tens gross approximately approx about roughly almost "
    "nearly around wait sorry actually instead would could should might may cannot equals "
    "equal as this its thus mistake error guess unknown undefined infinite base i ii iii sin "
    "cos tan log ln pi sum halved doubled tripled twice thrice double triple quadruple vs "
    "versus"
)
_NOT_COUNTED = frozenset(_NOT_COUNTED_TEXT.split())
_LEADING_TEXT = "of a an the and or by in on for with without per"
_LEADING = frozenset(_LEADING_TEXT.split())
_ALONE_TEXT = "left remaining total altogether overall each apiece"
_ALONE = frozenset(_ALONE_TEXT.split())
_IRREGULAR_TEXT = (
    "people men women children feet teeth mice geese fish sheep deer oxen dice cattle data "
    "pence police kg cm km"
)
_IRREGULAR = frozenset(_IRREGULAR_TEXT.split())
_SINGULAR_S = re.compile(r"(?:ss|us|is)$")


@functools.lru_cache(maxsize=4096)
def measured(unit: str) -> tuple[str, frozenset[str]]:
    """Return the known units in a text beside a number, and the other words in it.

    The units come in one spelling and order, as ``km*h^-1``.
    """
    powers: dict[str, int] = {}
    others: set[str] = set()
    sign, pending = 1, 1
    tokens = _TOKEN.findall(_plain(unit))
    for at, token in enumerate(tokens):
        low = token.lower()
        if low in ("/", "per"):
            sign = -1
        elif low in _POWERS:
            power = _POWERS[low]
            if low in ("squared", "cubed") and powers:
                last = next(reversed(powers))
                powers[last] *= power
            else:
                pending = power
        elif (
            (found := _WORD.fullmatch(token)) is None
            # 'apples in total' has no inches.
            or (low == "in" and at + 1 < len(tokens))
        ) or not _add(powers, found["name"], sign * pending * int(found["power"] or 1)):
            others.add(_stem(low))
            pending = 1
        else:
            pending = 1
    if pending != 1 and not powers:
        powers[NEUTRAL] = pending * sign
    if powers.keys() & {"°C", "°F", "K"}:
        powers.pop("degree", None)
    shown = "*".join(f"{n}^{p}" if p != 1 else n for n, p in sorted(powers.items()) if p)
    return shown, frozenset(others)


def _plain(unit: str) -> str:
    unit = _HYPHEN.sub(" ", unit)
    return unit.replace("^{", "^").replace(r"\cdot", " ").replace("^ ", "^").replace(" ^", "^")


def _add(powers: dict[str, int], name: str, power: int) -> bool:
    """Take in a word if it is a known unit."""
    whole = _WHOLE.get(name.lower())
    if whole is not None:
        for at, part in enumerate(whole.split("/")):
            base, _, raised = part.partition("^")
            powers[base] = powers.get(base, 0) + power * int(raised or 1) * (-1 if at else 1)
        return True
    known = _known(name)
    if known is None:
        return False
    powers[known] = powers.get(known, 0) + power
    return True


def _known(name: str) -> str | None:
    if name in ("sqft", "sqm", "sqin"):
        return None
    found = _WORDS.get(name) or _PREFIXED.get(name)
    if found is not None:
        return found.replace("u", "µ", 1) if found[0] == "u" and found != NEUTRAL else found
    low = name.lower()
    found = _WORDS.get(low) or _CARELESS.get(low)
    if found is not None:
        return found
    for prefix, symbol in _SPELLED_PREFIXES.items():
        base = _WORDS.get(low.removeprefix(prefix)) if low.startswith(prefix) else None
        if base is not None:
            return symbol + base
    return None


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def is_unit(words: str, *, single: bool = False) -> bool:
    """Return whether words beside a number are its unit, or what was counted.

    Args:
        words: the words, in which powers and quotients may stand.
        single: whether the number is one, so that no plural is needed.
    """
    tokens = [t for t in re.split(r"[\s/^.*(){}\\-]+", words.strip()) if t and not t.isdigit()]
    low = [token.lower().strip(",;:'\"") for token in tokens]
    behind = set(low[1:]) - {"squared", "cubed"}
    if not low or low[0] in _NOT_COUNTED or _NOT_COUNTED & behind:
        return False
    shown, others = measured(words)
    if shown and (not others or _known(tokens[0]) or low[0] in _POWERS or low[0] == "per"):
        return True
    if low[0] in _LEADING:
        return False
    if low[0] in _ALONE and len(low) == 1:
        return True
    return single or any(_counts(word) for word in low)


def _counts(word: str) -> bool:
    if word in _IRREGULAR or _WORDS.get(word, "") not in ("", "C", "A"):
        return True
    return len(word) > 3 and word.endswith("s") and _SINGULAR_S.search(word) is None


def agree(gold: str, answer: str) -> bool:
    """Return whether two units may stand beside equal numbers; neither is empty."""
    ours, our_things = measured(gold)
    theirs, their_things = measured(answer)
    if ours and theirs:
        return ours == theirs or _neutral(ours, theirs) or {ours, theirs} in _LOOSE
    if not ours and not theirs:
        return our_things == their_things or bool(our_things & their_things)
    return (ours or theirs).startswith(NEUTRAL) or bool(our_things & their_things)


def _neutral(ours: str, theirs: str) -> bool:
    return ours.startswith(NEUTRAL) or theirs.startswith(NEUTRAL)


def alike(gold: str, answer: str) -> bool:
    """Return whether two units are the same, however they are spelled."""
    return measured(gold) == measured(answer)
