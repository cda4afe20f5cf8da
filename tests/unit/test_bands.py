"""Gaffke's bands, p-values and clusters: what they must agree with, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reasonbench.stats import (
    benchmark_pass_at_k,
    beta_interval,
    gaffke_band,
    gaffke_interval,
    gaffke_p_value,
    pass_at_k,
)


def curve(m=60, n=16, seed=0):
    c = np.random.default_rng(seed).binomial(n, np.random.default_rng(seed).beta(0.3, 0.4, m))
    return pass_at_k(np.full(m, n), c, np.arange(1, n + 1))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("anchor", [0.5, 1.0])
def test_band_comes_with_the_same_interval_and_contains_it(level, anchor):
    values = curve()
    interval, band = gaffke_band(values, level=level, anchor=anchor, draws=4000)
    alone = gaffke_interval(values, level=level, anchor=anchor, draws=4000)
    np.testing.assert_allclose(interval, alone, rtol=1e-12)
    assert np.all((band.low <= interval.low) & (band.high >= interval.high))
    assert np.all((band.low >= 0) & (band.high <= 1))
    assert np.sum(band.high - band.low) > np.sum(interval.high - interval.low)


def test_band_of_one_quantity_is_hardly_wider_than_its_interval():
    interval, band = gaffke_band(curve()[:, :1])
    width = band.high - band.low
    assert np.all(width <= 1.03 * (interval.high - interval.low))


def test_band_of_equal_quantities_is_that_of_one_and_of_unlike_ones_is_wider():
    values = curve()[:, :1]
    alone = gaffke_band(values).band
    repeated = gaffke_band(np.repeat(values, 20, axis=1)).band
    np.testing.assert_allclose(repeated.low, alone.low[0], rtol=1e-9)
    unlike = np.random.default_rng(0).random((60, 20))
    band = gaffke_band(unlike).band
    interval = gaffke_interval(unlike)
    assert np.all(band.high - band.low > 1.25 * (interval.high - interval.low))


def test_band_where_laws_are_known_uses_them_and_undefined_quantities_have_none():
    values = np.column_stack([np.zeros(30), np.ones(30), np.full(30, np.nan), np.arange(30) / 30])
    interval, band = gaffke_band(values, anchor=1.0)
    assert band.low[0] == 0
    assert band.high[1] == 1
    assert band.high[0] > interval.high[0] == pytest.approx(1 - 0.025 ** (1 / 30), rel=1e-12)
    assert np.isnan([band.low[2], band.high[2]]).all()


def test_benchmark_band_is_gaffkes_over_the_problems():
    n, ks = np.full(60, 16), [1, 4, 16]
    c = np.random.default_rng(0).binomial(16, np.random.default_rng(0).beta(0.3, 0.4, 60))
    found = benchmark_pass_at_k(n, c, ks, draws=4000)
    distinct, counts = np.unique(c, return_counts=True)
    values = pass_at_k(np.full(distinct.size, 16), distinct, ks)
    np.testing.assert_array_equal(found.band, gaffke_band(values, counts=counts, draws=4000).band)


def test_p_value_on_binary_data_is_the_exact_binomial_tests():
    values = np.repeat([[1.0], [0.0]], [7, 5], axis=0)
    for null in (0.2, 0.5, 0.7):
        expected = stats.binomtest(7, 12, null, alternative="greater").pvalue
        assert gaffke_p_value(values, null)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("anchor", [0.5, 1.0])
def test_p_value_is_the_level_at_which_the_lower_bound_reaches_the_null(anchor):
    values = np.random.default_rng(3).beta(2, 1, (25, 1))
    for null in (0.5, 0.55, 0.6):
        p = gaffke_p_value(values, null, anchor=anchor, draws=50_000)[0]
        low = gaffke_interval(values, level=1 - 2 * p, anchor=anchor, draws=50_000).low[0]
        assert low == pytest.approx(null, abs=2e-3)


def test_p_value_has_edges():
    assert gaffke_p_value(np.zeros((5, 1)), 0.3)[0] == 1
    assert gaffke_p_value(np.full((5, 1), 0.3), 0.4)[0] == 1
    assert np.isnan(gaffke_p_value(np.full((5, 1), np.nan), 0.4)[0])
    assert gaffke_p_value(np.full((50, 1), 0.9), 0.1)[0] == pytest.approx(9.0**-50, rel=1e-9)
    drawn = gaffke_p_value(np.random.default_rng(0).uniform(0.8, 1, (50, 1)), 0.1, draws=2000)
    assert drawn[0] == 1 / 2001


def test_clusters_of_one_problem_change_nothing():
    n, ks = np.full(40, 8), [1, 4, 8]
    c = np.random.default_rng(1).integers(0, 9, 40)
    plain = benchmark_pass_at_k(n, c, ks, draws=20_000)
    single = benchmark_pass_at_k(n, c, ks, draws=20_000, clusters=np.arange(40))
    np.testing.assert_array_equal(plain.estimate, single.estimate)
    np.testing.assert_array_equal(plain.fixed, single.fixed)
    np.testing.assert_allclose(plain.between_var, single.between_var, rtol=1e-12)
    np.testing.assert_allclose(plain.superpopulation, single.superpopulation, atol=0.008)


def test_clusters_of_equal_problems_count_once():
    n, c, ks = np.full(20, 8), np.random.default_rng(1).integers(0, 9, 20), [1, 4]
    once = benchmark_pass_at_k(n, c, ks)
    labels = np.repeat([f"template {i}" for i in range(20)], 5)
    copied = benchmark_pass_at_k(np.repeat(n, 5), np.repeat(c, 5), ks, clusters=labels)
    np.testing.assert_allclose(copied.estimate, once.estimate, rtol=1e-12)
    np.testing.assert_allclose(copied.superpopulation, once.superpopulation, atol=0.012)
    ignored = benchmark_pass_at_k(np.repeat(n, 5), np.repeat(c, 5), ks)
    assert np.all(
        copied.superpopulation.high - copied.superpopulation.low
        > 1.7 * (ignored.superpopulation.high - ignored.superpopulation.low)
    )


def test_clusters_weigh_by_their_problems_and_leave_the_estimate_alone():
    n, c = [4, 4, 4, 4], [0, 4, 4, 4]
    found = benchmark_pass_at_k(n, c, [1], clusters=["a", "b", "b", "b"])
    assert found.estimate[0] == 0.75
    assert found.superpopulation.low[0] < 0.1
    assert found.superpopulation.high[0] > 0.9


def test_clustered_variance_equals_its_definition():
    n, c = np.full(6, 4), np.array([0, 1, 2, 3, 4, 4])
    labels = np.array([0, 0, 1, 1, 1, 2])
    found = benchmark_pass_at_k(n, c, [1], clusters=labels)
    residual = c / 4 - (c / 4).mean()
    sums = np.array([residual[labels == i].sum() for i in range(3)])
    expected = 3 / 2 * np.sum(sums**2) / 36
    assert found.between_var[0] + found.within_var[0] == pytest.approx(expected, rel=1e-12)


def covers_clusters(interval, sizes):
    """Share of runs that cover the mean of problems in clusters of these sizes."""
    hits = 0
    for run in range(150):
        rng = np.random.default_rng(run)
        p = np.repeat(rng.beta(0.3, 0.4, len(sizes)), sizes)
        low, high = interval(rng.binomial(8, p), np.repeat(np.arange(len(sizes)), sizes), run)
        hits += low <= 3 / 7 <= high
    return hits / 150


def test_clustered_interval_covers_where_one_that_ignores_clusters_fails():
    def clustered(c, labels, run):
        n = [8] * len(c)
        found = benchmark_pass_at_k(n, c, [1], clusters=labels, draws=2000, seed=run)
        return found.superpopulation.low[0], found.superpopulation.high[0]

    def ignoring(c, labels, run):
        found = benchmark_pass_at_k([8] * len(c), c, [1], draws=2000, seed=run)
        return found.superpopulation.low[0], found.superpopulation.high[0]

    for sizes in ([6] * 12, [30] * 4 + [2] * 26):
        assert covers_clusters(clustered, sizes) >= 0.92
        assert covers_clusters(ignoring, sizes) < 0.75


@pytest.mark.parametrize(("x", "n"), [(0, 9), (3, 9), (9, 9), (250, 1000)])
def test_beta_interval_at_anchor_1_is_clopper_pearsons(x, n):
    known = stats.binomtest(x, n).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(
        np.ravel(beta_interval([x / n], [n], anchor=1.0)), known, rtol=1e-9, atol=1e-15
    )


def test_beta_interval_passes_undefined_values_through():
    found = beta_interval([np.nan, 0.5], [10.0, np.nan])
    assert np.isnan(np.ravel(found)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaffke_band([[1.5]]), r"'values' parameter of gaffke_band .*Got 1\.5"),
        (lambda: gaffke_band([[0.5]], level=0.0), r"'level' parameter of gaffke_band"),
        (lambda: gaffke_band([[0.5]], sizes=[[0.0]]), r"'sizes' parameter of gaffke_band"),
        (lambda: gaffke_band([[0.5]], sizes=[1.0]), r"'sizes' parameter of gaffke_band"),
        (lambda: gaffke_p_value([[0.5]], 1.0), r"'null' parameter .*Got 1\.0"),
        (lambda: beta_interval([0.5], [3], level=1.0), r"'level' parameter of beta_interval"),
        (
            lambda: benchmark_pass_at_k([4, 4], [1, 1], [1], clusters=[1]),
            r"'clusters' parameter of benchmark_pass_at_k .* 2 integers or strings.*\(1,\)",
        ),
        (
            lambda: benchmark_pass_at_k([4, 4], [1, 1], [1], clusters=[1.0, np.nan]),
            r"'clusters' parameter .*dtype float64",
        ),
    ],
)
def test_impossible_input_raises_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
