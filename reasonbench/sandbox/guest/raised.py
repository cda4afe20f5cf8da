"""Exceptions of the candidate's in the suite: classes that ``except`` can name."""

import builtins
import importlib
from typing import Any

from reasonbench.sandbox.guest import remote

STANDARD = ("json.decoder", "decimal", "binascii", "struct", "re", "queue", "_queue", "csv",
            "dataclasses", "zlib", "graphlib", "copy", "statistics")  # fmt: skip
"""Modules whose exceptions are their own in the suite too; not unittest, where one is a pass."""
ENDS_A_LOOP = (StopIteration, StopAsyncIteration, GeneratorExit)


class Kind(type):
    """The class of exception classes that are the candidate's."""

    line: remote.Line

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Have the candidate make one, and return what stands for it."""
        made = Kind.line.ask("call", cls.__name__, *args, **kwargs)
        return make(cls, args, str(made), made)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Kind.line.ask("get", cls.__name__, name)


_kinds: dict[str, type] = {}


def kind_of(bases: list[list[str]], builtin: str) -> type:
    """Return the class in the suite for an exception's classes, own ones first."""
    base: Any = getattr(builtins, builtin, Exception)
    if not (isinstance(base, type) and issubclass(base, BaseException)):
        base = Exception
    if issubclass(base, ENDS_A_LOOP):
        base = RuntimeError  # these would end a loop of the suite's as if all were well
    for module, name in reversed(bases):
        standard = importlib.import_module(module) if module in STANDARD else None
        found = getattr(standard, name, None)
        if isinstance(found, type) and issubclass(found, base):
            base = found
        elif name in _kinds:
            base = _kinds[name]
        else:
            base = _kinds[name] = Kind(name, (base,), {"__getattr__": _attribute})
    return base  # type: ignore[no-any-return]


def _attribute(error: BaseException, name: str) -> Any:
    made = error.__dict__.get("remote")
    if made is None or name.startswith("_"):
        raise AttributeError(name)
    return getattr(made, name)


def make(kind: type, args: tuple[Any, ...], message: str, made: Any) -> Any:
    """Return an exception of a class that says this message."""
    try:
        error = kind(*args) if not isinstance(kind, Kind) else _bare(kind, args)
        if str(error) != message:  # its class has a way of its own to put it
            error = _bare(type(kind)(kind.__name__, (kind,), _says(message)), args)
    except Exception:  # it cannot be made of these, as JSONDecodeError of its own arguments
        form = {**_says(message), "__getattr__": _attribute}
        error = _bare(type(kind)(kind.__name__, (kind,), form), args)
    error.remote = made
    return error


def _bare(kind: type, args: tuple[Any, ...]) -> Any:
    error: Any = kind.__new__(kind, *args)
    error.args = args
    return error


def _says(message: str) -> dict[str, Any]:
    return {"__str__": lambda self: message}


def rebuild(told: dict[str, Any], args: Any, made: Any, *, ends_a_loop: bool) -> BaseException:
    """Return the exception that the candidate raised."""
    if ends_a_loop and told["builtin"] == "StopIteration":
        return StopIteration()
    kind = kind_of(told.get("bases", []), told["builtin"])
    plain = tuple(args) if type(args) is list else (told["message"],)
    error: BaseException = make(kind, plain, told["message"], made)
    error.by_candidate = True  # type: ignore[attr-defined]
    return error
