# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""What each token of an item says, in bits, in a text of the genre.

Runs of one, two and three words are counted in a background, and backed off to shorter runs.
Records that hold an item are left out of the counts, so that an item which leaked does not become
common by that.  A word that came shortly before in the same item says less the second time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.hashing import (
    CHUNK,
    Room,
    Table,
    find,
    look_up,
    make_table,
    may_hold,
    run_hash,
    run_hashes,
)
from reasonbench.corpus.probe import APART, Candidates, Seeds, State, probe
from reasonbench.corpus.simd import compiled
from reasonbench.corpus.tokens import Desk, tokenize_any

ORDER = 3
"""Words of the longest run that is counted."""
OWN = 2.0
"""Occurrences of a run that say nothing of the genre yet."""
BACKOFF = 5.0
"""Occurrences of a context at which it weighs as much as the shorter one."""
UNREAD = 2000
"""Tokens that count as read without any of the items': of a small background little is known."""
MOST_BITS = 16.0
"""Bits of a token at most."""
NAME_BITS = 8.0
"""Bits of a number at most."""
LETTER_BITS = 2.0
"""Bits of a single letter or digit at most."""
RECENT = 60
"""Words within which a word or a pair is likely to come again."""
CACHE = 0.4
"""How likely."""


class Counts(NamedTuple):
    """How often runs of words, and tokens, stand in a background."""

    runs: Table
    """Runs of the items' words."""
    n_runs: NDArray[np.int64]
    """Count of each."""
    tokens: Table
    """The items' words, numbers and letters."""
    n_tokens: NDArray[np.int64]
    """Count of each."""
    sizes: NDArray[np.int64]
    """Words and tokens counted, and ``UNREAD``."""


def new_counts(words: Sequence[NDArray[np.uint64]], tokens: NDArray[np.uint64]) -> Counts:
    """Return counts of nothing yet for these words' runs and these tokens."""
    lengths = range(1, ORDER + 1)
    runs = np.unique(np.concatenate([run_hashes(w, n) for w in words for n in lengths]))
    single = np.unique(run_hashes(tokens, 1))
    return Counts(
        make_table(runs),
        np.zeros(runs.size + 1, np.int64),
        make_table(single),
        np.zeros(single.size + 1, np.int64),
        np.full(2, UNREAD, np.int64),
    )


@compiled
def held_out(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    escaped: bool,
    base: int,
    desk: Desk,
    words: Seeds,
    shorts: Seeds,
    need: NDArray[np.float32],
    word_state: State,
    short_state: State,
    found: Candidates,
    hits: NDArray[np.bool_],
) -> int:
    """Mark the records that hold an item, and return the next base."""
    for i in range(starts.size):
        n_words, n_both = tokenize_any(data, starts[i], ends[i], escaped, desk)
        n_found = probe(desk.words, n_words, 4, base, words, need, word_state, found, 0)
        if n_found == 0 and shorts.units.size:
            n_found = probe(desk.both, n_both, 3, base, shorts, need, short_state, found, 0)
        hits[i] = n_found > 0
        base += n_both + APART
    return base


@compiled
def count(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    escaped: bool,
    hits: NDArray[np.bool_],
    desk: Desk,
    counts: Counts,
) -> None:
    """Count the runs and tokens of the records that hold no item."""
    for i in range(starts.size):
        if hits[i]:
            continue
        n_words, n_both = tokenize_any(data, starts[i], ends[i], escaped, desk)
        _add(desk.words, n_words, ORDER, counts.runs, counts.n_runs)
        _add(desk.both, n_both, 1, counts.tokens, counts.n_tokens)
        counts.sizes[0] += n_words
        counts.sizes[1] += n_both


@compiled
def _add(
    tokens: NDArray[np.uint64], size: int, order: int, table: Table, counts: NDArray[np.int64]
) -> None:
    bitmap, keys, numbers = table.bitmap, table.keys, table.numbers
    for t in range(size):
        for length in range(1, min(t + 1, order) + 1):
            key = run_hash(tokens, t, length)
            if not may_hold(bitmap, key):
                break
            number = find(keys, numbers, key)
            if number < 0:
                break
            counts[number] += 1


@compiled
def count_seeds(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    escaped: bool,
    hits: NDArray[np.bool_],
    desk: Desk,
    words: Table,
    n_words: NDArray[np.int64],
    shorts: Table,
    n_shorts: NDArray[np.int64],
    room: Room,
) -> None:
    """Count how often the runs that are looked up stand in records that hold no item."""
    for i in range(starts.size):
        if hits[i]:
            continue
        n_tokens, n_both = tokenize_any(data, starts[i], ends[i], escaped, desk)
        _count_runs(desk.words, n_tokens, 4, words, n_words, room)
        _count_runs(desk.both, n_both, 3, shorts, n_shorts, room)


@compiled
def _count_runs(
    tokens: NDArray[np.uint64],
    size: int,
    length: int,
    table: Table,
    counts: NDArray[np.int64],
    room: Room,
) -> None:
    for begin in range(length - 1, size, CHUNK):
        n_hits = look_up(tokens, begin, min(begin + CHUNK, size), length, table.bitmap, room)
        for hit in range(n_hits):
            number = find(table.keys, table.numbers, room.keys[room.hits[hit]])
            if number >= 0:
                counts[number] += 1


@compiled
def token_bits(
    words: NDArray[np.uint64],
    counts: Counts,
    first: NDArray[np.float32],
    follow: NDArray[np.float32],
) -> None:
    """Write the bits of each word of a unit, alone and after those before it."""
    keys, numbers = counts.runs.keys, counts.runs.numbers
    size = counts.sizes[0] + 1.0
    for t in range(words.size):
        again, after = 0.0, 0.0
        for e in range(max(0, t - RECENT), t):
            if words[e] == words[t]:
                again += 1.0
                if e > 0 and words[e - 1] == words[t - 1]:
                    after = 1.0
        again = CACHE * again / min(t + 1.0, RECENT)
        chance = max(_times(words, t, 1, keys, numbers, counts.n_runs), 0.5) / size
        first[t] = min(-np.log2(min(chance + again, 1.0)), MOST_BITS)
        for length in range(2, min(t + 1, ORDER) + 1):
            context = _times(words, t - 1, length - 1, keys, numbers, counts.n_runs)
            both = _times(words, t, length, keys, numbers, counts.n_runs)
            chance = (max(both - OWN, 0.0) + BACKOFF * chance) / (context + BACKOFF)
        follow[t] = min(-np.log2(min(chance + again + CACHE * after, 1.0)), MOST_BITS)


@compiled
def single_bits(tokens: NDArray[np.uint64], counts: Counts, bits: NDArray[np.float32]) -> None:
    """Write the bits of each token by itself."""
    keys, numbers = counts.tokens.keys, counts.tokens.numbers
    for t in range(tokens.size):
        times = max(_times(tokens, t, 1, keys, numbers, counts.n_tokens), 0.5)
        bits[t] = min(-np.log2(times / (counts.sizes[1] + 1.0)), MOST_BITS)


@compiled
def _times(
    tokens: NDArray[np.uint64],
    last: int,
    length: int,
    keys: NDArray[np.uint64],
    numbers: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> float:
    number = find(keys, numbers, run_hash(tokens, last, length))
    return 0.0 if number < 0 else float(counts[number])
