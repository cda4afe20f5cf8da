"""Students of several seeds: differences, the variance between seeds, crossings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reasonbench.stats import benchmark_pass_at_k, compare_paired, pass_at_k
from reasonbench.stats.seed_crossing import crossing_seeds
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import compare_seeds, estimate_seeds

KS = [1, 4, 16]


def world(m=60, seeds=2, n=16, move=0.0, seed=0):
    """Counts of a base and of a student of several seeds, whose logits seeds move."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, m)
    base = rng.binomial(n, 1 / (1 + np.exp(-logit)))
    moved = logit + 0.3 + rng.normal(0, move, (seeds, 1)) + rng.normal(0, 0.5, (seeds, m))
    arm = rng.binomial(n, 1 / (1 + np.exp(-moved)))
    return Student(np.full(m, n), base), Student(np.full((seeds, m), n), arm)


def test_delta_is_the_mean_over_problems_of_the_seeds_mean_less_the_base():
    base, arm = Student([4, 4, 4], [0, 2, 4]), Student([[4] * 3, [4] * 3], [[2, 2, 4], [0, 4, 4]])
    found = compare_seeds(base, arm, [1])
    # (.25, .75, 1) less (0, .5, 1), and by seed (.5, .5, 1) and (0, 1, 1) less the same.
    assert found.value == pytest.approx([1 / 6])
    np.testing.assert_allclose(found.by_seed, [[1 / 6], [1 / 6]])


def test_variance_between_seeds_is_that_of_their_means_less_the_interaction():
    # Shares of the seeds: (0, .5, 1, .5) and (.5, 1, 1, .5): means .5 and .75.
    student = Student([[4] * 4] * 2, [[0, 2, 4, 2], [2, 4, 4, 2]])
    found = seed_variance([student], [1])
    between = 2 * 0.125**2
    # Residuals of the two-way layout: +-.125 in every cell.
    interaction = 8 * 0.125**2 / 3
    assert found.observed == pytest.approx([between])
    assert found.value == pytest.approx([between - interaction / 4])
    assert found.freedom == pytest.approx([1])


def test_variances_between_seeds_are_pooled_by_their_degrees_of_freedom():
    two, three = world(seeds=2, move=0.5)[1], world(seeds=3, move=0.5, seed=1)[1]
    one = world(seeds=1, seed=2)[1]
    apart = [seed_variance([x], KS) for x in (two, three)]
    both = seed_variance([two, one, three], KS)
    assert both.freedom.tolist() == [3, 3, 3]
    np.testing.assert_allclose(both.observed, (apart[0].observed + 2 * apart[1].observed) / 3)
    assert both.contrasts.shape == (3, 3)


def test_variance_of_differences_of_paired_seeds_has_no_part_that_the_pairs_share():
    n = np.full((3, 40), 16)
    rng = np.random.default_rng(0)
    p = np.clip(rng.beta(2, 2, 40) * np.array([[0.3], [0.6], [0.9]]), 0, 1)
    a, b = (Student(n, rng.binomial(16, p)) for _ in range(2))
    alone = seed_variance([a, b], [1]).value[0]
    assert seed_variance([b], [1], against=[a]).value[0] < 0.05 * alone


def test_without_seeds_the_interval_is_that_of_compare_paired():
    base, arm = world()
    one = Student(np.asarray(arm.n)[0], np.asarray(arm.c)[0])
    found = compare_seeds(base, one, KS)
    known = compare_paired(*base, *one, KS)
    assert found.method == known.method == ("t", "t", "gaffke")
    np.testing.assert_allclose(found.interval.low[:2], known.interval.low[:2], rtol=1e-9)
    np.testing.assert_allclose(found.interval.high, known.interval.high, rtol=1e-2)
    assert found.seeds_known
    assert found.by_seed.shape == (0, 3)


def test_a_model_without_seeds_has_the_benchmarks_interval_for_other_problems():
    base, _ = world()
    found = estimate_seeds(base, KS)
    known = benchmark_pass_at_k(*base, KS, anchor=0.5)
    np.testing.assert_allclose(found.value, known.estimate)
    np.testing.assert_allclose(found.interval, known.superpopulation, rtol=1e-6)


def test_half_widths_of_problems_and_seeds_are_added_in_squares():
    base, arm = world(move=0.5)
    found = compare_seeds(base, arm, [1])
    x = pass_at_k(np.full(120, 16), np.asarray(arm.c).reshape(-1), [1])[:, 0].reshape(2, -1)
    d = x.mean(axis=0) - pass_at_k(*base, [1])[:, 0]
    problems = stats.t.ppf(0.975, 59) * d.std(ddof=1) / 60**0.5
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    seeds = x.mean(axis=1).var(ddof=1) - (rest**2).sum() / 59 / 60
    half = np.hypot(problems, stats.t.ppf(0.975, 1) * (seeds / 2) ** 0.5)
    assert found.seeds_part == pytest.approx([seeds / 2])
    low, high = d.mean() - half, d.mean() + half
    assert [*found.interval.low, *found.interval.high] == pytest.approx(
        [max(low, -1), min(high, 1)]
    )


def test_one_seed_everywhere_leaves_the_seeds_part_unknown_and_says_so():
    base, arm = world(seeds=1)
    found = compare_seeds(base, arm, KS)
    assert np.isnan(found.seeds_part).all()
    assert not found.seeds_known
    pooled = compare_seeds(base, arm, KS, seeds=seed_variance([world(move=0.5)[1]], KS))
    assert pooled.seeds_known
    assert pooled.interval.low[0] < found.interval.low[0]


