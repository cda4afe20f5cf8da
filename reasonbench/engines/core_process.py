"""What surrounds vLLM's engine core: its environment, its output, and its end.

The core is a process of its own, spawned, so it inherits none of our files or locks.  Its
output goes to an unnamed file, which tells why it died; standard output is for data, and
vLLM writes there.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

_DEFAULTS = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # A forked core would share our file descriptors, and with them the store's lock.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
LOG_TAIL = 1 << 20
"""Bytes at the end of the log in which the reason is looked for."""
_ERROR = re.compile(r"\b(?:\w+\.)*([A-Z]\w*(?:Error|Exception)): (.+)")
_VAGUE = ("Engine core initialization failed", "EngineCore encountered", "WorkerProc init")
"""Messages that say only that another message says why."""


def prepare_environment() -> None:
    """Set what vLLM reads at import, where the user has not."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def output_to(log: IO[bytes]) -> Iterator[None]:
    """Send all that this process and its new children write to ``log``; ignore warnings."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    saved = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):
            saved[number] = os.dup(number)
            os.dup2(log.fileno(), number)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for number, copy in saved.items():
            os.dup2(copy, number)
            os.close(copy)


def new_log() -> IO[bytes]:
    """Return an unnamed file that goes with the last process that has it open."""
    return tempfile.TemporaryFile()


def cause(log: IO[bytes], error: BaseException) -> str:
    """Return the reason that the log gives for an error, or else the error's own words."""
    with contextlib.suppress(OSError, ValueError):
        # Not seek: the core writes at the same offset.
        start = max(0, os.fstat(log.fileno()).st_size - LOG_TAIL)
        text = os.pread(log.fileno(), LOG_TAIL, start).decode("utf-8", "replace")
        for kind, message in reversed(_ERROR.findall(text)):
            if not message.startswith(_VAGUE):
                return f"{kind}: {message.strip()}"[:400]
    return f"{type(error).__name__}: {error}".splitlines()[0][:400]


class Watchdog:
    """A small process that kills the engine core if this process is killed."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("core_watch.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; the watchdog outlives us by a moment
        )
        if self._process.stdout is not None:
            with self._process.stdout as ready:
                ready.read(1)

    def watch(self, pids: Iterable[int]) -> None:
        """Watch these processes, rather than all that are spawned."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """End the watchdog; what it watched must have ended already."""
        self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
