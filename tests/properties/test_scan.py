# ruff: noqa: RUF001 - such characters are what is read
"""The compiled scan against plain Python, over any text, any runs and any scores."""

import json

import numpy as np
import pytest
import scan_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.corpus.calibrate import ranked
from reasonbench.corpus.findings import q_values_of
from reasonbench.corpus.hashing import find, make_table, may_hold, run_hashes
from reasonbench.corpus.probe import APART, REACH, Seeds, new_candidates, new_state, probe
from reasonbench.corpus.score import alignment_bits, new_room, shared_bits
from reasonbench.corpus.tokens import hash_of, new_desk, padded, tokenize_any

PIECES = st.sampled_from(
    ["\\", "\\\\", '"', "\n", "\\sin", "\\frac", "sin", "u2019", "12", "7", "x", "Word", " ", "é",
     "½", "’", "数", "π", "𝑥", "😀", "\u0301", "\u200b", "a" * 70, "9" * 65, "." * 60, "\x00", "/"]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=40).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=150),
    st.text('ab\\1 ."u\n', max_size=200),
)


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    """Compile first: Hypothesis wants every example to be quick."""
    found(b"a", True)
    found("é".encode(), True)
    bits([1], [1], [1.0], [1.0], [False])
    chained(["a"] * 4, ["a", "b", "c", "d"], 4)
    chained(["a"] * 4, ["a", "b", "c", "d"], 3)
    shared([1], [1], [1.0])
    make_table(run_hashes(np.ones(1, np.uint64), 1))


def found(raw, escaped, before=b"", after=b""):
    data = padded(before + raw + after)
    desk = new_desk(len(raw))
    start = len(before)
    n_words, n_both = tokenize_any(data, start, start + len(raw), escaped, desk)
    return (
        desk.words[:n_words].tolist(),
        desk.both[:n_both].tolist(),
        desk.places[:n_words].tolist(),
    )


def expected(text):
    words, both, places = reference.tokenized(text)
    return [int(hash_of(w)) for w in words], [int(hash_of(t)) for t in both], places


def used_room():
    """Return room in which another pair was scored."""
    room = new_room()
    room.values[:], room.matches[:], room.tags[:] = 99, 1, 7
    room.marks[:], room.seen[:] = 2**64 - 1, True
    return room


def bits(text, unit, first, follow, names, begin=0, slack=100):  # noqa: PLR0917
    return alignment_bits(
        np.array(text, np.uint64),
        len(text),
        begin,
        slack,
        np.array(unit, np.uint64),
        np.array(first, np.float32),
        np.array(follow, np.float32),
        np.array(names, np.bool_),
        used_room(),
    )


def shared(text, rare, worth):
    return shared_bits(
        np.array(text, np.uint64), 0, len(text), np.array(rare, np.uint64),
        np.array(worth, np.float32), used_room(),
    )  # fmt: skip


def numbered(words):
    return np.array([int(hash_of(word)) for word in words], np.uint64)


def chained(text, unit, length, base=0, state=None):
    """Return the candidate that a text makes of one unit: bits, place, place in the unit."""
    keys = run_hashes(numbered(unit), length)
    n = keys.size
    last = np.arange(length - 1, length - 1 + n, dtype=np.int32)
    order = np.argsort(keys)
    seeds = Seeds(
        make_table(keys[order]), np.arange(n + 1, dtype=np.int32), np.zeros(n, np.int32),
        last[order], last[order], np.full(n, 8, np.float32), np.full(n, 2, np.float32),
    )  # fmt: skip
    found_here = new_candidates()
    count = probe(
        numbered(text), len(text), length, base, seeds, np.full(1, 1, np.float32),
        state or new_state(n, 1), found_here, 0,
    )  # fmt: skip
    assert count <= 1
    return (float(found_here.bits[0]), int(found_here.at[0])) if count else (0.0, -1)


@given(TEXTS)
def test_tokens_are_those_of_plain_python(text):
    assert found(text.encode(), False) == expected(text)


@given(TEXTS, st.booleans())
def test_the_inside_of_a_json_text_has_the_tokens_of_the_text(text, ascii_only):
    raw = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    assert found(raw.encode(), True) == expected(text)
    assert reference.tokenized(raw, escaped=True) == reference.tokenized(text)


@given(st.text(max_size=100))
def test_text_that_json_can_spell_and_utf8_cannot_has_tokens_too(text):
    raw = json.dumps(text)[1:-1]
    assert found(raw.encode(), True) == expected(reference.decoded(raw))


@given(
    TEXTS,
    st.booleans(),
    st.binary(max_size=70),
    st.sampled_from([b"", b"abc", b"123", b"u0041", b"\\n", b'"', b"\x80\xbf"]),
)
def test_where_a_text_stands_and_what_is_around_it_changes_nothing(text, escaped, before, after):
    raw = json.dumps(text)[1:-1].encode() if escaped else text.encode()
    assert found(raw, escaped, before, after) == found(raw, escaped)


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 70))
def test_any_bytes_have_tokens_wherever_they_stand(raw, escaped, shift):
    words, both, places = found(raw, escaped, bytes(shift))
    assert (words, both, places) == found(raw, escaped)
    assert [both[place] for place in places] == words
    assert places == sorted(set(places))


@given(st.sets(st.integers(0, 2**63 - 1), max_size=200), st.sets(st.integers(0, 2**63 - 1)))
def test_a_table_is_a_dictionary(inside, asked):
    keys = [2 * key + 1 for key in inside]
    numbers = {key: number for number, key in enumerate(keys)}
    table = make_table(np.array(keys, np.uint64))
    for key in [*keys, *(2 * key + 1 for key in asked)]:
        assert find(table.keys, table.numbers, np.uint64(key)) == numbers.get(key, -1)
        assert may_hold(table.bitmap, np.uint64(key)) or key not in numbers


