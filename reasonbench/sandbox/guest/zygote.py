"""The zygote: one warm interpreter a worker, that forks a supervisor for each test.

It never sees code, inputs or expected values: a later candidate is forked from its
memory.  Those go over a socket of the test's own, straight to the test's supervisor.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
from typing import Any

from reasonbench.sandbox.guest import confine, seccomp, supervisor

WARM = (
    "abc", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "io",
    "itertools", "json", "math", "numbers", "operator", "queue", "random", "re", "statistics",
    "string", "struct", "textwrap", "threading", "time", "traceback", "types", "typing",
)  # fmt: skip
N_DESCRIPTORS = 4
"""Of a spawn message: the test's socket, and its standard input, output and error."""
MAX_MESSAGE = 1 << 16


def main(descriptor: str, options_json: str) -> None:
    """Serve spawn messages on the socket until its end."""
    options = json.loads(options_json)
    door = socket.socket(fileno=int(descriptor))
    door.set_inheritable(False)
    os.closerange(3, door.fileno())
    os.closerange(door.fileno() + 1, 1 << 16)
    prepare(options)
    door.send(b"ready")
    with contextlib.suppress(KeyboardInterrupt):
        serve(door, options)


def prepare(options: dict[str, Any]) -> None:
    """Warm the interpreter and settle what every test inherits."""
    confine.prctl(confine.PR_SET_PDEATHSIG, 9)
    confine.reset_signals()
    if options["nest"]:
        confine.private_mounts()
        if options["seccomp"]:
            options["filter"] = seccomp.build(seccomp.machine())
    else:
        confine.prctl(confine.PR_SET_DUMPABLE, 0)  # a candidate sees this process
    confine.drop_bounding_set()
    os.umask(0o022)
    for name in WARM:
        importlib.import_module(name)
    sys.path[:] = [path for path in sys.path if path not in ("", os.path.dirname(__file__))]
    sys.path.extend(options["path"])
    for name in options["preload"]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve(door: socket.socket, options: dict[str, Any]) -> None:
    """Fork a supervisor for each message, and reap those that are done."""
    poll = select.poll()
    poll.register(door, select.POLLIN)
    running: dict[int, int] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in running:
                poll.unregister(descriptor)
                os.waitpid(running.pop(descriptor), 0)
                os.close(descriptor)
                continue
            message, descriptors = take(door)
            if not message:
                return
            pid = spawn(door, json.loads(message), descriptors, options)
            pidfd = os.pidfd_open(pid)
            running[pidfd] = pid
            poll.register(pidfd, select.POLLIN)


def take(door: socket.socket) -> tuple[bytes, list[int]]:
    """Return one spawn message and the descriptors that came with it."""
    got = array.array("i")
    room = socket.CMSG_LEN(N_DESCRIPTORS * got.itemsize)
    message, ancillary, _, _ = door.recvmsg(MAX_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            got.frombytes(data[: len(data) - len(data) % got.itemsize])
    return message, list(got)


def spawn(
    door: socket.socket, job: dict[str, Any], descriptors: list[int], options: dict[str, Any]
) -> int:
    """Fork the supervisor of one test; return its process id."""
    pid = confine.clone(confine.NAMESPACES) if options["nest"] else os.fork()
    if pid == 0:
        try:
            door.close()
            supervisor.main(job, descriptors, options)
        finally:
            os._exit(0)
    for descriptor in descriptors:
        os.close(descriptor)
    return pid
