"""Grading a file of completions: one JSON object a line in, one verdict a line out.

So others can use the graders alone.  A line is
``{"id": ..., "target": "42" | "tests": {...}, "completion": "..."}``.  Beside these may stand
``statement``, ``metadata`` (a grader's options), ``limits`` (of tests), ``finish_reason``
(``stop`` or ``length``) and ``thinking_prefilled``.

Invariants: verdicts come in the order of the lines, each as soon as it and those before it are
there, whether or not there is a further line, so that one can write a line, read its verdict
and write the next; memory is bounded by the workers, not by the file.
"""

import io
import select
import threading
from collections import Counter, OrderedDict
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import msgspec

from reasonbench.graders import judging
from reasonbench.graders.pool import BOUND, GraderPool
from reasonbench.graders.references import References
from reasonbench.grading import completion_of
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
MAX_HELD_BYTES = 4 * MAX_LINE_BYTES
"""Of the lines that were read and have no verdict yet."""
_OF_GOLD = 1
"""sample_index of the plain answer that makes a grader read the gold; a line's own is 0."""
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
    """``ok``, or why not.

    For an error ``bad_line``, ``gold_unparsed``, ``reference_fails`` or ``grader_failed``."""
    answer: str | None = None
    """Answer as extracted."""
    layer: str = ""
    """Part of the grader that decided."""
    seconds: float | None = None
    """Time that judging took."""
    detail: str = ""
    """What a reader should know."""


def grade_lines(
    lines: Iterable[bytes], grader: str, *, workers: int = 1
) -> Generator[Judged, None, None]:
    """Yield one verdict for each line that is not blank, in their order.

    The lines are read in a thread, a bounded number ahead of the verdicts; what reading raises
    is raised here, after the verdicts of the lines before.

    Args:
        lines: JSON, one object a line; ``bounded_lines`` makes them of a stream.
        grader: registered grader.
        workers: processes that grade.

    Raises:
        UnknownNameError: there is no such grader.
        GraderError: it cannot be loaded.
    """
    with GraderPool(grader, workers=workers) as pool, References(workers) as references:
        desk = _Desk(pool, references if grader == "code" else None, workers)
        threading.Thread(target=desk.read, args=(lines,), name="lines", daemon=True).start()
        try:
            while (judged := desk.next()) is not None:
                yield judged
        finally:
            desk.stop()


def bounded_lines(stream: io.RawIOBase) -> Iterator[bytes]:
    """Yield the lines of an unbuffered stream as they come, without their ends.

    Of a line above ``MAX_LINE_BYTES``, one byte more than that is kept.
    """
    line = bytearray()
    while (data := stream.read(1 << 16)) != b"":
        if data is None:  # a descriptor that does not wait
            select.select([stream], [], [])
            continue
        *ends, rest = data.split(b"\n")
        for part in ends:
            yield bytes(line + part[: MAX_LINE_BYTES + 1 - len(line)])
            line.clear()
        line += rest[: MAX_LINE_BYTES + 1 - len(line)]
    if line:
        yield bytes(line)


class _Held(msgspec.Struct, frozen=True):
    """A line that was read and has no verdict yet."""

    number: int
    size: int
    read: Asked | Judged
    """Judged at once if it cannot be graded."""
    reference: Future[str | None] | None
    """What is wrong with the tests' reference."""


