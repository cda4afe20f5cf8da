# ruff: noqa: RUF001 - such characters are what is read
"""Tokens of the scan: text that is equal to a reader is equal, in whatever notation it stands."""

import json
import math

import numpy as np
import pytest
import scan_reference as reference

from reasonbench.corpus import canonical, simd
from reasonbench.corpus.canonical import GROWTH, transcribe
from reasonbench.corpus.hashing import (
    find,
    make_table,
    may_hold,
    run_hash,
    run_hashes,
)
from reasonbench.corpus.simd import PADDING, compiled
from reasonbench.corpus.tokens import (
    hash_of,
    is_wide,
    kept_commands,
    new_desk,
    padded,
    text_tokens,
    tokenize_any,
)


def found(raw, *, escaped=False, before=b"", after=b""):
    """Return the tokens of bytes that stand between others."""
    data = padded(before + raw + after)
    desk = new_desk(len(raw))
    start = len(before)
    n_words, n_both = tokenize_any(data, start, start + len(raw), escaped, desk)
    return (
        desk.words[:n_words].tolist(),
        desk.both[:n_both].tolist(),
        desk.places[:n_words].tolist(),
    )


def hashed(tokens):
    return [int(hash_of(token)) for token in tokens]


def same(text):
    return text_tokens(text).all.tolist()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("HOW Many", "how many"),
        ("café naïve Ångström", "cafe naive angstrom"),
        ("ﬁnd the ﬂow", "find the flow"),
        ("straße", "strasse"),
        ("½ cup", "1/2 cup"),
        ("x² + y³", "x^2 + y^3"),
        ("a₁ + a₂", "a_1 + a_2"),
        ("x ≤ 3", r"x \le 3"),
        ("sin π", r"\sin \pi"),
        ("α + β", r"\alpha + \beta"),
        ("λ and ς", r"\lambda and \sigma"),
        ("√2", r"\sqrt{2}"),
        ("∠ABC", r"\angle ABC"),
        ("△ABC", r"\triangle ABC"),
        ("∞", r"\infty"),
        ("٣ and ３", "3 and 3"),
        ("𝑥 + 𝟐", "x + 2"),
        ("don’t", "don't"),
        ("soft\u00adhyphen and zero\u200bwidth", "softhyphen and zerowidth"),
        (r"\frac{12}{x}", "12 / x"),
        (r"\text{Find} \mathbb{R}", "Find R"),
        (r"\left( 3 \right)", "3"),
        ("3.50", "3 50"),
    ],
)
def test_equal_text_in_two_notations_has_the_same_tokens(left, right):
    assert same(left) == same(right) != []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sin x", "sinx"),
        ("12", "1 2"),
        ("cos", r"\cosh"),
        ("ab", "ba"),
        ("12", "012"),
        ("книга", "рука"),
        ("日本", "日木"),
        ("한글", "한국"),
        ("a", "1"),
    ],
)
def test_different_text_has_different_tokens(left, right):
    assert same(left) != same(right)


def test_characters_written_without_spaces_are_words_of_their_own():
    assert text_tokens("数学の問題").words.size == 5
    assert same("数学") == same("数 学")


def test_letters_of_another_alphabet_make_one_word():
    assert text_tokens("Привет мир").words.size == 2
    assert same("ПРИВЕТ") == same("привет")


def test_single_letters_are_names_and_no_words():
    tokens = text_tokens("let x be 12 then")
    assert tokens.words.tolist() == hashed(["let", "be", "then"])
    assert tokens.all.tolist() == hashed(["let", "x", "be", "12", "then"])
    assert tokens.places.tolist() == [0, 2, 4]


def test_words_are_told_apart_by_sixteen_letters_and_their_length():
    assert hash_of("abcdefghijklmnopqrs") == hash_of("abcdefghijklmnopxyz")
    assert hash_of("abcdefghijklmnopq") != hash_of("abcdefghijklmnopqr")
    assert hash_of("abcdefghijklmnop") != hash_of("abcdefghijklmnox")
    assert hash_of("WORD") == hash_of("word")


def test_all_short_words_have_hashes_of_their_own():
    letters = "abcdefghij"
    words = {a + b + c for a in ["", *letters] for b in ["", *letters] for c in letters}
    words |= {str(n) for n in range(3000)}
    assert len({int(hash_of(word)) for word in words}) == len(words)


