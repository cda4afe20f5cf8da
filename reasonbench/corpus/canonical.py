# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
r"""Any script to ASCII in which equal text is equal.

Letters lose case and accents, letters of other alphabets become strings of ASCII letters,
characters written without spaces become words of their own, and symbols become what LaTeX
or a keyboard has for them, so that ``½``, ``≤``, ``π`` and ``²`` meet ``1/2``, ``<=``,
``\\pi`` and ``^2``.  JSON's escapes are resolved on the way.  What is no UTF-8 is a space.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import simd
from reasonbench.corpus.simd import compiled

GROWTH = 5
"""Bytes that one byte can become at most."""
_TOP = 0x1D800
"""Code points from here on are spaces, and so are those of rare scripts before."""
_SYMBOLS = {
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{BULLET OPERATOR}": "*",
    "\N{ASTERISK OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{FRACTION SLASH}": "/",
    "\N{DIVISION SLASH}": "/",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LESS-THAN OR SLANTED EQUAL TO}": "<=",
    "\N{GREATER-THAN OR SLANTED EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{SQUARE ROOT}": " sqrt ",
    "\N{INFINITY}": " infty ",
    "\N{ANGLE}": " angle ",
    "\N{WHITE UP-POINTING TRIANGLE}": " triangle ",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\u00ad": "",
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "\u2060": "",
    "\ufeff": "",
}
_BACKSLASH = np.uint8(92)
_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ", "THAI ", "LAO ", "KHMER ", "MYANMAR ")


class Table(NamedTuple):
    """What each code point becomes."""

    offsets: NDArray[np.int32]
    """Where a code point's replacement starts in ``pool``, and, one further, where it ends."""
    pool: NDArray[np.uint8]
    """Replacements, one after another."""


@cache
def table() -> Table:
    """Return the replacements of all code points below ``_TOP``."""
    pieces = [_replacement(chr(code)) for code in range(_TOP)]
    offsets = np.zeros(_TOP + 1, np.int32)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    return Table(offsets, np.frombuffer("".join(pieces).encode("ascii"), np.uint8))


def _replacement(character: str) -> str:
    """Return ASCII for one character, at most ``GROWTH`` times its bytes long."""
    if character.isascii():
        return character
    code = ord(character)
    if 0x3400 <= code < 0xA000 or 0xAC00 <= code < 0xD7B0:
        return f" {_spelled(code)} "
    if 0xD7B0 <= code < 0xF900 or (code >= 0x10000 and not 0x1D400 <= code < 0x1D800):
        return " "
    if (symbol := _SYMBOLS.get(character)) is not None:
        return symbol
    category = unicodedata.category(character)
    if category in ("Mn", "Cf", "Me"):
        return ""
    if category[0] not in "LN" and not unicodedata.decomposition(character).startswith("<"):
        return " "
    return _letter(character)


def _letter(character: str) -> str:
    decomposition = unicodedata.decomposition(character)
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    plain = "".join(_ascii(part) for part in folded if unicodedata.category(part) != "Mn")
    if decomposition.startswith("<fraction>"):
        plain = f" {plain}"
    elif decomposition.startswith("<super>"):
        plain = f"^{plain}"
    elif decomposition.startswith("<sub>"):
        plain = f"_{plain}"
    return plain if len(plain) <= GROWTH * len(character.encode("utf-8", "replace")) else " "


def _ascii(part: str) -> str:
    if part.isascii():
        return part
    if part == "\u2044":
        return "/"
    name = unicodedata.name(part, "")
    if name.startswith("GREEK SMALL LETTER ") and " " not in name[19:]:
        return f" {_GREEK.get(name[19:], name[19:]).lower()} "
    if part.isdecimal():
        return str(unicodedata.decimal(part))
    if not part.isalnum():
        return " "
    letters = _spelled(ord(part))
    return f" {letters} " if name.startswith(_UNSPACED) else letters


def _spelled(code: int) -> str:
    """Return letters that no other character of the basic plane has."""
    return "q" + "".join(chr(97 + (code >> shift & 15)) for shift in (12, 8, 4, 0))


_GREEK = {"LAMDA": "lambda", "FINAL SIGMA": "sigma"}


@compiled
def transcribe(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    escaped: bool,
    offsets: NDArray[np.int32],
    pool: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> int:
    """Write ``data[start:end]`` as ASCII to ``out`` and return the length.

    Args:
        data: UTF-8, with 64 readable bytes after ``end``.
        start: first byte.
        end: one past the last byte.
        escaped: whether it is JSON, whose escapes are resolved; a line break is a space.
        offsets: of ``table()``.
        pool: of ``table()``.
        out: at least ``GROWTH`` times as long as what is read, and 64 bytes.
    """
    length = 0
    i = start
    while i < end:
        # up to 64 bytes that stay as they are
        stops = simd.high(data, i) | simd.control(data, i)
        if escaped:
            stops |= simd.equal(data, i, _BACKSLASH)
        run = min(simd.first_bit(stops), end - i)
        simd.copy(data, i, out, length)
        i += run
        length += run
        if run == 64 or i == end:
            continue
        byte = data[i]
        code = np.int64(byte)
        size = 1
        if byte == 92 and escaped:
            code, size = _escape(data, i, end)
        elif byte >= 0x80:
            code, size = _decoded(data, i, end)
        i += size
        if code < 0x80:
            out[length] = 32 if code < 32 else code
            length += 1
        elif code < offsets.size - 1:
            for at in range(offsets[code], offsets[code + 1]):
                out[length] = pool[at]
                length += 1
        else:
            out[length] = 32
            length += 1
    return length


@compiled
def _escape(data: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return the code point of JSON's escape at ``i``, or of two that pair, and its length."""
    if i + 1 >= end:
        return 32, 1
    kind = data[i + 1]
    if kind == 117 and i + 6 <= end:
        code = _hexadecimal(data, i + 2)
        if not 0xD800 <= code < 0xE000:
            return code, 6
        if code < 0xDC00 and i + 12 <= end and data[i + 6] == 92 and data[i + 7] == 117:
            low = _hexadecimal(data, i + 8)
            if 0xDC00 <= low < 0xE000:
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), 12
        return 32, 6
    if kind in (92, 34, 47):
        return np.int64(kind), 2
    return 32, 2


@compiled
def _hexadecimal(data: NDArray[np.uint8], at: int) -> int:
    """Return the number of four hexadecimal digits."""
    code = 0
    for i in range(at, at + 4):
        digit = np.int64(data[i])
        code = code * 16 + ((digit & 15) + (9 if digit >= 65 else 0))
    return code


@compiled
def _decoded(data: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """Return the code point of UTF-8 at ``i`` and its length; a space for what is none."""
    byte = np.int64(data[i])
    size, code = 0, 0
    if 0xC2 <= byte < 0xE0:
        size, code = 2, byte & 0x1F
    elif 0xE0 <= byte < 0xF0:
        size, code = 3, byte & 0x0F
    elif 0xF0 <= byte < 0xF5:
        size, code = 4, byte & 0x07
    if size == 0 or i + size > end:
        return 32, 1
    for at in range(i + 1, i + size):
        if data[at] & 0xC0 != 0x80:
            return 32, 1
        code = code << 6 | np.int64(data[at]) & 0x3F
    return code, size
