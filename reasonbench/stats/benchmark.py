"""pass@k of a benchmark from its counts, with an interval for each of two questions.

*Superpopulation*: would other problems of this kind give the same? (Gaffke.)
*Fixed*: would new samples on this list of problems? (The sampling noise that a
beta-binomial fit implies, then Wilson with its effective sample size.)

Invariants: problems weigh equally and in any order; none leaves the estimate
without being counted; the numbers at one k do not depend on which other ks are
asked for; an interval that cannot be had is NaN, with a flag. Not covered: k > n,
but for problems stopped early, where it is k > n_max.

Array names carry their axes as a suffix: P problems, D distinct (n, c) pairs, K
values of k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import FloatArray, IntArray, check_groups
from reasonbench.stats.clusters import cluster_means, clustered_variance
from reasonbench.stats.gaffke import gaffke_band
from reasonbench.stats.intervals import Interval, mean_of_defined
from reasonbench.stats.noise import sampling_noise
from reasonbench.stats.passk import (
    check_counts,
    check_ks,
    distinct_counts,
    pass_at_k,
)
from reasonbench.stats.stopped import StoppingRule, check_stopping

FIXED_INTERVAL_NOT_IDENTIFIED: Final = "fixed_interval_not_identified"
K_EXCEEDS_N: Final = "k_exceeds_n"
MISSING_PROBLEMS: Final = "missing_problems"
SELECTED_BY_OUTCOME: Final = "selected_by_outcome"

_AnyArray = TypeVar("_AnyArray", FloatArray, IntArray)


@dataclass(frozen=True, kw_only=True, eq=False)
class BenchmarkPassAtK:
    """pass@k of a benchmark at K values of k; the arrays are read-only."""

    ks: IntArray
    """The K values of k, as they were asked for."""
    estimate: FloatArray
    """Mean of the problems' unbiased pass@k; NaN where no problem has n >= k."""
    superpopulation: Interval
    """For other problems of the same kind; NaN where no problem has n >= k."""
    fixed: Interval
    """For new samples on the same problems; NaN where flagged as not identified."""
    band: Interval
    """For other problems of the same kind, at all K values of k at once."""
    between_var: FloatArray
    """Variance of the estimate that comes from the choice of problems."""
    within_var: FloatArray
    """Variance of the estimate that comes from sampling noise."""
    undefined: IntArray
    """How many of the problems have k > n (n_max if stopped) and are not in the estimate."""
    n_problems: int
    """Problems that were given, missing ones included."""
    n_missing: int
    """Problems with n = 0, which are in no estimate."""
    level: float
    """Confidence level of both intervals."""
    anchor: float
    """Anchor of the superpopulation interval."""
    flags: tuple[tuple[str, ...], ...]
    """For each k, what a reader must know about the numbers."""


