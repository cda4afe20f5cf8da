"""Where a student of several seeds stops being better than its beginning.

Invariant: the bounds contain the crossing of the estimates. Not covered: choosing what to test
by the crossing.

Array names carry their axes as a suffix: K values of k, B resamples, J contrasts of seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import (
    FloatArray,
    check_count,
    check_groups,
    check_probability,
)
from reasonbench.stats.collapse import Crossing, curve_ks, finite, first_crossings
from reasonbench.stats.compare import Differences
from reasonbench.stats.seeds import SeedVariance, Student, seed_variance, student_values
from reasonbench.stats.study import distinct_rows


def crossing_seeds(
    a: Student,
    b: Student,
    k: SupportsIndex,
    *,
    pool: Sequence[Student] = (),
    level: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Crossing:
    """Find the first k at which a student is no better than its beginning, with bounds.

    Parameters:
        a (Student): The beginning, without seeds.
        b (Student): The student, on the same problems in the same order.
        k (int): Largest k that is looked at.
        pool (sequence of Student): Arms whose seeds tell what a seed does; by default b alone.
        level (float): Confidence level of the bounds, in (0, 1).
        clusters (array_like of int or str, shape (P,), optional): As for `compare_seeds`.
        resamples (int): Of the problems, each with a draw of what the seeds do.
        seed (int): Seed of both.

    Returns:
        Crossing: 1 where the student is no better at one completion; None where it is better at
            every k.

    Raises:
        ValueError: If an argument is out of range, shapes differ, or no problem has n >= k.

    Notes:
        Percentiles over resamples of the problems' mean curves, to each of which a curve is added
        that a change of seeds could have: a combination of the pooled contrasts of seeds, scaled
        at each k to the variance that `compare_seeds` adds, with a heavier tail for the few
        degrees of freedom. Seeds themselves are not resampled: of 2, half of the resamples would
        hold one twice. A log-interpolated crossing between the values of k, all up to 128 and
        log-spaced beyond.
    """
    caller = "crossing_seeds"
    level = check_probability(level, name="level", caller=caller)
    last = check_count(k, name="k", caller=caller)
    times = check_count(resamples, name="resamples", caller=caller)
    k_K = curve_ks(last)
    a_SPK, b_SPK = student_values(a, k_K, caller), student_values(b, k_K, caller)
    d_PK = b_SPK.mean(axis=0) - a_SPK.mean(axis=0)
    there_P = ~np.isnan(d_PK[:, -1])
    if not there_P.any():
        raise ValueError(
            f"The 'k' parameter of {caller} must be at most n in both models for a problem. "
            f"Got {last} instead."
        )
    groups = check_groups(clusters, len(d_PK), caller=caller)
    rows = distinct_rows(d_PK[there_P], None if groups is None else groups[there_P])
    rng = np.random.default_rng(seed)
    trained = np.ndim(np.asarray(b.n)) == 2
    seeds = seed_variance(list(pool) or [b], k_K)
    delta_BK = _resampled(rows, times, rng)
    if trained:
        delta_BK += _moved_by_seeds(seeds, times, rng) / np.sqrt(len(b_SPK))
    drawn_B = np.sort(first_crossings(delta_BK, k_K))
    point = first_crossings(rows.delta[None], k_K)[0]
    tail = (1 - level) / 2
    low = drawn_B[int(tail * (times - 1))]
    high = drawn_B[int(np.ceil((1 - tail) * (times - 1)))]
    return Crossing(finite(point), finite(min(low, point)), finite(max(high, point)))


def _resampled(rows: Differences, times: int, rng: np.random.Generator) -> FloatArray:
    total = int(rows.counts.sum())
    count_BD = rng.multinomial(total, rows.counts / total, size=times).astype(np.float64)
    mean_BK = (count_BD @ (rows.means * rows.sizes)) / (count_BD @ rows.sizes)
    return np.asarray(mean_BK, dtype=np.float64)


def _moved_by_seeds(seeds: SeedVariance, times: int, rng: np.random.Generator) -> FloatArray:
    """Draws of what one seed does to the whole curve; 0 where nothing tells."""
    contrast_JK = seeds.contrasts
    if not len(contrast_JK) or np.isnan(contrast_JK).any():
        return np.zeros((times, seeds.ks.size))
    freedom = len(contrast_JK)
    share_K = np.zeros(seeds.ks.size)
    np.divide(seeds.value, seeds.observed, out=share_K, where=seeds.observed > 0)
    heavy_B = np.sqrt(freedom / rng.chisquare(freedom, size=times))
    normal_BJ = rng.standard_normal((times, freedom)) * heavy_B[:, None] / np.sqrt(freedom)
    return np.asarray((normal_BJ @ contrast_JK) * np.sqrt(share_K), dtype=np.float64)
