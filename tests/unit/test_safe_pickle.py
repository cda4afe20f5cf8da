"""Plain pickles are read as they are; of hostile ones nothing is imported, called or expanded.

Every load runs under an audit hook, which Python tells of imports, names looked up by pickle,
code compiled or run, files opened and processes started: there must be none.
"""

import base64
import copyreg
import io
import json
import os
import pickle
import pickletools
import re
import struct
import sys
import time
import zlib
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.tasks import safe_pickle
from reasonbench.tasks.safe_pickle import (
    OversizeError,
    UnsafePickleError,
    inflate,
    loads,
    unpack,
)

FORBIDDEN = ("import", "pickle.find_class", "exec", "compile", "open", "os.", "subprocess.",
             "socket.", "ctypes.", "marshal.", "shutil.", "code.__new__", "object.__")  # fmt: skip
_watches: list[list[str]] = []


def _hook(event, _arguments):
    if _watches and event.startswith(FORBIDDEN):
        _watches[-1].append(event)


sys.addaudithook(_hook)  # for the life of the process: it cannot be taken away, only ignored


@contextmanager
def watched():
    """Yield the audit events of what is run meanwhile."""
    _watches.append(events := [])
    try:
        yield events
    finally:
        _watches.pop()


def load(data):
    """Return what a pickle holds, or the error, and see that nothing was reached."""
    with watched() as events:
        try:
            result = loads(data)
        except UnsafePickleError as error:
            result = error
    assert events == []
    return result


def refused(data, match=""):
    error = load(data)
    assert isinstance(error, UnsafePickleError), error
    assert match in str(error)
    return error


def op(name):
    """The byte of an operation, by the name that pickletools has for it."""
    codes = {o.name: o.code.encode("latin-1") for o in pickletools.opcodes}
    return codes[name]


def test_the_watch_sees_what_pickle_itself_would_do():
    with watched() as events:
        pickle.loads(b"cos\ngetcwd\n(tR.")
    assert "pickle.find_class" in events


# --- what is read ------------------------------------------------------------------------

KEYS = st.one_of(
    st.text(),
    st.integers(-(2**63), 2**64 - 1),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
)
SCALARS = st.one_of(KEYS, st.integers(-(10**300), 10**300))


def trees(scalars, sets):
    return st.recursive(
        scalars,
        lambda children: st.one_of(
            st.lists(children),
            st.lists(children, max_size=5).map(tuple),
            st.dictionaries(KEYS, children),
            *([st.sets(KEYS), st.frozensets(KEYS)] if sets else []),
        ),
        max_leaves=30,
    )


