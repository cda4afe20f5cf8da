"""Run one program in a worker, and tell what it did."""

import dataclasses
import json
import os
import secrets
import signal
from collections.abc import Callable
from typing import Any, TypeVar

from reasonbench.sandbox.guest import codec
from reasonbench.sandbox.guest.candidate import COMPILE_ERROR, OUT_OF_MEMORY, UNCAUGHT
from reasonbench.sandbox.outcome import Call, Outcome, Raised, Status
from reasonbench.sandbox.program import Limits, Program
from reasonbench.sandbox.worker import End, Reply, Session, Worker, job_of

_T = TypeVar("_T", Outcome, Call)
GoOn = Callable[[Call], bool]
TOKEN_BYTES = 8
NEAR_LIMIT = 0.8
"""The share of the memory limit from which a crash is put down to memory."""


MAX_KEPT_BYTES = 24 << 20
"""Of all replies to one program whose values are kept: the memory that they take is many times
that, and it must never be the harness's that runs out."""


class OverflowingError(Exception):
    """The candidate returned more than is read."""


class ForgedError(Exception):
    """The candidate's process sent what the harness in it never sends."""


def execute(worker: Worker, program: Program, limits: Limits, go_on: GoOn | None = None) -> Outcome:
    """Run a program to its end.

    Raises:
        WorkerFaultError: The infrastructure failed; the program is not to blame.
    """
    if program.mode == "stdio":
        outcome = _run_stdio(worker, program, limits)
    elif program.mode == "function":
        outcome = _run_function(worker, program, limits, go_on)
    else:
        outcome = _run_asserts(worker, program, limits)
    return outcome


def _run_stdio(worker: Worker, program: Program, limits: Limits) -> Outcome:
    session = worker.spawn(job_of(limits, None), program.stdin)
    try:
        session.send(_tell({"mode": "stdio", "code": program.code}))
        return conclude(session.finish(), limits, worker)
    finally:
        session.close()


def _tell(order: dict[str, Any]) -> bytes:
    try:
        return codec.dumps_whole(order, _refuse, max_bytes=codec.MAX_ORDER_BYTES)
    except codec.EncodeError as error:
        raise ValueError(f"what is to be run cannot be handed over: {error}") from None


def _refuse(value: Any) -> None:
    raise codec.EncodeError(f"an argument has no plain form: {codec.type_name(value)}")


class _Candidate:
    """The process that answers calls, one at a time."""

    def __init__(self, session: Session, code: str) -> None:
        self.session = session
        self._token = secrets.token_hex(TOKEN_BYTES)
        order = {"mode": "function", "code": code, "token": self._token}
        session.send(_tell(order))

    def ask(self, body: bytes) -> None:
        """Send a request."""
        self._token = secrets.token_hex(TOKEN_BYTES)
        self.session.send(self._token.encode() + body)

    def answer(self) -> tuple[Reply, bytes] | End:
        """Return the answer to what was last asked, or the end."""
        got = self.session.receive()
        if isinstance(got, End):
            return got
        size = 2 * TOKEN_BYTES
        if got.payload[:size] != self._token.encode():
            raise ForgedError("a reply was written before its request was seen")
        return got, got.payload[size:]


def _run_function(worker: Worker, program: Program, limits: Limits, go_on: GoOn | None) -> Outcome:
    session = worker.spawn(job_of(limits, len(program.calls) + 1))
    calls: list[Call] = []
    try:
        candidate = _Candidate(session, program.code)
        try:
            ended = _call_all(candidate, program, calls, go_on)
        except ForgedError as error:
            session.stop()
            outcome = conclude(session.finish(), limits, worker, each=True)
            return _with(outcome, status=Status.SECURITY, detail=f"{error}", calls=tuple(calls))
        except OverflowingError as error:
            session.stop()
            outcome = conclude(session.finish(), limits, worker, each=True)
            return _with(outcome, status=Status.OLE, detail=f"{error}", calls=tuple(calls))
        if isinstance(ended, End):  # before every call was answered
            outcome = conclude(ended, limits, worker, each=True)
            early = outcome.status == Status.OK
            status = Status.EXIT if early else outcome.status
            detail = "it ended before every call was answered" if early else outcome.detail
            return _with(outcome, status=status, detail=detail, calls=tuple(calls))
        session.stop()
        outcome = conclude(session.finish(), limits, worker, each=True)
        return _with(outcome, **_summed_up(ended, calls, outcome), calls=tuple(calls),
                     stopped=ended is None and len(calls) < len(program.calls))  # fmt: skip
    finally:
        session.close()


