"""The ways to shut a program in, best first, and how each starts its zygote.

============  ==================================================================
zygote        bubblewrap round a warm interpreter; per test a fork into new PID,
              mount and IPC namespaces, with a system-call filter
bwrap         bubblewrap round each test, where namespaces do not nest
landlock      no namespaces: Landlock and the filter; no writable folder at all
unsafe_local  resource limits alone, for code that you trust; only by name
============  ==================================================================

Started by root, each worker takes an unprivileged uid before anything else: bubblewrap
would keep uid 0, which owns the kernel's settings and has no limit on processes.
"""

import functools
import glob
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reasonbench.errors import ReasonbenchError

GUEST = Path(__file__).parent / "guest"
HARNESS = "/harness"
PACKAGES = "/packages"
FIRST_UID, N_UIDS = 61_184, 4_000
"""Uids that no person has; systemd keeps them for services it makes up as it goes."""
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # sets iterate the same way in every run
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "2",  # each further arena would reserve 64 MiB of the address space
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
DEVICES = ("null", "zero", "full", "random", "urandom")
STANDARD = {"stdin": "0", "stdout": "1", "stderr": "2"}


class SandboxUnavailableError(ReasonbenchError):
    """No backend can be used here; the message names what each probe found."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to shut a program in."""

    name: str
    bubblewrap: bool
    nest: bool
    """Fork into new namespaces for each test."""
    seccomp: bool
    landlock: bool

    @property
    def one_job(self) -> bool:
        """Whether a worker is used up by one program."""
        return self.bubblewrap and not self.nest


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("zygote", bubblewrap=True, nest=True, seccomp=True, landlock=False),
        Backend("bwrap", bubblewrap=True, nest=False, seccomp=True, landlock=False),
        Backend("landlock", bubblewrap=False, nest=False, seccomp=True, landlock=True),
        Backend("unsafe_local", bubblewrap=False, nest=False, seccomp=False, landlock=False),
    )
}
SAFE = ("zygote", "bwrap", "landlock")


