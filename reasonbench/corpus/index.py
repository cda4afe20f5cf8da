"""The items as arrays: what stage 1 looks up and stage 2 scores.

An item is searched for by its parts, its units: the question, the solution, the program, long
ones in segments.  Figures in ``[asy]`` code and GSM8K's ``<<2+3=5>>`` are no text of theirs.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import background
from reasonbench.corpus.background import LETTER_BITS, NAME_BITS, Counts
from reasonbench.corpus.hashing import make_table, run_hashes
from reasonbench.corpus.items import Item, Unit
from reasonbench.corpus.probe import Seeds
from reasonbench.corpus.simd import compiled
from reasonbench.corpus.tokens import Tokens, hash_of, new_desk, text_tokens

SHORT = 13
"""Words below which a unit is searched for with its numbers."""
FEWEST = 3
"""Tokens below which an item cannot be searched for."""
WORDS_RUN = 4
"""Words of a run that is looked up."""
SHORT_RUN = 3
"""Tokens of one, in short units."""
SHARED = 12
"""Units that hold a run, beyond which it says little."""
TEMPLATE = 0.7
"""Share of a unit's runs that many others hold, beyond which it is made from a template."""
SPARED = 3
"""Rarest runs of a unit that are looked up however common they are."""
SEGMENT = 160
"""Tokens of a unit at most."""
RARE_BITS = 9.0
"""Bits from which a token tells what a record is about."""
RARE_WORTH = (6.0, 14.0)
"""Bits that are taken from its own, after they were cut to the second number."""
UNITS = (Unit.QUESTION, Unit.SOLUTION, Unit.CODE)

_FIGURE = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_CALCULATION = re.compile(r"<<[^<>]*>>")


class Units(NamedTuple):
    """Parts of items, one after another."""

    tokens: NDArray[np.uint64]
    """Tokens of all units."""
    names: NDArray[np.bool_]
    """Whether each is a number or a single letter."""
    starts: NDArray[np.int64]
    """Where a unit's tokens start, and, one further, where they end."""
    items: NDArray[np.int32]
    """Item of each unit."""
    kinds: NDArray[np.uint8]
    """What it is, a place in ``UNITS``."""
    short: NDArray[np.bool_]
    """Whether it is searched for with its numbers."""

    def __len__(self) -> int:
        return int(self.items.size)


class Bits(NamedTuple):
    """What the tokens of the units say."""

    first: NDArray[np.float32]
    """Bits of each token alone."""
    follow: NDArray[np.float32]
    """Bits of each after those before it."""
    single: NDArray[np.float32]
    """Bits of each by itself, uncut."""


class Rare(NamedTuple):
    """The tokens of each item that tell what a record is about."""

    starts: NDArray[np.int64]
    """Where an item's tokens start, and, one further, where they end."""
    tokens: NDArray[np.uint64]
    """Ascending within an item."""
    worth: NDArray[np.float32]
    """Bits of each."""


def plain(text: str) -> str:
    """Return an item's text without what is no text of it."""
    return _FIGURE.sub(" ", _CALCULATION.sub(" ", text))


def make_units(items: Sequence[Item]) -> Units:
    """Return the units of items.

    A unit of few words is searched for with its numbers, and so is one whose words are those of
    many others: in a benchmark made from a template the numbers are the item.
    """
    longest = max((len(item.text(unit).encode()) for item in items for unit in UNITS), default=0)
    desk = new_desk(3 * longest)
    parts: list[Tokens] = []
    rows: list[tuple[int, int, bool]] = []
    for number, item in enumerate(items):
        for kind, unit in enumerate(UNITS):
            found = text_tokens(plain(item.text(unit)), desk)
            short = found.words.size < SHORT
            if found.all.size >= (SHORT if short and unit is not Unit.QUESTION else FEWEST):
                parts.append(found)
                rows.append((number, kind, short))
    shared = _mostly_shared([part.words for part in parts])
    tokens, names, columns = [np.empty(0, np.uint64)], [np.empty(0, np.bool_)], []
    for part, (number, kind, short), alike in zip(parts, rows, shared, strict=True):
        name = np.ones(part.all.size, np.bool_)
        name[part.places] = False
        for start in range(0, part.all.size, SEGMENT):
            if start and part.all.size - start < 2 * SHORT:
                break
            tokens.append(part.all[start : start + SEGMENT])
            names.append(name[start : start + SEGMENT])
            columns.append((number, kind, short or alike))
    starts = np.zeros(len(columns) + 1, np.int64)
    np.cumsum([t.size for t in tokens[1:]], out=starts[1:])
    table = np.array(columns, np.int64).reshape(-1, 3)
    return Units(
        np.concatenate(tokens),
        np.concatenate(names),
        starts,
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.uint8),
        table[:, 2].astype(np.bool_),
    )


