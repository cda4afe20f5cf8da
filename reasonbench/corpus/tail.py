"""How the scores of chance fall off: an exponential tail, fitted where hits are rare."""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.search import Matches

TAIL_FROM, TAIL_TO = 0.05, 0.2
"""Scores between which the tail is fitted."""
STRONG = 0.6
"""Score from which a record is left out of the fit, being a hit of something."""
TAIL_SCALE = 0.095
"""Scale of the tail found on other traces."""
TAIL_WEIGHT = 200.0
"""Pairs that this is worth."""


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """How the scores of chance fall off."""

    rate: float
    """Pairs a token and item with a score above ``TAIL_FROM``."""
    scale: float
    """Score over which they become fewer by the factor e."""
    n_pairs: int
    """Pairs that it was fitted to."""
    keep: float
    """p-value up to which a pair may turn out to be a finding."""

    @staticmethod
    def whole_p_value(bits: NDArray[np.float64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the chance that a unit of so many bits stands in a record token for token."""
        return np.where(bits > 0, np.clip(-np.expm1(-tokens * np.exp2(-bits)), 1e-300, 1.0), 1.0)

    def p_value(self, score: NDArray[np.float64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the chance that an item comes to a score in a record of so many tokens."""
        expected = self.rate * tokens * np.exp((TAIL_FROM - score) / self.scale)
        # below that the tail says nothing, and there is nothing to say
        return np.where(score < TAIL_FROM, 1.0, np.clip(-np.expm1(-expected), 1e-300, 1.0))


def fit_tail(
    seen: Iterable[Matches], unseen: Iterable[Matches], known: float, exposure: int
) -> Tail:
    """Fit the tail to the scores of a background.

    Args:
        seen: of each block, with nulls that its records are among.
        unseen: the same with nulls that they are not among.
        known: share of what will be searched that the background is.
        exposure: tokens times items.
    """
    n, total = 0.0, 0.0
    for matches, weight in ((seen, known), (unseen, 1 - known)):
        within = _within(matches)
        n += weight * within.size
        total += weight * float(within.sum())
    scale = _truncated_scale(n, total, TAIL_TO - TAIL_FROM)
    inside = -math.expm1(-(TAIL_TO - TAIL_FROM) / scale)
    rate = (n + 1.0) / inside / max(exposure, 1)
    return Tail(rate=rate, scale=scale, n_pairs=round(n), keep=0.0)


def _within(matches: Iterable[Matches]) -> NDArray[np.float64]:
    """Return by how much scores lie above ``TAIL_FROM`` and not above ``TAIL_TO``."""
    scores = [np.zeros(0)]
    for found in matches:
        strong = np.unique(found.record[(found.score >= STRONG) | (found.whole > 0)])
        scores.append(found.score[~np.isin(found.record, strong)])
    score = np.concatenate(scores)
    return score[(score >= TAIL_FROM) & (score < TAIL_TO)] - TAIL_FROM


def _truncated_scale(n: float, total: float, width: float) -> float:
    """Return the most likely scale of an exponential that was seen below ``width`` only."""

    def mean(scale: float) -> float:
        return scale - width / math.expm1(width / scale)

    wanted = (total + TAIL_WEIGHT * mean(TAIL_SCALE)) / (n + TAIL_WEIGHT)
    low, high = 0.01, 0.3
    if wanted >= mean(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < wanted else (low, middle)
    return high