def _call_all(
    candidate: _Candidate, program: Program, calls: list[Call], go_on: GoOn | None
) -> End | Raised | None:
    """Make the calls; return the early end, or what was raised by the code itself."""
    first = candidate.answer()
    if isinstance(first, End):
        return first
    defined = _read_reply(first[1], codec.Budget())
    if defined["raised"] is not None:
        raised: Raised = defined["raised"]
        return raised
    n_kept, budget = 0, codec.Budget()
    for index, args in enumerate(program.calls):
        request = {"op": "call", "target": program.entry_point, "args": list(args),
                   "args_after": program.args_after}  # fmt: skip
        candidate.ask(_tell(request))
        got = candidate.answer()
        if isinstance(got, End):
            return got
        reply, payload = got
        if program.keep_values:
            n_kept += len(payload)
            if n_kept > MAX_KEPT_BYTES:
                raise OverflowingError(f"more than {MAX_KEPT_BYTES >> 20} MiB of returned values")
        else:
            budget = codec.Budget()
        told = _read_reply(payload, budget)
        call = Call(index, told["value"], told["raised"], reply.cpu_s, reply.wall_s, told["args"])
        calls.append(call if program.keep_values else _with(call, value=None, args=None))
        if go_on is not None and not go_on(call):
            break
    return None


def _read_reply(payload: bytes, budget: codec.Budget) -> dict[str, Any]:
    """Return value, args and raised of a reply that may be forged."""
    try:
        tree = codec.parse(payload)
        if not isinstance(tree, dict) or not tree.keys() <= {"value", "args", "raised"}:
            raise codec.DecodeError("a reply of an unknown shape")
        raised = _raised(tree["raised"]) if "raised" in tree else None
        return {
            "value": codec.decode(tree.get("value"), budget=budget),
            "args": codec.decode(tree.get("args"), budget=budget),
            "raised": raised,
        }
    except codec.TooLargeError as error:
        raise OverflowingError(str(error)) from None
    except codec.DecodeError as error:
        raise ForgedError(str(error)) from None


def _raised(tree: Any, *, by_candidate: bool = True) -> Raised:
    names = ("type", "builtin", "message")
    if not isinstance(tree, dict) or not all(isinstance(tree.get(n), str) for n in names):
        raise codec.DecodeError("an exception of an unknown shape")
    name, builtin, message = (tree[n][:2000] for n in names)
    line = tree.get("line")
    return Raised(name, builtin, message, by_candidate, line if isinstance(line, int) else None)


def _summed_up(ended: Raised | None, calls: list[Call], outcome: Outcome) -> dict[str, Any]:
    """Return status, detail and the first exception of a function that answered to the end."""
    raised = ended or next((call.raised for call in calls if call.raised is not None), None)
    if outcome.status not in (Status.OK, Status.SIGNAL):
        return {"raised": raised}
    if raised is None:
        return {"status": Status.OK, "detail": "", "exit_code": None, "signal": None}
    status = Status.EXCEPTION
    if raised.builtin == "MemoryError":
        status = Status.MLE
    elif ended is not None and raised.builtin in ("SyntaxError", "IndentationError", "TabError"):
        status = Status.COMPILE
    return {"status": status, "detail": f"{raised.type_name}: {raised.message}"[:300],
            "raised": raised, "exit_code": None, "signal": None}  # fmt: skip


def _run_asserts(worker: Worker, program: Program, limits: Limits) -> Outcome:
    tested = worker.spawn(job_of(limits, None))
    try:
        patient = Limits(cpu_s=limits.cpu_s, wall_s=limits.wall + 2, memory_mb=limits.memory_mb)
        testing = worker.spawn(job_of(patient, None))
        try:
            candidate = _Candidate(tested, program.code)
            try:
                return _relay(candidate, testing, program, limits, worker)
            except (ForgedError, OverflowingError) as error:
                tested.stop()
                outcome = conclude(tested.finish(), limits, worker)
                return _with(outcome, status=Status.SECURITY, detail=str(error))
        finally:
            testing.close()
    finally:
        tested.close()


