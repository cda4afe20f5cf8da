"""The difference of two independent estimates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.stats import benchmark_pass_at_k
from reasonbench.stats.difference import Estimated, difference_independent

UNIT = st.floats(0, 1)
ESTIMATED = st.tuples(UNIT, UNIT, UNIT).map(sorted).map(lambda t: Estimated(t[1], t[0], t[2]))


@given(ESTIMATED, ESTIMATED)
def test_the_interval_holds_the_difference_and_stays_in_its_range(first, second):
    value, low, high = difference_independent(first, second)
    assert value == first.value - second.value
    assert -1 <= low <= value <= high <= 1


@given(ESTIMATED, ESTIMATED)
def test_swapping_the_groups_mirrors_the_interval(first, second):
    ahead = difference_independent(first, second)
    back = difference_independent(second, first)
    assert (back.value, back.low, back.high) == (-ahead.value, -ahead.high, -ahead.low)


@given(ESTIMATED)
def test_a_group_against_itself_holds_zero(group):
    _, low, high = difference_independent(group, group)
    assert low <= 0 <= high


def test_newcombes_published_example():
    # Newcombe (1998), method 10, table II: 56/70 - 48/80.
    first = Estimated(56 / 70, 0.6920, 0.8774)
    second = Estimated(48 / 80, 0.4905, 0.7001)
    _, low, high = difference_independent(first, second)
    assert (round(low, 3), round(high, 3)) == (0.053, 0.334)


@pytest.mark.parametrize("bad", [(0.5, 0.6, 0.7), (0.5, 0.4, 1.2), (float("nan"), 0, 1)])
def test_what_is_no_estimate_is_refused(bad):
    with pytest.raises(ValueError, match="low <= value <= high"):
        difference_independent(Estimated(*bad), Estimated(0.5, 0, 1))


def covers(rng, groups, make):
    """Share of simulated pairs whose interval holds the true difference."""
    hits = 0
    for _ in range(150):
        sides = []
        for m, n, a, b in groups:
            p_P = rng.beta(a, b, m)
            sides.append(make(rng.binomial(n, p_P), n))
        _, low, high = difference_independent(*sides)
        truth = groups[0][2] / sum(groups[0][2:]) - groups[1][2] / sum(groups[1][2:])
        hits += low <= truth <= high
    return hits / 150


def gaffke(c_P, n):
    result = benchmark_pass_at_k([n] * len(c_P), c_P, [1], anchor=1.0, draws=2000)
    interval = result.superpopulation
    return Estimated(result.estimate[0], interval.low[0], interval.high[0])


def plug_in(c_P, n):
    rate = float(np.mean(c_P) / n)
    half = 1.96 * (rate * (1 - rate) / (len(c_P) * n)) ** 0.5
    return Estimated(rate, max(0, rate - half), min(1, rate + half))


GROUPS = ((24, 32, 4, 1), (72, 32, 1, 2))


def test_the_interval_covers_the_truth_and_a_pooled_binomial_one_does_not():
    assert covers(np.random.default_rng(0), GROUPS, gaffke) >= 0.92
    assert covers(np.random.default_rng(0), GROUPS, plug_in) < 0.8
