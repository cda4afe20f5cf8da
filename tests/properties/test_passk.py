"""pass@k of single problems, for every small case and for random large ones."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import pass_at_k, unbiased_variance, variance_given_p

ROUNDING = 4e-16

unhurried = settings(deadline=None)


@st.composite
def counts(draw, largest=3000):
    n = draw(st.integers(1, largest))
    return n, draw(st.integers(0, n))


def test_equals_enumeration_over_all_subsets_for_small_n():
    for n in range(1, 9):
        for c in range(n + 1):
            correct = [i < c for i in range(n)]
            for k in range(1, n + 1):
                subsets = [any(chosen) for chosen in itertools.combinations(correct, k)]
                expected = sum(subsets) / len(subsets)
                assert abs(pass_at_k([n], [c], [k])[0, 0] - expected) <= ROUNDING


@given(counts())
@unhurried
def test_is_a_probability_and_never_falls_as_k_grows(case):
    n, c = case
    curve = pass_at_k([n], [c], np.arange(1, n + 1))[0]
    assert np.all((curve >= 0) & (curve <= 1))
    assert np.all(np.diff(curve) >= -ROUNDING)


@given(st.integers(1, 400), st.data())
@unhurried
def test_never_falls_as_c_grows(n, data):
    k = data.draw(st.integers(1, n))
    values = pass_at_k(np.full(n + 1, n), np.arange(n + 1), [k])[:, 0]
    assert values[0] == 0
    assert values[-1] == 1
    assert np.all(np.diff(values) >= -ROUNDING)


@given(st.integers(1, 3000), st.data())
@unhurried
def test_is_symmetric_in_c_and_k(n, data):
    c = data.draw(st.integers(1, n))
    k = data.draw(st.integers(1, n))
    one, other = pass_at_k([n, n], [c, k], [k, c])[[0, 1], [0, 1]]
    assert abs(one - other) <= ROUNDING


@given(counts(), st.data())
@unhurried
def test_does_not_depend_on_the_other_ks_or_problems(case, data):
    n, c = case
    k = data.draw(st.integers(1, n))
    alone = pass_at_k([n], [c], [k])[0, 0]
    among = pass_at_k([7, n, n], [3, c, n], np.arange(1, n + 1))[1, k - 1]
    assert abs(alone - among) <= ROUNDING


@given(counts(largest=500), st.data())
@unhurried
def test_k_above_n_is_always_nan(case, data):
    n, c = case
    k = data.draw(st.integers(n + 1, 2 * n + 10))
    assert np.isnan(pass_at_k([n], [c], [k])[0, 0])


@given(counts(largest=300), st.data())
@unhurried
def test_variances_are_never_negative_nor_above_a_quarter(case, data):
    n, c = case
    k = data.draw(st.integers(1, n))
    known = variance_given_p(n, k, c / n)
    assert 0 <= known <= 0.25
    estimated = unbiased_variance([n], [c], [k])[0, 0]
    assert np.isnan(estimated) if 2 * k > n else 0 <= estimated <= 1