def benchmark_pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 0.5,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
    stopped: npt.ArrayLike | None = None,
    n_max: SupportsIndex | None = None,
) -> BenchmarkPassAtK:
    """Estimate pass@k of a benchmark, with both intervals, from its counts.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem; n = 0 marks a problem that is missing.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        level (float): Confidence level, in (0, 1).
        anchor (float): Anchor of the intervals: 1/2 for display, 1 for gates and claims.
        clusters (array_like of int or str, shape (m,), optional): Problems with equal labels may
            depend on each other, as variants of one template do.
        draws, seed (int): Monte-Carlo draws of `gaffke_band`, and their seed.
        stopped (array_like of bool, shape (m,), optional): Which problems were sampled no
            further because they had their r-th success, at completion n; r is their c, the
            same for all. A problem with its r-th success at n_max is one of them.
        n_max (int, optional): Completions that end a problem without r successes; given with
            `stopped` and only then.

    Returns:
        BenchmarkPassAtK: Arrays of shape (K,). Problems weigh equally whatever their n; those
            with k > n are left out at that k and counted in `undefined`.

    Raises:
        ValueError: If the counts, settings or ks are out of range, or if no single rule "until
            the r-th success, n_max at most" can have led to the counts.

    Notes:
        The variance of the estimate over problems, S^2 / m, already contains the sampling
        noise: ``within_var`` is sum V_i / m^2 with V_i from the beta-binomial fit,
        ``between_var`` the rest, floored at 0.

        The fixed interval is `beta_interval` at n_eff = t (1 - t) / W, floored at m. t is pass@k
        by the beta-binomial fit, and W the larger of ``within_var`` and of the same by
        `fit_mixture`: a Beta is too smooth where problems are of two kinds, a mixture too sharp
        where they are few. It does not exist where fewer than half of the sampled problems have
        n >= 2: one completion a problem cannot tell noise from difficulty.

        With clusters, the superpopulation interval and the band are Gaffke's over clusters,
        each weighted by its size, and S^2 / m becomes `clustered_variance`. The fixed interval
        is unchanged: completions are drawn independently.

        Coverage of the fixed interval at 95 % and anchor 1/2 over 180 cells (m 15..500, n 4..64;
        400 runs each, +- .011): .964 on average and .925 at worst under four Betas, .948 and .873
        where every problem has p = .01 or .99. `gaffke_interval` gives that of the
        superpopulation interval, `gaffke_band` that of the band.

        Stopped problems get `pass_at_k_stopped`, which is defined up to k = n_max, the others
        Chen's formula: together they are exactly unbiased, where Chen's for all is not. The
        superpopulation interval needs no more than that, as it asks of the values only that
        they lie in [0, 1]. Nor does the beta-binomial fit change: that sampling ended by what
        was seen multiplies the likelihood of (n, c), p^c (1 - p)^(n - c), by a number free of
        p. V_i does change, to `mean_stopped_variance`. Coverage at 95 %, r = 4, n_max 64, m 30 and
        200, three laws (400 runs): .940 at worst for the superpopulation at anchor 1/2, .943 for
        the fixed interval.

        A problem with c < r and n < n_max (completions are owed) counts as one whose limit is
        n. At n < k <= n_max, the problems that remain are there because they were solved, which
        is flagged as `SELECTED_BY_OUTCOME`: the estimate is then too high by up to undefined /
        m.

    References:
        Chen et al. (2021), arXiv:2107.03374. Wilson (1927), JASA 22, 209-212. See
        `gaffke_interval` for the superpopulation interval, `pass_at_k_stopped` for stopping.
    """
    caller = "benchmark_pass_at_k"
    n_P, c_P = _check_problems(n, c, caller)
    k_K = check_ks(ks, caller=caller)
    rule = check_stopping(n_P, c_P, stopped, n_max, caller=caller)
    groups = check_groups(clusters, n_P.size, caller=caller)
    n_D, c_D, inverse_P = distinct_counts(n_P, c_P)
    weight_D = np.bincount(inverse_P, minlength=n_D.size)
    pass_DK = rule.pass_at_k(n_D, c_D, k_K) if rule else pass_at_k(n_D, c_D, k_K)
    m_K = weight_D @ ~np.isnan(pass_DK)
    estimate_K = mean_of_defined(pass_DK, weight_D.astype(np.float64))
    rows, sizes, counts = _rows(pass_DK, inverse_P, groups)
    superpopulation, band = gaffke_band(
        rows, counts=counts, sizes=sizes, level=level, anchor=anchor, draws=draws, seed=seed
    )
    total_K, _ = clustered_variance(rows, sizes, counts)
    noise = sampling_noise(n_D, c_D, weight_D, k_K, m_K=m_K, rule=rule)
    fixed = noise.interval(estimate_K, m_K, level=level, anchor=anchor)
    return BenchmarkPassAtK(
        ks=_frozen(k_K),
        estimate=_frozen(estimate_K),
        superpopulation=_frozen_bounds(superpopulation),
        fixed=_frozen_bounds(fixed),
        band=_frozen_bounds(band),
        between_var=_frozen(np.maximum(total_K - noise.variance, 0.0)),
        within_var=_frozen(noise.variance),
        undefined=_frozen(n_P.size - m_K),
        n_problems=n_P.size,
        n_missing=int(np.sum(n_P == 0)),
        level=level,
        anchor=anchor,
        flags=_flags(n_P, k_K, m_K, noise.variance, rule),
    )


def _check_problems(n: npt.ArrayLike, c: npt.ArrayLike, caller: str) -> tuple[IntArray, IntArray]:
    n_P, c_P = check_counts(n, c, caller=caller)
    if n_P.size == 0:
        raise ValueError(
            f"The 'n' parameter of {caller} must have at least one problem. "
            "Got an empty array instead."
        )
    return n_P, c_P


def _rows(
    pass_DK: FloatArray, inverse_P: npt.NDArray[np.intp], groups: npt.NDArray[np.intp] | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Independent rows (distinct problems, or clusters), their sizes, and how often each is."""
    if groups is not None:
        means, sizes = cluster_means(pass_DK[inverse_P], groups)
        return means, sizes, np.ones(len(means))
    counts_D = np.bincount(inverse_P, minlength=len(pass_DK)).astype(np.float64)
    return pass_DK, (~np.isnan(pass_DK)).astype(np.float64), counts_D


def _flags(
    n_P: IntArray, k_K: IntArray, m_K: IntArray, within_K: FloatArray, rule: StoppingRule | None
) -> tuple[tuple[str, ...], ...]:
    sampled = int(np.sum(n_P > 0))
    raised = (
        (MISSING_PROBLEMS, np.full(k_K.size, sampled < n_P.size)),
        (K_EXCEEDS_N, m_K < sampled),
        (SELECTED_BY_OUTCOME, (rule is not None) & (m_K > 0) & (m_K < sampled)),
        (FIXED_INTERVAL_NOT_IDENTIFIED, np.isnan(within_K)),
    )
    return tuple(tuple(name for name, at_K in raised if at_K[i]) for i in range(k_K.size))


def _frozen(array: _AnyArray) -> _AnyArray:
    array.setflags(write=False)
    return array


def _frozen_bounds(interval: Interval) -> Interval:
    return Interval(_frozen(interval.low), _frozen(interval.high))
