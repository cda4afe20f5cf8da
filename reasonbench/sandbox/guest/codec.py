"""Plain values as tagged JSON: exact types, capped, never pickle.

``encode`` runs beside hostile code and looks at exact types only, so no method of a
hostile class is ever called.  ``decode`` runs outside, on bytes that anybody may have
forged: it checks every tag, digit and depth, and raises DecodeError.

A scalar of JSON stands for itself (an integer within 53 bits), a JSON array for a list,
and an object ``{"t": tag, "v": ...}`` for everything else.
"""

import decimal
import fractions
import json
import math
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_BITS = 332_193
"""An integer of 100,000 decimal digits."""
MAX_BYTES = 8 << 20
MAX_ORDER_BYTES = 48 << 20
"""From outside, where code and arguments are the caller's."""
MAX_EQUAL_HASHES = 100
"""Keys with one hash that a set or dict may hold; more is an attack on who decodes it."""
_SAFE = 1 << 53
_MAX_JSON_DIGITS = 17
_SEQUENCES = {list: "l", tuple: "t", set: "s", frozenset: "f"}
_DICTS = (dict, OrderedDict, defaultdict, Counter)

_dumps, _loads = json.dumps, json.loads
"""Kept here, because a candidate may put its own in their place."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or one that never ends: each start consumes all it looks at, so this is linear."""

Hook = Callable[[Any], dict[str, Any] | None]


class EncodeError(ValueError):
    """The value is too deep, too large, or cannot be told in plain data: ``str`` says which."""


class DecodeError(Exception):
    """The bytes are no value that ``encode`` writes."""


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
        if kind in _DICTS:
            pairs = dict.items(value)
            encode = self.encode
            rows = [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in pairs]
            return {"t": "d", "v": rows}
        if kind is bytes or kind is bytearray:
            if len(value) > MAX_BYTES // 2:
                raise EncodeError("size")
            return {"t": "b", "v": bytes(value).hex()}
        if kind is complex:
            parts = [self.encode(value.real, depth + 1), self.encode(value.imag, depth + 1)]
            return {"t": "c", "v": parts}
        if kind is fractions.Fraction:
            parts = [_encode_int(value.numerator), _encode_int(value.denominator)]
            return {"t": "q", "v": parts}
        if kind is decimal.Decimal:
            return _encode_decimal(value)
        return self._encode_stranger(value, kind, depth)

    def _encode_stranger(self, value: Any, kind: type, depth: int) -> Any:
        bases = type.__dict__["__mro__"].__get__(kind)
        if len(bases) == 3 and bases[1] is tuple and "_fields" in kind.__dict__:
            # A named tuple; tuple's own iterator calls nothing of a class that poses as one.
            items = [self.encode(item, depth + 1) for item in tuple.__iter__(value)]
            return {"t": "t", "v": items}
        if _is_numpy_scalar(kind, bases):
            return self.encode(value.item(), depth + 1)
        told = self._opaque(value) if self._opaque is not None else None
        return told if told is not None else {"t": "opaque", "v": [type_name(value), "type"]}


def _is_numpy_scalar(kind: type, bases: tuple[type, ...]) -> bool:
    """Tell a numpy number by names; a class that only poses as one fools its own process."""
    told = [_name_of(base) for base in bases]
    return told[0][0] == "numpy" and ("numpy", "generic") in told


def _name_of(kind: type) -> tuple[Any, Any]:
    parts = (type.__dict__["__module__"], type.__dict__["__name__"])
    module, name = (part.__get__(kind) for part in parts)
    return module, name


def _encode_int(value: int) -> Any:
    if -_SAFE < value < _SAFE:
        return value
    if value.bit_length() > MAX_BITS:
        raise EncodeError("size")
    return {"t": "i", "v": hex(value)}


def _encode_decimal(value: decimal.Decimal) -> Any:
    text = str(value)
    if len(text) > MAX_BITS:
        raise EncodeError("size")
    return {"t": "m", "v": text}


def loads(data: bytes, reference: Callable[[Any], Any] | None = None) -> Any:
    """Return the value of bytes that may be forged.

    ``reference`` turns the body of a ``ref`` tag into an object, where such tags are expected.
    """
    return decode(parse(data), reference)


def parse(data: bytes) -> Any:
    """Return the tree of bytes that may be forged, to be given to ``decode``."""
    if len(data) > MAX_NODES // 4:
        bare = _STRING.sub(b"", data)
        if sum(map(bare.count, (b"[", b"{", b","))) > 8 * MAX_NODES:
            raise DecodeError("the value is too large")
    try:
        return _loads(data, parse_int=_parse_int, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError) as error:
        raise DecodeError(f"the value is no JSON: {type(error).__name__}") from None


def decode(tree: Any, reference: Callable[[Any], Any] | None = None) -> Any:
    """Return the value of a parsed tree, checking each tag."""
    try:
        return _Decoder(reference).decode(tree, 0)
    except (TypeError, ValueError, KeyError, ArithmeticError, RecursionError) as error:
        raise DecodeError(f"the value is malformed: {type(error).__name__}") from None


def _parse_int(text: str) -> int:
    if len(text) > _MAX_JSON_DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _refuse(text: str) -> float:
    raise ValueError(text)


class _Decoder:
    def __init__(self, reference: Callable[[Any], Any] | None) -> None:
        self._left = MAX_NODES
        self._reference = reference

    def decode(self, tree: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH + 1:
            raise DecodeError("the value is too large or too deep")
        if type(tree) is list:
            return [self.decode(item, depth + 1) for item in tree]
        if type(tree) is not dict:
            return tree
        if tree.keys() != {"t", "v"}:
            raise DecodeError("the value has an unknown shape")
        return self._decode_tagged(tree["t"], tree["v"], depth)

    def _decode_tagged(self, tag: Any, body: Any, depth: int) -> Any:
        if tag in ("t", "s", "f"):
            if type(body) is not list:
                raise DecodeError("a sequence is no list")
            items = [self.decode(item, depth + 1) for item in body]
            if tag == "t":
                return tuple(items)
            check_hashes(items)
            return set(items) if tag == "s" else frozenset(items)
        if tag == "d":
            rows = [
                (self.decode(key, depth + 1), self.decode(item, depth + 1)) for key, item in body
            ]
            check_hashes([key for key, _ in rows])
            return dict(rows)
        if tag == "opaque":
            name, why = body
            return Opaque(_text(name)[:100], _text(why)[:20])
        if tag == "ref" and self._reference is not None:
            return self._reference(body)
        return _decode_scalar(tag, body)


def _decode_scalar(tag: Any, body: Any) -> Any:
    if tag == "i":
        text = _text(body)
        if len(text) > MAX_BITS // 4 + 8:
            raise DecodeError("an integer is too large")
        return int(text, 16)
    if tag == "x" and body in ("nan", "inf", "-inf"):
        return float(body)
    if tag == "b":
        return bytes.fromhex(_text(body))
    if tag == "c":
        real, imag = (_decode_part(part) for part in body)
        return complex(real, imag)
    if tag == "q":
        numerator, denominator = (_decode_part(part) for part in body)
        return fractions.Fraction(numerator, denominator)
    if tag == "m":
        text = _text(body)
        if len(text) > MAX_BITS:
            raise DecodeError("a decimal is too large")
        return decimal.Decimal(text)
    raise DecodeError("the value has an unknown tag")


def _decode_part(part: Any) -> Any:
    return _decode_scalar(part["t"], part["v"]) if type(part) is dict else part


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
