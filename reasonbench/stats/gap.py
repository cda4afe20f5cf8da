"""How much higher a model scores on one set of problems than on another, and what of it is its own.

`gap` compares two sets; `difference_in_differences` takes off what a reference model shows of
the same; `gap_of_strata` compares two draws of the same families, family by family.

Invariants: the two sets are independent; problems weigh equally in the first two, strata in the
third; an interval contains its value and is never of zero width; what is undefined at a k is
left out and counted. Not covered: problems that were sampled until their r-th success.

Array names carry their axes as a suffix: P problems, S strata, C clusters, K values of k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reasonbench.stats.benchmark import benchmark_pass_at_k
from reasonbench.stats.checks import FloatArray, IntArray, check_anchor, check_probability
from reasonbench.stats.clusters import cluster_means, clustered_variance, t_interval
from reasonbench.stats.compare import (
    ENOUGH,
    GAFFKE,
    STUDENT,
    Differences,
    compare_paired,
    effective_number,
)
from reasonbench.stats.difference import Estimated, difference_independent
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval
from reasonbench.stats.passk import check_counts, check_ks, pass_at_k

MOVER: Final = "mover"

Labels = npt.ArrayLike | None


class Sampled(NamedTuple):
    """One model on one set of problems."""

    n: npt.ArrayLike
    """Completions of each problem, shape (m,)."""
    c: npt.ArrayLike
    """Correct ones."""
    clusters: Labels = None
    """Problems of one label may depend on each other; None: none does."""


class Pair(NamedTuple):
    """Two models on one set of problems, in the same order."""

    model: Sampled
    """The model in question; its clusters are those of both."""
    reference: Sampled
    """The model that it is held against."""


class Stratified(NamedTuple):
    """One model on problems of several strata, such as family and level."""

    n: npt.ArrayLike
    """Completions of each problem, shape (m,)."""
    c: npt.ArrayLike
    """Correct ones."""
    strata: npt.ArrayLike
    """Label of the stratum of each problem; equal labels are compared."""
    clusters: npt.ArrayLike
    """Label of what may move a stratum's difference together, such as the family."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap:
    """A difference at K values of k."""

    ks: IntArray
    """The K values of k, as they were asked for."""
    value: FloatArray
    """The difference; NaN where nothing defines it."""
    interval: Interval
    """For other problems of the same kinds; NaN with the value."""
    method: tuple[str, ...]
    """`MOVER`, `STUDENT` or `GAFFKE` at each k."""
    n_first: IntArray
    """Problems of the first set behind the value at each k."""
    n_second: IntArray
    """Problems of the second set."""


def gap(
    first: Sampled,
    second: Sampled,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 1.0,
    draws: int = 20_000,
    seed: int = 0,
) -> Gap:
    """Estimate pass@k on the first set minus pass@k on the second, which shares no problem with it.

    Parameters:
        first, second (Sampled): One model on two disjoint sets of problems.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        level (float): Confidence level, in (0, 1).
        anchor (float): Anchor of `gaffke_interval`; 1 is the conservative choice.
        draws, seed (int): Monte-Carlo draws of the sets' intervals, and their seed.

    Returns:
        Gap: Arrays of shape (K,), values in [-1, 1].

    Raises:
        ValueError: If counts, settings or ks are out of range.

    Notes:
        `difference_independent` over the superpopulation intervals of the sets; swapping the
        sets mirrors the result exactly. Coverage at 95 % (`benchmarks/gap.py --runs 600 --draws
        1000`; 40 cells at two k): .957 at worst, .990 on average.
    """
    sides = [
        benchmark_pass_at_k(
            side.n,
            side.c,
            ks,
            level=level,
            anchor=anchor,
            clusters=side.clusters,
            draws=draws,
            seed=seed,
        )
        for side in (first, second)
    ]
    a, b = sides
    value, interval = _independent(
        (a.estimate, a.superpopulation), (b.estimate, b.superpopulation), low=0.0
    )
    return Gap(
        ks=a.ks,
        value=value,
        interval=interval,
        method=(MOVER,) * value.size,
        n_first=a.n_problems - a.undefined,
        n_second=b.n_problems - b.undefined,
    )