def same(one, other):
    """Equal, and of the same types all through."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            same(a, b) and same(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    return one == other


@settings(deadline=None, max_examples=60)
@given(value=trees(SCALARS, sets=False), protocol=st.integers(0, 5))
def test_plain_data_comes_back_from_every_protocol(value, protocol):
    assert same(load(pickle.dumps(value, protocol)), value)
    assert same(
        load(pickle._dumps(value, protocol)), value
    )  # the pickler in Python frames otherwise


@settings(deadline=None, max_examples=100)
@given(value=trees(st.one_of(SCALARS, st.binary()), sets=True), protocol=st.integers(4, 5))
def test_bytes_and_sets_come_back_from_the_protocols_that_have_operations_for_them(value, protocol):
    assert same(load(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", range(6))
def test_sizes_that_change_the_operation_come_back(protocol):
    for n in (0, 1, 3, 4, 255, 256, 1000, 1001, 70_000):
        value = [
            ["x" * n, "é" * n, "\n\\u0041\r\x00" * (n % 7)],
            list(range(n)),
            dict.fromkeys(range(n), ""),
        ]
        assert load(pickle.dumps(value, protocol)) == value
    for value in (2**31 - 1, -(2**31), 2**31, 2**32, -(2**63), 10**900, 0.1, -0.0, float("inf")):
        assert load(pickle.dumps(value, protocol)) == value
    assert load(pickle.dumps("\ud800 \U0001f600", protocol)) == "\ud800 \U0001f600"


def test_what_is_shared_is_shared_again():
    part = ["a"]
    one, two = load(pickle.dumps([part, part]))
    assert one is two


@settings(deadline=None, max_examples=80)
@given(value=trees(SCALARS, sets=False), protocol=st.integers(0, 5), data=st.data())
def test_a_pickle_that_is_cut_short_is_refused(value, protocol, data):
    whole = pickle.dumps(value, protocol)
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])
    refused(whole + b".", "follows its end")


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_noise_is_refused_or_read_and_reaches_nothing(data):
    load(data)


OPERATIONS = [o.code.encode("latin-1") for o in pickletools.opcodes]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([*OPERATIONS, b"\x00", b"\x01", b"1\n", b"os\n"]), max_size=25))
def test_any_sequence_of_operations_is_refused_or_read_and_reaches_nothing(operations):
    load(b"".join(operations) + b".")


# --- what is refused ---------------------------------------------------------------------


class Calls:
    def __init__(self, function, *arguments):
        self.wanted = function, arguments

    def __reduce__(self):
        return self.wanted


class Stateful:
    def __setstate__(self, state):
        raise AssertionError("it was called")

    def __getstate__(self):
        return {"a": 1}


class Built:
    def __new__(cls, *arguments, **named):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return ("a",), {"b": 1}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        Calls(os.system, "exit 1"),
        Calls(eval, "__import__('os').getpid()"),
        Calls(getattr, "x", "upper"),
        Calls(bytearray, 1 << 40),
        Stateful(),
        {"deep": [Stateful()]},
        os.system,
        dict,
        ValueError("x"),
        complex(1, 2),
        range(3),
    ],
    ids=lambda value: re.sub(r" object at 0x[0-9a-f]+", "", repr(value)),
)
def test_calls_classes_and_names_are_refused_in_every_protocol(value, protocol):
    refused(pickle.dumps(value, protocol), "the operation")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_objects_with_arguments_of_their_own_are_refused(protocol):
    refused(pickle.dumps(Built(), protocol), "the operation")


def test_every_operation_that_looks_up_calls_or_duplicates_is_refused_by_name():
    plain = set(safe_pickle._OPERATIONS) | {ord(".")}
    for operation in pickletools.opcodes:
        code = operation.code.encode("latin-1")
        if code[0] not in plain:
            error = refused(
                b"\x80\x05" + code + b"os\nsystem\n.", f"the operation {operation.name}"
            )
            assert "at 2" in str(error)
    assert plain.isdisjoint(safe_pickle._REFUSED)
    assert len(plain) + len(safe_pickle._REFUSED) == len(pickletools.opcodes)


def test_names_made_of_texts_on_the_stack_are_refused():
    # STACK_GLOBAL takes module and name from the stack, and so from the memo, where no scan
    # for a text before the operation sees them.
    for before in (b"\x8c\x02os\x8c\x06system", b"\x8c\x02os\x94\x8c\x06system\x940h\x000h\x01"):
        refused(b"\x80\x04" + before + b"\x93\x8c\x02id\x85R.")
    refused(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.", "STACK_GLOBAL")


def test_persistent_ids_are_refused():
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return "an id" if value == "x" else None

    for protocol in range(6):
        stream = io.BytesIO()
        Pickler(stream, protocol).dump(["x"])
        refused(stream.getvalue(), "PERSID")


def test_extension_codes_are_refused_even_where_one_is_registered_and_cached():
    copyreg.add_extension("os", "getcwd", 240)
    try:
        data = pickle.dumps(os.getcwd, 2) if os.getcwd.__module__ == "os" else b"\x80\x02\x82\xf0."
        assert pickle.loads(b"\x80\x02\x82\xf0.") is os.getcwd  # it is in the cache from here on
        refused(data)
        for hostile in (b"\x82\xf0.", b"\x83\xf0\x00.", b"\x84\xf0\0\0\0."):
            refused(b"\x80\x02" + hostile, "EXT")
    finally:
        copyreg.remove_extension("os", "getcwd", 240)
        copyreg.clear_extension_cache()


def test_buffers_from_outside_are_refused():
    data = pickle.dumps(pickle.PickleBuffer(b"abc"), 5, buffer_callback=lambda _: None)
    refused(data, "NEXT_BUFFER")


def test_instances_of_old_classes_are_refused():
    refused(b"(ios\nsystem\n.", "INST")
    refused(b"(cos\nsystem\nS'id'\no.")


# --- what is bounded ---------------------------------------------------------------------


def bounded(data, match, error=UnsafePickleError):
    started = time.perf_counter()
    assert isinstance(refused(data, match), error)
    assert time.perf_counter() - started < 20  # a hang guard


def test_containers_that_hold_themselves_are_refused():
    for protocol in range(6):
        around = []
        around.append(around)
        bounded(pickle.dumps(around, protocol), "holds itself")
        table = {}
        table["x"] = [table]
        bounded(pickle.dumps(table, protocol), "holds itself")


def test_deep_nesting_is_refused_without_recursion():
    for deep in (b"]" * 200_000 + b"a" * 199_999 + b".", b")" + b"\x85" * 300_000 + b"."):
        bounded(deep, "nested deeper")
    fits = b"]" * 60 + b"a" * 59 + b"."
    assert isinstance(load(fits), list)


def test_a_few_bytes_that_share_a_list_a_million_times_over_are_refused():
    # Each list holds the one before it ten times: 10 ** 30 leaves in 700 bytes.
    laughs = b"]\x94"
    for level in range(30):
        laughs += b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * 9 + b"e\x94"
    shared = b"\x80\x04(" + laughs + b"t."
    bounded(shared, "counted each time", OversizeError)
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"\x94"
    bounded(b"\x80\x04](" + text + b"h\x00" * 1000 + b"e.", "counted each time", OversizeError)


def test_keys_whose_hash_takes_for_ever_are_refused():
    # hash() of a tuple walks all of it: 2 ** 60 leaves here.
    nested = b")\x94" + b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(60)
    )
    top = b"h\x3c"
    for container in (b"}" + top + b"Ns", b"\x8f(" + top + b"\x90", b"(" + top + b"\x91"):
        bounded(b"\x80\x04" + nested + container + b".", "a tuple as a key")
    bounded(b"\x80\x04})K\x01s.", "a tuple as a key")
    colliding = b"\x80\x04}(" + b"".join(
        pickle.dumps(i * (2**61 - 1), 2)[2:-1] + b"N" for i in range(1, 5000)
    )
    bounded(colliding + b"u.", "a int as a key")


def test_a_memo_index_of_four_billion_costs_one_entry():
    assert load(b"\x80\x02]r\xff\xff\xff\xff0.".replace(b"0.", b".")) == []
    assert load(b"]p4294967295000000\n.") == []
    refused(b"h\x00.", "nothing was kept")
    refused(b"g7\n.", "nothing was kept")
    refused(b"q\x00.", "a value is missing")


def test_counts_that_promise_more_than_is_there_allocate_nothing():
    for code in ("BINUNICODE8", "BINBYTES8"):
        bounded(op(code) + b"\xff" * 7 + b"\x7f" + b"abc.", "cut short")
    bounded(op("LONG4") + b"\xff\xff\xff\x7f" + b"a.", "whole number", OversizeError)
    bounded(op("LONG") + b"9" * 100_000 + b"L\n.", "whole number", OversizeError)
    bounded(op("FLOAT") + b"9" * 100_000 + b"\n.", "a number", OversizeError)


def test_operations_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MAX_OPERATIONS", 1000)
    bounded(b"]" + b"\x94" * 2000 + b".", "operations", OversizeError)
    monkeypatch.setattr(safe_pickle, "MAX_BYTES", 100)
    bounded(pickle.dumps("x" * 200), "above 100", OversizeError)


@pytest.mark.parametrize(
    "data",
    [b"", b".", b"(.", b"K\x01K\x02.", b"e.", b"K\x01a.", b"}K\x01s.", b"](K\x01u.", b"}(K\x01u.",
     b"K\x01(K\x02e.", b"\x85.", b"(\x94.", b"t.", b"](\x90.", b"X\x01\x00\x00\x00\xff.",
     b"I1x\n.", b"I-\n.", b"I1_0\n.", "I٣\n.".encode(), b"Fabc\n.", b"V\\u12\n.", b"\x80\x06N.",
     b"(K\x01\x85."],
    ids=repr,
)  # fmt: skip
def test_malformed_pickles_are_refused(data):
    refused(data)


def test_a_mark_keeps_what_lies_below_it_from_being_taken():
    refused(b"K\x01(\x85.", "a value is missing")


# --- the packing of LiveCodeBench --------------------------------------------------------

ROWS = json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}])


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize("protocol", range(6))
def test_what_livecodebench_packs_is_unpacked(protocol):
    assert unpack(packed(pickle.dumps(ROWS, protocol))) == ROWS


def test_base64_and_zlib_that_are_damaged_are_refused():
    good = packed(pickle.dumps(ROWS))
    for bad in ("", "?", "é", good[:-8], good[:40], "AAAA" + good, good + "AAAA", packed(b"")):
        with pytest.raises(UnsafePickleError):
            unpack(bad)
    with pytest.raises(UnsafePickleError, match="follows the zlib"):
        inflate(zlib.compress(b"a") + b"b")
    with pytest.raises(UnsafePickleError, match="cut short"):
        inflate(zlib.compress(b"a" * 1000)[:-3])


def test_a_bomb_is_never_expanded_beyond_the_limit():
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    assert len(bomb) < 1 << 17
    with pytest.raises(OversizeError, match="more than 1000000 bytes"):
        inflate(bomb, 1_000_000)
    assert inflate(zlib.compress(b"abc"), 3) == b"abc"
    with pytest.raises(OversizeError):
        inflate(zlib.compress(b"abcd"), 3)


def test_base64_above_its_limit_is_not_decoded(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MAX_PACKED_BYTES", 10)
    with pytest.raises(OversizeError, match="base64"):
        unpack("A" * 11)
