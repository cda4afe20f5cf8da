"""The compiled check agrees with Python's json on every line, whole or mutilated."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reasonbench.corpus.fields import MAX_DEPTH
from reasonbench.corpus.jsoncheck import Status, check_lines

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SPELLED = st.sampled_from(["0", "-0", "1e5", "1E+5", "-1.5e-3", "10", "0.0", "9" * 400])
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(alphabet='"\\\n\t/é中😀\ud800\x00\x1f\x7f', max_size=150),
    st.integers(50, 140).map(lambda n: "x" * n),
)
KEYS = st.one_of(st.sampled_from(["t", "q", "messages", "content"]), TEXTS)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(KEYS, below, max_size=4)),
    max_leaves=12,
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=4)
LIKELY = (
    b'{}[]",:\\ \t\r0123456789.eE+-truefalsnd/bu\x00\x1f\x7f\x80\xbf\xc0\xc2\xe0\xed\xf0\xf4\xff'
)


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    """Compile first: Hypothesis wants every example to be quick."""
    checked([b"{}"])


def checked(lines):
    """Check lines that stand one after another, each after a newline but the first."""
    data = np.frombuffer(b"\n".join(lines) + bytes(64), np.uint8)
    lengths = np.array([len(line) for line in lines])
    ends = np.cumsum(lengths + 1) - 1
    status, signatures = check_lines(data, ends - lengths, ends)
    return status.tolist(), signatures.tolist()


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def refuse(name):
    raise ValueError(name)


def expected(line):
    """What Python says of a line."""
    if not line.strip(b" \t\r\n"):
        return Status.BLANK
    try:
        value = json.loads(line.decode(), parse_constant=refuse)
    except UnicodeDecodeError:
        return Status.NOT_UTF8
    except ValueError:
        return Status.BROKEN
    if depth(value) > MAX_DEPTH:
        return Status.TOO_DEEP
    return Status.OK if isinstance(value, dict) else Status.NOT_OBJECT


@st.composite
def spelled(draw, values=VALUES):
    """A value, in one of the ways in which it can be written."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    value = draw(values)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)
    pad = draw(st.sampled_from(["", " ", "\t \r"]))
    return (pad + text + pad).encode("utf-8", "surrogatepass")


