"""Plain values as tagged JSON: exact types, capped, never pickle.

``encode`` runs beside hostile code and looks at exact types only, so no method of a
hostile class is ever called.  ``decode`` runs outside, on bytes that anybody may have
forged: it checks every tag, digit and depth, and raises DecodeError.

A scalar of JSON stands for itself (an integer within 53 bits), a JSON array for a list,
and an object ``{"t": tag, "v": ...}`` for everything else.  Types beside JSON's own are in
``kinds``; an object of a class derived from one of them is told as the value that it is of
that type, read past every method of its own.
"""

import fractions
import json
import math
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from reasonbench.sandbox.guest import kinds
from reasonbench.sandbox.guest.kinds import MAX_BITS, DecodeError, EncodeError

__all__ = [
    "MAX_BYTES",
    "MAX_ORDER_BYTES",
    "Budget",
    "DecodeError",
    "EncodeError",
    "Opaque",
    "TooLargeError",
    "decode",
    "dumps",
    "dumps_plain",
    "dumps_whole",
    "loads",
    "parse",
    "tree_of",
    "type_name",
]

MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_DIGITS = 8_000_000
"""Of all large numbers of one budget together."""
MAX_BYTES = 8 << 20
MAX_ORDER_BYTES = 48 << 20
"""From outside, where code and arguments are the caller's."""
MAX_EQUAL_HASHES = 100
"""Keys with one hash that a set or dict may hold; more is an attack on who decodes it."""
_SAFE = 1 << 53
_MAX_JSON_DIGITS = 17
_MAX_FLOAT_DIGITS = 40
_SEQUENCES = {list: "l", tuple: "t", set: "s", frozenset: "f"}

_dumps, _loads = json.dumps, json.loads
"""Kept here, because a candidate may put its own in their place."""

REFERENCES = ("ref", "own", "name", "builtin")
"""Tags that stand for objects: the candidate's, the suite's own, a name there, a builtin's name."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or one that never ends: each start consumes all it looks at, so this is linear."""

Hook = Callable[[Any], dict[str, Any] | None]


class Budget:
    """What values may still hold, all together; what goes past it is refused before it is made."""

    def __init__(self, n_nodes: int = MAX_NODES, n_digits: int = MAX_DIGITS) -> None:
        self._n_nodes = n_nodes
        self._n_digits = n_digits

    def spend(self, n_nodes: int = 1, n_digits: int = 0) -> None:
        """Take from it; raise TooLargeError where there is not enough."""
        self._n_nodes -= n_nodes
        self._n_digits -= n_digits
        if self._n_nodes < 0 or self._n_digits < 0:
            raise TooLargeError("the values are too large")


class TooLargeError(DecodeError):
    """The bytes may be a value, and hold more than the budget allows."""


class Opaque:
    """A value that has no plain form: only its type's name came back.  Equal to nothing."""

    __slots__ = ("type_name", "why")

    def __init__(self, type_name: str, why: str = "type") -> None:
        self.type_name = type_name
        self.why = why
        """``type``, ``depth`` or ``size``."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Opaque({self.type_name!r}, {self.why!r})"


def type_name(value: object) -> str:
    """Return the name of the value's type, capped, whatever its metaclass does."""
    name = type.__dict__["__name__"].__get__(type(value))
    return str.__str__(name)[:100]


def dumps(value: Any, opaque: Hook | None = None) -> bytes:
    """Return the value as bytes; what cannot be told becomes opaque as a whole."""
    try:
        return dumps_whole(value, opaque)
    except EncodeError as error:
        return _dumps({"t": "opaque", "v": [type_name(value), str(error)]}).encode()


