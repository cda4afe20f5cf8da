"""Grading a file of completions: one JSON object a line in, one verdict a line out.

So others can use the graders alone.  A line is
``{"id": ..., "target": "42" | "tests": {...}, "completion": "..."}``; ``statement``,
``metadata`` (a grader's options), ``finish_reason`` (``stop`` or ``length``) and
``thinking_prefilled`` may stand beside.  Verdicts come in the order of the lines, as they
come about; memory is bounded by the workers, not by the file.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, Failure, FinishReason, Grade, Problem, Record

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
    """Tests of a coding problem."""
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
    """``ok``, or why not; ``bad_line`` or ``grader_failed`` for an error."""
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
        waiting: dict[int, Judged] = {}
        asked: dict[int, Asked] = {}
        numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
        places = itertools.count()
        out = 0
        for place, (number, line) in zip(places, numbered, strict=False):
            read = _read(number, line)
            if isinstance(read, Judged):
                waiting[place] = read
            else:
                asked[place] = read
                pool.submit(_problem(number, read), _completion(place, number, read))
            _take(pool, asked, waiting, block=False)
            while place - out > WINDOW * workers and out not in waiting:
                _take(pool, asked, waiting, block=True)
            while out in waiting:
                yield waiting.pop(out)
                out += 1
        while asked:
            _take(pool, asked, waiting, block=True)
            while out in waiting:
                yield waiting.pop(out)
                out += 1
        yield from (waiting[place] for place in sorted(waiting))


def _take(
    pool: GraderPool, asked: dict[int, Asked], waiting: dict[int, Judged], *, block: bool
) -> None:
    """Move what was judged from ``asked`` to ``waiting``."""
    for outcome in pool.drain(block=block):
        place = int(outcome.key)
        waiting[place] = _judged(asked.pop(place), outcome)


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


def _problem(number: int, asked: Asked) -> Problem:
    return Problem(
        task=TASK,
        id=str(number),
        statement=asked.statement,
        target=None if asked.target is None else str(asked.target),
        tests=asked.tests,
        metadata=asked.metadata,
    )


def _completion(place: int, number: int, asked: Asked) -> Completion:
    return Completion(
        key=str(place),
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


def _judged(asked: Asked, outcome: Grade | Failure) -> Judged:
    number = int(outcome.problem_id)
    name = asked.id if asked.id is not None else number
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
