"""Two models on the same problems: the difference in pass@k, and a gate on it.

d_i = pass@k(B) - pass@k(A) of problem i. Problems are a sample of others of their kind,
so the noise of sampling completions is part of what is seen and is not added again.

Invariants: a problem counts at k only if both models have n >= k on it, and those that
do not are counted; an interval contains its estimate, stays in [-1, 1] and is never of
zero width. Not covered: models that were asked different problems, which are in
`difference`.

Array names carry their axes as a suffix: P problems, D distinct rows, K values of k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.checks import (
    FloatArray,
    IntArray,
    check_alpha,
    check_count,
    check_groups,
    check_number,
    check_probability,
)
from reasonbench.stats.clusters import cluster_means, clustered_variance, t_interval
from reasonbench.stats.gaffke import gaffke_band, gaffke_interval, gaffke_p_value
from reasonbench.stats.intervals import Interval
from reasonbench.stats.passk import check_counts, check_ks, pass_at_k

STUDENT: Final = "t"
GAFFKE: Final = "gaffke"

ENOUGH: Final = 15.0
"""Effective problems from which on Student's t holds."""

ROUNDING: Final = 1e-24
"""Squared standard error up to which differences are all alike, but for rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedComparison:
    """pass@k of B minus that of A at K values of k."""

    ks: IntArray
    """The K values of k, as they were asked for."""
    delta: FloatArray
    """Mean of d; NaN where no problem has n >= k in both models."""
    interval: Interval
    """For other problems of the same kind, at each k alone."""
    band: Interval
    """For all k at once."""
    variance: FloatArray
    """Squared standard error of `delta`, for other problems of the same kind."""
    effective_n: FloatArray
    """Problems (or clusters) that carry the difference."""
    method: tuple[str, ...]
    """`STUDENT` or `GAFFKE` at each k."""
    undefined: IntArray
    """Problems left out at each k, because k > n in a model."""
    n_problems: int
    """Problems that were given."""
    level: float
    """Confidence level of intervals and band."""


class GateResult(NamedTuple):
    """Whether B is shown to be worse than A by less than the margin."""

    delta: float
    """Mean of d over the problems."""
    low: float
    """One-sided lower bound of the difference at level 1 - alpha."""
    p_value: float
    """Of the hypothesis that the difference is -margin or less."""
    passed: bool
    """Whether that hypothesis is rejected."""


class Differences(NamedTuple):
    """Rows of paired differences: distinct problems, or clusters with their sizes."""

    means: FloatArray
    """Mean d of each row and k, in [-1, 1], shape (D, K); NaN where undefined."""
    sizes: FloatArray
    """Problems in each row and k, shape (D, K)."""
    counts: FloatArray
    """How often each row occurs, shape (D,)."""

    @property
    def delta(self) -> FloatArray:
        """Mean of d over the problems, for each k."""
        filled = np.where(self.sizes > 0, self.means, 0.0)
        total = self.counts @ self.sizes
        delta = np.full(total.size, np.nan)
        np.divide(self.counts @ (filled * self.sizes), total, out=delta, where=total > 0)
        return delta


def compare_paired(
    n_a: npt.ArrayLike,
    c_a: npt.ArrayLike,
    n_b: npt.ArrayLike,
    c_b: npt.ArrayLike,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 0.5,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> PairedComparison:
    """Estimate the difference in pass@k of two models on the same problems.

    Parameters:
        n_a, c_a, n_b, c_b (array_like of int, shape (m,)): Completions and correct completions
            of each problem by model A and by model B, in the same order.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        level (float): Confidence level, in (0, 1).
        anchor (float): Anchor of `gaffke_interval`, at -1 and +1.
        clusters (array_like of int or str, shape (m,), optional): Problems with equal labels
            may depend on each other.
        draws, seed (int): Monte-Carlo draws of the bands, and their seed.

    Returns:
        PairedComparison: Arrays of shape (K,).

    Raises:
        ValueError: If counts, settings or ks are out of range or shapes differ.

    Notes:
        The effective number of problems is (sum |d|)^2 / sum d^2, or the same of the distances
        to 1 (or -1) if that is smaller. From 15 on, the interval is Student's t on d; below,
        and where d does not vary at all, it is Gaffke's with anchors at -1 and +1. Two models
        that agree on every problem get an interval around 0, not a point. The band is Gaffke's
        at every k, widened to contain the intervals.

        Coverage at 95 %, n = 16, k 1..16, m 15, 30 and 164, six kinds of pairs (300 runs each):
        .93 to 1.00 for the intervals, .94 to 1.00 for the band. Few problems of which most do not
        differ are covered too often.

    References:
        Miller (2024), arXiv:2411.00640 (paired and clustered errors). See `gaffke_band`.
    """
    caller = "compare_paired"
    check_probability(level, name="level", caller=caller)
    k_K = check_ks(ks, caller=caller)
    counts = check_paired(n_a, c_a, n_b, c_b, caller)
    rows = paired_differences(counts, k_K, check_groups(clusters, counts[0].size, caller=caller))
    unit = (rows.means + 1) / 2
    alone, together = gaffke_band(
        unit,
        counts=rows.counts,
        sizes=rows.sizes,
        level=level,
        anchor=anchor,
        draws=draws,
        seed=seed,
    )
    variance_K, clusters_K = clustered_variance(rows.means, rows.sizes, rows.counts)
    effective_K = effective_number(rows)
    student_K = (effective_K >= ENOUGH) & (variance_K > ROUNDING)
    student = t_interval(rows.delta, variance_K, clusters_K, level)
    low_K = np.where(student_K, np.maximum(student.low, -1.0), 2 * alone.low - 1)
    high_K = np.where(student_K, np.minimum(student.high, 1.0), 2 * alone.high - 1)
    n_problems = counts[0].size
    return PairedComparison(
        ks=k_K,
        delta=rows.delta,
        interval=Interval(low_K, high_K),
        band=Interval(
            np.minimum(2 * together.low - 1, low_K), np.maximum(2 * together.high - 1, high_K)
        ),
        variance=variance_K,
        effective_n=effective_K,
        method=tuple(STUDENT if student else GAFFKE for student in student_K),
        undefined=(n_problems - rows.counts @ rows.sizes).astype(np.int64),
        n_problems=n_problems,
        level=level,
    )


def gate_paired(
    n_a: npt.ArrayLike,
    c_a: npt.ArrayLike,
    n_b: npt.ArrayLike,
    c_b: npt.ArrayLike,
    k: SupportsIndex,
    *,
    margin: float = 0.0,
    alpha: float = 0.05,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> GateResult:
    """Test whether B is worse than A at pass@k by less than a margin, on other problems too.

    Parameters:
        n_a, c_a, n_b, c_b (array_like of int, shape (m,)): As for `compare_paired`.
        k (int): At least 1; problems with k > n in a model are left out.
        margin (float): Loss that would still be accepted, in [0, 1), as a difference of pass@k.
        alpha (float): Chance at most of passing a model that is worse by the margin, below 1/2.
        clusters, draws, seed: As for `compare_paired`.

    Returns:
        GateResult: Passed if the hypothesis delta <= -margin is rejected. Several gates: pass
            the p-values to `holm`.

    Raises:
        ValueError: If an argument is out of range, or no problem has n >= k in both models.

    Notes:
        Gaffke's one-sided lower bound with the anchor 1 at -1: no law of the differences is
        assumed, and few problems cannot pass by luck. With 0 margin, 15 problems that all
        gained everything give p = 2^-15, as a sign test would.

    References:
        Gaffke (2005); see `gaffke_interval`.
    """
    caller = "gate_paired"
    check_alpha(alpha, caller=caller)
    check_number(margin, name="margin", caller=caller, least=0.0, most=0.999)
    k_K = np.array([check_count(k, name="k", caller=caller)])
    counts = check_paired(n_a, c_a, n_b, c_b, caller)
    rows = paired_differences(counts, k_K, check_groups(clusters, counts[0].size, caller=caller))
    if np.isnan(rows.delta[0]):
        raise ValueError(
            f"The 'k' parameter of {caller} must be at most n in both models for a problem. "
            f"Got {k!r} instead."
        )
    unit = (rows.means + 1) / 2
    p = gaffke_p_value(
        unit, (1 - margin) / 2, counts=rows.counts, sizes=rows.sizes, draws=draws, seed=seed
    )[0]
    low = gaffke_interval(
        unit,
        counts=rows.counts,
        sizes=rows.sizes,
        level=1 - 2 * alpha,
        anchor=1.0,
        draws=draws,
        seed=seed,
    ).low[0]
    return GateResult(float(rows.delta[0]), float(2 * low - 1), float(p), bool(p <= alpha))


def check_paired(
    n_a: npt.ArrayLike, c_a: npt.ArrayLike, n_b: npt.ArrayLike, c_b: npt.ArrayLike, caller: str
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return both models' counts as int64 arrays, or raise ValueError if impossible."""
    n_A, c_A = check_counts(n_a, c_a, caller=caller, names=("n_a", "c_a"))
    n_B, c_B = check_counts(n_b, c_b, caller=caller, names=("n_b", "c_b"))
    if n_A.shape != n_B.shape or n_A.size == 0:
        raise ValueError(
            f"The 'n_a' and 'n_b' parameters of {caller} must have one entry for each of the same "
            f"problems, and at least one. Got {n_A.size} and {n_B.size} entries instead."
        )
    return n_A, c_A, n_B, c_B