_ASK = """
import sys
print(sys.base_prefix, sys.base_exec_prefix, "%d.%d" % sys.version_info[:2], sep="\\n")
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and where its files are."""

    executable: str
    prefixes: tuple[str, ...]
    version: str

    @classmethod
    @functools.cache
    def find(cls, python: str | None) -> "Interpreter":
        """Return the interpreter of this name, by default the one that runs this."""
        if python is None:
            base = getattr(sys, "_base_executable", None) or sys.executable
        else:
            base = shutil.which(python) or python
        try:
            told = subprocess.run(
                [base, "-I", "-c", _ASK], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise SandboxUnavailableError(
                f"the interpreter {base!r} does not run: {error}",
                hint="name a Python of version 3.11 or newer",
            ) from None
        prefix, exec_prefix, version = told.stdout.splitlines()
        found = {prefix, exec_prefix, os.path.realpath(prefix), os.path.realpath(exec_prefix)}
        return cls(os.path.realpath(base), tuple(sorted(found)), version)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the workers of a pool have in common."""

    interpreter: Interpreter
    packages: tuple[str, ...] = ("numpy", "sortedcontainers")
    """Packages of this interpreter that candidates may import, where they are installed."""
    preload: tuple[str, ...] = ()
    """Modules to import once a worker, not once a test."""


@dataclass(frozen=True, slots=True)
class Source:
    """A word of a command line that is a path outside."""

    path: str


Word = str | Source


def package_folders(setting: Setting) -> list[Path]:
    """Return the folders of the packages that are installed, and of this interpreter's version."""
    if setting.interpreter.version != f"{sys.version_info[0]}.{sys.version_info[1]}":
        return []
    folders = []
    for package in setting.packages:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            folder = Path(place).resolve()
            libraries = folder.with_name(f"{package}.libs")
            folders += [folder, libraries] if libraries.is_dir() else [folder]
    return folders


def start(
    backend: Backend, setting: Setting, slot: int, stderr: int, folder: str
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a worker's process; return it and our end of its socket.

    ``folder`` is where programs start that have no /tmp of their own.
    """
    uid = worker_uid(slot) if os.geteuid() == 0 and backend.seccomp else None
    if uid is not None and not backend.bubblewrap:
        refuse_unreachable(setting.interpreter, uid)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        boot = f"{HARNESS}/boot.py" if backend.bubblewrap else str(GUEST / "boot.py")
        arguments = [str(theirs.fileno()), json.dumps(_options(backend, setting, folder))]
        guest = [setting.interpreter.executable, "-s", "-P", "-B", boot, *arguments]
        command: list[Word] = [*guest]
        if backend.bubblewrap:
            command = [*bubblewrap(setting, first=not backend.nest), *guest]
        launched = uid is not None and backend.bubblewrap
        process = subprocess.Popen(
            _launched(command, uid or 0) if launched else _plain(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            # Not --clearenv: what bubblewrap was started with stays in /proc/1/environ.
            env={} if backend.bubblewrap else ENVIRONMENT,
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            user=None if launched else uid,
            group=None if launched else uid,
            extra_groups=None if launched or uid is None else [],
        )
    except BaseException as error:
        ours.close()
        if uid is not None and isinstance(error, PermissionError):
            what = f"as the unprivileged uid {uid}, {error}"
            raise OSError(error.errno, what) from None
        raise
    finally:
        theirs.close()
    return process, ours


def refuse_unreachable(interpreter: Interpreter, uid: int) -> None:
    """Raise SandboxUnavailableError where a stranger cannot follow the path to the interpreter.

    bubblewrap shows it elsewhere; without, it is run where it lies, as root's never can be.
    """
    for path in (interpreter.executable, *interpreter.prefixes, str(GUEST)):
        for folder in reversed(Path(path).parents):
            if not os.stat(folder).st_mode & 0o001:
                raise SandboxUnavailableError(
                    f"{path} cannot be run as the unprivileged uid {uid}, because {folder} is "
                    "closed to others; use a Python and a reasonbench that lie elsewhere, or run "
                    "as an ordinary user"
                )


def _plain(command: list[Word]) -> list[str]:
    return [word if isinstance(word, str) else word.path for word in command]


def _launched(command: list[Word], uid: int) -> list[str]:
    """Return the command line of ``launch``, that runs the command as ``uid``."""
    sources = sorted({word.path for word in command if isinstance(word, Source)})
    words = [word if isinstance(word, str) else [word.path] for word in command]
    order = json.dumps({"uid": uid, "sources": sources, "command": words})
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), order]


def worker_uid(slot: int) -> int:
    """Return an unprivileged uid for a worker; two pools of one machine rarely share one."""
    return FIRST_UID + (os.getpid() * 61 + slot) % N_UIDS


def _options(backend: Backend, setting: Setting, folder: str) -> dict[str, object]:
    packages = [str(path) for path in package_folders(setting)]
    places = sorted({str(Path(path).parent) for path in packages})
    inside = backend.bubblewrap
    return {
        "nest": backend.nest,
        "seccomp": backend.seccomp,
        "landlock": _landlock(setting.interpreter, packages, places) if backend.landlock else None,
        "folder": "/tmp" if inside else folder,
        "path": [PACKAGES] if inside else places,
        "preload": list(setting.preload),
    }


def _landlock(
    interpreter: Interpreter, packages: list[str], places: list[str]
) -> dict[str, list[str]]:
    """Return the folders whose names may be listed, and those whose files may be read."""
    hidden = masks(interpreter)
    roots = roots_of(interpreter)
    system = [path for path in ("/lib", "/lib64", "/etc/ld.so.cache") if not os.path.islink(path)]
    files = [path for root in roots for path in readable(root, hidden)]
    return {"listed": [*roots, *places], "read": [*files, *system, *packages]}


def bubblewrap(setting: Setting, *, first: bool) -> list[Word]:
    """Return the command line up to the interpreter.

    ``first`` makes that the first process inside: bubblewrap's own has no filter, and a
    candidate that shares its PID namespace could write into its memory.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailableError(
            "bubblewrap is not installed", hint="apt-get install bubblewrap"
        )
    command: list[Word] = [program, "--unshare-user", "--unshare-pid", "--unshare-net"]
    command += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    command += ["--die-with-parent", "--new-session", "--cap-add", "ALL"]
    command += ["--as-pid-1"] if first else []
    command += _system()
    for prefix in roots_of(setting.interpreter)[1:]:
        command += _bound(prefix)
    masked = masks(setting.interpreter)
    for folder in masked:
        command += ["--tmpfs", folder]
    command += _bound(str(GUEST), HARNESS)
    for path in package_folders(setting):
        command += _bound(str(path), f"{PACKAGES}/{path.name}")
    command += ["--proc", "/proc", "--size", str(64 << 20), "--tmpfs", "/tmp"]
    for folder in [*masked, "/dev", "/"]:
        command += ["--remount-ro", folder]
    command += ["--clearenv", "--chdir", "/"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    return [*command, "--"]


def _bound(source: str, target: str | None = None) -> list[Word]:
    return ["--ro-bind", Source(source), target or source]


def _system() -> list[Word]:
    """Return /usr, what stands beside it, and a /dev of five harmless devices."""
    command = _bound("/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = f"/{name}"
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += _bound(path)
    if os.path.exists("/etc/ld.so.cache"):
        command += _bound("/etc/ld.so.cache")
    command += ["--tmpfs", "/dev"]
    for name in DEVICES:
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, descriptor in STANDARD.items():
        command += ["--symlink", f"/proc/self/fd/{descriptor}", f"/dev/{name}"]
    command += ["--symlink", "/proc/self/fd", "/dev/fd"]
    return [*command, "--size", str(16 << 20), "--tmpfs", "/dev/shm"]


def roots_of(interpreter: Interpreter) -> list[str]:
    """Return the folders that hold the system's libraries and the interpreter's files."""
    roots = ["/usr"]
    for prefix in interpreter.prefixes:
        if not any(_is_below(prefix, root) for root in roots):
            roots.append(prefix)
    return roots


def masks(interpreter: Interpreter) -> list[str]:
    """Return the folders to hide: all that was installed, which may hold our own targets."""
    patterns = ("site-packages", "dist-packages")
    bases = {"/usr", *interpreter.prefixes}
    found = {
        folder
        for base in bases
        for name in patterns
        for folder in glob.glob(f"{glob.escape(base)}/lib/python3*/{name}")
    }
    found |= {folder for folder in ("/usr/src", "/usr/local") if os.path.isdir(folder)}
    kept = {os.path.realpath(folder) for folder in found}
    needed = [os.path.realpath(prefix) for prefix in interpreter.prefixes]
    kept = {f for f in kept if not any(_is_below(prefix, f) for prefix in needed)}
    return sorted(f for f in kept if any(_is_below(f, root) for root in roots_of(interpreter)))


def readable(root: str, hidden: Sequence[str]) -> list[str]:
    """Return what covers ``root`` but for the hidden folders, for want of a rule that forbids."""
    if root in hidden:
        return []
    if not any(_is_below(folder, root) for folder in hidden):
        return [root]
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    return [path for name in names for path in readable(f"{root}/{name}", hidden)]


def _is_below(path: str, root: str) -> bool:
    return Path(path).is_relative_to(root)
