"""The supervisor: first process of a test's namespaces, parent and judge of its candidate.

It carries frames between the outside and the candidate without reading them, stops the
candidate at its limits, and reports how it ended.  Nothing that the candidate does reaches
it but the frames on one socket: one reply to each request, of limited length.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from typing import Any

from reasonbench.sandbox.guest import candidate, confine, wire

TICK = 0.05
PATIENCE = 10
"""The most that the wall limit can grow, as a factor, on a machine that is too busy."""
MAX_REQUEST = 64 << 20


def main(job: dict[str, Any], descriptors: list[int], options: dict[str, Any]) -> None:
    """Set the test up, run it, report, and end."""
    outside = socket.socket(fileno=descriptors[0])
    try:
        report = run(outside, job, descriptors[1:], options)
    except Exception as error:
        report = {"internal": f"{type(error).__name__}: {error}"[:500]}
    outside.setblocking(True)
    with contextlib.suppress(OSError):
        outside.sendall(wire.pack(wire.END, json.dumps(report).encode()))


def run(
    outside: socket.socket, job: dict[str, Any], standard: list[int], options: dict[str, Any]
) -> dict[str, Any]:
    """Fork the candidate and see it to its end."""
    os.setsid()  # killpg(0) crosses PID namespaces, but not sessions
    confine.prctl(confine.PR_SET_PDEATHSIG, signal.SIGKILL)
    if options["nest"]:
        confine.fresh_mounts(job["tmp_mb"], job["n_inodes"])
    elif not options["seccomp"]:
        confine.prctl(confine.PR_SET_CHILD_SUBREAPER, 1)
    inside, theirs = socket.socketpair()
    ready, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        for ours in (outside, inside):
            ours.close()
        os.close(ready)
        candidate.main(theirs, report, standard, job, options)
    theirs.close()
    os.close(report)
    for descriptor in standard:
        os.close(descriptor)
    confine.prctl(confine.PR_SET_DUMPABLE, 0)
    confine.drop_capabilities()
    watch = Watch(pid, outside, inside, job)
    failure = read_all(ready)
    if failure != candidate.READY:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return {"internal": failure.decode(errors="replace") or "the candidate was never ready"}
    watch.loop()
    ended = watch.end()
    if not options["nest"]:
        reap_strangers()
    return ended


def read_all(descriptor: int) -> bytes:
    """Return what stands in a pipe up to its end, and close it."""
    parts = b""
    while piece := os.read(descriptor, 4096):
        parts += piece
    os.close(descriptor)
    return parts


def reap_strangers() -> None:
    """Kill and reap what a candidate without a filter has left behind."""
    with contextlib.suppress(OSError):
        while True:
            with open("/proc/thread-self/children") as file:
                left = [int(pid) for pid in file.read().split()]
            if not left:
                return
            for pid in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class Watch:
    """One candidate between its start and its end."""

    def __init__(
        self, pid: int, outside: socket.socket, inside: socket.socket, job: dict[str, Any]
    ) -> None:
        self._pid = pid
        self._clock = (~pid << 3) | 2  # the kernel's name for the CPU clock of a process
        self._outside, self._inside = outside, inside
        self._job = job
        self._from_outside = wire.Frames(MAX_REQUEST)
        self._from_inside = wire.Frames(job["max_reply"])
        self._to_inside = bytearray()
        self._owed = 0
        """Frames that the candidate may still send: one for each that it was sent."""
        self._started = self._turn_started = time.monotonic()
        self._turn_cpu = self._turn_waited = self._credit = 0.0
        self._why: str | None = None
        self._waited = 0.0
        outside.setblocking(False)
        inside.setblocking(False)
        self._pidfd = os.pidfd_open(pid)
        self._poll = select.poll()
        self._poll.register(outside, select.POLLIN)
        self._poll.register(inside, select.POLLIN)
        self._poll.register(self._pidfd, select.POLLIN)

    def loop(self) -> None:
        """Carry frames until the candidate is gone or must go."""
        while self._why is None:
            events = dict(self._poll.poll(self._patience() * 1000))
            if self._outside.fileno() in events:
                self._read_outside()
            mask = events.get(self._inside.fileno(), 0)
            if mask & select.POLLOUT:
                self._write_inside()
            if mask & ~select.POLLOUT:
                self._read_inside()
            if self._pidfd in events:
                return
            self._check_limits()

    def end(self) -> dict[str, Any]:
        """Kill what is left, and return how it ended."""
        if self._why is not None:
            self._waited = run_queue_wait(self._pid)
            os.kill(self._pid, signal.SIGKILL)
        _, status, usage = os.wait4(self._pid, 0)
        while self._inside.fileno() >= 0 and self._why is None and self._read_inside():
            pass
        signalled = os.WIFSIGNALED(status)
        return {
            "why": self._why,
            "exit": None if signalled else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if signalled else None,
            "cpu": usage.ru_utime + usage.ru_stime,
            "wall": time.monotonic() - self._started,
            "waited": self._waited,
            "rss_kb": usage.ru_maxrss,
        }

    def _patience(self) -> float:
        wall = self._wall_left()
        cpu = self._cpu_left(self._cpu())
        return max(0.002, min(TICK, wall, cpu))

    def _cpu(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0  # gone already; its end is the next event

    def _cpu_left(self, cpu: float) -> float:
        left: float = self._job["cpu_total"] - cpu
        if self._owed and self._job["cpu_each"] is not None:
            left = min(left, self._job["cpu_each"] - (cpu - self._turn_cpu))
        return left

    def _wall_left(self) -> float:
        now = time.monotonic()
        left: float = self._job["wall_total"] - (now - self._started - self._credit)
        if self._owed and self._job["wall_each"] is not None:
            credit = max(0.0, self._credit - self._turn_waited)
            left = min(left, self._job["wall_each"] - (now - self._turn_started - credit))
        return left

    def _check_limits(self) -> None:
        if self._why is None and self._cpu_left(self._cpu()) < 0:
            self._why = "cpu"
        elif self._why is None and self._wall_left() < 0:
            # What a busy machine made it wait for a processor is not held against it.
            most = (PATIENCE - 1) * self._job["wall_total"]
            self._credit = min(run_queue_wait(self._pid), most)
            if self._wall_left() < 0:
                self._why = "wall"

    def _read_outside(self) -> None:
        data = read(self._outside)
        if data is None:
            return
        if not data:
            self._why = "stop"
            return
        for kind, payload in self._from_outside.feed(data):
            if kind == wire.STOP:
                self._why = "stop"
                return
            if self._owed == 0:
                self._turn_started, self._turn_cpu = time.monotonic(), self._cpu()
                self._turn_waited = run_queue_wait(self._pid)
            self._owed += 1
            self._to_inside += wire.pack(kind, payload)
        self._write_inside()

    def _write_inside(self) -> None:
        if self._inside.fileno() < 0:
            self._to_inside.clear()
            return
        try:
            while self._to_inside:
                del self._to_inside[: self._inside.send(self._to_inside[: wire.CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._to_inside.clear()
            return
        events = select.POLLIN | (select.POLLOUT if self._to_inside else 0)
        self._poll.modify(self._inside, events)

    def _read_inside(self) -> bool:
        """Take what the candidate wrote; return False where there is nothing more for now."""
        data = read(self._inside)
        if data is None:
            return False
        if not data:
            self._poll.unregister(self._inside)
            self._inside.close()
            return False
        try:
            frames = self._from_inside.feed(data)
        except wire.FrameError as error:
            self._why = f"protocol: {error}"
            return False
        for kind, payload in frames:
            if self._owed == 0 or kind != wire.DATA:
                self._why = "protocol: a frame that nobody asked for"
                return False
            self._owed -= 1
            self._tell(payload)
        return True

    def _tell(self, payload: bytes) -> None:
        wall = time.monotonic() - self._turn_started
        spent = json.dumps({"cpu": self._cpu() - self._turn_cpu, "wall": wall}).encode()
        self._outside.setblocking(True)
        try:
            self._outside.sendall(wire.pack(wire.DATA, wire.join(spent, payload)))
        except OSError:
            self._why = "stop"
        self._outside.setblocking(False)


def read(sock: socket.socket) -> bytes | None:
    """Return what has arrived, empty at the end, None where nothing has."""
    try:
        return sock.recv(wire.CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def run_queue_wait(pid: int) -> float:
    """Return the seconds that one thread of the process was ready and had no processor, at most.

    This tells a sleeper from a program that a loaded machine kept waiting.
    """
    longest = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                longest = max(longest, int(file.read().split()[1]))
    return longest / 1e9
