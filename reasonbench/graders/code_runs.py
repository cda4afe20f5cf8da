"""Run a program against the tests of a problem, and say what came of it.

The candidate's process gets code and inputs; what it did is compared here.  Tests are run in
their order up to the first that fails.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from reasonbench.graders.code_compare import show, text_difference, value_difference
from reasonbench.graders.code_programs import Suite, entry_of, program_of, suite_of
from reasonbench.graders.code_tests import (
    CallCase,
    Case,
    CodeTests,
    UnusableTestsError,
    call_cases,
)
from reasonbench.sandbox import Call, Limits, Opaque, Outcome, Program, Raised, SandboxPool, Status

REASONS = {
    Status.COMPILE: "compile_error",
    Status.EXCEPTION: "runtime_error",
    Status.EXIT: "runtime_error",
    Status.SIGNAL: "runtime_error",
    Status.TLE_CPU: "timeout",
    Status.TLE_WALL: "timeout",
    Status.MLE: "memory",
    Status.OLE: "output_limit",
    Status.SECURITY: "security_violation",
}
"""How a grade names what became of a program; the rest is ``ok`` or ``wrong``."""
UNGRADED = ("infrastructure", "timeout_unconfirmed")
"""Reasons that say nothing of the program."""
STARVED = 0.1
"""The share of a wall time-out that it waited for others' sake; then it is not confirmed."""
MAX_CHECKED_BYTES = 4 << 20
"""Of an output that a checker reads."""
CHECKER_LIMITS = Limits(cpu_s=10, memory_mb=2048)


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """What running the tests came to."""

    reason: str
    """``ok``, ``wrong``, one of ``REASONS`` or one of ``UNGRADED``."""
    detail: str
    """For people."""
    backend: str
    """What the program ran in."""
    index: int | None = None
    """The test that decided, counted from 0."""


def run_tests(pool: SandboxPool, tests: CodeTests, code: str, *, continues: bool) -> Judged:
    """Run a program against the tests.

    Args:
        pool: where it is run.
        tests: the tests.
        code: the program as extracted.
        continues: whether it goes on where the tests' prefix ends.

    Raises:
        UnusableTestsError: the tests cannot be run, whatever the program.
    """
    program = program_of(tests, code, continues=continues)
    if tests.style == "stdio":
        return _Run(pool, tests).stdio(program)
    if tests.style == "function":
        return _Run(pool, tests).function(program, entry_of(tests, code))
    return _Run(pool, tests).asserts(program, suite_of(tests))


@dataclasses.dataclass(slots=True)
class _First:
    """The first test that a program failed."""

    reason: str = "ok"
    said: str = ""
    index: int = 0

    def note(self, index: int, reason: str, said: str) -> bool:
        """Keep what a test came to, and return whether it passed.

        A program that is run anew starts again with the first test, and so does this.
        """
        if index == 0 or self.reason == "ok":
            self.reason, self.said, self.index = reason, said, index
        return reason == "ok"


