"""Words and numbers with their places, and the operators between them.

Texts that differ in notation alone have the same tokens: LaTeX and Unicode, line breaks,
case, punctuation, markup and figure code make no difference.  A number is a token of its
own and is written as its value.  Operators are no tokens: they stand in the gap before one
and count beside numbers, one-letter names and mathematical words only.

Places are character offsets; ``Tokens.span`` gives bytes.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, chain

from reasonbench.corpus.align_notation import (
    COMMANDS,
    FOLDED,
    GREEK,
    INK,
    MATHEMATICAL,
    NUMBER_WORDS,
    OPERATORS,
    SYMBOLS,
    mask,
)

MAX_MEMO = 2**16
"""Spellings that are remembered; hostile text has no end of them."""
MAX_GAP = 32
"""Operators of two gaps that are compared bracket by bracket."""
LONG = 64
"""Characters of a spelling that is not remembered."""

WORD, NUMBER = 0, 1

_MARKS = "\u00ad\u0300-\u036f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff"
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉₊₋"
_FRACTIONS = "¼½¾⅐-⅞"
_ALONE = "\u0370-\u03ff\U0001d6a8-\U0001d7cb\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_ALONE += "\uf900-\ufaff\U00020000-\U0003ffff"
_SIGNS = "".join(SYMBOLS)
_COMMAND = r"\\(?:" + "|".join(sorted(COMMANDS, key=len, reverse=True)) + r")(?![A-Za-z])"
_DEGREES = r"\^\s?\{?\s?\\circ(?![A-Za-z])\s?\}?"
_GROUP = r"(?:,|\{,\}|\\[,!]|,\\!|[\u2009\u202f])\d{3}"
_NUMBER = (
    r"(?<=frac)\d|(?<=frac\d)\d"
    rf"|(?<![\d.,(\[{{])\d{{1,3}}(?:{_GROUP})+(?!\d)(?:\.\d+)?"
    r"|\d+(?:\.\d+)?|\.(?<![\w.]\.)\d+"
)
_LETTER = rf"[^\W\d_{_RAISED}{_LOWERED}{_FRACTIONS}{_ALONE}{_SIGNS}]"
_REST = rf"{_NUMBER}|{_COMMAND}|%|{_DEGREES}"
_ASCII_TOKEN = rf"[A-Za-z]+|{_REST}"
_ANY_TOKEN = (
    rf"[A-Za-z]+(?![A-Za-z\x80-\U0010ffff])|{_LETTER}(?:{_LETTER}|[{_MARKS}])*|{_REST}"
    rf"|[{_RAISED}]+|[{_LOWERED}]+|[{_FRACTIONS}{_ALONE}{_SIGNS}]"
)
_NEVER = r"[^A-Za-z0-9\\%^.\x80-\U0010ffff]*"
"""What certainly begins no token; the rest of a gap is tried character by character."""
_GAP = rf"{_NEVER}(?:(?![A-Za-z0-9%])(?!{{token}})(?:\\[A-Za-z]+|.){_NEVER})*"


def _scanner(token: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what matches a text's first gap, and every token with the gap behind it."""
    gap = _GAP.replace("{token}", token)
    return re.compile(gap, re.DOTALL), re.compile(rf"({token})({gap})", re.DOTALL)


_ASCII = _scanner(_ASCII_TOKEN)
_ANY = _scanner(_ANY_TOKEN)
_SPECIAL = re.compile(f"[{_RAISED}{_LOWERED}{_FRACTIONS}∛]")
_MARK = re.compile(f"[{_MARKS}]")

_SIMPLE_COMMAND = re.compile(r"\\([A-Za-z]+)")
_ESCAPED = re.compile(r"\\[^A-Za-z]")
_EMPHASIS = re.compile(r"(?<=[\s,;:(])\*(?=$)|^\*(?=[\s.,;:!?)])|(?<!^)\*\*|\*\*(?!$)|\n\s*>+")
_SIGN = re.compile(r"(?:^|[\s($={,\[])-$")
_NO_OPERATOR = re.compile(r"[^-+*/^=<>#~(){}]+")
_ARITHMETIC = re.compile(r"[-+*/^=<>#~]")
_FRACTION = re.compile(r"\}\s?\{")


