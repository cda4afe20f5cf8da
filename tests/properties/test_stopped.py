"""pass@k of problems stopped at their r-th success, over random outcomes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import benchmark_pass_at_k, pass_at_k, pass_at_k_stopped
from reasonbench.stats.stopped import StoppingRule, mean_stopped_variance

ROUNDING = 4e-16
DRAWS = 2000

unhurried = settings(deadline=None)


def stopped_pass_at_k(t, r, ks):
    """Problems that all had their r-th success, with an n_max that allows every k."""
    return pass_at_k_stopped(t, np.full(np.shape(t), r), r, max([*t, *ks, 1]), ks)


@st.composite
def stops(draw, largest=10_000):
    t = draw(st.integers(1, largest))
    return t, draw(st.integers(1, t))


@st.composite
def benchmarks(draw, most_problems=10, largest=24):
    """Return n, c, stopped and n_max of problems of one rule, one of them stopped."""
    n_max = draw(st.integers(1, largest))
    r = draw(st.integers(1, n_max))
    done = st.tuples(st.integers(r, n_max), st.just(r))
    ended = st.tuples(st.just(n_max), st.integers(0, r - 1))
    owed = st.integers(0, n_max).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, min(n, r - 1)))
    )
    others = draw(st.lists(st.one_of(done, ended, owed), max_size=most_problems))
    n, c = zip(draw(done), *others, strict=True)
    return np.array(n), np.array(c), np.array(c) == r, n_max


def test_equals_enumeration_over_all_orders_for_small_t():
    for t in range(1, 9):
        for r in range(1, t + 1):
            orders = list(itertools.combinations(range(t - 1), r - 1))
            for k in range(1, t + 2):
                within = [min((*order, t - 1)) < k for order in orders]
                found = stopped_pass_at_k([t], r, [k])[0, 0]
                assert abs(found - sum(within) / len(within)) <= ROUNDING


@given(stops(), st.lists(st.integers(1, 20_000), min_size=2, max_size=30))
@unhurried
def test_is_a_probability_and_never_falls_as_k_grows(case, ks):
    t, r = case
    curve = stopped_pass_at_k([t], r, sorted([*ks, t]))[0]
    assert np.all((curve >= 0) & (curve <= 1))
    assert np.all(np.diff(curve) >= -ROUNDING)
    assert curve[-1] == 1


@given(stops(largest=500), st.integers(1, 600))
@unhurried
def test_never_rises_as_the_last_success_comes_later(case, k):
    t, r = case
    values = stopped_pass_at_k(np.arange(r, t + 1), r, [k])[:, 0]
    assert values[0] == 1
    assert np.all(np.diff(values) <= ROUNDING)


@given(stops(largest=2000), st.data())
@unhurried
def test_is_never_above_chens_formula_on_the_same_counts(case, data):
    """The draw that ended the sampling is a success by the rule, not by chance."""
    t, r = case
    k = data.draw(st.integers(1, t))
    assert stopped_pass_at_k([t], r, [k])[0, 0] <= pass_at_k([t], [r], [k])[0, 0] + ROUNDING


@given(benchmarks(), st.sampled_from([0.5, 1.0]))
@unhurried
def test_intervals_contain_the_estimate_and_stay_in_the_unit_interval(case, anchor):
    n, c, stopped, n_max = case
    ks = sorted({1, (n_max + 1) // 2, n_max, n_max + 1})
    found = benchmark_pass_at_k(n, c, ks, stopped=stopped, n_max=n_max, anchor=anchor, draws=DRAWS)
    for low, high in (found.superpopulation, found.fixed):
        there = ~np.isnan(low)
        np.testing.assert_array_equal(there, ~np.isnan(high))
        assert np.all((low >= 0) & (low <= found.estimate) | ~there)
        assert np.all((high <= 1) & (high >= found.estimate) | ~there)
        assert np.all(low[there] < high[there])
    np.testing.assert_array_equal(np.isnan(found.estimate), np.array(ks) > n_max)
    limits = np.where(stopped, n_max, n)
    unidentified = 2 * np.sum(limits >= 2) < np.sum(limits >= 1)
    assert np.all(np.isnan(found.fixed.low[:-1]) == unidentified)


@given(benchmarks(), st.randoms(use_true_random=False))
@unhurried
def test_order_of_the_problems_does_not_matter(case, random):
    n, c, stopped, n_max = case
    order = list(range(n.size))
    random.shuffle(order)
    one, other = (
        benchmark_pass_at_k(n[i], c[i], [1, n_max], stopped=stopped[i], n_max=n_max, draws=DRAWS)
        for i in (np.arange(n.size), np.array(order))
    )
    np.testing.assert_array_equal(one.estimate, other.estimate)
    np.testing.assert_array_equal(one.superpopulation, other.superpopulation)
    np.testing.assert_array_equal(one.fixed, other.fixed)
    assert one.flags == other.flags


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e6),
)
@unhurried
def test_variances_are_never_negative_and_stopping_never_lowers_them(r, n_max, alpha, beta):
    ks = np.arange(1, n_max + 1)
    law = np.array([alpha]), np.array([beta])
    sooner, later, never = (
        mean_stopped_variance(StoppingRule(limit, n_max), ks, *law)
        for limit in (r, r + 1, n_max + 1)
    )
    assert np.all((never >= 0) & (sooner <= 0.25))
    assert np.all(sooner >= later - 1e-12)
    assert np.all(later >= never - 1e-12)
