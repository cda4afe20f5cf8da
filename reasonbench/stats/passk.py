"""pass@k from counts: the unbiased estimate, its exact variance, and the edge rules.

Problem i has n completions of which c are correct; pass@k is the probability
that at least one of k completions is correct. Everything here works on counts
of single problems; a benchmark's estimate and intervals are in `intervals`.

Invariants: k > n is NaN for every c, never 1; no probability is computed as a
difference of large logarithms or of nearly equal numbers. Array names carry
their axes as a suffix: P problems, K values of k, D distinct (n, c) pairs.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import FloatArray, IntArray

_LARGEST_COUNT = 2**53
"""Counts are divided in float64, which holds every integer up to here."""

_SURE = 40.0
"""The miss probability is at most exp(-c k / n), and 1 - exp(-40) rounds to 1."""

_CALL = 1000
"""One vectorised sum costs about as much as this many terms of a table."""

_NEGLIGIBLE = -50.0
"""Overlap sizes this far (in logs) below the likeliest one are left out."""


def pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, ks: npt.ArrayLike) -> FloatArray:
    """Estimate pass@k of each problem without bias, 1 - C(n-c, k) / C(n, k).

    Parameters:
        n (array_like of int, shape (m,)): Completions of each problem. 0 marks a problem that
            is missing.
        c (array_like of int, shape (m,)): Correct completions of each problem, 0 <= c <= n.
        ks (array_like of int, shape (K,)): Values of k, each at least 1, in any order.

    Returns:
        ndarray of float64, shape (m, K): Probabilities. NaN where k > n, and so for every k
            where n = 0.

    Raises:
        ValueError: If a count is negative, not an integer or not finite, if c > n, if k < 1, or
            if the shapes do not match.

    Notes:
        The ratio is symmetric in (c, k). A single k costs min(c, k) terms of ``log1p`` (and
        never more than about ``sqrt(40 n)``: beyond that the result rounds to 1); a whole curve
        costs one compensated cumulative sum for each distinct (n, c). The relative error is a
        few units of the last place. For k <= n: c = 0 gives exactly 0, and n - c < k exactly 1.

    References:
        Chen et al. (2021). Evaluating Large Language Models Trained on Code. arXiv:2107.03374.
    """
    n_P, c_P = check_counts(n, c, caller="pass_at_k")
    k_K = check_ks(ks, caller="pass_at_k")
    n_D, c_D, inverse_P = distinct_counts(n_P, c_P)
    pass_DK = np.empty((n_D.size, k_K.size))
    for row, (n_i, c_i) in enumerate(zip(n_D.tolist(), c_D.tolist(), strict=True)):
        pass_DK[row] = _pass_curve(n_i, c_i, k_K)
    return pass_DK[inverse_P]


def variance_given_p(n: int, k: int, p: npt.ArrayLike) -> FloatArray:
    """Sampling variance of the pass@k estimate of a problem solved with chance p.

    Parameters:
        n (int): Completions of the problem, at least k.
        k (int): At least 1.
        p (array_like of float): Chance that one completion is correct, in [0, 1].

    Returns:
        ndarray of float64, shape of `p`: Variances of a probability.

    Notes:
        With q = 1 - p and J the overlap of two random k-subsets of the n completions, the
        variance is E[q^(2k-J)] - q^(2k), summed here as E[q^(2k-J) (1 - q^J)], whose terms are
        all positive. Overlap sizes of negligible chance are left out: the absolute error stays
        below 1e-16.

    References:
        Chen et al. (2021), arXiv:2107.03374, for the estimate.
    """
    n_1, k_1 = check_counts([n], [k], caller="variance_given_p", names=("n", "k"))
    check_ks(k_1, caller="variance_given_p", name="k")
    p_X = np.asarray(p, dtype=np.float64)
    if not bool(np.all((p_X >= 0) & (p_X <= 1))):
        raise ValueError(
            f"The 'p' parameter of variance_given_p must be in the range [0, 1]. Got {p!r} instead."
        )
    overlap_J, weight_J = _overlap(int(n_1[0]), int(k_1[0]))
    inside = (p_X > 0) & (p_X < 1)
    log_q_XJ = np.log1p(-np.where(inside, p_X, 0.5))[..., None]
    both_XJ = np.exp((2 * int(k_1[0]) - overlap_J) * log_q_XJ)
    variance_X = (both_XJ * -np.expm1(overlap_J * log_q_XJ)) @ weight_J
    return np.asarray(np.where(inside, variance_X, 0.0), dtype=np.float64)


def unbiased_variance(n: npt.ArrayLike, c: npt.ArrayLike, ks: npt.ArrayLike) -> FloatArray:
    """Estimate without bias the sampling variance of each problem's pass@k.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.

    Returns:
        ndarray of float64, shape (m, K): Variances of a probability; NaN where n < 2k, for
            which no unbiased estimate exists.

    Notes:
        (1 - pass@k)^2 - (1 - pass@2k), computed as one product without cancellation. It is
        never negative. It is 0 at c = 0 and wherever n - c < k, which says that nothing was
        seen to vary, not that nothing does: intervals are built on `mean_variance` instead.

    References:
        Chen et al. (2021), arXiv:2107.03374, for the estimate.
    """
    n_P, c_P = check_counts(n, c, caller="unbiased_variance")
    k_K = check_ks(ks, caller="unbiased_variance")
    n_D, c_D, inverse_P = distinct_counts(n_P, c_P)
    variance_DK = np.full((n_D.size, k_K.size), np.nan)
    for row, (n_i, c_i) in enumerate(zip(n_D.tolist(), c_D.tolist(), strict=True)):
        for column, k in enumerate(k_K.tolist()):
            if 2 * k <= n_i:
                variance_DK[row, column] = _unbiased_variance(n_i, c_i, k)
    return variance_DK[inverse_P]


def mean_variance(n: int, ks: IntArray, alpha_D: FloatArray, beta_D: FloatArray) -> FloatArray:
    """Mean over p ~ Beta(alpha, beta) of the sampling variance of pass@k.

    Parameters:
        n (int): Completions of each problem.
        ks (ndarray of int, shape (K,)): Values of k, each in [1, n].
        alpha_D, beta_D (ndarray of float64, shape (D,)): Parameters of the law of each
            problem's chance of a correct completion.

    Returns:
        ndarray of float64, shape (D, K): Variances of a probability.

    Notes:
        `variance_given_p` with every power of q replaced by its Beta moment, E[q^r] =
        prod_{i<r} (beta + i) / (alpha + beta + i). Again all terms are positive; the absolute
        error stays below 1e-16.

    References:
        Johnson, Kotz and Balakrishnan (1995). Continuous Univariate Distributions, vol. 2, ch.
        25 (Beta moments).
    """
    order_R = np.arange(2 * int(ks.max(initial=0)))
    sum_DR = (alpha_D + beta_D)[:, None] + order_R
    share_DR = alpha_D[:, None] / sum_DR
    log_factor_DR = np.where(
        share_DR < 0.5,
        np.log1p(-np.minimum(share_DR, 0.5)),
        np.log((beta_D[:, None] + order_R) / sum_DR),
    )
    log_moment_DR = np.zeros((alpha_D.size, order_R.size + 1))
    np.cumsum(log_factor_DR, axis=1, out=log_moment_DR[:, 1:])
    variance_DK = np.empty((alpha_D.size, ks.size))
    for column, k in enumerate(ks.tolist()):
        overlap_J, weight_J = _overlap(n, k)
        either_DJ = log_moment_DR[:, 2 * k - overlap_J]
        apart_D1 = log_moment_DR[:, 2 * k, None]
        variance_DK[:, column] = (np.exp(either_DJ) * -np.expm1(apart_D1 - either_DJ)) @ weight_J
    return variance_DK


def check_counts(
    n: npt.ArrayLike, c: npt.ArrayLike, *, caller: str, names: tuple[str, str] = ("n", "c")
) -> tuple[IntArray, IntArray]:
    """Return n and c as int64 arrays, or raise ValueError if they cannot be counts."""
    n_P = _as_integers(n, least=0, name=names[0], caller=caller)
    c_P = _as_integers(c, least=0, name=names[1], caller=caller)
    if n_P.shape != c_P.shape:
        raise ValueError(
            f"The {names[0]!r} and {names[1]!r} parameters of {caller} must have one entry for "
            f"each problem. Got {n_P.size} and {c_P.size} entries instead."
        )
    above = np.flatnonzero(c_P > n_P)
    if above.size:
        i = above[0]
        raise ValueError(
            f"The {names[1]!r} parameter of {caller} must be at most {names[0]!r}. "
            f"Got {names[1]}={c_P[i]} with {names[0]}={n_P[i]} at index {i} instead."
        )
    return n_P, c_P


def check_ks(ks: npt.ArrayLike, *, caller: str, name: str = "ks", least: int = 1) -> IntArray:
    """Return ks as an int64 array, or raise ValueError if a k is not an integer >= least."""
    return _as_integers(ks, least=least, name=name, caller=caller)


def distinct_counts(
    n_P: IntArray, c_P: IntArray
) -> tuple[IntArray, IntArray, npt.NDArray[np.intp]]:
    """Return the distinct (n, c) pairs, sorted, and each problem's place among them."""
    pairs_D2, inverse = np.unique(np.column_stack((n_P, c_P)), axis=0, return_inverse=True)
    return pairs_D2[:, 0], pairs_D2[:, 1], inverse.reshape(-1)