def _mostly_shared(words: Sequence[NDArray[np.uint64]]) -> list[bool]:
    """Tell of each text whether most of its runs are in more than ``SHARED`` others."""
    runs = [np.unique(run_hashes(text, WORDS_RUN)) for text in words]
    key, counts = np.unique(_joined(runs, np.uint64), return_counts=True)
    return [
        bool((counts[np.searchsorted(key, own)] > SHARED).mean() > TEMPLATE) if own.size else False
        for own in runs
    ]


def item_tokens(items: Sequence[Item]) -> list[NDArray[np.uint64]]:
    """Return the distinct tokens of each item, ascending."""
    texts = ["\n".join(plain(item.text(unit)) for unit in UNITS) for item in items]
    desk = new_desk(3 * max((len(text.encode()) for text in texts), default=0))
    return [np.unique(text_tokens(text, desk).all) for text in texts]


def make_bits(units: Units, counts: Counts) -> Bits:
    """Return what the units' tokens say against a background."""
    first = np.zeros(units.tokens.size, np.float32)
    follow = np.zeros(units.tokens.size, np.float32)
    single = np.zeros(units.tokens.size, np.float32)
    background.single_bits(units.tokens, counts, single)
    letters = np.array([hash_of(c) for c in "abcdefghijklmnopqrstuvwxyz0123456789"])
    caps = np.where(np.isin(units.tokens, letters), LETTER_BITS, NAME_BITS).astype(np.float32)
    longest = int(np.diff(units.starts).max(initial=0))
    places, words = np.empty(longest, np.int64), np.empty(longest, np.uint64)
    alone, after = np.empty(longest, np.float32), np.empty(longest, np.float32)
    _unit_bits(
        units.tokens, units.names, units.starts, counts, caps, single, first, follow,
        places, words, alone, after,
    )  # fmt: skip
    return Bits(first, follow, np.maximum(single, follow))


@compiled
def _unit_bits(
    tokens: NDArray[np.uint64],
    names: NDArray[np.bool_],
    starts: NDArray[np.int64],
    counts: Counts,
    caps: NDArray[np.float32],
    single: NDArray[np.float32],
    first: NDArray[np.float32],
    follow: NDArray[np.float32],
    places: NDArray[np.int64],
    words: NDArray[np.uint64],
    alone: NDArray[np.float32],
    after: NDArray[np.float32],
) -> None:
    """Write the bits of every unit: words by their runs, names by how often they come.

    The last four are room for the longest unit.
    """
    for unit in range(starts.size - 1):
        low, high = starts[unit], starts[unit + 1]
        n_words = 0
        for t in range(low, high):
            if not names[t]:
                places[n_words], words[n_words] = t, tokens[t]
                n_words += 1
        background.token_bits(words[:n_words], counts, alone, after)
        for k in range(n_words):
            cap = caps[places[k]]
            first[places[k]] = min(alone[k], cap) if cap < 3 else alone[k]
            follow[places[k]] = min(after[k], cap) if cap < 3 else after[k]
        for t in range(low, high):
            if names[t]:
                times = 1
                for e in range(low, t):
                    times += tokens[e] == tokens[t]
                first[t] = min(single[t], caps[t]) / times
                follow[t] = first[t]


