"""What every importer hands over: problems, their samples, and what the log does not tell.

An importer reads one file and judges nothing.  Row numbers count from 1: lines of a text
file, rows of a table, entries of a zip; messages name them.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import ReasonbenchError
from reasonbench.interchange.import_values import brief
from reasonbench.records import FinishReason
from reasonbench.specs import SamplingSpec

MAX_SAMPLES = 2_000_000
"""Completions in one log; a run keeps a row for each."""
MAX_TEXT = 4 * 2**30
"""Characters of all texts in one log, which are held in memory while it is read."""
MAX_ID = 1_000
"""Characters of a problem's id or a task's name."""
MAX_ANSWER = 200
"""Characters that are kept of an answer as the source extracted it."""
MAX_NAMED = 5
"""Rows or problems that a sentence names."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a log says about how its samples were drawn."""

    model: str | None = None
    """Name of the model."""
    revision: str | None = None
    """Its revision."""
    sampling: dict[str, Any] = {}
    """Fields of SamplingSpec that the log tells."""
    versions: dict[str, str] = {}
    """Versions of the harness and its libraries."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One completion as the log has it."""

    row: int
    """Where it stands."""
    repeat: int | None
    """The source's own number among the problem's samples."""
    text: str | None
    """What was said, thinking included; None where the log holds no text."""
    finish_reason: FinishReason | None = None
    """Why it ended; None where the log does not tell."""
    score: float | None = None
    """The source's own score in [0, 1]; None where there is none for this sample alone."""
    answer: str | None = None
    """Answer as the source extracted it."""
    n_prompt_tokens: int = 0
    """Tokens of the prompt; 0 where not told."""
    n_tokens: int = 0
    """Tokens generated; 0 where not told."""
    seed: int = 0
    """Seed; 0 where not told."""


class Item(msgspec.Struct, kw_only=True):
    """One problem with its samples."""

    task: str
    """Task that it belongs to."""
    id: str
    """Its id in the log."""
    row: int
    """First row that names it."""
    statement: str | None = None
    """What was asked, without the prompt around it, as far as the log tells."""
    prompt: str | None = None
    """The whole prompt, where the log has it."""
    target: str | None = None
    """Gold answer."""
    tests: dict[str, Any] | None = None
    """Tests of a coding problem, in our form."""
    mean: float | None = None
    """The source's mean score over the samples, where it gives no score for each."""
    metadata: dict[str, Any] = {}
    """What a grader needs beside, of our own exports."""
    grader: str | None = None
    """Grader that judged it before, of our own exports."""
    samples: list[Sample] = []
    """In the order of the log."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One log."""

    path: Path
    """The file."""
    sha256: str
    """Its digest."""
    format: str
    """Name of the format, such as ``lm-eval``."""
    version: str
    """Version of the format or of its harness, as far as told."""
    told: Told
    """Model and sampling."""
    items: tuple[Item, ...]
    """Problems, in the order of the log."""
    missing: tuple[str, ...]
    """What the log lacks or what must be known of it, one sentence each."""

    @property
    def samples(self) -> list[Sample]:
        """All samples."""
        return [sample for item in self.items for sample in item.samples]

    @property
    def trace_available(self) -> bool:
        """Whether every sample has its text."""
        return all(sample.text is not None for sample in self.samples)

    @property
    def finish_reason_available(self) -> bool:
        """Whether the log tells of every sample why it ended."""
        return all(sample.finish_reason is not None for sample in self.samples)


