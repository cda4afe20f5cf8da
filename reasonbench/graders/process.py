"""A worker process as the pool sees it: started, fed, read, killed and reaped.

Nothing here blocks but ``kill``, which waits for a process that was sent SIGKILL.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import deque

from reasonbench.graders import wire
from reasonbench.graders.worker import OUT_OF_MEMORY
from reasonbench.records import Completion, Problem

STDERR_KEPT = 2_000
"""Bytes kept of what a worker said last."""
_READ = 1 << 18
_MEMORY_WORDS = (b"MemoryError", b"bad_alloc", b"out of memory", b"annot allocate memory")


@dataclasses.dataclass(slots=True)
class Task:
    """A completion on its way to a grade."""

    number: int
    """Its number in the pool."""
    problem: Problem
    """What was asked."""
    completion: Completion
    """What is judged."""
    losses: int = 0
    """Workers that were lost on it; after the first it is tried again, alone."""


class WorkerProcess:
    """One running worker."""

    def __init__(self, grader: str, memory_mb: int) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "reasonbench.graders.worker",
                grader,
                str(memory_mb),
                str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            bufsize=0,
        )
        self.stdin, self.stdout, self.stderr = (
            stream.fileno()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
            if stream is not None
        )
        for descriptor in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        self.in_flight: deque[Task] = deque()
        self.ready = False
        self.since = time.monotonic()
        """When it was started, or when the first task in flight came up."""
        self._frames = wire.Frames()
        self._outgoing = bytearray()
        self._said = bytearray()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_output(self) -> bool:
        """Whether something waits to be written to it."""
        return bool(self._outgoing)

    def send(self, tasks: list[Task], frame: bytes) -> None:
        """Queue a batch; ``write`` brings it over."""
        if not self.in_flight:
            self.since = time.monotonic()
        self.in_flight.extend(tasks)
        self._outgoing += frame

    def write(self) -> None:
        """Write what the pipe takes; a worker that died is found when it is read."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            written = os.write(self.stdin, self._outgoing)
            del self._outgoing[:written]
            return
        if self._process.poll() is not None:
            self._outgoing.clear()

    def read(self) -> tuple[list[wire.Reply], bool]:
        """Return the replies that are there, and whether the worker has ended."""
        try:
            data = os.read(self.stdout, _READ)
        except BlockingIOError:
            return [], False
        return [wire.reply_of(body) for body in self._frames.feed(data)], not data

    def hear(self) -> bool:
        """Keep the end of what it says on stderr; False once it can say no more."""
        try:
            data = os.read(self.stderr, _READ)
        except BlockingIOError:
            return True
        self._said += data
        del self._said[:-STDERR_KEPT]
        return bool(data)

    def kill(self) -> int:
        """End the process, reap it, and return its exit status."""
        self._process.kill()
        status = self._process.wait()
        with contextlib.suppress(OSError):
            self.hear()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return status

    def cause_of_death(self, status: int) -> tuple[str, str]:
        """Return the reason (``memory`` or ``crashed``) and a detail for an exit status."""
        said = self._said.decode("utf-8", "replace").strip()
        last = said.splitlines()[-1] if said else ""
        killed_by_system = status == -signal.SIGKILL
        if status == OUT_OF_MEMORY or killed_by_system or _tells_of_memory(self._said):
            return "memory", last or "the worker ran out of memory"
        if status < 0:
            with contextlib.suppress(ValueError):
                return "crashed", f"{signal.Signals(-status).name} {last}".strip()
        return "crashed", f"exit status {status} {last}".strip()


def _tells_of_memory(said: bytes | bytearray) -> bool:
    return any(word in said for word in _MEMORY_WORDS)


def _environment() -> dict[str, str]:
    """Return the worker's environment: our import path, and what makes grades repeatable."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(_absolute(p) for p in dict.fromkeys(sys.path)),
        "PYTHONHASHSEED": "0",
        "SYMPY_GROUND_TYPES": "python",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _absolute(path: str) -> str:
    return os.path.abspath(path or os.curdir)