class Tokens:
    """A text's tokens; the gap before the first and the one behind the last are kept too."""

    __slots__ = ("__dict__", "_ends", "_starts", "raw_gaps", "text", "words")

    def __init__(
        self,
        text: str,
        words: list[str],
        starts: Sequence[int],
        ends: Sequence[int],
        raw_gaps: list[str],
    ) -> None:
        self.text = text
        self.words = words
        self._starts = starts
        self._ends = ends
        self.raw_gaps = raw_gaps

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def joined(self) -> str:
        """All words, a blank before and behind each."""
        return f" {' '.join(self.words)} "

    @cached_property
    def kinds(self) -> bytes:
        """WORD or NUMBER for each token."""
        return bytes(NUMBER if is_number(word) else WORD for word in self.words)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Bytes of each token in the text's UTF-8."""
        if self.text.isascii():
            return list(zip(self._starts, self._ends, strict=True))
        at = list(accumulate(map(_width, self.text), initial=0))
        return [(at[i], at[j]) for i, j in zip(self._starts, self._ends, strict=True)]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the bytes from one token to another, that one included."""
        start, end = self._starts[first], self._ends[last]
        if self.text.isascii():
            return start, end
        offset = len(self.text[:start].encode("utf-8", "surrogatepass"))
        return offset, offset + len(self.text[start:end].encode("utf-8", "surrogatepass"))

    def slice(self, first: int, last: int) -> str:
        """Return the text from one token to another, that one included."""
        return self.text[self._starts[first] : self._ends[last]]

    def head(self, count: int) -> "Tokens":
        """Return the first tokens alone."""
        return Tokens(
            self.text,
            self.words[:count],
            self._starts[:count],
            self._ends[:count],
            self.raw_gaps[: count + 1],
        )

    @cached_property
    def operators(self) -> list[str]:
        """What stands before each token as far as it counts there; "" behind the last."""
        found = list(map(_GAPS.__getitem__, self.raw_gaps))
        found[0] = found[-1] = ""
        for i in [i for i, gap in enumerate(found) if gap]:
            left, right = self.words[i - 1], self.words[i]
            if in_formula(left) and in_formula(right):
                found[i] = found[i].replace("~", "-")
            else:
                found[i] = "~" if found[i][-1] == "~" and is_number(right) else ""
        for i in self._numerators():
            if self.raw_gaps[i + 1].strip() in ("", "{"):
                found[i + 1] = "/"
        return found

    def _numerators(self) -> list[int]:
        r"""Return the tokens that are the 1 of ``\frac12``, which has no braces."""
        text = self.text
        if "frac" not in text:
            return []
        starts = self._starts[: len(self.words) - 1]
        return [i for i, at in enumerate(starts) if at > 3 and text.startswith("frac", at - 4)]

    @cached_property
    def signs(self) -> int:
        """How many operators stand between the tokens."""
        return sum(len(_soft(found)) for found in self.operators if found)


def tokenize(text: str) -> Tokens:
    """Return the tokens of ``text``."""
    return tokenize_part(text, mask(text), 0)


def tokenize_part(text: str, plain: str, start: int) -> Tokens:
    """Return the tokens of a masked part of ``text`` that begins at ``start``."""
    ascii_only = plain.isascii()
    first, pairs = _ASCII if ascii_only else _ANY
    before = first.match(plain)
    gap = before.group() if before else ""
    parts = [gap, *chain.from_iterable(pairs.findall(plain, len(gap)))]
    bounds = list(accumulate(map(len, parts), initial=start))[1:]
    tokens = Tokens(
        text,
        list(map(_WORDS.__getitem__, parts[1::2])),
        bounds[0:-1:2],
        bounds[1::2],
        parts[0::2],
    )
    if not ascii_only and _SPECIAL.search(plain):
        return _expanded(tokens, parts[1::2])
    return tokens


def canonical(text: str) -> str:
    """Return the tokens of ``text`` and the operators that count, parted by blanks."""
    tokens = tokenize(text)
    parts: list[str] = []
    for i, word in enumerate(tokens.words):
        gap = _soft(tokens.operators[i]).replace("~", "-")
        parts += (gap, word) if gap else (word,)
    return " ".join(parts)


def is_number(word: str) -> bool:
    """Tell whether a token is a number."""
    return "." <= word[0] <= "9"


def in_formula(word: str) -> bool:
    """Tell whether an operator beside this token counts."""
    return len(word) == 1 or "." <= word[0] <= "9" or word in MATHEMATICAL


def layout(text: str) -> str:
    """Return a piece of text without case, blanks and punctuation, notation left as it is."""
    return _UNINKED.sub("", text.casefold())


def same_operators(one: Tokens, i: int, other: Tokens, j: int) -> bool:
    """Tell whether what stands before two equal tokens is the same in some notation.

    Braces may be brackets or nothing, and a product of two numbers alone needs its sign.
    """
    left, right = one.operators[i], other.operators[j]
    if left == right:
        return True
    if not (is_number(one.words[i]) and is_number(one.words[i - 1])):
        left, right = left.replace("*", ""), right.replace("*", "")
    return _alike(left, right)


@lru_cache(maxsize=MAX_MEMO)
def _alike(one: str, other: str) -> bool:
    """Tell whether operators agree where each brace is a bracket or nothing."""
    if one == other or _soft(one) == _soft(other):
        return True
    if len(one) + len(other) > MAX_GAP:
        return False
    if one and one[0] in "{}" and _alike(one[1:], other):
        return True
    if other and other[0] in "{}" and _alike(one, other[1:]):
        return True
    if not one or not other or one[0].translate(_HARD) != other[0].translate(_HARD):
        return False
    return _alike(one[1:], other[1:])


_UNINKED = re.compile(r"[^\w+*/^=<>≤≥≠×·÷√π²³½\\-]+")  # noqa: RUF001
_BARE = str.maketrans("", "", "{}")
_HARD = str.maketrans("{}", "()")


def _soft(gap: str) -> str:
    bare = gap.translate(_BARE)
    return bare if _ARITHMETIC.search(bare) else ""


def _width(character: str) -> int:
    code = ord(character)
    return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)


class _Words(dict[str, str]):
    """The token that a spelling is."""

    def __missing__(self, spelling: str) -> str:
        word = _word(spelling)
        if len(spelling) <= LONG and len(self) < MAX_MEMO:
            self[spelling] = word
        return word


class _Gaps(dict[str, str]):
    """The operators of what stands between two tokens; a minus of its own is ``~``."""

    def __missing__(self, gap: str) -> str:
        found = _gap(gap)
        if len(gap) <= LONG and len(self) < MAX_MEMO:
            self[gap] = found
        return found


_WORDS = _Words()
_GAPS = _Gaps()


def _word(spelling: str) -> str:
    if spelling[0] == "^":
        return "degrees"
    if spelling[0] == "\\":
        return COMMANDS[spelling[1:]]
    if spelling[0] == "." or spelling[0].isdecimal():
        return _number(unicodedata.normalize("NFKC", spelling))
    word = SYMBOLS.get(spelling) or spelling.lower()
    if not word.isascii():
        folded = unicodedata.normalize("NFKD", _MARK.sub("", word).casefold())
        word = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
        word = GREEK.get(word) or SYMBOLS.get(word) or word or INK
    word = "".join(word.split()) or INK
    # What folds to a digit first is no number by its spelling.
    return NUMBER_WORDS.get(word) or (f"'{word}" if is_number(word) else word)


def _number(spelling: str) -> str:
    """Return a number's value: no separators, no zeros that count for nothing."""
    whole, _, decimals = spelling.partition(".")
    digits = "".join(c for c in whole if c.isdecimal()).lstrip("0") or "0"
    decimals = decimals.rstrip("0")
    return f"{digits}.{decimals}" if decimals else digits


