"""Attacks and honest programs that a backend must hold against before it is trusted.

They are few and quick, because they run before the first real program of every process.
The corpus in ``tests/hostile`` is the thorough one.
"""

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reasonbench.sandbox import backends
from reasonbench.sandbox.execution import execute
from reasonbench.sandbox.outcome import Outcome, Status
from reasonbench.sandbox.program import Limits, Program
from reasonbench.sandbox.worker import Worker, WorkerFaultError

INSTALL = "apt-get install bubblewrap"
FORBIDDING = {
    "kernel.unprivileged_userns_clone": "0",
    "kernel.apparmor_restrict_unprivileged_userns": "1",
}
"""Settings of the kernel that keep an ordinary user from making a namespace."""
TIGHT = Limits(cpu_s=2.0, wall_s=30.0, memory_mb=256, output_kb=256, threads=16)
SPIN = Limits(cpu_s=0.1, wall_s=30.0)
ATTEMPT = """
import os, socket, ctypes, fcntl
def held(call, *args):
    try:
        result = call(*args)
    except (OSError, AttributeError):
        return True
    return result == -1
attempts = {attempts}
print(*[name for name, call, *args in attempts if not held(call, *args)])
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One program of the self-test, and what it must come to."""

    name: str
    program: Program
    holds: Callable[[Outcome], bool]
    limits: Limits = TIGHT


@dataclass(frozen=True, slots=True)
class Probe:
    """What trying a backend found."""

    backend: str
    ok: bool
    why: str = ""
    """Why it cannot be used."""
    seconds: float = 0.0


def _attempt(name: str, attempts: str) -> Trial:
    """Return a trial in which no attempt may succeed, and one that kills is as good."""
    program = Program.stdio(ATTEMPT.format(attempts=attempts))
    return Trial(
        name,
        program,
        lambda got: (
            got.status == Status.SECURITY or (got.status == Status.OK and not got.text.strip())
        ),
    )


def trials(canary: str) -> Iterator[Trial]:
    """Yield the self-test; ``canary`` is a file of ours that must not be readable."""
    yield Trial(
        "an honest program",
        Program.stdio("print(sum(map(int, open(0).read().split())))", "1 2 39"),
        lambda got: got.status == Status.OK and got.text == "42\n",
    )
    yield Trial(
        "an honest function",
        Program.function("def f(x): return [x, {x: (1.5, None)}]", "f", (7,)),
        lambda got: got.status == Status.OK and got.calls[0].value == [7, {7: (1.5, None)}],
    )
    yield _attempt("the network", "[('socket', socket.socket)]")
    yield _attempt("another process", "[('fork', os.fork), ('exec', os.execv, '/bin/true', ['x'])]")
    yield _attempt(
        "files of ours", f"[('canary', open, {canary!r}), ('shadow', open, '/etc/shadow')]"
    )
    yield _attempt(
        "files to write",
        "[('usr', open, '/usr/x', 'w'), ('core', open, '/proc/sys/kernel/core_pattern', 'w'),"
        " ('canary', open, " + repr(canary) + ", 'w')]",
    )
    yield _attempt("signals to us", f"[('kill', os.kill, {os.getpid()}, 0)]")
    yield _attempt(
        "signals by way of a file",
        "[('owner', fcntl.fcntl, 1, fcntl.F_SETOWN, os.getppid()),"
        " ('signal', fcntl.fcntl, 1, 10, 9),"
        " ('async', fcntl.fcntl, 1, fcntl.F_SETFL, os.O_ASYNC | os.O_APPEND)]",
    )
    yield _attempt("our environment", f"[('environ', open, '/proc/{os.getpid()}/environ')]")
    yield _attempt("namespaces", "[('unshare', ctypes.CDLL(None).unshare, 0x10000000)]")
    yield _attempt("tracing", "[('ptrace', ctypes.CDLL(None).ptrace, 0, 0, 0, 0)]")
    yield Trial(
        "the processor",
        Program.stdio("while True: pass"),
        lambda got: got.status == Status.TLE_CPU,
        SPIN,
    )
    yield Trial(
        "memory",
        Program.stdio("x = bytearray(1 << 30)"),
        lambda got: got.status == Status.MLE,
    )
    yield Trial(
        "output",
        Program.stdio("while True: print('x' * 65536)"),
        lambda got: got.status == Status.OLE,
    )


