"""The suite's process: assert-style tests, run apart from the code that they test.

Names that the suite uses and does not define are proxies.  Using one asks the candidate's
process, through the two supervisors and the outside, and gets plain data or a reference
back; every comparison happens here.
"""

import ast
import builtins
import json
import socket
import sys
import types
from typing import Any

from reasonbench.sandbox.guest import codec, objects, wire


class Line:
    """The suite's way to the candidate: one question, one answer."""

    def __init__(self, channel: socket.socket, max_bytes: int) -> None:
        self._channel = channel
        self._max_bytes = max_bytes

    def ask(self, op: str, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Have the candidate's process do something; return or raise what it came to."""
        request = {"op": op, "target": target, "args": list(args), "kwargs": kwargs}
        body = codec.dumps_whole({**request, "objects": True}, self._number)
        self._channel.sendall(wire.pack(wire.DATA, b"?" + body))
        frame = wire.receive(self._channel, self._max_bytes)
        if frame is None:
            raise SystemExit
        reply = json.loads(frame[1])
        if "raised" in reply:
            raise rebuild(reply["raised"])
        return codec.decode(reply["value"], self._reference)

    def end(self, verdict: dict[str, Any]) -> None:
        """Tell the outside how the suite ended."""
        self._channel.sendall(wire.pack(wire.DATA, b"!" + json.dumps(verdict).encode()))

    def _number(self, value: Any) -> dict[str, Any]:
        if type(value) is Remote:
            return {"t": "ref", "v": object.__getattribute__(value, "_reference")}
        if type(value) is Name:
            raise TypeError("a function of the candidate's cannot be handed back to it")
        name = getattr(value, "__name__", None)
        if type(name) is str and getattr(builtins, name, None) is value:
            return {"t": "ref", "v": name}  # int, len and their like
        raise TypeError(f"a {codec.type_name(value)} cannot be handed to the candidate")

    def _reference(self, body: Any) -> "Remote":
        number, name = body
        return Remote(self, [int(number), str(name)])


def rebuild(raised: dict[str, str]) -> BaseException:
    """Return an exception of the builtin type that the candidate's was one of."""
    base = getattr(builtins, raised["builtin"], Exception)
    if not (isinstance(base, type) and issubclass(base, BaseException)):
        base = Exception
    if issubclass(base, StopIteration | StopAsyncIteration | GeneratorExit):
        base = RuntimeError  # these would end a loop of the suite's as if all were well
    for parent in base.__mro__:  # UnicodeDecodeError, say, cannot be made of a message
        try:
            kind = parent
            if raised["type"] != parent.__name__:
                kind = type(raised["type"], (parent,), {})
            error: BaseException = kind(raised["message"])
            error.by_candidate = True  # type: ignore[attr-defined]
            return error
        except (TypeError, ValueError, AttributeError):
            continue
    return RuntimeError(raised["message"])


class Name:
    """A name of the candidate's module: a function or class to call."""

    def __init__(self, line: Line, name: str) -> None:
        self._line = line
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return self._line.ask("call", self.__name__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._line.ask("get", self.__name__, name)


class Remote:
    """An object that lives with the candidate; equal to nothing but itself."""

    def __init__(self, line: Line, reference: list[Any]) -> None:
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_reference", reference)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask(self, "get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "set", name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        line = object.__getattribute__(self, "_line")
        return line.ask("call", self, *args, **kwargs)

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
        return True

    def __getitem__(self, index: Any) -> Any:
        return _ask(self, "item", index)

    def __setitem__(self, index: Any, value: Any) -> None:
        _ask(self, "set_item", index, value)

    def __str__(self) -> str:
        return str(_ask(self, "text"))


def _ask(remote: Remote, op: str, *args: Any) -> Any:
    return object.__getattribute__(remote, "_line").ask(op, remote, *args)


def foreign_names(tree: ast.AST) -> set[str]:
    """Return the names that a suite reads and neither defines nor finds among the builtins."""
    read: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return {name for name in read - bound if not hasattr(builtins, name)}


def borrow(line: Line, names: set[str]) -> dict[str, Any]:
    """Return what the candidate's module has under these names: data, or a name to call."""
    found = {}
    for name in sorted(names):
        try:
            value = line.ask("value", name)
        except NameError:
            continue  # the suite will raise its own, if it comes to that line
        found[name] = Name(line, name) if type(value) is Remote else value
    return found


def run(order: dict[str, Any], channel: socket.socket, max_bytes: int) -> int:
    """Run a suite against the candidate's process; tell how it ended."""
    line = Line(channel, max_bytes)
    module = types.ModuleType("suite")
    sys.modules["suite"] = module
    module.__dict__["__builtins__"] = builtins
    entry = Name(line, order["entry_point"])
    try:
        tree = ast.parse(order["code"])
        module.__dict__.update(borrow(line, foreign_names(tree)))
        module.__dict__["candidate"] = module.__dict__[order["entry_point"]] = entry
        exec(compile(tree, "suite.py", "exec", dont_inherit=True), module.__dict__)
        if order["check"]:
            module.__dict__[order["check"]](entry)
        verdict: dict[str, Any] = {"passed": True}
    except BaseException as error:
        told = {**objects.describe(error), "line": _line_number(error)}
        verdict = {"passed": False, "raised": told, "candidate": hasattr(error, "by_candidate")}
    line.end(verdict)
    return 0


def _line_number(error: BaseException) -> int | None:
    """Return the line of the suite that the error came from."""
    number = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "suite.py":
            number = trace.tb_lineno
        trace = trace.tb_next
    return number
