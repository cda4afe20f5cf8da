"""Two models on the same problems, over random counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import (
    benjamini_hochberg,
    compare_paired,
    diversity_collapse,
    gate_paired,
    holm,
)

DRAWS = 1000
KS = [1, 2, 5, 8]

unhurried = settings(deadline=None, max_examples=40)


@st.composite
def pairs(draw, most_problems=30, largest=8):
    """Counts of two models that both have all completions of a first problem."""
    m = draw(st.integers(1, most_problems))
    counts = []
    for _ in range(2):
        n = [largest, *draw(st.lists(st.integers(0, largest), min_size=m - 1, max_size=m - 1))]
        counts += [n, [draw(st.integers(0, n_i)) for n_i in n]]
    return counts


labels = st.sampled_from([None, "thirds"])


def groups(label, counts):
    return None if label is None else np.arange(len(counts[0])) // 3


@given(pairs(), st.sampled_from([0.5, 0.8, 0.95]), labels)
@unhurried
def test_interval_contains_the_difference_and_stays_in_its_range(counts, level, label):
    found = compare_paired(*counts, KS, level=level, clusters=groups(label, counts), draws=DRAWS)
    there = ~np.isnan(found.delta)
    for low, high in (found.interval, found.band):
        np.testing.assert_array_equal(there, ~np.isnan(low))
        assert np.all((low[there] >= -1) & (low[there] <= found.delta[there] + 1e-15))
        assert np.all((high[there] <= 1) & (high[there] >= found.delta[there] - 1e-15))
        assert np.all(low[there] < high[there])
    assert not np.any(found.band.low > found.interval.low)
    assert not np.any(found.band.high < found.interval.high)


@given(pairs())
@unhurried
def test_interval_and_band_widen_with_the_level(counts):
    narrow, wide = (compare_paired(*counts, KS, level=x, draws=DRAWS) for x in (0.8, 0.95))
    for inner, outer in ((narrow.interval, wide.interval), (narrow.band, wide.band)):
        assert not np.any(outer.low > inner.low)
        assert not np.any(outer.high < inner.high)


@given(pairs(), st.randoms(use_true_random=False))
@unhurried
def test_order_of_the_problems_does_not_matter(counts, random):
    order = list(range(len(counts[0])))
    random.shuffle(order)
    shuffled = [[column[i] for i in order] for column in counts]
    one, other = (compare_paired(*x, KS, draws=DRAWS) for x in (counts, shuffled))
    for name in ("delta", "interval", "band", "effective_n", "undefined"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.method == other.method


@given(pairs())
@unhurried
def test_a_model_against_itself_has_no_difference_and_does_not_pass_without_margin(counts):
    n, c = counts[:2]
    found = compare_paired(n, c, n, c, [1], draws=DRAWS)
    assert found.delta[0] == 0
    assert found.interval.low[0] < 0 < found.interval.high[0]
    assert not gate_paired(n, c, n, c, 1, draws=DRAWS).passed


@given(pairs(), labels)
@unhurried
def test_collapse_is_told_with_p_values_and_a_crossing_within_k(counts, label):
    found = diversity_collapse(
        *counts, 8, clusters=groups(label, counts), draws=DRAWS, resamples=50
    )
    assert 0 <= max(found.p_1, found.p_k) == found.p <= 1
    assert (found.verdict == "collapse") == (found.p <= 1 - found.level)
    bounds = [
        8.5 if x is None else x for x in (found.crossing_low, found.crossing, found.crossing_high)
    ]
    assert 1 <= bounds[0] <= bounds[1] <= bounds[2]
    assert (found.crossing is None) <= (found.delta_k > 0)
    assert not set(found.lost) & set(found.gained)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@unhurried
def test_adjusted_p_values_keep_their_order_and_are_never_below_the_raw_ones(p):
    order = np.argsort(p, kind="stable")
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert np.all((adjusted >= np.array(p)) & (adjusted <= 1))
        assert np.all(np.diff(adjusted[order]) >= 0)
    assert np.all(benjamini_hochberg(p) <= holm(p))
