"""Specs from TOML files, and the JSON schema of every spec and record.

Invariants: an error names the file, the dotted key, what was got and what is allowed,
in one sentence; nothing in a file is ignored; numbers are finite and fit 64 bits.

The docstring under a field is the only place where the field is documented:
``describe_schema`` and the hints of errors take it from there.

Not covered: where a file has several errors, only the first is told.
"""

import ast
import difflib
import inspect
import math
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as mi

from reasonbench.errors import SpecError

S = TypeVar("S", bound=msgspec.Struct)

MAX_BYTES = 1_000_000
"""Largest file that is read; a spec has hundreds of bytes."""

INT_BOUND = 2**63
SHOWN_CHARACTERS = 60

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<key>\w+)`")

_UNSEEN: Any = object()
"""Stands for a value that msgspec's path does not lead to."""


def load_toml(path: Path, spec_type: type[S]) -> S:
    """Return the spec that a TOML file holds.

    Raises:
        SpecError: the file cannot be read, is no TOML, or holds no such spec.
    """
    return convert(read_toml(path), spec_type, source=str(path))


def convert(data: Mapping[str, Any], spec_type: type[S], *, source: str) -> S:
    """Return the spec that ``data`` holds.

    Args:
        data: parsed TOML or JSON.
        spec_type: the struct wanted.
        source: file or flag that messages name.

    Raises:
        SpecError: a key is unknown, missing, or has a value that is not allowed.
    """
    for key, value in _numbers(data):
        if isinstance(value, int) and not -INT_BOUND <= value < INT_BOUND:
            raise SpecError(f"{source}: {key} must fit 64 bits, got {_shown(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise SpecError(f"{source}: {key} must be a finite number, got {value}")
    try:
        return msgspec.convert(data, spec_type)
    except msgspec.ValidationError as exc:
        raise _explain(str(exc), data, spec_type, source) from exc


def describe_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of ``kind``, with the docstring of each field and member."""
    schema = msgspec.json.schema(kind)
    types = {found.__name__: found for found in _reachable(mi.type_info(kind))}
    for name, part in schema.get("$defs", {}).items():
        docs = documented(types[name]) if name in types else {}
        for field, fragment in part.get("properties", {}).items():
            if field in docs:
                fragment["description"] = docs[field]
        if "enum" in part and name in types:
            lines = [f"{member.value}: {docs[member.name]}" for member in types[name]]  # type: ignore[attr-defined]
            part["description"] = "\n".join([part.get("description", ""), *lines]).strip()
    return schema


def documented(kind: type) -> dict[str, str]:
    """Return the docstring under each field or enum member of ``kind``, bases included.

    A field that has none is absent, as are all where the source is not installed.
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        node = _classes(base.__module__).get(base.__qualname__)
        if node is not None:
            docs |= _field_docs(node)
    return docs


def _field_docs(node: ast.ClassDef) -> dict[str, str]:
    docs = {}
    for statement, below in zip(node.body, node.body[1:], strict=False):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    docs[name] = " ".join(str(below.value.value).split())
    return docs


@lru_cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return {}
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _reachable(info: mi.Type) -> set[type]:
    """Return the structs and enums that a type leads to."""
    found: set[type] = set()
    queue = [info]
    while queue:
        match queue.pop():
            case mi.StructType(cls=cls, fields=fields):
                if cls not in found:
                    found.add(cls)
                    queue.extend(field.type for field in fields)
            case mi.EnumType(cls=cls):
                found.add(cls)
            case mi.UnionType(types=types) | mi.TupleType(item_types=types):
                queue.extend(types)
            case mi.DictType(key_type=key, value_type=value):
                queue.extend((key, value))
            case mi.CollectionType(item_type=item):
                queue.append(item)
            case mi.Metadata(type=inner):
                queue.append(inner)
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        SpecError: it cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise SpecError(f"{path} does not exist", hint=_nearby(path)) from exc
    except IsADirectoryError as exc:
        raise SpecError(f"{path} is a directory, not a TOML file") from exc
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise SpecError(f"{str(path)!r} cannot be read: {why}") from exc
    if len(raw) > MAX_BYTES:
        raise SpecError(
            f"{path} is larger than {MAX_BYTES:,} bytes, which no spec is",
            hint="name a TOML file; traces and problems are named inside it",
        )
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise SpecError(f"{path} is not UTF-8: byte {raw[exc.start]:#04x} in line {line}") from exc
    except RecursionError as exc:
        raise SpecError(f"{path} is nested too deeply") from exc
    except ValueError as exc:
        end = f"at the end, line {len(raw.splitlines())}"
        why = str(exc).replace("at end of document", end)
        raise SpecError(f"{path} is not valid TOML: {why}") from exc


def _nearby(path: Path) -> str | None:
    try:
        names = [file.name for file in path.parent.glob("*.toml")]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.with_name(close[0])}?" if close else None


def _numbers(data: Any) -> Iterator[tuple[str, int | float]]:
    """Yield every number with its dotted key; a stack, as nesting may be deep."""
    stack: list[tuple[str, Any]] = [("", data)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend((f"{key}.{name}" if key else str(name), v) for name, v in value.items())
        elif isinstance(value, list | tuple):
            stack.extend((f"{key}[{index}]", item) for index, item in enumerate(value))
        elif isinstance(value, int | float):
            yield key, value


def _explain(message: str, data: Any, kind: type[msgspec.Struct], source: str) -> SpecError:
    located = _PATH.search(message)
    path = located["path"] if located else ""
    what = message[: located.start()] if located else message
    info, value, doc = _locate(path, data, kind)
    key = path.removeprefix(".")
    if unknown := _UNKNOWN.fullmatch(what):
        subject = f"{source}: {key} has" if key else f"{source} has"
        hint = _key_hint(unknown["key"], info, key)
        return SpecError(f"{subject} no key {unknown['key']!r}", hint=hint)
    if missing := _MISSING.fullmatch(what):
        name = missing["key"]
        docs = documented(info.cls) if isinstance(info, mi.StructType) else {}
        hint = f"{name}: {docs[name]}" if name in docs else None
        return SpecError(f"{source}: {f'{key}.{name}' if key else name} is missing", hint=hint)
    subject = f"{source}: {key}" if key else source
    if value is _UNSEEN:
        return SpecError(f"{subject} does not fit: {what}", hint=doc)
    close = _close_member(info, value)
    hint = f"did you mean {close!r}?" if close else doc
    return SpecError(f"{subject} must be {_allowed(info)}, got {_shown(value)}", hint=hint)


def _locate(path: str, data: Any, kind: type) -> tuple[mi.Type, Any, str | None]:
    """Return the type, the value and the docstring of what a msgspec path leads to."""
    info: mi.Type = mi.type_info(kind)
    doc: str | None = None
    for step in _STEP.finditer(path):
        key, index = step["key"], step["index"]
        match _solid(info):
            case mi.StructType(cls=cls, fields=fields) if key:
                info = next(field.type for field in fields if field.encode_name == key)
                text = documented(cls).get(key)
                doc = f"{key}: {text}" if text else None
                data = data.get(key, _UNSEEN) if isinstance(data, Mapping) else _UNSEEN
            case mi.TupleType(item_types=items) if index != "...":
                info = items[int(index)]
                data = data[int(index)] if data is not _UNSEEN else data
            case mi.CollectionType(item_type=item) if index != "...":
                info = item
                data = data[int(index)] if data is not _UNSEEN else data
            case mi.DictType(value_type=item):
                info, data = item, _UNSEEN
            case _:
                return info, _UNSEEN, doc
    return _solid(info, keep_union=True), data, doc


def _solid(info: mi.Type, *, keep_union: bool = False) -> mi.Type:
    """Strip what stands around a type: metadata, and None where it is optional."""
    while isinstance(info, mi.Metadata):
        info = info.type
    if isinstance(info, mi.UnionType):
        others = [t for t in info.types if not isinstance(t, mi.NoneType)]
        if len(others) == 1 or not keep_union:
            return _solid(others[0], keep_union=keep_union)
    return info


def _key_hint(key: str, info: mi.Type, at: str) -> str | None:
    if not isinstance(info, mi.StructType):
        return None
    names = [field.encode_name for field in info.fields]
    close = difflib.get_close_matches(key, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    for field in info.fields:
        inner = _solid(field.type)
        if isinstance(inner, mi.StructType) and key in {f.encode_name for f in inner.fields}:
            place = f"{at}.{field.encode_name}" if at else field.encode_name
            return f"{key!r} belongs into [{place}]"
    return f"allowed: {', '.join(names)}"


def _close_member(info: mi.Type, value: Any) -> str | None:
    if not isinstance(info, mi.EnumType) or not isinstance(value, str):
        return None
    close = difflib.get_close_matches(value, [str(member.value) for member in info.cls], n=1)
    return close[0] if close else None


_PHRASES: dict[type[mi.Type], str] = {
    mi.BoolType: "true or false",
    mi.DateType: "a date such as 2025-01-31",
    mi.DateTimeType: "a time such as 2025-01-31T12:00:00Z",
    mi.StructType: "a table",
    mi.DictType: "a table",
}


def _allowed(info: mi.Type) -> str:
    match info:
        case mi.Metadata(type=inner):
            return _allowed(inner)
        case mi.FloatType():
            return f"a float{_bounds(info)}"
        case mi.IntType():
            return f"a whole number{_bounds(info)}"
        case mi.StrType(min_length=least):
            return "a non-empty string" if least else "a string"
        case mi.EnumType(cls=cls):
            return f"one of {', '.join(repr(member.value) for member in cls)}"
        case mi.UnionType(types=types):
            return " or ".join(_allowed(t) for t in types if not isinstance(t, mi.NoneType))
        case mi.CollectionType(item_type=item, min_length=least):
            size = f" with at least {least} item{'s' if least > 1 else ''}" if least else ""
            return f"a list{size}, each {_allowed(item)}"
        case mi.TupleType(item_types=items):
            return f"a list of {len(items)} items"
    return _PHRASES.get(type(info), f"a {type(info).__name__.removesuffix('Type').lower()}")


def _bounds(info: mi.FloatType | mi.IntType) -> str:
    if info.ge is not None and info.le is not None:
        return f" between {_bound(info.ge)} and {_bound(info.le)}"
    words = (("at least", info.ge), ("above", info.gt), ("at most", info.le), ("below", info.lt))
    said = [f"{word} {_bound(bound)}" for word, bound in words if bound is not None]
    if not said:
        return ""
    return f" {'of ' if said[0].startswith('at') else ''}{' and '.join(said)}"


def _bound(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, int) and not -INT_BOUND <= value < INT_BOUND:
        return f"a number of {value.bit_length():,} bits"  # Python refuses to write very long ones
    text = repr(value) if isinstance(value, str | int | float | None) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
