"""Pickles of plain data, read without running them.

LiveCodeBench packs its private tests as base64 of zlib of a pickle.  ``pickle`` would run what
such a file asks for, so an interpreter of its own reads it here: it knows the operations that
build None, truth values, numbers, text, bytes and plain containers, and no other.  None of them
looks up a name or calls anything, so there is nothing that a file could reach: no import, no
constructor, no ``__setstate__``, no extension registry, no persistent id.

Everything is bounded before it is done: bytes, operations, the digits of a number, the memo
(sparse, so that an index of four billion costs one entry), and of the result its depth and
its size *as a tree*, so that a few bytes that share a list a million times over are refused.
Keys of dicts and items of sets are scalars, since the hash of nested tuples can take for ever.

Not covered, since they are calls: bytes below protocol 3, sets below protocol 4, bytearrays.
Nor are containers that hold themselves, nor pickles of Python 2.
"""

import base64
import binascii
import codecs
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

MAX_PACKED_BYTES = 256 << 20
"""Of base64 text, and of what it holds."""
MAX_BYTES = 512 << 20
"""Of a pickle, once decompressed."""
MAX_OPERATIONS = 2_000_000
MAX_ITEMS = 2_000_000
"""Of the result as a tree: what is shared counts each time."""
MAX_DEPTH = 64
"""Of the result; JSON's own reader goes no deeper than the recursion limit either."""
MAX_DIGITS = 1_000
"""Of a whole number, in decimal; a binary one may have half as many bytes."""
_KEYS: Final = (str, bytes, int, float, bool, type(None))
_BIG_KEY = 1 << 64
"""Whole numbers from here on are no keys: many have one hash."""


class UnsafePickleError(ValueError):
    """A pickle that is damaged, or holds what is not plain data."""


class OversizeError(UnsafePickleError):
    """Data that may be good and is more than is read."""


def unpack(text: str) -> Any:
    """Return what base64 of zlib of a pickle holds.

    Raises:
        OversizeError: it is more than is read.
        UnsafePickleError: it is anything else, or holds what is not plain data.
    """
    if len(text) > MAX_PACKED_BYTES:
        raise OversizeError(f"{len(text)} characters of base64, above {MAX_PACKED_BYTES}")
    try:
        packed = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnsafePickleError(f"it is no base64: {error}") from None
    return loads(inflate(packed))


def inflate(packed: bytes, limit: int = MAX_BYTES) -> bytes:
    """Return the content of one zlib stream, at most ``limit`` bytes of it ever made.

    Raises:
        OversizeError: there are more.
        UnsafePickleError: it is damaged, cut short, or followed by something.
    """
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, limit + 1)
    except zlib.error as error:
        raise UnsafePickleError(f"it is no zlib stream: {error}") from None
    if len(content) > limit:
        raise OversizeError(f"more than {limit} bytes once decompressed")
    if not stream.eof:
        raise UnsafePickleError("the zlib stream is cut short")
    if stream.unused_data:
        raise UnsafePickleError("something follows the zlib stream")
    return content


