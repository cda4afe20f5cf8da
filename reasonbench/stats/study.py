"""Students of several training seeds: pass@k, its difference from another model, and intervals.

A student is a draw twice over: of its problems, and of its training seed. `seed_variance` pools
what seeds do over the arms of a study, which have too few of them each; `estimate_seeds` and
`compare_seeds` put intervals around a student and around what sets it apart from its beginning or
from another student.

Invariants: problems weigh equally, and so do seeds; a problem counts at k only if every model
has n >= k on it; an interval contains its estimate, stays in its range and is never of zero
width; a seed variance that nothing tells is said to be unknown, never taken for 0 in silence.
Not covered: seeds that depend on each other.

Array names carry their axes as a suffix: S seeds, P problems, K values of k, D distinct rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.checks import (
    BoolArray,
    FloatArray,
    IntArray,
    check_groups,
    check_probability,
)
from reasonbench.stats.clusters import cluster_means, clustered_variance, t_interval
from reasonbench.stats.compare import ENOUGH, GAFFKE, STUDENT, Differences, effective_number
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval
from reasonbench.stats.passk import check_ks
from reasonbench.stats.seeds import (
    SeedVariance,
    Student,
    paired_values,
    seed_means,
    seed_variance,
    student_values,
)

_DIGITS = 12
"""Decimals by which the values of two problems are told apart: below, they are rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeedEstimate:
    """pass@k of a student, or a difference of two, at K values of k."""

    ks: IntArray
    """The K values of k, as they were asked for."""
    value: FloatArray
    """Mean over problems and seeds; NaN where no problem is defined."""
    interval: Interval
    """For other problems of the same kind and other seeds; NaN with the value."""
    by_seed: FloatArray
    """The same for each seed alone, shape (S, K); no row for models without seeds."""
    problems_part: FloatArray
    """Squared standard error from the problems."""
    seeds_part: FloatArray
    """Squared standard error from the seeds; 0 for models without seeds, NaN where unknown."""
    freedom: FloatArray
    """Degrees of freedom of the seeds' part; 0 where there is none."""
    method: tuple[str, ...]
    """`STUDENT` or `GAFFKE` for the problems' part at each k."""
    undefined: IntArray
    """Problems left out at each k, because k > n in a model or seed."""
    n_problems: int
    """Problems that were given."""
    level: float
    """Confidence level."""

    @property
    def seeds_known(self) -> bool:
        """Whether the interval is over seeds too, wherever seeds were used."""
        return not bool(np.any(np.isnan(self.seeds_part)))