def probe(backend: backends.Backend, setting: backends.Setting) -> Probe:
    """Start the backend and run the self-test in it."""
    started = time.monotonic()
    folder = tempfile.mkdtemp(prefix="reasonbench-canary-")
    try:
        os.chmod(folder, 0o755)
        canary = Path(folder, "canary")
        canary.write_text("escaped")
        os.chmod(canary, 0o666)
        why = _first_failure(backend, setting, str(canary))
    except (WorkerFaultError, backends.SandboxUnavailableError) as error:
        why = str(error)
    finally:
        shutil.rmtree(folder)
    return Probe(backend.name, not why, why, time.monotonic() - started)


def _is_trusted(backend: backends.Backend) -> bool:
    """Return whether the backend is unsafe, and was asked for by that name."""
    return not backend.seccomp


def _first_failure(backend: backends.Backend, setting: backends.Setting, canary: str) -> str:
    worker = Worker(backend, setting)
    try:
        for trial in trials(canary):
            if _is_trusted(backend) and not trial.name.startswith("an honest"):
                break
            if backend.one_job and worker.used:
                worker.close()
                worker = Worker(backend, setting)
            got = execute(worker, trial.program, trial.limits)
            if not trial.holds(got):
                said = got.text.strip() or got.detail or got.stderr.strip()
                return f"the self-test failed at {trial.name}: {got.status}, {said[-200:]!r}"
    finally:
        worker.close()
    return ""


@functools.cache
def probe_once(name: str, setting: backends.Setting) -> Probe:
    """Return what probing a backend found, tried once a process."""
    return probe(backends.BACKENDS[name], setting)


def setting_for(
    python: str | None, packages: tuple[str, ...], preload: tuple[str, ...]
) -> backends.Setting:
    """Return the setting of a pool; a package that is not installed is left out."""
    return backends.Setting(backends.Interpreter.find(python), packages, preload)


def choose(name: str, setting: backends.Setting) -> backends.Backend:
    """Return the backend of this name, or with ``auto`` the first that holds.

    Raises:
        SandboxUnavailableError: None does; the message names what each probe found.
    """
    names = backends.SAFE if name == "auto" else (name,)
    if not set(names) <= set(backends.BACKENDS):
        known = ", ".join(("auto", *backends.BACKENDS))
        raise backends.SandboxUnavailableError(
            f"there is no sandbox backend named {name!r}", hint=f"known: {known}"
        )
    found = []
    for each in names:
        result = probe_once(each, setting)
        if result.ok:
            return backends.BACKENDS[each]
        found.append(f"{each}: {result.why}")
    raise backends.SandboxUnavailableError(
        f"untrusted code cannot be run here ({'; '.join(found)})", hint=remedy()
    )


def remedy() -> str:
    """Return what to change on this machine, as far as it can be seen."""
    if shutil.which("bwrap") is None:
        return INSTALL
    for name, value in FORBIDDING.items():
        path = Path("/proc/sys", name.replace(".", "/"))
        with contextlib.suppress(OSError):
            if path.read_text().strip() == value:
                return f"user namespaces are off: sysctl {name}={1 - int(value)} allows them"
    return "in a container, allow user namespaces; elsewhere, see what each probe found"


def probe_all(python: str | None = None) -> list[Probe]:
    """Return what probing each safe backend found, best first (for ``reasonbench doctor``)."""
    setting = setting_for(python, ("numpy",), ())
    return [probe_once(name, setting) for name in backends.SAFE]
