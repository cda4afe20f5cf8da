"""Diversity collapse: better at one completion, worse at many; and where curves cross.

Invariants: the verdict rests on two tests that must both reject, never on how much a
gap has shrunk; k is named before the data are seen. Not covered: choosing k by the
data, which the p-value does not allow for.

Array names carry their axes as a suffix: P problems, D distinct rows, K values of k, B
resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import (
    FloatArray,
    IntArray,
    check_count,
    check_groups,
    check_probability,
)
from reasonbench.stats.compare import (
    Differences,
    check_paired,
    one_sided_p_values,
    paired_differences,
)

COLLAPSE: Final = "collapse"
CROSSING_UNRESOLVED: Final = "crossing unresolved"
IMPROVEMENT: Final = "improvement at all k"
NO_EVIDENCE: Final = "no evidence"

_CURVE_POINTS = 128
"""Values of k, all up to here and log-spaced beyond, at which curves are compared."""


class Crossing(NamedTuple):
    """Where B falls to A or below; None stands for 'none within k'."""

    k: float | None
    """First k with delta_k <= 0, interpolated on log k."""
    low: float | None
    """Lower percentile over resamples of the problems."""
    high: float | None
    """Upper percentile over resamples of the problems."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DiversityCollapse:
    """The test for a collapse from model A to model B, and what it looked like."""

    k: int
    """The k that was named, 'K'."""
    p: float
    """Of the hypothesis that B is not better at 1, or not worse at K."""
    p_1: float
    """Of the hypothesis delta_1 <= 0."""
    p_k: float
    """Of the hypothesis delta_K >= 0."""
    p_improvement: float
    """Of the hypothesis that delta_k <= 0 for some k up to K."""
    verdict: str
    """`COLLAPSE`, `CROSSING_UNRESOLVED`, `IMPROVEMENT` or `NO_EVIDENCE`."""
    delta_1: float
    """pass@1 of B minus that of A."""
    delta_k: float
    """pass@K of B minus that of A."""
    crossing: float | None
    """First k with delta_k <= 0; None: none within K."""
    crossing_low: float | None
    """Lower bound of the crossing; None: above K."""
    crossing_high: float | None
    """Upper bound of the crossing; None: above K."""
    lost: IntArray
    """Indices of the problems that A solved at least once and B never."""
    gained: IntArray
    """Indices of the problems that B solved at least once and A never."""
    undefined: int
    """Problems left out because K > n in a model."""
    level: float
    """1 - the level of the test; confidence level of the crossing's interval."""


def diversity_collapse(
    n_a: npt.ArrayLike,
    c_a: npt.ArrayLike,
    n_b: npt.ArrayLike,
    c_b: npt.ArrayLike,
    k: SupportsIndex,
    *,
    level: float = 0.95,
    anchor: float = 0.5,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 2000,
    draws: int = 20_000,
    seed: int = 0,
) -> DiversityCollapse:
    """Test whether model B (after) gained at pass@1 and lost at pass@k against A (before).

    Parameters:
        n_a, c_a, n_b, c_b (array_like of int, shape (m,)): Completions and correct completions
            of each problem by A and by B, in the same order.
        k (int): The K of the question, at least 2, named before the data are seen.
        level (float): 1 - level is the chance at most of a false verdict of collapse.
        anchor (float): Anchor of Gaffke's test where few problems carry the difference.
        clusters (array_like of int or str, shape (m,), optional): Problems with equal labels
            may depend on each other.
        resamples (int): Of the problems, for the interval of the crossing.
        draws, seed (int): Monte-Carlo draws of Gaffke's test; seed of both.

    Returns:
        DiversityCollapse: Problems with K > n in a model are left out of everything but `lost`
            and `gained`.

    Raises:
        ValueError: If an argument is out of range, shapes differ, or no problem has n >= K in
            both models.

    Notes:
        Collapse is delta_1 > 0 and delta_K < 0. Both one-sided tests (those that belong to the
        intervals of `compare_paired`) must reject at 1 - level: p = max(p_1, p_K), which needs
        no correction for being two. A crossing of the estimates without that is `crossing
        unresolved`. `improvement at all k` needs delta_k > 0 by the same test at each k up to K
        (128 of them at most), which saturation at large k can withhold. All else is `no
        evidence`. That the gap between pass@K and pass@1 shrank is no test: it does so in most
        models that are better at every k.

        False verdicts at level .95 with delta_1 = 0 and half of the problems lost, the edge of the
        hypothesis, n = K = 16, 600 runs: .000, .013 and .048 at m = 15, 30 and 164.

    References:
        Berger (1982), Technometrics 24, 295-300 (intersection-union tests). Dang et al. (2025),
        arXiv:2504.10478 (diversity collapse under fine-tuning).
    """
    caller = "diversity_collapse"
    check_probability(level, name="level", caller=caller)
    last = check_count(k, name="k", caller=caller, least=2)
    times = check_count(resamples, name="resamples", caller=caller)
    k_K = curve_ks(last)
    counts = check_paired(n_a, c_a, n_b, c_b, caller)
    kept = _kept(counts, last, caller)
    groups = check_groups(clusters, kept.size, caller=caller)
    n_A, c_A, n_B, c_B = (count[kept] for count in counts)
    rows = paired_differences((n_A, c_A, n_B, c_B), k_K, None if groups is None else groups[kept])
    better_K, worse_K = (
        one_sided_p_values(rows, negative=negative, anchor=anchor, draws=draws, seed=seed)
        for negative in (False, True)
    )
    p_1, p_k, p_all = float(better_K[0]), float(worse_K[-1]), float(better_K.max())
    delta_K = rows.delta
    crossing = _crossing(rows, k_K, level, times, seed)
    ever_A, ever_B = counts[1] > 0, counts[3] > 0
    return DiversityCollapse(
        k=last,
        p=max(p_1, p_k),
        p_1=p_1,
        p_k=p_k,
        p_improvement=p_all,
        verdict=_verdict(delta_K, max(p_1, p_k), p_all, 1 - level),
        delta_1=float(delta_K[0]),
        delta_k=float(delta_K[-1]),
        crossing=crossing.k,
        crossing_low=crossing.low,
        crossing_high=crossing.high,
        lost=np.flatnonzero(ever_A & ~ever_B & (counts[2] > 0)),
        gained=np.flatnonzero(ever_B & ~ever_A & (counts[0] > 0)),
        undefined=int(np.sum(~kept)),
        level=level,
    )


