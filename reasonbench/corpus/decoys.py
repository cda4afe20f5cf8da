"""Items that cannot be in any traces, to count what is found though it is not there.

A decoy is put together from pieces of a few words, each of another item, in the length of a real
one.  It holds the genre's stock phrases and nothing that a leak of one item could be found by.
"""

import random
import re
from collections.abc import Sequence

from reasonbench.corpus.items import Item

MOST = 256
"""Decoys at most."""
PIECE = (4, 8)
"""Words of a piece."""
FEWEST_ITEMS = 12
"""Items below which there is nothing to put decoys together from."""

_WORD = re.compile(r"\S+")


def make_decoys(items: Sequence[Item], *, most: int = MOST, seed: int = 0) -> list[Item]:
    """Return decoys made from ``items``; none where there are too few to mix."""
    if len(items) < FEWEST_ITEMS:
        return []
    numbers = random.Random(seed)
    count = min(most, len(items))
    return [
        Item(
            "decoy",
            str(n),
            _mixed([i.question for i in items], numbers),
            _mixed_or_none(items, numbers),
        )
        for n in range(count)
    ]


def _mixed_or_none(items: Sequence[Item], numbers: random.Random) -> str:
    solutions = [item.solution for item in items if item.solution]
    return _mixed(solutions, numbers) if len(solutions) >= FEWEST_ITEMS else ""


def _mixed(texts: Sequence[str], numbers: random.Random) -> str:
    length = len(_WORD.findall(numbers.choice(texts)))
    pieces: list[str] = []
    while length > 0:
        words = _WORD.findall(numbers.choice(texts))
        size = min(numbers.randint(*PIECE), length)
        start = numbers.randrange(max(len(words) - size, 0) + 1)
        pieces.extend(words[start : start + size])
        length -= size
    return " ".join(pieces)
