"""Is every line a JSON object?  Compiled, without decoding anything.

The whole grammar of RFC 8259 and UTF-8 are checked, so that what passes can be decoded when
it is needed and what does not is counted though nothing of it is decoded.  What Python's
``json.loads`` refuses is refused; NaN and Infinity, which it accepts, are refused too.

Each record also gets a signature: a hash of the set of (keys down to the value, its type),
three keys deep, whatever their order and their repetition in lists.  Records of one signature
have the same fields as far as it reaches, so one of them shows what the others hold.
"""

import enum
from typing import Any

import numpy as np
import numpy.typing as npt

from reasonbench.corpus.blocks import MAX_LINE_BYTES, Bytes, Places
from reasonbench.corpus.fields import MAX_DEPTH
from reasonbench.corpus.jsonbytes import (
    key_hash,
    literal_end,
    mixed,
    number_end,
    space_end,
    string_end,
    utf8_fault,
)
from reasonbench.corpus.simd import compiled

SIGNATURE_KEYS = 3
"""Keys down to a value that a signature covers."""

UNKNOWN = 0
"""Signature of a record with more pairs than are told apart."""

_SEEN = 1024
"""Slots for the (path, type) pairs of a record; half of them are used at most."""


class Status(enum.IntEnum):
    """What a line is."""

    OK = 0
    """A JSON object."""
    BROKEN = 1
    """No JSON."""
    NOT_UTF8 = 2
    """Bytes that are not UTF-8."""
    NOT_OBJECT = 3
    """JSON, but no object."""
    TOO_DEEP = 4
    """Nested deeper than ``MAX_DEPTH``."""
    TOO_LONG = 5
    """Longer than ``MAX_LINE_BYTES``."""
    BLANK = 6
    """White space alone: no row."""


