"""Gaps between sets of problems, over random counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import pass_at_k
from reasonbench.stats.gap import (
    Pair,
    Sampled,
    Stratified,
    difference_in_differences,
    gap,
    gap_of_strata,
)

DRAWS = 400
KS = [1, 2, 8]
N = 8

unhurried = settings(deadline=None, max_examples=20)
cs = st.lists(st.integers(0, N), min_size=1, max_size=25)
clustered = st.booleans()


def sampled(c, cluster=False):
    return Sampled([N] * len(c), c, np.arange(len(c)) // 3 if cluster else None)


@st.composite
def pairs(draw):
    m = draw(st.integers(1, 20))
    column = st.lists(st.integers(0, N), min_size=m, max_size=m)
    cluster = draw(clustered)
    return Pair(sampled(draw(column), cluster), sampled(draw(column), cluster))


@st.composite
def strata(draw):
    """Two sets of one to four problems in each of some strata, two of which make a cluster."""
    sides = []
    count = draw(st.integers(1, 12))
    for _ in range(2):
        sizes = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
        label = np.repeat(np.arange(count), sizes)
        c = draw(st.lists(st.integers(0, N), min_size=len(label), max_size=len(label)))
        sides.append(Stratified([N] * len(label), c, label, label // 2))
    return sides


def is_sound(found, least):
    assert np.all(found.interval.low >= least)
    assert np.all(found.interval.high <= -least)
    assert np.all(found.interval.low <= found.value)
    assert np.all(found.value <= found.interval.high)
    assert np.all(found.interval.low < found.interval.high)


def mirrors(there, back):
    np.testing.assert_allclose(back.value, -there.value, atol=1e-12)
    np.testing.assert_allclose(back.interval.low, -there.interval.high, atol=1e-12)
    np.testing.assert_allclose(back.interval.high, -there.interval.low, atol=1e-12)


@given(cs, cs, clustered)
@unhurried
def test_a_gap_is_in_its_range_and_its_interval_holds_it(a, b, cluster):
    found = gap(sampled(a, cluster), sampled(b, cluster), KS, draws=DRAWS)
    is_sound(found, -1)
    expected = [pass_at_k([N] * len(x), x, KS).mean(axis=0) for x in (a, b)]
    np.testing.assert_allclose(found.value, expected[0] - expected[1], atol=1e-12)


@given(cs, cs, clustered)
@unhurried
def test_swapping_the_sets_mirrors_a_gap(a, b, cluster):
    sides = sampled(a, cluster), sampled(b, cluster)
    mirrors(gap(*sides, KS, draws=DRAWS), gap(*sides[::-1], KS, draws=DRAWS))


@given(cs, cs, st.randoms(use_true_random=False))
@unhurried
def test_the_order_of_the_problems_does_not_matter(a, b, random):
    shuffled = random.sample(a, len(a))
    one, other = (gap(sampled(x), sampled(b), KS, draws=DRAWS) for x in (a, shuffled))
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.interval, other.interval)


@given(cs, cs)
@unhurried
def test_a_gap_widens_with_the_level(a, b):
    narrow, wide = (gap(sampled(a), sampled(b), KS, level=x, draws=DRAWS) for x in (0.5, 0.95))
    assert np.all(wide.interval.low <= narrow.interval.low)
    assert np.all(wide.interval.high >= narrow.interval.high)


@given(pairs(), pairs())
@unhurried
def test_a_difference_in_differences_is_the_gap_of_one_less_that_of_the_other(first, second):
    found = difference_in_differences(first, second, KS, draws=DRAWS)
    is_sound(found, -2)
    model = gap(first.model, second.model, KS, draws=DRAWS)
    reference = gap(first.reference, second.reference, KS, draws=DRAWS)
    np.testing.assert_allclose(found.value, model.value - reference.value, atol=1e-12)
    back = difference_in_differences(second, first, KS, draws=DRAWS)
    mirrors(found, back)


@given(pairs(), pairs())
@unhurried
def test_changing_model_and_reference_turns_the_sign(first, second):
    def turned(pair):
        return Pair(
            pair.reference._replace(clusters=pair.model.clusters),
            pair.model,
        )

    there = difference_in_differences(first, second, KS, draws=DRAWS)
    back = difference_in_differences(turned(first), turned(second), KS, draws=DRAWS)
    np.testing.assert_allclose(back.value, -there.value, atol=1e-12)


@given(pairs(), pairs())
@unhurried
def test_a_model_held_against_itself_has_no_difference(first, second):
    alike = [Pair(pair.model, pair.model) for pair in (first, second)]
    found = difference_in_differences(*alike, KS, draws=DRAWS)
    np.testing.assert_array_equal(found.value, 0)
    assert np.all(found.interval.low < 0)
    assert np.all(found.interval.high > 0)


@given(strata())
@unhurried
def test_strata_weigh_equally_and_the_interval_holds_the_value(sides):
    found = gap_of_strata(*sides, KS, draws=DRAWS)
    is_sound(found, -1)
    means = []
    for side in sides:
        values = pass_at_k(side.n, side.c, KS)
        means.append([values[side.strata == s].mean(axis=0) for s in np.unique(side.strata)])
    np.testing.assert_allclose(found.value, np.mean(np.subtract(*means), axis=0), atol=1e-12)
    assert found.n_first.tolist() == [len(sides[0].c)] * len(KS)


@given(strata())
@unhurried
def test_a_gap_of_strata_is_turned_by_swapping_and_blind_to_names(sides):
    there = gap_of_strata(*sides, KS, draws=DRAWS)
    back = gap_of_strata(*sides[::-1], KS, draws=DRAWS)
    np.testing.assert_allclose(back.value, -there.value, atol=1e-12)
    named = [
        side._replace(
            strata=[f"s{x:02d}" for x in side.strata], clusters=[f"c{x:02d}" for x in side.clusters]
        )
        for side in sides
    ]
    other = gap_of_strata(*named, KS, draws=DRAWS)
    np.testing.assert_array_equal(other.value, there.value)
    np.testing.assert_array_equal(other.interval, there.interval)


@given(strata(), st.integers(0, N))
@unhurried
def test_a_stratum_of_one_side_alone_counts_for_nothing(sides, c):
    more = sides[0]._replace(
        n=[*sides[0].n, N],
        c=[*sides[0].c, c],
        strata=[*sides[0].strata, 99],
        clusters=[*sides[0].clusters, 99],
    )
    one, other = (gap_of_strata(x, sides[1], KS, draws=DRAWS) for x in (sides[0], more))
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.n_first, other.n_first)


def test_what_is_undefined_is_left_out_and_counted_or_nan():
    few = Sampled([4, 8], [2, 8])
    found = gap(few, Sampled([8] * 3, [1, 2, 3]), [1, 8, 9], draws=DRAWS)
    assert found.n_first.tolist() == [2, 1, 0]
    assert np.isnan([found.value[2], *np.array(found.interval)[:, 2]]).all()
    assert not np.isnan(found.value[:2]).any()
    strata = Stratified([4, 8], [2, 8], ["a", "b"], ["a", "b"])
    both = gap_of_strata(strata, strata, [8, 9], draws=DRAWS)
    assert both.n_first.tolist() == [1, 0]
    assert np.isnan(both.value[1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strata": ["x", "y"]}, "must share a stratum"),
        ({"clusters": ["a", "c"]}, "one label a stratum"),
        ({"strata": [0.5, 1.5]}, "integers or strings"),
        ({"clusters": ["a"]}, "one entry for each"),
        ({"n": [8]}, "must"),
    ],
)
def test_strata_that_cannot_be_compared_are_refused(change, said):
    side = Stratified([8, 8], [1, 2], ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match=said):
        gap_of_strata(side, side._replace(**change), [1], draws=DRAWS)


def families(rng, count, cells, each, shift=0.0):
    """Two draws of families that differ in difficulty; the first is easier by ``shift``."""
    base_S = np.repeat(rng.beta(1, 1, count), cells) * (1 - shift)
    sides = []
    for extra in (shift, 0.0):
        p = np.repeat(base_S + extra, each) * rng.uniform(0.6, 1.0, count * cells * each)
        label = np.repeat(np.arange(count * cells), each)
        sides.append(Stratified([N] * p.size, rng.binomial(N, p), label, label // cells))
    return sides


def test_the_control_covers_a_true_zero_and_sees_what_was_memorised():
    rng = np.random.default_rng(0)
    null = [gap_of_strata(*families(rng, 30, 3, 3), [1], draws=DRAWS) for _ in range(100)]
    covered = np.mean([f.interval.low[0] <= 0 <= f.interval.high[0] for f in null])
    assert covered >= 0.9
    leaked = gap_of_strata(*families(rng, 30, 3, 3, shift=0.3), [1], draws=DRAWS)
    assert leaked.interval.low[0] > 0.1


def simulated(rng, m, easier):
    """Two models on two sets; the first set is easier for both, by the same logit."""
    pairs = []
    for shift in (easier, 0.0):
        logit = rng.normal(shift, 1.5, m)
        pairs.append(
            Pair(
                *(
                    Sampled([N] * m, rng.binomial(N, 1 / (1 + np.exp(-logit - skill))))
                    for skill in (0.3, 0.0)
                )
            )
        )
    return pairs


def truth(easier):
    rng = np.random.default_rng(9)
    means = []
    for shift in (easier, 0.0):
        logit = rng.normal(shift, 1.5, 400_000)
        means.append(np.mean(1 / (1 + np.exp(-logit - 0.3))) - np.mean(1 / (1 + np.exp(-logit))))
    return means[0] - means[1]


def test_difficulty_cancels_in_a_difference_in_differences_and_not_in_a_gap():
    rng = np.random.default_rng(1)
    true = truth(1.0)
    hits, seen = 0, 0
    for _ in range(100):
        pairs = simulated(rng, 40, easier=1.0)
        found = difference_in_differences(*pairs, [1], draws=DRAWS)
        hits += found.interval.low[0] <= true <= found.interval.high[0]
        seen += gap(pairs[0].model, pairs[1].model, [1], draws=DRAWS).interval.low[0] > 0
    assert hits / 100 >= 0.9
    assert seen / 100 >= 0.3
