"""The texts of a record, and which are prompts and which are traces.

A record is a JSON object or a row of a table.  Every text in it is a field with a path such
as ``messages[0].content``.  By default the names of keys and the authors of turns give the
roles, and every text is searched; ``--fields prompt=q,trace=t`` names what is searched, and
nothing else is.  A dotted path goes through objects and, without writing it, through lists.

All text can be written as UTF-8: a lone surrogate, which JSON can spell, becomes U+FFFD,
one character for one, so that offsets stay what they are.
"""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reasonbench.errors import SpecError

MAX_FIELDS = 1_000_000
"""Most text fields of a record that are searched."""
MAX_PATH = 200
"""Most characters of a field's path: a longer one keeps its two ends."""
MAX_DEPTH = 100
"""Deepest nesting of a record that is read."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Role(enum.StrEnum):
    """What a text is in its record."""

    PROMPT = "prompt"
    """What the teacher was asked."""
    TRACE = "trace"
    """What the teacher wrote."""
    OTHER = "other"
    """Neither, as far as names tell."""


class Field(NamedTuple):
    """One text of a record."""

    path: str
    """Where it stands, such as ``messages[0].content``."""
    text: str
    """The text, escapes decoded."""
    role: Role
    """What it is."""


# fmt: off
PROMPT_NAMES = frozenset((
    "prompt", "question", "problem", "problem_statement", "instruction", "input", "query", "q",
    "user", "human", "system",
))
"""Keys of what the teacher was asked, in small letters."""
TRACE_NAMES = frozenset((
    "trace", "solution", "answer", "completion", "response", "output", "t", "text", "reasoning",
    "reasoning_content", "thinking", "thought", "cot", "chain_of_thought", "rationale",
    "generation", "generations", "completions", "responses", "outputs", "assistant", "gpt",
    "model_output", "deepseek_reasoning", "deepseek_solution", "deepseek_attempt",
))
"""Keys of what the teacher wrote."""
# fmt: on
AUTHOR_KEYS = ("role", "from")
"""Keys that hold a turn's author; the turn's other texts take their role from it."""
PROMPT_AUTHORS = frozenset(("user", "human", "system", "developer", "tool", "function"))
TRACE_AUTHORS = frozenset(("assistant", "gpt", "model", "bot", "chatgpt"))


class Selection(NamedTuple):
    """What a person named with ``--fields``: paths and their roles."""

    paths: tuple[tuple[tuple[str, ...], Role], ...]
    """Keys down to the value, and what everything below it is."""

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Read ``prompt=q,trace=messages.content``.

        Raises:
            SpecError: it is not of that form, or names a path twice.
        """
        paths: dict[tuple[str, ...], Role] = {}
        for part in text.split(","):
            role, equals, path = (piece.strip() for piece in part.partition("="))
            keys = tuple(path.split("."))
            if not equals or role not in ("prompt", "trace") or not all(keys) or keys in paths:
                raise SpecError(
                    f"{part.strip()!r} does not name a field in --fields {text!r}",
                    hint="write prompt=KEY or trace=KEY, each key once, parted by commas, such as "
                    "prompt=question,trace=messages.content",
                )
            paths[keys] = Role(role)
        return cls(tuple(paths.items()))

    @property
    def columns(self) -> list[str]:
        """The names at the top of the record."""
        return list(dict.fromkeys(keys[0] for keys, _ in self.paths))

    @property
    def depth(self) -> int:
        """Keys in the longest path."""
        return max(len(keys) for keys, _ in self.paths)


class UnsearchableError(Exception):
    """A record that cannot be searched; the message says why."""


def encodable(text: str) -> str:
    """Return ``text`` with each lone surrogate replaced by U+FFFD, at the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def collect(record: Mapping[str, Any], selection: Selection | None = None) -> list[Field]:
    """Return the texts of a record in its own order, or the selected ones in theirs.

    Raises:
        UnsearchableError: it is nested too deep or holds too many texts.
    """
    fields: list[Field] = []
    if selection is None:
        _collect(record, "", Role.OTHER, 0, fields)
        return fields
    for keys, role in selection.paths:
        for path, value in _values(record, keys, ""):
            _collect(value, path, role, len(keys), fields)
    return fields


def missing(record: Mapping[str, Any], selection: Selection) -> list[str]:
    """Say which selected fields hold no text, such as ``field t is a number, not text``."""
    said = []
    for keys, role in selection.paths:
        values = values_below(record, keys)
        fields: list[Field] = []
        for value in values:
            _collect(value, "", role, len(keys), fields)
        if not fields:
            name = encodable(".".join(keys))
            kinds = sorted({_kind(value) for value in values})
            found = f"is {' or '.join(kinds)}, not text" if kinds else "is missing"
            said.append(f"field {name} {found}")
    return said


def values_below(record: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    """Return what stands under a path of keys, through lists."""
    return [value for _, value in _values(record, keys, "")]


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "an object without text"
    return "a list without text" if isinstance(value, list | tuple) else "no text"


def _values(value: Any, keys: Sequence[str], path: str) -> Iterator[tuple[str, Any]]:
    """Yield what stands under ``keys``, through lists."""
    if not keys:
        yield path, value
    elif isinstance(value, Mapping):
        if keys[0] in value:
            yield from _values(value[keys[0]], keys[1:], _key(path, keys[0]))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _values(item, keys, _below(path, f"[{i}]"))


def _collect(value: Any, path: str, role: Role, depth: int, fields: list[Field]) -> None:
    """Append every text below ``value``, in the order of the record."""
    if isinstance(value, str):
        if len(fields) >= MAX_FIELDS:
            raise UnsearchableError(f"more than {MAX_FIELDS:,} text fields")
        fields.append(Field(path, encodable(value), role))
    elif isinstance(value, Mapping | list | tuple):
        if depth >= MAX_DEPTH:
            raise UnsearchableError(f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, Mapping):
            author = _author(value)
            for key, item in value.items():
                below = _role(key, author, role)
                _collect(item, _key(path, key), below, depth + 1, fields)
        else:
            for i, item in enumerate(value):
                _collect(item, _below(path, f"[{i}]"), role, depth + 1, fields)


def _author(value: Mapping[str, Any]) -> Role | None:
    """Return the role that a turn's author gives, where ``value`` is a turn."""
    for key in AUTHOR_KEYS:
        author = value.get(key)
        if isinstance(author, str):
            if author.lower() in PROMPT_AUTHORS:
                return Role.PROMPT
            if author.lower() in TRACE_AUTHORS:
                return Role.TRACE
    return None


def _role(key: str, author: Role | None, role: Role) -> Role:
    """Return the role below a key: the author's, the one from above, or what the name says."""
    if author is not None:
        return Role.OTHER if key in AUTHOR_KEYS else author
    if role is not Role.OTHER:
        return role
    name = key.lower()
    if name in PROMPT_NAMES:
        return Role.PROMPT
    return Role.TRACE if name in TRACE_NAMES else Role.OTHER


def _key(path: str, key: str) -> str:
    return _below(path, f".{_short(key)}" if path else key)


def _below(path: str, step: str) -> str:
    return encodable(_short(path + step))


def _short(path: str) -> str:
    if len(path) <= MAX_PATH:
        return path
    half = MAX_PATH // 2
    return f"{path[: half - 1]}…{path[-half:]}"