_OK, _BROKEN, _NOT_UTF8, _NOT_OBJECT, _TOO_DEEP, _TOO_LONG, _BLANK = (int(s) for s in Status)
_VALUE, _ITEM_OR_END, _KEY, _KEY_OR_END, _AFTER, _FAULT, _DEEP = range(7)
"""What is expected next; the last two end the check."""
_STRING, _NUMBER, _BOOL, _NULL, _OBJECT, _ARRAY = (np.uint64(i) for i in range(1, 7))
_MOST = np.uint64(_SEEN // 2)
_ELEMENT = np.uint64(0x9E3779B97F4A7C15)


def check_lines(
    data: Bytes, starts: Places, ends: Places
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    """Check lines of ``data``, after whose last byte 64 zero bytes must follow.

    Returns:
        the ``Status`` of each line, and the signature of each that is ``OK``.
    """
    status = np.empty(len(starts), np.uint8)
    signatures = np.zeros(len(starts), np.uint64)
    places = np.zeros((MAX_DEPTH + 2, 3), np.int64)
    seen = np.zeros((_SEEN + 2, 2), np.uint64)
    _check_lines(data, starts, ends, status, signatures, places, seen)
    return status, signatures


# places[depth]: 1 for an object and 0 for a list, keys that lead there, hash of these keys.
# seen: a hash set of pairs of (path, type), each with the line that entered it; then two rows,
# of the sum and number of this line's pairs, and of the last pair and the line itself.
_IS_OBJECT, _KEYS, _PATH = range(3)


@compiled
def _check_lines(
    data: Any, starts: Any, ends: Any, status: Any, signatures: Any, places: Any, seen: Any
) -> None:
    for i in range(len(starts)):
        start, end = starts[i], ends[i]
        if end - start > MAX_LINE_BYTES:
            status[i] = _TOO_LONG
            continue
        first = space_end(data, start, end)
        if first == end:
            status[i] = _BLANK
        elif utf8_fault(data, start, end):
            status[i] = _NOT_UTF8
        else:
            seen[_SEEN, 0], seen[_SEEN, 1] = 0, 0
            seen[_SEEN + 1, 0], seen[_SEEN + 1, 1] = 0, i + 1
            status[i] = _check(data, first, end, places, seen)
            if status[i] == _OK and seen[_SEEN, 1] <= _MOST:
                signatures[i] = seen[_SEEN, 0]


@compiled
def _check(data: Any, first: int, end: int, places: Any, seen: Any) -> int:
    """Check one line, whose first byte is no space."""
    p, depth, state = first, 0, _VALUE
    places[0, :] = 0
    while p < end and state < _FAULT:
        if state == _AFTER:
            p, depth, state = _after(data, p, depth, places)
        elif state == _KEY or (state == _KEY_OR_END and data[p] != 0x7D):
            p, state = _key(data, p, end, depth, places)
        elif state == _KEY_OR_END or (state == _ITEM_OR_END and data[p] == 0x5D):
            p, depth, state = p + 1, depth - 1, _AFTER
        else:
            keys, path = _place(depth, places)
            p, depth, state, kind = _value(data, p, end, depth, places)
            if keys <= SIGNATURE_KEYS:
                _tally(seen, mixed(path, kind))
        p = space_end(data, p, end)
    if state == _DEEP:
        return _TOO_DEEP
    if state != _AFTER or depth != 0:
        return _BROKEN
    return _OK if data[first] == 0x7B else _NOT_OBJECT


@compiled
def _after(data: Any, p: int, depth: int, places: Any) -> tuple[int, int, int]:
    """Read what follows a value: a comma, or the end of what holds it."""
    if depth == 0:
        return p, depth, _FAULT
    byte = data[p]
    if byte == 0x2C:
        return p + 1, depth, _KEY if places[depth, _IS_OBJECT] else _VALUE
    if byte == (0x7D if places[depth, _IS_OBJECT] else 0x5D):
        return p + 1, depth - 1, _AFTER
    return p, depth, _FAULT


@compiled
def _key(data: Any, p: int, end: int, depth: int, places: Any) -> tuple[int, int]:
    """Read a key and its colon; the slot above ``depth`` takes its path."""
    if data[p] != 0x22:
        return p, _FAULT
    after = string_end(data, p + 1, end)
    if after < 0:
        return p, _FAULT
    if places[depth, _KEYS] < SIGNATURE_KEYS:
        name = key_hash(data, p + 1, after - 1)
        places[depth + 1, _PATH] = np.int64(mixed(np.uint64(places[depth, _PATH]), name))
    colon = space_end(data, after, end)
    if colon >= end or data[colon] != 0x3A:
        return p, _FAULT
    return colon + 1, _VALUE


@compiled
def _place(depth: int, places: Any) -> tuple[int, Any]:
    """Return how many keys lead to the value that comes next, and their hash."""
    if places[depth, _IS_OBJECT]:
        return places[depth, _KEYS] + 1, np.uint64(places[depth + 1, _PATH])
    return places[depth, _KEYS], mixed(np.uint64(places[depth, _PATH]), _ELEMENT)


@compiled
def _value(data: Any, p: int, end: int, depth: int, places: Any) -> tuple[int, int, int, Any]:
    """Read a value that ends within itself, or the opening of one that holds others."""
    byte = data[p]
    if byte == 0x7B:
        return p + 1, depth + 1, _open(depth, places, 1), _OBJECT
    if byte == 0x5B:
        return p + 1, depth + 1, _open(depth, places, 0), _ARRAY
    if byte == 0x22:
        after, kind = string_end(data, p + 1, end), _STRING
    elif byte == 0x2D or (0x30 <= byte <= 0x39):
        after, kind = number_end(data, p, end), _NUMBER
    else:
        after = literal_end(data, p, end)
        kind = _NULL if byte == 0x6E else _BOOL
    if after < 0:
        return p, depth, _FAULT, kind
    return after, depth, _AFTER, kind


@compiled
def _open(depth: int, places: Any, is_object: int) -> int:
    """Enter an object or a list one deeper; return the state within it."""
    if depth >= MAX_DEPTH:
        return _DEEP
    keys, path = _place(depth, places)
    places[depth + 1, _IS_OBJECT], places[depth + 1, _KEYS] = is_object, keys
    places[depth + 1, _PATH] = np.int64(path)
    return _KEY_OR_END if is_object else _ITEM_OR_END


@compiled
def _tally(seen: Any, pair: Any) -> None:
    """Enter a pair into this line's set, and into its sum if it is new there."""
    if pair == seen[_SEEN + 1, 0] or seen[_SEEN, 1] > _MOST:
        return
    seen[_SEEN + 1, 0] = pair
    line = seen[_SEEN + 1, 1]
    slot = np.int64(pair & np.uint64(_SEEN - 1))
    while seen[slot, 1] == line:
        if seen[slot, 0] == pair:
            return
        slot = (slot + 1) % _SEEN
    seen[slot, 0], seen[slot, 1] = pair, line
    seen[_SEEN, 0] += pair
    seen[_SEEN, 1] += np.uint64(1)
