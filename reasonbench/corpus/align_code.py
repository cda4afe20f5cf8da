"""Programs: their tokens, and how much of one stands in a text, names changed or not."""

import re
from collections import Counter
from functools import lru_cache
from keyword import iskeyword
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import LCSseq

MAX_TOKENS = 4096
"""Tokens of a program that are aligned."""
MIN_TOKENS = 12
"""A program of fewer is not told from others."""
SAME_NAMES = 0.6
"""Least share of the tokens that are equal as they stand."""
RENAMED = 0.85
"""Least share of the tokens that are equal after renaming one by one."""
RENAMED_TOKENS = 20
"""Least tokens of a renamed program: shorter ones look alike."""
RUN = 5
"""Tokens of a run that counts."""

_TOKEN = re.compile(
    r"([A-Za-z_]\w*|\d+(?:\.\d+)?|[-+*/%<>=!&|^]=?|[^\s\w])([\s\u0080-\U0010ffff]*)"
)
_MASKED = re.compile(r"#[^\n]*|\"\"\"(?:[^\"]|\"(?!\"\"))*\"\"\"")


class CodeTokens(NamedTuple):
    """A program's tokens, their characters, and their shapes with names left open."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    shapes: list[str]


class CodeMatch(NamedTuple):
    """What of a program stands in a text: first and last tokens on both sides."""

    spans: tuple[tuple[int, int, int, int], ...]
    coverage: float
    longest: int


@lru_cache(maxsize=1024)
def code_profile(text: str) -> CodeTokens:
    """Return a reference program's tokens; remembered."""
    words, starts, ends, shapes = code_tokens(text)
    n = MAX_TOKENS
    return CodeTokens(words[:n], starts[:n], ends[:n], shapes[:n])


def code_tokens(text: str) -> CodeTokens:
    """Return a program's tokens without comments and docstrings."""
    plain = _MASKED.sub(lambda m: " " * len(m.group()), text)
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _TOKEN.finditer(plain):
        words.append(match.group(1))
        starts.append(match.start(1))
        ends.append(match.end(1))
    return CodeTokens(words, starts, ends, list(map(_shape, words)))


def _shape(word: str) -> str:
    return "v" if word.isidentifier() and not iskeyword(word) else word


def match_code(unit: CodeTokens, text: CodeTokens) -> CodeMatch | None:
    """Return how the program stands in the text, or None."""
    n = len(unit.words)
    if n < MIN_TOKENS or len(text.words) < MIN_TOKENS:
        return None
    low, high = _place(unit, text)
    pairs = _aligned(unit.words, text.words[low:high], low)
    found = _match(unit, pairs, SAME_NAMES)
    if found or n < RENAMED_TOKENS:
        return found
    pairs = _aligned(unit.shapes, text.shapes[low:high], low)
    return _match(unit, _consistent(unit, text, pairs), RENAMED)


def _place(unit: CodeTokens, text: CodeTokens) -> tuple[int, int]:
    n, length = len(text.words), 2 * len(unit.words) + 16
    if n <= length:
        return 0, n
    wanted = frozenset(zip(unit.shapes, unit.shapes[1:], unit.shapes[2:], strict=False))
    names = frozenset(unit.words)
    triples = zip(text.shapes, text.shapes[1:], text.shapes[2:], strict=False)
    hits = np.zeros(n)
    hits[: n - 2] = np.fromiter(map(wanted.__contains__, triples), np.float64, n - 2)
    hits += np.fromiter(map(names.__contains__, text.words), np.float64, n)
    sums = np.concatenate(([0.0], np.cumsum(hits)))
    best = int((sums[length:] - sums[:-length]).argmax())
    return max(0, best - length // 3), min(n, best + length + length // 3)


def _aligned(unit: list[str], text: list[str], low: int) -> list[tuple[int, int]]:
    blocks = LCSseq.opcodes(unit, text).as_matching_blocks()
    return [(block.a + k, block.b + low + k) for block in blocks for k in range(block.size)]


def _consistent(
    unit: CodeTokens, text: CodeTokens, pairs: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Keep the pairs in which each name stands for its most frequent partner, one for one."""
    votes = Counter((unit.words[a], text.words[b]) for a, b in pairs if unit.shapes[a] == "v")
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for (one, other), _ in votes.most_common():
        if one not in there and other not in back:
            there[one], back[other] = other, one
    return [
        (a, b)
        for a, b in pairs
        if unit.shapes[a] != "v" or there.get(unit.words[a]) == text.words[b]
    ]


def _match(unit: CodeTokens, pairs: list[tuple[int, int]], least: float) -> CodeMatch | None:
    runs: list[list[int]] = []
    for a, b in pairs:
        if runs and (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]) == (a, b):
            runs[-1][2] += 1
        else:
            runs.append([a, b, 1])
    kept = [run for run in runs if run[2] >= RUN]
    coverage = sum(run[2] for run in kept) / len(unit.words)
    if coverage < least:
        return None
    spans = tuple((a, a + size - 1, b, b + size - 1) for a, b, size in kept)
    return CodeMatch(_joined(spans), coverage, max(run[2] for run in kept))


def _joined(spans: tuple[tuple[int, int, int, int], ...]) -> tuple[tuple[int, int, int, int], ...]:
    joined = [spans[0]]
    for span in spans[1:]:
        last = joined[-1]
        if span[0] - last[1] <= RUN and span[2] - last[3] <= RUN:
            joined[-1] = (last[0], span[1], last[2], span[3])
        else:
            joined.append(span)
    return tuple(joined)
