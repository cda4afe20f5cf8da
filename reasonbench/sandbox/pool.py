"""A pool of workers that many graders share.

Submitters take turns, however much each has queued; a full queue makes ``submit`` wait.
A worker that fails is replaced and its program run again, a bounded number of times.
"""

import contextlib
import dataclasses
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from reasonbench.sandbox import backends, selftest
from reasonbench.sandbox.execution import GoOn, execute
from reasonbench.sandbox.outcome import Outcome, Status
from reasonbench.sandbox.program import Limits, Program
from reasonbench.sandbox.worker import Worker, WorkerFaultError

MAX_ATTEMPTS = 3
QUEUED_PER_WORKER = 16
STARVED = 0.1
"""The share of a wall time-out spent waiting for a processor that makes it doubtful."""


@dataclasses.dataclass(slots=True)
class _Job:
    program: Program
    limits: Limits
    go_on: GoOn | None
    future: "Future[Outcome]"


class _Gate:
    """Many may be inside, or one that asked to be alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_inside = 0
        self._alone = False

    @contextlib.contextmanager
    def enter(self, *, alone: bool) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            if alone:
                self._alone = True
                self._changed.wait_for(lambda: self._n_inside == 0)
            self._n_inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_inside -= 1
                if alone:
                    self._alone = False
                self._changed.notify_all()


class SandboxPool:
    """Runs programs that nobody trusts, each apart from the others and from us.

    Args:
        workers: Programs at a time; by default one for each processor.
        backend: ``auto`` takes the best that passes the self-test; or a backend's name.
        python: The interpreter inside; by default the one that runs this.
        packages: Packages that candidates may import, where they are installed.
        preload: Modules that each worker imports once.
        max_queued: Programs that may wait; then ``submit`` waits itself.

    Raises:
        SandboxUnavailableError: No backend can be used here.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        backend: str = "auto",
        python: str | None = None,
        packages: tuple[str, ...] = ("numpy", "sortedcontainers"),
        preload: tuple[str, ...] = (),
        max_queued: int | None = None,
    ) -> None:
        n_workers = workers or len(os.sched_getaffinity(0))
        self._setting = selftest.setting_for(python, packages, preload)
        self._backend = selftest.choose(backend, self._setting)
        self._max_queued = max_queued or QUEUED_PER_WORKER * n_workers
        self._changed = threading.Condition()
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._n_queued = 0
        self._n_running = 0
        self._closed = False
        gate = _Gate()
        self.seats = [Seat(self._backend, self._setting, slot, gate) for slot in range(n_workers)]
        """One a worker; ``pid`` is its process's, None while there is none."""
        self._threads = [
            threading.Thread(target=self._serve, args=(seat,), name="sandbox", daemon=True)
            for seat in self.seats
        ]
        for thread in self._threads:
            thread.start()

    @property
    def backend(self) -> str:
        """The backend in use."""
        return self._backend.name

    def submit(
        self,
        program: Program,
        limits: Limits | None = None,
        *,
        go_on: GoOn | None = None,
        submitter: str = "",
        timeout: float | None = None,
    ) -> "Future[Outcome]":
        """Queue a program; wait while the queue is full.

        Args:
            program: What to run.
            limits: What it may use.
            go_on: Called after each call of a function, in a thread of the pool; False stops.
                Where the worker fails it is called again from the first call on.
            submitter: Whose turn this takes.
            timeout: Seconds to wait for room; then TimeoutError is raised.
        """
        job = _Job(program, limits or Limits(), go_on, Future())
        with self._changed:
            room = self._changed.wait_for(
                lambda: self._closed or self._n_queued < self._max_queued, timeout
            )
            if self._closed:
                raise RuntimeError("the sandbox pool is closed")
            if not room:
                raise TimeoutError(f"{self._n_queued} programs wait already")
            self._queues.setdefault(submitter, deque()).append(job)
            self._n_queued += 1
            self._changed.notify_all()
        return job.future

    def run(
        self,
        program: Program,
        limits: Limits | None = None,
        *,
        go_on: GoOn | None = None,
        submitter: str = "",
    ) -> Outcome:
        """Run a program and return what it did."""
        return self.submit(program, limits, go_on=go_on, submitter=submitter).result()

    def drain(self) -> None:
        """Wait until nothing is queued or running."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_queued == 0 and self._n_running == 0)

    def close(self) -> None:
        """Cancel what is queued, let what is running end, and end the workers."""
        with self._changed:
            self._closed = True
            left = [job for queue in self._queues.values() for job in queue]
            self._queues.clear()
            self._n_queued = 0
            self._changed.notify_all()
        for job in left:
            job.future.cancel()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self) -> _Job | None:
        """Return the next job, of the submitter whose turn it is; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._n_queued > 0)
            if self._closed:
                return None
            submitter, queue = self._queues.popitem(last=False)
            job = queue.popleft()
            if queue:
                self._queues[submitter] = queue
            self._n_queued -= 1
            self._n_running += 1
            self._changed.notify_all()
            return job

    def _serve(self, seat: "Seat") -> None:
        try:
            while (job := self._take()) is not None:
                try:
                    if job.future.set_running_or_notify_cancel():
                        _settle(job, seat)
                finally:
                    with self._changed:
                        self._n_running -= 1
                        self._changed.notify_all()
        finally:
            seat.empty()


def _settle(job: _Job, seat: "Seat") -> None:
    try:
        outcome = seat.run(job)
    except BaseException as error:
        job.future.set_exception(error)  # of the caller's go_on, or of our own
    else:
        job.future.set_result(outcome)


class Seat:
    """A thread's place for a worker, which comes and goes."""

    def __init__(
        self, backend: backends.Backend, setting: backends.Setting, slot: int, gate: _Gate
    ) -> None:
        self._backend, self._setting, self._slot, self._gate = backend, setting, slot, gate
        self._worker: Worker | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process."""
        worker = self._worker
        return None if worker is None else worker.pid

    def run(self, job: _Job) -> Outcome:
        """Run a job, again where the infrastructure failed or the machine was too slow."""
        fault = ""
        doubtful = False
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with self._gate.enter(alone=doubtful):
                    outcome = self._run_once(job)
            except WorkerFaultError as error:
                fault = str(error)
                self.empty()
                continue
            except BaseException:
                self.empty()
                raise
            starved = outcome.status == Status.TLE_WALL and (
                outcome.queued_s > STARVED * outcome.wall_s
            )
            if not starved or doubtful:
                return dataclasses.replace(outcome, attempts=attempt)
            doubtful = True
        return Outcome(
            status=Status.INTERNAL,
            detail=fault,
            backend=self._backend.name,
            unsafe=not self._backend.seccomp,
            load=os.getloadavg()[0],
            attempts=MAX_ATTEMPTS,
        )

    def _run_once(self, job: _Job) -> Outcome:
        if self._worker is not None and self._worker.used and self._backend.one_job:
            self.empty()
        if self._worker is None:
            self._worker = Worker(self._backend, self._setting, self._slot)
        return execute(self._worker, job.program, job.limits, job.go_on)

    def empty(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
