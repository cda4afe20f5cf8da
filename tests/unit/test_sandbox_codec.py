"""Plain values go through the codec unchanged; nothing else gets in or out."""

import contextlib
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.sandbox.guest import codec
from reasonbench.sandbox.guest.codec import DecodeError, EncodeError, Opaque, dumps, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**60), max_value=10**60)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers()
    | st.fractions()
    | st.decimals(allow_nan=False)
)
keys = st.integers() | st.text() | st.tuples(st.integers(), st.text()) | st.none()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(keys)
        | st.frozensets(keys)
        | st.dictionaries(keys, inner)
    ),
    max_leaves=20,
)


def same(a, b):
    """Equal, of the same types throughout, and NaN like NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and str(a) == str(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, set | frozenset):
        return sorted(map(repr, a)) == sorted(map(repr, b))
    return a == b


class MyInt(int):
    def __add__(self, other):
        return 8


class MyText(str):
    def __str__(self):
        return "y"


class MyList(list):
    def __iter__(self):
        return iter([2])


class Level(IntEnum):
    HIGH = 2


@given(values)
def test_plain_values_come_back_of_the_same_type(value):
    assert same(loads(dumps(value)), value)


@given(st.binary() | st.text().map(str.encode))
def test_bytes_of_a_stranger_are_decoded_or_refused(data):
    with contextlib.suppress(DecodeError):
        loads(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(), inner)
            | st.fixed_dictionaries(
                {"t": st.sampled_from([*"ltsfdbcqmix", "ref", "opaque"]), "v": inner}
            )
        ),
    )
)
def test_forged_trees_are_decoded_or_refused(tree):
    with contextlib.suppress(DecodeError):
        loads(json.dumps(tree).encode())


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (bytearray(b"x"), b"x"),
        (MyInt(7), 7),
        (MyText("x"), "x"),
        (MyList([1]), [1]),
        (Level.HIGH, 2),
        (range(2), (0, 1)),
        (deque([1, 2]), [1, 2]),
        (1 << 330_000, 1 << 330_000),
        (Fraction(1, 3), Fraction(1, 3)),
        (Decimal("1.10"), Decimal("1.10")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_equals_a_plain_value_is_told_as_one(value, plain):
    got = loads(dumps(value))
    assert got == plain
    assert type(got) is type(plain)


def test_a_fraction_is_not_reduced_and_one_that_was_not_equals_nothing():
    forged = loads(b'{"t":"q","v":[14,2]}')
    assert (forged == 7, forged == Fraction(7)) == (False, False)


def test_a_suite_gets_each_kind_as_it_was():
    for value in (
        Counter("aab"), OrderedDict(b=1, a=2), defaultdict(list, a=[1]), deque([1], 3),
        range(3, 9, 2), bytearray(b"x"), date(2020, 1, 2), datetime(2020, 1, 2, 3, tzinfo=UTC),
        timedelta(1, 2, 3),
    ):  # fmt: skip
        got = loads(dumps(value), exact=True)
        assert (got, type(got)) == (value, type(value))
    assert loads(dumps(defaultdict(list)), exact=True)["x"] == []


def test_values_share_the_budget_that_they_are_given():
    budget = codec.Budget(n_nodes=10, n_digits=100)
    tree = codec.parse(dumps([1, 2, 3]))
    assert [codec.decode(tree, budget=budget) for _ in range(2)] == [[1, 2, 3]] * 2
    with pytest.raises(codec.TooLargeError):
        codec.decode(tree, budget=budget)
    digits = codec.Budget(n_digits=100)
    assert codec.decode(codec.parse(dumps(2**300)), budget=digits) == 2**300
    with pytest.raises(codec.TooLargeError):
        codec.decode(codec.parse(dumps(2**300)), budget=digits)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "name", "why"),
    [
        (map(int, []), "map", "type"),
        (object(), "object", "type"),
        (range(10**9), "range", "size"),
        (nested(1000), "list", "depth"),
        (10**100_001, "int", "size"),
        ("x" * (codec.MAX_BYTES + 1), "str", "size"),
        ([[0] * 1000] * 1001, "list", "size"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) and len(value) < 9 else "",
)
def test_what_has_no_plain_form_is_opaque(value, name, why):
    got = loads(dumps(value))
    assert (got.type_name, got.why) == (name, why)


def test_an_opaque_value_equals_nothing():
    opaque = Opaque("int")
    assert [other for other in (opaque, 7, Opaque("int")) if opaque == other] == []


def test_numpy_scalars_are_told_as_pythons():
    numpy = pytest.importorskip("numpy")
    got = loads(dumps([numpy.int64(7), numpy.float64(0.5), numpy.bool_(True)]))
    assert same(got, [7, 0.5, True])
    assert loads(dumps(numpy.arange(4).reshape(2, 2))) == [[0, 1], [2, 3]]
    assert loads(dumps(numpy.arange(3)), exact=True).tolist() == [0, 1, 2]
    assert loads(dumps(numpy.array([object()]))).type_name == "ndarray"


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b"[" + b"[]," * 4_000_000 + b"[]]",
        b"9" * 100,
        b"NaN",
        b'{"t":"i","v":"0x' + b"f" * 100_000 + b'"}',
        b'{"t":"q","v":[1,0]}',
        b'{"t":"s","v":[[]]}',
        b'{"t":"s"}',
        b'{"t":"ref","v":0}',
        b'{"t":"opaque","v":[1,2]}',
        b'{"t":"x","v":"7"}',
        b"",
    ],
    ids=lambda data: data[:12].decode(),
)
def test_attacks_on_the_decoder_are_refused(data):
    with pytest.raises(DecodeError):
        loads(data)


def test_keys_made_to_collide_are_refused_before_they_cost_time():
    forged = [i * (2**61 - 1) for i in range(200_000)]
    tags = ",".join(f'{{"t":"i","v":"{i:#x}"}}' for i in forged)
    for tree in (f'{{"t":"s","v":[{tags}]}}', f'{{"t":"f","v":[{tags}]}}'):
        with pytest.raises(DecodeError, match="collide"):
            loads(tree.encode())


def test_text_full_of_brackets_is_not_mistaken_for_structure():
    value = ["[" * 4_000_000, '"\\'] * 1
    assert loads(dumps(value)) == value


def test_a_value_that_must_be_whole_is_refused_in_words():
    with pytest.raises(EncodeError, match="depth"):
        codec.dumps_whole(nested(1000))
