"""A pool of processes that grade, each of which can be killed at any moment.

A thread feeds the workers and watches their clocks, so grading goes on while the caller
samples.  A completion that holds a worker for longer than ``seconds``, or on which the
worker dies, is tried once more, alone; then it is ``timeout``, ``memory`` or ``crashed``,
and incorrect.  A grader that raises makes a ``Failure``: the grade stays owed.

Workers are started as ``python -m``, so the caller's ``__main__`` is not imported again
and nothing of this process is inherited; they ignore Ctrl-C and die with the pool.
"""

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from reasonbench.errors import GraderError
from reasonbench.graders import judging, wire
from reasonbench.graders.process import Task, WorkerProcess
from reasonbench.graders.worker import failure
from reasonbench.plugins import GRADERS
from reasonbench.records import Completion, Failure, Grade, Problem

START_SECONDS = 120.0
"""A worker that has not loaded its grader by then never will."""
MAX_STARTS = 3
"""Workers in a row that may die while loading."""
BATCH = 32
"""Most completions that one worker holds."""
BOUND = 64
"""Most ungraded completions in the pool, for each worker."""
UNSENDABLE = (ValueError, OverflowError, TypeError)
"""What packing raises for a lone surrogate, a huge whole number or an arbitrary object."""

Outcome = Grade | Failure