def _as_integers(value: npt.ArrayLike, *, least: int, name: str, caller: str) -> IntArray:
    array = np.asarray(value)
    rule = f"The {name!r} parameter of {caller} must be a 1-D array of integers >= {least}."
    if array.ndim != 1:
        raise ValueError(f"{rule} Got an array of shape {array.shape} instead.")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{rule} Got an array of dtype {array.dtype} instead.")
    good = np.isfinite(array) & (array >= least) & (array <= _LARGEST_COUNT)
    if array.dtype.kind == "f":
        good &= array == np.floor(array)
    bad = np.flatnonzero(~good)
    if bad.size:
        raise ValueError(f"{rule} Got {array[bad[0]]} at index {bad[0]} instead.")
    return array.astype(np.int64)


def _pass_curve(n: int, c: int, k_K: IntArray) -> FloatArray:
    pass_K = np.full(k_K.size, np.nan)
    pass_K[k_K <= n] = 1.0 if c else 0.0
    if c:
        unsure = (k_K <= n - c) & (k_K * (c / max(n, 1)) < _SURE)
        pass_K[unsure] = -np.expm1(_log_misses(n, c, k_K[unsure]))
    return pass_K


def _log_misses(n: int, c: int, k_K: IntArray) -> FloatArray:
    longest = int(k_K.max(initial=0))
    if int(np.minimum(k_K, c).sum()) + _CALL * k_K.size <= longest:
        return np.array([log_miss(n, c, k) for k in k_K.tolist()])
    table = _compensated_cumsum(np.log1p(-c / (n - np.arange(longest))))
    return table[k_K - 1]


