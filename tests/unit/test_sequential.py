"""Gates that decide early: known boundaries, decisions, error rates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from reasonbench.stats import gate_sequential
from reasonbench.stats.sequential import (
    CONTINUE,
    FAIL,
    PASS,
    UNDECIDED,
    obrien_fleming_boundary,
)

METHODS = ("obrien_fleming", "e_process")


def simulated(delta, *, rounds=16, m=60, seed=0):
    rng = np.random.default_rng(seed)
    p_a = rng.uniform(0.2, 0.8, m)
    a, b = rng.random((rounds, m)) < p_a, rng.random((rounds, m)) < p_a + delta
    return b.astype(float) - a


@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.960), (2, 1.977), (3, 2.004), (5, 2.040), (10, 2.087)]
)
def test_boundary_equals_the_published_table(looks, constant):
    # Jennison and Turnbull (2000), table 2.3, two-sided alpha = .05; its last digit is rounded.
    assert obrien_fleming_boundary(looks, 0.025) == pytest.approx(constant, abs=1.1e-3)


def test_boundary_holds_its_level_over_random_walks():
    walks = np.cumsum(np.random.default_rng(0).standard_normal((200_000, 12)), axis=1)
    bound = obrien_fleming_boundary(12, 0.05) * np.sqrt(12)
    assert np.mean(walks.max(axis=1) >= bound) == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("method", METHODS)
def test_clear_cases_are_decided_early_and_alike(method):
    good = gate_sequential(simulated(0.15), 0.05, 0.05, method, n_max=16)
    assert good.decision == PASS
    assert good.rounds_used < 16
    bad = gate_sequential(simulated(-0.2), 0.05, 0.05, method, n_max=16)
    assert bad.decision == FAIL
    assert bad.rounds_used < 16


@pytest.mark.parametrize("method", METHODS)
def test_without_a_decision_it_goes_on_until_n_max_and_then_is_not_a_pass(method):
    d = simulated(-0.05, rounds=8, seed=3)
    assert gate_sequential(d[:5], 0.05, 0.01, method, n_max=8).decision == CONTINUE
    last = gate_sequential(d, 0.05, 0.01, method, n_max=8)
    assert last.decision == UNDECIDED
    assert last.rounds_used == 8


@pytest.mark.parametrize("method", METHODS)
def test_rounds_after_a_decision_change_nothing(method):
    d = simulated(0.15)
    whole = gate_sequential(d, 0.05, 0.05, method, n_max=16)
    part = gate_sequential(d[: whole.rounds_used], 0.05, 0.05, method, n_max=16)
    assert part.decision == whole.decision
    assert part.rounds_used == whole.rounds_used
    assert part.delta == whole.delta
    undone = d.copy()
    undone[whole.rounds_used :] = -1
    assert gate_sequential(undone, 0.05, 0.05, method, n_max=16).decision == PASS


@pytest.mark.parametrize("method", METHODS)
def test_no_round_is_no_decision(method):
    found = gate_sequential(np.empty((0, 5)), 0.05, 0.05, method, n_max=4)
    assert (found.decision, found.rounds_used) == (CONTINUE, 0)
    assert np.isnan(found.delta)


def test_e_process_needs_no_end():
    assert gate_sequential(simulated(-0.05, rounds=3), 0.05, 0.05, "e_process").decision == CONTINUE


def test_wealth_is_the_mean_over_bets_of_products():
    d = simulated(0.1, rounds=3, m=7)
    found = gate_sequential(d, 0.1, 0.05, "e_process")
    bets = np.geomspace(2.0**-10, 0.75, 24) / 0.9
    expected = np.mean([np.prod(1 + bet * (d + 0.1)) for bet in bets])
    assert found.wealth[-1] == pytest.approx(expected, rel=1e-12)
    mirrored = np.geomspace(2.0**-10, 0.75, 24) / 1.1
    expected = np.mean([np.prod(1 - bet * (d + 0.1)) for bet in mirrored])
    assert found.wealth_fail[-1] == pytest.approx(expected, rel=1e-12)
    assert found.threshold == 20


def test_the_last_look_of_a_single_look_design_is_the_z_test():
    d = simulated(0.0, rounds=40, m=30, seed=1)
    found = gate_sequential(d, 0.05, 0.05, "obrien_fleming", n_max=40)
    error = np.sqrt(d.var(axis=0, ddof=1).mean() / d.size)
    z = (d.mean() + 0.05) / error
    boundary = obrien_fleming_boundary(40, 0.05)
    assert found.wealth[-1] == pytest.approx(z / boundary, rel=1e-12)
    assert boundary > stats.norm.ppf(0.95) == pytest.approx(float(special.ndtri(0.95)))


def test_models_that_never_differ_pass_with_a_margin_only():
    same = np.zeros((8, 50))
    assert gate_sequential(same, 0.1, 0.05, n_max=8).decision == PASS
    assert gate_sequential(same, 0.0, 0.05, n_max=8).decision == UNDECIDED
    assert gate_sequential(same[:, :2], 0.01, 0.05, n_max=8).decision == UNDECIDED


@pytest.mark.parametrize("method", METHODS)
def test_false_decisions_at_the_margin_are_as_rare_as_alpha(method):
    decisions = [
        gate_sequential(simulated(-0.05, seed=seed), 0.05, 0.05, method, n_max=16).decision
        for seed in range(400)
    ]
    for wrong in (PASS, FAIL):
        assert decisions.count(wrong) / 400 <= 0.085


def test_looking_after_every_round_at_the_fixed_quantile_is_wrong_too_often():
    """What O'Brien and Fleming's boundary is for: the same data, tested as if looked at once."""
    wrong = 0
    for seed in range(400):
        d = simulated(-0.05, seed=seed) + 0.05
        counts = np.arange(1, 17) * d.shape[1]
        z = np.cumsum(d.sum(axis=1)) / np.sqrt(counts) / d.std()
        wrong += bool(np.any(z[1:] > 1.645))
    assert wrong / 400 > 0.12


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (([[0.0, np.nan]], 0.1, 0.05), {"n_max": 4}, r"'rounds' .*Got nan in round 0, problem 1"),
        (([[1.5]], 0.1, 0.05), {"n_max": 4}, r"'rounds' .*Got 1\.5"),
        (([0.0], 0.1, 0.05), {"n_max": 4}, r"Got an array of shape \(1,\)"),
        (([[True]], 0.1, 0.05), {"n_max": 4}, r"dtype bool"),
        (([[0.0]], 1.0, 0.05), {"n_max": 4}, r"'margin' .*Got 1\.0"),
        (([[0.0]], 0.1, 0.5), {"n_max": 4}, r"'alpha' .*range \(0, 0\.5\).*Got 0\.5"),
        (
            ([[0.0]], 0.1, 0.05),
            {},
            r"'n_max' .*for method 'obrien_fleming'.*'e_process' needs none",
        ),
        (([[0.0]], 0.1, 0.05, "pocock"), {}, r"'method' .*Got 'pocock'"),
        (([[0.0]], 0.1, 0.05, "pocock"), {"n_max": 4}, r"'method' .*Got 'pocock'"),
        (([[0.0]] * 3, 0.1, 0.05), {"n_max": 2}, r"at most n_max=2 rounds\. Got 3"),
        (([[0.0]], 0.1, 0.05), {"n_max": 0}, r"'n_max' .*Got 0"),
    ],
)
def test_impossible_input_raises_value_error(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        gate_sequential(*arguments, **settings)
