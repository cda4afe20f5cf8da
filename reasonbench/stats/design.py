"""How large a difference a design can see, and the cheapest design for one.

A design is m problems and n completions each. Its noise has two parts a problem:
between, how much problems differ in what is estimated, and within, the sampling of
completions, which more of them make smaller.

Invariants: two-sided tests; normal quantiles, so that few problems see less than is said
here, and a plan never has fewer than `LEAST_PROBLEMS` nor more than `MOST_PROBLEMS`. Not
covered: unequal n, clusters, and designs that stop early.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.benchmark import benchmark_pass_at_k
from reasonbench.stats.betabinomial import BetaBinomial, fit_beta_binomial
from reasonbench.stats.checks import check_count, check_number, check_probability
from reasonbench.stats.compare import ENOUGH, compare_paired
from reasonbench.stats.passk import mean_variance

LEAST_PROBLEMS: Final = int(ENOUGH)
"""Below this a comparison is not by the normal law that plans are made with."""

MOST_PROBLEMS: Final = 100_000
"""More than benchmarks have; a difference that takes more is refused."""

_NOTHING_LEFT = 1e-9
"""A pass@k so near to 0 or 1 cannot be told from it by any number of problems."""

_CANDIDATES = 64
"""Values of n that a plan tries, log-spaced from 2k on."""

_LONGEST = 1000
"""The largest n that a plan tries, in units of k."""


class DifficultyLaw(NamedTuple):
    """What a plan assumes of the problems, for a difference of two models or for one score."""

    difficulty: BetaBinomial
    """Law of the chance of a correct completion, of either model."""
    correlation: float | None = 0.5
    """Of the problems' pass@k between two models; None for one model's score."""


class Plan(NamedTuple):
    """The cheapest design that can see a difference."""

    m: int
    """Problems."""
    n: int
    """Completions a problem, of each model."""
    mde: float
    """Least difference that it sees with the wished power."""
    cost: float
    """m (cost of a problem + n cost of a sample), n twice for two models."""
    between_var: float
    """Variance between problems of what is estimated, a problem."""
    within_var: float
    """Variance by sampling n completions, a problem."""


def law_from_counts(
    n: npt.ArrayLike, c: npt.ArrayLike, *, correlation: float | None = 0.5
) -> DifficultyLaw:
    """Return what a plan is to assume from the counts of a present run.

    Parameters:
        n, c (array_like of int, shape (m,)): Completions and correct completions of each
            problem.
        correlation (float, optional): Of the problems' pass@k between the two models to be
            compared, in [-1, 1]; None to plan one model's score.

    Returns:
        DifficultyLaw: For `power` and `plan`.

    Raises:
        ValueError: If the counts are impossible or nothing was sampled.

    Notes:
        By `fit_beta_binomial`. Two checkpoints of one model mostly have a correlation above
        .8, unrelated models of one score about .5; the less is assumed, the larger the design.

    References:
        See `fit_beta_binomial`.
    """
    return DifficultyLaw(fit_beta_binomial(n, c), correlation)


def law_from_pair(
    n_a: npt.ArrayLike,
    c_a: npt.ArrayLike,
    n_b: npt.ArrayLike,
    c_b: npt.ArrayLike,
    k: SupportsIndex,
) -> DifficultyLaw:
    """Return what a plan is to assume from two present runs on the same problems.

    Parameters:
        n_a, c_a, n_b, c_b (array_like of int, shape (m,)): As for `compare_paired`.
        k (int): At least 1; the correlation is that of the problems' pass@k.

    Returns:
        DifficultyLaw: The fit to both runs' counts, and the correlation without the sampling
            noise, 1 - s_b^2(d) / (s_b^2(A) + s_b^2(B)), kept in [-1, 1].

    Raises:
        ValueError: If the counts are impossible, or the noise cannot be told from the difference
            of the problems: too few have n >= max(k, 2), or they do not differ.

    Notes:
        A difference of two noisy variances: with fewer than some 100 problems it is uncertain
        by .1 and more.

    References:
        Spearman (1904), American Journal of Psychology 15, 72-101 (correction for noise).
    """
    k_1 = [check_count(k, name="k", caller="law_from_pair")]
    one, other = (benchmark_pass_at_k(*x, k_1, draws=1) for x in ((n_a, c_a), (n_b, c_b)))
    both = compare_paired(n_a, c_a, n_b, c_b, k_1, draws=1)
    apart = float(one.between_var[0] + other.between_var[0])
    noise = float(one.within_var[0] + other.within_var[0])
    if not (apart > 0 and math.isfinite(noise + float(both.variance[0]))):
        raise ValueError(
            "The counts given to law_from_pair must tell noise from difficulty: at least two "
            f"problems that differ, with n >= {max(2, *k_1)} for most. "
            f"Got a variance of {apart!r} between problems instead."
        )
    correlation = 1 - max(0.0, float(both.variance[0]) - noise) / apart
    counts = (np.concatenate((a, b)) for a, b in ((n_a, n_b), (c_a, c_b)))
    return DifficultyLaw(fit_beta_binomial(*counts), max(-1.0, correlation))


def variance_parts(n: SupportsIndex, k: SupportsIndex, law: DifficultyLaw) -> tuple[float, float]:
    """Return the between and within variance of one problem's estimate, s_b^2 and s_w^2(n, k).

    Parameters:
        n (int): Completions a problem, at least k.
        k (int): At least 1.
        law (DifficultyLaw): What is assumed of the problems.

    Returns:
        tuple of float: For a difference of two models 2 (1 - correlation) Var(pass@k) and twice
            the sampling variance; for one score without these factors.

    Raises:
        ValueError: If n < k or an argument is out of range.

    Notes:
        Both are exact Beta moments. s_w^2 falls as 1/n for k = 1, and faster for larger k near
        n = k, where it is largest.

    References:
        Miller (2024), arXiv:2411.00640 (the two parts).
    """
    caller = "variance_parts"
    drawn, picked = check_count(n, name="n", caller=caller), check_count(k, name="k", caller=caller)
    if drawn < picked:
        raise ValueError(
            f"The 'n' parameter of {caller} must be at least k={picked}. Got {n!r} instead."
        )
    alpha, beta = _check_law(law, caller)
    log_beta = special.betaln(alpha, beta)
    log_miss = float(special.betaln(alpha, beta + picked) - log_beta)
    log_both = float(special.betaln(alpha, beta + 2 * picked) - log_beta)
    between = _spread(log_both, 2 * log_miss)
    within = float(
        mean_variance(drawn, np.array([picked]), np.array([alpha]), np.array([beta]))[0, 0]
    )
    if law.correlation is None:
        return between, within
    return 2 * (1 - law.correlation) * between, 2 * within


def power(
    m: SupportsIndex,
    n: SupportsIndex,
    k: SupportsIndex,
    law: DifficultyLaw,
    *,
    level: float = 0.95,
    power: float = 0.8,
    fixed: bool = False,
) -> float:
    """Return the least difference in pass@k that a design sees (MDE).

    Parameters:
        m, n (int): Problems, and completions of each.
        k (int): At least 1 and at most n.
        law (DifficultyLaw): What is assumed of the problems; see `law_from_counts`.
        level (float): Confidence level of the two-sided test, in (0, 1).
        power (float): Chance of seeing the difference, in (0, 1).
        fixed (bool): Whether the question is this list of problems only: s_b^2 is then left out.

    Returns:
        float: (z_(1-alpha/2) + z_power) sqrt((s_b^2 + s_w^2(n, k)) / m), a difference of
            probabilities; above 1 if no difference can be seen.

    Raises:
        ValueError: If n < k or an argument is out of range.

    Notes:
        The law at the null is used for both models. n = k is the worst design; use n >= 2k,
        better 4k.

    References:
        Miller (2024), arXiv:2411.00640.
    """
    problems = check_count(m, name="m", caller="power")
    between, within = variance_parts(n, k, law)
    total = within if fixed else between + within
    return _quantiles(level, power, "power") * math.sqrt(total / problems)


def plan(
    mde: float,
    k: SupportsIndex,
    law: DifficultyLaw,
    *,
    cost_problem: float = 0.0,
    cost_sample: float = 1.0,
    level: float = 0.95,
    power: float = 0.8,
    fixed: bool = False,
    most_problems: SupportsIndex | None = None,
) -> Plan:
    """Return the cheapest numbers of problems and completions that see a difference.

    Parameters:
        mde (float): Difference in pass@k to be seen, in (0, 1).
        k (int): At least 1.
        law (DifficultyLaw): What is assumed of the problems; see `law_from_counts`.
        cost_problem, cost_sample (float): Cost of having one more problem, and of one
            completion, in any unit; the first may be 0.
        level, power, fixed: As for `power`.
        most_problems (int, optional): Problems that there are; `MOST_PROBLEMS` by default and
            at most.

    Returns:
        Plan: m of at least `LEAST_PROBLEMS`, or of all that there are if fewer; n >= 2k, for
            k = 1 near sqrt(cost_problem / cost_sample * s_w^2 / s_b^2), s_w^2 being that of one
            completion.

    Raises:
        ValueError: If an argument is out of range, or if even the longest design (n = 1000 k)
            with all problems cannot see the difference, the message saying what it can; if no
            score is so far from the law's mean pass@k that it could differ so much; or if that is
            0 or 1.

    Notes:
        Tries 64 log-spaced n from 2k to 1000k, each with the fewest problems that suffice.
        Where problems cost nothing and there are enough of them, n = 2k is best: more problems
        help more than more completions of each.

    References:
        Miller (2024), arXiv:2411.00640. Cochran (1977). Sampling Techniques, ch. 10 (the best n).
    """
    caller = "plan"
    check_probability(mde, name="mde", caller=caller)
    picked = check_count(k, name="k", caller=caller)
    check_number(cost_problem, name="cost_problem", caller=caller, least=0.0)
    check_number(cost_sample, name="cost_sample", caller=caller, least=1e-12)
    limit = MOST_PROBLEMS
    if most_problems is not None:
        limit = min(limit, check_count(most_problems, name="most_problems", caller=caller))
    _check_headroom(mde, picked, law, caller)
    quantiles = _quantiles(level, power, caller)
    models = 1 if law.correlation is None else 2
    best: Plan | None = None
    spaced = np.unique(np.rint(np.geomspace(2 * picked, _LONGEST * picked, _CANDIDATES)))
    for n in spaced.astype(np.int64).tolist():
        between, within = variance_parts(n, picked, law)
        total = within if fixed else between + within
        ratio = quantiles * math.sqrt(total) / mde
        if ratio > math.sqrt(limit):
            continue
        needed = min(limit, math.ceil(ratio**2))
        m = max(min(LEAST_PROBLEMS, limit), needed)
        cost = m * (cost_problem + models * n * cost_sample)
        if best is None or cost < best.cost:
            best = Plan(m, n, quantiles * math.sqrt(total / m), cost, between, within)
    if best is None:
        least = quantiles * math.sqrt(total / limit)
        raise ValueError(
            f"The 'mde' parameter of {caller} must be at least {least:.4g} for {limit} problems "
            f"at k={picked}. Got {mde!r} instead."
        )
    return best


def mean_pass_at_k(k: SupportsIndex, law: DifficultyLaw) -> float:
    """Return the mean pass@k that a law of the problems implies.

    Parameters:
        k (int): At least 1.
        law (DifficultyLaw): What is assumed of the problems.

    Returns:
        float: A probability.

    Raises:
        ValueError: If an argument is out of range.

    Notes:
        1 - E[(1 - p)^k], a Beta moment.

    References:
        Chen et al. (2021), arXiv:2107.03374.
    """
    picked = check_count(k, name="k", caller="mean_pass_at_k")
    alpha, beta = _check_law(law, "mean_pass_at_k")
    log_miss = float(special.betaln(alpha, beta + picked) - special.betaln(alpha, beta))
    return -math.expm1(min(0.0, log_miss))


def _spread(log_both: float, log_square: float) -> float:
    """E[q^2k] - E[q^k]^2 from the logarithms."""
    if log_both - log_square > 1.0:  # the product would be 0 times infinity where all is tiny
        return math.exp(log_both) - math.exp(log_square)
    return math.exp(log_square) * max(0.0, math.expm1(log_both - log_square))


def _check_headroom(mde: float, k: int, law: DifficultyLaw, caller: str) -> None:
    mean = mean_pass_at_k(k, law)
    if not _NOTHING_LEFT < mean < 1 - _NOTHING_LEFT:
        raise ValueError(
            f"The 'k' parameter of {caller} must be one at which problems can be solved and "
            f"failed. Got {k}, at which the law's pass@k is {mean:.6g} for every problem, instead."
        )
    if mde > max(mean, 1 - mean):
        raise ValueError(
            f"The 'mde' parameter of {caller} must be at most {max(mean, 1 - mean):.4g}, for a "
            f"score of {mean:.4g} at k={k} can differ by no more. Got {mde!r} instead."
        )


def _quantiles(level: float, power: float, caller: str) -> float:
    check_probability(level, name="level", caller=caller)
    check_probability(power, name="power", caller=caller)
    return float(special.ndtri((1 + level) / 2) + special.ndtri(power))


def _check_law(law: DifficultyLaw, caller: str) -> tuple[float, float]:
    alpha = check_number(law.difficulty.alpha, name="alpha", caller=caller, least=0.0)
    beta = check_number(law.difficulty.beta, name="beta", caller=caller, least=0.0)
    if alpha == 0 or beta == 0:
        raise ValueError(
            f"The 'law' parameter of {caller} must have alpha and beta above 0. "
            f"Got {law!r} instead."
        )
    if law.correlation is not None:
        check_number(law.correlation, name="correlation", caller=caller, least=-1.0, most=1.0)
    return alpha, beta
