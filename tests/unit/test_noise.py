"""The fit of any shape, and the noise of sampling that both fits imply."""

from __future__ import annotations

import numpy as np
import pytest

from reasonbench.stats import (
    benchmark_pass_at_k,
    beta_interval,
    fit_mixture,
    variance_given_p,
)

SPIKES = np.array([0.02, 0.98])


def spiky(m=60, n=32, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.choice(SPIKES, m)
    return p, np.full(m, n), rng.binomial(n, p)


def test_mixture_is_a_law_on_rising_points():
    _, n, c = spiky()
    points, weights = fit_mixture(n, c)
    assert np.all(np.diff(points) > 0)
    assert 0 < points[0] < points[-1] < 1
    assert np.all(weights > 0)
    assert weights.sum() == pytest.approx(1)


def test_mixture_finds_two_spikes():
    _, n, c = spiky(m=4000)
    points, weights = fit_mixture(n, c)
    near = [weights[np.abs(points - p) < 0.03].sum() for p in SPIKES]
    assert min(near) > 0.46


def test_mean_of_the_mixture_is_that_of_the_counts():
    rng = np.random.default_rng(1)
    n = np.full(3000, 16)
    c = rng.binomial(16, rng.beta(0.5, 1.5, 3000))
    points, weights = fit_mixture(n, c)
    assert points @ weights == pytest.approx(c.mean() / 16, abs=0.005)


def test_counts_stand_for_repeated_problems():
    once = fit_mixture([8] * 7, [0, 0, 0, 2, 2, 8, 8])
    counted = fit_mixture([8, 8, 8], [0, 2, 8], counts=[3, 2, 2])
    np.testing.assert_allclose(once.weights, counted.weights, rtol=1e-10)


def test_posterior_is_a_law_for_each_problem_and_follows_its_counts():
    mixture = fit_mixture([16, 16, 16], [0, 8, 16])
    posterior = mixture.posterior(np.array([16, 16, 0]), np.array([1, 15, 0]))
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    low, high, prior = posterior @ mixture.points
    assert low < prior < high
    np.testing.assert_allclose(posterior[2], mixture.weights, rtol=1e-12)


def test_mixture_of_impossible_counts_is_an_error():
    with pytest.raises(ValueError, match="'c' parameter of fit_mixture must be at most 'n'"):
        fit_mixture([4], [5])
    with pytest.raises(ValueError, match=r"'spread' parameter of fit_mixture .*Got -1"):
        fit_mixture([4], [1], spread=-1)


def fixed_coverage(interval, draw, *, runs, m, n, ks):
    """Share of (run, k) in which pass@k of the list at hand is covered."""
    covered = []
    for run in range(runs):
        rng = np.random.default_rng([run, m, n])
        p = draw(rng, m)
        low, high = interval(np.full(m, n), rng.binomial(n, p), ks)
        truth = np.mean(1 - (1 - p[:, None]) ** np.array(ks), axis=0)
        covered.append((low <= truth + 1e-12) & (truth <= high + 1e-12))
    return np.mean(covered)


def fixed(n, c, ks):
    return benchmark_pass_at_k(n, c, ks, draws=100).fixed


def by_beta_alone(n, c, ks):
    """Wilson-like, with the noise of the beta-binomial fit only."""
    found = benchmark_pass_at_k(n, c, ks, draws=100)
    theta = np.clip(found.estimate, 1e-3, 1 - 1e-3)
    n_eff = np.maximum(theta * (1 - theta) / found.within_var, n.size)
    return beta_interval(found.estimate, n_eff)


def test_fixed_interval_covers_spikes_where_a_beta_alone_does_not():
    def spikes(rng, m):
        return rng.choice([0.01, 0.99], m)

    case = {"runs": 120, "m": 100, "n": 16, "ks": (16,)}
    assert fixed_coverage(fixed, spikes, **case) >= 0.88
    assert fixed_coverage(by_beta_alone, spikes, **case) < 0.82


def test_fixed_interval_covers_where_nearly_all_is_solved():
    def middling(rng, m):
        return rng.beta(2, 2, m)

    assert fixed_coverage(fixed, middling, runs=120, m=164, n=64, ks=(32, 64)) >= 0.92


def test_estimate_of_one_does_not_widen_the_fixed_interval_to_that_of_m_coin_tosses():
    c = np.tile([30, 40, 50], 10)
    found = benchmark_pass_at_k([64] * 30, c, [40])
    low, high = found.fixed
    assert found.estimate[0] == high[0] == 1
    assert 0 < 1 - low[0] < 0.02 < 1 - beta_interval([1.0], [30]).low[0]


def test_noise_of_a_narrow_law_is_the_variance_at_its_p():
    n, ks = np.full(3000, 16), [1, 4, 16]
    c = np.random.default_rng(0).binomial(16, 0.3, 3000)
    found = benchmark_pass_at_k(n, c, ks, draws=100)
    expected = [variance_given_p(16, k, 0.3) / 3000 for k in ks]
    np.testing.assert_allclose(found.within_var, expected, rtol=0.1)
    width = found.fixed.high - found.fixed.low
    np.testing.assert_allclose(width, 2 * 1.96 * np.sqrt(expected), rtol=0.1)