class _Desk:
    """Lines that were taken and not yet given back, in order.

    One thread reads; one gives verdicts, and closes the pool only after ``stop``.
    """

    def __init__(self, pool: GraderPool, references: References | None, workers: int) -> None:
        self._pool = pool
        self._references = references
        self._workers = workers
        self._changed = threading.Condition()
        # All of these are guarded by _changed.
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._held_bytes = 0
        self._outcomes: dict[int, Grade | Failure] = {}
        self._owed: Counter[int] = Counter()
        """Outcomes that the pool owes, by line."""
        self._ended = self._stopped = False
        self._error: BaseException | None = None

    # --- the reader's side ---------------------------------------------------------------

    def read(self, lines: Iterable[bytes]) -> None:
        """Take the lines as there is room for them, until they end or ``stop`` is called."""
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not self._take(number, len(line), _read(number, line)):
                    return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, number: int, size: int, read: Asked | Judged) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_room(size))
            if self._stopped:
                return False
            reference = None
            if isinstance(read, Asked):
                problem = _problem(number, read)
                if self._references is not None and _has_reference(problem):
                    reference = self._references.check(problem)
                self._submit(number, problem, _completion(number, read))
            self._held[number] = _Held(number, size, read, reference)
            self._held_bytes += size
            self._changed.notify_all()
            return True

    def _has_room(self, size: int) -> bool:
        """Whether a line may be taken; the pool never makes ``submit`` wait then."""
        few = len(self._held) < WINDOW * self._workers
        small = not self._held or self._held_bytes + size <= MAX_HELD_BYTES
        return few and small and self._owed.total() < BOUND * self._workers

    # --- the other side ------------------------------------------------------------------

    def next(self) -> Judged | None:
        """Return the verdict of the line whose turn it is, once it is there; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended)
            if not self._held:
                if self._error is not None:
                    raise self._error
                return None
            first = next(iter(self._held.values()))
        judged = first.read if isinstance(first.read, Judged) else self._judge(first, first.read)
        with self._changed:
            del self._held[first.number]
            self._held_bytes -= first.size
            self._changed.notify_all()
        return judged

    def stop(self) -> None:
        """Submit nothing more; a reader that waits for its next line ends after it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _judge(self, held: _Held, asked: Asked) -> Judged:
        while self._owed[held.number]:
            self._receive()
        with self._changed:
            del self._owed[held.number]
            outcome = self._outcomes.pop(held.number)
        if held.reference is None or _is_unusable(outcome):
            return _judged(asked, outcome)
        try:
            said = held.reference.result()
        except Exception as error:
            said = f"its reference cannot be checked: {type(error).__name__}: {error}"
            return _error(asked, held.number, "grader_failed", said)
        if said is not None:
            return _error(asked, held.number, "reference_fails", said)
        return _judged(asked, outcome)

    def _receive(self) -> None:
        """Wait for outcomes; where one says nothing of the gold answer, another makes it."""
        outcomes = self._pool.drain(block=True)
        with self._changed:
            for outcome in outcomes:
                number = int(outcome.problem_id)
                self._owed[number] -= 1
                if outcome.sample_index == _OF_GOLD:
                    if _is_unusable(outcome):
                        self._outcomes[number] = outcome
                    continue
                self._outcomes[number] = outcome
                asked = self._held[number].read
                if isinstance(asked, Asked) and _leaves_gold_open(asked, outcome):
                    problem = _problem(number, asked)
                    self._submit(number, problem, completion_of(problem, "0", _OF_GOLD))
            self._changed.notify_all()

    def _submit(self, number: int, problem: Problem, completion: Completion) -> None:
        self._owed[number] += 1
        self._pool.submit(problem, completion)


def _has_reference(problem: Problem) -> bool:
    return isinstance((problem.tests or {}).get("reference"), str)


def _is_unusable(outcome: Grade | Failure) -> bool:
    """Whether no completion could be graded against this gold answer or these tests."""
    return isinstance(outcome, Grade) and outcome.reason == judging.GOLD_UNPARSED


def _leaves_gold_open(asked: Asked, outcome: Grade | Failure) -> bool:
    """Whether a verdict was found without a look at the gold answer, as of no answer at all."""
    if asked.target is None or isinstance(outcome, Failure) or _is_unusable(outcome):
        return False
    return outcome.verdict is not Verdict.CORRECT and outcome.reason != "wrong"


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


def _judged(asked: Asked, outcome: Grade | Failure) -> Judged:
    number = int(outcome.problem_id)
    if isinstance(outcome, Failure):
        said = f"the grader raised {outcome.error_type}: {outcome.message}"
        return _error(asked, number, "grader_failed", said)
    if _is_unusable(outcome):
        gold = "its tests" if asked.target is None else f"its target {str(asked.target)!r:.80}"
        said = f"it cannot be graded against {gold}: {outcome.detail}"
        return _error(asked, number, outcome.reason, said)
    return Judged(
        line=number,
        id=_name(asked, number),
        verdict=outcome.verdict.value,
        reason=outcome.reason,
        answer=outcome.answer,
        layer=outcome.layer,
        seconds=outcome.seconds,
        detail=outcome.detail,
    )


def _error(asked: Asked, number: int, reason: str, said: str) -> Judged:
    detail = f"line {number}: {said}"
    name = _name(asked, number)
    return Judged(line=number, id=name, verdict="error", reason=reason, detail=detail)


def _name(asked: Asked, number: int) -> str | int:
    return number if asked.id is None else asked.id
