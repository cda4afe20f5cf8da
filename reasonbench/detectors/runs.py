"""The longest run that each text shares with any document: exact, and not quadratic.

Tokens are words (case-folded) and single symbols, so that ``3 + 7`` is not ``3 - 7``; a run's
length is counted in words.  Documents are streamed: what is kept of them are the stretches
whose every ``SEED`` tokens occur in some text, each stretch once.  A suffix array over the
texts and these stretches, by prefix doubling, then gives the longest common run at every
place of a text: O(N log N) in what was kept.

Not covered: runs of fewer than ``SEED`` tokens, and texts that share words in another order.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SEED = 8
"""Tokens of a run that is looked for."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MIX = np.uint64(0x9E3779B97F4A7C15)

Ints = npt.NDArray[np.int64]


class Place(NamedTuple):
    """Where a document stands."""

    document: str
    """File."""
    row: int
    """Line in it, counted from 0."""


class Run(NamedTuple):
    """The longest run that one text shares with the documents."""

    words: int
    """Words in it; 0 where no ``SEED`` tokens are shared."""
    of: int
    """Words of the whole text."""
    text: str
    """The run as the text has it."""
    place: Place | None
    """A document that holds it."""


def longest_runs(texts: Sequence[str], documents: Iterable[tuple[Place, str]]) -> list[Run]:
    """Return the longest common run of each text with any of the documents."""
    vocabulary: dict[str, int] = {}
    spans = [[m.span() for m in _TOKEN.finditer(text)] for text in texts]
    ids = [
        np.array(
            [vocabulary.setdefault(text[a:b].casefold(), len(vocabulary)) for a, b in span],
            dtype=np.int64,
        )
        for text, span in zip(texts, spans, strict=True)
    ]
    is_word = np.array([token[0].isalnum() or token[0] == "_" for token in vocabulary] or [False])
    seeds = np.unique(np.concatenate([_seeds(one) for one in (*ids, np.empty(0, np.int64))]))
    kept: dict[bytes, Place] = {}
    for place, text in documents:
        for stretch in _stretches(_encode(text, vocabulary), seeds):
            kept.setdefault(stretch.tobytes(), place)
    stretches = [np.frombuffer(key, dtype=np.int64) for key in kept]
    places = list(kept.values())
    found = _match(ids, stretches, is_word)
    runs = []
    for text, span, one, (start, length, which) in zip(texts, spans, ids, found, strict=True):
        words, total = int(is_word[one[start : start + length]].sum()), int(is_word[one].sum())
        if length < SEED:
            runs.append(Run(0, total, "", None))
        else:
            shown = text[span[start][0] : span[start + length - 1][1]]
            runs.append(Run(words, total, shown, places[which]))
    return runs


def _encode(text: str, vocabulary: dict[str, int]) -> Ints:
    tokens = _TOKEN.findall(text.casefold())
    known = map(vocabulary.get, tokens, itertools.repeat(-1))
    return np.fromiter(known, np.int64, count=len(tokens))


def _seeds(ids: Ints) -> npt.NDArray[np.uint64]:
    """Return a hash of the ``SEED`` tokens from each place on."""
    n = max(0, len(ids) - SEED + 1)
    hashes = np.zeros(n, dtype=np.uint64)
    for i in range(SEED):
        hashes = (hashes ^ (ids[i : i + n].astype(np.uint64) + np.uint64(1))) * _MIX
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _stretches(ids: Ints, seeds: npt.NDArray[np.uint64]) -> Iterator[Ints]:
    """Yield the longest parts of a document whose every seed is among ``seeds``."""
    hashes = _seeds(ids)
    if not len(seeds):
        return
    at = np.searchsorted(seeds, hashes)
    known = np.zeros(len(hashes) + 2, dtype=np.int8)
    known[1:-1] = (at < len(seeds)) & (seeds[np.minimum(at, len(seeds) - 1)] == hashes)
    edges = np.flatnonzero(np.diff(known))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield ids[start : end + SEED - 1]


def _match(
    texts: Sequence[Ints], stretches: Sequence[Ints], is_word: npt.NDArray[np.bool_]
) -> list[tuple[int, int, int]]:
    """Return start, length and stretch of the run with the most words, for each text."""
    if not texts or not stretches:
        return [(0, 0, 0)] * len(texts)
    parts = [*texts, *stretches]
    lengths = np.array([len(part) + 1 for part in parts])
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    tokens = np.empty(int(lengths.sum()), dtype=np.int64)
    for i, part in enumerate(parts):
        tokens[first[i] : first[i] + len(part)] = part
        tokens[first[i] + len(part)] = len(is_word) + i  # an end of its own: no run crosses it
    border = int(first[len(texts)])
    levels = _ranks(tokens)
    order = np.argsort(levels[-1], kind="stable")
    mine = order < border
    at = np.arange(len(order))
    before = np.maximum.accumulate(np.where(mine, -1, at))
    after = np.minimum.accumulate(np.where(mine, len(order), at)[::-1])[::-1]
    length, partner = np.zeros(border, np.int64), np.zeros(border, np.int64)
    for neighbour, there in ((before, before >= 0), (after, after < len(order))):
        ok = mine & there
        here, other = order[ok], order[neighbour[ok]]
        shared = _shared(levels, here, other)
        longer = shared > length[here]
        length[here[longer]], partner[here[longer]] = shared[longer], other[longer]
    counted = np.concatenate(([0], np.cumsum(np.append(is_word, np.zeros(len(parts)))[tokens])))
    words = counted[np.arange(border) + length] - counted[:border]
    words = np.where(length >= SEED, words, -1)
    found = []
    for i in range(len(texts)):
        best = int(first[i] + np.argmax(words[first[i] : first[i] + lengths[i]]))
        stretch = int(np.searchsorted(first, partner[best], side="right")) - 1 - len(texts)
        found.append((best - int(first[i]), int(length[best]), max(stretch, 0)))
    return found


def _ranks(tokens: Ints) -> list[npt.NDArray[np.int64]]:
    """Return, for doubling lengths, the rank of the run of that length from each place on."""
    rank = np.unique(tokens, return_inverse=True)[1].astype(np.int64)
    levels, step = [rank], 1
    while rank.max() + 1 < len(rank) and step < len(rank):
        following = np.zeros(len(rank), dtype=np.int64)
        following[:-step] = rank[step:] + 1
        pair = rank * (len(rank) + 1) + following
        rank = np.unique(pair, return_inverse=True)[1].astype(np.int64)
        levels.append(rank)
        step *= 2
    return levels


def _shared(levels: Sequence[npt.NDArray[np.int64]], i: Ints, j: Ints) -> Ints:
    """Return how many tokens the runs from ``i`` and from ``j`` on have in common."""
    length = np.zeros(len(i), dtype=np.int64)
    last = len(levels[0]) - 1
    for power in range(len(levels) - 1, -1, -1):
        a, b = np.minimum(i + length, last), np.minimum(j + length, last)
        length += np.where(levels[power][a] == levels[power][b], 1 << power, 0)
    return length
