"""The system-call filter, written as classic BPF for x86-64 and aarch64.

A deny list: contest programs use much of the rest.  Everything newer than the list is
answered with ENOSYS, so a kernel upgrade opens nothing.  Calls that only an attack makes
kill the process; the others fail with EPERM, which honest programs survive.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable

KILL = 0x80000000
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
CLONE_THREAD = 0x00010000
CLONE_NAMESPACES = 0x7E020080
AF_UNIX = 1
X32_BIT = 0x40000000
LAST_KNOWN = 456
"""futex_requeue; the table is the same on both machines from 424 on."""

_LOAD = 0x20
_JEQ = 0x15
_JGE = 0x35
_JSET = 0x45
_RETURN = 0x06
_OFFSET_NR, _OFFSET_ARCH, _OFFSET_ARG0, _OFFSET_ARG1, _OFFSET_ARG2 = 0, 4, 16, 24, 32

REFUSED_OPTIONS = (1, 62)
"""Of prctl: the signal at the supervisor's death stays set; no core of its own (SCHED_CORE)."""
REFUSED_FCNTL = (8, 10, 15, 1024, 1026)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY: each has the kernel itself send a signal,
to whom one likes, and past the rules for ``kill``."""
REFUSED_IOCTL = (0x8901, 0x8902, 0x5452, 0x540E, 0x5412, 0x541C)
"""FIOSETOWN, SIOCSPGRP and FIOASYNC, the same by another door; TIOCSCTTY, TIOCSTI, TIOCLINUX."""
F_SETFL, O_ASYNC = 4, 0x2000
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

_MODERN = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "process_mrelease": 448, "set_mempolicy_home_node": 450,
    "map_shadow_stack": 453,
}  # fmt: skip

X86_64 = {
    "fork": 57, "vfork": 58, "clone": 56, "execve": 59, "execveat": 322, "socket": 41,
    "socketpair": 53, "connect": 42, "bind": 49, "ptrace": 101, "process_vm_readv": 310,
    "process_vm_writev": 311, "bpf": 321, "perf_event_open": 298, "add_key": 248,
    "request_key": 249, "keyctl": 250, "userfaultfd": 323, "unshare": 272, "setns": 308,
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "shmget": 29, "shmat": 30,
    "shmctl": 31, "shmdt": 67, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220,
    "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "memfd_create": 319,
    "mq_open": 240, "mq_unlink": 241, "prlimit64": 302, "setpriority": 141,
    "sched_setaffinity": 203, "sched_setscheduler": 144, "sched_setparam": 142,
    "sched_setattr": 314, "ioprio_set": 251, "kill": 62, "tkill": 200, "tgkill": 234,
    "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "init_module": 175, "finit_module": 313,
    "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320, "reboot": 169,
    "swapon": 167, "swapoff": 168, "open_by_handle_at": 304, "name_to_handle_at": 303,
    "kcmp": 312, "fanotify_init": 300, "fanotify_mark": 301, "quotactl": 179, "acct": 163,
    "syslog": 103, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "personality": 135,
    "lookup_dcookie": 212, "nfsservctl": 180, "move_pages": 279, "migrate_pages": 256,
    "mbind": 237, "set_mempolicy": 238, "vhangup": 153, "settimeofday": 164,
    "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "sethostname": 170,
    "setdomainname": 171, "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156,
    "vmsplice": 278, "prctl": 157, "create_module": 174, "get_kernel_syms": 177,
    "query_module": 178, "fcntl": 72, "ioctl": 16, **_MODERN,
}  # fmt: skip

AARCH64 = {
    "clone": 220, "execve": 221, "execveat": 281, "socket": 198, "socketpair": 199,
    "connect": 203, "bind": 200, "ptrace": 117, "process_vm_readv": 270,
    "process_vm_writev": 271, "bpf": 280, "perf_event_open": 241, "add_key": 217,
    "request_key": 218, "keyctl": 219, "userfaultfd": 282, "unshare": 97, "setns": 268,
    "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "shmget": 194, "shmat": 196,
    "shmctl": 195, "shmdt": 197, "semget": 190, "semop": 193, "semctl": 191,
    "semtimedop": 192, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187,
    "memfd_create": 279, "mq_open": 180, "mq_unlink": 181, "prlimit64": 261,
    "setpriority": 140, "sched_setaffinity": 122, "sched_setscheduler": 119,
    "sched_setparam": 118, "sched_setattr": 274, "ioprio_set": 30, "kill": 129, "tkill": 130,
    "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "init_module": 105,
    "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
    "reboot": 142, "swapon": 224, "swapoff": 225, "open_by_handle_at": 265,
    "name_to_handle_at": 264, "kcmp": 272, "fanotify_init": 262, "fanotify_mark": 263,
    "quotactl": 60, "acct": 89, "syslog": 116, "personality": 92, "lookup_dcookie": 18,
    "nfsservctl": 42, "move_pages": 239, "migrate_pages": 238, "mbind": 235,
    "set_mempolicy": 237, "vhangup": 58, "settimeofday": 170, "clock_settime": 112,
    "clock_adjtime": 266, "adjtimex": 171, "sethostname": 161, "setdomainname": 162,
    "vmsplice": 75, "prctl": 167, "fcntl": 25, "ioctl": 29, **_MODERN,
}  # fmt: skip

MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}

ATTACKS = frozenset({
    "ptrace", "process_vm_readv", "process_vm_writev", "bpf", "unshare", "setns", "mount",
    "umount2", "pivot_root", "chroot", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "open_by_handle_at",
    "kcmp", "acct", "iopl", "ioperm", "modify_ldt", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "pidfd_getfd", "userfaultfd",
    "add_key", "request_key", "keyctl", "perf_event_open", "quotactl", "quotactl_fd",
    "create_module", "uselib", "_sysctl",
})  # fmt: skip
"""Calls that no honest program makes: the process is killed, and the caller can say why."""

ABSENT = frozenset({"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"})
"""Answered with ENOSYS, so that libraries fall back (glibc from clone3 to clone)."""

FIRST_ARGUMENT = {"clone", "prlimit64", "socketpair", "sched_setaffinity"}
ONLY_SELF = {"kill", "tgkill"}
OTHERS_SIGNALS = {"tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal",
                  "pidfd_open"}  # fmt: skip
"""Allowed inside a PID namespace, which holds nobody else."""


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _error(number: int) -> bytes:
    return _op(_RETURN, ERRNO | number)


def _first_argument(number: int, tests: Iterable[bytes]) -> bytes:
    """Fail the call with EPERM unless one of the tests on its first argument returns first."""
    body = _op(_LOAD, _OFFSET_ARG0) + b"".join(tests) + _error(errno.EPERM)
    return _op(_JEQ, number, 0, len(body) // 8) + body


def _second_argument(number: int, refused: Iterable[int], *, flags: bool) -> bytes:
    """Fail the call with EPERM for these commands, and for F_SETFL with O_ASYNC; else allow it."""
    body = _op(_LOAD, _OFFSET_ARG1) + b"".join(map(_refuses, refused))
    if flags:
        asynchronous = _op(_JSET, O_ASYNC, 0, 1) + _error(errno.EPERM)
        body += _op(_JEQ, F_SETFL, 0, 3) + _op(_LOAD, _OFFSET_ARG2) + asynchronous
    body += _op(_RETURN, ALLOW)
    return _op(_JEQ, number, 0, len(body) // 8) + body


def _equals(value: int) -> bytes:
    return _op(_JEQ, value & 0xFFFFFFFF, 0, 1) + _op(_RETURN, ALLOW)


def _refuses(value: int) -> bytes:
    return _op(_JEQ, value, 0, 1) + _error(errno.EPERM)


def build(machine: str, *, own_pid: int | None = None) -> bytes:
    """Return the filter's instructions.

    ``own_pid`` is given where there is no PID namespace: signals then reach this process only.
    """
    arch, table = MACHINES[machine]
    code = [_op(_LOAD, _OFFSET_ARCH), _op(_JEQ, arch, 1, 0), _op(_RETURN, KILL)]
    code.append(_op(_LOAD, _OFFSET_NR))
    if machine == "x86_64":
        code += [_op(_JGE, X32_BIT, 0, 1), _op(_RETURN, KILL)]
    code += [_op(_JGE, LAST_KNOWN + 1, 0, 1), _error(errno.ENOSYS)]
    own = [_equals(0)] if own_pid is None else [_equals(0), _equals(own_pid)]
    for name, number in table.items():
        if name == "clone":
            space = _op(_JSET, CLONE_NAMESPACES, 0, 1) + _error(errno.EPERM)
            thread = _op(_JSET, CLONE_THREAD, 0, 1) + _op(_RETURN, ALLOW)
            code.append(_first_argument(number, [space, thread]))
        elif name == "prctl":
            tests = [*map(_refuses, REFUSED_OPTIONS), _op(_RETURN, ALLOW)]
            code.append(_first_argument(number, tests))
        elif name in ("fcntl", "ioctl"):
            refused = REFUSED_FCNTL if name == "fcntl" else REFUSED_IOCTL
            code.append(_second_argument(number, refused, flags=name == "fcntl"))
        elif name == "socketpair":
            code.append(_first_argument(number, [_equals(AF_UNIX)]))
        elif name in FIRST_ARGUMENT:
            code.append(_first_argument(number, own))
        elif name in ONLY_SELF | OTHERS_SIGNALS:
            if own_pid is not None:
                allowed = [_equals(own_pid)] if name in ONLY_SELF else []
                code.append(_first_argument(number, allowed))
        else:
            code += [_op(_JEQ, number, 0, 1), _verdict(name)]
    code.append(_op(_RETURN, ALLOW))
    return b"".join(code)


def _verdict(name: str) -> bytes:
    if name in ATTACKS:
        return _op(_RETURN, KILL)
    return _error(errno.ENOSYS if name in ABSENT else errno.EPERM)


def load(instructions: bytes) -> None:
    """Put this thread, and all that it starts, under the filter; needs no_new_privs."""
    program = _Filter(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    address = ctypes.addressof(program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def machine() -> str:
    """Return this machine's name in ``MACHINES``; raise OSError where there is no filter for it."""
    name = platform.machine()
    if name not in MACHINES or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, f"there is no system-call filter for {name!r}")
    return name
