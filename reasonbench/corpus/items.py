"""Benchmark items: what traces are searched for."""

import enum
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reasonbench.errors import SpecError


class Unit(enum.StrEnum):
    """A part of an item that is searched for by itself."""

    QUESTION = "question"
    """The statement."""
    SOLUTION = "solution"
    """A worked solution."""
    CODE = "code"
    """A reference program."""


class Kind(enum.StrEnum):
    """How what was found relates to the item."""

    VERBATIM = "verbatim"
    """The question word for word, numbers and operators included."""
    REFORMATTED = "reformatted"
    """The question in another notation, or with a few words around it changed."""
    RENUMBERED = "renumbered"
    """The question's words with other numbers."""
    PARAPHRASED = "paraphrased"
    """The question in other words."""
    PARTIAL = "partial"
    """A part of the question."""
    SOLUTION = "solution"
    """The reference solution, or a large part of it."""
    ANSWER_ONLY = "answer_only"
    """A trace on the item, by its answer or its numbers, without its question or its solution."""
    CODE = "code"
    """The reference program, or a large part of it."""


class Channel(enum.StrEnum):
    """Where in the record it was found."""

    PROMPT = "prompt"
    """In what the teacher was asked."""
    TRACE = "mid-trace"
    """The item itself, within what the teacher wrote."""
    PROMPTLESS = "prompt-less trace"
    """What the teacher wrote on the item, in a record that does not hold its question."""


class Item(NamedTuple):
    """One benchmark item; empty texts are parts that it does not have."""

    benchmark: str
    """Name of the task or file it comes from."""
    id: str
    """Its id there."""
    question: str
    """Statement."""
    solution: str = ""
    """Worked solution."""
    answer: str = ""
    """Final answer."""
    code: str = ""
    """Reference program."""

    def text(self, unit: Unit) -> str:
        """Return the text of one unit."""
        return str(getattr(self, unit.value))


_ID = ("id", "problem_id", "task_id", "unique_id", "question_id", "name")
_QUESTION = ("question", "problem", "statement", "prompt", "text", "q")
_SOLUTION = ("solution", "rationale", "explanation")
_ANSWER = ("answer", "target", "final_answer")
_CODE = ("code", "canonical_solution", "reference_solution")
_FINAL = "####"
"""What parts a worked solution from its answer in GSM8K."""


def read_items(path: Path) -> list[Item]:
    """Read benchmark items from JSON Lines, plain or packed.

    A line has a question (``question``, ``problem``, ``statement``, ``prompt`` or ``text``) and
    may have ``solution``, ``answer``, ``code`` and ``id``; the line's number, from 0, is the id of
    an item without one.

    Raises:
        SpecError: the file cannot be read, or a line is no such item.
    """
    items: list[Item] = []
    seen: set[str] = set()
    for number, line in enumerate(_lines(path)):
        if not line.strip():
            continue
        where = f"{path}:{number + 1}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"{where} is not JSON: {error}", hint=_HINT) from None
        if not isinstance(row, dict):
            raise SpecError(f"{where} is not a JSON object", hint=_HINT)
        item = make_item(path.name.split(".")[0], row, str(number))
        if not item.question.strip():
            raise SpecError(f"{where} has no question", hint=_HINT)
        if item.id in seen:
            raise SpecError(
                f"{where} has the id {item.id!r} a second time", hint="give each its own"
            )
        seen.add(item.id)
        items.append(item)
    if not items:
        raise SpecError(f"{path} holds no item", hint=_HINT)
    return items


_HINT = "a line is an object with a question, and solution, answer, code and id where there are any"


def make_item(benchmark: str, row: Mapping[str, Any], number: str) -> Item:
    """Return the item of a row; what is no text is left out."""
    question, solution, answer, code = (
        _first(row, names) for names in (_QUESTION, _SOLUTION, _ANSWER, _CODE)
    )
    if not solution and _FINAL in answer:
        solution, answer = answer, answer.rsplit(_FINAL, 1)[1].strip()
    return Item(benchmark, _first(row, _ID) or number, question, solution, answer, code)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value:
            return value.encode("utf-8", "replace").decode()
    return ""


def _lines(path: Path) -> Iterator[bytes]:
    from reasonbench.corpus.sources_streams import DamagedError, read_head, unpacked

    try:
        with open(path, "rb", buffering=0) as raw:
            stream = unpacked(raw, read_head(raw))
            text = bytearray()
            buffer = bytearray(2**20)
            while size := stream.readinto(memoryview(buffer)):
                text += buffer[:size]
    except (OSError, DamagedError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{path} cannot be read: {said}", hint="give a JSON Lines file") from None
    return iter(bytes(text).split(b"\n"))