def dumps_whole(value: Any, opaque: Hook | None = None, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the value as bytes; raise EncodeError where it is too deep or too large."""
    encoded = _Encoder(opaque).encode(value, 0)
    text = _dumps(encoded, separators=(",", ":")).encode()
    if len(text) > max_bytes:
        raise EncodeError("size")
    return text


def dumps_plain(tree: Any) -> bytes:
    """Return a tree of JSON's own types as bytes."""
    return _dumps(tree, separators=(",", ":")).encode()


class _Encoder:
    def __init__(self, opaque: Hook | None) -> None:
        self._left = MAX_NODES
        self._opaque = opaque

    def encode(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise EncodeError("size")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            if len(value) > MAX_ORDER_BYTES:
                raise EncodeError("size")
            return value
        if kind is int:
            return _encode_int(value)
        if kind is float:
            return value if math.isfinite(value) else {"t": "x", "v": repr(value)}
        if depth >= MAX_DEPTH:
            raise EncodeError("depth")
        return self._encode_rest(value, kind, depth)

    def _encode_rest(self, value: Any, kind: type, depth: int) -> Any:
        if kind is list:
            return [self.encode(item, depth + 1) for item in value]
        if kind in _SEQUENCES:
            items = [self.encode(item, depth + 1) for item in value]
            return {"t": _SEQUENCES[kind], "v": items}
        if kind is dict:
            return {"t": "d", "v": self._rows(dict.items(value), depth)}
        if kind is complex:
            parts = [self.encode(value.real, depth + 1), self.encode(value.imag, depth + 1)]
            return {"t": "c", "v": parts}
        if kind is fractions.Fraction:
            parts = [_encode_int(value.numerator), _encode_int(value.denominator)]
            return {"t": "q", "v": parts}
        if (told := kinds.encode_scalar(value, kind)) is not None:
            return told
        return self._encode_container(value, kind, depth)

    def _rows(self, pairs: Any, depth: int) -> list[Any]:
        encode = self.encode
        return [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in pairs]

    def _encode_container(self, value: Any, kind: type, depth: int) -> Any:
        if kind in kinds.DICTS:
            name, pairs, factory = kinds.parts_of_dict(value, kind)
            return {"t": "D", "v": [name, self._rows(pairs, depth), factory]}
        if kind is deque:
            items = [self.encode(item, depth + 1) for item in deque.__iter__(value)]
            return {"t": "deque", "v": [items, value.maxlen]}
        if kind is range:
            self._left -= len(value)
            if self._left < 0:
                raise EncodeError("size")
            return {"t": "r", "v": [_encode_int(n) for n in (value.start, value.stop, value.step)]}
        return self._encode_stranger(value, kind, depth)

    def _encode_stranger(self, value: Any, kind: type, depth: int) -> Any:
        bases = type.__dict__["__mro__"].__get__(kind)
        if kinds.is_numpy(bases, "generic"):
            return self.encode(value.item(), depth + 1)
        if kinds.is_numpy(bases, "ndarray") and (dtype := kinds.plain_dtype(value)) is not None:
            if value.size > self._left:
                raise EncodeError("size")
            return {"t": "nd", "v": [dtype, self.encode(value.tolist(), depth + 1)]}
        told = self._opaque(value) if self._opaque is not None else None
        if told is not None:
            return told
        content = kinds.content_of(value, bases)
        if content is not kinds.NOTHING:
            return self.encode(content, depth)
        return {"t": "opaque", "v": [type_name(value), "type"]}


def _encode_int(value: int) -> Any:
    if -_SAFE < value < _SAFE:
        return value
    if value.bit_length() > MAX_BITS:
        raise EncodeError("size")
    return {"t": "i", "v": hex(value)}


def tree_of(value: Any, opaque: Hook | None = None) -> Any:
    """Return the tree that ``dumps_whole`` would write."""
    return _Encoder(opaque).encode(value, 0)


def loads(
    data: bytes, reference: Callable[[str, Any], Any] | None = None, *, exact: bool = False
) -> Any:
    """Return the value of bytes that may be forged; see ``decode``."""
    return decode(parse(data), reference, exact=exact)


def parse(data: bytes) -> Any:
    """Return the tree of bytes that may be forged, to be given to ``decode``."""
    if len(data) > MAX_NODES // 4:
        bare = _STRING.sub(b"", data)
        brackets = bare.count(b"[") + bare.count(b"{")
        if brackets > 2 * MAX_NODES + 100 or bare.count(b",") > 4 * MAX_NODES:
            raise TooLargeError("the value is too large")
    try:
        return _loads(data, parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError) as error:
        raise DecodeError(f"the value is no JSON: {type(error).__name__}") from None


def decode(
    tree: Any,
    reference: Callable[[str, Any], Any] | None = None,
    *,
    exact: bool = False,
    budget: Budget | None = None,
) -> Any:
    """Return the value of a parsed tree, checking each tag.

    Args:
        tree: what ``parse`` returned.
        reference: turns the tag and body of a reference to an object into that object, where
            such tags are expected.
        exact: whether a deque, an array, a Counter and their like come back as such; else as
            the list, tuple, bytes or dict that they equal item by item.
        budget: what the values may hold, this one and others; by default it has one of its own.
    """
    try:
        return _Decoder(reference, budget or Budget(), exact=exact).decode(tree, 0)
    except (TypeError, ValueError, KeyError, ArithmeticError, RecursionError) as error:
        raise DecodeError(f"the value is malformed: {type(error).__name__}") from None


def _parse_int(text: str) -> int:
    if len(text) > _MAX_JSON_DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _parse_float(text: str) -> float:
    if len(text) > _MAX_FLOAT_DIGITS:
        raise ValueError("too many digits")
    return float(text)


def _refuse(text: str) -> float:
    raise ValueError(text)


class _Decoder:
    def __init__(
        self, reference: Callable[[str, Any], Any] | None, budget: Budget, *, exact: bool
    ) -> None:
        self._reference = reference
        self._budget = budget
        self._exact = exact

    def decode(self, tree: Any, depth: int) -> Any:
        self._budget.spend()
        if depth > MAX_DEPTH + 1:
            raise TooLargeError("the value is too deep")
        if type(tree) is list:
            return [self.decode(item, depth + 1) for item in tree]
        if type(tree) is not dict:
            return tree
        if tree.keys() != {"t", "v"}:
            raise DecodeError("the value has an unknown shape")
        return self._decode_tagged(tree["t"], tree["v"], depth)

    def _decode_tagged(self, tag: Any, body: Any, depth: int) -> Any:
        if tag in ("t", "s", "f"):
            items = self._items(body, depth)
            if tag == "t":
                return tuple(items)
            check_hashes(items)
            return set(items) if tag == "s" else frozenset(items)
        if tag == "d":
            return self._dict(body, depth)
        if tag == "opaque":
            name, why = body
            return Opaque(_text(name)[:100], _text(why)[:20])
        if self._reference is not None and tag in REFERENCES:
            return self._reference(tag, body)
        if tag in ("D", "deque", "nd", "r"):
            return self._decode_container(tag, body, depth)
        return self._scalar(tag, body)

    def _items(self, body: Any, depth: int) -> list[Any]:
        if type(body) is not list:
            raise DecodeError("a sequence is no list")
        return [self.decode(item, depth + 1) for item in body]

    def _dict(self, body: Any, depth: int) -> dict[Any, Any]:
        rows = [(self.decode(key, depth + 1), self.decode(item, depth + 1)) for key, item in body]
        check_hashes([key for key, _ in rows])
        return dict(rows)

    def _decode_container(self, tag: str, body: Any, depth: int) -> Any:
        if tag == "D":
            name, rows, factory = body
            found = self._dict(rows, depth)
            return kinds.dict_of(_text(name), found, factory) if self._exact else found
        if tag == "deque":
            items, most = body
            told = self._items(items, depth)
            return deque(told, most) if self._exact else told
        if tag == "nd":
            dtype, nested = body
            told = self.decode(nested, depth + 1)
            return kinds.array_of(_text(dtype), told) if self._exact else told
        found_range = range(*[self._part(part) for part in body])
        self._budget.spend(len(found_range))
        return found_range if self._exact else tuple(found_range)

    def _scalar(self, tag: Any, body: Any) -> Any:
        if tag in ("i", "m", "b", "B"):
            self._budget.spend(0, len(_text(body)) if tag in ("i", "m") else 0)
        if tag == "i":
            if len(body) > MAX_BITS // 4 + 8:
                raise TooLargeError("an integer is too large")
            return int(body, 16)
        if tag == "x" and body in ("nan", "inf", "-inf"):
            return float(body)
        if tag == "c":
            real, imag = (self._part(part) for part in body)
            return complex(real, imag)
        if tag == "q":
            return kinds.fraction_of(*(self._part(part) for part in body))
        return kinds.decode_scalar(tag, body, exact=self._exact)

    def _part(self, part: Any) -> Any:
        return self._scalar(part["t"], part["v"]) if type(part) is dict else part


def _text(body: Any) -> str:
    if type(body) is not str:
        raise DecodeError("a tag's body is no text")
    return body


def check_hashes(keys: list[Any]) -> None:
    """Refuse keys made to collide: a set of n of them takes n squared comparisons."""
    if len(keys) <= MAX_EQUAL_HASHES:
        return
    counts: dict[str, int] = {}
    for key in keys:
        # The decimal form of the hash, so that counting cannot be made to collide in turn.
        name = str(hash(key))
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > MAX_EQUAL_HASHES:
            raise DecodeError("the keys of a set or dict collide")
