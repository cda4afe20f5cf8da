"""When an output or a value is the expected one."""

import decimal
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.graders.code_compare import text_difference, value_difference
from reasonbench.graders.code_tests import Checker
from reasonbench.sandbox import Opaque

EXACT = Checker()


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("3\n", "3", True),
        ("1 2\n3\n", "1  2 \n3\n\n", True),
        ("1 2\n", "1\n2\n", False),
        ("1\n\n2", "1\n2", False),
        ("1\r\n2", "1\n2", True),
        ("10", "010", False),
        ("1000", "1_000", False),
        ("7", "\uff17", False),
        ("0.5", "0.50", False),
        ("1000001", "1000000", False),
        ("1\n2\n3", "1", False),
        ("", "", True),
        ("", "x", False),
        ("é", "é", True),
    ],
)
def test_output_is_compared_by_tokens_and_lines(expected, got, same):
    assert (text_difference(expected.encode(), got.encode(), EXACT) is None) is same


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("0.5", "0.5000000001", True),
        ("1e3", "1000", True),
        ("2000000.0", "2000001", True),
        ("0.5", "0.50001", False),
        ("0.5", "nan", False),
        ("0.5", "5_0e-2", False),
        ("0.5", "\uff10.5", False),
        ("1e999", "1e999", True),
        ("1e999", "inf", False),
        ("1.5 7", "1.5 7.0", False),
        ("1.5 1000001", "1.5 1000000", False),
        ("nan", "nan", True),
        ("1.0", "1" * 500, False),
    ],
)
def test_a_tolerance_is_for_tokens_that_are_expected_as_floats(expected, got, same):
    checker = Checker(tolerance=1e-6)
    assert (text_difference(expected.encode(), got.encode(), checker) is None) is same


def test_lines_and_tokens_in_any_order():
    lines, deep = Checker(kind="unordered"), Checker(kind="unordered_deep")
    assert text_difference(b"a b\nc", b"c\na b\n", lines) is None
    assert text_difference(b"a b\nc", b"c\nb a\n", lines) is not None
    assert text_difference(b"a b\nc", b"c\nb a\n", deep) is None
    assert text_difference(b"a\na\nb", b"a\nb\nb", lines) is not None
    assert "expected the end" in text_difference(b"a", b"a\nb", lines)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ([1, [2]], (1, (2,)), True),
        (1, True, True),
        (2, 2.0, True),
        ("1", 1, False),
        (None, 0, False),
        ({"a": [1]}, {"a": (1,)}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"1": 2}, {1: 2}, False),
        ({1, 2}, frozenset([2, 1]), True),
        ([1, 2], {1, 2}, False),
        ("a", b"a", False),
        (0.3, 0.1 + 0.2, False),
        (math.nan, math.nan, False),
        (1, Opaque("Liar"), False),
        ([1], [Opaque("Liar")], False),
        (1, decimal.Decimal("sNaN"), False),
    ],
)
def test_values_are_compared_as_plain_data(expected, got, same):
    assert (value_difference(expected, got, EXACT) is None) is same


def test_huge_numbers_are_compared_and_not_shown():
    assert value_difference(10**5000, 10**5000, EXACT) is None
    said = value_difference(10**5000, [10**5000], EXACT)
    assert said.startswith("expected <a whole number of 16610 bits>, got ")


def test_a_tolerance_is_for_expected_floats():
    near = Checker(tolerance=1e-6)
    assert value_difference([0.3], [0.1 + 0.2], near) is None
    assert value_difference(2.0, 2, near) is None
    for expected, got in [(1000001, 1000000), (1.0, 1.1), (0.5, math.nan), (0.5, 10**400)]:
        assert value_difference(expected, got, near) is not None


def test_items_in_any_order():
    outer, deep = Checker(kind="unordered"), Checker(kind="unordered_deep")
    assert value_difference([[1, 2], [3]], [(3,), [1, 2]], outer) is None
    assert value_difference([[1, 2], [3]], [[3], [2, 1]], outer) is not None
    assert value_difference([[1, 2], [3]], [[3], [2, 1]], deep) is None
    assert value_difference([None, "a", 1], [1.0, "a", None], outer) is None
    assert value_difference([1, 1, 2], [1, 2, 2], outer) is not None
    assert value_difference([1], Opaque("list"), outer) is not None
    assert value_difference([1], [decimal.Decimal("sNaN")], outer) is not None


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def as_tuples(value):
    if isinstance(value, list):
        return tuple(as_tuples(item) for item in value)
    return value


@given(PLAIN)
def test_a_value_equals_itself_whatever_its_sequences_are(value):
    assert value_difference(value, as_tuples(value), EXACT) is None
    assert value_difference(value, [value], EXACT) is not None


@given(st.lists(PLAIN, max_size=5), st.randoms(use_true_random=False))
def test_a_shuffled_list_is_the_same_in_any_order(items, random):
    shuffled = random.sample(items, len(items))
    assert value_difference(items, shuffled, Checker(kind="unordered")) is None
    assert value_difference(items, [*shuffled, 0], Checker(kind="unordered")) is not None


@given(st.lists(st.lists(st.from_regex(r"[ab1.]{1,3}", fullmatch=True), max_size=3)))
def test_white_space_around_tokens_means_nothing(lines):
    text = "\n".join(" ".join(line) for line in lines)
    loose = "\n".join("\t " + "  ".join(line) + " " for line in lines) + "\n\n"
    assert text_difference(text.encode(), loose.encode(), EXACT) is None
