"""Words with their places in the text.

A word is a run of letters, digits and the marks upon them; case, punctuation, markup,
line breaks and characters without ink and width make no difference.  In scripts written
without spaces every character is a word, so that their statements have words at all.
Words are compared in NFKC with full case folding: the composed and the decomposed é, the
fullwidth and the plain 7 are equal.  Raised and lowered digits and fractions are words of
their own: 10² is ``10 2`` like 10^2, and not 102.

Places are character offsets into the text as it was given.  A character that stands for
several words (½ is ``1 2``) is the place of each.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, groupby
from typing import NamedTuple

SHORT = 32
"""Characters of a piece whose words are worth remembering."""

Place = tuple[str, int, int]

_PIECE = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
"""No word goes beyond one: other ASCII characters are part of none."""
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Characters without ink and width, beside those of category Cf."""
_BLANK = "\u2800\u3164\uffa0"
"""Characters that look like a space and are none; they part words."""
_FOLDED_BLANK = "\u1160"
_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
"""Beginnings of the names of characters that are written without spaces between words."""
_RAISED = ("<super>", "<sub>", "<fraction>")
_WORD = re.compile("cm*|w[wm]*")
"""A word in a string of shapes (see ``_Shapes``)."""


class Words(NamedTuple):
    """A text's words and where each stands."""

    words: list[str]
    """Casefolded words in NFKC, in order."""
    spans: list[tuple[int, int]]
    """Start and end of each word in the text; neither ever decreases."""


def split_words(text: str) -> Words:
    """Return the words of ``text`` and their places."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece.isascii():
            words.append(piece.lower())
            spans.append(match.span())
        else:
            at = match.start()
            found = _short_piece if len(piece) <= SHORT else _unicode_words
            for word, start, end in found(piece):
                words.append(word)
                spans.append((at + start, at + end))
    return Words(words, spans)


def is_invisible(character: str) -> bool:
    """Tell whether a character shows nothing though it is no space and no control code."""
    return character in _BLANK or _is_ignored(character)


def _is_ignored(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or bool(_IGNORED.match(character))


class _Lengths(dict[str, int]):
    """Length of every character's folded form; 0 where it is ignored.

    It is negative for a raised or lowered digit and a fraction.
    """

    def __missing__(self, character: str) -> int:
        length = 0 if _is_ignored(character) else len(_fold(character))
        if character.isnumeric() and unicodedata.decomposition(character).startswith(_RAISED):
            length = -length
        return self.setdefault(character, length)


class _Shapes(dict[int, str]):
    """For ``str.translate``: word, character of an unspaced script, mark, or none."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shape = " "
        if unicodedata.category(character).startswith("M"):
            shape = "m"
        elif character.isalnum() and character != _FOLDED_BLANK:
            name = unicodedata.name(character, "")
            unspaced = name.startswith(_UNSPACED) and not character.isdecimal()
            shape = "c" if unspaced else "w"
        return self.setdefault(code, shape)


_LENGTHS = _Lengths()
_SHAPES = _Shapes()


@lru_cache(maxsize=2**14)
def _short_piece(piece: str) -> tuple[Place, ...]:
    return tuple(_unicode_words(piece))


def _unicode_words(piece: str) -> Iterator[Place]:
    """Yield words with their places in ``piece``.

    Folding a string reorders its marks but is as long as the folded characters together,
    so a place in it leads back to a character.
    """
    lengths = [_LENGTHS[character] for character in piece]
    if lengths.count(1) == len(piece):
        yield from _folded_words(_fold(piece))
        return
    seen = [(i, length) for i, length in enumerate(lengths) if length]
    for _, group in groupby(seen, key=lambda pair: pair[1] > 0):
        places, sizes = zip(*group, strict=True)
        starts = list(accumulate(map(abs, sizes), initial=0))
        for word, low, high in _folded_words(_fold("".join(piece[i] for i in places))):
            start = places[bisect_right(starts, low) - 1]
            end = places[bisect_right(starts, high - 1) - 1] + 1
            yield word, start, end


def _folded_words(folded: str) -> Iterator[Place]:
    for match in _WORD.finditer(folded.translate(_SHAPES)):
        start, end = match.span()
        yield unicodedata.normalize("NFKC", folded[start:end]), start, end


def _fold(text: str) -> str:
    """Return the text in which equal words are equal (Unicode's D146), decomposed."""
    folded = unicodedata.normalize("NFD", text).casefold()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
