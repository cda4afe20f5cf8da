"""Couples and topics against plain Python, over any texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.corpus.blocks import Block
from reasonbench.corpus.couples import FEW, couple_matches, couples_from, new_couple_state
from reasonbench.corpus.hashing import CHUNK, run_hashes
from reasonbench.corpus.index import Rare
from reasonbench.corpus.probe import REACH
from reasonbench.corpus.tokens import hash_of, padded
from reasonbench.corpus.topics import largest_topics

WORDS = ("ant", "bee", "cat", "dog", "elk", "fox")
TEXTS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
        st.integers(1, REACH + 3).map(lambda n: ["other"] * n),
    ),
    max_size=8,
).map(lambda parts: [word for part in parts for word in part])
ITEMS = st.lists(
    st.sets(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=1, max_size=5),
    min_size=1,
    max_size=3,
)


def hashed(words):
    return np.array([int(hash_of(word)) for word in words], np.uint64)


def index(items):
    """Return couples of items that are one unit each."""
    places = sorted(
        (int(run_hashes(hashed(pair), 2)[0]), unit)
        for unit, pairs in enumerate(items)
        for pair in pairs
    )
    keys = np.array([key for key, _ in places], np.uint64)
    units = np.array([unit for _, unit in places], np.int64)
    return couples_from(keys, units, np.arange(len(items), dtype=np.int32))


def matched(texts, items):
    """Return the items of each text, and how many of their couples."""
    couples, units = index(items), np.arange(len(items), dtype=np.int32)
    state = new_couple_state(len(items))
    base, result = 0, []
    for text in texts:
        n = couple_matches(hashed(text), len(text), couples, units, base, state)
        result.append(dict(zip(state.units[:n].tolist(), state.most[:n].tolist(), strict=True)))
        assert all(0 < at < len(text) for at in state.at[:n])
        base += len(text) + 10_000
    return result


def expected(text, pairs):
    """Return the most couples of one item in a stretch without a gap."""
    seen, last, most = set(), -REACH - 1, 0
    for at in range(1, len(text)):
        pair = (text[at - 1], text[at])
        if pair not in pairs:
            continue
        seen = seen if at - last <= REACH else set()
        seen.add(pair)
        last = at
        most = max(most, len(seen))
    return most


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    """Compile first: Hypothesis wants every example to be quick."""
    matched([list(WORDS)], [{WORDS[:2]}])
    largest([["ant"]], [{"ant": 3}], size=2, hit=[99.0], rank=1, folds=[0])


@given(st.lists(TEXTS, max_size=3), ITEMS)
def test_couples_are_those_of_plain_python(texts, items):
    wanted = [
        {n: most for n, pairs in enumerate(items) if (most := expected(text, pairs)) >= FEW}
        for text in texts
    ]
    assert matched(texts, items) == wanted


@given(st.integers(0, 2 * CHUNK), TEXTS, ITEMS)
def test_what_stands_before_a_stretch_changes_nothing(before, text, items):
    far = ["other"] * (before + REACH + 1)
    assert matched([far + text], items) == matched([["other", *text]], items)


def largest(texts, items, size, hit, rank, *, folds):
    """Return the largest topics by part and item, given as the worth of their words."""
    lines = [" ".join(text).encode() for text in texts]
    ends = np.cumsum([0, *(len(line) for line in lines)]).astype(np.int64)
    data = padded(b"".join(lines))
    rows = np.arange(len(lines), dtype=np.int64)
    block = Block("t", data, ends[:-1], ends[1:], rows, escaped=False, n_bytes=int(ends[-1]))
    tokens = [sorted((int(hash_of(word)), worth) for word, worth in own.items()) for own in items]
    starts = np.cumsum([0, *map(len, tokens)]).astype(np.int64)
    flat = [pair for own in tokens for pair in own]
    rare = Rare(
        starts,
        np.array([key for key, _ in flat], np.uint64),
        np.array([worth for _, worth in flat], np.float32),
    )
    parts = [np.array(folds, np.int64)]
    return largest_topics(
        rare, [block], parts, size=size, hit=np.array(hit, np.float32), rank=rank
    ).tolist()


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.sampled_from(WORDS), max_size=12)), max_size=5
    ),
    st.lists(
        st.dictionaries(st.sampled_from(WORDS), st.integers(1, 9), min_size=1),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([2, 4, 20]),
    st.integers(5, 40),
    st.integers(1, 3),
)
def test_largest_topics_of_each_part_are_those_of_plain_python(parts, items, size, hit, rank):
    folds, texts = [part for part, _ in parts], [text for _, text in parts]
    wanted = [[[] for _ in items] for _ in range(max(folds, default=0) + 1)]
    for number, own in enumerate(items):
        best = []
        for text in texts:
            ends = range(size, max(len(text) + size // 2, size + 1), size // 2)
            near = [text[end - size : end] for end in ends]
            best.append(max(sum(own.get(word, 0) for word in set(words)) for words in near))
        for part, of_items in enumerate(wanted):
            chance = [value for value, f in zip(best, folds, strict=True) if f == part]
            chance = sorted((value for value in chance if value < hit), reverse=True)
            of_items[number] = [*chance, 0, 0, 0][:rank]
    assert largest(texts, items, size, [hit] * len(items), rank, folds=folds) == wanted