def _relay(
    candidate: _Candidate, testing: Session, program: Program, limits: Limits, worker: Worker
) -> Outcome:
    """Carry the suite's questions to the candidate until the suite has ended."""
    first = candidate.answer()
    if isinstance(first, End):
        return _too_early(conclude(first, limits, worker))
    raised = _read_reply(first[1], codec.Budget())["raised"]
    if raised is not None:
        candidate.session.stop()
        outcome = conclude(candidate.session.finish(), limits, worker)
        return _with(outcome, **_summed_up(raised, [], outcome))
    order = {"mode": "suite", "code": program.suite, "check": program.check,
             "entry_point": program.entry_point}  # fmt: skip
    testing.send(_tell(order))
    while True:
        asked = testing.receive()
        if isinstance(asked, End):
            outcome = _too_early(conclude(asked, limits, worker))
            return _with(outcome, detail=f"the suite's process: {outcome.detail}")
        if asked.payload[:1] == b"!":
            break
        candidate.ask(asked.payload[1:])
        got = candidate.answer()
        if isinstance(got, End):
            return _too_early(conclude(got, limits, worker))
        testing.send(got[1])
    candidate.session.stop()
    outcome = conclude(candidate.session.finish(), limits, worker)
    verdict = json.loads(asked.payload[1:])
    if verdict["passed"]:
        return _with(outcome, **_summed_up(None, [], outcome))
    if (said := verdict.get("unjudgeable")) is not None:
        return _with(outcome, status=Status.UNJUDGEABLE, detail=str(said))
    raised = _raised(verdict["raised"], by_candidate=verdict["candidate"])
    return _with(outcome, **_summed_up(raised, [], outcome))


def _too_early(outcome: Outcome) -> Outcome:
    if outcome.status != Status.OK:
        return outcome
    return _with(outcome, status=Status.EXIT, detail="it ended before the suite did")


def _with(outcome: _T, **changes: Any) -> _T:
    return dataclasses.replace(outcome, **changes)


def conclude(end: End, limits: Limits, worker: Worker, *, each: bool = False) -> Outcome:
    """Return the outcome that a supervisor's report comes to."""
    report = end.report
    status, detail = _status(end, limits, each=each)
    code = report["exit"]
    return Outcome(
        status=status,
        detail=detail,
        exit_code=1 if code in (COMPILE_ERROR, OUT_OF_MEMORY, UNCAUGHT) else code,
        signal=report["signal"],
        stdout=end.stdout,
        stdout_bytes=end.stdout_bytes,
        stderr=end.stderr,
        stderr_bytes=end.stderr_bytes,
        cpu_s=report["cpu"],
        wall_s=report["wall"],
        queued_s=report["waited"],
        max_rss_mb=report["rss_kb"] / 1024,
        backend=worker.backend.name,
        unsafe=not worker.backend.seccomp,
        load=os.getloadavg()[0],
    )


def _status(end: End, limits: Limits, *, each: bool) -> tuple[Status, str]:
    report = end.report
    why, code, number = report["why"], report["exit"], report["signal"]
    if why is not None and why.startswith("protocol"):
        return Status.SECURITY, why
    if number == signal.SIGSYS:
        return Status.SECURITY, "a forbidden system call"
    if why == "cpu" or number == signal.SIGXCPU or (not each and report["cpu"] > limits.cpu_s):
        return Status.TLE_CPU, f"more than {limits.cpu_s:g} s of CPU time"
    if why == "wall":
        return Status.TLE_WALL, f"more than {limits.wall:g} s, most of it not computing"
    largest = max(end.stdout_bytes, end.stderr_bytes)
    if number == signal.SIGXFSZ or largest > limits.output_kb << 10:
        return Status.OLE, f"more than {limits.output_kb} KiB into one file"
    near = report["rss_kb"] >> 10 >= NEAR_LIMIT * limits.memory_mb
    if code == OUT_OF_MEMORY or (number is not None and why is None and near):
        return Status.MLE, f"more than {limits.memory_mb} MiB of address space"
    if number is not None:
        return Status.SIGNAL, f"killed by {_signal_name(number)}"
    if code == COMPILE_ERROR:
        return Status.COMPILE, _last_line(end.stderr)
    if code == UNCAUGHT:
        return Status.EXCEPTION, _last_line(end.stderr)
    return (Status.EXIT, f"exit code {code}") if code else (Status.OK, "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""
