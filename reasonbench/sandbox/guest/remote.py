"""What the suite holds in place of the candidate's functions, classes and objects.

Each asks the candidate's process.  What is compared with a value of the suite's is compared
here: an operator of the candidate's own is used between two of its objects, or on an object
that the suite itself built by calling a class of it, and never decides on an object that the
candidate merely returned.
"""

import operator
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from reasonbench.sandbox.guest import kinds

BUILTINS = {"list": list, "tuple": tuple, "dict": dict, "OrderedDict": dict, "set": set,
            "frozenset": frozenset, "deque": deque, "int": int, "str": str,
            "float": float, "bytes": bytes, "bytearray": bytearray, "complex": complex}  # fmt: skip


class Line(Protocol):
    """The way to the candidate's process."""

    def ask(self, op: str, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Have it do something; return or raise what it came to."""

    def holds(self, value: Any) -> bool:
        """Return whether a value is the candidate's: an object, a name or an exception."""


class Name:
    """A name of the candidate's module: a function or class to call."""

    def __init__(self, line: Line, name: str) -> None:
        self._line = line
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        made = self._line.ask("call", self.__name__, *args, **kwargs)
        if type(made) is Remote and _get(made, "_type_name") == self.__name__:
            object.__setattr__(made, "_built", True)
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._line.ask("get", self.__name__, name)

    def __getitem__(self, key: Any) -> Any:  # of an enumeration
        return self._line.ask("item", self.__name__, key)

    def __iter__(self) -> Any:
        return iter(self._line.ask("items", self.__name__))

    def __instancecheck__(self, value: object) -> bool:
        return self._line.holds(value) and self._line.ask("is_instance", self.__name__, value)

    def __subclasscheck__(self, kind: object) -> bool:
        return self._line.holds(kind) and self._line.ask("is_subclass", self.__name__, kind)


class Remote:
    """An object that lives with the candidate."""

    def __init__(self, line: Line, number: int, name: str, base: str | None, content: Any) -> None:
        values = (line, number, name, base, content, False)
        names = ("_line", "_number", "_type_name", "_base", "_content", "_built")
        for attribute, value in zip(names, values, strict=True):
            object.__setattr__(self, attribute, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what it is to isinstance, where its class derives from that
        return BUILTINS.get(_get(self, "_base"), Remote)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask(self, "get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "set", name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return _ask(self, "call", *args, **kwargs)

    def __iter__(self) -> Any:
        return iter(_ask(self, "items"))

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __len__(self) -> int:
        length = _ask(self, "length")
        if type(length) is not int or length < 0:
            raise TypeError("the length is no number")
        return length

    def __bool__(self) -> bool:
        if _get(self, "_base") is not None:
            return bool(content_of(self))
        return not _get(self, "_built") or _ask(self, "special", "truth", self) is True

    def __getitem__(self, index: Any) -> Any:
        return _ask(self, "item", index)

    def __setitem__(self, index: Any, value: Any) -> None:
        _ask(self, "set_item", index, value)

    def __contains__(self, item: Any) -> bool:
        if _get(self, "_base") is not None:
            return item in content_of(self)
        if _get(self, "_built"):
            return _ask(self, "special", "contains", self, item) is True
        return any(item is each or item == each for each in self)

    def __str__(self) -> str:
        return str(_ask(self, "text"))

    def __repr__(self) -> str:
        return str(_ask(self, "special", "repr", self))

    def __format__(self, form: str) -> str:
        return format(_ask(self, "special", "format", self, form))

    def __eq__(self, other: object) -> bool:
        if type(other) is Remote and _get(self, "_number") == _get(other, "_number"):
            return True
        if _get(self, "_base") is not None:
            told = content_of(other) if type(other) is Remote else other
            return bool(content_of(self) == told)
        if type(other) is Remote and _get(other, "_base") is None:
            return _ask(self, "equal", other) is True
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return NotImplemented if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        if _get(self, "_base") in kinds.IMMUTABLE:
            return hash(content_of(self))
        return hash(_ask(self, "special", "hash", self))

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, *raised: object) -> Any:
        return _ask(self, "exit")


def _get(remote: Remote, name: str) -> Any:
    return object.__getattribute__(remote, name)


def _ask(remote: Remote, op: str, *args: Any, **kwargs: Any) -> Any:
    return _get(remote, "_line").ask(op, remote, *args, **kwargs)


def content_of(remote: Any) -> Any:
    """Return what an object is as the plain type that its class derives from, or the object."""
    if _get(remote, "_base") is None:
        return remote
    content = _get(remote, "_content")
    return _ask(remote, "content") if content is None else content


def _binary(name: str, *, swapped: bool) -> Callable[[Remote, Any], Any]:
    """Return the method of an operator with two sides."""

    def method(self: Remote, other: Any) -> Any:
        if _get(self, "_base") is not None:
            sides = (content_of(self), content_of(other) if type(other) is Remote else other)
            return getattr(operator, name)(*(reversed(sides) if swapped else sides))
        if not (type(other) is Remote or _get(self, "_built")):
            return NotImplemented
        operands = (other, self) if swapped else (self, other)
        return _ask(self, "special", name, *operands)

    return method


def _unary(name: str) -> Callable[[Remote], Any]:
    def method(self: Remote) -> Any:
        if _get(self, "_base") is not None:
            return getattr(operator, name)(content_of(self))
        if not _get(self, "_built"):
            raise TypeError(f"bad operand type for {name}: an object that the program returned")
        return _ask(self, "special", name, self)

    return method


for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _binary(_name, swapped=False))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_",
              "xor", "lshift", "rshift"):  # fmt: skip
    setattr(Remote, f"__{_name.rstrip('_')}__", _binary(_name, swapped=False))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _binary(_name, swapped=True))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Remote, f"__{_name}__", _unary(_name))


def awaited(remote: Remote) -> Any:
    """Return a coroutine that has the candidate's run there."""

    async def run() -> Any:
        return _ask(remote, "run")

    return run()
