"""Grading a file of completions: one JSON object a line in, one verdict a line out.

So others can use the graders alone.  A line is
``{"id": ..., "target": "42" | "tests": {...}, "completion": "..."}``.  Beside these may stand
``statement``, ``metadata`` (a grader's options), ``limits`` (of tests), ``finish_reason``
(``stop`` or ``length``) and ``thinking_prefilled``.  Verdicts come in the order of the lines,
as they come about; memory is bounded by the workers, not by the file.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from reasonbench.graders.pool import GraderPool
from reasonbench.identity import digest
from reasonbench.records import (
    Completion,
    Failure,
    FinishReason,
    Grade,
    Problem,
    Record,
    Verdict,
)

TASK = "file"
MAX_LINE_BYTES = 64 * 2**20
WINDOW = 256
"""Lines that may wait for a slow one before them, for each worker."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One line as it is read; fields that are not named here are left alone."""

    completion: str
    """Text that was sampled, thinking included."""
    id: str | int | None = None
    """Name of the line; its number if it has none."""
    target: str | int | float | None = None
    """Gold answer."""
    tests: dict[str, Any] | None = None
    """Tests of a coding problem; a ``reference`` among them must pass itself."""
    limits: dict[str, Any] | None = None
    """Limits of a coding problem, ``cpu_s`` and ``memory_mb``; for ``tests`` as a whole."""
    statement: str = ""
    """What was asked."""
    metadata: dict[str, Any] = {}
    """What else the grader needs."""
    finish_reason: FinishReason = FinishReason.STOP
    """Whether the completion ended by itself or was cut off."""
    thinking_prefilled: bool = False
    """Whether the prompt had opened the thinking part."""


class Judged(Record, frozen=True, kw_only=True):
    """One line as it is written."""

    line: int
    """Number of the line, counted from 1."""
    id: str | int | None
    """Its id, if it could be read."""
    verdict: str
    """``correct``, ``incorrect``, ``ungraded``, or ``error`` where no grader judged it."""
    reason: str
    """``ok``, or why not; ``bad_line``, ``reference_fails`` or ``grader_failed`` for an error."""
    answer: str | None = None
    """Answer as extracted."""
    layer: str = ""
    """Part of the grader that decided."""
    seconds: float | None = None
    """Time that judging took."""
    detail: str = ""
    """What a reader should know."""


def grade_lines(lines: Iterable[bytes], grader: str, *, workers: int = 1) -> Iterator[Judged]:
    """Yield one verdict for each line that is not blank, in their order.

    Args:
        lines: JSON, one object a line.
        grader: registered grader.
        workers: processes that grade.

    Raises:
        UnknownNameError: there is no such grader.
        GraderError: it cannot be loaded.
    """
    with GraderPool(grader, workers=workers) as pool:
        desk = _Desk(pool, references=grader == "code")
        numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
        for number, line in numbered:
            desk.take(number, line)
            yield from desk.ready(block=False)
            while desk.n_held > WINDOW * workers:
                yield from desk.ready(block=True)
        while desk.n_held:
            yield from desk.ready(block=True)


