"""Whether the mean of a bounded quantity lies beyond a bound, on other problems too.

The quantity is a metric of each problem, or the difference of one between two models.  No law
of it is assumed (Gaffke's method with anchor 1), so few problems cannot pass by luck.

Invariants: `p_above` and `p_below` are never both small; a bound at or beyond the end of the
range is decided without a test.  Not covered: looks at growing data, which are `sequential`'s.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.checks import FloatArray, check_alpha, check_groups, check_number
from reasonbench.stats.clusters import cluster_means, clustered_variance
from reasonbench.stats.gaffke import gaffke_interval, gaffke_p_value
from reasonbench.stats.intervals import Interval


class MeanTest(NamedTuple):
    """A mean against a bound."""

    mean: float
    """Mean over the problems."""
    interval: Interval
    """One-sided lower and upper bound, each at 1 - alpha."""
    p_above: float
    """p-value of the hypothesis that the mean is at most the bound."""
    p_below: float
    """p-value of the hypothesis that it is at least the bound."""
    standard_error: float
    """Of the mean, for other problems of the kind; NaN for one problem or cluster."""
    n_problems: int
    """Problems that define the quantity."""


def mean_against(
    values: npt.ArrayLike,
    bound: float,
    *,
    low: float = 0.0,
    high: float = 1.0,
    alpha: float = 0.05,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> MeanTest:
    """Test a mean against a bound, in both directions.

    Parameters:
        values (array_like of float, shape (m,)): One entry a problem, within [low, high]; NaN
            where the quantity is undefined.
        bound (float): The bound.
        low, high (float): Ends of the range.
        alpha (float): Chance of error of each of the interval's ends, in (0, 1/2).
        clusters (array_like, shape (m,), optional): Problems that share an entry depend on each
            other.
        draws, seed (int): As for `gaffke_interval`.

    Returns:
        MeanTest: p-values by Gaffke's method at anchor 1.

    Raises:
        ValueError: If no problem defines the quantity, or an entry lies outside the range.

    References:
        Gaffke (2005); see `gaffke_interval`.
    """
    caller = "mean_against"
    check_alpha(alpha, caller=caller)
    check_number(bound, name="bound", caller=caller, least=-math.inf, most=math.inf)
    value_P = np.asarray(values, np.float64)
    group_P = check_groups(clusters, value_P.size, caller=caller)
    defined = ~np.isnan(value_P)
    if not defined.any():
        raise ValueError(
            f"The 'values' parameter of {caller} must hold a number for a problem. "
            f"Got {value_P.size} NaN instead."
        )
    unit_P1 = ((value_P - low) / (high - low))[:, None]
    if group_P is None:
        rows, sizes = unit_P1[defined], np.ones((int(defined.sum()), 1))
    else:
        rows, sizes = cluster_means(unit_P1, group_P)
    null = (bound - low) / (high - low)
    options: dict[str, Any] = {"sizes": sizes, "anchor": 1.0, "draws": draws, "seed": seed}
    bounds = gaffke_interval(rows, level=1 - 2 * alpha, **options)
    variance = clustered_variance(rows, sizes, np.ones(len(rows)))[0]
    scale = high - low
    return MeanTest(
        float(value_P[defined].mean()),
        Interval(low + scale * bounds.low, low + scale * bounds.high),
        _p_above(rows, null, options),
        _p_above(1 - rows, 1 - null, options),
        scale * math.sqrt(float(variance[0])) if len(rows) > 1 else math.nan,
        int(defined.sum()),
    )


def least_difference(standard_error: float, alpha: float, power: float) -> float:
    """Return the distance from a bound that a one-sided test sees with this power.

    Parameters:
        standard_error (float): Of the mean.
        alpha (float): Level of the test.
        power (float): Chance of seeing it.

    Returns:
        float: (z_{1-alpha} + z_power) standard errors.
    """
    return float((special.ndtri(1 - alpha) + special.ndtri(power)) * standard_error)


def _p_above(rows: FloatArray, null: float, options: dict[str, Any]) -> float:
    if null >= 1:
        return 1.0
    if null <= 0:
        # a mean of exactly the least value is not above it
        return 1.0 if null == 0 and not (np.nan_to_num(rows) > 0).any() else 0.0
    return float(gaffke_p_value(rows, null, **options)[0])