def test_few_differing_problems_get_gaffkes_bounds():
    n, c = np.full(50, 8), np.full(50, 8)
    changed = c.copy()
    changed[:3] = 0
    found = compare_seeds(Student(n, c), Student([n, n], [changed, changed]), [1, 8])
    assert found.method == ("gaffke", "gaffke")
    assert np.all(found.interval.high > -0.06)
    assert np.all(found.interval.low < -0.06)
    same = compare_seeds(Student(n, c), Student([n, n], [c, c]), [1, 8])
    assert same.value.tolist() == [0, 0]
    assert np.all(same.interval.low < 0)
    assert np.all(same.interval.high > 0)


def test_a_problem_counts_only_where_every_seed_has_enough_completions():
    base = Student([4, 4, 4], [1, 2, 3])
    arm = Student([[4, 4, 4], [4, 1, 0]], [[2, 2, 2], [2, 1, 0]])
    found = compare_seeds(base, arm, [1, 4])
    assert found.undefined.tolist() == [1, 2]
    assert found.value[1] == pytest.approx(0)
    assert found.n_problems == 3


def test_problems_of_a_cluster_widen_the_interval():
    base, arm = world()
    twice = [Student(np.tile(s.n, 2), np.tile(s.c, 2)) for s in (base, arm)]
    plain = compare_seeds(*twice, [1])
    labelled = compare_seeds(*twice, [1], clusters=np.tile(np.arange(60), 2))
    single = compare_seeds(base, arm, [1])
    assert labelled.problems_part[0] == pytest.approx(single.problems_part[0])
    assert plain.problems_part[0] < 0.6 * single.problems_part[0]


def test_crossing_is_where_the_mean_curves_cross_and_lies_within_its_bounds():
    n = np.full(40, 16)
    base, arm = np.full(40, 2), np.where(np.arange(40) < 20, 0, 12)
    found = crossing_seeds(Student(n, base), Student([n, n], [arm, arm]), 16)
    ks = np.arange(1, 17)
    delta = 0.5 * pass_at_k([16], [12], ks)[0] - pass_at_k([16], [2], ks)[0]
    after = int(np.argmax(delta <= 0))
    assert after > 0
    assert ks[after - 1] <= found.k <= ks[after]
    assert found.low <= found.k <= found.high


def test_seeds_that_differ_widen_the_crossing():
    n = np.full(60, 16)
    rng = np.random.default_rng(1)
    base = rng.binomial(16, 0.12, 60)
    arm = np.where(np.arange(60) < 30, 0, 6)
    alike = Student([n, n], [arm, arm])
    other = Student([n, n], [arm, np.where(arm > 0, 10, 0)])
    narrow = crossing_seeds(Student(n, base), alike, 16)
    wide = crossing_seeds(Student(n, base), alike, 16, pool=[other, alike])
    assert (wide.low, wide.high or 99) < (narrow.low, 99) or wide.high != narrow.high
    assert wide.low <= narrow.low


def test_a_student_that_is_never_better_crosses_at_1_and_one_that_always_is_never():
    n = np.full(30, 8)
    low, high = Student(n, np.full(30, 2)), Student([n], [np.full(30, 4)])
    assert crossing_seeds(low, high, 4).k is None
    flipped = crossing_seeds(Student(n, np.full(30, 4)), Student([n], [np.full(30, 2)]), 4)
    assert flipped.k == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: compare_seeds(Student([1], [1]), Student([1, 1], [1, 1]), [1]), "same problems"),
        (lambda: compare_seeds(Student([1], [2]), Student([1], [1]), [1]), "at most"),
        (lambda: estimate_seeds(Student([[[1]]], [[[1]]]), [1]), "shape"),
        (lambda: estimate_seeds(Student([], []), [1]), "at least one entry"),
        (lambda: estimate_seeds(Student([1], [1]), [0]), ">= 1"),
        (lambda: estimate_seeds(Student([1], [1]), [1], level=1.0), "level"),
        (lambda: seed_variance([Student([1], [1])], [1], against=[]), "'against'"),
        (
            lambda: seed_variance(
                [Student([[1], [1]], [[1], [1]])], [1], against=[Student([[1]], [[1]])]
            ),
            "one shape",
        ),
        (
            lambda: estimate_seeds(
                Student([1], [1]), [1], seeds=seed_variance([Student([1], [1])], [1, 2])
            ),
            "same ks",
        ),
        (lambda: crossing_seeds(Student([1], [1]), Student([1], [1]), 2), "at most n"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_intervals_of_two_seeds_cover_with_pooling():
    """A small version of ``benchmarks/study_coverage.py``: 60 studies of 5 arms."""
    rng = np.random.default_rng(4)
    m, n, ks = 96, 16, np.array([1, 16])
    held = []
    for _ in range(60):
        logit = rng.normal(-1.5, 1.5, m)

        def drawn(logits):
            return rng.binomial(n, 1 / (1 + np.exp(-logits)))

        base = Student(np.full(m, n), drawn(logit + rng.normal(0, 0.4, m)))
        arms = [
            Student(
                np.full((2, m), n),
                drawn(
                    logit
                    + rng.normal(0, 0.4, m)
                    + rng.normal(0, 0.2, (2, 1))
                    + rng.normal(0, 0.3, (2, m))
                ),
            )
            for _ in range(5)
        ]
        pooled = seed_variance(arms, ks)
        for arm in arms:
            low, high = compare_seeds(base, arm, ks, seeds=pooled, draws=1000).interval
            held.append((low <= 0) & (high >= 0))
    covered = np.mean(held, axis=0)
    # The base's draw is shared by 5 arms, so the 300 intervals count for fewer.
    assert np.all(covered > 0.90)
    assert np.all(covered < 0.995)