class _Desk:
    """Lines that were taken and not yet given back, in order."""

    def __init__(self, pool: GraderPool, *, references: bool) -> None:
        self._pool = pool
        self._has_references = references
        self._held: dict[int, Asked | Judged] = {}
        """Lines in the order of their numbers; those that cannot be graded are judged."""
        self._outcomes: dict[int, Grade | Failure] = {}
        self._references: dict[str, Grade | Failure | None] = {}
        """Reference solutions by the digest of their tests; None while not judged."""

    @property
    def n_held(self) -> int:
        """Lines that wait, for a verdict or for a line before them."""
        return len(self._held)

    def take(self, number: int, line: bytes) -> None:
        """Read one line and give it to the graders."""
        read = self._held[number] = _read(number, line)
        if isinstance(read, Judged):
            return
        problem = _problem(number, read)
        mine = self._reference_of(read)
        if mine is not None and mine not in self._references:
            self._references[mine] = None
            self._pool.submit(problem, _reference(number, read, mine))
        self._pool.submit(problem, _completion(number, read))

    def ready(self, *, block: bool) -> Iterator[Judged]:
        """Yield the lines whose turn has come."""
        for outcome in self._pool.drain(block=block):
            if outcome.key in self._references:
                self._references[outcome.key] = outcome
            else:
                self._outcomes[int(outcome.key)] = outcome
        while self._held:
            number, first = next(iter(self._held.items()))
            judged = first if isinstance(first, Judged) else self._judge(number, first)
            if judged is None:
                return
            del self._held[number]
            yield judged

    def _reference_of(self, asked: Asked) -> str | None:
        """Return the key of a line's reference solution, if its tests have one."""
        tests = asked.tests if self._has_references else None
        if tests is None or not isinstance(tests.get("reference"), str):
            return None
        return f"reference {digest(tests, asked.limits)}"

    def _judge(self, number: int, asked: Asked) -> Judged | None:
        """Return a line's verdict; None before it and its reference's are there."""
        mine = self._reference_of(asked)
        reference = None if mine is None else self._references[mine]
        if number not in self._outcomes or (mine is not None and reference is None):
            return None
        return _judged(asked, self._outcomes.pop(number), reference)


def _read(number: int, line: bytes) -> Asked | Judged:
    if len(line) > MAX_LINE_BYTES:
        return _bad(number, f"it is longer than {MAX_LINE_BYTES // 2**20} MiB")
    try:
        asked = msgspec.json.decode(line, type=Asked)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _bad(number, f"{error}; a line is {{id, target or tests, completion}}")
    if asked.target is None and asked.tests is None:
        return _bad(number, "it has neither a target nor tests", asked.id)
    return asked


def _bad(number: int, why: str, name: str | int | None = None) -> Judged:
    detail = f"line {number} cannot be graded: {why}"
    return Judged(line=number, id=name, verdict="error", reason="bad_line", detail=detail)


def _reference(number: int, asked: Asked, key: str) -> Completion:
    """Return the reference solution of a line's tests, as a completion."""
    code = str((asked.tests or {}).get("reference"))
    given = msgspec.structs.replace(_completion(number, asked), key=key)
    # One that goes on from the prompt's code is sent as a base model would send it.
    text = code if code[:1].isspace() else f"```python\n{code}\n```"
    return msgspec.structs.replace(given, text=text, finish_reason=FinishReason.STOP)


def _problem(number: int, asked: Asked) -> Problem:
    tests = asked.tests
    if tests is not None and asked.limits is not None:
        tests = {**tests, "limits": asked.limits}
    return Problem(
        task=TASK,
        id=str(number),
        statement=asked.statement,
        target=None if asked.target is None else str(asked.target),
        tests=tests,
        metadata=asked.metadata,
    )


def _completion(number: int, asked: Asked) -> Completion:
    return Completion(
        key=str(number),
        task=TASK,
        problem_id=str(number),
        sample_index=0,
        text=asked.completion,
        finish_reason=asked.finish_reason,
        n_prompt_tokens=0,
        n_tokens=0,
        seed=0,
        engine=TASK,
        thinking_prefilled=asked.thinking_prefilled,
    )


def _judged(asked: Asked, outcome: Grade | Failure, reference: Grade | Failure | None) -> Judged:
    number = int(outcome.problem_id)
    name = asked.id if asked.id is not None else number
    if isinstance(reference, Grade) and reference.verdict is not Verdict.CORRECT:
        why = f"line {number}: its own reference fails its tests ({reference.reason})"
        why += f": {reference.detail}" if reference.detail else ""
        return Judged(line=number, id=name, verdict="error", reason="reference_fails", detail=why)
    if isinstance(outcome, Failure):
        detail = f"line {number}: the grader raised {outcome.error_type}: {outcome.message}"
        return Judged(line=number, id=name, verdict="error", reason="grader_failed", detail=detail)
    return Judged(
        line=number,
        id=name,
        verdict=outcome.verdict.value,
        reason=outcome.reason,
        answer=outcome.answer,
        layer=outcome.layer,
        seconds=outcome.seconds,
        detail=outcome.detail,
    )
