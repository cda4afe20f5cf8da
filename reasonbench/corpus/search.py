# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Stages 1 and 2 over a block of records: which items overlap, and how much.

A pair of a record and a unit has a share: how much of what only this unit says (beyond what the
background comes to, see ``calibrate``) stands in the record, in order.  A pair of a record and an
item has a topic: how much of the item's rare tokens stands near that place, in any order.  Both
are 0 for what the background comes to, and 1 for everything.  The score is the share and half the
topic, or the topic alone: a trace without the question has no share to speak of.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.blocks import Block
from reasonbench.corpus.couples import Couples, CoupleState, couple_matches, new_couple_state
from reasonbench.corpus.forms import Forms, FormState, form_matches, new_form_state
from reasonbench.corpus.probe import (
    APART,
    Candidates,
    Seeds,
    State,
    new_candidates,
    new_state,
    probe,
)
from reasonbench.corpus.score import MAX_RARE, Room, alignment_bits, new_room, shared_bits
from reasonbench.corpus.simd import compiled
from reasonbench.corpus.tokens import Desk, new_desk, tokenize_any

AROUND = 200
"""Tokens on both sides of a candidate's place in which an item's rare tokens count."""
SLACK, SLACK_SHARE = 12, 5
"""Tokens by which an alignment may be shifted: so many, and the unit's length by so much."""
HOPELESS = 0.1
"""Share below which a topic is not asked for: couples lead to what speaks of an item otherwise."""
TOPIC = 0.5
"""What a topic counts beside a share."""
ROOM = 1 << 16
"""Pairs that are kept before they are handed on."""
MAX_FORMS = 256
"""Forms that one record can hold."""


class Arrays(NamedTuple):
    """The index, as the search reads it."""

    words: Seeds
    """Runs of the units' words."""
    shorts: Seeds
    """Runs of the short units' tokens."""
    need: NDArray[np.float32]
    """Bits at which each unit is a candidate."""
    tokens: NDArray[np.uint64]
    """Of all units."""
    names: NDArray[np.bool_]
    """Whether each is a number or a single letter."""
    starts: NDArray[np.int64]
    """Where a unit's tokens start."""
    first: NDArray[np.float32]
    """Bits of each token alone."""
    follow: NDArray[np.float32]
    """Bits of each after those before it."""
    items: NDArray[np.int32]
    """Item of each unit."""
    null: NDArray[np.float32]
    """Bits that the background comes to, for each unit."""
    scale: NDArray[np.float32]
    """Bits beyond that which are a share of 1."""
    rare_starts: NDArray[np.int64]
    """Where an item's rare tokens start."""
    rare: NDArray[np.uint64]
    """Rare tokens of all items."""
    rare_worth: NDArray[np.float32]
    """Bits of each."""
    topic_null: NDArray[np.float32]
    """Bits of rare tokens that the background comes to, for each item."""
    topic_scale: NDArray[np.float32]
    """Bits beyond that which are a topic of 1."""
    whole: NDArray[np.float32]
    """Bits of each unit token for token, none of them cut."""
    forms: Forms
    """Short questions with other numbers."""
    couples: Couples
    """Pairs of words of the items that hardly any text holds."""


class Pairs(NamedTuple):
    """Scored pairs of a record and a unit."""

    record: NDArray[np.int32]
    """Record in the block."""
    unit: NDArray[np.int32]
    """Unit."""
    chain: NDArray[np.float32]
    """Bits of the runs that made it a candidate; 0 where couples did."""
    aligned: NDArray[np.float32]
    """Bits of the alignment; 0 where there is none."""
    shared: NDArray[np.float32]
    """Bits of the item's rare tokens."""
    exact: NDArray[np.bool_]
    """Whether the unit stands there token for token."""
    formed: NDArray[np.bool_]
    """Whether its form stands there: nothing but that is known of such a pair."""


class Matches(NamedTuple):
    """Pairs of a record and an item, in the order of records and items."""

    record: NDArray[np.int64]
    """Record in the block."""
    item: NDArray[np.int64]
    """Item."""
    unit: NDArray[np.int64]
    """Its unit with the largest share."""
    score: NDArray[np.float64]
    """Share of the unit and half of the topic."""
    whole: NDArray[np.float64]
    """Most bits of a unit, or a form, that stands there token for token; 0 where none does."""