def estimate_seeds(
    student: Student,
    ks: npt.ArrayLike,
    *,
    seeds: SeedVariance | None = None,
    level: float = 0.95,
    anchor: float = 0.5,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> SeedEstimate:
    """Estimate pass@k of a student, over problems and seeds.

    Parameters:
        student (Student): Its counts.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        seeds (SeedVariance, optional): Of `seed_variance` at the same ks; by default of this
            student's seeds alone.
        level, anchor, clusters, draws, seed: As for `compare_seeds`.

    Returns:
        SeedEstimate: Values in [0, 1].

    Raises:
        ValueError: If an argument is out of range, or shapes differ.

    Notes:
        As `compare_seeds`, with Gaffke's bounds for the problems' part at every k: so a model
        without seeds gets `benchmark_pass_at_k`'s interval for other problems.
    """
    caller = "estimate_seeds"
    k_K = check_ks(ks, caller=caller)
    x_SPK = student_values(student, k_K, caller)
    settings = _Settings(level, anchor, clusters, draws, seed)
    trained = np.ndim(np.asarray(student.n)) == 2
    return _estimate(
        k_K,
        x_SPK.mean(axis=0),
        by_seed=seed_means(x_SPK) if trained else np.empty((0, k_K.size)),
        seeds=_same_ks(seeds, k_K, caller) or seed_variance([student], k_K),
        share=1 / len(x_SPK) if trained else 0.0,
        least=0.0,
        settings=settings,
        caller=caller,
    )


def compare_seeds(
    a: Student,
    b: Student,
    ks: npt.ArrayLike,
    *,
    paired: bool = False,
    seeds: SeedVariance | None = None,
    level: float = 0.95,
    anchor: float = 0.5,
    clusters: npt.ArrayLike | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> SeedEstimate:
    """Estimate pass@k of B minus that of A on the same problems, over problems and seeds.

    Parameters:
        a (Student): The beginning, or another arm.
        b (Student): The arm, on the same problems in the same order.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        paired (bool): Whether the two were trained with the same seeds in the same order.
        seeds (SeedVariance, optional): Of `seed_variance` at the same ks, of the differences if
            `paired`; by default of these two alone.
        level (float): Confidence level, in (0, 1).
        anchor (float): Anchor of `gaffke_interval`, at -1 and +1.
        clusters (array_like of int or str, shape (P,), optional): Problems with equal labels may
            depend on each other.
        draws, seed (int): Monte-Carlo draws of Gaffke's bounds, and their seed.

    Returns:
        SeedEstimate: Values in [-1, 1]. Swapping a and b negates it.

    Raises:
        ValueError: If an argument is out of range, or shapes differ.

    Notes:
        d_p is a problem's mean over B's seeds minus that over A's, so that what all seeds share
        with a problem (A's one sample of it) is one observation. The problems' half-width is
        `compare_paired`'s: Student's with S^2 / m, or Gaffke's bounds where fewer than 15 problems
        carry the difference. The seeds' half-width is Student's, with the pooled seed variance
        over S (for each model with seeds) and its own degrees of freedom. The two are added in
        squares, below and above apart. One t with Satterthwaite's degrees of freedom for both is
        narrower and covered .88 to .93 with 1 degree of freedom and .925 with 2, where this
        covers .92 and .95: it takes a small seed variance by chance at its word.

        With one seed everywhere the seed variance is unknown: `seeds_part` is NaN, and the
        interval is over problems alone: it says what this student does on other problems and not
        what another training would have given.

    References:
        Howe (1974), JASA 69, 789-794 (half-widths in squares). Newcombe (1998), Statistics in
        Medicine 17, 873-890 (sides apart). For the rest see `compare_paired`.
    """
    caller = "compare_seeds"
    k_K = check_ks(ks, caller=caller)
    a_SPK, b_SPK = student_values(a, k_K, caller), student_values(b, k_K, caller)
    if a_SPK.shape[1] != b_SPK.shape[1]:
        raise ValueError(
            f"The 'a' and 'b' parameters of {caller} must have one entry for each of the same "
            f"problems. Got {a_SPK.shape[1]} and {b_SPK.shape[1]} entries instead."
        )
    settings = _Settings(level, anchor, clusters, draws, seed)
    if paired:
        paired_values(b_SPK, a_SPK, caller)
    counted = [len(x) for x, s in ((a_SPK, a), (b_SPK, b)) if np.ndim(np.asarray(s.n)) == 2]
    pooled = _same_ks(seeds, k_K, caller)
    if pooled is None:
        pooled = seed_variance([b], k_K, against=[a]) if paired else seed_variance([a, b], k_K)
    return _estimate(
        k_K,
        b_SPK.mean(axis=0) - a_SPK.mean(axis=0),
        by_seed=_by_seed(a_SPK, b_SPK, paired=paired, trained=bool(counted)),
        seeds=pooled,
        share=1 / len(b_SPK) if paired else sum(1 / s for s in counted),
        least=-1.0,
        settings=settings,
        caller=caller,
    )


class _Settings(NamedTuple):
    """How the problems' part is made."""

    level: float
    anchor: float
    clusters: npt.ArrayLike | None
    draws: int
    seed: int


def _by_seed(a_SPK: FloatArray, b_SPK: FloatArray, *, paired: bool, trained: bool) -> FloatArray:
    """Difference of each seed: from A's same seed if paired, else from A's mean."""
    if not trained:
        return np.empty((0, a_SPK.shape[2]))
    return seed_means(b_SPK - (a_SPK if paired else a_SPK.mean(axis=0)))


def _same_ks(seeds: SeedVariance | None, k_K: IntArray, caller: str) -> SeedVariance | None:
    if seeds is not None and not np.array_equal(seeds.ks, k_K):
        raise ValueError(
            f"The 'seeds' parameter of {caller} must be of the same ks. Got {seeds.ks.tolist()} "
            f"for {k_K.tolist()} instead."
        )
    return seeds


def distinct_rows(d_PK: FloatArray, group_P: npt.NDArray[np.intp] | None) -> Differences:
    """Return problems, or clusters, as sorted rows that do not depend on their order."""
    if group_P is not None:
        means, sizes = cluster_means(d_PK, group_P)
        return Differences(means, sizes, np.ones(len(means)))
    _, first_D, counts_D = np.unique(
        np.round(d_PK, _DIGITS), axis=0, return_index=True, return_counts=True
    )
    row_DK = d_PK[first_D]
    return Differences(row_DK, (~np.isnan(row_DK)).astype(np.float64), counts_D.astype(np.float64))


def _estimate(
    k_K: IntArray,
    d_PK: FloatArray,
    *,
    by_seed: FloatArray,
    seeds: SeedVariance,
    share: float,
    least: float,
    settings: _Settings,
    caller: str,
) -> SeedEstimate:
    """Mean of d over the problems; `share` is how often a seed's variance is in it."""
    level = check_probability(settings.level, name="level", caller=caller)
    rows = distinct_rows(d_PK, check_groups(settings.clusters, len(d_PK), caller=caller))
    alone, variance_K, student_K = _over_problems(rows, least, settings)
    added_K = share * seeds.value if share else np.zeros(k_K.size)
    known_K = ~np.isnan(added_K)
    moved_K = np.zeros(k_K.size)
    t_K = special.stdtrit(np.maximum(seeds.freedom, 1), (1 + level) / 2)
    moved_K[known_K] = t_K[known_K] * np.sqrt(added_K[known_K])
    below_K, above_K = (np.hypot(rows.delta - bound, moved_K) for bound in alone)
    return SeedEstimate(
        ks=k_K,
        value=rows.delta,
        interval=Interval(
            np.maximum(rows.delta - below_K, least), np.minimum(rows.delta + above_K, 1.0)
        ),
        by_seed=by_seed,
        problems_part=variance_K,
        seeds_part=added_K,
        freedom=seeds.freedom if share else np.zeros(k_K.size),
        method=tuple(STUDENT if student else GAFFKE for student in student_K),
        undefined=len(d_PK) - (rows.counts @ rows.sizes).astype(np.int64),
        n_problems=len(d_PK),
        level=level,
    )


def _over_problems(
    rows: Differences, least: float, settings: _Settings
) -> tuple[Interval, FloatArray, BoolArray]:
    """Interval over problems alone, the variance, and where it is Student's.

    Student's for differences that enough problems carry, Gaffke's for all else.
    """
    variance_K, clusters_K = clustered_variance(rows.means, rows.sizes, rows.counts)
    varies_K = variance_K > 10.0 ** (-2 * _DIGITS)
    student_K: BoolArray = (effective_number(rows) >= ENOUGH) & varies_K & (least < 0)
    found = t_interval(rows.delta, variance_K, clusters_K, settings.level)
    rest = np.flatnonzero(~student_K)
    # Draws belong to rows in their order, so that swapped sides must have the same one.
    order, sign = _orientation(rows) if least < 0 else (np.arange(len(rows.means)), 1.0)
    alone = gaffke_interval(
        (sign * rows.means[order][:, rest] - least) / (1 - least),
        counts=rows.counts[order],
        sizes=rows.sizes[order][:, rest],
        level=settings.level,
        anchor=settings.anchor,
        draws=settings.draws,
        seed=settings.seed,
    )
    bounds = [sign * ((1 - least) * bound + least) for bound in alone]
    for bound_K, gaffke in zip(found, bounds if sign > 0 else bounds[::-1], strict=True):
        bound_K[rest] = gaffke
    return found, variance_K, student_K


def _orientation(rows: Differences) -> tuple[npt.NDArray[np.intp], float]:
    """Return the order and sign of the rows that a swap of the sides leaves as they are."""
    ways = []
    for sign in (1.0, -1.0):
        key_DK = np.column_stack((np.round(sign * rows.means, _DIGITS) + 0.0, rows.counts))
        order = np.lexsort(key_DK.T[::-1])
        ways.append((np.nan_to_num(key_DK[order], nan=2.0).tolist(), order, sign))
    _, order, sign = min(ways, key=lambda way: way[0])
    return order, sign