TOKEN = st.integers(1, 6).map(lambda v: v << 55)
"""Two of them have the same upper byte, which is looked at first."""
UNIT = st.lists(
    st.tuples(
        TOKEN,
        st.integers(0, 64).map(lambda v: v / 4),
        st.integers(0, 64).map(lambda v: v / 4),
        st.booleans(),
    ),
    max_size=14,
)


@given(st.lists(TOKEN, max_size=30), UNIT)
def test_alignment_bits_are_those_of_the_whole_table(text, unit):
    columns = [list(column) for column in zip(*unit, strict=True)] or [[], [], [], []]
    assert bits(text, *columns) == reference.alignment(text, *columns)


@given(st.lists(TOKEN, max_size=20), UNIT, st.integers(-8, 20), st.integers(0, 9))
def test_alignment_bits_near_a_diagonal_are_those_of_the_cells_near_it(text, unit, begin, slack):
    columns = [list(column) for column in zip(*unit, strict=True)] or [[], [], [], []]
    assert bits(text, *columns, begin, slack) == reference.alignment(text, *columns, begin, slack)


@given(st.integers(0, 2**32 - 1), st.sampled_from([12, 200]), st.integers(40, 160))
@settings(max_examples=20)
def test_alignment_bits_of_a_long_unit_are_those_of_the_cells_near_it(seed, n_tokens, size):
    rng = np.random.default_rng(seed)
    unit = rng.integers(1, n_tokens, size)
    text = rng.integers(1, n_tokens, 2 * size)
    copied = rng.random(size) < 0.8
    text[size // 3 : size // 3 + size][copied] = unit[copied]
    columns = (
        [int(token) << 56 for token in unit],
        *(rng.integers(0, 64, (2, size)) / 4).tolist(),
        (rng.random(size) < 0.2).tolist(),
    )
    text = [int(token) << 56 for token in text]
    begin, slack = size // 3 + int(rng.integers(-9, 9)), 12 + size // 5
    assert bits(text, *columns, begin, slack) == reference.alignment(text, *columns, begin, slack)


WORTH = st.integers(1, 64).map(lambda v: v / 4)


@given(st.lists(st.tuples(WORTH, WORTH, st.booleans()), min_size=1, max_size=14))
def test_a_unit_of_different_words_that_stands_there_is_worth_all_it_says_in_order(unit):
    first, follow, names = (list(column) for column in zip(*unit, strict=True))
    tokens = list(range(1, len(unit) + 1))
    assert bits([99, *tokens, 99], tokens, first, follow, names) >= first[0] + sum(follow[1:])


@given(
    st.lists(st.integers(0, 30), max_size=60),
    st.dictionaries(st.integers(0, 30), st.integers(0, 40), max_size=15),
)
def test_rare_tokens_count_once_wherever_they_stand(text, rare):
    ordered = sorted(rare)
    total = shared(text, ordered, [rare[token] / 4 for token in ordered])
    assert total == sum(rare[token] / 4 for token in set(text) & set(rare))


WORDS = [f"w{c}" for c in "abcdefghijklmnop"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 15), st.integers(1, 16)),
            st.integers(1, REACH + 40),
        ),
        max_size=8,
    ),
    st.sampled_from([3, 4]),
)
def test_a_candidates_bits_are_those_of_runs_counted_once_within_reach(parts, length):
    text = []
    for part in parts:
        if isinstance(part, int):
            text += ["filler"] * part
        else:
            text += WORDS[part[0] : part[0] + part[1]]
    got, at = chained(text, WORDS, length)
    assert got == reference.chain(text, WORDS, length, worth=8.0, more=2.0)
    assert (at >= 0) == (got > 0)


@given(st.lists(st.integers(0, 15), max_size=6), st.lists(st.integers(0, 15), max_size=6))
def test_a_record_knows_nothing_of_the_one_before(first, second):
    texts = [[w for i in starts for w in WORDS[i : i + 6]] for starts in (first, second)]
    state = new_state(len(WORDS) - 3, 1)
    base = 0
    for text in texts:
        assert chained(text, WORDS, 4, base, state) == chained(text, WORDS, 4)
        base += len(text) + APART


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_ranks_are_those_of_sorted_groups(rows, rank):
    values, groups, wanted = (
        (list(column) for column in zip(*rows, strict=True))
        if rows
        else (
            [],
            [],
            [],
        )
    )
    got = ranked(
        np.array(values, np.float32),
        np.array(groups, np.int32),
        6,
        np.array(wanted, np.bool_),
        rank,
    )
    for group in range(6):
        mine = sorted((v for v, g, w in rows if w and g == group), reverse=True)
        assert got[group] == (mine[rank - 1] if len(mine) >= rank else 0)


@given(st.lists(st.floats(1e-12, 1.0), max_size=30), st.integers(0, 1000))
@settings(max_examples=200)
def test_q_values_are_those_of_benjamini_and_hochberg(p_values, more):
    n = len(p_values) + more
    got = q_values_of(p_values, n)
    ordered = sorted(p_values)
    for p, q in zip(p_values, got, strict=True):
        larger = (other * n / sum(x <= other for x in ordered) for other in ordered if other >= p)
        plain = min(1.0, *larger)
        assert q == pytest.approx(plain, rel=1e-12)