def test_the_kept_commands_are_those_that_plain_text_spells_out():
    kept = set(kept_commands().tolist()) - {0}
    assert kept == set(hashed(reference.KEPT))
    for name in ("sin", "pi", "sqrt"):
        assert same(rf"\{name}") == same(name)
    for name in ("frac", "text", "left", "le", "cdot", "dfrac"):
        assert same(rf"\{name}") == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"don\u2019t stop", "don’t stop"),
        (rb"one\ntwo\tthree", "one\ntwo\tthree"),
        (rb"say \"twelve\" now", 'say "twelve" now'),
        (rb"\\frac{1}{2} \\sin x", r"\frac{1}{2} \sin x"),
        (rb"a\/b", "a/b"),
        (rb"\ud835\udc65 squared", "𝑥 squared"),
        (rb"\uD83D\uDE00smile", "😀smile"),
        (rb"caf\u00e9", "café"),
        (rb"\\n is no line break", r"\n is no line break"),
        (rb"\\u0041 is no letter", r"\u0041 is no letter"),
        (rb"\\\u0073in 3", r"\sin 3"),
        (rb"\\\\frac", r"\\frac"),
        (rb"\u0041\u0042c", "ABc"),
    ],
)
def test_escapes_of_json_are_what_they_stand_for(raw, text):
    assert json.loads(b'"' + raw + b'"') == text
    assert found(raw, escaped=True)[1] == same(text)


@pytest.mark.parametrize(
    "raw", [rb"ab\ud800cd", rb"ab\ud800\ud800cd", rb"ab\udc00cd", rb"ab\ud800"]
)
def test_a_lone_surrogate_parts_words(raw):
    assert found(raw, escaped=True)[1] == hashed(["ab", "cd"])[: 2 if b"cd" in raw else 1]


def test_an_escape_means_nothing_where_the_text_is_none_of_json():
    assert found(rb"a\nb\u0041")[1] == same(r"a\nb\u0041")
    assert found(rb"one\ntwo", escaped=False)[1] != found(rb"one\ntwo", escaped=True)[1]


@pytest.mark.parametrize("shift", range(130))
def test_escapes_and_words_across_the_border_of_a_block_are_read_whole(shift):
    text = r'The "quick" \sin\\' + "\n\n" + 'fox\tjumps \\\\ over 12345 don’t\\"😀"'
    for ascii_only in (True, False):
        raw = json.dumps("." * shift + text, ensure_ascii=ascii_only)[1:-1].encode()
        assert found(raw, escaped=True) == found(text.encode())


@pytest.mark.parametrize("run", range(1, 9))
def test_runs_of_backslashes_across_a_border_pair_up_from_their_first(run):
    for shift in range(56, 66):
        text = "." * shift + "\\" * run + "nine sin"
        raw = json.dumps(text)[1:-1].encode()
        assert found(raw, escaped=True) == found(text.encode())


def test_nothing_before_or_after_the_range_is_read():
    for raw in (b"word", b"12", b"sin 12 a", rb"end\n", rb"cut \u20", b"x" * 64, "né".encode()):
        alone = found(raw, escaped=True)
        for before, after in (
            (b"ab", b"cd"),
            (b"\\", b"u0041"),
            (b"12", b"34"),
            (b"\xc3", b"\xa9"),
        ):
            assert found(raw, escaped=True, before=before, after=after) == alone
            plain = found(raw, before=before, after=after)
            assert plain == found(raw)


def test_a_character_cut_by_the_end_is_a_space():
    raw = "é".encode()[:1]
    assert found(b"ab" + raw, after=b"\xa9cd")[1] == hashed(["ab"])


def test_an_empty_text_has_no_tokens():
    assert found(b"") == ([], [], [])
    assert found(b"", before=b"ab", after=b"cd") == ([], [], [])


def test_a_letter_beside_a_digit_is_a_token_of_its_own_and_there_is_room_for_all():
    text = "a1" * 5000
    tokens = text_tokens(text)
    assert tokens.all.size == 10_000
    assert tokens.words.size == 0


def test_no_replacement_is_longer_or_has_more_tokens_than_there_is_room_for():
    table = canonical.table()
    pool = table.pool.tobytes().decode("ascii")
    for code in range(len(table.offsets) - 1):
        piece = pool[table.offsets[code] : table.offsets[code + 1]]
        size = len(chr(code).encode("utf-8", "surrogatepass"))
        assert len(piece) <= GROWTH * size, hex(code)
        assert len(reference.tokenized(piece)[1]) <= GROWTH * size // 2, hex(code)


def test_the_table_has_ascii_as_it_is_and_nothing_else_but_ascii():
    table = canonical.table()
    assert table.pool[:128].tolist() == list(range(128))
    assert (table.pool < 128).all()


def test_transcribing_gives_the_characters_of_the_table():
    text = "Ünï ½ 数 α² 😀 \U0001d400 x\u0301"
    raw = text.encode()
    out = np.zeros(GROWTH * len(raw) + PADDING, np.uint8)
    table = canonical.table()
    size = transcribe(padded(raw), 0, len(raw), False, table.offsets, table.pool, out)
    assert out[:size].tobytes().decode() == reference.to_ascii(text)


