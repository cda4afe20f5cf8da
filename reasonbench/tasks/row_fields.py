"""Fields of a row by their type; what is missing or of another type is a RowError."""

import ast
import datetime
import json
import math
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from reasonbench.tasks.rows import RowError

_REQUIRED: Any = object()


def first(row: Mapping[str, Any], names: tuple[str, ...], kinds: tuple[type[Any], ...]) -> Any:
    """Return the first of some fields that has a value of one of the types."""
    for name in names:
        value = row.get(name)
        if isinstance(value, kinds) and not isinstance(value, bool):
            return value
    wanted = " or ".join(kind.__name__ for kind in kinds)
    said = " or ".join(map(repr, names))
    raise RowError(f"{said} must be {wanted}, got {found(row, names[0])}")


def found(row: Mapping[str, Any], name: str) -> str:
    """Return what stands in a field, for a message."""
    if name not in row:
        return f"nothing; its fields are {', '.join(map(repr, list(row)[:12])) or 'none'}"
    return f"{type(row[name]).__name__} {str(row[name])!r:.60}"


def text(row: Mapping[str, Any], name: str, default: str = _REQUIRED) -> str:
    """Return a text; where there is a default, null and a missing field are that."""
    value = row.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, str):
        raise RowError(f"{name!r} must be a text, got {found(row, name)}")
    return value


def texts(row: Mapping[str, Any], name: str, default: list[str] = _REQUIRED) -> list[str]:
    """Return a list of texts."""
    items: list[str] = _items(row, name, str, "texts", default)
    return items


def objects(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a list of objects; null is an empty one, a missing field is not."""
    default = [] if name in row else _REQUIRED
    items: list[Mapping[str, Any]] = _items(row, name, Mapping, "objects", default)
    return items


def _items(row: Mapping[str, Any], name: str, kind: type[Any], what: str, default: Any) -> Any:
    value: Any = row.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if hasattr(value, "tolist"):  # numpy's, of a Parquet file
        value = value.tolist()
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise RowError(f"{name!r} must be a list of {what}, got {found(row, name)}")
    return value


def number(row: Mapping[str, Any], name: str) -> float | None:
    """Return a positive number, or None where there is none."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise RowError(f"{name!r} must be a positive number, got {found(row, name)}")
    return float(value)


def decoded(value: str, name: str, kind: type[Any]) -> Any:
    """Return what a field holds as JSON."""
    try:
        content = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise RowError(f"{name!r} is no JSON: {error}") from None
    if not isinstance(content, kind):
        raise RowError(f"{name!r} must be a JSON {kind.__name__}, got {type(content).__name__}")
    return content


def day(row: Mapping[str, Any], name: str) -> str:
    """Return the day of a date, a time, or a text that begins with one, as ISO has it."""
    value = row.get(name)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    try:
        return datetime.date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise RowError(f"{name!r} must be a date as 2024-05-31, got {found(row, name)}") from None


def day_of_second(row: Mapping[str, Any], name: str) -> str | None:
    """Return the day of seconds since 1970, in UTC; None where there are none."""
    seconds = number(row, name) if name in row else None
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


def parsed(code: str, name: str) -> ast.Module:
    """Return the syntax tree of a field's code."""
    try:
        with warnings.catch_warnings():  # of an escape that means nothing
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RowError(f"{name!r} is no Python: {error}") from None


def foreign(tree: ast.AST) -> list[str]:
    """Return the modules that code imports and the sandbox does not have."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." if node.level else str(node.module))
    there = {*sys.stdlib_module_names, "numpy", "sortedcontainers"}
    return [name for name in found if name.partition(".")[0] not in there]
