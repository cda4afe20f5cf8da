"""A study's jobs, and the worker processes that do them.

A job may need others: it starts when these are done, and fails with them.  What it asks for is
made up when it starts, so that it can depend on what others came to.  A job that turns out to be
done already asks for nothing.

Results do not depend on the number of workers: a worker's number of threads is the study's, and
every draw and training has seeds of its own.
"""

import enum
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from reasonbench.errors import ReasonbenchError
from reasonbench.protocols import Reporter
from reasonbench.study import requests
from reasonbench.study.crew import Crew
from reasonbench.study.process import WorkerProcess, how_it_ended

MAX_TRIES = 2
"""Workers that a job may lose to a signal."""
SAY_SECONDS = 60.0
"""Time between two sentences on what is being worked at."""


class State(enum.Enum):
    """How far a job is."""

    WAITING = enum.auto()
    RUNNING = enum.auto()
    DONE = enum.auto()
    FAILED = enum.auto()


@dataclass(eq=False, slots=True)
class Job:
    """Something that a worker does, or that is done already."""

    name: str
    """Unique among the jobs of a study."""
    label: str
    """What a person calls it."""
    prepare: Callable[[], requests.Request | None]
    """Makes up what is asked; None: it is done already."""
    needs: tuple["Job", ...] = ()
    """Jobs that must be done before."""
    finish: Callable[[msgspec.Raw], None] = lambda _: None
    """Takes what the worker came to."""
    state: State = State.WAITING
    why: str = ""
    """Why it failed."""
    hint: str | None = None
    """What helps against that."""
    tolerant: bool = False
    """Whether it waits for what it needs to be over, and not to be done."""
    tries: int = 0
    seconds: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether it can be begun."""
        enough = (State.DONE, State.FAILED) if self.tolerant else (State.DONE,)
        return self.state is State.WAITING and all(j.state in enough for j in self.needs)

    @property
    def lost(self) -> "Job | None":
        """What it needs and cannot have."""
        if self.tolerant:
            return None
        return next((need for need in self.needs if need.state is State.FAILED), None)

    def fail(self, why: str, hint: str | None = None) -> None:
        """End it for a reason."""
        self.state, self.why, self.hint = State.FAILED, why, hint


class _Worker(WorkerProcess):
    """A worker process, and what it is doing."""

    def __init__(self, number: int, threads: int, devices: str | None, logs: Path) -> None:
        super().__init__(number, threads, devices, logs)
        self.job: Job | None = None
        self.progress: requests.Progress | None = None
        self.since = 0.0

    def begin(self, job: Job, request: requests.Request) -> bool:
        """Give it a job; True where a process had to be started for it."""
        self.job, self.progress, self.since = job, None, time.monotonic()
        job.state, job.tries = State.RUNNING, job.tries + 1
        return self.ask(request)


class Workers:
    """Worker processes.  Use it as a context manager: none outlives it."""

    def __init__(self, crew: Crew, logs: Path, reporter: Reporter) -> None:
        self._reporter = reporter
        self._fresh = crew.fresh
        self._workers = [
            _Worker(number, crew.threads, crew.devices[number] if crew.devices else None, logs)
            for number in range(crew.workers)
        ]
        self._selector = selectors.DefaultSelector()
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()
        self._selector.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers as they are now."""
        return tuple(w.pid for w in self._workers if w.pid is not None)

    def run(self, phase: str, jobs: Sequence[Job]) -> None:
        """Do all jobs; those that fail are FAILED, and the others go on.

        Args:
            phase: what the jobs are together, for the reporter.
            jobs: in the order in which they are begun where they are ready.
        """
        board = _Board(jobs, self._reporter)
        board.settle()
        board.open(phase)
        while (ready := board.next()) or board.running:
            idle = next((w for w in self._workers if w.job is None), None)
            if ready is not None and idle is not None:
                if (request := board.prepared(ready)) is not None:
                    self._begin(idle, ready, request)
                continue
            self._listen(board)
        board.close()

    def _begin(self, worker: _Worker, job: Job, request: requests.Request) -> None:
        if worker.begin(job, request):
            self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _listen(self, board: "_Board") -> None:
        for key, _ in self._selector.select(timeout=SAY_SECONDS):
            worker = key.data
            replies = worker.read()
            if replies is None:
                self._lost(worker, board)
                continue
            for reply in replies:
                self._heard(worker, reply, board)
        if time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            if doing := "; ".join(filter(None, map(_doing, self._workers))):
                self._reporter.say(doing)

    def _heard(self, worker: _Worker, reply: requests.Reply, board: "_Board") -> None:
        if isinstance(reply, requests.Progress):
            worker.progress = reply
            return
        job, worker.job = worker.job, None
        assert job is not None
        job.seconds = time.monotonic() - worker.since
        if isinstance(reply, requests.Done):
            board.done(job, reply.value)
        else:
            board.failed(job, reply.message, reply.hint)
        if self._fresh:  # all memory of a device is given back
            self._selector.unregister(worker.stdout)
            worker.kill()

    def _lost(self, worker: _Worker, board: "_Board") -> None:
        self._selector.unregister(worker.stdout)
        status = worker.reap()
        job, worker.job = worker.job, None
        if job is None:
            return
        how = how_it_ended(status)
        if status < 0 and job.tries < MAX_TRIES:
            self._reporter.say(f"{job.label}: its process was ended by {how}; it is tried again")
            job.state = State.WAITING
            return
        words = worker.last_words()
        board.failed(job, f"its process ended with {how}" + (f" ({words})" if words else ""))


