"""Calls on the candidate's side: what a request names, done, and told in plain data.

Objects that have no plain form can stay here under a number, for a suite that builds one,
changes it and hands it back (``root = Node(1); root.left = Node(2); check(f(root))``).
Functions and iterators of the suite's stand here as stubs, which ask it.
"""

import builtins
import enum
import itertools
import json
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

from reasonbench.sandbox.guest import codec, kinds

_dumps = json.dumps
MAX_OBJECTS = 100_000
MAX_ITEMS = 100_000
MAX_MESSAGE = 2000
MAX_BASES = 20


class Stub:
    """A function of the suite's: a call asks for its value."""

    def __init__(self, number: int, call_back: Callable[..., Any]) -> None:
        self._number = number
        self._call_back = call_back

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Have the suite call it."""
        return self._call_back([self._number, "call", list(args), kwargs])


class Iterator(Stub):
    """An iterator of the suite's."""

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        return self._call_back([self._number, "next", [], {}])


class Table:
    """The objects that were told by number."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.telling = False
        self.call_back: Callable[..., Any] = missing
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def tell(self, value: Any) -> dict[str, Any] | None:
        """Return the tag that stands for a value, where the asker can hold such tags."""
        if type(value) in (Stub, Iterator):
            return {"t": "own", "v": [value._number, ""]}
        if not self.telling:
            return None
        bases: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(value))
        base = kinds.base_name(bases)
        if base in kinds.SCALARS and enum.Enum not in bases:
            return None
        number = self._number(value)
        if number is None:
            return None
        if type(value) is types.CoroutineType:
            base = "coroutine"
        content = None
        if base in kinds.IMMUTABLE:
            content = codec.tree_of(kinds.content_of(value, bases), self.tell)
        return {"t": "ref", "v": [number, codec.type_name(value), base, content]}

    def _number(self, value: Any) -> int | None:
        number = self._numbers.get(id(value))
        if number is None and len(self._objects) < MAX_OBJECTS:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def find(self, tag: str, body: Any) -> Any:
        """Return the object that a tag stands for."""
        if tag == "builtin":
            return getattr(builtins, body)
        if tag == "name":
            return resolve(body, self.module)
        if tag == "own":
            return (Iterator if body[1] == "iterator" else Stub)(body[0], self.call_back)
        return self._objects[body[0]]


def describe(error: BaseException, table: Table | None = None) -> dict[str, Any]:
    """Return an exception as names: its type, the builtin type it is one of, its message.

    With a table, for a suite that may catch it: all its types, its arguments, and itself.
    """
    bases: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(error))
    builtin = next((base.__name__ for base in bases if is_builtin(base)), "Exception")
    try:
        message = str(error)
    except BaseException:
        message = "(its message could not be made)"
    told = {"type": codec.type_name(error), "builtin": builtin, "message": message[:MAX_MESSAGE]}
    if table is None or not table.telling:
        return told
    try:
        args = codec.tree_of(list(error.args), table.tell)
    except Exception:
        args = [message[:MAX_MESSAGE]]
    return {**told, "bases": names_of(bases), "args": args, "object": table.tell(error)}


def is_builtin(kind: type) -> bool:
    """Tell whether a type is one of Python's own names."""
    return getattr(builtins, kind.__name__, None) is kind


def names_of(bases: tuple[type, ...]) -> list[list[str]]:
    """Return the modules and names of types, up to the first builtin one."""
    own = itertools.takewhile(lambda base: not is_builtin(base), bases)
    return [[str(base.__module__), base.__name__] for base in own][:MAX_BASES]


def pack(reply: dict[str, Any], table: Table) -> bytes:
    """Return a reply as bytes, whatever the value in it does when it is looked at."""
    if "raised" in reply:
        return _dumps(reply).encode()
    try:
        parts = [f'"{name}":'.encode() + codec.dumps(reply[name], table.tell) for name in reply]
        return b"{" + b",".join(parts) + b"}"
    except BaseException as error:
        return _dumps({"raised": describe(error)}).encode()


