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

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from reasonbench.stats.checks import FloatArray, IntArray
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval, mean_of_defined, wilson_interval
from reasonbench.stats.passk import (
    check_counts,
    check_ks,
    distinct_counts,
    mean_variance,
    pass_at_k,
)
from reasonbench.stats.stopped import StoppingRule, check_stopping, mean_stopped_variance

FIXED_INTERVAL_NOT_IDENTIFIED: Final = "fixed_interval_not_identified"
K_EXCEEDS_N: Final = "k_exceeds_n"
MISSING_PROBLEMS: Final = "missing_problems"
SELECTED_BY_OUTCOME: Final = "selected_by_outcome"

_ROWS = 128
"""Distinct problems whose Beta moments are held at a time."""

_AnyArray = TypeVar("_AnyArray", FloatArray, IntArray)


class BetaBinomial(NamedTuple):
    """Law of the problems' chances of a correct completion: Beta(alpha, beta)."""

    alpha: float
    beta: float


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
        anchor (float): Anchor of `gaffke_interval`: 1/2 for display, 1 for gates and claims.
        draws, seed (int): Monte-Carlo draws of `gaffke_interval`, and their seed.
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
        ``between_var`` the rest, floored at 0. The fixed interval is Wilson's at n_eff = theta
        (1 - theta) / within_var, floored at m. It does not exist where fewer than half of the
        sampled problems have n >= 2: one completion a problem cannot tell noise from
        difficulty.

        Coverage of the fixed interval at 95 %, m 15..500, n 2..64: .95 on average and .87 at
        worst under smooth laws of difficulty; down to .60 where every problem has p = .01 or
        p = .99, two spikes that no Beta fits. `gaffke_interval` gives that of the other.

        Stopped problems get `stopped_pass_at_k`, which is defined up to k = n_max, the others
        Chen's formula: together they are exactly unbiased, where Chen's for all is not. The
        superpopulation interval needs no more than that, as it asks of the values only that
        they lie in [0, 1]. Nor does the beta-binomial fit change: that sampling ended by what
        was seen multiplies the likelihood of (n, c), p^c (1 - p)^(n - c), by a number free of
        p. V_i does change, to `mean_stopped_variance`. Coverage at 95 %, r 1..8, n_max 64, m 30
        and 200, three laws: .937 at worst for the superpopulation at anchor 1/2; .877 for the
        fixed interval, where all but few problems are sure to be solved at k and full sampling
        gives as little.

        A problem with c < r and n < n_max (completions are owed) counts as one whose limit is
        n. At n < k <= n_max, the problems that remain are there because they were solved, which
        is flagged as `SELECTED_BY_OUTCOME`: the estimate is then too high by up to undefined /
        m.

    References:
        Chen et al. (2021), arXiv:2107.03374. Wilson (1927), JASA 22, 209-212. See
        `gaffke_interval` for the superpopulation interval, `stopped_pass_at_k` for stopping.
    """
    n_P, c_P = check_counts(n, c, caller="benchmark_pass_at_k")
    k_K = check_ks(ks, caller="benchmark_pass_at_k")
    if n_P.size == 0:
        raise ValueError(
            "The 'n' parameter of benchmark_pass_at_k must have at least one problem. "
            "Got an empty array instead."
        )
    rule = check_stopping(n_P, c_P, stopped, n_max, caller="benchmark_pass_at_k")
    n_D, c_D, inverse_P = distinct_counts(n_P, c_P)
    weight_D = np.bincount(inverse_P, minlength=n_D.size)
    pass_DK = rule.pass_at_k(n_D, c_D, k_K) if rule else pass_at_k(n_D, c_D, k_K)
    m_K = weight_D @ ~np.isnan(pass_DK)
    estimate_K = mean_of_defined(pass_DK, weight_D.astype(np.float64))
    superpopulation = gaffke_interval(
        pass_DK, counts=weight_D, level=level, anchor=anchor, draws=draws, seed=seed
    )
    total_K = _variance_of_mean(pass_DK, estimate_K, weight_D, m_K)
    within_K = _within_variance(n_D, c_D, weight_D, k_K, m_K=m_K, rule=rule)
    return BenchmarkPassAtK(
        ks=_frozen(k_K),
        estimate=_frozen(estimate_K),
        superpopulation=Interval(*map(_frozen, superpopulation)),
        fixed=Interval(*map(_frozen, _fixed_interval(estimate_K, within_K, m_K, level))),
        between_var=_frozen(np.maximum(total_K - within_K, 0.0)),
        within_var=_frozen(within_K),
        undefined=_frozen(n_P.size - m_K),
        n_problems=n_P.size,
        n_missing=int(np.sum(n_P == 0)),
        level=level,
        anchor=anchor,
        flags=_flags(n_P, k_K, m_K, within_K, rule),
    )


def fit_beta_binomial(
    n: npt.ArrayLike, c: npt.ArrayLike, *, counts: npt.ArrayLike | None = None
) -> BetaBinomial:
    """Fit the law of the problems' difficulty by beta-binomial maximum likelihood.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        counts (array_like of int, shape (m,), optional): How many problems each entry stands
            for; 1 each by default.

    Returns:
        BetaBinomial: Both parameters are finite and above 0.

    Notes:
        The likelihood has no maximum where nothing (or everything) was solved or where every
        problem is all right or all wrong, and a flat one where problems do not differ. The fit
        is kept inside what so few data can exclude: the mean between 1/2 success and 1/2
        failure in all completions, alpha + beta between 1/m and 1000 times the largest n. So
        the sampling noise that it implies is never 0.

    References:
        Skellam (1948), JRSS B 10, 257-261. Griffiths (1973), Biometrics 29, 637-648.
    """
    n_P, c_P = check_counts(n, c, caller="fit_beta_binomial")
    weight_P = np.ones(n_P.size) if counts is None else np.asarray(counts, dtype=np.float64)
    total = float(weight_P @ n_P)
    if total == 0:
        raise ValueError(
            "The 'n' parameter of fit_beta_binomial must have a problem with completions. "
            "Got none instead."
        )
    widest = math.log(2 * total + 1)
    solved = (float(weight_P @ c_P) + 0.5) / (total + 1)
    bounds = [(-widest, widest), (-math.log(weight_P.sum()), math.log(1000.0 * n_P.max()))]
    fits = [
        optimize.minimize(
            _beta_binomial_loss,
            (math.log(solved / (1 - solved)), np.clip(log_sum, *bounds[1])),
            args=(n_P, c_P, weight_P),
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
        )
        for log_sum in (0.0, 3.0)
    ]
    logit, log_sum = min(fits, key=lambda fit: float(fit.fun)).x
    scale = math.exp(log_sum)
    return BetaBinomial(scale * float(special.expit(logit)), scale * float(special.expit(-logit)))


def _beta_binomial_loss(
    point: FloatArray, n_P: IntArray, c_P: IntArray, weight_P: FloatArray
) -> tuple[float, FloatArray]:
    """Mean negative log-likelihood and gradient in logit(mean), log(alpha + beta)."""
    scale = math.exp(point[1])
    alpha, beta = scale * special.expit(point[0]), scale * special.expit(-point[0])
    share_P = weight_P / weight_P.sum()
    a_P, b_P = alpha + c_P, beta + n_P - c_P
    gain = share_P @ (special.betaln(a_P, b_P) - special.betaln(alpha, beta))
    common = special.psi(scale) - special.psi(scale + n_P)
    by_alpha = share_P @ (special.psi(a_P) - special.psi(alpha) + common)
    by_beta = share_P @ (special.psi(b_P) - special.psi(beta) + common)
    slope = alpha * beta / scale * (by_alpha - by_beta), alpha * by_alpha + beta * by_beta
    return -float(gain), -np.array(slope)


def _within_variance(
    n_D: IntArray,
    c_D: IntArray,
    weight_D: IntArray,
    k_K: IntArray,
    *,
    m_K: IntArray,
    rule: StoppingRule | None,
) -> FloatArray:
    """Sampling variance of the estimate, sum V_i / m^2; NaN where not identified."""
    within_K = np.full(k_K.size, np.nan)
    limit_D = rule.limits(n_D, c_D) if rule else n_D
    if 2 * weight_D[limit_D >= 2].sum() < weight_D[n_D >= 1].sum() or limit_D.max() < 2:
        return within_K
    alpha, beta = fit_beta_binomial(n_D, c_D, counts=weight_D)
    within_K[m_K > 0] = 0.0
    for limit in np.unique(limit_D[n_D > 0]).tolist():
        rows, columns = np.flatnonzero(limit_D == limit), np.flatnonzero(k_K <= limit)
        for start in range(0, rows.size, _ROWS):
            part = rows[start : start + _ROWS]
            solved = c_D[part].astype(np.float64)
            alpha_D, beta_D = alpha + solved, beta + (n_D[part] - solved)
            if rule:
                one_rule = StoppingRule(rule.r, limit)
                variance_DK = mean_stopped_variance(one_rule, k_K[columns], alpha_D, beta_D)
            else:
                variance_DK = mean_variance(limit, k_K[columns], alpha_D, beta_D)
            within_K[columns] += weight_D[part] @ variance_DK
    within_K /= np.maximum(m_K, 1) ** 2
    return within_K


def _fixed_interval(
    estimate_K: FloatArray, within_K: FloatArray, m_K: IntArray, level: float
) -> Interval:
    n_eff_K = np.where(np.isnan(within_K), np.nan, 0.0)
    np.divide(estimate_K * (1 - estimate_K), within_K, out=n_eff_K, where=within_K > 0)
    return wilson_interval(estimate_K, np.maximum(n_eff_K, np.maximum(m_K, 1)), level=level)


def _variance_of_mean(
    pass_DK: FloatArray, estimate_K: FloatArray, weight_D: IntArray, m_K: IntArray
) -> FloatArray:
    """S^2 / m over the problems of each k; NaN for fewer than two."""
    squares_K = weight_D @ np.nan_to_num((pass_DK - estimate_K) ** 2)
    variance_K = np.full(m_K.size, np.nan)
    np.divide(squares_K, m_K * (m_K - 1.0), out=variance_K, where=m_K > 1)
    return variance_K


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