def make_rare(items: Sequence[NDArray[np.uint64]], counts: Counts) -> Rare:
    """Return the tokens that tell what a record is about, of each item's distinct ones."""
    starts = np.zeros(len(items) + 1, np.int64)
    np.cumsum([t.size for t in items], out=starts[1:])
    tokens = np.concatenate([np.empty(0, np.uint64), *items])
    bits = np.zeros(tokens.size, np.float32)
    background.single_bits(tokens, counts, bits)
    keep = bits >= RARE_BITS
    kept = np.concatenate([[0], np.cumsum(keep)])
    worth = np.minimum(bits[keep], RARE_WORTH[1]) - RARE_WORTH[0]
    return Rare(kept[starts].astype(np.int64), tokens[keep], worth.astype(np.float32))


def make_seeds(units: Units, bits: Bits, *, short: bool, least: float) -> Seeds:
    """Return the runs of the short or of the other units.

    Args:
        units: the units.
        bits: of their tokens.
        short: which.
        least: bits below which a run is not looked up.
    """
    length = SHORT_RUN if short else WORDS_RUN
    wanted = np.flatnonzero(units.short == short)
    places = [_places(units, unit, short) for unit in wanted]
    hashes = [run_hashes(units.tokens[place], length) for place in places]
    distinct = [np.unique(h, return_index=True)[1] for h in hashes]
    key = _joined([h[runs] for h, runs in zip(hashes, distinct, strict=True)], np.uint64)
    last = _joined([r.astype(np.int64) + length - 1 for r in distinct], np.int64)
    owner = np.repeat(wanted, [runs.size for runs in distinct]).astype(np.int64)
    ends = [place[length - 1 :][runs] for place, runs in zip(places, distinct, strict=True)]
    worth = np.zeros(key.size, np.float32)
    strength = np.zeros(key.size, np.float32)
    for back in range(length):
        at = [
            place[length - 1 - back : place.size - back][runs]
            for place, runs in zip(places, distinct, strict=True)
        ]
        token = _joined(at, np.int64)
        worth += (bits.first if back == length - 1 else bits.follow)[token]
        strength += bits.single[token]
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    told = strength if short else worth
    keep = (told >= least) & (counts[inverse] <= SHARED) | (_rank(owner, -told) < SPARED)
    order = np.lexsort((owner, key))
    order = order[keep[order]]
    found, starts = np.unique(key[order], return_index=True)
    end = _joined(ends, np.int64)[order]
    return Seeds(
        make_table(found),
        np.append(starts, order.size).astype(np.int32),
        owner[order].astype(np.int32),
        last[order].astype(np.int32),
        (end - units.starts[owner[order]]).astype(np.int32),
        worth[order],
        bits.follow[end],
    )


def without_common(seeds: Seeds, counts: NDArray[np.int64], most: int) -> Seeds:
    """Return the seeds without runs that are common in the background.

    Args:
        seeds: the runs.
        counts: how often each run stands in the background.
        most: occurrences beyond which a run is common; a unit keeps its ``SPARED`` rarest ones.
    """
    number = np.repeat(np.arange(counts.size), np.diff(seeds.starts))
    times = counts[number]
    keep = (times <= most) | (_rank(seeds.units, times) < SPARED)
    kept, starts = np.unique(number[keep], return_index=True)
    keys = np.zeros(counts.size, np.uint64)
    held = seeds.table.keys != 0
    keys[seeds.table.numbers[held]] = seeds.table.keys[held]
    columns: list[Any] = [column[keep] for column in seeds[2:]]
    return Seeds(make_table(keys[kept]), np.append(starts, keep.sum()).astype(np.int32), *columns)


def _rank(groups: NDArray[Any], values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the place of each value among those of its group, the smallest first."""
    order = np.lexsort((values, groups))
    _, first, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.empty(values.size, np.int64)
    rank[order] = np.arange(values.size) - np.repeat(first, sizes)
    return rank


def _places(units: Units, unit: int, short: bool) -> NDArray[np.int64]:
    low, high = units.starts[unit], units.starts[unit + 1]
    if short:
        return np.arange(low, high)
    return np.arange(low, high)[~units.names[low:high]]


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])
