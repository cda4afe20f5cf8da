"""Gaffke's and Wilson's intervals: known values, an exact oracle, coverage, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from reasonbench.stats import (
    beta_interval,
    fit_beta_binomial,
    fit_mixture,
    gaffke_interval,
    pass_at_k,
    wilson_interval,
)


def clopper_pearson(successes, m, level=0.95):
    interval = stats.binomtest(successes, m).proportion_ci(level, method="exact")
    return interval.low, interval.high


def exact_gaffke(values, counts, *, level, anchor):
    """Gaffke's interval without draws: Imhof's inversion for sums of gammas."""

    def below(bound, x, shift):
        # Chance that sum g (x - bound) + h (shift - bound) is below 0.
        scale = np.append(x, shift) - bound
        shape = np.append(counts, anchor)

        def integrand(u):
            angle = shape @ np.arctan(scale * u)
            return np.sin(angle) / u * np.exp(-0.5 * shape @ np.log1p((scale * u) ** 2))

        total = integrate.quad(integrand, 0, np.inf, limit=400, epsabs=1e-10)[0]
        return 0.5 - total / np.pi

    tail = (1 - level) / 2
    low = optimize.brentq(lambda t: below(t, values, 0.0) - tail, 1e-6, 1 - 1e-6)
    high = optimize.brentq(lambda t: below(t, values, 1.0) - (1 - tail), 1e-6, 1 - 1e-6)
    return low, high


@pytest.mark.parametrize(("m", "successes"), [(1, 0), (1, 1), (7, 3), (30, 29), (500, 0), (500, 7)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_binary_data_at_anchor_1_give_the_clopper_pearson_interval(m, successes, level):
    values = np.repeat([[1.0], [0.0]], [successes, m - successes], axis=0)
    low, high = gaffke_interval(values, level=level, anchor=1)
    np.testing.assert_allclose(
        (low[0], high[0]), clopper_pearson(successes, m, level), rtol=1e-10, atol=1e-15
    )


@pytest.mark.parametrize("m", [1, 5, 30, 1000])
def test_all_zero_and_all_one_are_exact_and_mirror_each_other(m):
    width = 1 - 0.025 ** (1 / m)
    zeros = gaffke_interval(np.zeros((m, 1)), anchor=1)
    ones = gaffke_interval(np.ones((m, 1)), anchor=1)
    assert zeros.low[0] == 0
    assert zeros.high[0] == pytest.approx(width, rel=1e-12)
    assert ones.high[0] == 1
    assert ones.low[0] == pytest.approx(1 - width, rel=1e-12)


@pytest.mark.parametrize(("anchor", "used"), [(0.5, 2 / 3), (0.3, 0.4), (0.7, 0.7), (1.0, 1.0)])
def test_smaller_anchor_rises_by_a_third_up_to_two_thirds_for_binary_data(anchor, used):
    zeros = gaffke_interval(np.zeros((30, 1)), anchor=anchor)
    assert zeros.high[0] == pytest.approx(stats.beta(used, 30).ppf(0.975), rel=1e-12)
    mixed = gaffke_interval(np.repeat([[1.0], [0.0]], [7, 23], axis=0), anchor=anchor)
    assert mixed.low[0] == pytest.approx(stats.beta(7, 23 + used).ppf(0.025), rel=1e-12)
    assert mixed.high[0] == pytest.approx(stats.beta(7 + used, 23).ppf(0.975), rel=1e-12)


def test_the_anchor_falls_back_to_what_was_asked_for_as_the_data_leave_0_and_1():
    away = np.array([0.0, 0.001, 0.005, 0.02, 0.1, 0.3])
    columns = np.where(np.arange(30)[:, None] < 7, 1 - away, away)
    # Without the rise these bounds would move with the values alone.
    found = gaffke_interval(columns, anchor=0.5)
    steeper = gaffke_interval(columns, anchor=2 / 3)
    added = (found.low - steeper.low) + (steeper.high - found.high)
    assert added[0] == pytest.approx(0, abs=1e-12)
    assert np.all(np.diff(added) > -1e-3)
    assert added[-1] > 0.004


@pytest.mark.parametrize("m", [1, 2, 6, 12, 15, 30, 75, 164, 500])
def test_binary_data_are_covered_in_92_of_100_at_anchor_one_half_whatever_their_mean(m):
    solved = np.arange(m + 1)
    columns = (np.arange(m)[:, None] < solved).astype(float)
    low, high = gaffke_interval(columns, anchor=0.5)
    # Coverage falls where a bound is passed, so it is least beside one.
    theta = np.clip(np.concatenate([low, high])[:, None] + [-1e-10, 1e-10], 1e-9, 1 - 1e-9).ravel()
    inside = (low[:, None] <= theta) & (theta <= high[:, None])
    covered = (inside * stats.binom.pmf(solved[:, None], m, theta)).sum(axis=0)
    assert covered.min() >= 0.92
    assert covered.min() < 0.97


@pytest.mark.parametrize("anchor", [0.5, 1.0])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_drawn_bounds_equal_the_exact_ones_to_monte_carlo_error(anchor, level):
    values = np.array([0.0, 0.02, 0.3, 0.55, 0.9, 1.0])
    counts = np.array([9, 3, 2, 1, 2, 4])
    exact = exact_gaffke(values, counts, level=level, anchor=anchor)
    found = gaffke_interval(values[:, None], counts=counts, level=level, anchor=anchor)
    assert found.low[0] == pytest.approx(exact[0], abs=0.004)
    assert found.high[0] == pytest.approx(exact[1], abs=0.004)


def test_the_bound_of_one_repeated_value_is_exact():
    low, high = gaffke_interval(np.full((8, 1), 0.3), anchor=0.7)
    assert low[0] == pytest.approx(0.3 * special.betaincinv(8, 0.7, 0.025), rel=1e-12)
    assert high[0] == pytest.approx(1 - 0.7 * special.betaincinv(8, 0.7, 0.025), rel=1e-12)


def test_exact_and_drawn_bounds_agree_where_the_law_is_almost_a_beta():
    exact = np.repeat([[0.0], [0.4]], [10, 5], axis=0)
    nudged = exact.copy()
    nudged[-1] += 1e-9
    for one, other in zip(gaffke_interval(exact), gaffke_interval(nudged), strict=True):
        np.testing.assert_allclose(one, other, atol=0.004)


def test_counts_stand_for_repeated_rows():
    values = np.array([[0.1, 0.9], [0.4, 0.5]])
    repeated = gaffke_interval(np.repeat(values, [3, 5], axis=0))
    counted = gaffke_interval(values, counts=[3, 5])
    np.testing.assert_allclose(repeated, counted, atol=0.006)


def test_undefined_values_are_left_out_of_their_quantity_only():
    values = np.array([[0.1, np.nan], [0.4, 0.4], [0.8, 0.9], [np.nan, 0.2]])
    both = gaffke_interval(values)
    for k in (0, 1):
        alone = gaffke_interval(values[~np.isnan(values[:, k]), k][:, None])
        np.testing.assert_allclose([both.low[k], both.high[k]], np.ravel(alone), atol=0.012)


def test_quantity_undefined_everywhere_has_no_interval():
    low, high = gaffke_interval([[0.5, np.nan], [0.2, np.nan]])
    np.testing.assert_array_equal(np.isnan([low, high]), [[0, 1], [0, 1]])


def test_more_quantities_and_rows_than_a_block_change_nothing():
    rng = np.random.default_rng(3)
    values = rng.random((300, 150))
    together = gaffke_interval(values)
    np.testing.assert_allclose(
        gaffke_interval(values[:, 140:]), np.array(together)[:, 140:], rtol=1e-12
    )


def test_seed_moves_a_bound_by_little_and_nothing_else_does():
    values = np.random.default_rng(0).beta(0.3, 0.4, (50, 3))
    first, again, other = (gaffke_interval(values, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first.low != other.low)
    np.testing.assert_allclose(first, other, atol=0.006)


def test_far_tails_get_the_draws_that_they_need():
    values = np.random.default_rng(0).beta(0.3, 0.4, (12, 1))
    few = gaffke_interval(values, level=0.999, draws=1)
    many = gaffke_interval(values, level=0.999, draws=100_000)
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [0.5]}, r"'values' .*shape \(D, K\).*Got an array of shape \(1,\)"),
        ({"values": np.empty((0, 2))}, r"D >= 1.*Got an array of shape \(0, 2\)"),
        ({"values": [[1.5]]}, r"'values' .*range \[0, 1\].*Got 1\.5"),
        ({"values": [[0.5]], "level": 1.0}, r"'level' .*range \(0, 1\).*Got 1\.0"),
        ({"values": [[0.5]], "level": np.nan}, r"'level' .*Got nan"),
        ({"values": [[0.5]], "anchor": 0}, r"'anchor' .*range \(0, inf\).*Got 0"),
        ({"values": [[0.5]], "anchor": None}, r"'anchor' .*range \(0, inf\).*Got None"),
        ({"values": [[0.5]], "level": "0.9"}, r"'level' .*range \(0, 1\).*Got '0\.9'"),
        ({"values": [[0.5]], "level": np.nan}, r"'level' .*range \(0, 1\).*Got nan"),
        ({"values": [[0.5]], "seed": None}, r"'seed' .*integer >= 0\. Got None"),
        ({"values": [[0.5]], "seed": -1}, r"'seed' .*integer >= 0\. Got -1"),
        ({"values": [[0.5]], "counts": [np.inf]}, r"'counts' .*Got \[inf\]"),
        ({"values": [[0.5]], "sizes": [[np.inf]]}, r"'sizes' .*Got \[\[inf\]\]"),
        ({"values": [[0.5]], "draws": 0}, r"'draws' .*integer >= 1.*Got 0"),
        ({"values": [[0.5]], "counts": [1, 1]}, r"'counts' .*each of the 1 rows"),
        ({"values": [[0.5]], "counts": [0]}, r"'counts' .*entry >= 1"),
    ],
)
def test_impossible_input_raises_value_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        gaffke_interval(**arguments)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (499, 500)])
def test_wilson_equals_scipy_at_whole_sample_sizes(successes, n):
    found = wilson_interval([successes / n], [n])
    known = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(np.ravel(found), known, rtol=1e-12, atol=1e-16)


def test_wilson_passes_nan_through_and_never_has_zero_width():
    low, high = wilson_interval([0.0, 1.0, 0.5, np.nan], [5.0, 5.0, 1e12, 5.0])
    assert np.all(low[:3] < high[:3])
    assert low[0] == 0
    assert high[1] == 1
    assert np.isnan([low[3], high[3]]).all()


def coverage_and_width(interval, *, runs=300, m=25, n=8, k=4):
    """Share of runs that cover pass@k of a law under which few problems are solvable."""
    alpha, beta = 0.1, 3.0
    truth = 1 - np.exp(special.betaln(alpha, beta + k) - special.betaln(alpha, beta))
    rng = np.random.default_rng(20)
    bounds = []
    for run in range(runs):
        c = rng.binomial(n, rng.beta(alpha, beta, m))
        bounds.append(interval(pass_at_k(np.full(m, n), c, [k])[:, 0], run))
    low, high = np.transpose(bounds)
    return np.mean((low <= truth) & (truth <= high)), np.mean(high - low)


def gaffke(anchor):
    def interval(values, run):
        low, high = gaffke_interval(values[:, None], anchor=anchor, draws=4000, seed=run)
        return low[0], high[0]

    return interval


def percentile_bootstrap(values, run):
    rng = np.random.default_rng(run)
    means = rng.choice(values, (2000, values.size)).mean(axis=1)
    return tuple(np.quantile(means, [0.025, 0.975]))


def test_coverage_holds_where_the_bootstrap_fails_and_width_where_a_vacuous_interval_fails():
    def holds(interval):
        covered, width = coverage_and_width(interval)
        return covered >= 0.93 and width <= 0.35

    assert holds(gaffke(anchor=0.5))
    assert holds(gaffke(anchor=1.0))
    assert not holds(percentile_bootstrap)
    assert not holds(lambda values, run: (0.0, 1.0))


@pytest.mark.parametrize("interval", [wilson_interval, beta_interval])
@pytest.mark.parametrize(
    ("proportion", "n", "message"),
    [
        ([1.5], [4.0], r"'proportion' .*range \[0, 1\], or NaN\. Got \[1\.5\]"),
        ([0.5], [0.0], r"'n' .*finite and above 0, or NaN\. Got \[0\.0\]"),
        ([0.5], [np.inf], r"'n' .*finite and above 0, or NaN\. Got \[inf\]"),
    ],
)
def test_a_proportion_or_sample_size_that_cannot_be_is_refused(interval, proportion, n, message):
    with pytest.raises(ValueError, match=message):
        interval(proportion, n)
    assert np.isnan(interval([np.nan], [4.0]).low[0])


@pytest.mark.parametrize("fit", [fit_beta_binomial, fit_mixture])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], None), r"'n' .*a problem with completions"),
        (([0], [0], None), r"'n' .*a problem with completions"),
        (([4], [1], [np.nan]), r"'counts' .*Got nan"),
        (([4], [1], [-1]), r"'counts' .*Got -1"),
        (([4], [1], [1, 1]), r"'counts' .*one entry for each of 1 problems\. Got 2"),
    ],
)
def test_laws_are_not_fitted_to_nothing_or_to_impossible_weights(fit, arguments, message):
    n, c, counts = arguments
    with pytest.raises(ValueError, match=message):
        fit(n, c, counts=counts)