def difference_in_differences(
    first: Pair,
    second: Pair,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 1.0,
    draws: int = 20_000,
    seed: int = 0,
) -> Gap:
    """Estimate the gap of a model minus the gap of a reference on the same two sets.

    Parameters:
        first, second (Pair): Both models on each set. Within a set they answer the same problems.
        ks, level, anchor, draws, seed: As for `gap`.

    Returns:
        Gap: Arrays of shape (K,), values in [-2, 2]; positive where the model gains more from
            the first set than the reference does.

    Raises:
        ValueError: If counts, settings or ks are out of range or shapes differ.

    Notes:
        (model - reference on the first set) - (the same on the second), which is the same number:
        within a set the models are paired by problem, as in `compare_paired`, so what makes a
        problem hard for both cancels; the sets are independent, and their intervals are joined by
        `difference_independent`. A problem counts at k if both models have n >= k.

        It is a difference of proportions: the same leak counts for less where a model is near 0
        or 1 already, and two models of different strength may differ in their gaps without any
        leak. Swapping the sets mirrors the result exactly. Coverage as for `gap`: .930 at worst
        of 40 cells, .984 on average.
    """
    sides = [
        compare_paired(
            pair.reference.n,
            pair.reference.c,
            pair.model.n,
            pair.model.c,
            ks,
            level=level,
            anchor=anchor,
            clusters=pair.model.clusters,
            draws=draws,
            seed=seed,
        )
        for pair in (first, second)
    ]
    a, b = sides
    value, interval = _independent((a.delta, a.interval), (b.delta, b.interval), low=-1.0)
    return Gap(
        ks=a.ks,
        value=value,
        interval=interval,
        method=(MOVER,) * value.size,
        n_first=a.n_problems - a.undefined,
        n_second=b.n_problems - b.undefined,
    )


def gap_of_strata(
    first: Stratified,
    second: Stratified,
    ks: npt.ArrayLike,
    *,
    level: float = 0.95,
    anchor: float = 1.0,
    draws: int = 20_000,
    seed: int = 0,
) -> Gap:
    """Estimate pass@k on the first set minus pass@k on the second, stratum by stratum.

    Parameters:
        first, second (Stratified): One model on two draws from the same generators.
        ks, level, anchor, draws, seed: As for `gap`.

    Returns:
        Gap: Arrays of shape (K,), values in [-1, 1]. Strata weigh equally; one that has no
            problem with n >= k on both sides is left out, and so are its problems.

    Raises:
        ValueError: If counts, settings or ks are out of range, shapes differ, the sets share no
            stratum, or a stratum has problems of two clusters.

    Notes:
        The difference of each stratum's means is averaged, so what makes a family or level hard
        cancels. The clusters are the sample: Student's t over their means from 15 effective ones
        on, Gaffke's interval with anchors at -1 and +1 below, as in `compare_paired`. A single
        cluster says next to nothing of others of its kind, and its interval is as wide as that.
        Coverage as for `gap`: .925 at worst of 36 cells (6 to 37 families), .986 on average.
    """
    caller = "gap_of_strata"
    check_probability(level, name="level", caller=caller)
    check_anchor(anchor, caller=caller)
    k_K = check_ks(ks, caller=caller)
    means, counts, cluster_S = _strata(first, second, k_K, caller)
    d_SK = means[0] - means[1]
    rows_CK, sizes_CK = cluster_means(d_SK, cluster_S)
    rows = Differences(rows_CK, sizes_CK, np.ones(len(rows_CK)))
    variance_K, clusters_K = clustered_variance(rows.means, rows.sizes, rows.counts)
    student_K = (effective_number(rows) >= ENOUGH) & (variance_K > 0)
    student = t_interval(rows.delta, variance_K, clusters_K, level)
    gaffke = gaffke_interval(
        (rows.means + 1) / 2, sizes=rows.sizes, level=level, anchor=anchor, draws=draws, seed=seed
    )
    there_SK = ~np.isnan(d_SK)
    return Gap(
        ks=k_K,
        value=rows.delta,
        interval=Interval(
            np.where(student_K, np.maximum(student.low, -1.0), 2 * gaffke.low - 1),
            np.where(student_K, np.minimum(student.high, 1.0), 2 * gaffke.high - 1),
        ),
        method=tuple(STUDENT if student else GAFFKE for student in student_K),
        n_first=np.sum(counts[0] * there_SK, axis=0).astype(np.int64),
        n_second=np.sum(counts[1] * there_SK, axis=0).astype(np.int64),
    )


