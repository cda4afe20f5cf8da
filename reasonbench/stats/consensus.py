"""What k completions of a problem give together: all correct, most, a vote, the best.

Each value is the exact mean over all subsets of k of the n completions at hand, so
it is unbiased in the completions, as pass@k is.

Invariants: k > n is NaN where an array is returned and an error where a number is;
no float64 binomial coefficient is formed. Not covered: voters that are not drawn
independently of each other, and scores that change with the set that is ranked.

Array names carry their axes as a suffix: P problems, D distinct (n, c) pairs, K
values of k, A answers, Q quadrature nodes, X powers of x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import FloatArray, check_booleans, check_count
from reasonbench.stats.passk import (
    check_counts,
    check_ks,
    distinct_counts,
    log_miss,
)


def pass_hat_k(n: npt.ArrayLike, c: npt.ArrayLike, ks: npt.ArrayLike) -> FloatArray:
    """Estimate pass^k of each problem, the chance that all of k completions are correct.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem; n = 0 marks a problem that is missing.
        ks (array_like of int, shape (K,)): Values of k, each at least 1, in any order.

    Returns:
        ndarray of float64, shape (m, K): C(c, k) / C(n, k), probabilities; NaN where k > n.

    Notes:
        Unbiased for p^k. It is exactly 0 for c < k and 1 for c = n; the relative error is that
        of `pass_at_k`, of which it is the mirror: the chance that k completions of a problem
        with n - c correct ones are all wrong. Intervals: `gaffke_interval` over the problems.

    References:
        Yao et al. (2024). tau-bench. arXiv:2406.12045.
    """
    return _by_count(n, c, ks, _all_correct, caller="pass_hat_k")


def g_pass_at_k(
    n: npt.ArrayLike, c: npt.ArrayLike, ks: npt.ArrayLike, tau: float | Fraction
) -> FloatArray:
    """Estimate G-Pass@k of each problem: at least ceil(tau k) of k completions correct.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.
        tau (float or Fraction): Share that must be correct, in [0, 1]. A float is taken as the
            decimal it prints as: .28 is 28/100.

    Returns:
        ndarray of float64, shape (m, K): P(Hypergeometric(n, c, k) >= max(ceil(tau k), 1)),
            probabilities; NaN where k > n.

    Notes:
        tau = 0 gives pass@k and tau = 1 gives pass^k. The ceiling is taken of a rational: in
        floats .28 * 25 is above 7, and 13 pairs of a percent grid go wrong that way. Where tau
        is itself computed, pass a Fraction.

    References:
        Liu et al. (2024). Are Your LLMs Capable of Stable Reasoning? arXiv:2412.13147.
    """
    share = _as_rational(tau)

    def at_least(n_i: int, c_i: int, k: int) -> float:
        first, weight_J = _hypergeometric(n_i, c_i, k)
        return float(weight_J[max(0, max(math.ceil(share * k), 1) - first) :].sum())

    return _by_count(n, c, ks, at_least, caller="g_pass_at_k")


def mg_pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, ks: npt.ArrayLike) -> FloatArray:
    """Estimate mG-Pass@k of each problem, G-Pass@k averaged over tau in (1/2, 1].

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.

    Returns:
        ndarray of float64, shape (m, K): (2/k) sum_{i=ceil(k/2)+1..k} P(X >= i) with X
            Hypergeometric(n, c, k); NaN where k > n.

    Notes:
        The sum is the mean of max(X - ceil(k/2), 0). For odd k it has fewer than k/2 terms, as
        in the source, so that it stays below 1 even where everything is correct; for k = 1 it
        is 0.

    References:
        Liu et al. (2024), arXiv:2412.13147.
    """

    def excess(n_i: int, c_i: int, k: int) -> float:
        first, weight_J = _hypergeometric(n_i, c_i, k)
        above_J = first + np.arange(weight_J.size) - math.ceil(Fraction(k, 2))
        return float(2 / k * (weight_J @ np.maximum(above_J, 0)))

    return _by_count(n, c, ks, excess, caller="mg_pass_at_k")


def maj_at_k(
    cluster_counts: npt.ArrayLike,
    correct: npt.ArrayLike,
    k: SupportsIndex,
    *,
    abstained: SupportsIndex = 0,
) -> float:
    """Chance that the most frequent answer among k completions of a problem is correct.

    Parameters:
        cluster_counts (array_like of int, shape (A,)): Completions that gave each answer.
        correct (array_like of bool, shape (A,)): Which answers are correct.
        k (int): Votes, from 1 to n = sum(cluster_counts) + abstained.
        abstained (int): Completions without an answer: they are drawn like the others and vote
            for nothing. If all of the k abstain, the vote is wrong.

    Returns:
        float: A probability, exact over all C(n, k) subsets; ties are broken uniformly.

    Notes:
        The sum over the votes j for a correct answer of C(n_*, j) times the coefficient of
        x^(k-j) in prod over the other answers of (sum_{i<j} C(n_a, i) x^i + y C(n_a, j) x^j),
        y^t standing for 1/(t+1), over C(n, k). Since 1/(t+1) is the integral of y^t over [0, 1],
        y is integrated by Gauss-Legendre quadrature of sufficient order, which is exact and
        adds positive numbers only. Coefficients are scaled to binomial chances, so that nothing
        overflows. The relative error is about 1e-15 times the number of answers.

    References:
        Wang et al. (2023). Self-Consistency. arXiv:2203.11171 (the vote; there estimated from a
        single draw).
    """
    caller = "maj_at_k"
    count_A = check_ks(cluster_counts, caller=caller, name="cluster_counts", least=0)
    right_A = check_booleans(correct, count_A.size, name="correct", caller=caller)
    silent = check_count(abstained, name="abstained", caller=caller, least=0)
    n = int(count_A.sum()) + silent
    votes = _check_subset(k, n, caller)
    rate = votes / (n + 1)
    chance_AX = [_binomial_chances(int(count), rate) for count in count_A]
    silent_X = _binomial_chances(silent, rate)
    total = 0.0
    for answer in np.flatnonzero(right_A & (count_A > 0)).tolist():
        others = [
            chances for i, chances in enumerate(chance_AX) if i != answer and len(chances) > 1
        ]
        for j in range(1, min(int(count_A[answer]), votes) + 1):
            others_win_not = _no_more_than(j, votes - j, others, silent_X)
            total += float(chance_AX[answer][j]) * others_win_not
    return min(1.0, total / float(_binomial_chances(n, rate)[votes]))


def best_of_k(scores: npt.ArrayLike, correct: npt.ArrayLike, k: SupportsIndex) -> float:
    """Chance that the best-scored of k completions of a problem is correct.

    Parameters:
        scores (array_like of float, shape (n,)): Score of each completion, higher is better;
            infinite ones are allowed, NaN is not.
        correct (array_like of bool, shape (n,)): Which completions are correct.
        k (int): Completions that are ranked, from 1 to n.

    Returns:
        float: A probability, exact over all C(n, k) subsets; ties are broken uniformly.

    Notes:
        The completion of rank i (0 is best) is the best of k with chance C(n-i-1, k-1) / C(n, k),
        and a block of equal scores shares its chances. k = 1 gives the accuracy; with scores
        that single out the correct ones it is pass@k.

    References:
        Cobbe et al. (2021). Training Verifiers to Solve Math Word Problems. arXiv:2110.14168.
    """
    caller = "best_of_k"
    score_N = np.asarray(scores)
    if score_N.ndim != 1 or score_N.dtype.kind not in "iuf" or np.any(np.isnan(score_N)):
        raise ValueError(
            f"The 'scores' parameter of {caller} must be a 1-D array of numbers, none of them NaN. "
            f"Got {scores!r} instead."
        )
    n = score_N.size
    right_N = check_booleans(correct, n, name="correct", caller=caller).astype(np.float64)
    drawn = _check_subset(k, n, caller)
    _, block_N, size_S = np.unique(-score_N, return_inverse=True, return_counts=True)
    accuracy_S = np.bincount(block_N.reshape(-1), weights=right_N) / size_S
    rank = np.arange(n - drawn + 1)
    spared = np.concatenate(([1.0], np.cumprod(1 - drawn / (n - rank[:-1]))))
    weight_N = np.zeros(n)
    weight_N[rank] = spared * drawn / (n - rank)
    block_starts = np.concatenate(([0], np.cumsum(size_S)[:-1]))
    return float(np.add.reduceat(weight_N, block_starts) @ accuracy_S)


def _by_count(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    ks: npt.ArrayLike,
    value: Callable[[int, int, int], float],
    *,
    caller: str,
) -> FloatArray:
    """Tabulate value(n, c, k) for k <= n once per distinct (n, c); NaN above."""
    n_P, c_P = check_counts(n, c, caller=caller)
    k_K = check_ks(ks, caller=caller)
    n_D, c_D, inverse_P = distinct_counts(n_P, c_P)
    value_DK = np.full((n_D.size, k_K.size), np.nan)
    for row, (n_i, c_i) in enumerate(zip(n_D.tolist(), c_D.tolist(), strict=True)):
        for column, k in enumerate(k_K.tolist()):
            if k <= n_i:
                value_DK[row, column] = value(n_i, c_i, k)
    return value_DK[inverse_P]


def _all_correct(n: int, c: int, k: int) -> float:
    if k > c or c == n:
        return float(c == n)
    return math.exp(log_miss(n, n - c, k))


def _as_rational(tau: float | Fraction) -> Fraction:
    try:
        share = tau if isinstance(tau, Fraction) else Fraction(str(tau))
    except ValueError:
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise ValueError(
            f"The 'tau' parameter of g_pass_at_k must be in the range [0, 1]. Got {tau!r} instead."
        )
    return share


def _hypergeometric(n: int, c: int, k: int) -> tuple[int, FloatArray]:
    """Least number of correct ones among k of n, and the chances of it and all above."""
    first, last = max(0, k - (n - c)), min(c, k)
    j = np.arange(first, last, dtype=np.float64)
    log_ratio = np.log((c - j) / (j + 1)) + np.log((k - j) / (n - c - k + j + 1))
    log_weight = np.concatenate(([0.0], np.cumsum(log_ratio)))
    weight_J = np.exp(log_weight - log_weight.max())
    return first, weight_J / weight_J.sum()


def _binomial_chances(n: int, p: float) -> FloatArray:
    i = np.arange(n, dtype=np.float64)
    log_ratio = np.log((n - i) / (i + 1)) + math.log(p / (1 - p))
    log_weight = np.concatenate(([0.0], np.cumsum(log_ratio)))
    weight_X = np.exp(log_weight - log_weight.max())
    return np.asarray(weight_X / weight_X.sum(), dtype=np.float64)


def _no_more_than(j: int, left: int, others: list[FloatArray], silent_X: FloatArray) -> float:
    """Weight of `left` votes of which no other answer has over j, ties won by a share."""
    at_most = sum(min(len(chances) - 1, j) for chances in others) + len(silent_X) - 1
    if at_most < left:
        return 0.0
    ties = min(left // j, sum(len(chances) > j for chances in others))
    node_Q, weight_Q = np.polynomial.legendre.leggauss(ties // 2 + 1)
    y_Q, weight_Q = (node_Q + 1) / 2, weight_Q / 2
    product_QX = np.zeros((y_Q.size, left + 1))
    product_QX[:, : len(silent_X)] = silent_X[: left + 1]
    for chances in others:
        factor_QX = np.repeat(chances[None, : j + 1], y_Q.size, axis=0)
        if len(chances) > j:
            factor_QX[:, j] *= y_Q
        product_QX = _multiply(product_QX, factor_QX)
    return float(weight_Q @ product_QX[:, left])


def _multiply(one_QX: FloatArray, other_QX: FloatArray) -> FloatArray:
    """Product of polynomials, row by row, up to the degree of the first."""
    product_QX = np.zeros_like(one_QX)
    size = one_QX.shape[1]
    for i in range(min(other_QX.shape[1], size)):
        product_QX[:, i:] += other_QX[:, i, None] * one_QX[:, : size - i]
    return product_QX


def _check_subset(k: SupportsIndex, n: int, caller: str) -> int:
    drawn = check_count(k, name="k", caller=caller)
    if drawn > n:
        raise ValueError(
            f"The 'k' parameter of {caller} must be at most the number of completions, {n}. "
            f"Got {k!r} instead."
        )
    return drawn