def loads(data: bytes) -> Any:
    """Return the plain data of a pickle of any protocol.

    Raises:
        OversizeError: it is more than is read.
        UnsafePickleError: it is damaged, or holds what is not plain data.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(f"a pickle of {len(data)} bytes, above {MAX_BYTES}")
    value = _Machine(data).run()
    _measure(value)
    return value


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Do the operations up to the end, and return what they built."""
        for _ in range(MAX_OPERATIONS):
            code = self.take(1)[0]
            if code == _STOP:
                return self._result()
            operation = _OPERATIONS.get(code)
            if operation is None:
                name = _REFUSED.get(code)
                what = f"the operation {name}" if name else f"byte {code:#04x}"
                raise UnsafePickleError(
                    f"{what} at {self._at - 1} is not one that builds plain data"
                )
            operation(self)
        raise OversizeError(f"a pickle of more than {MAX_OPERATIONS} operations")

    def _result(self) -> Any:
        if self._marks or len(self._stack) != 1:
            raise UnsafePickleError(f"it ends with {len(self._stack)} values, not one")
        if self._at != len(self._data):
            raise UnsafePickleError("something follows its end")
        return self._stack[0]

    # --- reading -------------------------------------------------------------------------

    def take(self, n: int) -> bytes:
        """Return the next ``n`` bytes."""
        taken = self._data[self._at : self._at + n]
        if len(taken) != n:
            raise UnsafePickleError(f"it is cut short at byte {len(self._data)}")
        self._at += n
        return taken

    def take_counted(self, size: int) -> bytes:
        """Return what stands behind its own length, of ``size`` bytes."""
        return self.take(self.number(size))

    def number(self, size: int) -> int:
        """Return an unsigned number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def line(self) -> bytes:
        """Return what stands before the next line feed."""
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise UnsafePickleError(f"it is cut short at byte {len(self._data)}")
        found = self.take(end - self._at)
        self._at += 1
        return found

    # --- the stack -----------------------------------------------------------------------

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Return the top of the stack, above the last mark."""
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise UnsafePickleError(f"a value is missing before byte {self._at}")
        return self._stack.pop()

    def mark(self) -> None:
        """Begin what ``since_mark`` ends."""
        self._marks.append(len(self._stack))

    def since_mark(self) -> list[Any]:
        """Return what was put on the stack since the last mark."""
        if not self._marks:
            raise UnsafePickleError(f"a mark is missing before byte {self._at}")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def last(self, kind: type[Any]) -> Any:
        """Return the top of the stack, which must be a container of the kind, left in place."""
        value = self.pop()
        if type(value) is not kind:
            raise UnsafePickleError(f"no {kind.__name__} stands before byte {self._at}")
        self.push(value)
        return value

    # --- the memo ------------------------------------------------------------------------

    def remember(self, index: int) -> None:
        """Keep the top of the stack under an index."""
        value = self.pop()
        self.push(value)
        self._memo[index] = value

    def memoize(self) -> None:
        """Keep it under the next index."""
        self.remember(len(self._memo))

    def recall(self, index: int) -> None:
        """Put what was kept under an index on the stack."""
        if index not in self._memo:
            raise UnsafePickleError(f"nothing was kept as {index} before byte {self._at}")
        self.push(self._memo[index])


def _digits(text: bytes) -> int:
    if len(text) > MAX_DIGITS:
        raise OversizeError(f"a whole number of {len(text)} digits, above {MAX_DIGITS}")
    if not text.removeprefix(b"-").isdigit():
        raise UnsafePickleError(f"{text[:20]!r} is no whole number")
    return int(text)


def _int(machine: _Machine) -> None:
    line = machine.line()
    machine.push(line == b"01" if line in (b"00", b"01") else _digits(line))


def _long(machine: _Machine) -> None:
    machine.push(_digits(machine.line().removesuffix(b"L")))


def _long_bytes(machine: _Machine, size: int) -> None:
    count = machine.number(size)
    if count > MAX_DIGITS // 2:
        raise OversizeError(f"a whole number of {count} bytes, above {MAX_DIGITS // 2}")
    machine.push(int.from_bytes(machine.take(count), "little", signed=True))


def _float(machine: _Machine) -> None:
    line = machine.line()
    if len(line) > MAX_DIGITS:
        raise OversizeError(f"a number of {len(line)} digits, above {MAX_DIGITS}")
    try:
        machine.push(float(line.decode("ascii")))
    except ValueError:
        raise UnsafePickleError(f"{line[:20]!r} is no number") from None


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise UnsafePickleError(f"a text is no UTF-8: {error.reason}") from None


def _escaped(data: bytes) -> str:
    try:
        return codecs.raw_unicode_escape_decode(data)[0]
    except UnicodeDecodeError as error:
        raise UnsafePickleError(f"a text is damaged: {error.reason}") from None


def _key(value: Any) -> Any:
    if type(value) not in _KEYS or (type(value) is int and abs(value) >= _BIG_KEY):
        raise UnsafePickleError(f"a {type(value).__name__} as a key or an item of a set")
    return value


def _fill(table: dict[Any, Any], flat: list[Any]) -> dict[Any, Any]:
    if len(flat) % 2:
        raise UnsafePickleError("a key without a value")
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        table[_key(key)] = value
    return table


def _tuple(machine: _Machine, n: int) -> None:
    values = [machine.pop() for _ in range(n)]
    machine.push(tuple(reversed(values)))


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.last(list).append(value)


