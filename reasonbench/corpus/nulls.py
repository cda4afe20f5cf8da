"""The nulls of units and topics, from all of a background or from all but a part of it.

A null that was fitted to a record says nothing of chance in a record that it has not seen.
Traces on one problem often lie side by side, and a background that is a part of the traces has
most problems not in it.  So the background is cut into stretches, and what chance comes to in
each of them is told by the nulls of the others.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.blocks import Block
from reasonbench.corpus.index import Rare
from reasonbench.corpus.search import AROUND, Arrays, Matches, Pairs, joined, matched
from reasonbench.corpus.tail import STRONG
from reasonbench.corpus.topics import largest_topics

FOLDS = 8
"""Stretches of the background."""
RANK = 3
"""Which of the largest bits of the background is a unit's null."""
SOFT = 30.0
"""Bits that every unit needs beyond its null, on top of its own."""
TOPIC_FLOOR = 20.0
"""Bits of an item's topic null at least."""
TOPIC_SOFT = 40.0
"""Bits that every topic needs beyond its null, on top of its own."""


class Nulls(NamedTuple):
    """What the nulls are taken from."""

    arrays: Arrays
    """The index without them."""
    least: NDArray[np.float32]
    """Bits of each unit's null at least."""
    most: NDArray[np.float32]
    """Bits of each unit."""
    topic_most: NDArray[np.float32]
    """Bits of each item's topic."""
    pairs: Sequence[Pairs]
    """Of each block of the background."""
    chance: NDArray[np.bool_]
    """Which of them, one after another, are no hits."""
    folds: Sequence[NDArray[np.int64]]
    """The stretch of every pair of each block."""
    topics: NDArray[np.float32]
    """Largest bits of topics by stretch, item and rank."""

    def fitted(self, without: int | None = None) -> Arrays:
        """Return the index with the nulls of all stretches but one, or of all."""
        pairs = joined(self.pairs)
        wanted = self.chance
        topics = self.topics
        if without is not None:
            wanted = wanted & (np.concatenate(self.folds) != without)
            topics = np.delete(topics, without, axis=0)
        found = ranked(pairs.aligned, pairs.unit, self.most.size, wanted, RANK)
        null = np.maximum(self.least, found)
        topic_null = np.full(self.topic_most.size, TOPIC_FLOOR, np.float32)
        if len(topics):
            largest = np.sort(np.concatenate(list(topics), axis=1), axis=1)[:, -RANK]
            topic_null = np.maximum(topic_null, largest)
        return self.arrays._replace(
            null=null,
            scale=np.maximum(self.most - null, 0) + np.float32(SOFT),
            topic_null=topic_null,
            topic_scale=np.maximum(self.topic_most - topic_null, 0) + np.float32(TOPIC_SOFT),
        )

    def unseen(self) -> Iterator[Matches]:
        """Yield what the pairs of each stretch come to with the nulls of the others."""
        for fold in np.unique(np.concatenate([np.zeros(0, np.int64), *self.folds])):
            arrays = self.fitted(without=int(fold))
            for pairs, folds in zip(self.pairs, self.folds, strict=True):
                mine = folds == fold
                if mine.any():
                    yield matched(arrays, Pairs(*(column[mine] for column in pairs)))


def make_nulls(
    arrays: Arrays,
    bits: tuple[NDArray[np.float32], NDArray[np.float32]],
    rare: Rare,
    blocks: Sequence[Block],
    pairs: Sequence[Pairs],
    chance: NDArray[np.bool_],
) -> Nulls:
    """Return what the nulls are taken from.

    Args:
        arrays: the index without them.
        bits: of each unit's null at least, and of each unit.
        rare: the topics.
        blocks: the background.
        pairs: of each of its blocks.
        chance: which of them, one after another, are no hits.
    """
    sizes = [len(block) for block in blocks]
    every = np.arange(sum(sizes), dtype=np.int64) * FOLDS // max(sum(sizes), 1)
    folds = np.split(every, np.cumsum(sizes)[:-1]) if sizes else []
    most = sums(rare.worth, rare.starts)
    on_it = TOPIC_FLOOR + STRONG / 2 * (np.maximum(most - TOPIC_FLOOR, 0) + TOPIC_SOFT)
    topics = largest_topics(
        rare, blocks, folds, size=2 * AROUND, hit=on_it.astype(np.float32), rank=RANK
    )
    of_pairs = [fold[found.record] for fold, found in zip(folds, pairs, strict=True)]
    return Nulls(arrays, *bits, most, pairs, chance, of_pairs, topics)


def sums(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the sum of the values of each unit."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    result: NDArray[np.float32] = np.diff(total[starts]).astype(np.float32)
    return result


def ranked(
    values: NDArray[np.float32],
    groups: NDArray[np.int32],
    n_groups: int,
    wanted: NDArray[np.bool_],
    rank: int,
) -> NDArray[np.float32]:
    """Return the ``rank``-th largest of the wanted values of each group; 0 where there is none."""
    values, groups = values[wanted], groups[wanted]
    order = np.lexsort((-values, groups))
    values, groups = values[order], groups[order]
    first = np.searchsorted(groups, np.arange(n_groups))
    at = first + rank - 1
    held = (
        (at < values.size)
        & (groups[np.minimum(at, max(values.size - 1, 0))] == np.arange(n_groups))
        if values.size
        else np.zeros(n_groups, np.bool_)
    )
    result = np.zeros(n_groups, np.float32)
    result[held] = values[at[held]]
    return result
