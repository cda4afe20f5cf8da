"""What an exporter sees of a run: its scores, and its completions one problem at a time.

Memory holds one problem's completions.  Lone surrogates, which no UTF-8 file can hold, are
U+FFFD here, and counted.
"""

import datetime
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from reasonbench.errors import ReasonbenchError
from reasonbench.identity import digest
from reasonbench.records import (
    Completion,
    Counts,
    Estimate,
    FinishReason,
    Grade,
    Plan,
    Problem,
    Verdict,
)
from reasonbench.results import RunResult, Severity, TaskResult

R = TypeVar("R", bound=msgspec.Struct)

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME = 80
"""Characters of a task's or model's name that a file is named by."""
DIGITS = 4
"""Decimals of a score in percent; what a run can tell has fewer."""


class Sample(NamedTuple):
    """One completion and its grade by the task's own grader."""

    completion: Completion
    """As it was drawn."""
    thought: str | None
    """Its thinking part without the marks; None where it has none."""
    said: str
    """What follows the thinking."""
    thinking: str
    """Which marks of the thinking part were there: ``both``, ``close_only`` ..."""
    grade: Grade | None
    """The grade; None where it is owed."""
    counted: bool
    """Whether the score counts it: it has a verdict, and early stopping did not end before."""

    @property
    def correct(self) -> bool:
        """Whether the grade calls it correct."""
        return self.grade is not None and self.grade.verdict is Verdict.CORRECT


class Row(NamedTuple):
    """One problem and everything that was drawn for it."""

    problem: Problem
    """The problem."""
    counts: Counts
    """How its completions were judged."""
    samples: list[Sample]
    """Its completions, in the order of sample_index."""


class Exported:
    """A run, read only."""

    def __init__(
        self,
        *,
        plan: Plan,
        result: RunResult,
        version: str,
        date: datetime.datetime,
        rows: Callable[["Exported"], Iterator[Row]],
    ) -> None:
        self.plan = plan
        self.result = result
        self.version = version
        """Version of reasonbench that exports."""
        self.date = date
        """When the run's last session ended, in UTC."""
        self.replaced = 0
        """Records so far whose text had no form in UTF-8."""
        self.skipped: list[str] = []
        """What was left out, in sentences."""
        self._rows = rows

    def tasks(self) -> Iterator[tuple[TaskResult, Iterator[Row]]]:
        """Yield each task with its problems; read the problems before the next task."""
        by_name = {task.spec.name: task for task in self.result.tasks}
        for name, rows in itertools.groupby(self._rows(self), lambda row: row.problem.task):
            task = by_name.pop(name, None)
            if task is None:
                raise ReasonbenchError(
                    f"the problems of {name!r} are not together in {self.result.path}",
                    hint="run or import it again with this version of reasonbench",
                )
            yield task, rows

    def rows(self) -> Iterator[Row]:
        """Yield every problem."""
        for _, rows in self.tasks():
            yield from rows

    @property
    def sampling(self) -> dict[str, Any]:
        """How the completions were drawn, without what the log of an imported run does not tell."""
        return self.result.engine.told(self.result.sampling)

    def has_text(self, completion: Completion) -> bool:
        """Tell whether a completion's text is known: of some logs there are the scores alone."""
        settings = self.result.engine.settings
        withheld = completion.finish_reason is FinishReason.FILTER and not completion.text
        return not (withheld and settings.get("trace_available") is False)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Codes of the findings by which its scores are none."""
        return tuple(dict.fromkeys(finding.code for finding in self.result.invalid))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of the findings by which its scores may be off."""
        found = (f.code for f in self.result.validity if f.severity is Severity.WARNING)
        return tuple(dict.fromkeys(found))

    def wellformed(self, record: R) -> R:
        """Return a record that UTF-8 can hold, and count it if it had to be changed."""
        try:
            msgspec.json.encode(record)
        except UnicodeEncodeError:
            self.replaced += 1
            return msgspec.convert(_replaced(msgspec.to_builtins(record)), type(record))
        return record

    def refuse_stopped(self, form: str) -> None:
        """Refuse a run that stopped early, for a format whose readers count samples themselves.

        Raises:
            ReasonbenchError: it stopped early.
        """
        stop = self.plan.spec.stop_after_successes
        if stop is not None:
            raise ReasonbenchError(
                f"{self.result.path} left each problem after {stop} correct completions, and who "
                f"reads {form} takes the mean of what is there, which is then too high or too low",
                hint="export it with --to hub, parquet or jsonl, or complete it: give the run's "
                "command without --stop-after-successes",
            )


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_replaced(k): _replaced(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(v) for v in value]
    return value


def file_name(text: str) -> str:
    """Return a text as a file's name; one that had to be changed carries a digest."""
    plain = _UNFIT.sub("-", text).strip("-.")[:MAX_NAME]
    return plain if plain == text else f"{plain or 'x'}-{digest(text)[:8]}"


def pass_at(task: TaskResult, k: int) -> Estimate | None:
    """Return a task's estimate at k, where it has a value."""
    found = next((e for e in task.estimates if e.k == k), None)
    return found if found is not None and found.value is not None else None


def sampling_words(run: Exported, task: TaskResult) -> str:
    """Return how the completions were drawn, such as ``n=64 temperature=0.6 ...``."""
    told = run.sampling
    words = [f"n={task.n}"]
    for name in ("temperature", "top_p", "top_k", "min_p", "presence_penalty"):
        if (value := told.get(name)) or (value is not None and name in ("temperature", "top_p")):
            words.append(f"{name}={value:g}")
    if told.get("repetition_penalty", 1) != 1:
        words.append(f"repetition_penalty={told['repetition_penalty']:g}")
    if told.get("max_tokens") is not None:
        words.append(f"max_tokens={told['max_tokens']}")
    if task.stop_after_successes is not None:
        words.append(f"stopped after {task.stop_after_successes} correct")
    return " ".join(words)


def caveats(run: Exported, task: TaskResult) -> list[str]:
    """Return what a reader must know before using a task's score."""
    said = []
    if run.invalid:
        said.append(f"INVALID ({', '.join(run.invalid)})")
    if task.n_owed:
        said.append(f"{task.n_owed} completions owed")
    if ungraded := sum(task.ungraded.values()):
        said.append(f"{ungraded} completions without a verdict left out")
    if run.warnings:
        said.append(f"warnings: {', '.join(run.warnings)}")
    if untold := run.result.engine.not_told:
        said.append(f"imported from a log that does not tell {', '.join(untold)}")
    if run.result.engine.settings.get("trace_available") is False:
        said.append("imported from a log that does not hold the text of every completion")
    return said


def encode(value: Any) -> bytes:
    """Return one line of JSON."""
    return msgspec.json.encode(value) + b"\n"


def write_pretty(path: Path, value: Any) -> Path:
    """Write a JSON document for people too; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    return path