class _Board:
    """Which jobs are done, ready and running."""

    def __init__(self, jobs: Sequence[Job], reporter: Reporter) -> None:
        self._jobs, self._reporter = jobs, reporter
        self._open = False
        self._prepared: dict[Job, requests.Request] = {}

    @property
    def running(self) -> bool:
        """Whether a worker works."""
        return any(job.state is State.RUNNING for job in self._jobs)

    def next(self) -> Job | None:
        """Return the first job that can be begun; those that cannot any more fail."""
        for job in self._jobs:
            if job.state is State.WAITING and (lost := job.lost) is not None:
                self.failed(job, lost.why, lost.hint, say=False)
        return next((job for job in self._jobs if job.ready), None)

    def prepared(self, job: Job) -> requests.Request | None:
        """Return what a job asks for; None where it is over."""
        if job in self._prepared:
            return self._prepared.pop(job)
        try:
            request = job.prepare()
        except ReasonbenchError as error:
            self.failed(job, error.message, error.hint)
            return None
        if request is None:
            job.state = State.DONE
            self._advance()
        return request

    def settle(self) -> None:
        """Find out which jobs are done already, before anything is begun."""
        found = True
        while found:
            found = False
            for job in [j for j in self._jobs if j.ready and j not in self._prepared]:
                request = self.prepared(job)
                if request is not None:
                    self._prepared[job] = request
                else:
                    found = True

    def open(self, phase: str) -> None:
        """Tell the reporter what there is to do."""
        over = sum(job.state in (State.DONE, State.FAILED) for job in self._jobs)
        self._open = over < len(self._jobs)
        if self._open:
            self._reporter.phase(phase, total=len(self._jobs), done=over)

    def close(self) -> None:
        """Nothing is left to do."""
        self._open = False

    def done(self, job: Job, value: msgspec.Raw) -> None:
        """Take what a job came to."""
        try:
            job.finish(value)
        except ReasonbenchError as error:
            self.failed(job, error.message, error.hint)
            return
        job.state = State.DONE
        self._advance()

    def failed(self, job: Job, why: str, hint: str | None = None, *, say: bool = True) -> None:
        """End a job that cannot be done."""
        job.fail(why, hint)
        if say:
            self._reporter.say(f"{job.label} failed: {why}")
        self._advance()

    def _advance(self) -> None:
        if self._open:
            self._reporter.advance()


def _doing(worker: _Worker) -> str:
    if worker.job is None:
        return ""
    minutes = (time.monotonic() - worker.since) / 60
    said = worker.progress
    far = f", {said.phase} {said.done:,} of {said.total:,}" if said is not None else ""
    return f"{worker.job.label}: {minutes:.1f} min{far}"