def _kept(
    counts: tuple[IntArray, IntArray, IntArray, IntArray], last: int, caller: str
) -> npt.NDArray[np.bool_]:
    """Which problems have n >= K in both models."""
    kept: npt.NDArray[np.bool_] = (counts[0] >= last) & (counts[2] >= last)
    if not kept.any():
        raise ValueError(
            f"The 'k' parameter of {caller} must be at most n in both models for a problem. "
            f"Got {last} instead."
        )
    return kept


def curve_ks(last: int) -> IntArray:
    """Values of k at which curves are compared: all, or log-spaced ones up to the last."""
    if last <= _CURVE_POINTS:
        return np.arange(1, last + 1)
    spaced = np.unique(np.rint(np.geomspace(1, last, _CURVE_POINTS)).astype(np.int64))
    return np.asarray(spaced, dtype=np.int64)


def _verdict(delta_K: FloatArray, p: float, p_improvement: float, alpha: float) -> str:
    if p <= alpha:
        return COLLAPSE
    if delta_K[0] > 0 and delta_K[-1] < 0:
        return CROSSING_UNRESOLVED
    return IMPROVEMENT if p_improvement <= alpha else NO_EVIDENCE


def _crossing(rows: Differences, k_K: IntArray, level: float, times: int, seed: int) -> Crossing:
    """The crossing of the estimates, and its percentiles over resampled rows."""
    rng = np.random.default_rng(seed)
    total = int(rows.counts.sum())
    count_BD = rng.multinomial(total, rows.counts / total, size=times).astype(np.float64)
    sum_DK = rows.means * rows.sizes
    delta_BK = (count_BD @ sum_DK) / (count_BD @ rows.sizes)
    drawn_B = np.sort(first_crossings(delta_BK, k_K))
    tail = (1 - level) / 2
    point = first_crossings(rows.delta[None], k_K)[0]
    low = drawn_B[int(tail * (times - 1))]
    high = drawn_B[int(np.ceil((1 - tail) * (times - 1)))]
    return Crossing(finite(point), finite(min(low, point)), finite(max(high, point)))


def first_crossings(delta_BK: FloatArray, k_K: IntArray) -> FloatArray:
    """First k at which each curve is at 0 or below, interpolated on log k; inf if none."""
    below_BK = delta_BK <= 0
    first_B = below_BK.argmax(axis=1)
    before_B = np.maximum(first_B - 1, 0)
    row_B = np.arange(len(delta_BK))
    above_B, under_B = delta_BK[row_B, before_B], delta_BK[row_B, first_B]
    share_B = np.where(first_B > 0, above_B / np.where(above_B > under_B, above_B - under_B, 1), 1)
    log_B = np.log(k_K[before_B]) + share_B * (np.log(k_K[first_B]) - np.log(k_K[before_B]))
    return np.where(below_BK.any(axis=1), np.exp(log_B), np.inf)


def finite(value: float) -> float | None:
    """The number; None where it is infinite."""
    return float(value) if np.isfinite(value) else None
