# mypy: disable-error-code="untyped-decorator"
"""The tokens of JSON, and UTF-8, in bytes; compiled.

Each function looks at ``data`` from a place and returns where the token ends, or -1.  They
may look at up to 64 bytes past ``end``, which must be there, and never take them in.
"""

from typing import Any

import numpy as np

from reasonbench.corpus.blocks import Bytes, Places
from reasonbench.corpus.simd import (
    compiled,
    control,
    equal,
    first_bit,
    high,
    load8,
)

MAX_DIGITS = 4300
"""Digits of a whole number: Python's ``int`` refuses a longer one."""

_ONE = np.uint64(1)
_NONE = np.uint64(0)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_QUOTE, _BACKSLASH, _NEWLINE = np.uint8(0x22), np.uint8(0x5C), np.uint8(0x0A)

_ESCAPE = np.zeros(256, np.int64)
"""Length of an escape by the byte after its backslash; 0 for none."""
for _byte in b'"\\/bfnrt':
    _ESCAPE[_byte] = 2
_ESCAPE[ord("u")] = 6

_HEX = np.zeros(256, np.int64)
for _byte in b"0123456789abcdefABCDEF":
    _HEX[_byte] = 1

_IS_SPACE = np.zeros(256, np.bool_)
for _byte in b" \t\r\n":
    _IS_SPACE[_byte] = True

_TRUE = np.uint64(int.from_bytes(b"true", "little"))
_NULL = np.uint64(int.from_bytes(b"null", "little"))
_FALSE = np.uint64(int.from_bytes(b"false", "little"))
_FOUR = np.uint64(2**32 - 1)
_FIVE = np.uint64(2**40 - 1)


def newlines(data: Bytes, begin: int, end: int) -> Places:
    """Return the places of the newlines in ``data[begin:end]``."""
    places = np.empty(_count_newlines(data, begin, end), np.int64)
    _find_newlines(data, begin, end, places)
    return places


@compiled
def _count_newlines(data: Any, begin: int, end: int) -> int:
    count = 0
    for at in range(begin, end, 64):
        mask = equal(data, at, _NEWLINE) & _up_to(end - at)
        while mask != _NONE:
            mask &= mask - _ONE
            count += 1
    return count


@compiled
def _find_newlines(data: Any, begin: int, end: int, places: Any) -> None:
    count = 0
    for at in range(begin, end, 64):
        mask = equal(data, at, _NEWLINE) & _up_to(end - at)
        while mask != _NONE:
            places[count] = at + first_bit(mask)
            mask &= mask - _ONE
            count += 1


@compiled
def _up_to(count: int) -> Any:
    """Return a mask of the lowest ``count`` bits."""
    if count >= 64:
        return ~_NONE
    return (_ONE << np.uint64(count)) - _ONE


@compiled
def space_end(data: Any, p: int, end: int) -> int:
    """Return the first place from ``p`` that is no white space, or ``end``."""
    while p < end and _IS_SPACE[data[p]]:
        p += 1
    return p


@compiled
def string_end(data: Any, p: int, end: int) -> int:
    """Return one past the quote that closes a string, of which ``p`` is the first byte."""
    while p < end:
        mask = equal(data, p, _QUOTE) | equal(data, p, _BACKSLASH) | control(data, p)
        step = 64
        while mask != _NONE:
            bit = first_bit(mask)
            at = p + bit
            if data[at] != _BACKSLASH:
                return at + 1 if data[at] == _QUOTE and at < end else -1
            length = _ESCAPE[data[at + 1]]
            if length == 0 or (length == 6 and not _is_hex4(data, at + 2)):
                return -1
            if bit >= 62:
                step = bit + 2
                break
            # The escaped byte may be a quote or a backslash: it is no token of its own.
            mask &= ~_NONE << np.uint64(bit + 2)
        p += step
    return -1


@compiled
def _is_hex4(data: Any, p: int) -> bool:
    count = _HEX[data[p]] + _HEX[data[p + 1]] + _HEX[data[p + 2]] + _HEX[data[p + 3]]
    return bool(count == 4)


@compiled
def _digits_end(data: Any, p: int, end: int) -> int:
    while p < end and 0x30 <= data[p] <= 0x39:
        p += 1
    return p


@compiled
def number_end(data: Any, p: int, end: int) -> int:
    """Return where the number at ``p`` ends."""
    if data[p] == 0x2D:
        p += 1
    first = p
    p = _digits_end(data, p, end)
    if p == first or (data[first] == 0x30 and p > first + 1):
        return -1
    whole = True
    if p < end and data[p] == 0x2E:
        whole, point = False, p + 1
        p = _digits_end(data, point, end)
        if p == point:
            return -1
    if p < end and (data[p] | 0x20) == 0x65:
        whole, p = False, p + 1
        if p < end and (data[p] == 0x2B or data[p] == 0x2D):
            p += 1
        power = p
        p = _digits_end(data, power, end)
        if p == power:
            return -1
    return -1 if whole and p - first > MAX_DIGITS else p


@compiled
def literal_end(data: Any, p: int, end: int) -> int:
    """Return where ``true``, ``false`` or ``null`` ends."""
    word = load8(data, p)
    length = -1
    if (word & _FOUR) == _TRUE or (word & _FOUR) == _NULL:
        length = 4
    elif (word & _FIVE) == _FALSE:
        length = 5
    return p + length if length > 0 and p + length <= end else -1


@compiled
def mixed(path: Any, value: Any) -> Any:
    """Return a hash of a hash and a further value, in that order."""
    h = (path ^ value) * _PRIME
    h ^= h >> np.uint64(29)
    return (h + value) * _PRIME


@compiled
def key_hash(data: Any, p: int, end: int) -> Any:
    """Return a hash of the bytes of a key."""
    h = np.uint64(end - p)
    while p + 8 <= end:
        h = mixed(h, load8(data, p))
        p += 8
    if p < end:
        h = mixed(h, load8(data, p) & ((_ONE << np.uint64(8 * (end - p))) - _ONE))
    return h


@compiled
def utf8_fault(data: Any, p: int, end: int) -> bool:
    """Tell whether bytes are not UTF-8: cut, overlong, surrogates, beyond U+10FFFF."""
    while p < end:
        mask = high(data, p)
        if mask == _NONE:
            p += 64
            continue
        p += first_bit(mask)
        while p < end and data[p] >= 0x80:
            p = _character_end(data, p, end)
            if p < 0:
                return True
    return False


@compiled
def _character_end(data: Any, p: int, end: int) -> int:
    """Return where the character of several bytes at ``p`` ends."""
    lead = data[p]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or p + length > end:
        return -1
    second = data[p + 1]
    low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80
    high_bound = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else 0xBF
    if second < low or second > high_bound:
        return -1
    for i in range(2, length):
        if (data[p + i] & 0xC0) != 0x80:
            return -1
    return p + length
