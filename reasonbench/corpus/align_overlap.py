"""Where in a text a unit stands, and which of its tokens are there.

Numbers are masked and words are stemmed for the alignment, so that a renumbered or inflected
copy aligns; what is equal and what is not is seen at the aligned places.
"""

import re
from functools import lru_cache
from itertools import compress, pairwise, repeat
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import LCSseq

from reasonbench.corpus.align_notation import mask
from reasonbench.corpus.align_tokens import (
    MAX_MEMO,
    Tokens,
    is_number,
    same_operators,
    tokenize,
    tokenize_part,
)

PART = 7
"""Characters of a part of a long text for each token of the unit."""
PART_MARGIN = 400
"""Characters beside them."""
DISGUISED = 0.005
"""Share of characters that may hide letters, from which on a text is read as a whole."""
MIN_STEM = 4
"""Letters of a stem that leads to a part."""
MAX_PLACES = 64
"""Places of a stem that leads to a part; a frequent one says nothing."""
MIN_PLACES = 3
"""Places that are enough to trust them."""
STRONG = 0.8
"""Share of the unit's stems in a part that makes another part needless."""
MAX_TOKENS = 8192
"""Tokens of a unit that are aligned; a longer one is read up to here."""
WINDOWS = 3
"""Best places of a long text that are looked at."""
GAP_COST = 0.2
"""Matched tokens that are given up for leaving out one token of the text."""
MAX_GAP_COST = 6.0
"""Most that one gap costs, times what a solution or a question may be interrupted by."""
BRIDGE = 3
"""Tokens that two runs may be apart on either side and be one span."""
NUMBER_KEY = "#"
_DISGUISE = re.compile(r"[^\x00-\x7f×÷²³¹√±π≡≈°≤≥≠·−–—’‘“”…⁰-₉•→←⇒∠△θα-ω∈∞∑✓]")  # noqa: RUF001
"""What may be, or stand inside of, a letter that is written in another way."""

_COMMON_WORDS = """
a an the of in on at to for from by with and or but if then than that this these those
is are was were be been being it its he she his her him they them their we our you
your i as so no not do does did has have had will would can could should may must
there here what which who how when where why each every all any some both other
another one many much more most less let find compute determine evaluate calculate
express answer value number given such suppose s t x y z n m k b c d e f g h p q r u v
w j l o first second also only same into out up down total get need make use two three
following form write function return step solve problem question please solution sum
integer integers positive real equal equals find simplify just terms term therefore
since because thus now per after before over between about sqrt
relatively written expressed fraction common lowest simplest nearest rounded decimal inclusive
"""
COMMON = frozenset(_COMMON_WORDS.split())
"""Words that speak of no item in particular."""


class Profile(NamedTuple):
    """A unit as it is looked for."""

    tokens: Tokens
    keys: list[str]
    """Stems; numbers are one key."""
    weights: dict[str, float]
    bigrams: frozenset[tuple[str, str]]
    content: frozenset[str]
    """Keys that speak of this unit."""
    numbers: frozenset[str]
    is_number: list[bool]
    """Whether each token is a number."""
    tells: list[bool]
    """Whether each key speaks of this unit."""


class Text(NamedTuple):
    """A text, or a part of one, as it is searched."""

    tokens: Tokens
    keys: list[str]
    """What its tokens are aligned by."""


class Run(NamedTuple):
    """Aligned neighbours: ``size`` tokens from ``a`` in the unit and from ``b`` in the text."""

    a: int
    b: int
    size: int


class Overlap(NamedTuple):
    """What a unit and a place in a text have in common."""

    runs: tuple[Run, ...]
    """Maximal runs of aligned tokens, in order."""
    pairs: tuple[tuple[int, int], ...]
    """Aligned tokens."""
    low: int
    """First token of the place."""
    high: int
    """One past its last."""


class _Stems(dict[str, str]):
    def __missing__(self, word: str) -> str:
        stem = NUMBER_KEY if is_number(word) else _stem(word)
        if len(self) < MAX_MEMO:
            self[word] = stem
        return stem