@st.composite
def mutilated(draw):
    """A record of which some bytes were changed, lost or put in."""
    line = bytearray(draw(spelled(RECORDS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        piece = draw(
            st.one_of(
                st.sampled_from([bytes([b]) for b in LIKELY]),
                st.binary(max_size=2),
                SPELLED.map(str.encode),
                st.sampled_from(
                    [b"NaN", b"-Infinity", b'"\\u12', b"null", b"//", b'{"a":', b"\\u0000"]
                ),
            )
        )
        line[at : at + draw(st.integers(0, 2))] = piece
    return bytes(line).replace(b"\n", b" ")


@given(st.lists(st.one_of(spelled(), spelled(RECORDS)), min_size=1, max_size=5))
def test_whole_lines_are_what_json_says(lines):
    assert checked(lines)[0] == [expected(line) for line in lines]


@given(st.lists(mutilated(), min_size=1, max_size=5))
@example([b'{"a":"\xed\xa0\x80"}'])
@example([b'{"a":1}}', b'{"a":1', b"{,}", b'{"a",1}', b'{"a":01}', b'{"a":1.}', b"{'a':1}"])
@example([b"", b" ", b"{}", b'{"a":[,]}', b'{"a":[1,]}', b'{"a":-}', b'{"a":+1}', b"nul", b"true"])
def test_mutilated_lines_are_what_json_says(lines):
    assert checked(lines)[0] == [expected(line) for line in lines]


@given(
    st.integers(40, 140), st.sampled_from(['"', "\\", "\n", "é", "😀", "\x01", "\\u0041", "\ud83d"])
)
def test_what_stands_at_the_edge_of_a_block_is_read_whole(size, end):
    text = json.dumps({"a": "x" * size + end}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    lines = [text, text[:-3], text[:-2], text[:-2] + b'\\"}', text[:-2] + b'\\\\"}']
    assert checked(lines)[0] == [expected(line) for line in lines]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_what_json_says(line):
    line = line.replace(b"\n", b" ")
    assert checked([line])[0] == [expected(line)]


@given(st.lists(mutilated(), min_size=1, max_size=5))
def test_what_passes_is_decoded_by_orjson_but_for_what_it_cannot_hold(lines):
    for line, status in zip(lines, checked(lines)[0], strict=True):
        if status == Status.OK:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                assert any(s in str(error) for s in ("surrogate", "infinity", "escape"))
            else:
                assert isinstance(value, dict)


@given(RECORDS.filter(len), st.randoms())
def test_order_and_repetition_change_no_signature(record, random):
    shuffled = list(record)
    random.shuffle(shuffled)
    lines = [
        json.dumps(record),
        json.dumps({key: record[key] for key in shuffled}, separators=(" , ", " :")),
        json.dumps({"m": [record]}),
        json.dumps({"m": [record, record, {**record}]}),
    ]
    signatures = checked([line.encode() for line in lines])[1]
    assert signatures[0] == signatures[1]
    assert signatures[2] == signatures[3] != signatures[0]


OTHERS = (
    *('{"t":1}', '{"t":null}', '{"t":true}', '{"t":{}}', '{"t":[]}', '{"t":["x"]}', '{"u":"x"}'),
    *("{}", '{"t":"x","u":1}', '{"t":{"t":"x"}}'),
)


@pytest.mark.parametrize("other", OTHERS)
def test_a_signature_tells_keys_and_types_apart(other):
    one, two = checked([b'{"t":"x"}', other.encode()])[1]
    assert one != two


def test_a_signature_is_three_keys_deep():
    third, fourth = b'{"a":{"b":{"c":%s}}}', b'{"a":{"b":{"c":{"d":%s}}}}'
    same = checked([fourth % b"1", fourth % b'"x"'])[1]
    other = checked([third % b"1", third % b'"x"'])[1]
    assert same[0] == same[1]
    assert other[0] != other[1]


def test_a_record_of_very_many_fields_has_no_signature():
    wide = json.dumps({f"k{i}": i for i in range(2000)}).encode()
    status, signatures = checked([wide, b'{"t":"x"}'])
    assert status == [Status.OK, Status.OK]
    assert signatures[0] == 0 != signatures[1]


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_is_read_up_to_its_cap(opening):
    closing = "]" if opening == "[" else "}"

    def nested(n):
        return ('{"a":' + opening * (n - 1) + "1" + closing * (n - 1) + "}").encode()

    assert checked([nested(MAX_DEPTH), nested(MAX_DEPTH + 1), nested(5000)])[0] == [
        Status.OK,
        Status.TOO_DEEP,
        Status.TOO_DEEP,
    ]


def test_python_and_the_check_refuse_the_same_whole_numbers():
    lines = [b'{"a":%s}' % (b"9" * n + tail) for n in (4300, 4301) for tail in (b"", b".5", b"e1")]
    assert checked(lines)[0] == [expected(line) for line in lines]


def test_lines_elsewhere_in_the_data_are_not_looked_at():
    data = np.frombuffer(b'xx{"a":"b"}"yy' + bytes(64), np.uint8)
    status, _ = check_lines(data, np.array([2, 2, 3]), np.array([11, 10, 11]))
    assert status.tolist() == [Status.OK, Status.BROKEN, Status.BROKEN]


def test_no_line_beyond_its_cap_is_read():
    from reasonbench.corpus.blocks import MAX_LINE_BYTES

    data = np.zeros(MAX_LINE_BYTES + 65, np.uint8)
    data[:2] = np.frombuffer(b"{}", np.uint8)
    data[2 : MAX_LINE_BYTES + 1] = 0x20
    starts, ends = np.zeros(2, np.int64), np.array([MAX_LINE_BYTES, MAX_LINE_BYTES + 1])
    assert check_lines(data, starts, ends)[0].tolist() == [Status.OK, Status.TOO_LONG]
