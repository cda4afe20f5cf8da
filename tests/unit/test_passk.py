"""pass@k of single problems: reference values, edge rules, errors."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from reasonbench.stats import pass_at_k, unbiased_variance, variance_given_p
from reasonbench.stats.passk import mean_variance

REFERENCE = [
    (6, 3, 1, 0.5),
    (64, 63, 1, 0.984375),
    (8, 3, 5, 0.98214285714285714),
    (64, 2, 64, 1.0),
    (10, 1, 9, 0.9),
    (100, 3, 50, 0.87878787878787879),
    (10, 1, 10, 1.0),
    (200, 10, 100, 0.99922897393728215),
    (16, 1, 8, 0.5),
    (10000, 3, 4096, 0.79424583444141574),
    (10000, 1, 5000, 0.5),
    (10000, 17, 100, 0.1571727250825684),
    (3720320, 1733, 10000, 0.99058603211754908),
]


def exact_pass_at_k(n, c, k):
    return 1 - Fraction(math.comb(n - c, k), math.comb(n, k))


def exact_variance(n, k, p):
    """Variance of the estimate over the binomial law of c, in rationals."""
    chance = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    value = [exact_pass_at_k(n, c, k) for c in range(n + 1)]
    mean = sum(w * v for w, v in zip(chance, value, strict=True))
    return sum(w * v * v for w, v in zip(chance, value, strict=True)) - mean**2


@pytest.mark.parametrize(("n", "c", "k", "value"), REFERENCE)
def test_equals_the_reference_value(n, c, k, value):
    assert pass_at_k([n], [c], [k])[0, 0] == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize(("n", "c"), [(64, 5), (300, 7), (1000, 1), (10_000, 17), (10_000, 9_000)])
def test_whole_curve_equals_rationals_to_the_last_digits(n, c):
    ks = [1, 2, 3, c, n // 100 + 1, n // 10, n // 3, n // 2, n - c]
    curve = pass_at_k([n], [c], np.arange(1, n + 1))[0]
    for k in ks:
        exact = float(exact_pass_at_k(n, c, k))
        assert curve[k - 1] == pytest.approx(exact, rel=2e-15, abs=0)
        assert pass_at_k([n], [c], [k])[0, 0] == pytest.approx(exact, rel=2e-15, abs=0)


def test_pass_at_1_is_the_share_of_correct_completions():
    n = np.array([1, 3, 7, 64, 1000])
    c = np.array([1, 2, 3, 63, 999])
    np.testing.assert_allclose(pass_at_k(n, c, [1])[:, 0], c / n, rtol=1e-15)


@pytest.mark.parametrize("c", [0, 1, 5])
def test_k_above_n_is_nan_for_every_c(c):
    np.testing.assert_array_equal(np.isnan(pass_at_k([5], [c], [5, 6, 256])), [[0, 1, 1]])


def test_nothing_solved_is_exactly_positive_zero():
    curve = pass_at_k([64], [0], np.arange(1, 65))
    assert np.all(curve == 0)
    assert not np.any(np.signbit(curve))


def test_too_few_wrong_completions_for_k_is_exactly_one():
    np.testing.assert_array_equal(pass_at_k([10, 10], [4, 10], [7, 8, 10]), np.ones((2, 3)))


def test_missing_problem_is_nan_at_every_k():
    assert np.all(np.isnan(pass_at_k([0, 4], [0, 2], [1, 2])[0]))


def test_shape_is_problems_by_ks_in_the_order_given():
    values = pass_at_k([4, 8, 4], [1, 2, 3], [4, 1])
    assert values.shape == (3, 2)
    np.testing.assert_allclose(values, [[1, 0.25], [11 / 14, 0.25], [1, 0.75]], rtol=1e-15)
    assert pass_at_k([], [], [1, 2]).shape == (0, 2)
    assert pass_at_k([4], [1], []).shape == (1, 0)


def test_counts_may_be_whole_numbers_of_any_numeric_type():
    expected = pass_at_k([4, 8], [1, 2], [2])
    for dtype in (np.uint8, np.int32, np.uint64, np.float32):
        found = pass_at_k(np.array([4, 8], dtype), np.array([1, 2], dtype), np.array([2], dtype))
        np.testing.assert_array_equal(found, expected)


def test_huge_counts_cost_no_more_than_the_terms_that_matter():
    values = pass_at_k([2**50, 2**50], [2**49, 3], [1, 2**49])
    np.testing.assert_allclose(values[0], [0.5, 1.0], rtol=1e-15)
    np.testing.assert_allclose(values[1], [3 / 2**50, 0.875], rtol=1e-15)


@pytest.mark.parametrize(
    ("n", "c", "ks", "message"),
    [
        ([4], [5], [1], r"'c' parameter of pass_at_k must be at most 'n'.*Got c=5 with n=4"),
        ([4], [-1], [1], r"'c' parameter .* integers >= 0.*Got -1 at index 0"),
        ([4, -2], [1, 1], [1], r"'n' parameter .*Got -2 at index 1"),
        ([4], [1], [0], r"'ks' parameter .* integers >= 1.*Got 0 at index 0"),
        ([4], [1.5], [1], r"'c' parameter .*Got 1\.5 at index 0"),
        ([4], [1], [1.5], r"'ks' parameter .*Got 1\.5"),
        ([np.nan], [1], [1], r"'n' parameter .*Got nan"),
        ([np.inf], [1], [1], r"'n' parameter .*Got inf"),
        ([4], [np.nan], [1], r"'c' parameter .*Got nan"),
        ([4], [1], [np.nan], r"'ks' parameter .*Got nan"),
        ([4, 4], [1], [1], r"one entry for each problem\. Got 2 and 1"),
        (4, [1], [1], r"1-D array .*Got an array of shape \(\)"),
        ([[4]], [[1]], [1], r"Got an array of shape \(1, 1\)"),
        ([4], [1], 1, r"'ks' parameter .*Got an array of shape \(\)"),
        (["4"], [1], [1], r"Got an array of dtype <U1"),
        ([4], [True], [1], r"Got an array of dtype bool"),
        ([None], [1], [1], r"Got an array of dtype object"),
        ([2.0**60], [1], [1], r"Got 1\.15.* at index 0"),
    ],
)
def test_impossible_counts_raise_value_error(n, c, ks, message):
    with pytest.raises(ValueError, match=message):
        pass_at_k(n, c, ks)


def test_variance_equals_the_reference_values():
    assert variance_given_p(4, 2, 0.5) == pytest.approx(0.072916666666666667, rel=1e-14)
    assert unbiased_variance([16], [5], [4])[0, 0] == pytest.approx(0.020055951374632693, rel=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 9, 16])
def test_variance_given_p_equals_rationals(n):
    for k in range(1, n + 1):
        for p in (Fraction(1, 1024), Fraction(1, 4), Fraction(1, 2), Fraction(31, 32)):
            exact = float(exact_variance(n, k, p))
            assert variance_given_p(n, k, float(p)) == pytest.approx(exact, rel=1e-12)


def test_variance_given_p_is_zero_where_nothing_varies():
    np.testing.assert_array_equal(variance_given_p(8, 3, [0.0, 1.0]), [0.0, 0.0])


def test_variance_of_pass_at_1_is_binomial_at_any_n():
    p = np.array([1e-12, 1e-3, 0.5, 1 - 2.0**-40])
    for n in (2, 64, 10_000, 3_720_320):
        np.testing.assert_allclose(variance_given_p(n, 1, p), p * (1 - p) / n, rtol=1e-10)


def test_variance_at_large_n_keeps_its_digits():
    n, k, p = 2_000, 700, Fraction(1, 1024)
    h = [Fraction(math.comb(k, j) * math.comb(n - k, k - j), math.comb(n, k)) for j in range(k + 1)]
    q = 1 - p
    exact = sum(w * q ** (2 * k - j) for j, w in enumerate(h)) - q ** (2 * k)
    assert variance_given_p(n, k, float(p)) == pytest.approx(float(exact), rel=1e-11)


@pytest.mark.parametrize(("n", "k", "p"), [(2, 3, 0.5), (4, 0, 0.5), (4, 2, 1.5), (4, 2, np.nan)])
def test_impossible_variance_raises_value_error(n, k, p):
    with pytest.raises(ValueError, match="variance_given_p"):
        variance_given_p(n, k, p)


@pytest.mark.parametrize(("n", "k"), [(2, 1), (9, 1), (9, 4), (16, 4), (16, 8), (17, 3)])
def test_unbiased_variance_equals_rationals(n, k):
    c = np.arange(n + 1)
    found = unbiased_variance(np.full(n + 1, n), c, [k])[:, 0]
    for i in range(n + 1):
        exact = (1 - exact_pass_at_k(n, i, k)) ** 2 - (1 - exact_pass_at_k(n, i, 2 * k))
        assert found[i] == pytest.approx(float(exact), rel=1e-13, abs=1e-300)


def test_unbiased_variance_is_unbiased():
    n, k, p = 12, 4, Fraction(1, 8)
    estimates = unbiased_variance(np.full(n + 1, n), np.arange(n + 1), [k])[:, 0]
    chance = [float(math.comb(n, c) * p**c * (1 - p) ** (n - c)) for c in range(n + 1)]
    assert estimates @ chance == pytest.approx(float(exact_variance(n, k, p)), rel=1e-13)


def test_unbiased_variance_does_not_exist_below_2k():
    np.testing.assert_array_equal(np.isnan(unbiased_variance([7, 8], [2, 2], [4])), [[1], [0]])


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (3, 5), (1, 400), (400, 1)])
@pytest.mark.parametrize(("n", "k"), [(4, 1), (4, 2), (4, 4), (12, 5), (12, 11)])
def test_mean_variance_equals_rational_beta_moments(alpha, beta, n, k):
    def moment(r):
        return math.prod(
            (Fraction(beta + i, alpha + beta + i) for i in range(r)), start=Fraction(1)
        )

    exact = sum(
        Fraction(math.comb(k, j) * math.comb(n - k, k - j), math.comb(n, k))
        * (moment(2 * k - j) - moment(2 * k))
        for j in range(k + 1)
        if k - j <= n - k
    )
    found = mean_variance(n, np.array([k]), np.array([float(alpha)]), np.array([float(beta)]))
    assert found[0, 0] == pytest.approx(float(exact), rel=1e-12)


def test_mean_variance_tends_to_the_variance_at_p_as_the_law_narrows():
    narrow = mean_variance(64, np.array([1, 8, 64]), np.array([3e11]), np.array([7e11]))[0]
    expected = [float(variance_given_p(64, k, 0.3)) for k in (1, 8, 64)]
    np.testing.assert_allclose(narrow, expected, rtol=1e-8)
