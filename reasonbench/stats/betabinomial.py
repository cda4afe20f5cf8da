"""The law of the problems' difficulty, from counts: a Beta, or a mixture of points.

Invariant: a fitted law never says that nothing varies. Not covered: difficulty that
depends on anything known of a problem.

Array names carry their axes as a suffix: P problems, G points of a grid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from reasonbench.stats.checks import FloatArray, IntArray, check_number, check_weights
from reasonbench.stats.passk import check_counts

_POINTS, _MOST_POINTS = 60, 240
"""Inner points of the grid of a mixture: more for large n, where less is blurred."""

_EDGE = 1e-9
"""Stands for 0, and 1 - this for 1, so that every count remains possible."""

_STEPS = 100


class BetaBinomial(NamedTuple):
    """Law of the problems' chances of a correct completion: Beta(alpha, beta)."""

    alpha: float
    beta: float


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
    weight_P = check_weights(counts, n_P.size, caller="fit_beta_binomial")
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


class DifficultyMixture(NamedTuple):
    """Law of the problems' chances of a correct completion: points with weights."""

    points: FloatArray
    """Chances, rising, shape (G,)."""
    weights: FloatArray
    """Their shares of the problems, shape (G,)."""

    def posterior(self, n_P: IntArray, c_P: IntArray) -> FloatArray:
        """Chance of each point for problems with these counts, shape (m, G)."""
        joint_PG = _likelihood(n_P, c_P, self.points) * self.weights
        share_PG: FloatArray = joint_PG / joint_PG.sum(axis=1, keepdims=True)
        return share_PG


def fit_mixture(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    *,
    counts: npt.ArrayLike | None = None,
    spread: float = 2.0,
) -> DifficultyMixture:
    """Fit the law of the problems' difficulty without assuming its shape.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        counts (array_like of int, shape (m,), optional): How many problems each entry stands
            for; 1 each by default.
        spread (float): Weight, in problems, that is spread evenly over the grid beside theirs,
            at least 0: values of p of which nothing was seen keep some.

    Returns:
        DifficultyMixture: Weights on a fixed grid: 0 and 1, and between them points evenly
            spaced in log p / (1 - p), from 1/(4n) to 1 - 1/(4n) for the largest n.

    Notes:
        100 steps of expectation-maximisation from equal weights, which stops short of the
        maximum on purpose. It finds spikes that no Beta fits, and is worse than
        `fit_beta_binomial` where the law is smooth and problems are few.

    References:
        Kiefer and Wolfowitz (1956), Annals of Mathematical Statistics 27, 887-906. Laird
        (1978), JASA 73, 805-811.
    """
    n_P, c_P = check_counts(n, c, caller="fit_mixture")
    check_number(spread, name="spread", caller="fit_mixture", least=0.0)
    weight_P = check_weights(counts, n_P.size, caller="fit_mixture")
    if weight_P @ n_P == 0:
        raise ValueError(
            "The 'n' parameter of fit_mixture must have a problem with completions. "
            "Got none instead."
        )
    largest = max(2, int(n_P.max(initial=0)))
    size = int(np.clip(_POINTS * math.sqrt(largest / 64), _POINTS, _MOST_POINTS))
    reach = math.log(4 * largest)
    inner = special.expit(np.linspace(-reach, reach, size))
    points = np.concatenate(([_EDGE], inner, [1 - _EDGE]))
    likelihood_PG = _likelihood(n_P, c_P, points)
    weights = np.full(points.size, 1 / points.size)
    for _ in range(_STEPS):
        joint_PG = likelihood_PG * weights
        found_G = (weight_P / joint_PG.sum(axis=1)) @ joint_PG
        weights = (found_G + spread / points.size) / (weight_P.sum() + spread)
    return DifficultyMixture(points, weights)


def _likelihood(n_P: IntArray, c_P: IntArray, points: FloatArray) -> FloatArray:
    """Likelihood of each point, relative to the best."""
    log_PG = c_P[:, None] * np.log(points) + (n_P - c_P)[:, None] * np.log1p(-points)
    return np.asarray(np.exp(log_PG - log_PG.max(axis=1, keepdims=True)), dtype=np.float64)
