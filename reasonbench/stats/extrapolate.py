"""pass@k beyond the completions that were drawn, as a forecast and marked as one.

Invariants: what was measured is returned as measured; a forecast never falls below
pass@n nor above k/n times pass@n, which holds for every law of difficulty; nothing
solved forecasts nothing. Not covered: problems with different n beyond the smallest
of them, and k above 100 times that.

Array names carry their axes as a suffix: D distinct (n, c) pairs, K values of k, F fitted
values of k, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.betabinomial import fit_beta_binomial, fit_mixture
from reasonbench.stats.checks import FloatArray, IntArray, check_count, check_probability
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval
from reasonbench.stats.passk import check_counts, check_ks, distinct_counts, pass_at_k

MEASURED: Final = "measured"
EXTRAPOLATED: Final = "extrapolated"
NOTHING_SOLVED: Final = "nothing_solved"
REFUSED: Final = "refused"

_FITTED_KS = 30
_BOTH_UP_TO = 4
_REFUSED_BEYOND = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Extrapolation:
    """pass@k at K values of k, measured up to n and forecast beyond."""

    ks: IntArray
    """The K values of k, as they were asked for."""
    estimate: FloatArray
    """pass@k; NaN where nothing was solved or the forecast is refused."""
    interval: Interval
    """For other problems of the same kind; NaN where the forecast is refused."""
    ratio: FloatArray
    """k / n: how far beyond the data."""
    flags: tuple[str, ...]
    """`MEASURED`, `EXTRAPOLATED`, `NOTHING_SOLVED` or `REFUSED` for each k."""
    beta_binomial: FloatArray
    """Forecast of the beta-binomial fit; NaN where measured or refused."""
    power_law: FloatArray
    """Forecast of the power law; NaN where measured or refused."""
    n: int
    """Completions a problem, the smallest of those that are not 0."""
    level: float
    """Confidence level of the interval."""


def extrapolate_pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 0.5,
    resamples: int = 200,
    draws: int = 20_000,
    seed: int = 0,
) -> Extrapolation:
    """Estimate pass@k for k up to n, and forecast it up to 100 n.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem; n = 0 marks a problem that is missing. 'n' below is the smallest other one.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        level (float): Confidence level, in (0, 1).
        anchor (float): As for `gaffke_interval`.
        draws (int): Of `gaffke_interval`, which gives the intervals up to n.
        resamples (int): Of the problems, for the intervals beyond n.
        seed (int): Seed of all draws.

    Returns:
        Extrapolation: Arrays of shape (K,).

    Raises:
        ValueError: If an argument is out of range, or no problem has a completion.

    Notes:
        Two forecasts are made: the mean of 1 - (1 - p)^k over the problems' posteriors under a
        beta-binomial fit, and a power law, -log pass@k = a k^-b, fitted by least squares to the
        logarithms at some 30 log-spaced k up to n. The estimate is their average up to 4 n and
        the power law beyond. Both are kept between pass@n and (k/n) pass@n, for pass@k rises
        and bends down in k.

        The interval is the envelope, over resamples of the problems, of the percentiles of both
        and of a third law, a mixture of points that is fitted without assuming a shape. As in
        `gaffke_interval`, an unseen problem of random weight, 0 for the lower bound and 1 for the
        upper, joins each resample: without it, a benchmark that was all solved would be
        forecast to stay so. Beyond 100 n the forecast is refused. If nothing was solved there is
        no estimate, and the upper bound is k/n times that of pass@n.

        Coverage at 95 %, k = 2 n to 100 n, m = 30 with n = 16 and m = 100 with n = 64 (100 runs):
        .96 to 1.00 under four Betas and a law with half of its problems at 0. Where every problem
        has p = .01 or .99 it is .97 and .87 at 2 n and falls to 0 by 100 n: a rise that has not
        begun within n cannot be foreseen.

    References:
        Schaeffer et al. (2025), arXiv:2502.17578 (power laws). Kazdan et al. (2025),
        arXiv:2510.05197 (beta-binomial forecasts).
    """
    caller = "extrapolate_pass_at_k"
    check_probability(level, name="level", caller=caller)
    times = check_count(resamples, name="resamples", caller=caller)
    k_K = check_ks(ks, caller=caller)
    n_D, c_D, weight_D = _problems(n, c, caller)
    n_least = int(n_D.min())
    measured_K = k_K <= n_least
    refused_K = k_K > _REFUSED_BEYOND * n_least
    beyond = np.flatnonzero(~measured_K & ~refused_K)
    forecasts = np.full((2, k_K.size), np.nan)
    known_K = np.minimum(k_K, n_least)
    value_DK = pass_at_k(n_D, c_D, known_K)
    estimate_K = np.where(refused_K, np.nan, weight_D @ value_DK / weight_D.sum())
    low_K, high_K = gaffke_interval(
        value_DK, counts=weight_D, level=level, anchor=anchor, draws=draws, seed=seed
    )
    low_K[refused_K] = high_K[refused_K] = np.nan
    if not c_D.any():
        estimate_K[beyond] = np.nan
        high_K[beyond] = np.minimum(1.0, high_K[beyond] * k_K[beyond] / n_least)
    elif beyond.size:
        model = _Forecaster(n_D, c_D, n_least, k_K[beyond])
        forecasts[:, beyond] = model.forecast(weight_D)[:2]
        estimate_K[beyond] = _combined(forecasts[:, beyond], k_K[beyond], n_least)
        low, high = _envelope(model, weight_D, _Resampling(times, level, anchor, seed))
        low_K[beyond] = np.minimum(low, estimate_K[beyond])
        high_K[beyond] = np.maximum(high, estimate_K[beyond])
    return Extrapolation(
        ks=k_K,
        estimate=estimate_K,
        interval=Interval(low_K, high_K),
        ratio=k_K / n_least,
        flags=_flags(measured_K, refused_K, bool(c_D.any())),
        beta_binomial=forecasts[0],
        power_law=forecasts[1],
        n=n_least,
        level=level,
    )


def _problems(
    n: npt.ArrayLike, c: npt.ArrayLike, caller: str
) -> tuple[IntArray, IntArray, FloatArray]:
    """Distinct counts of the problems with completions, and how many problems have them."""
    n_P, c_P = check_counts(n, c, caller=caller)
    n_D, c_D, inverse_P = distinct_counts(n_P[n_P > 0], c_P[n_P > 0])
    if n_D.size == 0:
        raise ValueError(
            f"The 'n' parameter of {caller} must have a problem with completions. Got none instead."
        )
    return n_D, c_D, np.bincount(inverse_P).astype(np.float64)


class _Resampling(NamedTuple):
    times: int
    level: float
    anchor: float
    seed: int


class _Forecaster:
    """Forecasts from weights of the distinct (n, c), so that problems can be resampled."""

    def __init__(self, n_D: IntArray, c_D: IntArray, n_least: int, k_K: IntArray) -> None:
        self._n_D, self._c_D, self._k_K, self._n_least = n_D, c_D, k_K, n_least
        spaced = np.rint(np.geomspace(1, n_least, _FITTED_KS)).astype(np.int64)
        self._k_F = np.unique(spaced)
        self._value_DF = pass_at_k(n_D, c_D, self._k_F)

    def forecast(self, weight_D: FloatArray) -> FloatArray:
        """Forecasts of the beta-binomial, the power law and the mixture, shape (3, K)."""
        there = weight_D > 0
        n_D, c_D, weight_D = self._n_D[there], self._c_D[there], weight_D[there]
        share_D = weight_D / weight_D.sum()
        curve_F = share_D @ self._value_DF[there]
        alpha, beta = fit_beta_binomial(n_D, c_D, counts=weight_D)
        alpha_D1, beta_D1 = (alpha + c_D)[:, None], (beta + n_D - c_D)[:, None]
        log_miss_DK = special.betaln(alpha_D1, beta_D1 + self._k_K)
        log_miss_DK -= special.betaln(alpha_D1, beta_D1)
        mixture = fit_mixture(n_D, c_D, counts=weight_D)
        log_q_G1 = np.log1p(-mixture.points)[:, None]
        solved_GK = -np.expm1(log_q_G1 * self._k_K)
        by_law = np.stack(
            (
                share_D @ -np.expm1(log_miss_DK),
                _power_law(self._k_F, curve_F, self._k_K),
                share_D @ (mixture.posterior(n_D, c_D) @ solved_GK),
            )
        )
        most_K = np.minimum(1.0, curve_F[-1] * self._k_K / self._n_least)
        return np.clip(by_law, curve_F[-1], most_K)


def _power_law(k_F: IntArray, curve_F: FloatArray, k_K: IntArray) -> FloatArray:
    """Extend -log pass@k = a k^-b, fitted where it is positive and finite."""
    inside = (curve_F > 0) & (curve_F < 1)
    if inside.sum() < 2:
        return np.full(k_K.size, curve_F[-1])
    log_k_F, target_F = np.log(k_F[inside]), np.log(-np.log(curve_F[inside]))
    centred_F = log_k_F - log_k_F.mean()
    slope = float(centred_F @ target_F / (centred_F @ centred_F))
    value_K: FloatArray = np.exp(-np.exp(target_F.mean() + slope * (np.log(k_K) - log_k_F.mean())))
    return value_K


def _combined(forecasts: FloatArray, k_K: IntArray, n_least: int) -> FloatArray:
    return np.where(k_K <= _BOTH_UP_TO * n_least, forecasts[:2].mean(axis=0), forecasts[1])


def _envelope(model: _Forecaster, weight_D: FloatArray, rule: _Resampling) -> Interval:
    """Lowest and highest of the laws' percentiles over resampled problems, with anchors."""
    rng = np.random.default_rng(rule.seed)
    m = int(weight_D.sum())
    resampled = rng.multinomial(m, weight_D / m, size=rule.times).astype(np.float64)
    forecast_BLK = np.array([model.forecast(weight) for weight in resampled])
    seen_B = rng.beta(m, rule.anchor, rule.times)[:, None, None]
    low_BLK, high_BLK = seen_B * forecast_BLK, 1 - seen_B * (1 - forecast_BLK)
    tail = (1 - rule.level) / 2
    return Interval(
        np.quantile(low_BLK, tail, axis=0).min(axis=0),
        np.quantile(high_BLK, 1 - tail, axis=0).max(axis=0),
    )


def _flags(
    measured_K: npt.NDArray[np.bool_], refused_K: npt.NDArray[np.bool_], any_solved: bool
) -> tuple[str, ...]:
    forecast = EXTRAPOLATED if any_solved else NOTHING_SOLVED
    beyond_K = np.where(refused_K, REFUSED, forecast)
    return tuple(np.where(measured_K, MEASURED, beyond_K).tolist())
