"""The types beside JSON's own that ``codec`` tells, one by one.

Runs beside hostile code when it encodes, and on forged trees when it decodes: ``codec`` counts
nodes and digits, here each body is checked.
"""

import datetime
import decimal
import fractions
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

MAX_BITS = 332_193
"""An integer of 100,000 decimal digits."""
MAX_TEXT = 8 << 20
DICTS: dict[type, str] = {
    OrderedDict: "OrderedDict",
    defaultdict: "defaultdict",
    Counter: "Counter",
}
FACTORIES = {"int": int, "list": list, "dict": dict, "set": set, "str": str, "float": float,
             "bool": bool, "tuple": tuple}  # fmt: skip
"""What a defaultdict may be made with, and come back with."""
NOTHING = object()
_DTYPE = re.compile(r"[<>|=](?:[biufc][0-9]{1,2}|U[0-9]{1,6})")
_TIMES: dict[type[Any], str] = {
    datetime.date: "date",
    datetime.datetime: "datetime",
    datetime.time: "time",
}
_MADE: dict[str, Any] = {name: kind for kind, name in _TIMES.items()}


class EncodeError(ValueError):
    """The value is too deep, too large, or cannot be told in plain data: ``str`` says which."""


class DecodeError(Exception):
    """The bytes are no value that ``encode`` writes."""


def encode_scalar(value: Any, kind: type) -> dict[str, Any] | None:
    """Return the tag of a value without parts, or None."""
    if kind is bytes or kind is bytearray:
        if len(value) > MAX_TEXT // 2:
            raise EncodeError("size")
        return {"t": "b" if kind is bytes else "B", "v": bytes(value).hex()}
    if kind is decimal.Decimal:
        text = str(value)
        if len(text) > MAX_BITS:
            raise EncodeError("size")
        return {"t": "m", "v": text}
    if kind in _TIMES:
        zone = getattr(value, "tzinfo", None)
        if zone is None or type(zone) is datetime.timezone:
            return {"t": _TIMES[kind], "v": value.isoformat()}
    if kind is datetime.timedelta:
        return {"t": "delta", "v": [value.days, value.seconds, value.microseconds]}
    return None


def decode_scalar(tag: Any, body: Any, *, exact: bool) -> Any:
    """Undo ``encode_scalar``."""
    if tag in ("b", "B"):
        content = bytes.fromhex(body)
        return bytearray(content) if exact and tag == "B" else content
    if tag == "m":
        if len(body) > MAX_BITS:
            raise DecodeError("a decimal is too large")
        return decimal.Decimal(body)
    if tag in _MADE and type(body) is str and len(body) < 100:
        return _MADE[tag].fromisoformat(body)
    if tag == "delta":
        days, seconds, microseconds = body
        if not all(type(part) is int for part in body):
            raise DecodeError("a duration is no whole numbers")
        return datetime.timedelta(days, seconds, microseconds)
    raise DecodeError("the value has an unknown tag")


def fraction_of(numerator: Any, denominator: Any) -> fractions.Fraction:
    """Return a fraction as it was told; it is never reduced, which is what takes long.

    One told unreduced is a forgery, and equals nothing but another such.
    """
    if type(numerator) is not int or type(denominator) is not int or denominator < 1:
        raise DecodeError("a fraction is no two whole numbers")
    made: Any = object.__new__(fractions.Fraction)
    made._numerator, made._denominator = numerator, denominator
    return made  # type: ignore[no-any-return]


def parts_of_dict(value: Any, kind: type) -> tuple[str, Any, str | None]:
    """Return a dictionary's name, its items, and the name of what makes a missing one."""
    factory = None
    if kind is defaultdict:
        made_by = value.default_factory
        factory = next((name for name, each in FACTORIES.items() if each is made_by), None)
    items = OrderedDict.items(value) if kind is OrderedDict else dict.items(value)
    return DICTS[kind], items, factory


def dict_of(name: str, content: dict[Any, Any], factory: Any) -> dict[Any, Any]:
    """Undo ``parts_of_dict``."""
    if name == "defaultdict":
        made_by = FACTORIES.get(factory) if type(factory) is str else None
        return defaultdict(made_by, content)
    if name == "OrderedDict":
        return OrderedDict(content)
    if name != "Counter":
        raise DecodeError("a dictionary of an unknown kind")
    counter: Counter[Any] = Counter()
    dict.update(counter, content)
    return counter


def is_numpy(bases: tuple[type, ...], name: str) -> bool:
    """Tell numpy's types by names; a class that only poses as one fools its own process."""
    told = [_name_of(base) for base in bases]
    return told[0][0] == "numpy" and ("numpy", name) in told


def _name_of(kind: type) -> tuple[Any, Any]:
    parts = (type.__dict__["__module__"], type.__dict__["__name__"])
    module, name = (part.__get__(kind) for part in parts)
    return module, name


def plain_dtype(array: Any) -> str | None:
    """Return the type of an array's items, where they are numbers or text; else None."""
    dtype = str(array.dtype.str)
    return dtype if _DTYPE.fullmatch(dtype) else None


def array_of(dtype: str, nested: Any) -> Any:
    """Return an array of nested lists, which stay as they are where numpy is not there."""
    if not _DTYPE.fullmatch(dtype):
        raise DecodeError("an array of an unknown type")
    try:
        import numpy
    except ImportError:
        return nested
    return numpy.array(nested, dtype=dtype)


def content_of(value: Any, bases: tuple[type, ...]) -> Any:
    """Return what a value is as one of the plain types that its class derives from, or NOTHING."""
    for base in bases:
        if (read := _READ.get(base)) is not None:
            return read(value)
    return NOTHING


def base_name(bases: tuple[type, ...]) -> str | None:
    """Return the name of the plain type that a class derives from, or None."""
    return next((base.__name__ for base in bases if base in _READ), None)


def _whole(value: Any) -> int:
    return int.__add__(value, 0)


_READ: dict[type, Callable[[Any], Any]] = {
    int: _whole,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    OrderedDict: lambda value: OrderedDict(OrderedDict.items(value)),
    dict: lambda value: dict(dict.items(value)),
    deque: lambda value: deque(deque.__iter__(value)),
}
SCALARS = ("int", "float", "complex", "str", "bytes")
IMMUTABLE = (*SCALARS, "tuple", "frozenset")