def log_miss(n: int, c: int, k: int) -> float:
    """Log of C(n-c, k) / C(n, k) for 1 <= c and 1 <= k <= n - c."""
    few, many = min(c, k), max(c, k)
    return float(np.log1p(-many / np.arange(n - few + 1, n + 1)).sum())


def _compensated_cumsum(terms: FloatArray) -> FloatArray:
    """Cumulative sum whose rounding errors (Knuth's two-sum) are added back."""
    total = np.cumsum(terms)
    before = np.concatenate(([0.0], total[:-1]))[: total.size]
    added = total - before
    error = (before - (total - added)) + (terms - added)
    return np.asarray(total + np.cumsum(error), dtype=np.float64)


def _unbiased_variance(n: int, c: int, k: int) -> float:
    if n - c < k:
        return 0.0
    miss = math.exp(log_miss(n, c, k))
    if n - c < 2 * k:
        return miss * miss
    if c < k:
        log_ratio = np.log1p(-((k / (n - k - np.arange(c))) ** 2)).sum()
    else:
        j = np.arange(k)
        log_ratio = np.log1p(-(c / (n - k - j)) * (k / (n - c - j))).sum()
    return miss * miss * -float(np.expm1(log_ratio))


def _overlap(n: int, k: int) -> tuple[IntArray, FloatArray]:
    """Likely sizes, with their chances, of the overlap of two random k-subsets of n."""
    size_J = np.arange(max(0, 2 * k - n), k + 1)
    step = size_J[:-1]
    log_ratio = 2 * np.log(k - step) - np.log(step + 1) - np.log(n - 2 * k + step + 1)
    log_weight_J = np.concatenate(([0.0], np.cumsum(log_ratio)))
    log_weight_J -= log_weight_J.max()
    likely = log_weight_J > _NEGLIGIBLE
    weight_J = np.exp(log_weight_J[likely])
    return size_J[likely], weight_J / weight_J.sum()
