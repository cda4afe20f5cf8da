# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Traces that copy no run of an item: pairs of neighbouring words that hardly any text holds.

A trace on a problem says it in its own words, but "duck eggs" stays "duck eggs".  A couple is two
words of an item that follow one another, numbers between them left out, and do so next to never
in the background.  A stretch that holds ``FEW`` couples of one item is a candidate, whatever else
of it is there, and counts by its topic.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.background import Counts
from reasonbench.corpus.hashing import (
    CHUNK,
    Room,
    Table,
    find,
    look_up,
    make_table,
    new_room,
    run_hashes,
)
from reasonbench.corpus.index import Units
from reasonbench.corpus.probe import REACH
from reasonbench.corpus.simd import compiled

FEW = 3
"""Couples of an item that make a candidate."""
MOST, MOST_SHARE = 2, 2.0**-18
"""Occurrences of a couple at most, the items' own among them: so many, or a share of all words."""
MAX_FOUND = 256
"""Items that one record can be a candidate for by its couples."""

_ONE = np.uint64(1)
_63 = np.uint64(63)
_UPPER = np.uint64(0xFFFFFFFF00000000)
BITS = 64
"""Couples of an item that are told apart; further ones share their numbers."""
_UNIT = 7
"""Bits of a place below its unit."""


class Couples(NamedTuple):
    """The couples of all items; what is read at a hit lies close together."""

    bitmap: NDArray[np.uint64]
    """As in ``Table``."""
    slots: NDArray[np.uint64]
    """Open addressing: the upper half of a hash above its first place and one; 0 is empty."""
    places: NDArray[np.uint32]
    """A couple of an item: its unit, above its number there, above whether another follows."""


class CoupleState(NamedTuple):
    """What the search for couples works with."""

    last: NDArray[np.int64]
    """Where each item was met last."""
    begin: NDArray[np.int64]
    """Where its stretch begins."""
    met: NDArray[np.uint64]
    """Numbers of its couples that the stretch holds, as bits."""
    counts: NDArray[np.int32]
    """How many they are."""
    slots: NDArray[np.int64]
    """Where each item stands among the record's candidates, above the record's first position."""
    units: NDArray[np.int32]
    """Receives a unit of each candidate."""
    most: NDArray[np.int32]
    """Its couples."""
    at: NDArray[np.int64]
    """The middle word of their stretch."""
    room: Room
    """Where couples are looked up."""


def new_couple_state(n_items: int) -> CoupleState:
    """Return a state that has met nothing."""
    far = -(1 << 60)
    return CoupleState(
        np.full(n_items, far, np.int64),
        np.zeros(n_items, np.int64),
        np.zeros(n_items, np.uint64),
        np.zeros(n_items, np.int32),
        np.full(n_items, far, np.int64),
        np.zeros(MAX_FOUND, np.int32),
        np.zeros(MAX_FOUND, np.int32),
        np.zeros(MAX_FOUND, np.int64),
        new_room(),
    )


def no_couples() -> Couples:
    """Return the couples of no item."""
    return couples_from(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int32))


def make_couples(units: Units, counts: Counts) -> Couples:
    """Return the couples of the units' words that are next to never in a background."""
    hashes = [run_hashes(words, 2) for words in _words(units)]
    unit = np.repeat(np.arange(len(hashes)), [h.size for h in hashes])
    key = np.concatenate([np.empty(0, np.uint64), *hashes])
    # each couple once for an item, whichever of its units it stands in
    order = np.lexsort((unit, units.items[unit], key))
    key, unit = key[order], unit[order]
    item = units.items[unit]
    again = np.zeros(key.size, np.bool_)
    again[1:] = (key[1:] == key[:-1]) & (item[1:] == item[:-1])
    key, unit = key[~again], unit[~again]
    times = np.zeros(key.size, np.int64)
    _times(key, counts.runs, counts.n_runs, times)
    rare = times <= max(MOST, int(MOST_SHARE * counts.sizes[0]))
    return couples_from(key[rare], unit[rare], units.items)


