"""Problems that hang together: variants of one template, problems of one contest.

Invariant: problems weigh equally, in clusters of any size. Not covered: clusters in
clusters; pass the outermost.

Array names carry their axes as a suffix: P problems, C clusters, K quantities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.checks import FloatArray
from reasonbench.stats.intervals import Interval


def cluster_means(
    values_PK: FloatArray, group_P: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return each cluster's mean over its defined problems, and their number; NaN and 0."""
    order = np.argsort(group_P, kind="stable")
    starts = np.flatnonzero(np.diff(group_P[order], prepend=-1))
    defined_PK = ~np.isnan(values_PK)
    size_CK = np.add.reduceat(defined_PK[order].astype(np.float64), starts, axis=0)
    filled_PK = np.where(defined_PK, values_PK, 0.0)
    mean_CK = np.full(size_CK.shape, np.nan)
    sum_CK = np.add.reduceat(filled_PK[order], starts, axis=0)
    np.divide(sum_CK, size_CK, out=mean_CK, where=size_CK > 0)
    return mean_CK, size_CK


def clustered_variance(
    mean_CK: FloatArray, size_CK: FloatArray, counts_C: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Variance of the mean over problems when clusters are independent, and their number.

    Parameters:
        mean_CK, size_CK (ndarray of float64, shape (C, K)): Mean and number of the defined
            problems of each cluster; NaN and 0 where there are none.
        counts_C (ndarray of float64, shape (C,)): How many clusters each row stands for.

    Returns:
        tuple: Variances and numbers of clusters, each of shape (K,); NaN for fewer than two.

    Notes:
        C / (C - 1) times the sum over the clusters of (size (mean - overall mean))^2 over the
        squared number of problems: S^2 / m where every cluster is one problem.

    References:
        Liang and Zeger (1986), Biometrika 73, 13-22. Miller (2024), arXiv:2411.00640.
    """
    filled_CK = np.where(size_CK > 0, mean_CK, 0.0)
    total_K = counts_C @ size_CK
    clusters_K = counts_C @ (size_CK > 0)
    safe_K = np.maximum(total_K, 1.0)
    overall_K = counts_C @ (filled_CK * size_CK) / safe_K
    squares_K = counts_C @ (size_CK * (filled_CK - overall_K)) ** 2
    variance_K = np.full(total_K.size, np.nan)
    np.divide(
        squares_K * clusters_K,
        safe_K**2 * (clusters_K - 1),
        out=variance_K,
        where=clusters_K > 1,
    )
    return variance_K, clusters_K


def t_interval(
    estimate_K: FloatArray, variance_K: FloatArray, clusters_K: FloatArray, level: float
) -> Interval:
    """Student's interval with one degree of freedom less than there are clusters."""
    half_K = np.full(estimate_K.size, np.nan)
    there = clusters_K > 1
    quantile = special.stdtrit(clusters_K[there] - 1, (1.0 + level) / 2)
    half_K[there] = quantile * np.sqrt(variance_K[there])
    return Interval(estimate_K - half_K, estimate_K + half_K)
