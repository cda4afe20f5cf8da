"""Intervals for pass@k of a benchmark, over random counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reasonbench.stats import benchmark_pass_at_k, gaffke_interval

DRAWS = 2000

unhurried = settings(deadline=None, max_examples=40)
KS = [1, 2, 3, 5, 8, 13, 40]


@st.composite
def counts(draw, most_problems=12, largest=16):
    n = draw(st.lists(st.integers(0, largest), min_size=1, max_size=most_problems))
    return n, [draw(st.integers(0, n_i)) for n_i in n]


anchors = st.sampled_from([0.5, 1.0])
levels = st.sampled_from([0.01, 0.5, 0.8, 0.9, 0.95])


@given(counts(), levels, anchors)
@unhurried
def test_interval_contains_the_estimate_and_stays_in_the_unit_interval(case, level, anchor):
    found = benchmark_pass_at_k(*case, KS, level=level, anchor=anchor, draws=DRAWS)
    for low, high in (found.superpopulation, found.fixed, found.band):
        there = ~np.isnan(low)
        np.testing.assert_array_equal(there, ~np.isnan(high))
        assert np.all((low >= 0) & (low <= found.estimate) | ~there)
        assert np.all((high <= 1) & (high >= found.estimate) | ~there)
        assert np.all(low[there] < high[there])
    nowhere = found.undefined == found.n_problems
    np.testing.assert_array_equal(np.isnan(found.superpopulation.low), nowhere)
    np.testing.assert_array_equal(np.isnan(found.band.low), nowhere)
    assert not np.any(found.band.low > found.superpopulation.low)
    assert not np.any(found.band.high < found.superpopulation.high)


@given(counts(), anchors)
@unhurried
def test_interval_widens_with_the_level(case, anchor):
    narrow, wide = (
        benchmark_pass_at_k(*case, KS, level=level, anchor=anchor, draws=DRAWS)
        for level in (0.8, 0.95)
    )
    for (inner_low, inner_high), (outer_low, outer_high) in (
        (narrow.superpopulation, wide.superpopulation),
        (narrow.fixed, wide.fixed),
        (narrow.band, wide.band),
    ):
        assert not np.any(outer_low > inner_low)
        assert not np.any(outer_high < inner_high)


@given(counts(), st.randoms(use_true_random=False))
@unhurried
def test_order_of_the_problems_changes_nothing(case, random):
    pairs = list(zip(*case, strict=True))
    random.shuffle(pairs)
    n, c = zip(*pairs, strict=True)
    given_order, shuffled = (
        benchmark_pass_at_k(*counts, KS, draws=DRAWS) for counts in (case, (n, c))
    )
    for name in ("estimate", "superpopulation", "fixed", "band", "between_var", "undefined"):
        np.testing.assert_array_equal(getattr(given_order, name), getattr(shuffled, name))
    assert given_order.flags == shuffled.flags


@given(counts(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_same_seed_gives_the_same_bounds_whatever_else_is_asked(case, seed):
    first, again = (benchmark_pass_at_k(*case, KS, draws=DRAWS, seed=seed) for _ in range(2))
    np.testing.assert_array_equal(first.superpopulation, again.superpopulation)
    for i, k in enumerate(KS):
        alone = benchmark_pass_at_k(*case, [k], draws=DRAWS, seed=seed)
        for name in ("superpopulation", "fixed"):
            expected = np.array(getattr(first, name))[:, i]
            np.testing.assert_allclose(np.ravel(getattr(alone, name)), expected, rtol=1e-12)


@given(st.integers(2, 10), st.integers(2, 12), st.data())
@unhurried
def test_drawn_bounds_are_monotone_in_k(m, n, data):
    c = data.draw(st.lists(st.integers(0, n), min_size=m, max_size=m))
    ks = [k for k in range(1, n + 1) if k <= n - max(c)] or [1]
    low, high = benchmark_pass_at_k([n] * m, c, ks, draws=DRAWS).superpopulation
    assert np.all(np.diff(low) >= -1e-12)
    assert np.all(np.diff(high) >= -1e-12)


@given(st.integers(1, 300), st.data())
@unhurried
def test_binary_data_at_anchor_1_equal_clopper_pearson(m, data):
    solved = data.draw(st.integers(0, m))
    found = benchmark_pass_at_k([1] * m, [1] * solved + [0] * (m - solved), [1], anchor=1)
    known = stats.binomtest(solved, m).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(np.ravel(found.superpopulation), known, rtol=1e-9, atol=1e-11)


@given(st.integers(1, 200), st.integers(1, 32), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@unhurried
def test_nothing_solved_gives_the_closed_form(m, n, level):
    found = benchmark_pass_at_k([n] * m, [0] * m, [1, n], level=level, anchor=1)
    known = 1 - ((1 - level) / 2) ** (1 / m)
    np.testing.assert_array_equal(found.superpopulation.low, [0, 0])
    np.testing.assert_allclose(found.superpopulation.high, known, rtol=1e-10)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), anchors)
@unhurried
def test_complement_mirrors_the_interval(values, anchor):
    column = np.array(values)[:, None]
    low, high = gaffke_interval(column, anchor=anchor, draws=DRAWS)
    mirrored = gaffke_interval(1 - column, anchor=anchor, draws=DRAWS)
    assert 1 - mirrored.high[0] == pytest.approx(low[0], abs=0.06)
    assert 1 - mirrored.low[0] == pytest.approx(high[0], abs=0.06)
