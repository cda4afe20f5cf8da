# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""What chance comes to of an item's topic: its rare tokens in any stretch of a background."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.blocks import Block
from reasonbench.corpus.hashing import Table, find, make_table, may_hold, run_hash, run_hashes
from reasonbench.corpus.index import Rare
from reasonbench.corpus.simd import compiled
from reasonbench.corpus.tokens import Desk, new_desk, tokenize_any


class _Places(NamedTuple):
    """Rare tokens, and whose they are."""

    table: Table
    starts: NDArray[np.int32]
    items: NDArray[np.int32]
    worth: NDArray[np.float32]


class _Sums(NamedTuple):
    """What is remembered from token to token."""

    seen: NDArray[np.int64]
    """Stretch in which each place was met last."""
    stretch: NDArray[np.int64]
    """And each item."""
    sums: NDArray[np.float32]
    """Bits of the item in that stretch."""
    met: NDArray[np.int32]
    """Items of the record."""
    best: NDArray[np.float32]
    """Most bits of each item in a stretch of the record."""
    tops: NDArray[np.float32]
    """Most bits of each item in different records of each part of the background, in order."""


def largest_topics(
    rare: Rare,
    blocks: Sequence[Block],
    folds: Sequence[NDArray[np.int64]],
    *,
    size: int,
    hit: NDArray[np.float32],
    rank: int,
) -> NDArray[np.float32]:
    """Return the largest bits of each item's rare tokens in records of a background.

    Args:
        rare: of the items.
        blocks: the background.
        folds: the stretch of it that every record of each block is in, from 0 on.
        size: tokens of a stretch; the next one begins half as many further.
        hit: bits from which a record is on the item, and no chance.
        rank: how many.

    Returns:
        By stretch, item and rank.
    """
    places = _places(rare)
    n_items = rare.starts.size - 1
    n_folds = 1 + max((int(fold.max(initial=0)) for fold in folds), default=0)
    sums = _Sums(
        np.full(places.items.size, -1, np.int64),
        np.full(n_items, -1, np.int64),
        np.zeros(n_items, np.float32),
        np.zeros(n_items, np.int32),
        np.zeros(n_items, np.float32),
        np.zeros((n_folds, n_items, rank), np.float32),
    )
    stretch = 0
    for block, fold in zip(blocks, folds, strict=True):
        desk = new_desk(int((block.ends - block.starts).max(initial=0)))
        stretch = _search(
            block.data, block.starts, block.ends, block.escaped, desk, places, size, hit, stretch,
            fold, sums,
        )  # fmt: skip
    return sums.tops


def _places(rare: Rare) -> _Places:
    keys = run_hashes(rare.tokens, 1)
    item = np.repeat(np.arange(rare.starts.size - 1, dtype=np.int32), np.diff(rare.starts))
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return _Places(
        make_table(found),
        np.append(starts, keys.size).astype(np.int32),
        item[order],
        rare.worth[order],
    )


@compiled
def _search(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    escaped: bool,
    desk: Desk,
    places: _Places,
    size: int,
    hit: NDArray[np.float32],
    stretch: int,
    fold: NDArray[np.int64],
    sums: _Sums,
) -> int:
    """Take the topics of a block's records among the largest, and return the next stretch."""
    for record in range(starts.size):
        _, count = tokenize_any(data, starts[record], ends[record], escaped, desk)
        n_met = 0
        low = 0
        while True:
            high = min(low + size, count)
            n_met = _add(desk.both, low, high, places, stretch, sums, n_met)
            stretch += 1
            if high == count:
                break
            low += size // 2
        for i in range(n_met):
            item = sums.met[i]
            value = sums.best[item]
            sums.best[item] = 0.0
            if value >= hit[item]:
                continue
            part = fold[record]
            for k in range(sums.tops.shape[2]):
                if value > sums.tops[part, item, k]:
                    value, sums.tops[part, item, k] = sums.tops[part, item, k], value
    return stretch


@compiled
def _add(
    tokens: NDArray[np.uint64],
    low: int,
    high: int,
    places: _Places,
    stretch: int,
    sums: _Sums,
    n_met: int,
) -> int:
    """Add up the topics of one stretch, and return how many items the record has met."""
    for t in range(low, high):
        key = run_hash(tokens, t, 1)
        if not may_hold(places.table.bitmap, key):
            continue
        number = find(places.table.keys, places.table.numbers, key)
        if number < 0:
            continue
        for place in range(places.starts[number], places.starts[number + 1]):
            if sums.seen[place] == stretch:
                continue
            sums.seen[place] = stretch
            item = places.items[place]
            if sums.stretch[item] != stretch:
                sums.stretch[item] = stretch
                sums.sums[item] = 0.0
            sums.sums[item] += places.worth[place]
            if sums.best[item] == 0.0:
                sums.met[n_met] = item
                n_met += 1
            sums.best[item] = max(sums.best[item], sums.sums[item])
    return n_met
