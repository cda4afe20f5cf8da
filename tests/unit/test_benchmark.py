"""pass@k of a benchmark: what is estimated, over which problems, with which flags."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from reasonbench.stats import (
    FIXED_INTERVAL_NOT_IDENTIFIED,
    K_EXCEEDS_N,
    MISSING_PROBLEMS,
    benchmark_pass_at_k,
    fit_beta_binomial,
    gaffke_interval,
    pass_at_k,
    variance_given_p,
)


def sampled(m, n, *, alpha=0.3, beta=0.4, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(alpha, beta, m)
    return p, rng.binomial(n, p)


def test_problems_weigh_equally_whatever_their_n():
    found = benchmark_pass_at_k([1, 100], [1, 0], [1])
    assert found.estimate[0] == 0.5


def test_estimate_is_the_mean_over_the_problems_with_enough_completions():
    found = benchmark_pass_at_k([0, 2, 4, 8], [0, 1, 1, 2], [1, 4, 8, 9])
    np.testing.assert_allclose(found.estimate[:2], [1 / 3, (1 + 11 / 14) / 2], rtol=1e-15)
    assert found.estimate[2] == 1
    assert np.isnan(found.estimate[3])
    np.testing.assert_array_equal(found.undefined, [1, 2, 3, 4])
    assert (found.n_problems, found.n_missing) == (4, 1)


def test_flags_say_for_each_k_what_is_undefined():
    assert benchmark_pass_at_k([2, 4, 4], [1, 1, 2], [1, 4]).flags == ((), (K_EXCEEDS_N,))
    assert benchmark_pass_at_k([0, 4, 4], [0, 1, 2], [1]).flags == ((MISSING_PROBLEMS,),)


def test_k_above_every_n_has_neither_estimate_nor_intervals():
    found = benchmark_pass_at_k([4, 4], [1, 2], [1, 5])
    for array in (found.estimate, *found.superpopulation, *found.fixed, found.within_var):
        np.testing.assert_array_equal(np.isnan(array), [0, 1])
    assert found.flags[1] == (K_EXCEEDS_N, FIXED_INTERVAL_NOT_IDENTIFIED)


@pytest.mark.parametrize("n", [[1] * 30, [1] * 20 + [2] * 10, [0] * 20 + [1] * 10])
def test_one_completion_a_problem_does_not_identify_the_fixed_interval(n):
    found = benchmark_pass_at_k(n, [0] * 30, [1])
    assert FIXED_INTERVAL_NOT_IDENTIFIED in found.flags[0]
    assert np.isnan([found.fixed.low[0], found.fixed.high[0], found.within_var[0]]).all()
    assert found.superpopulation.low[0] == 0
    assert 0 < found.superpopulation.high[0] < 1


def test_every_problem_missing_gives_no_numbers():
    found = benchmark_pass_at_k([0, 0], [0, 0], [1])
    assert np.isnan([found.estimate[0], found.superpopulation.low[0], found.fixed.low[0]]).all()
    assert found.undefined[0] == 2


@pytest.mark.parametrize(
    ("c", "low", "high"), [(0, 0.0, 1 - 0.025 ** (1 / 30)), (4, 0.025 ** (1 / 30), 1.0)]
)
def test_nothing_or_everything_solved_has_intervals_of_positive_width(c, low, high):
    found = benchmark_pass_at_k([4] * 30, [c] * 30, [1, 2, 4], anchor=1)
    width = 1 - 0.025 ** (1 / 30)
    assert np.all(found.estimate == (c > 0))
    np.testing.assert_allclose(found.superpopulation.high - found.superpopulation.low, width)
    np.testing.assert_allclose(found.fixed.low, low, rtol=1e-12)
    np.testing.assert_allclose(found.fixed.high, high, rtol=1e-12)
    assert np.all(found.within_var > 0)


def test_problems_all_right_or_all_wrong_leave_a_fixed_interval_of_positive_width():
    found = benchmark_pass_at_k([4] * 30, [0] * 15 + [4] * 15, [1, 4])
    assert np.all(found.fixed.high - found.fixed.low > 0.01)
    assert np.all(found.fixed.high - found.fixed.low < 0.2)


def test_superpopulation_interval_is_gaffkes_over_the_problems():
    _, c = sampled(80, 16)
    n, ks = np.full(80, 16), [1, 5, 16]
    found = benchmark_pass_at_k(n, c, ks, level=0.9, anchor=1, seed=4)
    distinct, counts = np.unique(c, return_counts=True)
    values = pass_at_k(np.full(distinct.size, 16), distinct, ks)
    known = gaffke_interval(values, counts=counts, level=0.9, anchor=1, seed=4)
    np.testing.assert_array_equal(found.superpopulation, known)


def test_variance_parts_add_up_to_the_variance_of_the_mean():
    _, c = sampled(200, 16)
    found = benchmark_pass_at_k(np.full(200, 16), c, [1, 4, 16])
    values = pass_at_k(np.full(200, 16), c, [1, 4, 16])
    total = values.var(axis=0, ddof=1) / 200
    np.testing.assert_allclose(found.between_var + found.within_var, total, rtol=1e-12)


def test_within_variance_is_near_the_true_sampling_variance():
    p, c = sampled(2000, 16)
    found = benchmark_pass_at_k(np.full(2000, 16), c, [1, 4, 16])
    for k, within in zip([1, 4, 16], found.within_var, strict=True):
        assert within == pytest.approx(variance_given_p(16, k, p).sum() / 2000**2, rel=0.06)


def test_one_problem_has_a_fixed_interval_but_no_variance_between():
    found = benchmark_pass_at_k([64], [16], [1])
    known = stats.binomtest(16, 64).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose([found.fixed.low[0], found.fixed.high[0]], known, atol=0.01)
    assert np.isnan(found.between_var[0])


def test_varying_n_and_huge_n_are_computed():
    n = np.array([10, 100, 1000, 10_000, 10_000])
    found = benchmark_pass_at_k(n, [1, 3, 40, 17, 9000], [1, 10, 100, 4096])
    assert np.all(found.fixed.low < found.fixed.high)
    assert np.all(np.diff(found.undefined) >= 0)


def test_result_cannot_be_changed():
    found = benchmark_pass_at_k([4], [1], [1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.level = 0.5
    for array in (found.estimate, found.superpopulation.low, found.fixed.high, found.undefined):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_arrays_of_the_caller_stay_writable():
    n, c, ks = np.array([4]), np.array([1]), np.array([1])
    benchmark_pass_at_k(n, c, ks)
    assert n.flags.writeable
    assert c.flags.writeable
    assert ks.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [1]), "'n' parameter of benchmark_pass_at_k must have at least one problem"),
        (([4], [5], [1]), "'c' parameter of benchmark_pass_at_k must be at most 'n'"),
        (([4], [1], [0]), "'ks' parameter of benchmark_pass_at_k"),
    ],
)
def test_impossible_input_raises_value_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        benchmark_pass_at_k(*arguments)


def test_fit_finds_the_law_of_the_problems():
    _, c = sampled(4000, 32, alpha=0.5, beta=1.5)
    fit = fit_beta_binomial(np.full(4000, 32), c)
    assert fit.alpha == pytest.approx(0.5, rel=0.1)
    assert fit.beta == pytest.approx(1.5, rel=0.1)


def test_fit_is_a_maximum_of_the_likelihood():
    _, c = sampled(60, 16)
    fit = fit_beta_binomial(np.full(60, 16), c)

    def likelihood(alpha, beta):
        return stats.betabinom(16, alpha, beta).logpmf(c).sum()

    best = likelihood(*fit)
    for factor in (0.97, 1.03):
        assert likelihood(fit.alpha * factor, fit.beta) < best
        assert likelihood(fit.alpha, fit.beta * factor) < best


def test_fit_of_equal_problems_is_narrow_and_of_no_completions_an_error():
    fit = fit_beta_binomial([16] * 50, [8] * 50)
    assert fit.alpha == pytest.approx(fit.beta)
    assert fit.alpha > 1000
    with pytest.raises(ValueError, match="must have a problem with completions"):
        fit_beta_binomial([0], [0])


def fixed_coverage(interval, *, runs=150, m=30, n=8, ks=(1, 4, 8)):
    """Share of (run, k) in which the pass@k of this very list of problems is covered."""
    covered = []
    for run in range(runs):
        p, c = sampled(m, n, seed=run)
        truth = np.mean(1 - (1 - p[:, None]) ** np.array(ks), axis=0)
        low, high = interval(np.full(m, n), c, ks)
        covered.append((low <= truth) & (truth <= high))
    return np.mean(covered)


def fixed(n, c, ks):
    return benchmark_pass_at_k(n, c, ks, draws=2000).fixed


def plug_in(n, c, ks):
    """Noise as if each problem's p were its share of correct completions."""
    variance = [variance_given_p(n[0], k, c / n[0]).sum() / n.size**2 for k in ks]
    estimate = pass_at_k(n, c, ks).mean(axis=0)
    return estimate - 1.96 * np.sqrt(variance), estimate + 1.96 * np.sqrt(variance)


def test_fixed_interval_covers_where_the_plug_in_interval_fails():
    assert 0.92 <= fixed_coverage(fixed) <= 0.985
    assert fixed_coverage(plug_in) < 0.92