def perform(tree: Any, table: Table) -> dict[str, Any]:
    """Do what a request asks for; return the value or what was raised."""
    try:
        request = codec.decode(tree, table.find, exact=True)
        table.telling = request.get("objects", False)
        target = resolve(request["target"], table.module)
        args, kwargs = request.get("args", []), request.get("kwargs", {})
        value = OPERATIONS[request["op"]](target, args, kwargs)
        if request.get("args_after"):
            return {"value": value, "args": args}
        if request["op"] == "call" and table.telling and _changed(tree, args, table):
            return {"value": value, "args": args}
        return {"value": value}
    except BaseException as error:
        return {"raised": describe(error, table)}


def _changed(tree: Any, args: list[Any], table: Table) -> bool:
    """Return whether the arguments are no longer what the request said, as far as can be told."""
    before = next(row[1] for row in tree["v"] if row[0] == "args")
    if not any(type(item) in (list, dict) for item in before):
        return False
    try:
        return bool(codec.tree_of(args, table.tell) != before)
    except ValueError:
        return False


def resolve(target: Any, module: types.ModuleType) -> Any:
    """Return the object of a dotted name; a class on the way is called without arguments."""
    if not isinstance(target, str):
        return target
    first, *rest = target.split(".")
    found = module.__dict__[first] if first in module.__dict__ else missing(first)
    for name in rest:
        if isinstance(found, type):
            found = found()
        found = getattr(found, name)
    return found


def missing(name: str) -> Any:
    """Raise what Python raises for a name that is not there."""
    raise NameError(f"name {name!r} is not defined")


def _items(target: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    items = list(itertools.islice(iter(target), MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise OverflowError(f"more than {MAX_ITEMS} items")
    return items


def _about(target: Any, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Tell what stands under a name: an exception's types, or the module it was taken from."""
    bases: list[list[str]] = []
    builtin = "Exception"
    if isinstance(target, type) and issubclass(target, BaseException):
        bases = names_of(target.__mro__)
        builtin = next(base.__name__ for base in target.__mro__ if is_builtin(base))
    module = getattr(target, "__module__", None)
    root = module.partition(".")[0].lstrip("_") if type(module) is str else ""
    return {"bases": bases, "builtin": builtin, "standard": root in sys.stdlib_module_names}


def _run(target: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Run a coroutine to its end."""
    import asyncio  # not in the zygote, where every fork would pay for it

    return asyncio.run(target)


class _Nothing:
    """Equals nothing, and is told to nobody."""


def _equal(target: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Return whether two of the candidate's objects are equal, unless they equal just anything."""
    if (target == args[0]) is not True:
        return False
    for each in (target, args[0]):
        try:
            if each == _Nothing():
                return False
        except Exception:  # as it should, if it looks for what it compares
            continue
    return True


def _special(target: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Use an operator; a builtin function where ``operator`` has none."""
    name, *operands = args
    function = getattr(operator, name, None) or getattr(builtins, name)
    return function(*operands)


OPERATIONS: dict[str, Callable[[Any, list[Any], dict[str, Any]], Any]] = {
    "call": lambda target, args, kwargs: target(*args, **kwargs),
    "get": lambda target, args, kwargs: getattr(target, *args),
    "set": lambda target, args, kwargs: setattr(target, *args),
    "item": lambda target, args, kwargs: target[args[0]],
    "set_item": lambda target, args, kwargs: target.__setitem__(*args),
    "items": _items,
    "next": lambda target, args, kwargs: next(target),
    "length": lambda target, args, kwargs: len(target),
    "text": lambda target, args, kwargs: str(target),
    "value": lambda target, args, kwargs: target,
    "content": lambda target, args, kwargs: kinds.content_of(
        target, type.__dict__["__mro__"].__get__(type(target))
    ),
    "about": _about,
    "equal": _equal,
    "special": _special,
    "is_instance": lambda target, args, kwargs: isinstance(args[0], target),
    "is_subclass": lambda target, args, kwargs: issubclass(args[0], target),
    "run": _run,
    "enter": lambda target, args, kwargs: target.__enter__(),
    "exit": lambda target, args, kwargs: target.__exit__(None, None, None),
}