@pytest.mark.parametrize(
    "piece", ["é", "数", "😀", "\n", "½ x", r"\n", r"\u00e9", r"\ud83d\ude00", r"\\"]
)
def test_a_piece_is_transcribed_alike_at_every_place(piece):
    table = canonical.table()
    escaped = piece[0] == "\\"
    said = reference.to_ascii(json.loads(f'"{piece}"') if escaped else piece)
    said = "".join(" " if c < " " else c for c in said)
    for size in (63, 64, 65, 130):
        for at in range(size):
            raw = (text := "x" * at + piece + "y" * (size - at)).encode()
            out = np.full(GROWTH * len(raw) + PADDING, 99, np.uint8)
            n = transcribe(padded(raw), 0, len(raw), escaped, table.offsets, table.pool, out)
            assert out[:n].tobytes().decode() == text.replace(piece, said)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 127, 128, 129, 200])
def test_wide_text_is_seen_at_every_place(size):
    for at in range(size):
        raw = bytearray(b"x" * size)
        raw[at] = 0xC3
        assert is_wide(padded(bytes(raw)), 0, size, False)
        assert not is_wide(padded(b"x" * size), 0, size, True)
    for at in range(size - 1):
        raw = bytearray(b"x" * size)
        raw[at : at + 2] = b"\\u"
        assert is_wide(padded(bytes(raw)), 0, size, True)
        assert not is_wide(padded(bytes(raw)), 0, size, False)


@compiled
def _masks(data, at):
    return (
        simd.letters(data, at),
        simd.digits(data, at),
        simd.high(data, at),
        simd.equal(data, at, np.uint8(92)),
        simd.load8(data, at),
    )


def test_sixty_four_bytes_at_once_are_what_each_byte_is():
    data = padded(bytes(range(256)) + b"\\zZ9\xff" * 30)
    raw = data.tobytes()
    for at in (0, 1, 37, 63, 64, 65, 127, 128, 190, 250, 300):
        block = raw[at : at + 64]
        letters, digits, high, equal, load8 = (int(v) for v in _masks(data, at))
        assert letters == sum(chr(b).isalpha() and b < 128 and 1 << i for i, b in enumerate(block))
        assert digits == sum((48 <= b < 58) << i for i, b in enumerate(block))
        assert high == sum((b >= 128) << i for i, b in enumerate(block))
        assert equal == sum((b == 92) << i for i, b in enumerate(block))
        assert load8 == int.from_bytes(block[:8], "little")


@compiled
def _first(mask):
    return simd.first_bit(mask)


def test_the_first_bit_is_the_lowest_and_64_for_none():
    assert [_first(np.uint64(1 << i)) for i in range(64)] == list(range(64))
    assert _first(np.uint64(0b1011000)) == 3
    assert _first(np.uint64(0)) == 64


def test_a_run_has_its_length_and_order_in_its_hash():
    tokens = np.array([3, 5, 3, 5, 5, 3], np.uint64)
    assert run_hash(tokens, 1, 2) == run_hash(tokens, 3, 2)
    assert run_hash(tokens, 1, 2) != run_hash(tokens, 2, 2)
    assert run_hash(tokens, 1, 1) != run_hash(tokens, 1, 2)
    assert run_hashes(tokens, 2).tolist() == [int(run_hash(tokens, i, 2)) for i in range(1, 6)]
    assert run_hashes(tokens, 7).size == 0


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 1000, 70_000])
def test_a_table_finds_exactly_what_is_in_it(size):
    numbers = np.random.default_rng(size)
    keys = np.unique(numbers.integers(1, 2**63, size, dtype=np.uint64) | np.uint64(1))
    numbers.shuffle(keys)
    table = make_table(keys)
    assert (table.keys != 0).sum() == keys.size <= table.keys.size / 2
    assert all(may_hold(table.bitmap, key) for key in keys)
    assert [find(table.keys, table.numbers, key) for key in keys] == list(range(keys.size))
    others = numbers.integers(1, 2**63, 2000, dtype=np.uint64) & ~np.uint64(1)
    assert {find(table.keys, table.numbers, key) for key in others} == {-1}


def test_a_table_finds_keys_that_want_the_same_place():
    keys = (np.arange(1, 400, dtype=np.uint64) << np.uint64(50)) | np.uint64(1)
    table = make_table(keys)
    assert [find(table.keys, table.numbers, key) for key in keys] == list(range(keys.size))
    assert find(table.keys, table.numbers, np.uint64(3)) == -1


def test_a_bitmap_seldom_says_yes_to_what_is_not_there():
    numbers = np.random.default_rng(0)
    table = make_table(np.unique(numbers.integers(1, 2**63, 20_000, dtype=np.uint64)))
    others = numbers.integers(1, 2**63, 20_000, dtype=np.uint64)
    share = sum(may_hold(table.bitmap, key) for key in others) / others.size
    assert share < 2 / math.log2(table.bitmap.size)