class Row:
    """One row of a log, whose fields are read by their type."""

    def __init__(self, path: Path, number: int, data: Mapping[str, Any], kind: str = "row") -> None:
        self.path = path
        self.number = number
        self.data = data
        self._kind = kind

    def bad(self, why: str, hint: str | None = None) -> ReasonbenchError:
        """Return the error for this row."""
        return ReasonbenchError(f"{self.path}, {self._kind} {self.number:,}: {why}", hint=hint)

    def inner(self, value: Any) -> "Row":
        """Return a table within this row, read likewise; what is none is an empty one."""
        data = value if isinstance(value, Mapping) else {}
        return Row(self.path, self.number, data, self._kind)

    def table(self, key: str) -> "Row":
        """Return a field that is a table; an empty one where it is missing."""
        return self.inner(self._typed(key, Mapping, "an object"))

    def text(self, key: str) -> str | None:
        """Return a field that is text."""
        found: str | None = self._typed(key, str, "text")
        return found

    def items(self, key: str) -> list[Any] | None:
        """Return a field that is a list."""
        found: list[Any] | None = self._typed(key, list, "a list")
        return found

    def whole(self, key: str) -> int | None:
        """Return a field that is a whole number, 0 or more."""
        value = self.data.get(key)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            raise self.bad(f"{key} must be a whole number, 0 or more, got {brief(value)}")
        return value

    def name(self, key: str) -> str | None:
        """Return a field that is an id: text or a whole number."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.bad(f"{key} must be text or a whole number, got {brief(value)}")
        name = str(value)
        if not name or len(name) > MAX_ID:
            raise self.bad(f"{key} must have 1 to {MAX_ID:,} characters, and has {len(name):,}")
        return name

    def needs(self, value: Any, key: str) -> Any:
        """Return a value that must be there."""
        if value is None:
            raise self.bad(f"{key} is missing")
        return value

    def _typed(self, key: str, kind: Any, called: str) -> Any:
        value = self.data.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.bad(f"{key} must be {called}, got {brief(value)}")
        return value


class Collector:
    """The problems and samples of one log as they are read; refuses what contradicts itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.missing: list[str] = []
        self._items: dict[tuple[str, str], Item] = {}
        self._repeats: dict[tuple[str, str, int], int] = {}
        self._n_samples = 0
        self._n_characters = 0

    def problem(self, row: Row, task: str, id: str, **fields: Any) -> Item:
        """Return a problem, new or as it was first read.

        Raises:
            ReasonbenchError: it was asked otherwise before, or had another gold answer.
        """
        known = self._items.get((task, id))
        if known is None:
            self._items[task, id] = known = Item(task=task, id=id, row=row.number, **fields)
            known.samples = []
            return known
        for field in ("statement", "target"):
            if fields.get(field) != getattr(known, field):
                raise row.bad(
                    f"problem {brief(id)} has another {field} than in row {known.row:,}",
                    hint="two benchmarks were mixed; import each by itself",
                )
        return known

    def items(self) -> list[Item]:
        """Return the problems that were read so far."""
        return list(self._items.values())

    def add(self, row: Row, item: Item, *, repeat: int | None, **fields: Any) -> None:
        """Take one sample.

        Raises:
            ReasonbenchError: the same one was there already, or there are too many.
        """
        if repeat is not None:
            key = (item.task, item.id, repeat)
            if (first := self._repeats.get(key)) is not None:
                raise row.bad(
                    f"sample {repeat} of problem {brief(item.id)} stands in row {first:,} already",
                    hint="take the duplicate out: n would count one draw twice",
                )
            self._repeats[key] = row.number
        self._n_samples += 1
        self._n_characters += len(fields.get("text") or "")
        if self._n_samples > MAX_SAMPLES or self._n_characters > MAX_TEXT:
            raise row.bad(
                f"the log is too large: a log may hold {MAX_SAMPLES:,} samples and "
                f"{MAX_TEXT // 2**30} GiB of text",
                hint="split it by task",
            )
        answer = fields.pop("answer", None)
        answer = answer[:MAX_ANSWER] if isinstance(answer, str) else None
        item.samples.append(Sample(row=row.number, repeat=repeat, answer=answer, **fields))

    def done(
        self, sha256: str, format: str, version: str, told: Told, *, sort: bool = True
    ) -> Imported:
        """Return the log.

        Raises:
            ReasonbenchError: it holds no sample.
        """
        items = tuple(item for item in self._items.values() if item.samples)
        if not items:
            raise ReasonbenchError(f"{self.path} holds no sample", hint="is it the right file?")
        for item in items:
            if sort and all(sample.repeat is not None for sample in item.samples):
                item.samples.sort(key=lambda sample: sample.repeat or 0)
        log = Imported(
            path=self.path,
            sha256=sha256,
            format=format,
            version=version,
            told=told,
            items=items,
            missing=(),
        )
        missing = (*self.missing, *_lacks(log), *_uneven(items))
        return msgspec.structs.replace(log, missing=missing)


def _lacks(log: Imported) -> list[str]:
    """Return a sentence for each thing that no import can make up for."""
    samples = log.samples
    lacks = []
    if not log.trace_available:
        n = sum(sample.text is None for sample in samples)
        lacks.append(
            f"{n:,} of {len(samples):,} samples have no text: they keep the source's score and "
            "cannot be graded again"
        )
    if not log.finish_reason_available:
        lacks.append("it does not tell why each sample ended: what was cut off cannot be counted")
    if not any(sample.n_tokens for sample in samples):
        lacks.append("it counts no tokens")
    if log.told.model is None:
        lacks.append("it does not name the model")
    untold = [n for n in SamplingSpec.__struct_fields__ if n not in log.told.sampling]
    if untold:
        lacks.append(f"sampling not told by the log, and no default is a fact: {', '.join(untold)}")
    if all(s.score is None for s in samples) and all(i.mean is None for i in log.items):
        lacks.append("it holds no score of its own to compare with")
    return lacks


def _uneven(items: Sequence[Item]) -> list[str]:
    """Return a sentence for each task whose problems have different numbers of samples."""
    sentences = []
    for task in dict.fromkeys(item.task for item in items):
        mine = [item for item in items if item.task == task]
        most = max(len(item.samples) for item in mine)
        short = [item for item in mine if len(item.samples) < most]
        if short:
            named = ", ".join(
                f"{brief(i.id)} has {len(i.samples)} (rows {rows_of(i)})" for i in short[:MAX_NAMED]
            )
            more = f", and {len(short) - MAX_NAMED:,} more" if len(short) > MAX_NAMED else ""
            sentences.append(
                f"{len(short):,} of {len(mine):,} problems of {task} have fewer than {most} "
                f"samples, so pass@k leaves them out where k is larger: {named}{more}"
            )
    return sentences


def rows_of(item: Item) -> str:
    """Return the rows that a problem's samples stand in."""
    rows = sorted({sample.row for sample in item.samples})
    shown = ", ".join(str(row) for row in rows[:MAX_NAMED])
    return shown + (", ..." if len(rows) > MAX_NAMED else "")
