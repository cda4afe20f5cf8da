"""Students of several seeds, over random counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import pass_at_k
from reasonbench.stats.seed_crossing import crossing_seeds
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import compare_seeds, estimate_seeds

DRAWS = 1000
KS = [1, 2, 5, 8]

unhurried = settings(deadline=None, max_examples=40)


@st.composite
def students(draw, most_problems=25, largest=8, least_seeds=1):
    """A base and a student of a few seeds; a first problem has all completions."""
    m = draw(st.integers(1, most_problems))
    seeds = draw(st.integers(least_seeds, 3))
    n = np.array(
        [
            [largest, *draw(st.lists(st.integers(0, largest), min_size=m - 1, max_size=m - 1))]
            for _ in range(seeds + 1)
        ]
    )
    c = np.array([[draw(st.integers(0, int(x))) for x in row] for row in n])
    return Student(n[0], c[0]), Student(n[1:], c[1:])


def compare(a, b, **options):
    return compare_seeds(a, b, KS, draws=DRAWS, **options)


def close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-9)


@given(students(), st.sampled_from([0.5, 0.8, 0.95]))
@unhurried
def test_intervals_contain_their_values_stay_in_range_and_have_a_width(pair, level):
    for found, least in (
        (compare(*pair, level=level), -1),
        (estimate_seeds(pair[1], KS, level=level, draws=DRAWS), 0),
    ):
        low, high = found.interval
        there = ~np.isnan(found.value)
        assert there[0]
        np.testing.assert_array_equal(there, ~np.isnan(low))
        assert np.all((low >= least)[there])
        assert np.all((high <= 1)[there])
        assert np.all((low <= found.value + 1e-12)[there])
        assert np.all((high >= found.value - 1e-12)[there])
        assert np.all((low < high)[there])


@given(students(), st.randoms(use_true_random=False))
@unhurried
def test_order_of_problems_and_of_seeds_does_not_matter(pair, random):
    base, arm = pair
    problems, seeds = list(range(len(base.n))), list(range(len(arm.n)))
    random.shuffle(problems)
    random.shuffle(seeds)
    moved = (
        Student(base.n[problems], base.c[problems]),
        Student(arm.n[seeds][:, problems], arm.c[seeds][:, problems]),
    )
    one, other = compare(*pair), compare(*moved)
    for name in ("value", "interval", "problems_part", "seeds_part", "undefined"):
        close(getattr(one, name), getattr(other, name))
    close(one.by_seed[seeds], other.by_seed)
    assert one.method == other.method
    close(
        np.array(crossing_seeds(*pair, 8), dtype=float)[:1],
        np.array(crossing_seeds(*moved, 8), dtype=float)[:1],
    )


@given(students())
@unhurried
def test_swapping_the_sides_negates(pair):
    one, other = compare(*pair), compare(*pair[::-1])
    close(one.value, -other.value)
    close(one.interval.low, -other.interval.high)
    close(one.interval.high, -other.interval.low)


@given(students())
@unhurried
def test_a_student_whose_seeds_all_are_the_base_has_no_difference(pair):
    base, _ = pair
    found = compare(base, Student(np.stack([base.n] * 2), np.stack([base.c] * 2)))
    there = ~np.isnan(found.value)
    assert np.all(found.value[there] == 0)
    assert np.all(found.interval.low[there] < 0)
    assert np.all(found.interval.high[there] > 0)


@given(students())
@unhurried
def test_value_is_the_mean_of_the_seeds_own(pair):
    found = estimate_seeds(pair[1], KS, draws=DRAWS)
    close(found.value, found.by_seed.mean(axis=0))
    x = pass_at_k(pair[1].n.reshape(-1), pair[1].c.reshape(-1), KS).reshape(len(pair[1].n), -1, 4)
    there = ~np.isnan(x).any(axis=0)
    assert (len(x[0]) - there.sum(axis=0)).tolist() == found.undefined.tolist()


@given(students(least_seeds=2), students(least_seeds=2))
@unhurried
def test_what_seeds_add_never_narrows_and_is_never_below_0(pair, other):
    seeds = seed_variance([pair[1], other[1]], KS)
    there = ~np.isnan(seeds.value)
    assert np.all(seeds.value[there] >= 0)
    assert np.all(seeds.value[there] <= seeds.observed[there])
    flat = [Student(s.n[0], s.c[0]) for s in (pair[1],)]
    plain = compare(pair[0], flat[0])
    wider = compare(pair[0], Student(pair[1].n[:1], pair[1].c[:1]), seeds=seeds)
    assert np.all((wider.interval.low <= plain.interval.low + 1e-12)[there])
    assert np.all((wider.interval.high >= plain.interval.high - 1e-12)[there])


@given(students(), st.integers(2, 8))
@unhurried
def test_a_crossing_lies_within_its_bounds(pair, k):
    found = crossing_seeds(*pair, k, resamples=50)
    point, low, high = (np.inf if x is None else x for x in found)
    assert 1 <= low <= point <= high
    assert point <= k or point == np.inf
