# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Stage 1: which items might a text overlap with, and where.

Runs of tokens are looked up in a table of all runs of all items.  What they are worth (the
surprise that a text of the genre holds them, in bits) adds up for each unit of an item, each run
once within ``REACH`` tokens, and starts anew after a gap of ``REACH``.  A unit that comes to what
it needs is a candidate.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.hashing import CHUNK, Room, Table, find, look_up, new_room
from reasonbench.corpus.simd import compiled

REACH = 250
"""Tokens over which matches of one unit belong together."""
APART = 10_000
"""Tokens that count as lying between two records."""
MAX_CANDIDATES = 4096
"""Most units that one record can be a candidate for."""


class Seeds(NamedTuple):
    """Runs of tokens of all units, by their hashes."""

    table: Table
    """Distinct runs."""
    starts: NDArray[np.int32]
    """Where the places of a run start, and, one further, where they end."""
    units: NDArray[np.int32]
    """Unit of each place."""
    at: NDArray[np.int32]
    """Its last word or, in short units, token, counted from the unit's first."""
    token_at: NDArray[np.int32]
    """Its last token, counted from the unit's first."""
    worth: NDArray[np.float32]
    """Bits of the whole run there."""
    more: NDArray[np.float32]
    """Bits of its last token alone, after the others."""


class State(NamedTuple):
    """What is remembered from token to token."""

    seen: NDArray[np.int64]
    """Where each place of a run was met last."""
    last: NDArray[np.int64]
    """Where each unit was met last."""
    last_at: NDArray[np.int32]
    """And at which of its tokens."""
    sums: NDArray[np.float32]
    """Bits of each unit so far."""
    slots: NDArray[np.int64]
    """Where each unit stands among the record's candidates, above the record's first position."""
    room: Room
    """Where runs are looked up."""


class Candidates(NamedTuple):
    """Candidates of one record."""

    units: NDArray[np.int32]
    """Unit of each."""
    bits: NDArray[np.float32]
    """Largest sum of its bits."""
    at: NDArray[np.int32]
    """Token of the record at which it was reached."""
    unit_at: NDArray[np.int32]
    """Token of the unit at which it was reached."""


def new_state(n_places: int, n_units: int) -> State:
    """Return a state that has met nothing."""
    far = -(1 << 60)
    return State(
        np.full(n_places, far, np.int64),
        np.full(n_units, far, np.int64),
        np.zeros(n_units, np.int32),
        np.zeros(n_units, np.float32),
        np.full(n_units, far, np.int64),
        new_room(),
    )


def new_candidates() -> Candidates:
    """Return room for a record's candidates."""
    return Candidates(
        np.empty(MAX_CANDIDATES, np.int32),
        np.empty(MAX_CANDIDATES, np.float32),
        np.empty(MAX_CANDIDATES, np.int32),
        np.empty(MAX_CANDIDATES, np.int32),
    )


@compiled
def probe(
    tokens: NDArray[np.uint64],
    count: int,
    length: int,
    base: int,
    seeds: Seeds,
    need: NDArray[np.float32],
    state: State,
    found: Candidates,
    n_found: int,
) -> int:
    """Add a record's candidates to ``found`` and return how many there are now.

    Args:
        tokens: of the record.
        count: how many.
        length: of the runs that are looked up.
        base: position of its first token; ``APART`` beyond that of the record before.
        seeds: of the units.
        need: bits at which each unit is a candidate.
        state: carried from record to record.
        found: receives the candidates.
        n_found: how many there are already.
    """
    for begin in range(length - 1, count, CHUNK):
        end = min(begin + CHUNK, count)
        n_hits = look_up(tokens, begin, end, length, seeds.table.bitmap, state.room)
        for hit in range(n_hits):
            place = np.int64(state.room.hits[hit])
            number = find(seeds.table.keys, seeds.table.numbers, state.room.keys[place])
            if number >= 0:
                n_found = _add(number, begin + place, base, seeds, need, state, found, n_found)
    return n_found


@compiled
def _add(
    number: int,
    t: int,
    base: int,
    seeds: Seeds,
    need: NDArray[np.float32],
    state: State,
    found: Candidates,
    n_found: int,
) -> int:
    """Add what the units gain by a run that ends at token ``t``."""
    here = base + t
    for place in range(seeds.starts[number], seeds.starts[number + 1]):
        fresh = here - state.seen[place] > REACH
        state.seen[place] = here
        unit = seeds.units[place]
        gap = here - state.last[unit]
        if gap > REACH:
            state.sums[unit] = 0.0
        if fresh:
            next_of = seeds.at[place] == state.last_at[unit] + 1 and gap == 1
            state.sums[unit] += seeds.more[place] if next_of else seeds.worth[place]
        state.last[unit] = here
        state.last_at[unit] = seeds.at[place]
        if state.sums[unit] >= need[unit]:
            slot = state.slots[unit] - base
            if slot < 0 or slot >= n_found or found.units[slot] != unit:
                if n_found >= MAX_CANDIDATES:
                    continue
                slot = n_found
                n_found += 1
                state.slots[unit] = base + slot
                found.units[slot] = unit
                found.bits[slot] = -1.0
            if state.sums[unit] > found.bits[slot]:
                found.bits[slot] = state.sums[unit]
                found.at[slot] = t
                found.unit_at[slot] = seeds.token_at[place]
    return n_found
