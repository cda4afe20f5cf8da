"""Where the names of a suite come from.

What the suite defines or imports (its ``prefix``, ``code`` and cases) and the builtins are its
own, whatever the candidate defines.  Of the names that it uses beyond these,

- one of which only attributes are used, and that is a module of the standard library (or numpy)
  which has them all, is that module;
- one of ``HELPERS``, which assertions compare with, is the standard library's;
- another is what the candidate's module has under it, unless that was imported there from the
  standard library: then the suite imports it by itself.

The entry point is always the candidate's.
"""

import ast
import builtins
import importlib
import sys
from collections import defaultdict
from typing import Any

from reasonbench.sandbox.guest import raised
from reasonbench.sandbox.guest.remote import Line, Name, Remote

HELPERS = {
    "isclose": "math", "isnan": "math", "isinf": "math", "isfinite": "math", "inf": "math",
    "nan": "math", "pi": "math", "fabs": "math", "deepcopy": "copy",
    "assert_allclose": "numpy.testing", "allclose": "numpy", "array_equal": "numpy",
}  # fmt: skip
ALIASES = {"np": "numpy", "numpy": "numpy"}
PLACES = (
    "math", "cmath", "collections", "itertools", "functools", "heapq", "bisect", "copy", "decimal",
    "fractions", "datetime", "operator", "string", "random", "statistics", "re", "json", "typing",
    "time", "io", "dataclasses", "enum", "sys",
)  # fmt: skip
"""Modules that a name is looked for in, where the candidate imported it."""


def foreign_names(tree: ast.AST) -> dict[str, set[str] | None]:
    """Return the names that a suite reads and neither defines nor finds among the builtins.

    With each, the attributes that are used of it; None where it is used as a whole as well.
    """
    attributes: dict[str, set[str]] = defaultdict(set)
    whole: set[str] = set()
    bound: set[str] = set()
    owners = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
            elif id(node) not in owners:
                whole.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes[node.value.id].add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    names = {name for name in whole | set(attributes) if not hasattr(builtins, name)} - bound
    return {name: None if name in whole else attributes[name] for name in sorted(names)}


def lines_of_assertions(tree: ast.AST) -> set[int]:
    """Return the lines of assert statements, and of calls whose name begins with ``assert``."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if isinstance(node, ast.Assert) or name.startswith("assert"):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]
    return lines


def borrow(line: Line, tree: ast.AST, entry_point: str) -> dict[str, Any]:
    """Return what the foreign names of a suite stand for."""
    found = {}
    own = entry_point.partition(".")[0]
    for name, attributes in foreign_names(tree).items():
        if name in (own, "candidate"):
            continue
        try:
            found[name] = standard(name, attributes)
            continue
        except (ImportError, AttributeError):
            pass
        try:
            found[name] = _borrowed(line, name)
        except NameError:
            continue  # the suite will raise its own, if it comes to that line
    return found


def standard(name: str, attributes: set[str] | None) -> Any:
    """Return the module or helper that a name is by itself; raise where it is none."""
    if name in HELPERS and attributes is None:
        return getattr(importlib.import_module(HELPERS[name]), name)
    if attributes is None and name not in ALIASES:
        raise ImportError(name)
    if name not in ALIASES and name not in sys.stdlib_module_names:
        raise ImportError(name)
    module = importlib.import_module(ALIASES.get(name, name))
    for attribute in attributes or ():
        getattr(module, attribute)
    return module


def _borrowed(line: Line, name: str) -> Any:
    about = line.ask("about", name)
    if about["bases"]:
        return raised.kind_of(about["bases"], about["builtin"])
    if about["standard"]:
        for place in PLACES:
            module = importlib.import_module(place)
            if hasattr(module, name):
                return getattr(module, name)
    value = line.ask("value", name)
    return Name(line, name) if type(value) is Remote else value
