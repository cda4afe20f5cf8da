"""What chance comes to: the null of every item, and the p-value of a score.

A sample of the traces, or a background of the genre that the user names, is searched like the
traces themselves.  What holds most of a unit is a hit and is held out.  The third largest of what
is left is the unit's null: a score counts from there.  How scores above the nulls fall off, over
all items together, gives the chance of one as high in a record of a given length: the tail is an
exponential, fitted where hits are rare, and weighed with what was found on other traces.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import background
from reasonbench.corpus.align import align
from reasonbench.corpus.blocks import Block
from reasonbench.corpus.couples import make_couples, no_couples
from reasonbench.corpus.fields import UnsearchableError
from reasonbench.corpus.forms import make_forms
from reasonbench.corpus.hashing import new_room
from reasonbench.corpus.index import (
    Bits,
    Rare,
    Units,
    item_tokens,
    make_bits,
    make_rare,
    make_seeds,
    make_units,
    without_common,
)
from reasonbench.corpus.items import Item, Unit
from reasonbench.corpus.nulls import RANK, make_nulls, ranked, sums
from reasonbench.corpus.probe import new_candidates, new_state
from reasonbench.corpus.search import Arrays, Matches, Pairs, Searcher, joined, matched
from reasonbench.corpus.tail import Tail, fit_tail
from reasonbench.corpus.tokens import new_desk, padded

NEED = 30.0
"""Bits of matching runs that make a unit a candidate, before the background is known."""
NEED_SHARE = (0.7, 0.4)
"""Share of a unit's bits that is enough, and of a short unit's."""
RUN_BITS = (16.0, 11.0)
"""Bits below which a run of words is not looked up, and a run of tokens of a short unit."""
COMMON = (3, 0.0006)
"""Occurrences of a run from which it is common, and occurrences a record of the background."""
HOLDS = (0.3, 0.6)
"""Share of a unit's tokens in runs by which a record holds it, and of a short unit's."""
HIT = 0.6
"""Share of the bits that only this unit says from which a pair is a hit, and no chance."""
COMMON_FORM = 32
"""Records of the background that hold the tokens of a form, numbers masked, which says nothing."""
CHAIN_RANK = 1
"""And which of the bits of runs a candidate must come to."""
SIBLING_RANK = 2
"""Which of the largest bits of the benchmark's other items is a unit's null."""
FLOOR = 25.0
"""Bits of a null at least."""
SUSPECT = 0.2
"""q-value up to which a pair is worth a look."""
KEEP = (1e-3, 0.05)
"""Pairs a record that are looked at by chance, at least and at most."""
KEEP_BLIND = 1e-2
"""The same at least where the background tells nothing of how much leaked."""
KEEP_MORE = 4.0
"""How many times the p-value that the sample calls for is looked at."""


class Calibration(NamedTuple):
    """An index with its null."""

    arrays: Arrays
    """What the search reads."""
    units: Units
    """The units."""
    tail: Tail
    """The tail of scores."""
    searchable: NDArray[np.bool_]
    """Whether each item can be searched for."""
    n_records: int
    """Records of the background."""
    n_held_out: int
    """Records of it that hold an item, and are in no count."""


def calibrate(items: Sequence[Item], blocks: Sequence[Block], known: float = 1.0) -> Calibration:
    """Return the index of ``items`` against a background.

    Args:
        items: what is searched for.
        blocks: the background; the same in every process that is to find the same.
        known: share of what will be searched that the background is; 0: it is another text.
    """
    units = make_units(items)
    distinct = item_tokens(items)
    own = item_block(items)
    counts, hits = _count(units, distinct, blocks, own)
    bits = make_bits(units, counts)
    rare = make_rare(distinct, counts)
    arrays = _arrays(items, units, bits, rare, blocks, hits)
    arrays = arrays._replace(couples=make_couples(units, counts))
    most = sums(bits.follow, units.starts)
    base = np.minimum(NEED, np.where(units.short, NEED_SHARE[1], NEED_SHARE[0]) * most)
    arrays = arrays._replace(need=base.astype(np.float32))
    arrays, tail = _with_nulls(items, arrays, units, rare, most, blocks, own, known)
    searchable = np.zeros(len(items), np.bool_)
    for seeds in (arrays.words, arrays.shorts):
        searchable[units.items[np.unique(seeds.units)]] = True
    n_records = sum(len(block) for block in blocks)
    return Calibration(arrays, units, tail, searchable, n_records, sum(int(h.sum()) for h in hits))


def _count(
    units: Units, distinct: Sequence[NDArray[np.uint64]], blocks: Sequence[Block], own: Block
) -> tuple[background.Counts, list[NDArray[np.bool_]]]:
    """Count the background, records that hold an item left out, and the items' own texts.

    What many items have in common says little of one, even where the traces are few.
    """
    words = [
        units.tokens[s:e][~units.names[s:e]]
        for s, e in zip(units.starts, units.starts[1:], strict=False)
    ]
    counts = background.new_counts(
        [np.empty(0, np.uint64), *words], np.concatenate([np.empty(0, np.uint64), *distinct])
    )
    size = np.diff(units.starts)
    ones = np.ones(units.tokens.size, np.float32)
    plain = Bits(ones, ones, ones)
    long, short = (make_seeds(units, plain, short=s, least=0.0) for s in (False, True))
    need = np.where(units.short, np.maximum(3, HOLDS[1] * size), np.maximum(7, HOLDS[0] * size))
    states = new_state(long.units.size, len(units)), new_state(short.units.size, len(units))
    found = new_candidates()
    base = 0
    held_out: list[NDArray[np.bool_]] = []
    for block in blocks:
        desk = new_desk(int((block.ends - block.starts).max(initial=0)))
        hits = np.zeros(len(block), np.bool_)
        where = block.data, block.starts, block.ends, block.escaped
        base = background.held_out(
            *where, base, desk, long, short, need.astype(np.float32), *states, found, hits
        )
        background.count(*where, hits, desk, counts)
        held_out.append(hits)
    desk = new_desk(int((own.ends - own.starts).max(initial=0)))
    none = np.zeros(len(own), np.bool_)
    background.count(own.data, own.starts, own.ends, own.escaped, none, desk, counts)
    return counts, held_out


def _arrays(
    items: Sequence[Item],
    units: Units,
    bits: Bits,
    rare: Rare,
    blocks: Sequence[Block],
    held_out: Sequence[NDArray[np.bool_]],
) -> Arrays:
    """Return the index without its null."""
    words = make_seeds(units, bits, short=False, least=RUN_BITS[0])
    shorts = make_seeds(units, bits, short=True, least=RUN_BITS[1])
    n_words = np.zeros(words.starts.size - 1, np.int64)
    n_shorts = np.zeros(shorts.starts.size - 1, np.int64)
    n_records, room = 0, new_room()
    for block, hits in zip(blocks, held_out, strict=True):
        desk = new_desk(int((block.ends - block.starts).max(initial=0)))
        background.count_seeds(
            block.data,
            block.starts,
            block.ends,
            block.escaped,
            hits,
            desk,
            words.table,
            n_words,
            shorts.table,
            n_shorts,
            room,
        )
        n_records += int((~hits).sum())
    most = max(COMMON[0], int(n_records * COMMON[1]))
    words = without_common(words, n_words, most)
    shorts = without_common(shorts, n_shorts, most)
    zeros, ones = np.zeros(len(units), np.float32), np.ones(len(units), np.float32)
    return Arrays(
        words,
        shorts,
        zeros,
        units.tokens,
        units.names,
        units.starts,
        bits.first,
        bits.follow,
        units.items,
        zeros,
        ones,
        rare.starts,
        rare.tokens,
        rare.worth,
        np.zeros(len(items), np.float32),
        np.ones(len(items), np.float32),
        sums(np.where(units.names, bits.single, bits.follow), units.starts),
        make_forms(units, items, bits),
        no_couples(),
    )


def _with_nulls(
    items: Sequence[Item],
    arrays: Arrays,
    units: Units,
    rare: Rare,
    most: NDArray[np.float32],
    blocks: Sequence[Block],
    siblings: Block,
    known: float,
) -> tuple[Arrays, Tail]:
    """Search the background, and return the index with its null, and the tail."""
    searcher = Searcher(arrays, units.kinds)
    near, _ = searcher.pairs(siblings)
    other = (near.record != units.items[near.unit]) & ~near.exact & ~near.formed
    least = np.maximum(ranked(near.aligned, near.unit, len(units), other, SIBLING_RANK), FLOOR)
    searched = [searcher.pairs(block) for block in blocks]
    found = [pairs for pairs, _ in searched]
    _forget_common_forms(arrays, items, blocks, found)
    pairs = joined(found)
    hit = np.minimum(least, most) + HIT * np.maximum(most - least, 0)
    chance = (pairs.aligned < hit[pairs.unit]) & ~pairs.exact & ~pairs.formed
    chain = ranked(pairs.chain, pairs.unit, len(units), chance, CHAIN_RANK)
    # a copy of the unit itself always is a candidate
    itself = (near.record == units.items[near.unit]) & near.exact
    copy = ranked(near.chain, near.unit, len(units), itself, 1)
    chain = np.where(copy > 0, np.minimum(chain, copy), chain)
    arrays = arrays._replace(need=np.maximum(arrays.need, chain).astype(np.float32))
    nulls = make_nulls(arrays, (least, most), rare, blocks, found, chance)
    arrays = nulls.fitted()
    seen = [matched(arrays, pairs) for pairs in found]
    tokens = sum(int(sizes.sum()) for _, sizes in searched)
    n_items = max(len(rare.starts) - 1, 1)
    tail = fit_tail(seen, nulls.unseen() if known < 1 else (), known, tokens * n_items)
    bound = KEEP[0] if known else KEEP_BLIND
    keep = _kept(tail, seen, [sizes for _, sizes in searched], n_items, bound)
    return arrays, msgspec.structs.replace(tail, keep=keep)


def _forget_common_forms(
    arrays: Arrays, items: Sequence[Item], blocks: Sequence[Block], found: Sequence[Pairs]
) -> None:
    """Take their bits from the forms that the background holds ``RANK`` times with other numbers.

    One whose tokens alone are there ``COMMON_FORM`` times is not looked at any further.
    """
    tokens = np.zeros(len(arrays.items), np.int64)
    whole = np.zeros(len(arrays.items), np.int64)
    for block, pairs in zip(blocks, found, strict=True):
        for at in np.flatnonzero(pairs.formed):
            unit = pairs.unit[at]
            tokens[unit] += 1
            if whole[unit] >= RANK or tokens[unit] >= COMMON_FORM:
                continue
            try:
                fields = block.fields(int(pairs.record[at]))
            except UnsearchableError:
                continue
            there = align(items[arrays.items[unit]], Unit.QUESTION, fields)
            whole[unit] += there is not None and there.form
    arrays.forms.bits[(whole >= RANK) | (tokens >= COMMON_FORM)] = 0.0


def _kept(
    tail: Tail,
    matches: Sequence[Matches],
    sizes: Sequence[NDArray[np.int32]],
    n_items: int,
    least: float,
) -> float:
    """Return the p-value up to which pairs are looked at: well above what the sample calls for."""
    p = np.sort(
        np.concatenate(
            [np.zeros(0)]
            + [
                np.minimum(
                    tail.p_value(m.score, s[m.record].astype(np.int64)),
                    tail.whole_p_value(m.whole, s[m.record].astype(np.int64)),
                )
                for m, s in zip(matches, sizes, strict=True)
            ]
        )
    )
    n_tests = n_items * max(sum(s.size for s in sizes), 1)
    n_passed = 1 + np.flatnonzero(p * n_tests <= SUSPECT * np.arange(1, p.size + 1)).max(initial=-1)
    # not the largest p that passed: a small sample may hold none that is near the bar
    wanted = KEEP_MORE * SUSPECT * float(n_passed) / n_tests * n_items
    return min(max(wanted, least), KEEP[1]) / n_items


def item_block(items: Sequence[Item]) -> Block:
    """Return the items' own texts as records: each is no leak of another."""
    texts = [
        "\n".join(item.text(unit) for unit in Unit).encode("utf-8", "replace") for item in items
    ]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    data = padded(b"".join(texts))
    starts = np.concatenate([np.zeros(1, np.int64), ends])[: len(texts)]
    rows = np.arange(len(texts), dtype=np.int64)
    return Block("items", data, starts, ends, rows, escaped=False, n_bytes=int(data.size))