def _stem(word: str) -> str:
    if len(word) <= 3 or not word.isascii():
        return word
    for ending in ("ing", "ed", "es", "s", "e", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


_STEMS = _Stems()
_COMMON_KEYS = frozenset(_STEMS[word] for word in COMMON) | {NUMBER_KEY}


def keys_of(words: list[str]) -> list[str]:
    """Return what words are aligned by."""
    return list(map(_STEMS.__getitem__, words))


@lru_cache(maxsize=4096)
def profile(text: str) -> Profile:
    """Return a unit's text as it is looked for; remembered, since many records ask for it."""
    tokens = tokenize(text)
    if len(tokens) > MAX_TOKENS:
        tokens = tokens.head(MAX_TOKENS)
    keys = keys_of(tokens.words)
    content = frozenset(keys) - _COMMON_KEYS
    weights = {key: 1.0 if key in content else 0.1 for key in keys}
    numeric = list(map(is_number, tokens.words))
    numbers = frozenset(compress(tokens.words, numeric))
    tells = [key in content for key in keys]
    bigrams = frozenset(pairwise(keys))
    return Profile(tokens, keys, weights, bigrams, content, numbers, numeric, tells)


def read(text: str) -> Text:
    """Return a whole text as it is searched."""
    tokens = tokenize(text)
    return Text(tokens, keys_of(tokens.words))


def read_near(unit: Profile, text: str) -> list[Text]:
    """Return the parts of a long text in which the unit may stand; a short one is one part.

    Only rare stems of the unit lead to a part.  Where it has none, or where the text is not
    plain enough to look for them, the whole is read.
    """
    size = PART * len(unit.tokens.words) + PART_MARGIN
    if len(text) <= 2 * size or len(_DISGUISE.findall(text)) > DISGUISED * len(text):
        return [read(text)]
    plain = mask(text)
    lowered = plain.lower()
    if len(lowered) != len(plain):
        return [read(text)]
    found: list[int] = []
    worth: list[float] = []
    stems = 0
    for stem in sorted(unit.content):
        count = lowered.count(stem) if len(stem) >= MIN_STEM else 0
        if 0 < count <= MAX_PLACES:
            found += _occurrences(lowered, stem)
            # a stem is worth 1 wherever it stands: one that comes often says little of a place
            worth += [1.0 / count] * count
            stems += 1
    if len(found) < MIN_PLACES:
        return [read(text)]
    order = np.argsort(found, kind="stable")
    places_, worths = np.array(found, np.int64)[order], np.array(worth)[order]
    parts: list[Text] = []
    for _ in range(WINDOWS):
        if not len(places_):
            break
        sums = np.concatenate(([0.0], np.cumsum(worths)))
        weights = sums[np.searchsorted(places_, places_ + size)] - sums[:-1]
        at = int(places_[weights.argmax()])
        low, high = max(0, at - size), min(len(plain), at + 2 * size)
        low = plain.rfind(" ", 0, low) + 1
        end = plain.find(" ", high)
        tokens = tokenize_part(text, plain[low : end if end >= 0 else len(plain)], low)
        parts.append(Text(tokens, keys_of(tokens.words)))
        if weights.max() >= STRONG * stems:
            break
        left = (places_ < at - size // 2) | (places_ > at + size)
        places_, worths = places_[left], worths[left]
    return parts


def _occurrences(text: str, stem: str) -> list[int]:
    found: list[int] = []
    at = text.find(stem)
    while at >= 0:
        found.append(at)
        at = text.find(stem, at + 1)
    return found


def find_exact(unit: Tokens, text: Tokens, limit: int = 16) -> list[int]:
    """Return where all tokens of the unit follow one another in the text."""
    found: list[int] = []
    wanted, joined = unit.joined, text.joined
    at = joined.find(wanted)
    token = counted = 0
    while at >= 0 and len(found) < limit:
        token += joined.count(" ", counted, at)
        counted = at
        found.append(token)
        at = joined.find(wanted, at + 1)
    return found


def places(unit: Profile, keys: list[str], length: int) -> list[tuple[int, int]]:
    """Return the places of the text that share most with the unit, best first."""
    n = len(keys)
    if n <= length:
        return [(0, n)]
    hits = np.fromiter(map(unit.weights.get, keys, repeat(0.0)), np.float64, n)
    hits[1:] += np.fromiter(map(unit.bigrams.__contains__, pairwise(keys)), np.float64, n - 1)
    sums = np.concatenate(([0.0], np.cumsum(hits)))
    scores = sums[length:] - sums[:-length]
    found: list[tuple[int, int]] = []
    for _ in range(WINDOWS):
        best = int(scores.argmax())
        if scores[best] <= 0.0:
            break
        found.append((max(0, best - length // 3), min(n, best + length + length // 3)))
        scores[max(0, best - length) : best + length] = 0.0
    return found


def overlap(unit: Profile, keys: list[str], low: int, high: int) -> Overlap | None:
    """Align the unit with a place of a text and keep the dense core."""
    window = keys[low:high]
    blocks = LCSseq.opcodes(unit.keys, window).as_matching_blocks()
    runs = [Run(block.a, block.b + low, block.size) for block in blocks if block.size]
    core = _core(runs)
    if not core:
        return None
    pairs = tuple((run.a + k, run.b + k) for run in core for k in range(run.size))
    return Overlap(tuple(core), pairs, core[0].b, core[-1].b + core[-1].size)


def _core(runs: list[Run]) -> list[Run]:
    """Return the stretch of runs that is worth most: what matches less what lies between."""
    best: tuple[float, int, int] = (0.0, 0, 0)
    worth, first = 0.0, 0
    for i, run in enumerate(runs):
        if i:
            before = runs[i - 1]
            gap = run.b - before.b - before.size
            worth -= min(GAP_COST * gap, MAX_GAP_COST)
        if worth <= 0.0:
            worth, first = 0.0, i
        worth += run.size
        best = max(best, (worth, -first, i + 1))
    return runs[-best[1] : best[2]]


def equal_runs(unit: Tokens, text: Tokens, found: Overlap) -> list[Run]:
    """Return the runs in which words, numbers and operators are equal."""
    runs: list[Run] = []
    words, others = unit.words, text.words
    for aligned in found.runs:
        shift, first, size = aligned.b - aligned.a, aligned.a, 0
        for a in range(aligned.a, aligned.a + aligned.size):
            equal = words[a] == others[a + shift]
            if equal and size and same_operators(unit, a, text, a + shift):
                size += 1
                continue
            if size:
                runs.append(Run(first, first + shift, size))
            first, size = a, int(equal)
        if size:
            runs.append(Run(first, first + shift, size))
    return runs


def bridged(runs: list[Run]) -> list[tuple[int, int, int, int]]:
    """Return spans: first and last token in the unit and in the text, near runs made one."""
    spans: list[tuple[int, int, int, int]] = []
    for a, b, size in runs:
        if spans:
            a0, a1, b0, b1 = spans[-1]
            if a - a1 - 1 <= BRIDGE and b - b1 - 1 <= BRIDGE:
                spans[-1] = (a0, a + size - 1, b0, b + size - 1)
                continue
        spans.append((a, a + size - 1, b, b + size - 1))
    longest = max((a1 - a0 for a0, a1, _, _ in spans), default=0)
    return [span for span in spans if span[1] - span[0] >= min(1, longest)]
