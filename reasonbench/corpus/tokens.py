# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
r"""Text to hashed words and numbers, at the speed of memory.

A word is a run of ASCII letters without case, a number a run of digits; a single letter is a name
in a formula, and counts where numbers do.  LaTeX commands are no
words, but for those that plain text spells out (``\sin``, ``\pi``, ``\sqrt``).  Text that
holds more than ASCII goes through ``canonical`` first.  Two words are equal where their first
sixteen letters and their lengths are.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import canonical, simd
from reasonbench.corpus.canonical import GROWTH
from reasonbench.corpus.simd import PADDING, compiled

_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xC2B2AE3D27D4EB4F)
_K3 = np.uint64(0x165667B19E3779F9)
_LOWER = np.uint64(0x2020202020202020)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_8 = np.uint64(8)
_29 = np.uint64(29)
_63 = np.uint64(63)
_64 = np.uint64(64)
_EVEN = np.uint64(0x5555555555555555)
_BACKSLASH = np.uint8(92)
_U = np.uint8(117)
IS_NUMBER = _ONE
"""Bit of a token that tells a number."""
_KEPT_BITS = 12
_TO_KEPT = np.uint64(64 - _KEPT_BITS)
# fmt: off
_SPELLED = (
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "log", "ln", "lg", "exp", "gcd", "lcm", "max", "min", "mod", "bmod", "pmod", "det", "dim",
    "deg", "lim", "sup", "inf", "sqrt", "infty", "angle", "triangle", "pi", "alpha", "beta",
    "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "omicron", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)
# fmt: on
"""Commands whose names are words of the text."""


class Tokens(NamedTuple):
    """A text's tokens."""

    words: NDArray[np.uint64]
    """Hash of each word, in order."""
    all: NDArray[np.uint64]
    """Hash of each word and number, in order."""
    places: NDArray[np.int32]
    """Where each word stands among all."""


@compiled
def word_hash(
    data: NDArray[np.uint8], start: np.int64, length: np.uint64, is_word: np.uint64
) -> np.uint64:
    """Return the hash of ``length`` letters, or digits where ``is_word`` is 0; without case."""
    # digits have the bit of lower case
    mixed = simd.load8(data, start) | _LOWER
    if length <= _8:
        mixed &= _ONES >> (_64 - _8 * length)
    else:
        rest = min(length - _8, _8)
        tail = (simd.load8(data, start + 8) | _LOWER) & (_ONES >> (_64 - _8 * rest))
        mixed ^= (tail + length) * _K2
    mixed *= _K1
    h: np.uint64 = (((mixed ^ (mixed >> _29)) * _K3) | IS_NUMBER) ^ is_word
    return h


@compiled
def is_wide(data: NDArray[np.uint8], start: int, end: int, escaped: bool) -> bool:
    """Tell whether a text may hold more than ASCII, or an escape that spells it."""
    found = _ZERO
    at = start
    while at + 64 <= end:
        found |= simd.high(data, at)
        if escaped:
            found |= (simd.equal(data, at, _BACKSLASH) << _ONE) & simd.equal(data, at, _U)
            # an escape over the border of two blocks: the last byte of this one decides
            found |= np.uint64(data[at + 63] == _BACKSLASH) & np.uint64(data[at + 64] == _U)
        at += 64
    if at < end:
        mask = _ONES >> np.uint64(64 - (end - at))
        found |= simd.high(data, at) & mask
        if escaped:
            slashes = simd.equal(data, at, _BACKSLASH) & mask
            found |= (slashes << _ONE) & simd.equal(data, at, _U)
    return bool(found != _ZERO)


@compiled
def tokenize(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    escaped: bool,
    kept: NDArray[np.uint64],
    words: NDArray[np.uint64],
    both: NDArray[np.uint64],
    places: NDArray[np.int32],
) -> tuple[int, int]:
    """Write the hashes of an ASCII text's words, and of its words and numbers.

    Every token is written, and counted where it is one: no branch depends on what it is.

    Args:
        data: bytes, with 64 readable ones after ``end``.
        start: first byte of the text.
        end: one past its last byte.
        escaped: whether it is JSON, whose escapes stand for layout.
        kept: ``kept_commands()``.
        words: receives the words' hashes; as long as half the text and 64.
        both: receives all hashes; as long.
        places: receives where each word stands among all; as long.

    Returns:
        How many words, and how many tokens.
    """
    n_words, n_both = _ZERO, _ZERO
    p = start
    while p < end:
        valid = _ONES if end - p >= 64 else _ONES >> np.uint64(64 - (end - p))
        letters = simd.letters(data, p) & valid
        digits = simd.digits(data, p) & valid
        slashes = simd.equal(data, p, _BACKSLASH) & valid
        after = slashes << _ONE
        step = 64
        if escaped:
            # In a row of backslashes every other one escapes what follows: see _escaped.
            escapes = _escaped(slashes, after)
            letters &= ~escapes
            digits &= ~escapes
            step -= np.int64((slashes & ~escapes) >> _63)
        begins = (letters & ~(letters << _ONE)) | (digits & ~(digits << _ONE))
        if (letters | digits) >> _63 and p + 64 < end:
            last = simd.last_bit(begins)
            if last > 0:
                # it may go on: the next 64 bytes begin with it
                step = last
                begins ^= _ONE << np.uint64(last)
        ends = (~letters & (letters << _ONE)) | (~digits & (digits << _ONE))
        if p > start and data[p - 1] == _BACKSLASH:
            after |= _ONE
        commands = after & letters
        while begins:
            s = np.uint64(simd.first_bit(begins))
            length = np.uint64(simd.first_bit(ends)) - s
            begins &= begins - _ONE
            ends &= ends - _ONE
            is_word = (letters >> s) & _ONE
            h = word_hash(data, p + np.int64(s), length, is_word)
            is_command = (commands >> s) & _ONE
            is_kept = kept[(h >> _TO_KEPT) & (_ZERO - is_command)] == h
            is_token = (is_command ^ _ONE) | np.uint64(is_kept)
            both[n_both] = h
            words[n_words] = h
            places[n_words] = n_both
            n_both += is_token
            n_words += is_token & is_word & np.uint64(length > _ONE)
        p += step
    return np.int64(n_words), np.int64(n_both)


