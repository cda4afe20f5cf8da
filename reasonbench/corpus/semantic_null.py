"""How the cosines of texts that say other things fall off: the null of a search by meaning."""

import math

import numpy as np
from numpy.typing import NDArray

PRIOR = 10.0
"""Texts that the mean spread over all items is worth beside an item's own."""
FITTED_TO = 6.0
"""Score up to which the tail is fitted: what lies above may be a paraphrase."""
TAIL_SCALE, TAIL_WEIGHT = 1.1, 30.0
"""Scale of the tail found on other texts, and the pairs that this is worth."""


def spread_above(
    score: NDArray[np.float64], null: NDArray[np.float64], n_items: int
) -> NDArray[np.float64]:
    """Return how far scores lie above the null in the mean, drawn towards that of all items.

    Args:
        score: texts x items, then decoys.
        null: of each.
        n_items: how many are no decoys.
    """
    above = score > null
    total = np.where(above, score - null, 0.0).sum(axis=0)
    count = above.sum(axis=0)
    whole = float(total[:n_items].sum()), int(count[:n_items].sum())
    mean = max(whole[0] / max(whole[1], 1), 1e-3)
    return np.asarray((total + PRIOR * mean) / (count + PRIOR))


def tail(beyond: NDArray[np.float64], agree: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit the tail of the scores whose numbers agree; return its rate and scale.

    Args:
        beyond: scores, texts x items; 0 is an item's null.
        agree: whether the text holds the item's numbers.
    """
    score = beyond[(beyond > 0) & (beyond < FITTED_TO) & agree]
    total = float(score.sum()) + TAIL_WEIGHT * _cut_mean(TAIL_SCALE)
    wanted = total / (score.size + TAIL_WEIGHT)
    low, high = 0.1, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _cut_mean(middle) < wanted else (low, middle)
    inside = -math.expm1(-FITTED_TO / high)
    return min((score.size + 1.0) / inside / max(beyond.size, 1), 1.0), high


def _cut_mean(scale: float) -> float:
    """Return the mean of an exponential below ``FITTED_TO``."""
    return scale - FITTED_TO / math.expm1(FITTED_TO / scale)
