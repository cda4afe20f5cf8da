"""Which version of the generator made a set: digests of the source that decides.

A family's digest covers its module and every module of reasonbench that this one leads to by
imports; the rules' digest covers what turns a seed into a problem.  Comments, blank lines and
line endings do not count.  What other libraries do is not covered; a set that follows from them
differently is noticed when its problems are derived again.
"""

import ast
import functools
import hashlib
import importlib.util
import io
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reasonbench.errors import ReasonbenchError
from reasonbench.fresh.catalogue import Families, Family
from reasonbench.fresh.family import MathFamily

RULES = (
    "reasonbench.fresh.draw",
    "reasonbench.fresh.family",
    "reasonbench.fresh.seeds",
    "reasonbench.fresh.problems",
    "reasonbench.fresh.programs",
    "reasonbench.fresh.mint",
)
"""Modules that turn a seed into a problem, whatever its family."""

_PACKAGE = "reasonbench."


def rules_digest() -> str:
    """Return the digest of what all families share."""
    return _digest(RULES)


def family_digests(families: Families) -> dict[str, str]:
    """Return the digest of each family by its name."""
    return {name: family_digest(family) for name, family in families.items()}


def family_digest(family: Family) -> str:
    """Return the digest of the modules behind a family."""
    found: set[str] = set()
    queue = sorted({_home(function) for function in _functions(family)})
    while queue:
        module = queue.pop()
        if module not in found:
            found.add(module)
            queue += _imported(module)
    return _digest(tuple(sorted(found)))


def _functions(family: Family) -> list[Callable[..., Any]]:
    if isinstance(family, MathFamily):
        return [family.draw, *family.templates, family.solve]
    return [family.draw, *family.templates, family.inputs, family.reference]


def _home(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return function.__module__


@functools.cache
def _digest(modules: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for module in modules:
        normal = normalised(_source(module))
        total.update(f"{module}\0{hashlib.sha256(normal.encode()).hexdigest()}\n".encode())
    return total.hexdigest()


def normalised(source: str) -> str:
    """Return Python source without comments, blank lines and spaces at the ends of lines."""
    lines = source.replace("\r\n", "\n").split("\n")
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(kept for line in lines if (kept := line.rstrip()))


@functools.cache
def _imported(module: str) -> tuple[str, ...]:
    """Return the modules of reasonbench that a module names in its imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module))):
        match node:
            case ast.Import(names=aliases):
                names.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=str(parent), names=aliases):
                names.update(_of(parent, [alias.name for alias in aliases]))
    return tuple(sorted(name for name in names if name.startswith(_PACKAGE)))


def _of(parent: str, names: list[str]) -> Iterator[str]:
    """Yield what ``from parent import names`` reads: submodules, or the parent itself."""
    if not parent.startswith(_PACKAGE):
        return
    for name in names:
        submodule = f"{parent}.{name}"
        yield submodule if _file(submodule) is not None else parent


def _source(module: str) -> str:
    file = _file(module)
    if file is None:
        raise ReasonbenchError(
            f"the source of {module} is missing, so no set can be minted or verified",
            hint="install reasonbench again, with its .py files",
        )
    return file.read_text(encoding="utf-8")


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)