def _appends(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.last(list).extend(values)


def _set_item(machine: _Machine) -> None:
    value = machine.pop()
    key = machine.pop()
    _fill(machine.last(dict), [key, value])


def _set_items(machine: _Machine) -> None:
    flat = machine.since_mark()
    _fill(machine.last(dict), flat)


def _add_items(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.last(set).update(map(_key, values))


def _proto(machine: _Machine) -> None:
    version = machine.number(1)
    if version > 5:
        raise UnsafePickleError(f"pickle protocol {version} is not known")


def _frame(machine: _Machine) -> None:
    machine.take(8)  # how much a reader may fetch at once, which means nothing here


_STOP: Final = ord(".")
_Operation = Callable[[_Machine], None]
_OPERATIONS: Final[dict[int, _Operation]] = {
    0x80: _proto,
    0x95: _frame,
    ord("("): _Machine.mark,
    # None, truth values, numbers
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("I"): _int,
    ord("J"): lambda m: m.push(int.from_bytes(m.take(4), "little", signed=True)),
    ord("K"): lambda m: m.push(m.number(1)),
    ord("M"): lambda m: m.push(m.number(2)),
    ord("L"): _long,
    0x8A: lambda m: _long_bytes(m, 1),
    0x8B: lambda m: _long_bytes(m, 4),
    ord("F"): _float,
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    # Text and bytes
    ord("V"): lambda m: m.push(_escaped(m.line())),
    0x8C: lambda m: m.push(_utf8(m.take_counted(1))),
    ord("X"): lambda m: m.push(_utf8(m.take_counted(4))),
    0x8D: lambda m: m.push(_utf8(m.take_counted(8))),
    ord("C"): lambda m: m.push(m.take_counted(1)),
    ord("B"): lambda m: m.push(m.take_counted(4)),
    0x8E: lambda m: m.push(m.take_counted(8)),
    # Containers
    ord("]"): lambda m: m.push([]),
    ord("l"): lambda m: m.push(m.since_mark()),
    ord("a"): _append,
    ord("e"): _appends,
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: _tuple(m, 1),
    0x86: lambda m: _tuple(m, 2),
    0x87: lambda m: _tuple(m, 3),
    ord("}"): lambda m: m.push({}),
    ord("d"): lambda m: m.push(_fill({}, m.since_mark())),
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x8F: lambda m: m.push(set()),
    0x90: _add_items,
    0x91: lambda m: m.push(frozenset(map(_key, m.since_mark()))),
    # The memo
    ord("p"): lambda m: m.remember(_digits(m.line())),
    ord("q"): lambda m: m.remember(m.number(1)),
    ord("r"): lambda m: m.remember(m.number(4)),
    0x94: _Machine.memoize,
    ord("g"): lambda m: m.recall(_digits(m.line())),
    ord("h"): lambda m: m.recall(m.number(1)),
    ord("j"): lambda m: m.recall(m.number(4)),
}
_REFUSED: Final[dict[int, str]] = {
    ord("c"): "GLOBAL", 0x93: "STACK_GLOBAL", ord("R"): "REDUCE", ord("b"): "BUILD",
    ord("i"): "INST", ord("o"): "OBJ", 0x81: "NEWOBJ", 0x92: "NEWOBJ_EX",
    ord("P"): "PERSID", ord("Q"): "BINPERSID", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4",
    0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
    ord("S"): "STRING", ord("T"): "BINSTRING", ord("U"): "SHORT_BINSTRING",
    ord("0"): "POP", ord("1"): "POP_MARK", ord("2"): "DUP",
}  # fmt: skip
"""Operations of pickle that are known and left out, for messages."""


def _measure(value: Any) -> None:
    """Refuse a result that is too deep or too large as a tree; its own part counts."""
    budget, n_bytes = MAX_ITEMS, MAX_BYTES
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise UnsafePickleError(f"it is nested deeper than {MAX_DEPTH}, or holds itself")
        kind = type(item)
        if kind in (str, bytes):
            n_bytes -= len(item)
        elif kind is dict:
            budget -= 2 * len(item)
        elif kind in (list, tuple, set, frozenset):
            budget -= len(item)
        if budget < 0 or n_bytes < 0:
            raise OversizeError("more data than is read, once what is shared is counted each time")
        if kind is dict:
            waiting.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif kind in (list, tuple, set, frozenset):
            waiting.extend((part, depth + 1) for part in item)