def couples_from(
    keys: NDArray[np.uint64], units: NDArray[np.int64], items: NDArray[np.int32]
) -> Couples:
    """Return the couples with these hashes, ascending, of one unit each.

    Args:
        keys: hash of each; once for an item.
        units: its unit.
        items: item of each unit.
    """
    item = items[units]
    order = np.argsort(item, kind="stable")
    _, first, sizes = np.unique(item[order], return_index=True, return_counts=True)
    number = np.empty(keys.size, np.int64)
    number[order] = np.arange(keys.size) - np.repeat(first, sizes)
    more = np.zeros(keys.size, np.int64)
    more[:-1] = keys[1:] == keys[:-1]
    distinct, first = np.unique(keys, return_index=True)
    table = make_table(distinct)
    slots = np.zeros(table.keys.size, np.uint64)
    held = table.keys != 0
    slots[held] = (table.keys[held] & _UPPER) | (first[table.numbers[held]] + 1).astype(np.uint64)
    places = (units << _UNIT) | (number % BITS << 1) | more
    return Couples(table.bitmap, slots, places.astype(np.uint32))


def _words(units: Units) -> Sequence[NDArray[np.uint64]]:
    return [
        units.tokens[low:high][~units.names[low:high]]
        for low, high in zip(units.starts, units.starts[1:], strict=False)
    ]


@compiled
def _times(
    keys: NDArray[np.uint64], table: Table, counts: NDArray[np.int64], times: NDArray[np.int64]
) -> None:
    for i in range(keys.size):
        number = find(table.keys, table.numbers, keys[i])
        times[i] = counts[number] if number >= 0 else 0


@compiled
def couple_matches(
    words: NDArray[np.uint64],
    count: int,
    couples: Couples,
    items: NDArray[np.int32],
    base: int,
    state: CoupleState,
) -> int:
    """Write the candidates of a record, and return how many there are.

    Args:
        words: of the record.
        count: how many.
        couples: of the items.
        items: item of each unit.
        base: position of the record's first word; beyond ``REACH`` from that of any before.
        state: carried from record to record; receives the candidates.
    """
    n_found = 0
    for begin in range(1, count, CHUNK):
        end = min(begin + CHUNK, count)
        n_hits = look_up(words, begin, end, 2, couples.bitmap, state.room)
        for hit in range(n_hits):
            at = np.int64(state.room.hits[hit])
            place = _find(couples.slots, state.room.keys[at])
            if place >= 0:
                n_found = _add(place, begin + at, base, couples, items, state, n_found)
    return n_found


@compiled
def _find(slots: NDArray[np.uint64], key: np.uint64) -> int:
    """Return the first place of a hash, or -1."""
    mask = slots.size - 1
    at = np.int64(key >> np.uint64(20)) & mask
    while slots[at] != 0:
        if (slots[at] ^ key) & _UPPER == 0:
            return np.int64(slots[at] & ~_UPPER) - 1
        at = (at + 1) & mask
    return -1


@compiled
def _add(
    place: int,
    t: int,
    base: int,
    couples: Couples,
    items: NDArray[np.int32],
    state: CoupleState,
    n_found: int,
) -> int:
    """Count a couple that ends at word ``t`` for its items."""
    here = base + t
    more = np.uint32(1)
    while more:
        packed = couples.places[place]
        more = packed & np.uint32(1)
        place += 1
        unit = np.int64(packed >> np.uint32(_UNIT))
        item = items[unit]
        if here - state.last[item] > REACH:
            state.met[item] = 0
            state.counts[item] = 0
            state.begin[item] = here
        state.last[item] = here
        bit = _ONE << (np.uint64(packed >> np.uint32(1)) & _63)
        if state.met[item] & bit:
            continue
        state.met[item] |= bit
        state.counts[item] += 1
        if state.counts[item] >= FEW:
            n_found = _note(unit, item, here, base, items, state, n_found)
    return n_found


@compiled
def _note(
    unit: int,
    item: int,
    here: int,
    base: int,
    items: NDArray[np.int32],
    state: CoupleState,
    n_found: int,
) -> int:
    """Write a candidate, if its stretch holds more couples than any before in the record."""
    slot = state.slots[item] - base
    if slot < 0 or slot >= n_found or items[state.units[slot]] != item:
        if n_found >= MAX_FOUND:
            return n_found
        slot = n_found
        n_found += 1
        state.slots[item] = base + slot
        state.units[slot] = unit
        state.most[slot] = 0
    if state.counts[item] > state.most[slot]:
        state.most[slot] = state.counts[item]
        state.at[slot] = (state.begin[item] + here) // 2 - base
    return n_found
