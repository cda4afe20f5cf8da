"""The suite's process: assert-style tests, run apart from the code that they test.

Where a name of the suite's comes from (see ``names``) is settled before it runs; what is the
candidate's is a proxy.  Using one asks the candidate's process, through the two supervisors and
the outside, and gets plain data or a reference back.

Functions and iterators of the suite's can be handed over: the candidate asks for each call.
Lists and their like that a call changed are changed here too, but for a call that stands within
an assertion and returned something: there the suite's own values are not the candidate's to
change (``assert f(xs) == sorted(xs)``).
"""

import ast
import builtins
import socket
import sys
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

from reasonbench.sandbox.guest import codec, kinds, names, objects, raised, remote, wire
from reasonbench.sandbox.guest.remote import Name, Remote

FILE = "suite.py"
_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))


class UnjudgeableError(BaseException):
    """The suite does what cannot be done at a distance; that is not the candidate's fault."""


class Line:
    """The suite's way to the candidate: one question, one answer."""

    def __init__(self, channel: socket.socket, max_bytes: int, asserted: set[int]) -> None:
        self._channel = channel
        self._max_bytes = max_bytes
        self._asserted = asserted
        self._handed: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._remotes: dict[int, Remote] = {}
        raised.Kind.line = self

    def ask(self, op: str, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Have the candidate's process do something; return or raise what it came to."""
        request = {"op": op, "target": target, "args": list(args), "kwargs": kwargs}
        reply = self._exchange({**request, "objects": True})
        while "callback" in reply:
            reply = self._exchange(self._serve(self._read(reply["callback"])))
        if "raised" in reply:
            told = reply["raised"]
            args_told = self._read(told.get("args"))
            made = self._read(told.get("object"))
            raise raised.rebuild(told, args_told, made, ends_a_loop=op == "next")
        value = self._read(reply["value"])
        if "args" in reply and (value is None or not self._is_asserted()):
            write_back(list(args), self._read(reply["args"]))
        return value

    def holds(self, value: Any) -> bool:
        """Return whether a value is the candidate's: an object, a name or an exception."""
        return type(value) in (Remote, Name, raised.Kind) or type(type(value)) is raised.Kind

    def end(self, verdict: dict[str, Any]) -> None:
        """Tell the outside how the suite ended."""
        self._channel.sendall(wire.pack(wire.DATA, b"!" + codec.dumps_plain(verdict)))

    def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        raw = question.keys() & {"resume", "raise"}
        body = codec.dumps_plain(question) if raw else codec.dumps_whole(question, self._hand)
        self._channel.sendall(wire.pack(wire.DATA, b"?" + body))
        frame = wire.receive(self._channel, self._max_bytes)
        if frame is None:
            raise SystemExit
        reply = codec.parse(frame[1])
        if type(reply) is not dict:
            raise codec.DecodeError("a reply of an unknown shape")
        return reply

    def _serve(self, question: Any) -> dict[str, Any]:
        """Use a function or iterator that was handed over."""
        number, op, args, kwargs = question
        own = self._handed[number]
        try:
            value = next(own) if op == "next" else own(*args, **kwargs)
            return {"resume": codec.tree_of(value, self._hand)}
        except Exception as error:
            return {"raise": objects.describe(error)}

    def _read(self, tree: Any) -> Any:
        return codec.decode(tree, self._reference, exact=True)

    def _is_asserted(self) -> bool:
        """Return whether the statement of the suite's that now runs is an assertion."""
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_filename != FILE:
            frame = frame.f_back  # type: ignore[assignment]
        return frame is not None and frame.f_lineno in self._asserted

    def _hand(self, value: Any) -> dict[str, Any] | None:
        """Return the tag of what has no plain form."""
        if type(value) is Remote:
            number, name = (object.__getattribute__(value, n) for n in ("_number", "_type_name"))
            return {"t": "ref", "v": [number, name, None, None]}
        if type(value) in (Name, raised.Kind):
            return {"t": "name", "v": value.__name__}
        if isinstance(value, BaseException) and type(value.__dict__.get("remote")) is Remote:
            return self._hand(value.__dict__["remote"])
        name = getattr(value, "__name__", None)
        if type(name) is str and getattr(builtins, name, None) is value:
            return {"t": "builtin", "v": name}  # int, len and their like
        if type(value) in _VIEWS:
            tree: dict[str, Any] = codec.tree_of(tuple(value), self._hand)
            return tree
        if isinstance(value, Iterator) or callable(value):
            kind = "iterator" if isinstance(value, Iterator) else ""
            if id(value) not in self._numbers:
                self._numbers[id(value)] = len(self._handed)
                self._handed.append(value)
            return {"t": "own", "v": [self._numbers[id(value)], kind]}
        if kinds.base_name(type(value).__mro__) is not None:
            return None
        if type(value) is codec.Opaque or hasattr(value, "cr_frame") or hasattr(value, "dtype"):
            # The candidate's doing: it must not make a test one that cannot be judged.
            raise TypeError(f"a {codec.type_name(value)} cannot be handed back to the program")
        raise UnjudgeableError(
            f"an object of the tests' own ({codec.type_name(value)}) cannot be handed to the "
            "program"
        )

    def _reference(self, tag: str, body: Any) -> Any:
        if tag == "own":
            return self._handed[body[0]]
        if tag != "ref":
            raise codec.DecodeError("a reference of an unknown kind")
        number, name, base, content = body
        if number not in self._remotes:
            told = None if content is None else self._read(content)
            self._remotes[number] = Remote(self, int(number), str(name), base, told)
        found = self._remotes[number]
        return remote.awaited(found) if base == "coroutine" else found


def write_back(old: Any, new: Any) -> Any:
    """Give an object the content that it has at the candidate's; return it, or what replaces it."""
    if type(old) is not type(new) or old is new:
        return new
    if type(old) in (list, deque):
        items = [write_back(o, n) for o, n in zip(old, new, strict=False)]
        items += list(new)[len(items) :]
        old.clear()
        old.extend(items)
    elif isinstance(old, dict):
        rows = {key: write_back(old[key], new[key]) if key in old else new[key] for key in new}
        old.clear()
        dict.update(old, rows)
    elif type(old) is tuple and len(old) == len(new):
        for mine, theirs in zip(old, new, strict=True):
            write_back(mine, theirs)
    elif type(old) is set:
        old.clear()
        old.update(new)
    elif type(old) is bytearray:
        old[:] = new
    elif kinds.is_numpy(type(old).__mro__, "ndarray") and old.shape == new.shape:
        old[...] = new
    else:
        return new
    return old


def run(order: dict[str, Any], channel: socket.socket, max_bytes: int) -> int:
    """Run a suite against the candidate's process; tell how it ended."""
    module = types.ModuleType("suite")
    sys.modules["suite"] = module
    module.__dict__["__builtins__"] = builtins
    line = Line(channel, max_bytes, set())
    entry = Name(line, order["entry_point"])
    try:
        tree = ast.parse(order["code"])
        line = Line(channel, max_bytes, names.lines_of_assertions(tree))
        entry = Name(line, order["entry_point"])
        module.__dict__.update(names.borrow(line, tree, order["entry_point"]))
        module.__dict__["candidate"] = module.__dict__[order["entry_point"]] = entry
        exec(compile(tree, FILE, "exec", dont_inherit=True), module.__dict__)
        if order["check"]:
            module.__dict__[order["check"]](entry)
        verdict: dict[str, Any] = {"passed": True}
    except UnjudgeableError as error:
        verdict = {"passed": False, "unjudgeable": str(error)[: objects.MAX_MESSAGE]}
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
        if trace.tb_frame.f_code.co_filename == FILE:
            number = trace.tb_lineno
        trace = trace.tb_next
    return number
