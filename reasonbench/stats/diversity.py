"""How different the completions of a model are: answers, paths, difficulty, words.

All measures describe; none is a test (that is `diversity_collapse`). Measures of
answers take the completions of one problem, by their clusters of equal answers;
measures of difficulty take the counts of a benchmark; measures of words take the texts
of correct completions, cut to one length, since longer texts repeat themselves more.

Invariants: a measure that the data cannot give is NaN, never 0. Not covered: finding
the clusters.

Array names carry their axes as a suffix: A answers, P problems, K values of k, N texts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.errors import MissingDependencyError
from reasonbench.stats.checks import FloatArray, check_count
from reasonbench.stats.passk import check_counts, check_ks, pass_at_k


def distinct_rarefied(cluster_counts: npt.ArrayLike, ks: npt.ArrayLike) -> FloatArray:
    """Expected number of different answers (or paths) among k completions of a problem.

    Parameters:
        cluster_counts (array_like of int, shape (A,)): Completions that gave each answer; for
            distinct correct answers or paths, the correct ones only.
        ks (array_like of int, shape (K,)): Values of k, each at least 1.

    Returns:
        ndarray of float64, shape (K,): From 1 to min(k, A); NaN where k > n = the sum of the
            counts.

    Notes:
        sum over the answers of 1 - C(n - n_a, k) / C(n, k), exact over all subsets. Two models
        are compared at a k that both have, for numbers of answers grow with n.

    References:
        Hurlbert (1971), Ecology 52, 577-586 (rarefaction).
    """
    count_A = _positive(cluster_counts, "distinct_rarefied")
    n_A = np.full(count_A.size, int(count_A.sum()))
    k_K = check_ks(ks, caller="distinct_rarefied")
    if count_A.size == 0:
        return np.full(k_K.size, np.nan)
    return np.asarray(pass_at_k(n_A, count_A, k_K).sum(axis=0), dtype=np.float64)


def answer_entropy(cluster_counts: npt.ArrayLike) -> float:
    """Entropy of a problem's answers, with most of the bias of few completions removed.

    Parameters:
        cluster_counts (array_like of int, shape (A,)): Completions that gave each answer.

    Returns:
        float: In nats, at least 0; NaN for no completion.

    Notes:
        psi(n) - (1/n) sum n_a G(n_a) with G(i) = psi(i) + (-1)^i / 2 (psi((i+1)/2) - psi(i/2)),
        floored at 0, and 0 for a single answer. The plug-in entropy is too low by about
        (A - 1) / (2 n): by .22 nats for 4 even answers and n = 8, where this is off by less
        than .01. Where most answers occur once, every estimate from n is too low.

    References:
        Grassberger (2003), arXiv:physics/0307138. Schuermann (2004), arXiv:cond-mat/0403192.
    """
    count_A = _positive(cluster_counts, "answer_entropy").astype(np.float64)
    if count_A.size == 0:
        return float("nan")
    if count_A.size == 1:
        return 0.0
    n = float(count_A.sum())
    sign_A = np.where(count_A % 2 == 0, 0.5, -0.5)
    difference_A = special.psi((count_A + 1) / 2) - special.psi(count_A / 2)
    g_A = special.psi(count_A) + sign_A * difference_A
    return max(0.0, float(special.psi(n) - count_A @ g_A / n))


def collision_probability(cluster_counts: npt.ArrayLike) -> float:
    """Chance that two completions of a problem give the same answer, without bias.

    Parameters:
        cluster_counts (array_like of int, shape (A,)): Completions that gave each answer.

    Returns:
        float: sum n_a (n_a - 1) / (n (n - 1)), in [0, 1]; NaN for fewer than two completions.

    Notes:
        Its inverse is the effective number of answers, which is biased.

    References:
        Simpson (1949), Nature 163, 688.
    """
    count_A = _positive(cluster_counts, "collision_probability").astype(np.float64)
    n = float(count_A.sum())
    if n < 2:
        return float("nan")
    return float(count_A @ (count_A - 1) / (n * (n - 1)))


def difficulty_variance(n: npt.ArrayLike, c: npt.ArrayLike) -> float:
    """Variance over problems of the chance of a correct completion, without bias.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem. Those with n < 2 are left out.

    Returns:
        float: At most 1/4 in expectation; may be below 0 by chance. NaN for fewer than two
            problems.

    Notes:
        S^2 of the shares c/n less the mean of share (1 - share) / (n - 1), the sampling noise
        of each. A collapse of diversity pushes problems to 0 and 1, which raises it.

    References:
        Efron and Morris (1973), JASA 68, 117-130 (the two parts).
    """
    share_P, noise_P = _shares(n, c, "difficulty_variance")
    if share_P.size < 2:
        return float("nan")
    return float(share_P.var(ddof=1) - noise_P.mean())


def share_unsolved(n: npt.ArrayLike, c: npt.ArrayLike, k: SupportsIndex) -> float:
    """Share of problems that k completions would all fail, without bias.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem. Those with n < k are left out.
        k (int): Completions a problem, at least 1; the share at 0 of an n-sample for k = n.

    Returns:
        float: 1 - pass@k, in [0, 1]; NaN if no problem has n >= k.

    Notes:
        Runs of different n are compared at one k: more completions leave fewer problems at 0.

    References:
        Chen et al. (2021), arXiv:2107.03374.
    """
    value_P = pass_at_k(n, c, [check_count(k, name="k", caller="share_unsolved")])[:, 0]
    defined_P = value_P[~np.isnan(value_P)]
    return float(np.mean(1 - defined_P)) if defined_P.size else float("nan")


def tail_ratio(n: npt.ArrayLike, c: npt.ArrayLike, k: SupportsIndex) -> float:
    """Share of the failures of one completion that remain after k, (1-pass@k) / (1-pass@1).

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem. Those with n < k are left out.
        k (int): At least 1.

    Returns:
        float: In [0, 1]: 1 if more completions solve nothing more; NaN if nothing fails.

    Notes:
        A ratio of two unbiased means. A rise from one model to another says that failures have
        become permanent. Descriptive: it is no test of a collapse.

    References:
        Chen et al. (2021), arXiv:2107.03374 (pass@k).
    """
    k = check_count(k, name="k", caller="tail_ratio")
    value_P2 = pass_at_k(n, c, [1, k])
    failed = 1 - value_P2[~np.isnan(value_P2[:, 1])]
    once = float(failed[:, 0].sum())
    return float(failed[:, 1].sum()) / once if once > 0 else float("nan")


def intraclass_correlation(n: npt.ArrayLike, c: npt.ArrayLike) -> float:
    """Correlation of two completions of one problem, (pass^2 - pass^1^2) / (pass^1 (1-pass^1)).

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem. Those with n < 2 are left out.

    Returns:
        float: 0 if problems do not differ, 1 if each is all right or all wrong; NaN if all
            completions are right, or all wrong.

    Notes:
        The parts are unbiased means over problems, but for the square of pass^1, which makes the
        whole too low by about 1/m.

    References:
        Fleiss (1981). Statistical Methods for Rates and Proportions, ch. 13.
    """
    share_P, noise_P = _shares(n, c, "intraclass_correlation")
    if share_P.size == 0 or not 0 < share_P.mean() < 1:
        return float("nan")
    both, once = float(np.mean(share_P**2 - noise_P)), float(share_P.mean())
    return (both - once**2) / (once * (1 - once))


def distinct_n(
    texts: Sequence[Sequence[Hashable]], order: SupportsIndex, *, length: SupportsIndex
) -> float:
    """Share of the n-grams of some texts that are different from each other.

    Parameters:
        texts (sequence of sequences): Tokens of each text, all of correct completions.
        order (int): Tokens an n-gram.
        length (int): The first so many tokens of each text are read; shorter texts are left
            out.

    Returns:
        float: Different n-grams over all n-grams, in (0, 1]; NaN if no text is long enough.

    Notes:
        Falls with the number of texts as well as with their length: compare equal numbers.

    References:
        Li et al. (2016). A Diversity-Promoting Objective Function. arXiv:1510.03055.
    """
    size = check_count(order, name="order", caller="distinct_n")
    cut = check_count(length, name="length", caller="distinct_n", least=size)
    grams = [
        tuple(text[i : i + size])
        for text in texts
        if len(text) >= cut
        for i in range(cut - size + 1)
    ]
    return len(set(grams)) / len(grams) if grams else float("nan")


def self_bleu(texts: Sequence[str], *, length: SupportsIndex) -> float:
    """Mean BLEU of each text against all others, by sacrebleu.

    Parameters:
        texts (sequence of str): Correct completions.
        length (int): The first so many words of each text are read; shorter texts are left out.

    Returns:
        float: In [0, 1], higher is less diverse; NaN for fewer than two texts that are long
            enough.

    Raises:
        MissingDependencyError: If sacrebleu is not installed.

    Notes:
        Sentence BLEU with sacrebleu's 13a tokens, up to 4-grams and exponential smoothing. Costs
        the square of the number of texts.

    References:
        Zhu et al. (2018). Texygen. arXiv:1802.01886. Post (2018), arXiv:1804.08771.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingDependencyError(
            "Self-BLEU needs sacrebleu, which is not installed.", hint="pip install sacrebleu"
        ) from error
    cut = check_count(length, name="length", caller="self_bleu")
    words = [text.split()[:cut] for text in texts]
    kept = [" ".join(text) for text in words if len(text) == cut]
    if len(kept) < 2:
        return float("nan")
    metric = BLEU(effective_order=True)
    scores = [
        metric.sentence_score(text, kept[:i] + kept[i + 1 :]).score for i, text in enumerate(kept)
    ]
    return float(np.mean(scores)) / 100


