# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return,call-overload"
# The types of what is compiled are numba's to find.
"""Stage 2: how many bits of a unit stand in a stretch of a record, in order.

A local alignment of words.  A word that continues a match is worth what it says after the two
words before it, a word that begins one what it says alone; a word that differs or is missing
costs.  So a stock phrase is worth little however long it is, and a rare one much.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import simd
from reasonbench.corpus.simd import PADDING, compiled

DIFFERS = 1.5
"""Bits that a word in place of another costs."""
NAME_DIFFERS = 0.5
"""Bits that another number or name costs: a problem with other numbers is the same problem."""
MISSING = 1.0
"""Bits that a word costs that stands on one side only."""
LONGEST = 512
"""Most tokens of a unit; longer texts are cut into several."""
MARKS = 16
"""Words of 64 bits in which an item's rare tokens are marked."""
MAX_RARE = 4096
"""Rare tokens of an item at most."""
_TAG = np.uint64(56)
_NONE = np.float32(0.0)
_ZERO, _ONE, _64 = np.uint64(0), np.uint64(1), np.uint64(64)
_58, _54, _15 = np.uint64(58), np.uint64(54), np.uint64(MARKS - 1)


class Room(NamedTuple):
    """What scoring works with."""

    values: NDArray[np.float32]
    """Last row of the table: 0, then the value at each token of a unit."""
    matches: NDArray[np.float32]
    """Whether each continues a match."""
    tags: NDArray[np.uint8]
    """What is compared of a unit's tokens, 64 at once."""
    marks: NDArray[np.uint64]
    """Marks of an item's rare tokens."""
    seen: NDArray[np.bool_]
    """Which of them were seen."""


def new_room() -> Room:
    """Return room for any unit and item."""
    return Room(
        np.zeros(LONGEST + 1, np.float32),
        np.zeros(LONGEST + 1, np.float32),
        np.zeros(LONGEST + PADDING, np.uint8),
        np.zeros(MARKS, np.uint64),
        np.zeros(MAX_RARE, np.bool_),
    )


@compiled
def alignment_bits(
    tokens: NDArray[np.uint64],
    count: int,
    begin: int,
    slack: int,
    unit: NDArray[np.uint64],
    first: NDArray[np.float32],
    follow: NDArray[np.float32],
    names: NDArray[np.bool_],
    room: Room,
) -> float:
    """Return the bits of the best local alignment near a diagonal.

    Most of the table is 0.  Of each row those places are looked at that are beside one that is
    not, in this row or the one above, and those that match.

    Args:
        tokens: of the record.
        count: how many.
        begin: token of the record at which the unit would begin; may be negative.
        slack: tokens by which a match may be shifted.
        unit: tokens of the unit.
        first: bits of each of its tokens alone.
        follow: bits of each after those before it.
        names: whether each is a number or a single letter.
        room: to work in.
    """
    values, matches, tags = room.values, room.matches, room.tags
    size = np.uint64(unit.size)
    for j in range(size + _ONE):
        values[j] = 0.0
        matches[j] = 0.0
    for j in range(size):
        tags[j] = unit[j] >> _TAG
    best = _NONE
    # places are counted from 1: the first that is not 0 in the row above, and the last
    a, b = size + _ONE, _ZERO
    for i in range(max(0, begin - slack), min(count, begin + np.int64(size) + slack)):
        token = tokens[np.uint64(i)]
        tag = np.uint8(token >> _TAG)
        low = np.uint64(max(0, i - begin - slack))
        high = np.uint64(min(np.int64(size), i - begin + slack + 1))
        above_a, above_b = a, b
        a, b = size + _ONE, _ZERO
        diagonal, was_match = values[low], matches[low]
        left, left_match = _NONE, _NONE
        j = low
        while j < high:
            if left == 0.0 and (j + _ONE < above_a or j > above_b):
                j = _next_match(tags, tag, j, min(above_a - _ONE, high) if j < above_a else high)
                if j >= high:
                    break
                diagonal, was_match = values[j], matches[j]
            after = j + _ONE
            above, above_match = values[after], matches[after]
            # every value is there before one is chosen: a wrong guess costs more than all of them
            name, is_match = names[j], unit[j] == token
            alone, more = first[j], follow[j]
            cost = np.float32(NAME_DIFFERS) if name else np.float32(DIFFERS)
            value = diagonal + ((more if was_match > 0 else alone) if is_match else -cost)
            carried = was_match if name else _NONE
            matched = np.float32(1.0) if is_match else carried
            value, matched = _best(value, matched, above, left, left_match if name else _NONE)
            a = min(a, after) if value > 0.0 else a
            b = after if value > 0.0 else b
            diagonal, was_match = above, above_match
            values[after] = value
            matches[after] = matched
            left, left_match = value, matched
            best = max(best, value)
            j = after
    return best


@compiled
def _best(
    value: np.float32,
    matched: np.float32,
    above: np.float32,
    left: np.float32,
    left_match: np.float32,
) -> tuple[np.float32, np.float32]:
    """Return the value of a place where a word may be missing, and if a match is continued."""
    down, right = above - np.float32(MISSING), left - np.float32(MISSING)
    matched = _NONE if down > value else matched
    value = max(down, value)
    matched = left_match if right > value else matched
    value = max(right, value)
    return max(value, _NONE), matched if value > 0.0 else _NONE


@compiled
def _next_match(tags: NDArray[np.uint8], tag: np.uint8, j: np.uint64, high: np.uint64) -> np.uint64:
    """Return the first place from ``j`` that may match, or ``high``."""
    while j < high:
        found = simd.equal(tags, np.int64(j), tag)
        if found:
            return min(j + np.uint64(simd.first_bit(found)), high)
        j += _64
    return high


@compiled
def shared_bits(
    tokens: NDArray[np.uint64],
    low: int,
    high: int,
    rare: NDArray[np.uint64],
    worth: NDArray[np.float32],
    room: Room,
) -> float:
    """Return the bits of an item's rare tokens that stand anywhere in a stretch, each once.

    Args:
        tokens: of the record.
        low: first token of the stretch.
        high: one past its last.
        rare: the item's rare tokens, ascending.
        worth: bits of each.
        room: to work in.
    """
    seen, marks, size = room.seen, room.marks, rare.size
    seen[:size] = False
    total = 0.0
    if size == 0:
        return total
    _mark(rare, marks)
    for i in range(low, high):
        token = tokens[i]
        if not _is_marked(token, marks):
            continue
        a, b = 0, size
        while a < b:
            middle = (a + b) >> 1
            if rare[middle] < token:
                a = middle + 1
            else:
                b = middle
        if a < size and rare[a] == token and not seen[a]:
            seen[a] = True
            total += worth[a]
    return total


@compiled
def _mark(tokens: NDArray[np.uint64], marks: NDArray[np.uint64]) -> None:
    marks[:] = 0
    for i in range(tokens.size):
        marks[(tokens[i] >> _54) & _15] |= _ONE << (tokens[i] >> _58)


@compiled
def _is_marked(token: np.uint64, marks: NDArray[np.uint64]) -> bool:
    """Tell whether a token may be one of those that are marked."""
    return (marks[(token >> _54) & _15] >> (token >> _58)) & _ONE != 0
