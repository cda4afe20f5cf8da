# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Hashes of runs of tokens, and tables of hashes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.simd import compiled

_K1 = np.uint64(0x9E3779B97F4A7C15)
_SALT = np.uint64(0xD6E8FEB86659FD93)
_13 = np.uint64(13)
_51 = np.uint64(51)
_32 = np.uint64(32)
_EMPTY = np.uint64(0)
_ONE = np.uint64(1)
_63 = np.uint64(63)
_7 = np.uint64(7)
_2 = np.uint64(2)
_3 = np.uint64(3)
_TWOFOLD = np.uint64(2 * int(_SALT) % 2**64)
_TRIPLE = np.uint64(3 * int(_SALT) % 2**64)
_FOURFOLD = np.uint64(4 * int(_SALT) % 2**64)
CHUNK = 1024
"""Runs that are looked up at once: what is between the passes stays in the nearest cache."""


class Table(NamedTuple):
    """Distinct hashes, and for each the number of its place among them."""

    keys: NDArray[np.uint64]
    """Open addressing, at most half full; 0 is an empty place."""
    numbers: NDArray[np.int32]
    """Number of the hash in each place."""
    bitmap: NDArray[np.uint64]
    """Two bits of one word for each hash that may be there: small enough for the cache."""


class Room(NamedTuple):
    """Where ``look_up`` works and leaves what it finds."""

    keys: NDArray[np.uint64]
    """Hash of each run of a chunk."""
    hits: NDArray[np.int32]
    """Which of them may be there."""


def new_room() -> Room:
    """Return room for a chunk."""
    return Room(np.empty(CHUNK, np.uint64), np.empty(CHUNK, np.int32))


@compiled
def run_hash(tokens: NDArray[np.uint64], last: int, length: int) -> np.uint64:
    """Return the hash of the run of ``length`` tokens that ends with token ``last``."""
    mixed = np.uint64(length) * _SALT
    for i in range(last - length + 1, last + 1):
        mixed = ((mixed << _13) | (mixed >> _51)) + tokens[i]
    mixed *= _K1
    return mixed ^ (mixed >> _32) | _ONE


def run_hashes(tokens: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Return the hashes of all runs of ``length`` tokens."""
    hashes = np.empty(max(tokens.size - length + 1, 0), np.uint64)
    _hash_runs(tokens, length, hashes)
    return hashes


@compiled
def _hash_runs(tokens: NDArray[np.uint64], length: int, hashes: NDArray[np.uint64]) -> None:
    for i in range(hashes.size):
        hashes[i] = run_hash(tokens, i + length - 1, length)


@compiled
def may_hold(bitmap: NDArray[np.uint64], key: np.uint64) -> bool:
    """Tell whether a hash may be there: seldom true where it is not."""
    bits = (_ONE << ((key >> _ONE) & _63)) | (_ONE << ((key >> _7) & _63))
    return bitmap[np.int64(key >> _13) & (bitmap.size - 1)] & bits == bits


@compiled
def look_up(
    tokens: NDArray[np.uint64],
    begin: int,
    end: int,
    length: int,
    bitmap: NDArray[np.uint64],
    room: Room,
) -> int:
    """Write which runs may be in a table, and return how many.

    Loops without a call or a place below 0, so that the hashes become vectors.

    Args:
        tokens: of a record.
        begin: last token of the first run, ``length`` - 1 or more.
        end: one past that of the last run, at most ``CHUNK`` further.
        length: of the runs, 2, 3 or 4.
        bitmap: of the table.
        room: receives each run's ``run_hash``, and the places of those that may be there.
    """
    keys, hits = room.keys, room.hits
    first = np.uint64(begin - length + 1)
    count = np.uint64(end - begin)
    if length == 2:
        for i in range(count):
            at = first + i
            mixed = ((_TWOFOLD << _13) | (_TWOFOLD >> _51)) + tokens[at]
            mixed = (((mixed << _13) | (mixed >> _51)) + tokens[at + _ONE]) * _K1
            keys[i] = mixed ^ (mixed >> _32) | _ONE
    elif length == 4:
        for i in range(count):
            at = first + i
            mixed = ((_FOURFOLD << _13) | (_FOURFOLD >> _51)) + tokens[at]
            mixed = ((mixed << _13) | (mixed >> _51)) + tokens[at + _ONE]
            mixed = ((mixed << _13) | (mixed >> _51)) + tokens[at + _2]
            mixed = (((mixed << _13) | (mixed >> _51)) + tokens[at + _3]) * _K1
            keys[i] = mixed ^ (mixed >> _32) | _ONE
    else:
        for i in range(count):
            at = first + i
            mixed = ((_TRIPLE << _13) | (_TRIPLE >> _51)) + tokens[at]
            mixed = ((mixed << _13) | (mixed >> _51)) + tokens[at + _ONE]
            mixed = (((mixed << _13) | (mixed >> _51)) + tokens[at + _2]) * _K1
            keys[i] = mixed ^ (mixed >> _32) | _ONE
    n_hits = _EMPTY
    mask = np.uint64(bitmap.size - 1)
    for i in range(count):
        key = keys[i]
        word = bitmap[(key >> _13) & mask]
        if (word >> ((key >> _ONE) & _63)) & (word >> ((key >> _7) & _63)) & _ONE:
            hits[n_hits] = i
            n_hits += _ONE
    return np.int64(n_hits)


@compiled
def find(keys: NDArray[np.uint64], numbers: NDArray[np.int32], key: np.uint64) -> int:
    """Return the number of a hash, or -1."""
    mask = keys.size - 1
    at = np.int64(key >> np.uint64(20)) & mask
    while keys[at] != _EMPTY:
        if keys[at] == key:
            return np.int64(numbers[at])
        at = (at + 1) & mask
    return -1


def make_table(hashes: NDArray[np.uint64]) -> Table:
    """Return the table of distinct hashes, numbered in their order."""
    size = 1 << max(int(2 * hashes.size).bit_length(), 4)
    bits = 1 << min(max(int(16 * hashes.size).bit_length(), 10), 26)
    table = Table(
        np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(bits // 64, np.uint64)
    )
    _fill(table, hashes)
    return table


@compiled
def _fill(table: Table, hashes: NDArray[np.uint64]) -> None:
    words = table.bitmap.size - 1
    mask = table.keys.size - 1
    for number in range(hashes.size):
        key = hashes[number]
        bits = (_ONE << ((key >> _ONE) & _63)) | (_ONE << ((key >> _7) & _63))
        table.bitmap[np.int64(key >> _13) & words] |= bits
        at = np.int64(key >> np.uint64(20)) & mask
        while table.keys[at] != _EMPTY:
            at = (at + 1) & mask
        table.keys[at] = key
        table.numbers[at] = number