class Searcher:
    """Searches blocks with one index; not for several threads at once."""

    def __init__(self, arrays: Arrays, kinds: NDArray[np.uint8]) -> None:
        self.arrays = arrays
        self.kinds = kinds
        self._words = new_state(arrays.words.units.size, arrays.items.size)
        self._shorts = new_state(arrays.shorts.units.size, arrays.items.size)
        self._found = new_candidates()
        self._room = new_room()
        self._forms = new_form_state(arrays.items.size, MAX_FORMS)
        self._couples = new_couple_state(arrays.topic_null.size)
        self._pairs = new_pairs(ROOM)
        self._base = 0
        self._longest = -1
        self._desk: Desk

    def pairs(self, block: Block) -> tuple[Pairs, NDArray[np.int32]]:
        """Return the pairs of a block, and how many tokens each of its records has."""
        longest = int((block.ends - block.starts).max(initial=0))
        if longest > self._longest:
            self._longest = longest
            self._desk = new_desk(longest)
        sizes = np.zeros(len(block), np.int32)
        parts: list[Pairs] = []
        record = 0
        while record < len(block):
            record, self._base, count = search(
                block.data,
                block.starts,
                block.ends,
                block.escaped,
                record,
                self._base,
                self.arrays,
                self._desk,
                self._words,
                self._shorts,
                self._found,
                self._room,
                self._forms,
                self._couples,
                self._pairs,
                sizes,
            )
            parts.append(first_of(self._pairs, count))
        if not parts:
            return new_pairs(0), sizes
        return joined(parts), sizes

    def matches(self, pairs: Pairs) -> Matches:
        """Return what the pairs come to for each record and item."""
        return matched(self.arrays, pairs)


def matched(arrays: Arrays, pairs: Pairs) -> Matches:
    """Return what the pairs come to for each record and item."""
    share = (pairs.aligned - arrays.null[pairs.unit]) / arrays.scale[pairs.unit]
    item = arrays.items[pairs.unit].astype(np.int64)
    topic = (pairs.shared - arrays.topic_null[item]) / arrays.topic_scale[item]
    order = np.lexsort((pairs.unit, -share, item, pairs.record))
    key = pairs.record[order].astype(np.int64) * (int(arrays.topic_null.size) + 1) + item[order]
    _, first = np.unique(key, return_index=True)
    if first.size == 0:
        none = np.zeros(0, np.int64)
        return Matches(none, none, none, np.zeros(0), np.zeros(0))
    about = np.maximum.reduceat(topic[order], first)
    score = np.maximum(share[order][first] + TOPIC * about, about)
    form = np.where(pairs.formed, arrays.forms.bits[pairs.unit], 0.0)
    whole = np.where(pairs.exact, arrays.whole[pairs.unit], form)[order]
    best = order[first]
    return Matches(
        pairs.record[best].astype(np.int64),
        item[best],
        pairs.unit[best].astype(np.int64),
        score.astype(np.float64),
        np.maximum.reduceat(whole, first).astype(np.float64),
    )


