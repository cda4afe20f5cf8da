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
_BACKSLASH = np.uint8(92)
_U = np.uint8(117)
IS_NUMBER = _ONE
"""Bit of a token that tells a number."""
_KEPT_BITS = 12
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
def word_hash(data: NDArray[np.uint8], start: int, length: int, fold: np.uint64) -> np.uint64:
    """Return the hash of ``length`` letters or digits; ``fold`` sets the bits of lower case."""
    first = simd.load8(data, start) | fold
    if length <= 8:
        head = first & (_ONES >> np.uint64(64 - 8 * length))
        tail = _ZERO
    else:
        rest = min(length - 8, 8)
        head = first
        tail = (simd.load8(data, start + 8) | fold) & (_ONES >> np.uint64(64 - 8 * rest))
        tail = (tail + np.uint64(length)) * _K2
    mixed = (head ^ tail) * _K1
    h: np.uint64 = (mixed ^ (mixed >> np.uint64(29))) * _K3
    return h | IS_NUMBER if fold == _ZERO else h & ~IS_NUMBER


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
    numbers: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Write the hashes of an ASCII text's words, and of its words and numbers.

    Args:
        data: bytes, with 64 readable ones after ``end``.
        start: first byte of the text.
        end: one past its last byte.
        escaped: whether it is JSON, whose escapes stand for layout.
        kept: ``kept_commands()``.
        words: receives the words' hashes; as long as half the text and 64.
        both: receives all hashes; as long.
        places: receives where each word stands among all; as long.
        numbers: receives where each number stands among all; as long.

    Returns:
        How many of each.
    """
    n_words, n_both, n_numbers = 0, 0, 0
    p = start
    while p < end:
        valid = _ONES if end - p >= 64 else _ONES >> np.uint64(64 - (end - p))
        letters = simd.letters(data, p) & valid
        digits = simd.digits(data, p) & valid
        limit = 64
        if escaped:
            slashes = simd.equal(data, p, _BACKSLASH) & valid
            while slashes:
                i = simd.first_bit(slashes)
                if i == 63:
                    limit = 63
                    break
                escape = ~(np.uint64(3) << np.uint64(i))
                letters &= escape
                digits &= escape
                slashes &= escape
        step = limit
        left = letters | digits
        while left:
            s = simd.first_bit(left)
            is_word = (letters >> np.uint64(s)) & _ONE
            run = letters if is_word else digits
            length = simd.first_bit(~(run >> np.uint64(s)))
            e = s + length
            if e >= limit and p + e < end and s > 0:
                step = s
                break
            left &= ~(((_ONE << np.uint64(e - 1)) << _ONE) - _ONE)
            if is_word:
                h = word_hash(data, p + s, length, _LOWER)
                is_command = p + s > start and data[p + s - 1] == _BACKSLASH
                if is_command and kept[np.int64(h >> np.uint64(64 - _KEPT_BITS))] != h:
                    continue
                words[n_words] = h
                places[n_words] = n_both
                n_words += length > 1
                both[n_both] = h
                n_both += 1
            else:
                both[n_both] = word_hash(data, p + s, length, _ZERO)
                numbers[n_numbers] = n_both
                n_numbers += 1
                n_both += 1
        p += step
    return n_words, n_both, n_numbers


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
    numbers: NDArray[np.int32]
    """Where each number stands among all."""


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
        np.empty(room, np.int32),
    )


@compiled
def tokenize_any(
    data: NDArray[np.uint8], start: int, end: int, escaped: bool, desk: Desk
) -> tuple[int, int, int]:
    """Tokenize any text, and return how many words, tokens and numbers there are."""
    if is_wide(data, start, end, escaped):
        length = canonical.transcribe(
            data, start, end, escaped, desk.offsets, desk.pool, desk.scratch[PADDING:]
        )
        return tokenize(
            desk.scratch,
            PADDING,
            PADDING + length,
            False,
            desk.kept,
            desk.words,
            desk.both,
            desk.places,
            desk.numbers,
        )
    return tokenize(
        data, start, end, escaped, desk.kept, desk.words, desk.both, desk.places, desk.numbers
    )


def text_tokens(text: str, desk: Desk | None = None) -> Tokens:
    """Return the tokens of one text; a ``desk`` that is large enough is used."""
    data = padded(text.encode("utf-8", "replace"))
    size = data.size - PADDING
    desk = desk or new_desk(size)
    n_words, n_both, _ = tokenize_any(data, 0, size, False, desk)
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
        at = int(h >> np.uint64(64 - _KEPT_BITS))
        if kept[at]:
            raise AssertionError(f"{name} shares its place with another command")
        kept[at] = h
    return kept


def hash_of(token: str) -> np.uint64:
    """Return the hash of one ASCII word or number."""
    fold = _LOWER if token.isalpha() else _ZERO
    return np.uint64(word_hash(padded(token.encode("ascii")), 0, len(token), fold))