def vendi_score(similarity: npt.ArrayLike) -> float:
    """Effective number of different texts, from how similar each pair of them is.

    Parameters:
        similarity (array_like of float, shape (N, N)): Symmetric, positive semi-definite, with
            ones on the diagonal: a kernel of the texts.

    Returns:
        float: From 1 (all alike) to N (all unlike); the exponential of the entropy of the
            eigenvalues of similarity / N.

    Raises:
        ValueError: If the matrix is empty or not such a kernel.

    Notes:
        Grows with N: compare equal numbers of texts of one length.

    References:
        Friedman and Dieng (2023). The Vendi Score. arXiv:2210.02410.
    """
    kernel_NN = np.asarray(similarity, dtype=np.float64)
    rule = (
        "The 'similarity' parameter of vendi_score must be a symmetric positive semi-definite "
        "matrix with ones on the diagonal."
    )
    if kernel_NN.ndim != 2 or kernel_NN.shape[0] != kernel_NN.shape[1] or kernel_NN.size == 0:
        raise ValueError(f"{rule} Got an array of shape {kernel_NN.shape} instead.")
    alike = np.allclose(kernel_NN, kernel_NN.T, atol=1e-8)
    if not (alike and np.allclose(np.diagonal(kernel_NN), 1.0, atol=1e-8)):
        raise ValueError(f"{rule} Got one that is not symmetric, or another diagonal, instead.")
    share_N = np.linalg.eigvalsh(kernel_NN) / len(kernel_NN)
    if share_N[0] < -1e-8:
        raise ValueError(f"{rule} Got an eigenvalue of {share_N[0] * len(kernel_NN):.3g} instead.")
    return float(np.exp(special.entr(np.maximum(share_N, 0.0)).sum()))


def _positive(cluster_counts: npt.ArrayLike, caller: str) -> npt.NDArray[np.int64]:
    count_A = check_ks(cluster_counts, caller=caller, name="cluster_counts", least=0)
    return count_A[count_A > 0]


def _shares(n: npt.ArrayLike, c: npt.ArrayLike, caller: str) -> tuple[FloatArray, FloatArray]:
    """Shares c/n of the problems with n >= 2, and their estimated sampling variances."""
    n_P, c_P = check_counts(n, c, caller=caller)
    kept = n_P >= 2
    share_P = c_P[kept] / n_P[kept]
    return share_P, share_P * (1 - share_P) / (n_P[kept] - 1)
