"""How much a benchmark's pass@k would move if its problems were sampled again.

Invariants: noise is never 0 where a completion was drawn; it is NaN where one
completion a problem cannot tell noise from difficulty. Not covered: noise that two
problems share.

Array names carry their axes as a suffix: D distinct (n, c) pairs, K values of k, G points
of a grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.betabinomial import (
    fit_beta_binomial,
    fit_mixture,
)
from reasonbench.stats.checks import FloatArray, IntArray
from reasonbench.stats.intervals import Interval, beta_interval
from reasonbench.stats.passk import mean_variance, variance_given_p
from reasonbench.stats.stopped import StoppingRule, mean_stopped_variance

_ROWS = 32
"""Distinct problems whose Beta moments are held at a time."""

_LARGEST_N = 1e12
"""Effective numbers are cut here: nothing is known to more than six digits."""

_SPREAD = 8.0
"""Problems' worth of weight on difficulties of which nothing was seen.

At 0 the fixed interval covers .70 of 15 problems of p = .01 or .99 with n = 16, at 2 .71, at 4
.80, at 8 .97; under smooth laws it becomes at most 7 % wider."""

_SHARP = 1e9
"""alpha + beta of a Beta that is all but a point."""


class SamplingNoise(NamedTuple):
    """Noise of the mean over the problems that are defined, at K values of k."""

    variance: FloatArray
    """By a beta-binomial fit; NaN where not identified."""
    cautious: FloatArray
    """The larger of that and of a fit of any shape; NaN where not identified."""
    smoothed: FloatArray
    """pass@k by the beta-binomial fit, strictly between 0 and 1."""

    def interval(
        self, estimate_K: FloatArray, m_K: IntArray, *, level: float, anchor: float
    ) -> Interval:
        """Interval for new samples on the same problems.

        `beta_interval` at the effective number of problems, smoothed (1 - smoothed) / cautious,
        at least m. The smoothed value stands in for the estimate, whose own variance would be 0
        wherever it is 0 or 1.
        """
        n_eff_K = self.smoothed * (1 - self.smoothed) / self.cautious
        n_eff_K = np.clip(n_eff_K, np.maximum(m_K, 1), _LARGEST_N)
        return beta_interval(estimate_K, n_eff_K, level=level, anchor=anchor)


def sampling_noise(
    n_D: IntArray,
    c_D: IntArray,
    weight_D: IntArray,
    k_K: IntArray,
    *,
    m_K: IntArray,
    rule: StoppingRule | None,
) -> SamplingNoise:
    """Return the noise of the mean of the m_K problems that are defined at each k."""
    noise = SamplingNoise(*np.full((3, k_K.size), np.nan))
    limit_D = rule.limits(n_D, c_D) if rule else n_D
    if 2 * weight_D[limit_D >= 2].sum() < weight_D[n_D >= 1].sum() or limit_D.max() < 2:
        return noise
    fit = fit_beta_binomial(n_D, c_D, counts=weight_D)
    mixture = fit_mixture(n_D, c_D, counts=weight_D, spread=_SPREAD)
    by_fit_K, by_mixture_K, miss_K = np.zeros((3, k_K.size))
    for limit, part, columns in _parts(limit_D, n_D, k_K):
        n, c, weight, ks = n_D[part], c_D[part], weight_D[part], k_K[columns]
        alpha_D = fit.alpha + c.astype(np.float64)
        beta_D = fit.beta + (n - c).astype(np.float64)
        by_fit_K[columns] += weight @ _beta_variance(rule, limit, ks, alpha_D, beta_D)
        point_GK = _point_variance(rule, limit, ks, mixture.points)
        by_mixture_K[columns] += weight @ (mixture.posterior(n, c) @ point_GK)
        miss_K[columns] += weight @ _mean_miss(ks, alpha_D, beta_D)
    there_K = m_K > 0
    squared_K = np.maximum(m_K, 1) ** 2
    noise.variance[there_K] = (by_fit_K / squared_K)[there_K]
    noise.cautious[there_K] = (np.maximum(by_fit_K, by_mixture_K) / squared_K)[there_K]
    noise.smoothed[there_K] = 1 - (miss_K / np.maximum(m_K, 1))[there_K]
    return noise


def _parts(
    limit_D: IntArray, n_D: IntArray, k_K: IntArray
) -> Iterator[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Rows of one limit, a block at a time, and the columns that it allows."""
    for limit in np.unique(limit_D[n_D > 0]).tolist():
        rows, columns = np.flatnonzero(limit_D == limit), np.flatnonzero(k_K <= limit)
        for start in range(0, rows.size, _ROWS):
            yield limit, rows[start : start + _ROWS], columns


def _beta_variance(
    rule: StoppingRule | None, limit: int, ks: IntArray, alpha_D: FloatArray, beta_D: FloatArray
) -> FloatArray:
    if rule:
        return mean_stopped_variance(StoppingRule(rule.r, limit), ks, alpha_D, beta_D)
    return mean_variance(limit, ks, alpha_D, beta_D)


def _point_variance(
    rule: StoppingRule | None, limit: int, ks: IntArray, points: FloatArray
) -> FloatArray:
    if rule:
        sharp = points * _SHARP, (1 - points) * _SHARP
        return mean_stopped_variance(StoppingRule(rule.r, limit), ks, *sharp)
    columns = [variance_given_p(limit, k, points) for k in ks.tolist()]
    return np.column_stack(columns) if columns else np.empty((points.size, 0))


def _mean_miss(ks: IntArray, alpha_D: FloatArray, beta_D: FloatArray) -> FloatArray:
    """E[(1 - p)^k] for p ~ Beta(alpha, beta)."""
    log_DK = special.betaln(alpha_D[:, None], beta_D[:, None] + ks)
    log_DK -= special.betaln(alpha_D, beta_D)[:, None]
    return np.asarray(np.exp(log_DK), dtype=np.float64)