class _Run:
    """One program and its tests."""

    def __init__(self, pool: SandboxPool, tests: CodeTests) -> None:
        self._pool = pool
        self._tests = tests
        self._limits = tests.sandbox_limits
        self._cpu_s = self._wall_s = self._rss_mb = 0.0

    def stdio(self, program: str) -> Judged:
        """Run it once a case."""
        outcome = None
        for index, case in enumerate(self._tests.cases):
            assert isinstance(case, Case)
            outcome = self._run(functools.partial(Program.stdio, program, case.input or ""))
            if outcome.status is not Status.OK:
                return self._ended(outcome, index)
            reason, said = self._compare_text(case, outcome)
            if reason != "ok":
                return self._judged(reason, said, outcome, index)
        assert outcome is not None
        return self._passed(outcome)

    def function(self, program: str, entry_point: str) -> Judged:
        """Call it once a case, in one process."""
        cases = call_cases(self._tests)
        calls = [case.args for case in cases]
        after = any(case.in_place is not None for case in cases)
        checked = self._tests.checker.kind == "code"  # runs in this pool, so after the calls
        first = _First()

        def go_on(call: Call) -> bool:
            if checked:
                return call.raised is None and not _is_unread(call.value)
            return first.note(call.index, *self._compare_call(cases[call.index], call))

        outcome = self._run(
            lambda: Program.function(
                program, entry_point, *calls, args_after=after, keep_values=checked
            ),
            go_on=go_on,
        )
        if outcome.status not in (Status.SECURITY, Status.INTERNAL):
            for call in outcome.calls if checked else ():
                if not first.note(call.index, *self._compare_call(cases[call.index], call)):
                    break
            if first.reason != "ok":
                return self._judged(first.reason, first.said, outcome, first.index)
        if outcome.status is not Status.OK:
            return self._ended(outcome, len(outcome.calls))
        if len(outcome.calls) != len(cases):
            raise RuntimeError(f"{len(outcome.calls)} of {len(cases)} calls came back")
        return self._passed(outcome)

    def asserts(self, program: str, suite: Suite) -> Judged:
        """Run the assertions about it."""
        entry_point, check = self._tests.entry_point, suite.check
        outcome = self._run(lambda: Program.asserts(program, entry_point, suite.code, check=check))
        if outcome.status is Status.OK:
            return self._passed(outcome)
        if outcome.status is Status.UNJUDGEABLE:
            raise UnusableTestsError(f"the assertions cannot be judged: {outcome.detail}")
        raised = outcome.raised
        index = None if raised is None else suite.case_at(raised.line)
        if raised is None or raised.by_candidate:
            return self._ended(outcome, index)
        if raised.builtin in ("ImportError", "ModuleNotFoundError"):
            # A candidate cannot cause that: its own exceptions are marked as such.
            raise UnusableTestsError(f"the assertions need what is not there: {raised.message}")
        return self._judged("wrong", _assertion(raised, outcome), outcome, index)

    def _run(
        self, make: Callable[[], Program], go_on: Callable[[Call], bool] | None = None
    ) -> Outcome:
        try:
            outcome = self._pool.run(make(), self._limits, go_on=go_on)
        except ValueError as error:  # the code has a limit of its own
            raise UnusableTestsError(f"the sandbox does not take the tests: {error}") from None
        self._cpu_s += outcome.cpu_s
        self._wall_s += outcome.wall_s
        self._rss_mb = max(self._rss_mb, outcome.max_rss_mb)
        return outcome

    def _compare_call(self, case: CallCase, call: Call) -> tuple[str, str]:
        if call.raised is not None:
            reason = "memory" if call.raised.builtin == "MemoryError" else "runtime_error"
            return reason, f"{call.raised.type_name}: {call.raised.message}"
        value = call.value
        if (place := case.in_place) is not None:
            told = call.args if type(call.args) is list else []  # it may be forged
            value = told[place] if place < len(told) else None
        if _is_unread(value):
            return "output_limit", f"a {value.type_name} of more {value.why} than is read"
        if self._tests.checker.kind == "code":
            return self._check(list(case.args), case.expected, value)
        said = value_difference(case.expected, value, self._tests.checker)
        return ("ok", "") if said is None else ("wrong", said)

    def _compare_text(self, case: Case, outcome: Outcome) -> tuple[str, str]:
        if self._tests.checker.kind == "code":
            if len(outcome.stdout) > MAX_CHECKED_BYTES:
                return "wrong", f"{len(outcome.stdout)} bytes of output, too many to check"
            return self._check(case.input or "", case.output, outcome.text)
        expected = (case.output or "").encode("utf-8", "surrogatepass")
        said = text_difference(expected, outcome.stdout, self._tests.checker)
        return ("ok", "") if said is None else ("wrong", said)

    def _check(self, given: Any, expected: Any, output: Any) -> tuple[str, str]:
        """Ask the problem's checker, in a process of its own."""
        checker = self._tests.checker
        made = Program.function(checker.code, checker.entry_point, (given, expected, output))
        try:
            outcome = self._pool.run(made, CHECKER_LIMITS)
        except ValueError as error:  # too large, too deep, or no plain data
            return "wrong", f"the checker cannot be given the output: {error}"
        if outcome.status is Status.INTERNAL:
            return "infrastructure", f"the checker: {outcome.detail}"
        if outcome.status is not Status.OK:
            # Sloppy checkers raise on malformed output; a broken one fails its reference too.
            return "wrong", f"the checker did not accept {show(output)}: {outcome.detail}"
        answer = outcome.calls[0].value
        if answer is True:
            return "ok", ""
        # Anything but True may be the output's doing, as in ``return output and ...``.
        return "wrong", f"the checker rejected {show(output)} with {show(answer)}"

    def _ended(self, outcome: Outcome, index: int | None) -> Judged:
        """Judge a program that did not come to its end."""
        if outcome.status is Status.INTERNAL:
            return self._judged("infrastructure", outcome.detail, outcome, index)
        reason, said = REASONS[outcome.status], outcome.detail
        if outcome.status is Status.TLE_WALL and _is_doubtful(outcome):
            reason, said = "timeout_unconfirmed", f"{said}; the machine was busy"
        n_cases = len(self._tests.cases)
        return self._judged(reason, said, outcome, index if index != n_cases else None)

    def _judged(self, reason: str, said: str, outcome: Outcome, index: int | None) -> Judged:
        cases = self._tests.cases
        where = f"test {index + 1} of {len(cases)}: " if index is not None and cases else ""
        spent = self._spent(outcome)
        return Judged(reason, f"{where}{_one_line(said)}; {spent}", outcome.backend, index)

    def _passed(self, outcome: Outcome) -> Judged:
        n_cases = len(self._tests.cases)
        what = f"{n_cases} tests; " if n_cases else ""
        return Judged("ok", what + self._spent(outcome), outcome.backend)

    def _spent(self, outcome: Outcome) -> str:
        runs = f", run {outcome.attempts} times" if outcome.attempts > 1 else ""
        return (
            f"cpu {self._cpu_s:.2f} s, wall {self._wall_s:.2f} s, {self._rss_mb:.0f} MiB, "
            f"load {outcome.load:.1f}{runs}"
        )


def _is_unread(value: Any) -> bool:
    """Return whether a value is more than is read of any."""
    return isinstance(value, Opaque) and value.why != "type"


def _is_doubtful(outcome: Outcome) -> bool:
    """Tell whether others kept a program from the processor, even when it was run alone.

    What it waited while its own threads computed is at most what they computed: a program
    cannot make its own time-out doubtful.
    """
    return outcome.queued_s - outcome.cpu_s > STARVED * outcome.wall_s


def _assertion(raised: Raised, outcome: Outcome) -> str:
    line = "" if raised.line is None else f"line {raised.line} of the tests: "
    return line + outcome.detail


def _one_line(text: str, limit: int = 200) -> str:
    """Return a text as one line in which every character shows."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short).strip().rstrip(":")