def paired_differences(
    counts: tuple[IntArray, IntArray, IntArray, IntArray],
    k_K: IntArray,
    group_P: npt.NDArray[np.intp] | None,
) -> Differences:
    """Return the rows of d: distinct problems, or clusters."""
    if group_P is not None:
        n_A, c_A, n_B, c_B = counts
        d_PK = pass_at_k(n_B, c_B, k_K) - pass_at_k(n_A, c_A, k_K)
        means, sizes = cluster_means(d_PK, group_P)
        return Differences(means, sizes, np.ones(len(means)))
    row_D4, counts_D = np.unique(np.column_stack(counts), axis=0, return_counts=True)
    n_A, c_A, n_B, c_B = row_D4.T
    d_DK = pass_at_k(n_B, c_B, k_K) - pass_at_k(n_A, c_A, k_K)
    return Differences(d_DK, (~np.isnan(d_DK)).astype(np.float64), counts_D.astype(np.float64))


def effective_number(rows: Differences) -> FloatArray:
    """How many rows carry the differences, or what they lack of 1 or -1 if that is fewer."""
    filled_DK = np.where(rows.sizes > 0, rows.means, 0.0)
    sum_DK = filled_DK * rows.sizes
    lacking_DK = rows.sizes - np.where(rows.delta >= 0, 1.0, -1.0) * sum_DK
    return np.minimum(_concentration(sum_DK, rows.counts), _concentration(lacking_DK, rows.counts))


def one_sided_p_values(
    rows: Differences, *, negative: bool, anchor: float, draws: int, seed: int
) -> FloatArray:
    """P-values of delta <= 0 (or, if `negative`, of delta >= 0), by `compare_paired`'s method."""
    sign = -1.0 if negative else 1.0
    variance_K, clusters_K = clustered_variance(rows.means, rows.sizes, rows.counts)
    student_K = (effective_number(rows) >= ENOUGH) & (variance_K > ROUNDING)
    p_K = gaffke_p_value(
        (sign * rows.means + 1) / 2,
        0.5,
        counts=rows.counts,
        sizes=rows.sizes,
        anchor=anchor,
        draws=draws,
        seed=seed,
    )
    t_K = sign * rows.delta[student_K] / np.sqrt(variance_K[student_K])
    p_K[student_K] = special.stdtr(clusters_K[student_K] - 1, -t_K)
    return p_K


def _concentration(weight_DK: FloatArray, counts_D: FloatArray) -> FloatArray:
    total_K, squares_K = counts_D @ np.abs(weight_DK), counts_D @ weight_DK**2
    number_K = np.zeros(total_K.size)
    np.divide(total_K**2, squares_K, out=number_K, where=squares_K > 0)
    return number_K
