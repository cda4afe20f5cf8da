"""The e-process under its hypothesis, by enumeration of all results."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import gate_sequential
from reasonbench.stats.sequential import PASS

unhurried = settings(deadline=None, max_examples=40)


def expectation(chances, margin, rounds, value):
    """Mean of value(d) over all results d of all problems in all rounds."""
    total = 0.0
    outcomes = list(itertools.product((-1.0, 0.0, 1.0), repeat=len(chances) * rounds))
    for outcome in outcomes:
        d = np.array(outcome).reshape(rounds, len(chances))
        weight = np.prod([chances[i][int(d[r, i]) + 1] for r, i in np.ndindex(*d.shape)])
        if weight:
            total += weight * value(d)
    return total


def laws(deltas, spread):
    """Chances of -1, 0 and 1 with these means."""
    return [((spread - delta) / 2, 1 - spread, (spread + delta) / 2) for delta in deltas]


@pytest.mark.parametrize(
    ("deltas", "margin"),
    [((-0.1, -0.1), 0.1), ((0.5, -0.7), 0.1), ((0.8, -0.8), 0.0), ((-0.9, 0.3), 0.3)],
)
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_mean_wealth_is_at_most_one_though_problems_differ(deltas, margin, rounds):
    """The mean of d over the problems is -margin: the edge of the hypothesis."""
    assert np.mean(deltas) == pytest.approx(-margin)
    chances = laws(deltas, 0.95)
    for last in range(rounds):
        mean = expectation(
            chances,
            margin,
            rounds,
            lambda d, last=last: gate_sequential(d, margin, 0.05, "e_process").wealth[last],
        )
        assert mean <= 1 + 1e-12


def test_single_result_within_a_round_can_have_a_mean_above_one():
    """Why wealth is looked at after whole rounds only."""
    (chances,) = laws([0.8], 0.95)
    mean = sum(
        weight * gate_sequential([[d]], 0.0, 0.05, "e_process").wealth[0]
        for weight, d in zip(chances, (-1.0, 0.0, 1.0), strict=True)
    )
    assert mean > 1.05


@given(
    st.lists(st.floats(-0.9, 0.9), min_size=2, max_size=2),
    st.floats(0, 0.8),
    st.floats(0, 0.3),
)
@unhurried
def test_mean_wealth_is_at_most_one_under_the_hypothesis_and_the_mirror(deltas, margin, extra):
    centred = np.array(deltas) - np.mean(deltas)
    below = np.clip(centred - margin - extra, -1, 1)
    if np.mean(below) > -margin:
        return
    chances = [((1 - delta) / 2, 0.0, (1 + delta) / 2) for delta in below]

    def wealth(d):
        return gate_sequential(d, margin, 0.05, "e_process").wealth[-1]

    assert expectation(chances, margin, 2, wealth) <= 1 + 1e-9
    above = np.clip(centred - margin + extra, -1, 1)
    if np.mean(above) < -margin:
        return
    chances = [((1 - delta) / 2, 0.0, (1 + delta) / 2) for delta in above]

    def against(d):
        return gate_sequential(d, margin, 0.05, "e_process").wealth_fail[-1]

    assert expectation(chances, margin, 2, against) <= 1 + 1e-9


def test_chance_of_a_false_pass_is_at_most_alpha_by_enumeration():
    chances = laws((0.3, -0.7), 0.9)
    for alpha in (0.2, 0.45):
        wrong = expectation(
            chances,
            0.2,
            3,
            lambda d, alpha=alpha: float(
                gate_sequential(d, 0.2, alpha, "e_process").decision == PASS
            ),
        )
        assert wrong <= alpha


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32), st.floats(0, 0.5))
@unhurried
def test_swapping_sides_swaps_the_wealth_at_margin_zero(rounds, m, seed, margin):
    d = np.random.default_rng(seed).integers(-1, 2, (rounds, m))
    one, other = (gate_sequential(s * d, 0.0, 0.05, "e_process") for s in (1, -1))
    np.testing.assert_allclose(one.wealth, other.wealth_fail, rtol=1e-12)
    assert np.all(gate_sequential(d, margin, 0.05, "e_process").wealth > 0)
