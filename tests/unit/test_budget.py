"""Accuracy against tokens: counts, bounds, orders, edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reasonbench.stats import accuracy_at_budget, gaffke_interval, pass_at_k, pass_at_tokens


def test_completion_counts_where_it_fits_into_the_budget():
    found = accuracy_at_budget(
        [True, False, True], [10, 5, 20], [20, 9, 10, 19], problems=[0, 0, 0]
    )
    np.testing.assert_allclose(found.estimate, [2 / 3, 0, 1 / 3, 1 / 3])
    np.testing.assert_array_equal(found.budgets, [20, 9, 10, 19])


def test_problems_weigh_equally_and_are_in_the_order_of_their_labels():
    right = [True, True, False, True]
    found = accuracy_at_budget(right, [1, 1, 1, 1], [1], problems=["b", "a", "b", "b"])
    np.testing.assert_allclose(found.values[:, 0], [1, 2 / 3])
    assert found.estimate[0] == pytest.approx(5 / 6)
    np.testing.assert_allclose(found.interval, gaffke_interval(found.values), rtol=1e-12)


def test_truncated_completions_are_wrong_in_the_headline_and_right_in_the_bound():
    found = accuracy_at_budget(
        [True, False, False],
        [10, 50, 5],
        [4, 10, 50, 51],
        problems=[0] * 3,
        truncated=np.array([False, True, False]),
    )
    np.testing.assert_allclose(found.estimate, [0, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(found.upper, [0, 1 / 3, 1 / 3, 2 / 3])


def test_truncated_but_right_completion_counts_once():
    found = accuracy_at_budget([True], [50], [49, 50, 51], truncated=np.array([True]))
    np.testing.assert_array_equal(found.estimate, [0, 1, 1])
    np.testing.assert_array_equal(found.upper, [0, 1, 1])


def test_curve_never_falls_and_its_bound_is_never_below_it():
    rng = np.random.default_rng(0)
    found = accuracy_at_budget(
        rng.random(400) < 0.4,
        rng.integers(0, 100, 400),
        np.arange(110),
        problems=rng.integers(0, 20, 400),
        truncated=rng.random(400) < 0.2,
        draws=500,
    )
    assert np.all(np.diff(found.estimate) >= 0)
    assert np.all(found.upper >= found.estimate)
    assert np.all(found.upper <= 1)


def exact_pass_at_tokens(right, lengths, budget):
    """Share of all orders in which a success ends within the budget."""
    orders = list(itertools.permutations(range(len(right))))
    hits = 0
    for order in orders:
        spent = 0
        for i in order:
            spent += lengths[i]
            if right[i]:
                hits += spent <= budget
                break
    return hits / len(orders)


def test_pass_at_tokens_equals_all_orders():
    right, lengths = [True, False, False, True, False], [30, 10, 20, 5, 40]
    budgets = [4, 5, 15, 30, 50, 75, 105]
    found = pass_at_tokens(right, lengths, budgets, problems=[7] * 5, orders=200_000)
    exact = [exact_pass_at_tokens(right, lengths, budget) for budget in budgets]
    np.testing.assert_allclose(found.estimate, exact, atol=5e-3)


def test_equal_lengths_give_pass_at_k():
    right = [True] * 3 + [False] * 9
    found = pass_at_tokens(right, [7] * 12, 7 * np.arange(1, 13), problems=[0] * 12, orders=100_000)
    expected = pass_at_k([12], [3], np.arange(1, 13))[0]
    np.testing.assert_allclose(found.estimate, expected, atol=5e-3)


def test_budget_above_all_tokens_of_a_problem_is_undefined_whatever_its_c():
    found = pass_at_tokens(
        [True, False, False], [10, 10, 30], [10, 20, 21, 31], problems=["a", "a", "b"]
    )
    np.testing.assert_array_equal(found.undefined, [0, 0, 1, 2])
    np.testing.assert_array_equal(np.isnan(found.estimate), [0, 0, 0, 1])
    assert found.values[0, 1] == 1
    assert found.estimate[2] == 0


def test_orders_are_the_same_for_a_seed_and_other_problems_do_not_matter():
    rng = np.random.default_rng(0)
    right, lengths, labels = rng.random(60) < 0.3, rng.integers(1, 50, 60), np.repeat([0, 1, 2], 20)
    one, again = (
        pass_at_tokens(right, lengths, [30, 90], problems=labels, orders=500, seed=4)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.values, again.values)
    first = labels == 0
    alone = pass_at_tokens(
        right[first], lengths[first], [30, 90], orders=500, seed=4, problems=labels[first]
    )
    np.testing.assert_array_equal(one.values[0], alone.values[0])


def test_blocks_of_orders_change_nothing_but_memory(monkeypatch):
    monkeypatch.setattr("reasonbench.stats.budget._BLOCK", 50)
    found = pass_at_tokens([True, False], [5, 5], [5, 10], problems=[0, 0], orders=20_000)
    np.testing.assert_allclose(found.estimate, [0.5, 1], atol=0.02)


@pytest.mark.parametrize("function", [accuracy_at_budget, pass_at_tokens])
@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (([True], [-1], [5]), {}, r"'n_tokens' .*Got -1"),
        (([True], [np.nan], [5]), {}, r"'n_tokens' .*Got nan"),
        (([True], [1], [-5]), {}, r"'budgets' .*Got -5"),
        (([True, True], [1], [5]), {}, r"'correct' .* 1 booleans.*\(2,\)"),
        (([1], [1], [5]), {}, r"'correct' .*dtype int64"),
        (([], [], [5]), {}, r"at least one completion"),
        (([True], [1], [5]), {"problems": [0, 1]}, r"'problems' .*\(2,\)"),
        (([True], [1], [5]), {"level": 1.0}, r"'level' .*Got 1\.0"),
    ],
)
def test_impossible_input_raises_value_error(function, arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments, **settings)


def test_impossible_orders_and_flags_raise_value_error():
    with pytest.raises(ValueError, match=r"'orders' .*Got 0"):
        pass_at_tokens([True], [1], [1], orders=0)
    with pytest.raises(ValueError, match=r"'truncated' .* 1 booleans"):
        accuracy_at_budget([True], [1], [1], truncated=[True, False])