def _independent(
    first: tuple[FloatArray, Interval], second: tuple[FloatArray, Interval], *, low: float
) -> tuple[FloatArray, Interval]:
    """Return first - second and its interval at each k, of quantities in [low, 1]."""
    span = 1.0 - low
    size = first[0].size
    value_K, low_K, high_K = (np.full(size, np.nan) for _ in range(3))
    for i in range(size):
        if np.isnan(first[0][i]) or np.isnan(second[0][i]):
            continue
        sides = [_in_unit(side, i, low, span) for side in (first, second)]
        _, below, above = difference_independent(*sides)
        value_K[i] = first[0][i] - second[0][i]
        low_K[i] = min(span * below, value_K[i])
        high_K[i] = max(span * above, value_K[i])
    return value_K, Interval(low_K, high_K)


def _in_unit(side: tuple[FloatArray, Interval], i: int, low: float, span: float) -> Estimated:
    estimate, (lows, highs) = side
    ends = ((float(x) - low) / span for x in (estimate[i], lows[i], highs[i]))
    value, least, most = (min(1.0, max(0.0, x)) for x in ends)
    return Estimated(value, min(least, value), max(most, value))


def _strata(
    first: Stratified, second: Stratified, k_K: IntArray, caller: str
) -> tuple[list[FloatArray], list[FloatArray], npt.NDArray[np.intp]]:
    """Return mean and number of each shared stratum's defined problems, and its cluster."""
    labels = [_labels(side, caller) for side in (first, second)]
    shared = np.intersect1d(labels[0][0], labels[1][0])
    if shared.size == 0:
        raise ValueError(
            f"The 'first' and 'second' parameters of {caller} must share a stratum. "
            f"Got {np.unique(labels[0][0])[:3]!r} and {np.unique(labels[1][0])[:3]!r} instead."
        )
    means, sizes = [], []
    cluster_of: dict[object, object] = {}
    for side, (strata_P, clusters_P) in zip((first, second), labels, strict=True):
        n_P, c_P = check_counts(side.n, side.c, caller=caller)
        if n_P.shape != strata_P.shape:
            raise ValueError(
                f"The 'strata' parameter of {caller} must have one entry for each of {n_P.size} "
                f"problems. Got {strata_P.size} entries instead."
            )
        taken = np.isin(strata_P, shared)
        for stratum, cluster in set(zip(strata_P[taken], clusters_P[taken], strict=True)):
            if cluster_of.setdefault(stratum, cluster) != cluster:
                raise ValueError(
                    f"The 'clusters' parameter of {caller} must have one label a stratum. "
                    f"Got {cluster_of[stratum]!r} and {cluster!r} for {stratum!r} instead."
                )
        mean_SK, size_SK = cluster_means(
            pass_at_k(n_P[taken], c_P[taken], k_K), np.searchsorted(shared, strata_P[taken])
        )
        means.append(mean_SK)
        sizes.append(size_SK)
    clusters = np.array([cluster_of[stratum] for stratum in shared])
    return means, sizes, np.unique(clusters, return_inverse=True)[1].reshape(-1)


def _labels(
    side: Stratified, caller: str
) -> tuple[npt.NDArray[np.str_ | np.int64], npt.NDArray[np.str_ | np.int64]]:
    strata, clusters = np.asarray(side.strata), np.asarray(side.clusters)
    for name, array in (("strata", strata), ("clusters", clusters)):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iuU"):
            raise ValueError(
                f"The {name!r} parameter of {caller} must be a 1-D array of integers or strings. "
                f"Got an array of shape {array.shape} and dtype {array.dtype} instead."
            )
    if strata.shape != clusters.shape:
        raise ValueError(
            f"The 'clusters' parameter of {caller} must have one entry for each of {strata.size} "
            f"problems. Got {clusters.size} entries instead."
        )
    return strata, clusters