def _gap(gap: str) -> str:
    if gap == "**":
        return "^"
    # Marks of emphasis go first: the product that a command spells is never one.
    text = _SIMPLE_COMMAND.sub(_operator, _EMPHASIS.sub(" ", gap).translate(FOLDED))
    text = _FRACTION.sub("}/{", _ESCAPED.sub(" ", text))
    text = _SIGN.sub("~", text)
    found = _NO_OPERATOR.sub("", text)
    return found if _ARITHMETIC.search(found) else ""


def _operator(match: re.Match[str]) -> str:
    return OPERATORS.get(match.group(1), " ")


def _expanded(tokens: Tokens, spellings: list[str]) -> Tokens:
    """Return the tokens with ², ₂ and ½ as the several things that they are."""
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    gaps: list[str] = []
    done = 0
    for i in [i for i, spelling in enumerate(spellings) if _SPECIAL.match(spelling)]:
        words += tokens.words[done:i]
        starts += tokens._starts[done:i]
        ends += tokens._ends[done:i]
        gaps += tokens.raw_gaps[done:i]
        done = i + 1
        for k, (before, word) in enumerate(_pieces(spellings[i])):
            words.append(word)
            starts.append(tokens._starts[i])
            ends.append(tokens._ends[i])
            gaps.append(before if k else tokens.raw_gaps[i] + before)
    return Tokens(
        tokens.text,
        words + tokens.words[done:],
        starts + list(tokens._starts[done:]),
        ends + list(tokens._ends[done:]),
        gaps + tokens.raw_gaps[done:],
    )


def _pieces(spelling: str) -> tuple[tuple[str, str], ...]:
    """Return the tokens of a raised or lowered run or a fraction, and what stands before each."""
    if spelling == "∛":
        return ("", "sqrt"), ("", "3")
    before = "^" if spelling[0] in _RAISED else ""
    found: list[tuple[str, str]] = []
    for piece in _PIECE.findall(unicodedata.normalize("NFKC", spelling)):
        if piece[0].isalnum():
            found.append((before, _number(piece) if piece[0].isdecimal() else piece))
            before = ""
        else:
            before += piece.translate(FOLDED)
    return tuple(found) or (("", INK),)


_PIECE = re.compile(r"\d+|[a-z]|[^\da-z]")
