"""A worker process as the study sees it: started, asked, read, killed and reaped."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from reasonbench.interrupts import held
from reasonbench.study import requests

STDERR_KEPT = 4_000
"""Bytes of a worker's log that its last words are looked for in."""


class WorkerProcess:
    """One process, or the place of one."""

    def __init__(self, number: int, threads: int, devices: str | None, logs: Path) -> None:
        self._log = logs / f"worker-{number}.log"
        self._threads, self._devices = threads, devices
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""

    @property
    def stdout(self) -> int:
        """The pipe that it answers through."""
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def pid(self) -> int | None:
        """Its process id, where it runs."""
        return None if self._process is None else self._process.pid

    def ask(self, request: requests.Request) -> bool:
        """Send a request; True where a process had to be started for it."""
        new = self._process is None
        if new:
            self._launch()
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # found when it is read
            self._process.stdin.write(requests.pack(request))
            self._process.stdin.flush()
        return new

    def read(self) -> list[requests.Reply] | None:
        """Return what it answered; None where it has ended."""
        data = os.read(self.stdout, 1 << 16)
        if not data:
            return None
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [requests.reply_of(line) for line in lines]

    def kill(self) -> int:
        """End it and return its exit status."""
        process, self._process, self._heard = self._process, None, b""
        if process is None:
            return 0
        process.kill()
        status = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return status

    def reap(self) -> int:
        """Return the exit status of a worker that has ended by itself."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
        return self.kill()

    def last_words(self) -> str:
        """Return the last line that it wrote to stderr."""
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - STDERR_KEPT))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
            return lines[-1].strip()[:200] if lines else ""
        return ""

    def _launch(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # A Ctrl-C between the fork and the assignment would leave a worker that nobody ends.
        with self._log.open("wb") as log, held():
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "reasonbench.study.worker",
                    str(os.getpid()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(self._threads, self._devices),
            )


def _environment(threads: int, devices: str | None) -> dict[str, str]:
    chosen = {} if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
    paths = [os.path.abspath(path or os.curdir) for path in dict.fromkeys(sys.path)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **chosen,
    }


def how_it_ended(status: int) -> str:
    """Return what an exit status says."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"
