"""The writer's lock on a run directory.

``flock`` on ``<directory>/lock``: the kernel drops it when its owner ends, however it
ends, so no stale lock needs cleaning.  The text in the file only tells others whom to
wait for.  The descriptor is closed on exec and in forked children; otherwise a worker
that outlives its parent would keep the run locked.

Not covered: file systems without ``flock``, which are refused; and children forked by C
code behind Python's back, unless they exec.
"""

import datetime
import fcntl
import os
import platform
import time
import weakref
from pathlib import Path

import msgspec

from reasonbench.errors import StoreLockedError, StoreWriteError

LOCK_FILE = "lock"
ATTEMPTS = 3
PAUSE_SECONDS = 0.02


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, as written in its file."""

    pid: int
    """Process id."""
    started: str
    """When the lock was taken, in UTC."""
    host: str
    """Machine that the process runs on."""


class RunLock:
    """An exclusive lock, held from ``acquire`` to ``release``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _held.add(self)

    @classmethod
    def acquire(cls, directory: Path) -> "RunLock":
        """Take the lock.

        Raises:
            StoreLockedError: another process holds it.
            OSError: the lock file cannot be made or written.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(directory / LOCK_FILE, flags, 0o644)
        try:
            _lock(descriptor, directory)
            _write_owner(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def forget(self) -> None:
        """Close the descriptor without unlocking: for a forked child, which shares it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_held: "weakref.WeakSet[RunLock]" = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)


def is_held(directory: Path) -> bool:
    """Return whether a live process is writing to ``directory``; True where unknowable."""
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int, directory: Path) -> None:
    # A reader that probes the lock holds it for microseconds: try again before refusing.
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            continue
        except OSError as exc:
            raise StoreWriteError(
                f"{directory} cannot be locked: {exc.strerror}",
                hint="keep the run directory on a local file system",
            ) from exc
    raise _refusal(descriptor, directory)


def _refusal(descriptor: int, directory: Path) -> StoreLockedError:
    try:
        owner = msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Owner)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return StoreLockedError(
            f"{directory} is being written by another process",
            hint="wait for it to end; reading the run works meanwhile",
        )
    return StoreLockedError(
        f"{directory} is being written by process {owner.pid} on {owner.host}, "
        f"since {owner.started}",
        hint=f"wait for it, or stop it with: kill {owner.pid}; reading works meanwhile",
    )


def _write_owner(descriptor: int) -> None:
    now = datetime.datetime.now(datetime.UTC)
    owner = Owner(pid=os.getpid(), started=now.isoformat(timespec="seconds"), host=platform.node())
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, msgspec.json.encode(owner) + b"\n", 0)
