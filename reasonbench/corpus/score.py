# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Stage 2: how many bits of a unit stand in a stretch of a record, in order.

A local alignment of words.  A word that continues a match is worth what it says after the two
words before it, a word that begins one what it says alone; a word that differs or is missing
costs.  So a stock phrase is worth little however long it is, and a rare one much.
"""

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.simd import compiled

DIFFERS = 1.5
"""Bits that a word in place of another costs."""
NAME_DIFFERS = 0.5
"""Bits that another number or name costs: a problem with other numbers is the same problem."""
MISSING = 1.0
"""Bits that a word costs that stands on one side only."""
LONGEST = 512
"""Most tokens of a unit; longer texts are cut into several."""


@compiled
def alignment_bits(
    tokens: NDArray[np.uint64],
    count: int,
    begin: int,
    slack: int,
    unit: NDArray[np.uint64],
    first: NDArray[np.float32],
    follow: NDArray[np.float32],
    names: NDArray[np.bool_],
    rows: NDArray[np.float32],
) -> float:
    """Return the bits of the best local alignment near a diagonal.

    Args:
        tokens: of the record.
        count: how many.
        begin: token of the record at which the unit would begin; may be negative.
        slack: tokens by which a match may be shifted.
        unit: tokens of the unit.
        first: bits of each of its tokens alone.
        follow: bits of each after those before it.
        names: whether each is a number or a single letter.
        rows: room, [2, LONGEST + 1].
    """
    size = unit.size
    for j in range(size + 1):
        rows[0, j] = 0.0
        rows[1, j] = 0.0
    best = np.float32(0.0)
    for i in range(max(0, begin - slack), min(count, begin + size + slack)):
        token = tokens[i]
        low = max(0, i - begin - slack)
        high = min(size, i - begin + slack + 1)
        diagonal, was_match = rows[0, low], rows[1, low]
        left, left_match = np.float32(0.0), np.float32(0.0)
        for j in range(low, high):
            above, above_match = rows[0, j + 1], rows[1, j + 1]
            if unit[j] == token:
                value = diagonal + (follow[j] if was_match > 0 else first[j])
                matched = np.float32(1.0)
            else:
                value = diagonal - np.float32(NAME_DIFFERS if names[j] else DIFFERS)
                matched = was_match if names[j] else np.float32(0.0)
            if above - np.float32(MISSING) > value:
                value = above - np.float32(MISSING)
                matched = np.float32(0.0)
            if left - np.float32(MISSING) > value:
                value = left - np.float32(MISSING)
                matched = left_match if names[j] else np.float32(0.0)
            if value <= 0.0:
                value = np.float32(0.0)
                matched = np.float32(0.0)
            diagonal, was_match = above, above_match
            rows[0, j + 1] = value
            rows[1, j + 1] = matched
            left, left_match = value, matched
            best = max(best, value)
    return best


@compiled
def shared_bits(
    tokens: NDArray[np.uint64],
    low: int,
    high: int,
    rare: NDArray[np.uint64],
    worth: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> float:
    """Return the bits of an item's rare tokens that stand anywhere in a stretch, each once.

    Args:
        tokens: of the record.
        low: first token of the stretch.
        high: one past its last.
        rare: the item's rare tokens, ascending.
        worth: bits of each.
        seen: room, as long.
    """
    size = rare.size
    seen[:size] = False
    total = 0.0
    if size == 0:
        return total
    for i in range(low, high):
        token = tokens[i]
        a, b = 0, size
        while a < b:
            middle = (a + b) >> 1
            if rare[middle] < token:
                a = middle + 1
            else:
                b = middle
        if a < size and rare[a] == token and not seen[a]:
            seen[a] = True
            total += worth[a]
    return total
