"""Two models on the same problems: differences, gates, collapse, crossings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from reasonbench.stats import (
    compare_paired,
    diversity_collapse,
    gaffke_interval,
    gate_paired,
    pass_at_k,
)
from reasonbench.stats.collapse import (
    COLLAPSE,
    CROSSING_UNRESOLVED,
    IMPROVEMENT,
    NO_EVIDENCE,
)


def models(kind, m=200, n=16, seed=0):
    """Counts of two models of which B is related to A as `kind` says."""
    rng = np.random.default_rng(seed)
    a = rng.beta(0.5, 0.9, m)
    b = {
        "same": a,
        "better": np.clip(a + 0.5 * a * (1 - a), 0, 1),
        "worse": 0.6 * a,
        "collapsed": np.where(rng.random(m) < 0.3, 0, np.clip(3 * a, 0, 1)),
        "few": np.where(rng.random(m) < 0.02, 1 - a, a),
    }[kind]
    sizes = np.full(m, n)
    return sizes, rng.binomial(n, a), sizes, rng.binomial(n, b)


def test_delta_is_the_mean_difference_and_the_interval_students_on_it():
    n_a, c_a, n_b, c_b = models("better")
    found = compare_paired(n_a, c_a, n_b, c_b, [1, 4, 16])
    d = pass_at_k(n_b, c_b, [1, 4, 16]) - pass_at_k(n_a, c_a, [1, 4, 16])
    assert found.method == ("t", "t", "t")
    np.testing.assert_allclose(found.delta, d.mean(axis=0), rtol=1e-12)
    known = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    np.testing.assert_allclose(found.interval.low, known.low, rtol=1e-9)
    np.testing.assert_allclose(found.interval.high, known.high, rtol=1e-9)
    np.testing.assert_allclose(found.effective_n, np.abs(d).sum(0) ** 2 / (d**2).sum(0), rtol=1e-9)


def test_few_differing_problems_get_gaffkes_interval():
    d = np.zeros(60)
    c_b = np.full(60, 4)
    c_b[:5] = [8, 8, 8, 0, 8]
    found = compare_paired([8] * 60, [4] * 60, [8] * 60, c_b, [1])
    d[:5] = [0.5, 0.5, 0.5, -0.5, 0.5]
    low, high = gaffke_interval(((d + 1) / 2)[:, None], draws=100_000)
    assert found.method == ("gaffke",)
    assert found.effective_n[0] == pytest.approx(5)
    assert found.interval.low[0] == pytest.approx(2 * low[0] - 1, abs=4e-3)
    assert found.interval.high[0] == pytest.approx(2 * high[0] - 1, abs=4e-3)


@pytest.mark.parametrize(("c_a", "c_b", "delta"), [(2, 2, 0.0), (0, 4, 1.0), (4, 0, -1.0)])
def test_models_that_never_vary_get_an_interval_not_a_point(c_a, c_b, delta):
    found = compare_paired([4] * 40, [c_a] * 40, [4] * 40, [c_b] * 40, [1])
    assert found.delta[0] == delta
    assert found.method == ("gaffke",)
    assert found.interval.high[0] - found.interval.low[0] > 0.05
    assert -1 <= found.interval.low[0] <= delta <= found.interval.high[0] <= 1


def test_all_but_few_problems_gained_is_no_case_for_students_t():
    found = compare_paired([4] * 60, [0] * 60, [4] * 60, [4] * 58 + [0, 2], [1])
    assert found.method == ("gaffke",)
    assert found.interval.high[0] == pytest.approx(1, abs=0.01)
    assert found.effective_n[0] < 3


def test_swapping_the_models_mirrors_the_comparison():
    n_a, c_a, n_b, c_b = models("few")
    ahead = compare_paired(n_a, c_a, n_b, c_b, [1, 16], draws=50_000)
    back = compare_paired(n_b, c_b, n_a, c_a, [1, 16], draws=50_000)
    np.testing.assert_allclose(ahead.delta, -back.delta, atol=1e-15)
    np.testing.assert_allclose(ahead.interval.low, -back.interval.high, atol=2e-3)
    assert ahead.method == back.method


def test_band_contains_the_intervals():
    for kind in ("better", "few", "collapsed"):
        found = compare_paired(*models(kind), np.arange(1, 17), draws=2000)
        assert np.all(found.band.low <= found.interval.low)
        assert np.all(found.band.high >= found.interval.high)


def test_problems_that_a_model_has_too_few_completions_of_are_left_out_and_counted():
    found = compare_paired([8, 2, 8], [8, 1, 0], [8, 8, 4], [0, 8, 0], [1, 4, 8, 9])
    np.testing.assert_array_equal(found.undefined, [0, 1, 2, 3])
    assert found.delta[0] == pytest.approx((-1 + 0.5 + 0) / 3)
    assert found.delta[1] == -0.5
    assert np.isnan([found.delta[3], found.interval.low[3], found.band.high[3]]).all()


def test_clusters_widen_the_interval_of_the_difference():
    n_a, c_a, n_b, c_b = (np.repeat(x, 4) for x in models("better", m=60))
    labels = np.repeat(np.arange(60), 4)
    plain = compare_paired(n_a, c_a, n_b, c_b, [1], draws=2000)
    grouped = compare_paired(n_a, c_a, n_b, c_b, [1], clusters=labels, draws=2000)
    width, narrow = (float(x.interval.high[0] - x.interval.low[0]) for x in (grouped, plain))
    assert width == pytest.approx(2 * narrow, rel=0.03)
    once = compare_paired(*models("better", m=60), [1])
    np.testing.assert_allclose(grouped.interval, once.interval, rtol=1e-9)


def test_gate_passes_a_better_model_and_fails_closed_otherwise():
    assert gate_paired(*models("better"), 1).passed
    assert not gate_paired(*models("worse"), 1).passed
    assert not gate_paired(*models("same"), 1).passed
    assert gate_paired(*models("same"), 1, margin=0.1).passed
    assert not gate_paired([4] * 4, [0] * 4, [4] * 4, [4] * 4, 1, alpha=0.05).p_value > 0.07


def test_gate_passes_exactly_where_its_lower_bound_is_above_the_margin():
    for seed in range(12):
        for margin in (0.0, 0.04):
            counts = models("better" if seed % 2 else "same", m=50, seed=seed)
            found = gate_paired(*counts, 1, margin=margin)
            if abs(found.p_value - 0.05) > 0.004:
                assert found.passed == (found.low > -margin)


def test_gate_on_problems_all_gained_is_the_sign_test():
    found = gate_paired([4] * 15, [0] * 15, [4] * 15, [4] * 15, 1)
    assert found.p_value == pytest.approx(2.0**-15, rel=1e-10)


def test_collapse_is_found_where_it_is():
    found = diversity_collapse(*models("collapsed", m=400), 16)
    assert found.verdict == COLLAPSE
    assert found.p == max(found.p_1, found.p_k) < 0.05
    assert found.delta_1 > 0 > found.delta_k
    assert 1 < found.crossing_low < found.crossing < found.crossing_high < 16


def test_collapse_is_no_verdict_on_a_model_that_is_better_at_every_k():
    n_a, c_a, n_b, c_b = models("better", m=400)
    found = diversity_collapse(n_a, c_a, n_b, c_b, 8)
    assert found.verdict == IMPROVEMENT
    assert (found.crossing, found.crossing_high) == (None, None)
    gaps = [np.diff(pass_at_k(n, c, [1, 8]).mean(axis=0))[0] for n, c in ((n_a, c_a), (n_b, c_b))]
    assert gaps[1] < gaps[0]


def test_other_verdicts():
    assert diversity_collapse(*models("worse"), 8).verdict == NO_EVIDENCE
    n = np.full(6, 8)
    small = diversity_collapse(n, [2, 2, 2, 2, 2, 2], n, [8, 8, 8, 0, 0, 0], 8)
    assert small.verdict == CROSSING_UNRESOLVED
    assert small.p > 0.05
    assert small.crossing is not None


def test_better_at_one_but_equal_at_many_is_no_improvement_at_all_k():
    n = np.full(40, 8)
    c_a, c_b = np.tile([2, 3, 4, 5], 10), np.tile([5, 6, 6, 7], 10)
    found = diversity_collapse(n, c_a, n, c_b, 8)
    assert found.p_1 < 1e-6
    assert found.delta_k == 0
    assert found.verdict == NO_EVIDENCE
    assert diversity_collapse(n, c_a, n, c_b, 2).verdict == IMPROVEMENT


def test_p_values_are_those_of_the_paired_t_test():
    n_a, c_a, n_b, c_b = models("collapsed")
    found = diversity_collapse(n_a, c_a, n_b, c_b, 16)
    d = pass_at_k(n_b, c_b, [1, 16]) - pass_at_k(n_a, c_a, [1, 16])
    assert found.p_1 == pytest.approx(stats.ttest_1samp(d[:, 0], 0, alternative="greater").pvalue)
    assert found.p_k == pytest.approx(stats.ttest_1samp(d[:, 1], 0, alternative="less").pvalue)


def test_lost_and_gained_are_named_whatever_their_n():
    found = diversity_collapse([4, 4, 4, 1], [1, 0, 2, 1], [4, 4, 4, 4], [0, 3, 1, 0], 4)
    np.testing.assert_array_equal(found.lost, [0, 3])
    np.testing.assert_array_equal(found.gained, [1])
    assert found.undefined == 1


def test_crossing_is_interpolated_on_the_logarithm_of_k():
    # delta is .05, -.05 at k = 1, 2: the crossing is half way, at sqrt(2).
    n = [40, 40]
    found = diversity_collapse(n, [10, 10], n, [24, 0], 2)
    curve = pass_at_k([40, 40, 40], [10, 24, 0], [1, 2])
    delta = curve[1:].mean(axis=0) - curve[0]
    assert delta[0] > 0 > delta[1]
    expected = np.exp(np.log(2) * delta[0] / (delta[0] - delta[1]))
    assert found.crossing == pytest.approx(expected, rel=1e-12)


def test_a_model_behind_from_the_start_crosses_at_1():
    assert diversity_collapse(*models("worse"), 8).crossing == 1


def test_long_curves_are_compared_at_spaced_ks():
    n = np.full(50, 2000)
    c_a = np.random.default_rng(0).binomial(2000, 0.01, 50)
    found = diversity_collapse(n, c_a, n, np.minimum(3 * c_a, 2000), 1500, resamples=50, draws=500)
    assert found.k == 1500


def test_results_are_the_same_for_a_seed():
    counts = models("few")
    one, other = (compare_paired(*counts, [1, 8], draws=2000, seed=5) for _ in range(2))
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    first, second = (diversity_collapse(*counts, 8, draws=2000, seed=5) for _ in range(2))
    assert (first.p, first.crossing_high) == (second.p, second.crossing_high)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare_paired([4], [5], [4], [1], [1]), r"'c_a' .* at most 'n_a'"),
        (lambda: compare_paired([4], [1], [4], [5], [1]), r"'c_b' .* at most 'n_b'"),
        (lambda: compare_paired([4], [1], [4, 4], [1, 1], [1]), r"same\s+problems.*Got 1 and 2"),
        (lambda: compare_paired([], [], [], [], [1]), r"at least one\. Got 0 and 0"),
        (lambda: compare_paired([4], [1], [4], [1], [0]), r"'ks' parameter of compare_paired"),
        (lambda: compare_paired([4], [np.nan], [4], [1], [1]), r"'c_a' .*Got nan"),
        (lambda: compare_paired([4], [1], [4], [1], [1], level=1), r"'level' .*Got 1"),
        (lambda: compare_paired([4], [1], [4], [1], [1], clusters=[[1]]), r"'clusters'"),
        (
            lambda: gate_paired([4], [1], [4], [1], 5),
            r"'k' parameter of gate_paired must be at most",
        ),
        (lambda: gate_paired([4], [1], [4], [1], 1, margin=-0.1), r"'margin' .*Got -0\.1"),
        (
            lambda: gate_paired([4], [1], [4], [1], 1, alpha=0.5),
            r"'alpha' .*range \(0, 0\.5\).*Got 0\.5",
        ),
        (lambda: diversity_collapse([4], [1], [4], [1], 1), r"'k' parameter .*>= 2\. Got 1"),
        (lambda: diversity_collapse([4], [1], [4], [1], 5), r"at most n in both models"),
        (lambda: diversity_collapse([4], [1], [4], [1], 2, level=0), r"'level' .*Got 0"),
        (lambda: diversity_collapse([4], [1], [4], [1], 2, resamples=0), r"'resamples'"),
    ],
)
def test_impossible_input_raises_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
