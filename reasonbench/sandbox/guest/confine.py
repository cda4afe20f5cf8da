"""Taking rights away: mounts, capabilities, limits, signals; each call checked."""

import ctypes
import os
import resource
import signal
import struct
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
NAMESPACES = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_REC, MS_PRIVATE = 0x4000, 0x40000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

_SYSCALLS = {
    "x86_64": {"clone": 56, "rt_sigaction": 13, "capset": 126},
    "aarch64": {"clone": 220, "rt_sigaction": 134, "capset": 91},
}
_N_SIGNALS = 64
_STACK = 100 << 20
"""Below the 128 MiB that the kernel keeps free under the main thread's stack."""

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _fail(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def _syscall(name: str, *args: int | ctypes.Array[ctypes.c_char]) -> int:
    number = _SYSCALLS[os.uname().machine][name]
    values = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result: int = _libc.syscall(ctypes.c_long(number), *values)
    if result < 0:
        raise _fail(name)
    return result


def prctl(option: int, *args: int) -> None:
    """Call prctl and raise OSError where it fails."""
    padded = [ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *padded) != 0:
        raise _fail(f"prctl({option})")


def clone(flags: int) -> int:
    """Fork into new namespaces, as os.fork does into the old ones."""
    api = ctypes.pythonapi
    for hook in (api.PyOS_BeforeFork, api.PyOS_AfterFork_Child, api.PyOS_AfterFork_Parent):
        hook.restype = None
    api.PyOS_BeforeFork()
    try:
        pid = _syscall("clone", flags | signal.SIGCHLD, 0, 0, 0, 0)
    except OSError:
        api.PyOS_AfterFork_Parent()
        raise
    if pid == 0:
        api.PyOS_AfterFork_Child()
    else:
        api.PyOS_AfterFork_Parent()
    return pid


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None) -> None:
    """Mount, and raise OSError where it fails."""
    encoded = [None if text is None else text.encode() for text in (source, target, kind, options)]
    source_, target_, kind_, options_ = encoded
    if _libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), options_) != 0:
        raise _fail(f"mount {kind or 'flags'} on {target}")


def private_mounts() -> None:
    """Keep what is mounted from now on out of every other namespace."""
    mount("none", "/", None, MS_REC | MS_PRIVATE, None)


def fresh_mounts(tmp_mb: int, n_inodes: int) -> None:
    """Mount an empty /tmp and /dev/shm, and a /proc that shows this PID namespace alone."""
    flags = MS_NOSUID | MS_NODEV
    options = f"size={tmp_mb}m,nr_inodes={n_inodes},mode=1777"
    mount("tmpfs", "/tmp", "tmpfs", flags, options)
    mount("tmpfs", "/dev/shm", "tmpfs", flags, options)
    mount("proc", "/proc", "proc", flags | MS_NOEXEC, "subset=pid")


def drop_bounding_set() -> None:
    """Make sure that no later exec can gain a capability."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # EINVAL past the kernel's last one; EPERM where we never had any


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    _libc.prctl(PR_CAP_AMBIENT, ctypes.c_ulong(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _syscall("capset", header, data)


def reset_signals() -> None:
    """Give all 64 signals their default action: ignored ones are inherited."""
    for number in range(1, _N_SIGNALS + 1):
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            # 32 and 33, which the C library keeps for itself and will not let us name.
            action = ctypes.create_string_buffer(32)
            _syscall("rt_sigaction", number, action, 0, 8)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def address_space() -> int:
    """Return the bytes of address space that this process has already."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def set_limits(limits: dict[str, Any]) -> None:
    """Set the resource limits of a candidate."""
    memory = limits["memory"] + address_space()
    cpu = limits["cpu"]
    size = limits["file_size"]
    values = {
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_FSIZE: (size, size),
        resource.RLIMIT_NPROC: (limits["threads"], limits["threads"]),
        resource.RLIMIT_NOFILE: (limits["open_files"], limits["open_files"]),
        resource.RLIMIT_MEMLOCK: (1 << 16, 1 << 16),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        # No core file, and at 1 (not at 0) the kernel starts no crash handler on the host either.
        resource.RLIMIT_CORE: (1, 1),
    }
    for which, (soft, hard) in values.items():
        resource.setrlimit(which, (_at_most(soft, which), _at_most(hard, which)))
    # Contest programs raise this one themselves, and would fail at a hard limit.
    ceiling = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = _at_most(_STACK, resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, ceiling))


def _at_most(wanted: int, which: int) -> int:
    """Return the limit, lowered to the one that already holds."""
    ceiling = resource.getrlimit(which)[1]
    return wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