def first_of(pairs: Pairs, count: int) -> Pairs:
    """Return copies of the first pairs."""
    columns: list[Any] = [column[:count].copy() for column in pairs]
    return Pairs(*columns)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Return all pairs, one part after another."""
    columns: list[Any] = [
        np.concatenate(column) for column in zip(new_pairs(0), *parts, strict=True)
    ]
    return Pairs(*columns)


def new_pairs(size: int) -> Pairs:
    """Return room for pairs."""
    return Pairs(
        np.zeros(size, np.int32),
        np.zeros(size, np.int32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.bool_),
        np.zeros(size, np.bool_),
    )


@compiled
def search(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    escaped: bool,
    record: int,
    base: int,
    index: Arrays,
    desk: Desk,
    words: State,
    shorts: State,
    found: Candidates,
    room: Room,
    forms: FormState,
    couples: CoupleState,
    pairs: Pairs,
    sizes: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Score the candidates of the records from ``record`` on.

    Returns:
        The first record that was not searched, since ``pairs`` was full, or how many there are;
        the next base; and how many pairs were written.
    """
    n_pairs = 0
    while record < starts.size:
        n_words, n_both = tokenize_any(data, starts[record], ends[record], escaped, desk)
        sizes[record] = n_both
        n_long = probe(desk.words, n_words, 4, base, index.words, index.need, words, found, 0)
        n_found = n_long
        if index.shorts.units.size:
            n_found = probe(
                desk.both, n_both, 3, base, index.shorts, index.need, shorts, found, n_long
            )
        n_forms = 0
        if index.forms.units.size:
            n_forms = form_matches(
                desk.both, n_both, index.forms, index.tokens, index.starts, base, forms
            )
        n_couples = 0
        if index.couples.places.size:
            n_couples = couple_matches(
                desk.words, n_words, index.couples, index.items, base, couples
            )
        if n_pairs + n_found + n_forms + n_couples > pairs.record.size:
            return record, base + n_both + APART, n_pairs
        for slot in range(n_found):
            at = np.int64(found.at[slot])
            if slot < n_long:
                at = np.int64(desk.places[at])
            where = at - np.int64(found.unit_at[slot])
            _score(found.units[slot], where, at, n_both, index, desk, room, pairs, n_pairs)
            pairs.record[n_pairs] = record
            pairs.chain[n_pairs] = found.bits[slot]
            pairs.formed[n_pairs] = False
            n_pairs += 1
        for slot in range(n_forms):
            _note(record, forms.found[slot], True, pairs, n_pairs)
            n_pairs += 1
        for slot in range(n_couples):
            unit, at = couples.units[slot], np.int64(desk.places[couples.at[slot]])
            _note(record, unit, False, pairs, n_pairs)
            pairs.shared[n_pairs] = _topic(index.items[unit], at, n_both, index, desk, room)
            n_pairs += 1
        base += n_both + APART
        record += 1
    return record, base, n_pairs


@compiled
def _note(record: int, unit: np.int32, formed: bool, pairs: Pairs, to: int) -> None:
    """Write a pair that no run of words has led to."""
    pairs.record[to] = record
    pairs.unit[to] = unit
    pairs.chain[to] = pairs.aligned[to] = pairs.shared[to] = 0.0
    pairs.exact[to] = False
    pairs.formed[to] = formed


@compiled
def _score(
    unit: np.int32,
    begin: np.int64,
    at: np.int64,
    count: int,
    index: Arrays,
    desk: Desk,
    room: Room,
    pairs: Pairs,
    to: int,
) -> None:
    """Write what a unit and its item come to where its first token would be token ``begin``."""
    low, high = index.starts[unit], index.starts[unit + 1]
    size = high - low
    pairs.unit[to] = unit
    pairs.aligned[to] = alignment_bits(
        desk.both,
        count,
        begin,
        SLACK + size // SLACK_SHARE,
        index.tokens[low:high],
        index.first[low:high],
        index.follow[low:high],
        index.names[low:high],
        room,
    )
    exact = begin >= 0 and begin + size <= count
    for i in range(size):
        if not exact:
            break
        exact = desk.both[begin + i] == index.tokens[low + i]
    pairs.exact[to] = exact
    pairs.shared[to] = 0.0
    if pairs.aligned[to] < index.null[unit] - HOPELESS * index.scale[unit]:
        return
    pairs.shared[to] = _topic(index.items[unit], at, count, index, desk, room)


@compiled
def _topic(
    item: np.int32,
    at: np.int64,
    count: int,
    index: Arrays,
    desk: Desk,
    room: Room,
) -> float:
    """Return the bits of an item's rare tokens around token ``at``."""
    low, high = index.rare_starts[item], index.rare_starts[item + 1]
    high = min(high, low + MAX_RARE)
    return shared_bits(
        desk.both,
        max(0, at - AROUND),
        min(count, at + AROUND),
        index.rare[low:high],
        index.rare_worth[low:high],
        room,
    )
