"""Calls on the candidate's side: what a request names, done, and told in plain data.

Objects that have no plain form can stay here under a number, for a suite that builds one,
changes it and hands it back (``root = Node(1); root.left = Node(2); check(f(root))``).
"""

import builtins
import itertools
import json
import types
from collections.abc import Callable
from typing import Any

from reasonbench.sandbox.guest import codec

_dumps = json.dumps
MAX_OBJECTS = 100_000
MAX_ITEMS = 100_000
MAX_MESSAGE = 2000


class Table:
    """The objects that were told by number."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self.telling = False

    def tell(self, value: Any) -> dict[str, Any] | None:
        """Return the tag that stands for a value, where the asker can hold such tags."""
        if not self.telling or len(self._objects) >= MAX_OBJECTS:
            return None
        self._objects.append(value)
        return {"t": "ref", "v": [len(self._objects) - 1, codec.type_name(value)]}

    def find(self, body: Any) -> Any:
        """Return the object of a tag's body: a number of ours, or a builtin's name."""
        if isinstance(body, str):
            return getattr(builtins, body)
        return self._objects[body[0]]


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as names: its type, the builtin type it is one of, its message."""
    bases: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(error))
    builtin = next(
        (base.__name__ for base in bases if getattr(builtins, base.__name__, None) is base),
        "Exception",
    )
    try:
        message = str(error)
    except BaseException:
        message = "(its message could not be made)"
    return {"type": codec.type_name(error), "builtin": builtin, "message": message[:MAX_MESSAGE]}


def pack(reply: dict[str, Any], table: Table) -> bytes:
    """Return a reply as bytes, whatever the value in it does when it is looked at."""
    if "raised" in reply:
        return _dumps(reply).encode()
    try:
        parts = [f'"{name}":'.encode() + codec.dumps(reply[name], table.tell) for name in reply]
        return b"{" + b",".join(parts) + b"}"
    except BaseException as error:
        return _dumps({"raised": describe(error)}).encode()


def perform(body: bytes, module: types.ModuleType, table: Table) -> dict[str, Any]:
    """Do what a request asks for; return the value or what was raised."""
    try:
        request = codec.loads(body, table.find)
        table.telling = request.get("objects", False)
        target = resolve(request["target"], module)
        args = request.get("args", [])
        value = OPERATIONS[request["op"]](target, args, request.get("kwargs", {}))
        if request.get("args_after"):
            return {"value": value, "args": args}
        return {"value": value}
    except BaseException as error:
        return {"raised": describe(error)}


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
}