@compiled
def _escaped(slashes: np.uint64, after: np.uint64) -> np.uint64:
    """Return the bytes that a backslash escapes; the byte before the first one escapes none.

    A row that begins at an odd bit is carried to its end by the sum, one that begins at an even
    bit is left: the odd bits of one and the even bits of the other are escaped (simdjson,
    Langdale and Lemire 2019, 3.1.1).
    """
    odd = slashes & ~_EVEN & ~after
    return (_EVEN ^ ((odd + slashes) << _ONE)) & after


class Desk(NamedTuple):
    """What tokenizing needs to work with, and where it leaves the tokens."""

    offsets: NDArray[np.int32]
    """Of ``canonical.table()``."""
    pool: NDArray[np.uint8]
    """Of the same."""
    kept: NDArray[np.uint64]
    """``kept_commands()``."""
    scratch: NDArray[np.uint8]
    """Room for the text as ASCII."""
    words: NDArray[np.uint64]
    """Hash of each word, in order."""
    both: NDArray[np.uint64]
    """Hash of each word, number and single letter, in order."""
    places: NDArray[np.int32]
    """Where each word stands among all."""


def new_desk(longest: int) -> Desk:
    """Return a desk for texts of up to ``longest`` bytes."""
    table = canonical.table()
    room = GROWTH * longest // 2 + PADDING
    return Desk(
        table.offsets,
        table.pool,
        kept_commands(),
        np.empty(GROWTH * longest + 3 * PADDING, np.uint8),
        np.empty(room, np.uint64),
        np.empty(room, np.uint64),
        np.empty(room, np.int32),
    )


@compiled
def tokenize_any(
    data: NDArray[np.uint8], start: int, end: int, escaped: bool, desk: Desk
) -> tuple[int, int]:
    """Tokenize any text, and return how many words and tokens there are."""
    if is_wide(data, start, end, escaped):
        length = canonical.transcribe(
            data, start, end, escaped, desk.offsets, desk.pool, desk.scratch[PADDING:]
        )
        data, start, end, escaped = desk.scratch, PADDING, PADDING + length, False
    return tokenize(data, start, end, escaped, desk.kept, desk.words, desk.both, desk.places)


def text_tokens(text: str, desk: Desk | None = None) -> Tokens:
    """Return the tokens of one text; a ``desk`` that is large enough is used."""
    data = padded(text.encode("utf-8", "replace"))
    size = data.size - PADDING
    desk = desk or new_desk(size)
    n_words, n_both = tokenize_any(data, 0, size, False, desk)
    return Tokens(
        desk.words[:n_words].copy(), desk.both[:n_both].copy(), desk.places[:n_words].copy()
    )


def padded(raw: bytes) -> NDArray[np.uint8]:
    """Return bytes that can be read past their end."""
    data = np.zeros(len(raw) + PADDING, np.uint8)
    data[: len(raw)] = np.frombuffer(raw, np.uint8)
    return data


@cache
def kept_commands() -> NDArray[np.uint64]:
    """Return the hashes of the commands that are words, each where its top bits say.

    Two that share a place are a bug of the list, and raise.
    """
    kept = np.zeros(1 << _KEPT_BITS, np.uint64)
    for name in _SPELLED:
        h = hash_of(name)
        at = int(h >> _TO_KEPT)
        if kept[at]:
            raise AssertionError(f"{name} shares its place with another command")
        kept[at] = h
    return kept


def hash_of(token: str) -> np.uint64:
    """Return the hash of one ASCII word or number."""
    data, length = padded(token.encode("ascii")), np.uint64(len(token))
    return np.uint64(word_hash(data, np.int64(0), length, np.uint64(token.isalpha())))