class GraderPool:
    """Worker processes of one grader.  Close it, or use it as a context manager.

    Raises:
        UnknownNameError: no grader has the name.
        GraderError: the grader cannot be loaded; later calls raise it if that happens
            to a worker that takes another's place.
    """

    def __init__(
        self,
        grader_name: str,
        *,
        workers: int,
        seconds: float = 10.0,
        memory_mb: int = 2048,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        GRADERS.origin(grader_name)
        self._name = grader_name
        self._seconds = seconds
        self._memory_mb = memory_mb
        self._bound = BOUND * workers
        self._changed = threading.Condition()
        # All of these are guarded by _changed.
        self._queue: deque[Task] = deque()
        self._results: list[Outcome] = []
        self._ungraded = 0
        self._error: BaseException | None = None
        self._identity: str | None = None
        self._closing = False
        self._n_submitted = 0
        # The rest belongs to the thread.
        self._failed_starts = 0
        self._isolated = False
        self._workers: list[WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(
            target=self._run, args=(workers,), name=f"graders-{grader_name}", daemon=True
        )
        self._thread.start()
        try:
            self._await_identity()
        except BaseException:
            self.close()
            raise

    # --- the caller's side ---------------------------------------------------------------

    @property
    def identity(self) -> str:
        """The grader's name and version, as its grades carry it."""
        assert self._identity is not None
        return self._identity

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers as they are now."""
        return tuple(worker.pid for worker in tuple(self._workers))

    @property
    def pending(self) -> int:
        """Completions submitted whose outcome has not been drained."""
        with self._changed:
            return self._ungraded + len(self._results)

    @property
    def full(self) -> bool:
        """Whether ``submit`` would have to wait."""
        with self._changed:
            return self._ungraded >= self._bound

    def submit(self, problem: Problem, completion: Completion) -> None:
        """Take one completion; waits while the pool is full."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._ungraded < self._bound)
            self._raise_if_stopped()
            self._queue.append(Task(self._n_submitted, problem, completion))
            self._n_submitted += 1
            self._ungraded += 1
        self._wake()

    def drain(self, block: bool = False) -> list[Outcome]:
        """Return the outcomes that are there, in the order in which they came about.

        Args:
            block: wait for at least one, unless none is pending.
        """
        with self._changed:
            if block:
                self._changed.wait_for(lambda: self._stopped or self._results or not self._ungraded)
            outcomes, self._results = self._results, []
            if not outcomes and self._ungraded:
                self._raise_if_stopped()
            return outcomes

    def grade_all(self, pairs: Iterable[tuple[Problem, Completion]]) -> Iterator[Outcome]:
        """Yield one outcome for each pair, as each comes about."""
        for problem, completion in pairs:
            while self.full:
                yield from self.drain(block=True)
            self.submit(problem, completion)
            yield from self.drain(block=False)
        while self.pending:
            yield from self.drain(block=True)

    def close(self) -> None:
        """Kill and reap the workers; what was not drained is lost.  May be called twice."""
        with self._changed:
            self._closing = True
        self._wake()
        self._thread.join()
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake_read = self._wake_write = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _stopped(self) -> bool:
        return self._closing or self._error is not None

    def _raise_if_stopped(self) -> None:
        if isinstance(self._error, GraderError):
            raise self._error
        if self._error is not None:
            raise GraderError(
                f"the workers of grader {self._name!r} stopped: "
                f"{type(self._error).__name__}: {self._error}"
            ) from self._error
        if self._closing:
            raise GraderError(f"the pool of grader {self._name!r} is closed")

    def _await_identity(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._identity is not None)
            if self._identity is None:
                self._raise_if_stopped()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    # --- the thread's side ---------------------------------------------------------------

    def _run(self, workers: int) -> None:
        try:
            self._selector.register(self._wake_read, selectors.EVENT_READ, None)
            for _ in range(workers):
                self._start_worker()
            while not self._closing:
                self._hand_out()
                self._listen()
                self._watch_clocks()
        except BaseException as error:
            with self._changed:
                self._error = error
        finally:
            for worker in self._workers:
                worker.kill()
            self._selector.close()
            with self._changed:
                self._changed.notify_all()

    def _start_worker(self) -> None:
        worker = WorkerProcess(self._name, self._memory_mb)
        self._workers.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)
        self._selector.register(worker.stderr, selectors.EVENT_READ, worker)

    def _hand_out(self) -> None:
        """Give waiting tasks to the workers that hold fewest; a retried task goes alone."""
        for worker in sorted(self._workers, key=lambda w: len(w.in_flight)):
            if not worker.ready or any(task.losses for task in worker.in_flight):
                continue
            room, idle = BATCH - len(worker.in_flight), not worker.in_flight
            # Where nothing of a share can be sent, the next share may hold something.
            while tasks := self._take(room, idle=idle):
                sendable, frame = self._pack(tasks)
                if sendable:
                    worker.send(sendable, frame)
                    worker.write()
                    break

    def _take(self, room: int, *, idle: bool) -> list[Task]:
        with self._changed:
            if not self._queue or room < 1:
                return []
            if self._queue[0].losses:
                return [self._queue.popleft()] if idle else []
            # A share of what waits, so that no worker hoards while another is idle.
            share = min(room, 1 + len(self._queue) // (2 * len(self._workers)))
            tasks: list[Task] = []
            while self._queue and len(tasks) < share and not self._queue[0].losses:
                tasks.append(self._queue.popleft())
            return tasks

    def _pack(self, tasks: list[Task]) -> tuple[list[Task], bytes]:
        """Return those tasks that can be sent, and their frame; the others are failures."""
        jobs = [wire.Job(t.number, t.problem, t.completion) for t in tasks]
        try:
            return tasks, wire.pack(jobs)
        except UNSENDABLE as error:
            if len(tasks) == 1:
                self._finish(tasks[0], failure(jobs[0], error))
                return [], b""
        sendable = [task for task in tasks if self._pack([task])[0]]
        return sendable, wire.pack([wire.Job(t.number, t.problem, t.completion) for t in sendable])

    def _listen(self) -> None:
        """Wait for something to happen, at most until the next clock runs out."""
        now = time.monotonic()
        wait = min((self._deadline(w) - now for w in self._workers), default=1.0)
        for worker in self._workers:
            self._watch_input(worker)
        for key, _ in self._selector.select(max(0.0, min(wait, 60.0))):
            worker = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 1 << 16)
            elif worker not in self._workers:
                continue
            elif key.fd == worker.stdin:
                worker.write()
            elif key.fd == worker.stderr:
                if not worker.hear():
                    self._selector.unregister(worker.stderr)
            else:
                self._receive(worker)

    def _watch_input(self, worker: WorkerProcess) -> None:
        watched = worker.stdin in self._selector.get_map()
        if worker.has_output and not watched:
            self._selector.register(worker.stdin, selectors.EVENT_WRITE, worker)
        elif watched and not worker.has_output:
            self._selector.unregister(worker.stdin)

    def _receive(self, worker: WorkerProcess) -> None:
        replies, ended = worker.read()
        for reply in replies:
            self._take_reply(worker, reply)
        if ended:
            self._lose(worker)

    def _take_reply(self, worker: WorkerProcess, reply: wire.Reply) -> None:
        worker.since = time.monotonic()
        if isinstance(reply, wire.Broken):
            raise GraderError(
                f"grader {self._name!r} cannot be loaded: {reply.error_type}: {reply.message}",
                hint=reply.hint,
            )
        if isinstance(reply, wire.Ready):
            worker.ready = True
            self._failed_starts = 0
            self._seconds = reply.seconds or self._seconds
            self._isolated = reply.isolated
            if self._identity not in (None, reply.identity):
                raise GraderError(
                    f"a worker of grader {self._name!r} calls itself {reply.identity}, another "
                    f"{self._identity}: their verdicts do not mix",
                    hint="reasonbench doctor says what isolates code here",
                )
            with self._changed:
                self._identity = reply.identity
                self._changed.notify_all()
            return
        task = worker.in_flight.popleft()
        assert task.number == reply.number
        self._finish(task, reply.grade if isinstance(reply, wire.Graded) else reply.failure)

    def _deadline(self, worker: WorkerProcess) -> float:
        if not worker.ready:
            return worker.since + START_SECONDS
        return worker.since + self._seconds if worker.in_flight else float("inf")

    def _watch_clocks(self) -> None:
        now = time.monotonic()
        for worker in [w for w in self._workers if self._deadline(w) <= now]:
            if not worker.ready:
                raise GraderError(
                    f"grader {self._name!r} did not load within {START_SECONDS:.0f} seconds"
                )
            # Its answer may have arrived while this process was held up.
            self._receive(worker)
            if worker in self._workers and self._deadline(worker) <= now:
                self._lose(worker, timed_out=True)

    def _lose(self, worker: WorkerProcess, *, timed_out: bool = False) -> None:
        """Kill, reap and replace a worker; its first task is to blame, the others wait again."""
        for descriptor in (worker.stdin, worker.stdout, worker.stderr):
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        status = worker.kill()
        self._workers.remove(worker)
        reason, detail = worker.cause_of_death(status)
        if timed_out:
            reason, detail = "timeout", f"not graded within {self._seconds:g} seconds, twice"
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_STARTS:
                raise GraderError(f"the workers of grader {self._name!r} die at start: {detail}")
        if worker.in_flight:
            self._blame(worker.in_flight.popleft(), reason, detail)
            with self._changed:
                self._queue.extendleft(reversed(worker.in_flight))
        self._start_worker()

    def _blame(self, task: Task, reason: str, detail: str) -> None:
        task.losses += 1
        if task.losses == 1:
            with self._changed:
                self._queue.appendleft(task)
            return
        assert self._identity is not None
        # What an isolated grader judges cannot have killed it: it runs elsewhere, and what comes
        # back of it is bounded (sandbox.execution, codec.Budget) far below a worker's memory.
        if self._isolated:
            why = f"{reason}: {detail}"
            grade = judging.ungraded(task.completion, self._identity, "infrastructure", None, why)
        else:
            grade = judging.incorrect(task.completion, self._identity, reason, None, detail)
        self._finish(task, grade)

    def _finish(self, task: Task, outcome: Outcome) -> None:
        with self._changed:
            self._results.append(outcome)
            self._ungraded -= 1
            self._changed.notify_all()
