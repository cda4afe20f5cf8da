"""pass@k beyond n: what is measured, what is forecast, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from reasonbench.stats import extrapolate_pass_at_k, gaffke_interval, pass_at_k
from reasonbench.stats.extrapolate import EXTRAPOLATED, MEASURED, NOTHING_SOLVED, REFUSED


def sampled(m=200, n=32, law=(0.5, 2.0), seed=0):
    rng = np.random.default_rng(seed)
    return np.full(m, n), rng.binomial(n, rng.beta(*law, m))


def test_up_to_n_it_is_the_measured_value_with_gaffkes_interval():
    n, c = sampled()
    found = extrapolate_pass_at_k(n, c, [1, 32], resamples=5)
    values = pass_at_k(n, c, [1, 32])
    assert found.flags == (MEASURED, MEASURED)
    np.testing.assert_allclose(found.estimate, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.interval, gaffke_interval(values), atol=0.006)
    assert np.isnan(found.beta_binomial).all()


def test_forecast_is_the_average_up_to_4n_and_the_power_law_beyond():
    n, c = sampled()
    found = extrapolate_pass_at_k(n, c, [33, 128, 129, 3200], resamples=5)
    both = (found.beta_binomial + found.power_law) / 2
    assert set(found.flags) == {EXTRAPOLATED}
    np.testing.assert_array_equal(found.estimate[:2], both[:2])
    np.testing.assert_array_equal(found.estimate[2:], found.power_law[2:])
    np.testing.assert_allclose(found.ratio, [33 / 32, 4, 129 / 32, 100])


def test_forecast_is_near_the_truth_of_a_smooth_law():
    n, c = sampled(m=2000)
    ks = np.array([64, 128])
    truth = 1 - np.exp(special.betaln(0.5, 2.0 + ks) - special.betaln(0.5, 2.0))
    found = extrapolate_pass_at_k(n, c, ks, resamples=20)
    np.testing.assert_allclose(found.estimate, truth, atol=0.02)


def test_forecast_never_falls_and_never_rises_faster_than_k():
    for seed in range(5):
        n, c = sampled(m=20, n=8, seed=seed)
        ks = np.unique(np.geomspace(8, 800, 40).astype(int))
        found = extrapolate_pass_at_k(n, c, ks, resamples=10, seed=seed)
        at_n = found.estimate[0]
        assert np.all(found.estimate >= at_n - 1e-12)
        assert np.all(found.estimate <= np.minimum(1, at_n * ks / 8) + 1e-12)
        low, high = found.interval
        assert np.all((low >= 0) & (low <= found.estimate) & (high >= found.estimate) & (high <= 1))


def test_beyond_100n_it_is_refused():
    n, c = sampled()
    found = extrapolate_pass_at_k(n, c, [3200, 3201], resamples=5)
    assert found.flags == (EXTRAPOLATED, REFUSED)
    for array in (found.estimate, *found.interval, found.power_law):
        np.testing.assert_array_equal(np.isnan(array), [False, True])


def test_nothing_solved_gives_an_upper_bound_only():
    found = extrapolate_pass_at_k([16] * 30, [0] * 30, [16, 32, 1600], anchor=1.0)
    at_n = 1 - 0.025 ** (1 / 30)
    assert found.flags == (MEASURED, NOTHING_SOLVED, NOTHING_SOLVED)
    np.testing.assert_array_equal(np.isnan(found.estimate), [0, 1, 1])
    np.testing.assert_allclose(found.interval.high, [at_n, 2 * at_n, 1], rtol=1e-10)
    np.testing.assert_array_equal(found.interval.low, 0)


def test_everything_solved_stays_at_one_with_an_interval_below():
    found = extrapolate_pass_at_k([16] * 30, [16] * 30, [32, 1600])
    np.testing.assert_array_equal(found.estimate, 1)
    assert np.all(found.interval.low < 0.96)
    np.testing.assert_array_equal(found.interval.high, 1)


def test_n_is_the_smallest_that_is_not_zero():
    found = extrapolate_pass_at_k([0, 8, 16], [0, 2, 3], [8, 16, 801], resamples=5)
    assert found.n == 8
    assert found.flags == (MEASURED, EXTRAPOLATED, REFUSED)


def test_is_the_same_for_a_seed():
    n, c = sampled(m=30)
    one, other = (extrapolate_pass_at_k(n, c, [64], resamples=10, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.interval, other.interval)


def interval_coverage(interval, *, runs=24, m=40, n=16):
    """Share of runs that cover pass@(4n) of other problems under a U-shaped law."""
    truth = 1 - np.exp(special.betaln(0.3, 0.4 + 4 * n) - special.betaln(0.3, 0.4))
    hits = 0
    for run in range(runs):
        found = extrapolate_pass_at_k(
            *sampled(m, n, (0.3, 0.4), run), [4 * n], resamples=30, draws=500, seed=run
        )
        low, high = interval(found)
        hits += low <= truth <= high
    return hits / runs


def test_interval_covers_where_the_span_of_the_two_forecasts_fails():
    assert interval_coverage(lambda x: (x.interval.low[0], x.interval.high[0])) >= 0.87
    assert interval_coverage(lambda x: sorted((x.beta_binomial[0], x.power_law[0])), runs=20) < 0.5


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (([4], [5], [8]), {}, r"'c' parameter of extrapolate_pass_at_k"),
        (([4], [1], [0]), {}, r"'ks' parameter of extrapolate_pass_at_k"),
        (([0], [0], [8]), {}, r"must have a problem with completions"),
        (([4], [1], [8]), {"level": 1.0}, r"'level' .*Got 1\.0"),
        (([4], [1], [8]), {"resamples": 0}, r"'resamples' .*Got 0"),
        (([np.nan], [1], [8]), {}, r"'n' .*Got nan"),
    ],
)
def test_impossible_input_raises_value_error(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        extrapolate_pass_at_k(*arguments, **settings)
