"""What a training seed does to a student: the variance between seeds, pooled over arms.

Invariants: problems weigh equally, and so do seeds; a variance that nothing tells is NaN, never
0. Not covered: seeds that depend on each other, such as those of two interpolations of one
training.

Array names carry their axes as a suffix: S seeds, P problems, K values of k, R single counts,
J contrasts of seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import FloatArray, IntArray
from reasonbench.stats.passk import check_ks, pass_at_k


class Student(NamedTuple):
    """The counts of a model on a list of problems."""

    n: npt.ArrayLike
    """Completions, of shape (S, P) for S training seeds; (P,) for a model that was not trained."""
    c: npt.ArrayLike
    """Correct ones, of the same shape."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeedVariance:
    """What a training seed adds to a student's pass@k, at K values of k."""

    ks: IntArray
    """The K values of k."""
    value: FloatArray
    """Variance over seeds of pass@k on the whole law of problems, at least 0; NaN where no
    student has two seeds."""
    observed: FloatArray
    """Variance over seeds of the mean over these problems, which contains what seeds do to
    single problems and the noise of sampling; NaN with `value`."""
    freedom: FloatArray
    """Degrees of freedom: the sum of S - 1 over the students."""
    contrasts: FloatArray
    """J curves, independent and each with covariance `observed`, shape (J, K); NaN where
    undefined."""


def seed_variance(
    students: Sequence[Student], ks: npt.ArrayLike, *, against: Sequence[Student] | None = None
) -> SeedVariance:
    """Pool what training seeds do to pass@k over the arms of a study.

    Parameters:
        students (sequence of Student): Arms of independent trainings. Those with one seed, or
            none, say nothing here.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        against (sequence of Student, optional): For each of `students`, one that was trained
            with the same seeds in the same order: then of the differences.

    Returns:
        SeedVariance: Arrays of shape (K,).

    Raises:
        ValueError: If counts or ks are out of range, or shapes differ.

    Notes:
        One arm of 2 seeds has one degree of freedom, whose Student's quantile is 12.7; so the
        squares of the arms are added, and their degrees of freedom. That assumes that a seed
        moves every arm alike at this k, at each k on its own. Where that is false the arm that
        seeds move most gets too short an interval and the others too long ones.

        The variance of the seeds' means over the same m problems exceeds that of the seeds'
        true values by what seeds do to single problems and by sampling noise, over m. Both are
        within the variance over problems already, and are taken off: by the mean square of the
        interaction of seeds and problems (two-way layout without replication). What is left is
        floored at 0.

    References:
        Cornfield and Tukey (1956), Annals of Mathematical Statistics 27, 907-949 (crossed
        random effects).
    """
    caller = "seed_variance"
    k_K = check_ks(ks, caller=caller)
    if against is not None and len(against) != len(students):
        raise ValueError(
            f"The 'against' parameter of {caller} must have one entry for each of {len(students)} "
            f"students. Got {len(against)} entries instead."
        )
    squares_K, extra_K, freedom_K = np.zeros((3, k_K.size))
    contrasts = [np.empty((0, k_K.size))]
    for i, student in enumerate(students):
        x_SPK = student_values(student, k_K, caller)
        if against is not None:
            x_SPK = paired_values(x_SPK, student_values(against[i], k_K, caller), caller)
        if len(x_SPK) < 2:
            continue
        curve_JK, interaction_K = _seed_contrasts(x_SPK)
        there_K = ~np.isnan(curve_JK[0])
        squares_K[there_K] += (curve_JK**2).sum(axis=0)[there_K]
        extra_K[there_K] += len(curve_JK) * interaction_K[there_K]
        freedom_K[there_K] += len(curve_JK)
        contrasts.append(curve_JK)
    safe_K = np.where(freedom_K > 0, freedom_K, np.nan)
    return SeedVariance(
        ks=k_K,
        value=np.maximum(squares_K - extra_K, 0) / safe_K,
        observed=squares_K / safe_K,
        freedom=freedom_K,
        contrasts=np.concatenate(contrasts),
    )


def student_values(student: Student, k_K: IntArray, caller: str) -> FloatArray:
    """Return pass@k by seed and problem, shape (S, P, K); NaN in all seeds where one has n < k."""
    n_SP, c_SP = (np.asarray(x) for x in student)
    if n_SP.shape != c_SP.shape or n_SP.ndim not in (1, 2) or n_SP.size == 0:
        raise ValueError(
            f"The counts of a Student for {caller} must be two arrays of one shape, (P,) or "
            f"(S, P), with at least one entry. Got the shapes {n_SP.shape} and {c_SP.shape} "
            f"instead."
        )
    x_RK = pass_at_k(n_SP.reshape(-1), c_SP.reshape(-1), k_K)
    x_SPK = x_RK.reshape(-1, n_SP.shape[-1], k_K.size)
    return np.where(np.isnan(x_SPK).any(axis=0), np.nan, x_SPK)


def paired_values(x_SPK: FloatArray, other_SPK: FloatArray, caller: str) -> FloatArray:
    """Return the differences, seed by seed, or raise ValueError if the shapes differ."""
    if x_SPK.shape != other_SPK.shape:
        raise ValueError(
            f"Students paired by seed for {caller} must have one shape. Got {x_SPK.shape[:2]} "
            f"and {other_SPK.shape[:2]} instead."
        )
    return x_SPK - other_SPK


def seed_means(x_SPK: FloatArray) -> FloatArray:
    """Return the means over the problems that are defined; NaN where none is."""
    there_SPK = ~np.isnan(x_SPK)
    count_SK = there_SPK.sum(axis=1)
    mean_SK = np.full(count_SK.shape, np.nan)
    total_SK = np.where(there_SPK, x_SPK, 0.0).sum(axis=1)
    np.divide(total_SK, count_SK, out=mean_SK, where=count_SK > 0)
    return mean_SK


def _seed_contrasts(x_SPK: FloatArray) -> tuple[FloatArray, FloatArray]:
    """S - 1 orthonormal contrasts of the seeds' means, and the interaction's part of each square.

    NaN where fewer than two problems are defined.
    """
    there_PK = ~np.isnan(x_SPK[0])
    m_K = there_PK.sum(axis=0)
    helmert_JS = _helmert(len(x_SPK))
    y_JPK = np.einsum("js,spk->jpk", helmert_JS, np.where(there_PK, x_SPK, 0.0))
    safe_K = np.where(m_K > 1, m_K, np.nan)
    mean_JK = y_JPK.sum(axis=1) / safe_K
    rest_JPK = np.where(there_PK, y_JPK - mean_JK[:, None], 0.0)
    interaction_K = (rest_JPK**2).sum(axis=(0, 1)) / (len(helmert_JS) * (safe_K - 1))
    return mean_JK, interaction_K / safe_K


def _helmert(size: int) -> FloatArray:
    """Orthonormal rows that sum to 0, shape (size - 1, size)."""
    rows_JS = np.tril(np.ones((size - 1, size)))
    j = np.arange(1, size)
    rows_JS[j - 1, j] = -j
    return np.asarray(rows_JS / np.sqrt(j * (j + 1))[:, None], dtype=np.float64)
