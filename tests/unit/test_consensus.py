"""pass^k, G-Pass@k, votes and best-of-k: reference values, edges, errors."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from reasonbench.stats import (
    best_of_k,
    g_pass_at_k,
    maj_at_k,
    mg_pass_at_k,
    pass_at_k,
    pass_hat_k,
)


def test_pass_hat_k_equals_the_reference_value():
    assert pass_hat_k([64], [40], [8])[0, 0] == pytest.approx(0.017375013946835436, rel=1e-14)


def test_g_pass_at_k_equals_the_reference_value():
    found = g_pass_at_k([48], [30], [16], 0.75)[0, 0]
    assert found == pytest.approx(0.17188757573256916, rel=1e-14)


def test_mg_pass_at_k_equals_the_reference_value():
    assert mg_pass_at_k([48], [30], [16])[0, 0] == pytest.approx(0.25924495517120198, rel=1e-14)


def test_maj_at_k_equals_the_reference_value():
    found = maj_at_k([4, 3, 2, 1], [True, False, False, False], 4)
    assert found == pytest.approx(0.51904761904761905, rel=1e-14)


def test_best_of_k_equals_the_reference_value():
    scores = [0.9, 0.7, 0.7, 0.5, 0.5, 0.1]
    right = [False, True, False, True, True, False]
    assert best_of_k(scores, right, 3) == pytest.approx(0.275, rel=1e-14)


@pytest.mark.parametrize(("n", "c", "k"), [(10_000, 9_990, 700), (64, 63, 64), (5000, 4000, 9)])
def test_pass_hat_k_equals_rationals(n, c, k):
    exact = Fraction(math.comb(c, k), math.comb(n, k))
    assert pass_hat_k([n], [c], [k])[0, 0] == pytest.approx(float(exact), rel=1e-13)


def test_pass_hat_k_has_exact_edges():
    found = pass_hat_k([8, 8, 8, 0], [8, 3, 0, 0], [1, 3, 4, 8, 9])
    np.testing.assert_array_equal(found[0, :4], 1)
    np.testing.assert_array_equal(found[1, 2:4], 0)
    np.testing.assert_array_equal(found[2, :4], 0)
    assert np.all(np.isnan(found[:, 4]))
    assert np.all(np.isnan(found[3]))


@pytest.mark.parametrize(("n", "c", "k"), [(1000, 600, 100), (48, 30, 16), (20, 3, 20)])
@pytest.mark.parametrize("tau", [0.0, 0.28, 0.5, 1.0, Fraction(1, 3)])
def test_g_pass_at_k_equals_rationals(n, c, k, tau):
    least = max(math.ceil(Fraction(str(tau)) * k), 1)
    ways = sum(math.comb(c, j) * math.comb(n - c, k - j) for j in range(least, min(c, k) + 1))
    exact = Fraction(ways, math.comb(n, k))
    assert g_pass_at_k([n], [c], [k], tau)[0, 0] == pytest.approx(float(exact), rel=1e-13)


def test_share_to_reach_is_rounded_up_in_rationals_where_floats_go_wrong():
    assert math.ceil(0.28 * 25) == 8
    seven = g_pass_at_k([60], [20], [25], Fraction(7, 25))[0, 0]
    assert g_pass_at_k([60], [20], [25], 0.28)[0, 0] == seven
    wrong = [
        (percent, k)
        for percent in range(1, 101)
        for k in range(1, 65)
        if math.ceil(percent / 100 * k) != math.ceil(Fraction(percent, 100) * k)
    ]
    assert wrong
    for percent, k in wrong:
        decimal = g_pass_at_k([70], [35], [k], percent / 100)
        np.testing.assert_array_equal(decimal, g_pass_at_k([70], [35], [k], Fraction(percent, 100)))


def test_tau_0_is_pass_at_k_and_tau_1_is_pass_hat_k():
    n, c, ks = [12, 12, 30], [0, 5, 29], [1, 4, 12]
    np.testing.assert_allclose(g_pass_at_k(n, c, ks, 0), pass_at_k(n, c, ks), rtol=1e-13)
    np.testing.assert_allclose(g_pass_at_k(n, c, ks, 1), pass_hat_k(n, c, ks), rtol=1e-13)


def test_mg_pass_at_k_is_the_sum_over_its_thresholds():
    for k in (1, 2, 5, 8):
        shares = [
            g_pass_at_k([20], [13], [k], Fraction(i, k)) for i in range(-(-k // 2) + 1, k + 1)
        ]
        expected = 2 / k * sum(float(share[0, 0]) for share in shares)
        assert mg_pass_at_k([20], [13], [k])[0, 0] == pytest.approx(expected, rel=1e-13, abs=1e-300)


def test_one_vote_is_the_share_of_correct_completions():
    assert maj_at_k([5, 3, 2], [False, True, True], 1) == pytest.approx(0.5, rel=1e-14)


def test_all_votes_go_to_the_largest_answer_and_ties_are_shared():
    assert maj_at_k([5, 3, 2], [True, False, False], 10) == pytest.approx(1.0, rel=1e-13)
    assert maj_at_k([4, 4, 4], [True, False, False], 12) == pytest.approx(1 / 3, rel=1e-13)
    assert maj_at_k([4, 4, 4], [True, True, False], 12) == pytest.approx(2 / 3, rel=1e-13)


def test_completions_without_an_answer_are_drawn_and_never_win():
    assert maj_at_k([1], [True], 1, abstained=3) == pytest.approx(1 / 4, rel=1e-14)
    assert maj_at_k([1], [True], 4, abstained=3) == pytest.approx(1.0, rel=1e-14)
    assert maj_at_k([0, 2], [True, False], 2, abstained=3) == 0.0


def test_a_vote_over_many_completions_neither_overflows_nor_takes_long():
    right = [True, *([False] * 300)]
    found = maj_at_k([1200, 1100, *([1] * 299)], right, 64)
    assert 0.5 < found < 1


def test_equal_scores_choose_at_random_and_perfect_scores_give_pass_at_k():
    right = np.array([True] * 3 + [False] * 9)
    assert best_of_k(np.zeros(12), right, 5) == pytest.approx(0.25, rel=1e-14)
    assert best_of_k(right.astype(float), right, 5) == pytest.approx(
        pass_at_k([12], [3], [5])[0, 0], rel=1e-14
    )
    assert best_of_k(-right.astype(float), right, 5) == pytest.approx(
        pass_hat_k([12], [3], [5])[0, 0], abs=1e-15
    )


def test_infinite_scores_rank_as_they_should():
    assert best_of_k([-math.inf, math.inf, 0.0], [False, True, False], 3) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pass_hat_k([4], [5], [1]), r"'c' parameter of pass_hat_k must be at most 'n'"),
        (lambda: pass_hat_k([4], [3], [0]), r"'ks' parameter of pass_hat_k"),
        (lambda: g_pass_at_k([4], [3], [1], 1.5), r"'tau' parameter .*Got 1\.5"),
        (lambda: g_pass_at_k([4], [3], [1], math.nan), r"'tau' parameter .*Got nan"),
        (lambda: mg_pass_at_k([4], [np.nan], [1]), r"'c' parameter of mg_pass_at_k .*Got nan"),
        (lambda: maj_at_k([2, 1], [True], 1), r"'correct' .* array of 2 booleans.*shape \(1,\)"),
        (lambda: maj_at_k([2, -1], [True, False], 1), r"'cluster_counts' .*Got -1 at index 1"),
        (lambda: maj_at_k([2], [True], 3), r"'k' .* at most the number of completions, 2"),
        (lambda: maj_at_k([2], [True], 0), r"'k' parameter of maj_at_k .*>= 1\. Got 0"),
        (lambda: maj_at_k([2], [True], 1, abstained=-1), r"'abstained' .*>= 0\. Got -1"),
        (lambda: best_of_k([0.1, np.nan], [True, False], 1), r"'scores' .* none of them NaN"),
        (lambda: best_of_k([0.1], [1], 1), r"'correct' .* booleans.*dtype int64"),
        (lambda: best_of_k([0.1], [True], 2), r"'k' parameter of best_of_k must be at most"),
    ],
)
def test_impossible_input_raises_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
