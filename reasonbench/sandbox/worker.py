"""One worker: its process, and the sessions of the programs that run in it."""

import contextlib
import fcntl
import json
import math
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from reasonbench.sandbox import backends
from reasonbench.sandbox.guest import wire
from reasonbench.sandbox.guest.supervisor import PATIENCE
from reasonbench.sandbox.program import Limits

START_S = 60.0
GRACE_S = 20.0
"""Past a program's own limits, before its supervisor is given up."""
MAX_FRAME = 64 << 20
MAX_REPLY = 20 << 20
STDERR_TAIL = 8192
OLE_HEAD = 64 << 10


class WorkerFaultError(Exception):
    """The infrastructure failed; the program may be run again elsewhere."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a candidate's process sent, and what that turn took."""

    payload: bytes
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class End:
    """The supervisor's report, and the standard streams."""

    report: dict[str, Any]
    stdout: bytes
    stdout_bytes: int
    stderr: str
    stderr_bytes: int


def job_of(limits: Limits, n_turns: int | None) -> dict[str, Any]:
    """Return the spawn message: with ``n_turns`` the limits hold for each of so many turns."""
    total = limits.cpu_s * (1 if n_turns is None else n_turns)
    wall = limits.wall * (1 if n_turns is None else n_turns)
    return {
        "rlimits": {
            "cpu": math.ceil(total) + 1,
            "memory": limits.memory_mb << 20,
            "file_size": (limits.output_kb << 10) + 1,
            "threads": limits.threads,
            "open_files": limits.open_files,
        },
        "cpu_total": total,
        "cpu_each": None if n_turns is None else limits.cpu_s,
        "wall_total": wall,
        "wall_each": None if n_turns is None else limits.wall,
        "tmp_mb": limits.disk_mb,
        "n_inodes": limits.files,
        "max_reply": MAX_REPLY,
        "max_request": MAX_FRAME,
    }


class Worker:
    """A zygote's process; use it from the thread that made it, and close it there.

    The kernel kills the process when that thread ends.
    """

    def __init__(self, backend: backends.Backend, setting: backends.Setting, slot: int = 0) -> None:
        self.backend = backend
        self.used = False
        self._talk = os.memfd_create("worker-stderr")
        self._folder = None if backend.seccomp else tempfile.mkdtemp(prefix="unsafe-local-")
        try:
            self._process, self._door = backends.start(
                backend, setting, slot, self._talk, self._folder or "/"
            )
        except OSError as error:
            os.close(self._talk)
            raise WorkerFaultError(f"the worker could not be started: {error}") from error
        except BaseException:
            os.close(self._talk)
            raise
        try:
            self._door.settimeout(START_S)
            ready = self._door.recv(64)
        except OSError as error:
            ready = str(error).encode()
        if ready != b"ready":
            self._door.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S / 4)
            said = os.pread(self._talk, 4096, 0).decode(errors="replace").strip()
            self.close()
            last = said.splitlines()[-1] if said else "it said nothing"
            raise WorkerFaultError(f"the worker did not start: {last}")

    @property
    def pid(self) -> int:
        """The process that was started: bubblewrap's, or the zygote's."""
        return self._process.pid

    def spawn(self, job: dict[str, Any], stdin: bytes = b"") -> "Session":
        """Start a candidate's process; it waits for its first frame."""
        self.used = True
        ours, theirs = socket.socketpair()
        files: list[int] = []
        try:
            files += [_memory_file("stdin", stdin), _memory_file("stdout"), _memory_file("stderr")]
            message = json.dumps(self._fit(job)).encode()
            socket.send_fds(self._door, [message], [theirs.fileno(), *files])
        except OSError as error:
            ours.close()
            for descriptor in files[1:]:
                os.close(descriptor)
            raise WorkerFaultError(f"the worker is gone: {error}") from error
        finally:
            theirs.close()
            if files:
                os.close(files[0])
        return Session(ours, files[1], files[2], job)

    def _fit(self, job: dict[str, Any]) -> dict[str, Any]:
        """Leave room for the processes that count against the uid's limit of threads."""
        rlimits = dict(job["rlimits"])
        if self.backend.bubblewrap or os.geteuid() == 0:
            rlimits["threads"] += 8
        else:
            # Without a user namespace everything of this user counts; memory bounds the threads.
            rlimits["threads"] = 1 << 20
        return {**job, "rlimits": rlimits}

    def close(self) -> None:
        """End the process and all that runs in it.

        The end of its socket ends it, and lets bubblewrap reap what it started; killed, it
        would leave that to the machine's init.
        """
        self._door.close()
        try:
            self._process.wait(GRACE_S / 4)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._talk >= 0:
            os.close(self._talk)
            self._talk = -1
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _memory_file(name: str, content: bytes | None = None) -> int:
    """Return a file in memory: no pipe to block on, and no flood in our own memory."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    if content is None:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
        return descriptor
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK)
    return descriptor


class Session:
    """One candidate's process, seen from outside."""

    def __init__(self, sock: socket.socket, stdout: int, stderr: int, job: dict[str, Any]) -> None:
        self._sock = sock
        self._stdout, self._stderr = stdout, stderr
        self._max_output: int = job["rlimits"]["file_size"] - 1
        self._deadline = time.monotonic() + PATIENCE * job["wall_total"] + GRACE_S

    def send(self, payload: bytes) -> None:
        """Send a frame; one that can no longer be received shows in ``receive``."""
        self._sock.settimeout(max(0.1, self._deadline - time.monotonic()))
        with contextlib.suppress(OSError):
            self._sock.sendall(wire.pack(wire.DATA, payload))

    def stop(self) -> None:
        """Have the candidate ended now."""
        with contextlib.suppress(OSError):
            self._sock.sendall(wire.pack(wire.STOP, b""))

    def receive(self) -> Reply | End:
        """Return the next reply or the end."""
        self._sock.settimeout(max(0.1, self._deadline - time.monotonic()))
        try:
            frame = wire.receive(self._sock, MAX_FRAME)
        except (OSError, wire.FrameError) as error:
            raise WorkerFaultError(f"the supervisor fell silent: {error}") from error
        if frame is None:
            raise WorkerFaultError("the supervisor ended without a report")
        kind, payload = frame
        if kind == wire.END:
            return self._end(json.loads(payload))
        note, body = wire.split(payload)
        spent = json.loads(note)
        return Reply(body, spent["cpu"], spent["wall"])

    def finish(self) -> End:
        """Return the end, passing over replies that came before it."""
        while not isinstance(got := self.receive(), End):
            pass
        return got

    def _end(self, report: dict[str, Any]) -> End:
        if "internal" in report:
            raise WorkerFaultError(f"the test could not be set up: {report['internal']}")
        out, err = (os.fstat(descriptor).st_size for descriptor in (self._stdout, self._stderr))
        wanted = out if out <= self._max_output else OLE_HEAD
        tail = os.pread(self._stderr, STDERR_TAIL, max(0, err - STDERR_TAIL))
        return End(report, _read(self._stdout, wanted), out, tail.decode("utf-8", "replace"), err)

    def close(self) -> None:
        """Give up the session; the supervisor ends when its socket does."""
        self._sock.close()
        for descriptor in (self._stdout, self._stderr):
            os.close(descriptor)


def _read(descriptor: int, n: int) -> bytes:
    parts = []
    offset = 0
    while offset < n:
        piece = os.pread(descriptor, n - offset, offset)
        if not piece:
            break
        parts.append(piece)
        offset += len(piece)
    return b"".join(parts)
