"""pass@k of problems stopped at their r-th success: values, exactness, rules, errors."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from reasonbench.stats import (
    FIXED_INTERVAL_NOT_IDENTIFIED,
    K_EXCEEDS_N,
    SELECTED_BY_OUTCOME,
    benchmark_pass_at_k,
    fit_beta_binomial,
    gaffke_interval,
    pass_at_k,
    pass_at_k_stopped,
)
from reasonbench.stats.stopped import StoppingRule, mean_stopped_variance


def stopped_pass_at_k(t, r, ks):
    """Problems that all had their r-th success, with an n_max that allows every k."""
    return pass_at_k_stopped(t, np.full(np.shape(t), r), r, max([*t, *ks, 1]), ks)


def exact_stopped(t, r, k):
    if k > t - r:
        return Fraction(1)
    return 1 - Fraction(math.comb(t - 1 - k, r - 1), math.comb(t - 1, r - 1))


def exact_chen(n, c, k):
    return 1 - Fraction(math.comb(n - c, k), math.comb(n, k))


def outcomes(r, n_max):
    """Every (n, c) at which a problem can end, and in how many orders of its draws."""
    ends = [(t, r, math.comb(t - 1, r - 1)) for t in range(r, n_max + 1)]
    return ends + [(n_max, c, math.comb(n_max, c)) for c in range(min(r, n_max + 1))]


def exact_value(n, c, k, r):
    return exact_stopped(n, r, k) if c == r else exact_chen(n, c, k)


def stop(p, r, n_max, seed):
    """Return n, c and stopped of problems solved with chances p."""
    correct = np.random.default_rng(seed).random((len(p), n_max)) < np.asarray(p)[:, None]
    successes = np.cumsum(correct, axis=1)
    stopped = successes[:, -1] >= r
    n = np.where(stopped, np.argmax(successes >= r, axis=1) + 1, n_max)
    return n, np.minimum(successes[:, -1], r), stopped


@pytest.mark.parametrize(
    ("t", "r", "k", "value"),
    [(10, 2, 4, 4 / 9), (10, 2, 1, 1 / 9), (8, 4, 1, 3 / 7), (5, 2, 3, 3 / 4), (5, 2, 4, 1)],
)
def test_equals_the_reference_value(t, r, k, value):
    assert stopped_pass_at_k([t], r, [k])[0, 0] == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(("t", "r"), [(17, 4), (64, 5), (1000, 2), (10_000, 8), (10_000, 9_000)])
def test_equals_rationals_to_the_last_digits(t, r):
    ks = sorted({1, 2, 3, r, t // 100 + 1, t // 3, t // 2, t - r, t - r + 1, t, 2 * t})
    found = stopped_pass_at_k([t], r, ks)[0]
    for k, value in zip(ks, found, strict=True):
        assert value == pytest.approx(float(exact_stopped(t, r, k)), rel=2e-15, abs=0)


def test_too_little_room_for_k_failures_is_exactly_one():
    assert np.all(stopped_pass_at_k([4, 9], 4, [6, 9, 10, 10**6]) == 1)
    assert stopped_pass_at_k([9], 4, [5])[0, 0] < 1


def test_first_success_says_whether_it_came_within_k():
    t = np.arange(1, 30)
    ks = np.arange(1, 40)
    np.testing.assert_array_equal(stopped_pass_at_k(t, 1, ks), t[:, None] <= ks)


def test_pass_at_1_leaves_the_last_success_out_of_the_share():
    t = np.arange(4, 60)
    np.testing.assert_allclose(stopped_pass_at_k(t, 4, [1])[:, 0], 3 / (t - 1), rtol=1e-15)


def test_shape_is_problems_by_ks_in_the_order_given():
    found = stopped_pass_at_k([10, 2], 2, [9, 4])
    np.testing.assert_allclose(found, [[1, 4 / 9], [1, 1]], rtol=1e-15)
    assert stopped_pass_at_k([], 2, [1]).shape == (0, 1)
    assert stopped_pass_at_k([4], 2, []).shape == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([4], [5], 5, 9, [1]), r"'successes' parameter .* at most 't'\. Got successes=5 with t=4"),
        (([4], [3], 2, 9, [1]), r"at most stop_at=2 successes\. Got successes=3 at index 0"),
        (([4], [2], 2, 3, [1]), r"at most n_max=3 completions\. Got t=4 at index 0"),
        (([4], [2], 0, 9, [1]), r"'stop_at' parameter .* an integer >= 1\. Got 0"),
        (([4], [2], 1.5, 9, [1]), r"'stop_at' parameter .* an integer >= 1\. Got 1\.5"),
        (([4], [1], True, 9, [1]), r"'stop_at' parameter .* an integer >= 1\. Got True"),
        (([4], [2], 2, 0, [1]), r"'n_max' parameter .* an integer >= 1\. Got 0"),
        (([4.5], [2], 2, 9, [1]), r"'t' parameter .*Got 4\.5"),
        (([4, 4], [2], 2, 9, [1]), r"one entry for each problem"),
        (([4], [2], 2, 9, [0]), r"'ks' parameter of pass_at_k_stopped .*Got 0"),
        ((4, [2], 2, 9, [1]), r"'t' parameter .* 1-D array"),
    ],
)
def test_impossible_arguments_raise_value_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        pass_at_k_stopped(*arguments)


def test_problems_that_did_not_stop_get_chens_formula():
    ks = [1, 4, 10, 11]
    found = pass_at_k_stopped([7, 10, 10, 6, 0], [2, 1, 0, 1, 0], 2, 10, ks)
    np.testing.assert_allclose(found[0], [1 / 6, 2 / 3, 1, np.nan], rtol=1e-15)
    for row, (n, c) in enumerate([(10, 1), (10, 0), (6, 1), (0, 0)], start=1):
        np.testing.assert_array_equal(found[row], pass_at_k([n], [c], ks)[0])


@pytest.mark.parametrize("r", [1, 2, 3, 4])
@pytest.mark.parametrize("n_max", range(1, 13))
def test_stopped_and_other_problems_together_are_exactly_unbiased(r, n_max):
    """In rationals, at n_max + 1 values of p: two polynomials of that degree are then equal."""
    ends = outcomes(r, n_max)
    n, c, orders = (np.array(column) for column in zip(*ends, strict=True))
    ks = np.arange(1, n_max + 1)
    found = StoppingRule(r, n_max).pass_at_k(n, c, ks)
    # The denominators are at most C(12, 6), so this undoes the rounding of the floats.
    values = [[Fraction(float(x)).limit_denominator(1000) for x in row] for row in found]
    for p in (Fraction(i, n_max) for i in range(n_max + 1)):
        q = 1 - p
        chances = [
            w * p**j * q ** (i - j)
            for i, j, w in zip(n.tolist(), c.tolist(), orders.tolist(), strict=True)
        ]
        assert sum(chances) == 1
        for k in ks.tolist():
            mean = sum(w * row[k - 1] for w, row in zip(chances, values, strict=True))
            assert mean == 1 - q**k


def test_chens_formula_on_stopped_counts_is_biased():
    p = Fraction(1, 3)
    mean = sum(w * p**c * (1 - p) ** (n - c) * exact_chen(n, c, 1) for n, c, w in outcomes(2, 12))
    assert mean - p > Fraction(1, 15)


def test_k_above_n_max_is_nan_and_k_above_t_is_not():
    found = StoppingRule(2, 16).pass_at_k(np.array([5, 16, 16]), np.array([2, 2, 1]), [4, 16, 17])
    np.testing.assert_array_equal(np.isnan(found), [[0, 0, 1]] * 3)


def rising(x, n):
    return math.prod((x + i for i in range(n)), start=Fraction(1))


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [("1/2", "3"), ("1/1000", "64"), ("64", "1/1000"), ("50000", "70000"), ("1e-6", "1e-6")],
)
@pytest.mark.parametrize(("r", "n_max"), [(1, 5), (4, 64), (4, 4), (4, 3), (2, 1), (9, 4)])
def test_mean_variance_equals_rational_beta_moments(alpha, beta, r, n_max):
    a, b = Fraction(alpha), Fraction(beta)

    def mean_of(n, c):
        return rising(a, c) * rising(b, n - c) / rising(a + b, n)

    for k in {1, (n_max + 1) // 2, n_max}:
        square = sum(
            w * mean_of(n, c) * exact_value(n, c, k, r) ** 2 for n, c, w in outcomes(r, n_max)
        )
        exact = square - (1 - 2 * mean_of(k, 0) + mean_of(2 * k, 0))
        found = mean_stopped_variance(
            StoppingRule(r, n_max), np.array([k]), np.array([float(a)]), np.array([float(b)])
        )
        assert found[0, 0] == pytest.approx(float(exact), rel=1e-9, abs=1e-13)


def test_without_stopped_problems_nothing_changes():
    n, c = np.full(40, 16), np.random.default_rng(0).integers(0, 17, 40)
    plain = benchmark_pass_at_k(n, c, [1, 4, 16], draws=2000)
    none_stopped = benchmark_pass_at_k(
        n, c, [1, 4, 16], draws=2000, stopped=np.zeros(40, bool), n_max=16
    )
    for name in ("estimate", "superpopulation", "fixed", "between_var", "within_var", "undefined"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(none_stopped, name))
    assert plain.flags == none_stopped.flags


def test_benchmark_takes_each_problem_by_its_own_formula():
    n, c, ks = [7, 16, 16], [2, 2, 1], [1, 8, 16, 17]
    found = benchmark_pass_at_k(n, c, ks, stopped=[True, True, False], n_max=16)
    stopped, other = stopped_pass_at_k([7, 16], 2, ks), pass_at_k([16], [1], ks)
    expected = np.concatenate((stopped, other)).mean(axis=0)
    np.testing.assert_allclose(found.estimate[:3], expected[:3], rtol=1e-15)
    assert np.isnan(found.estimate[3])
    np.testing.assert_array_equal(found.undefined, [0, 0, 0, 3])
    assert found.flags[:3] == ((), (), ())
    assert found.flags[3] == (K_EXCEEDS_N, FIXED_INTERVAL_NOT_IDENTIFIED)


def test_benchmark_is_unbiased_over_runs_where_chens_formula_is_not():
    p = np.random.default_rng(5).beta(0.3, 0.3, 30)
    ks = np.array([1, 4, 32])
    truth = np.mean(1 - (1 - p[:, None]) ** ks, axis=0)
    runs = [stop(p, 3, 32, seed) for seed in range(300)]
    ours = np.array(
        [benchmark_pass_at_k(n, c, ks, stopped=s, n_max=32, draws=1).estimate for n, c, s in runs]
    )
    error = ours.mean(axis=0) - truth
    assert np.all(np.abs(error) < 3.5 * ours.std(axis=0, ddof=1) / 300**0.5)
    chens = np.mean([pass_at_k(n, c, [1]).mean() for n, c, _ in runs])
    assert chens - truth[0] > 0.02


def test_superpopulation_interval_is_gaffkes_over_the_problems():
    n, c, s = stop(np.random.default_rng(2).beta(0.4, 0.8, 60), 4, 32, seed=3)
    ks = [1, 8, 32]
    found = benchmark_pass_at_k(n, c, ks, stopped=s, n_max=32, draws=2000, anchor=1)
    pairs, counts = np.unique(np.column_stack((n, c)), axis=0, return_counts=True)
    values = [[float(exact_value(*pair, k, 4)) for k in ks] for pair in pairs.tolist()]
    known = gaffke_interval(values, counts=counts, draws=2000, anchor=1)
    np.testing.assert_allclose(found.superpopulation, known, rtol=1e-12)


def variance_at(p, rule, ks):
    """Sampling variance given each p, as the mean over a law that is all but a point."""
    return mean_stopped_variance(rule, ks, p * 1e9, (1 - p) * 1e9)


@pytest.mark.parametrize("p", [Fraction(1, 50), Fraction(1, 10), Fraction(3, 4)])
def test_mean_variance_tends_to_the_variance_at_p_as_the_law_narrows(p):
    ks = np.array([1, 8, 32])
    found = variance_at(np.array([float(p)]), StoppingRule(3, 32), ks)[0]
    for k, value in zip(ks.tolist(), found, strict=True):
        square = sum(
            w * p**c * (1 - p) ** (n - c) * exact_value(n, c, k, 3) ** 2
            for n, c, w in outcomes(3, 32)
        )
        exact = float(square - (1 - (1 - p) ** k) ** 2)
        assert value == pytest.approx(exact, rel=1e-5, abs=1e-9)


def test_within_variance_is_near_the_true_sampling_variance():
    p = np.random.default_rng(1).beta(0.5, 0.7, 2000)
    ks = np.array([1, 8, 32])
    n, c, s = stop(p, 3, 32, seed=1)
    within = benchmark_pass_at_k(n, c, ks, stopped=s, n_max=32, draws=1).within_var
    expected = variance_at(p, StoppingRule(3, 32), ks).sum(axis=0) / 2000**2
    np.testing.assert_allclose(within, expected, rtol=0.06)
    as_if_full = benchmark_pass_at_k(np.full(2000, 32), c, ks, draws=1).within_var
    assert within[0] > 2 * as_if_full[0]


def test_fixed_interval_covers_this_list_of_problems():
    ks = np.array([1, 4, 32])
    covered = []
    for seed in range(120):
        p = np.random.default_rng([seed, 9]).beta(0.3, 0.4, 30)
        n, c, s = stop(p, 3, 32, seed)
        low, high = benchmark_pass_at_k(n, c, ks, stopped=s, n_max=32, draws=1).fixed
        truth = np.mean(1 - (1 - p[:, None]) ** ks, axis=0)
        covered.append((low <= truth) & (truth <= high))
    assert 0.92 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize(("n", "c"), [([1] * 20, [1] * 20), ([1, 1, 1, 8], [1, 1, 1, 0])])
def test_first_draw_successes_leave_both_intervals_of_positive_width(n, c):
    found = benchmark_pass_at_k(n, c, [1, 8], stopped=np.array(c) == 1, n_max=8)
    for low, high in (found.superpopulation, found.fixed):
        assert np.all(high - low > 0.01)


def test_one_completion_at_most_does_not_identify_the_fixed_interval():
    found = benchmark_pass_at_k([1, 1], [1, 0], [1], stopped=[True, False], n_max=1)
    assert FIXED_INTERVAL_NOT_IDENTIFIED in found.flags[0]
    assert np.isnan(found.fixed.low[0])


def test_owed_completions_leave_k_above_n_to_the_solved_and_say_so():
    n, c, s = [6, 9, 5, 16], [3, 3, 1, 0], [True, True, False, False]
    found = benchmark_pass_at_k(n, c, [1, 5, 6, 16, 17], stopped=s, n_max=16)
    owed = pass_at_k([5], [1], [1])[0, 0]
    assert found.estimate[0] == pytest.approx((2 / 5 + 2 / 8 + owed + 0) / 4)
    np.testing.assert_array_equal(found.undefined, [0, 0, 1, 1, 4])
    assert [SELECTED_BY_OUTCOME in flags for flags in found.flags] == [0, 0, 1, 1, 0]
    assert [K_EXCEEDS_N in flags for flags in found.flags] == [0, 0, 1, 1, 1]
    assert np.all(found.fixed.low[:4] < found.fixed.high[:4])
    plain = benchmark_pass_at_k([5, 16], [1, 0], [1, 6])
    assert not any(SELECTED_BY_OUTCOME in flags for flags in plain.flags)


def test_within_variance_takes_what_was_drawn_so_far_as_the_limit_of_an_owed_problem():
    n, c = np.array([6, 9, 5, 16]), np.array([3, 3, 1, 0])
    found = benchmark_pass_at_k(n, c, [1], stopped=c == 3, n_max=16, draws=1)
    alpha, beta = fit_beta_binomial(n, c)
    expected = sum(
        mean_stopped_variance(
            StoppingRule(3, limit),
            np.array([1]),
            np.array([alpha + c_i]),
            np.array([beta + n_i - c_i]),
        )[0, 0]
        for n_i, c_i, limit in zip(n, c, [16, 16, 5, 16], strict=True)
    )
    assert found.within_var[0] == pytest.approx(expected / 16, rel=1e-12)


def test_missing_problem_is_in_no_estimate():
    found = benchmark_pass_at_k([6, 0], [3, 0], [1], stopped=[True, False], n_max=8)
    assert found.estimate[0] == pytest.approx(2 / 5)
    assert found.n_missing == 1


@pytest.mark.parametrize(
    ("n", "c", "stopped", "n_max", "message"),
    [
        ([4, 8], [2, 1], [True, False], None, r"must be given together. Got only 'stopped'"),
        ([4, 8], [2, 1], None, 8, r"must be given together. Got only 'n_max'"),
        ([4, 9], [2, 1], [True, False], 8, r"at most n_max=8 completions. Got n=9 at index 1"),
        ([4, 8], [2, 0], [True, True], 8, r"a success where it was stopped. Got c=0 at index 1"),
        ([4, 8], [2, 3], [True, True], 8, r"have c=2 where it was stopped.* Got c=3 at index 1"),
        ([4, 8], [2, 2], [True, False], 8, r"c < 2 where it was not stopped. Got c=2 at index 1"),
        ([4, 6], [2, 5], [True, False], 8, r"c < 2 where it was not stopped. Got c=5 at index 1"),
        ([4, 8], [2, 1], [True], 8, r"'stopped' parameter .* 2 booleans.* shape \(1,\)"),
        ([4, 8], [2, 1], [1, 0], 8, r"'stopped' parameter .* dtype int64"),
        ([4, 8], [2, 1], [True, False], 0, r"'n_max' parameter .* integer >= 1. Got 0"),
        ([4, 8], [2, 1], [True, False], 8.0, r"'n_max' parameter .* integer >= 1. Got 8\.0"),
        ([4, 8], [2, 1], [True, False], True, r"'n_max' parameter .* integer >= 1. Got True"),
    ],
)
def test_counts_that_no_rule_can_give_raise_value_error(n, c, stopped, n_max, message):
    with pytest.raises(ValueError, match=message):
        benchmark_pass_at_k(n, c, [1], stopped=stopped, n_max=n_max)
