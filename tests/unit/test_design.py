"""What a design can see, the cheapest design, and adjusted p-values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from reasonbench.stats import (
    BetaBinomial,
    DifficultyLaw,
    benjamini_hochberg,
    holm,
    law_from_counts,
    law_from_pair,
    mean_pass_at_k,
    pass_at_k,
    plan,
    power,
    variance_parts,
)

SCORE = DifficultyLaw(BetaBinomial(0.5, 1.0), None)
PAIR = DifficultyLaw(BetaBinomial(0.5, 1.0), 0.8)


def test_parts_of_one_completion_are_the_beta_moments():
    a, b = 0.5, 1.0
    between, within = variance_parts(4, 1, SCORE)
    assert between == pytest.approx(stats.beta(a, b).var(), rel=1e-12)
    assert within == pytest.approx(a * b / ((a + b) * (a + b + 1)) / 4, rel=1e-12)


def test_parts_are_those_of_simulated_problems():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 1.0, 200_000)
    value = pass_at_k(np.full(p.size, 8), rng.binomial(8, p), [4])[:, 0]
    true = 1 - (1 - p) ** 4
    between, within = variance_parts(8, 4, SCORE)
    assert between == pytest.approx(true.var(), rel=0.01)
    assert within == pytest.approx(np.mean((value - true) ** 2), rel=0.02)


def test_parts_of_a_difference_are_twice_those_of_a_score_less_what_is_shared():
    score, pair = variance_parts(8, 4, SCORE), variance_parts(8, 4, PAIR)
    assert pair[0] == pytest.approx(2 * 0.2 * score[0])
    assert pair[1] == pytest.approx(2 * score[1])


def test_mde_is_the_formula():
    between, within = variance_parts(8, 4, PAIR)
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    expected = quantiles * np.sqrt((between + within) / 200)
    assert power(200, 8, 4, PAIR) == pytest.approx(expected, rel=1e-12)
    assert power(200, 8, 4, PAIR, fixed=True) == pytest.approx(
        quantiles * np.sqrt(within / 200), rel=1e-12
    )


def test_a_difference_of_the_mde_is_seen_as_often_as_said():
    """Two models with independent problems, a law of equal problems: a plain z test."""
    law = DifficultyLaw(BetaBinomial(300.0, 300.0), 0.0)
    mde = power(300, 4, 1, law)
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(2000):
        d = rng.binomial(4, 0.5 + mde / 2, 300) / 4 - rng.binomial(4, 0.5 - mde / 2, 300) / 4
        seen += abs(d.mean()) > 1.96 * d.std(ddof=1) / 300**0.5
    assert seen / 2000 == pytest.approx(0.8, abs=0.03)


def test_n_equal_to_k_is_the_worst_design():
    mdes = [power(200, n, 8, PAIR) for n in (8, 16, 32, 64)]
    assert mdes == sorted(mdes, reverse=True)
    assert mdes[0] / mdes[1] > 1.1 * mdes[1] / mdes[2] > 1.1


def test_plan_is_the_cheapest_of_all_designs_that_suffice():
    found = plan(0.05, 1, PAIR, cost_problem=20.0, cost_sample=1.0)
    assert found.mde <= 0.05
    assert found.mde == pytest.approx(power(found.m, found.n, 1, PAIR), rel=1e-12)
    assert power(found.m - 1, found.n, 1, PAIR) > 0.05
    for n in range(2, 200):
        between, within = variance_parts(n, 1, PAIR)
        m = np.ceil((between + within) * (power(1, n, 1, PAIR) ** 2 / (between + within)) / 0.05**2)
        assert found.cost <= 1.02 * m * (20 + 2 * n)


def test_plan_is_near_the_closed_form_for_one_completion():
    found = plan(0.02, 1, PAIR, cost_problem=400.0, cost_sample=1.0)
    between, within = variance_parts(1, 1, PAIR)
    assert found.n == pytest.approx(np.sqrt(400 / 2 * within / between), rel=0.2)


def test_plan_takes_more_completions_where_problems_are_few_or_dear():
    free = plan(0.05, 4, PAIR)
    assert free.n == 8
    assert plan(0.05, 4, PAIR, cost_problem=1000).n > free.n
    few = plan(0.05, 4, PAIR, most_problems=int(0.85 * free.m))
    assert few.n > free.n
    assert few.m <= 0.85 * free.m


def test_plan_says_what_the_problems_at_hand_can_see_at_best():
    with pytest.raises(ValueError, match=r"'mde' .* at least 0\.\d+ for 20 problems at k=1"):
        plan(0.01, 1, PAIR, most_problems=20)


@pytest.mark.parametrize("mde", [1e-5, 1e-9, 1e-200])
def test_a_difference_that_takes_more_problems_than_there_are_is_refused(mde):
    with pytest.raises(ValueError, match=r"'mde' .* at least 0\.\d+ for 100000 problems"):
        plan(mde, 1, PAIR)
    with pytest.raises(ValueError, match=r"'mde' .* at least 0\.\d+ for 100000 problems"):
        plan(mde, 1, PAIR, most_problems=10**9)


def test_a_plan_has_no_fewer_problems_than_the_normal_law_needs():
    alike = DifficultyLaw(BetaBinomial(4000.0, 4000.0), 1.0)
    found = plan(0.45, 1, alike)
    assert found.m == 15
    assert found.mde < 0.45
    assert plan(0.45, 1, alike, most_problems=8, cost_problem=1e6).m == 8


def test_a_difference_that_no_score_can_have_is_refused():
    with pytest.raises(
        ValueError, match=r"'mde' .* at most 0\.6667, for a score of 0\.3333 at k=1"
    ):
        plan(0.7, 1, PAIR)


@pytest.mark.parametrize("mde", [1e-200, 0.05])
def test_nothing_is_planned_at_a_k_where_every_problem_is_solved(mde):
    with pytest.raises(ValueError, match=r"'k' .*Got 1000, at which the law's pass@k is 1 "):
        plan(mde, 1000, DifficultyLaw(BetaBinomial(4000.0, 4000.0)))


@pytest.mark.parametrize("k", [1, 3, 1000])
def test_mean_pass_at_k_is_the_moment_of_the_law(k):
    assert mean_pass_at_k(k, PAIR) == pytest.approx(
        1 - stats.beta(0.5, 1.0).expect(lambda p: (1 - p) ** k), rel=1e-6
    )


def test_parts_are_finite_and_not_negative_where_every_problem_is_as_good_as_solved():
    for difficulty in (BetaBinomial(7966.0, 33.0), BetaBinomial(4000.0, 4000.0)):
        for k in (1, 100, 1000, 5000):
            parts = variance_parts(2 * k, k, DifficultyLaw(difficulty, None))
            assert all(0 <= part < 0.25 for part in parts)


def test_law_from_counts_is_the_fit():
    rng = np.random.default_rng(0)
    law = law_from_counts(np.full(3000, 16), rng.binomial(16, rng.beta(0.5, 1.0, 3000)))
    assert law.difficulty.alpha == pytest.approx(0.5, rel=0.1)
    assert law.correlation == 0.5


@pytest.mark.parametrize("shared", [0.0, 0.7, 1.0])
def test_law_from_pair_finds_the_correlation_under_the_noise(shared):
    rng = np.random.default_rng(0)
    m = 6000
    p_a, fresh = rng.beta(0.5, 1.0, (2, m))
    p_b = np.where(rng.random(m) < shared, p_a, fresh)
    n = np.full(m, 8)
    law = law_from_pair(n, rng.binomial(n, p_a), n, rng.binomial(n, p_b), 1)
    assert law.correlation == pytest.approx(shared, abs=0.05)
    assert law.difficulty.alpha == pytest.approx(0.5, rel=0.1)


def test_law_from_pair_needs_problems_that_differ_and_noise_that_shows():
    for n, c in (([1] * 9, [0] * 8 + [1]), ([8] * 9, [4] * 9), ([8], [4])):
        with pytest.raises(ValueError, match="tell noise from difficulty"):
            law_from_pair(n, c, n, c, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power(0, 4, 1, PAIR), r"'m' parameter of power .*Got 0"),
        (lambda: power(9, 4, 5, PAIR), r"'n' parameter .* at least k=5"),
        (lambda: power(9, 4, 1, PAIR, level=1.0), r"'level' .*Got 1\.0"),
        (lambda: power(9, 4, 1, PAIR, power=0.0), r"'power' .*Got 0\.0"),
        (lambda: power(9, 4, 1, DifficultyLaw(BetaBinomial(0.0, 1.0))), r"alpha and beta above 0"),
        (lambda: power(9, 4, 1, DifficultyLaw(BetaBinomial(np.nan, 1.0))), r"'alpha' .*Got nan"),
        (lambda: power(9, 4, 1, DifficultyLaw(PAIR.difficulty, 1.5)), r"'correlation' .*Got 1\.5"),
        (lambda: plan(0.0, 1, PAIR), r"'mde' .*Got 0\.0"),
        (lambda: plan(0.1, 1, PAIR, cost_sample=0.0), r"'cost_sample' .*Got 0\.0"),
        (lambda: plan(0.1, 1, PAIR, cost_problem=-1.0), r"'cost_problem' .*Got -1\.0"),
        (lambda: plan(0.1, 1, PAIR, most_problems=0), r"'most_problems' .*Got 0"),
        (lambda: law_from_counts([4], [5]), r"'c' .* at most 'n'"),
        (lambda: holm([0.1, np.nan]), r"'p' parameter of holm .*Got nan at index 1"),
        (lambda: holm([0.1, 1.1]), r"'p' parameter of holm .*Got 1\.1"),
        (lambda: benjamini_hochberg([[0.1]]), r"'p' parameter of benjamini_hochberg .*\(1, 1\)"),
        (lambda: benjamini_hochberg(["0.1"]), r"dtype <U3"),
    ],
)
def test_impossible_input_raises_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_holm_is_the_closed_test_by_bonferroni():
    """A hypothesis is rejected if every set that it is in is, at the set's own size."""
    for p in itertools.product((0.001, 0.012, 0.02, 0.3, 1.0), repeat=3):
        for i in range(3):
            others = [j for j in range(3) if j != i]
            sets = [
                (i, *rest) for size in range(3) for rest in itertools.combinations(others, size)
            ]
            closed = max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets)
            assert holm(p)[i] == pytest.approx(closed, rel=1e-12)


def test_benjamini_hochberg_equals_scipys():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 50):
        p = rng.random(size) ** 3
        np.testing.assert_allclose(
            benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12
        )


def test_adjusting_nothing_gives_nothing():
    assert holm([]).size == benjamini_hochberg([]).size == 0
