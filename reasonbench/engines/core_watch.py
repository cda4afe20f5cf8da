"""Ends vLLM's processes when the process that owns them is killed.

vLLM's engine core does not notice that its parent was killed with SIGKILL, and would hold
its memory for ever.  This file is run as a small process of its own, ``python -I
core_watch.py PARENT``: while the parent loads the model it notes the processes that
``multiprocessing`` spawns there; a line of process ids on its standard input replaces
what it noted; once the parent is gone it kills them and what they started.
"""

import os
import select
import sys

import psutil  # type: ignore[import-untyped]

LOADING_INTERVAL = 0.2
"""Seconds between looks while the model is loaded: the core's id is not known yet."""
RUNNING_INTERVAL = 1.0
"""Seconds between looks afterwards, should the end of the input not show the parent's end."""


def spawned(parent: int) -> list[psutil.Process]:
    """Return what ``multiprocessing`` or vLLM started below the parent."""
    found: list[psutil.Process] = []
    try:
        below = psutil.Process(parent).children(recursive=True)
    except psutil.Error:
        return found
    for process in below:
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if process.pid != os.getpid() and ("spawn_main" in command or "VLLM::" in command):
            found.append(process)
    return found


def named(line: bytes) -> list[psutil.Process]:
    """Return the processes whose ids stand in a line of input."""
    return [psutil.Process(int(word)) for word in line.split() if psutil.pid_exists(int(word))]


def follow(parent: int) -> list[psutil.Process]:
    """Wait until the parent is gone; return the processes that it leaves behind."""
    watched: list[psutil.Process] = []
    loading = True
    while True:
        orphaned = os.getppid() != parent
        interval = 0 if orphaned else LOADING_INTERVAL if loading else RUNNING_INTERVAL
        if select.select([0], [], [], interval)[0]:
            line = os.read(0, 4096)
            if not line:
                return watched
            watched, loading = named(line), False
        elif orphaned:
            return watched
        elif loading:
            watched = spawned(parent) or watched


def kill(processes: list[psutil.Process]) -> None:
    """Kill the processes and everything below them; psutil knows a reused id."""
    doomed = list(processes)
    for process in processes:
        try:
            doomed += process.children(recursive=True)
        except psutil.Error:
            continue
    for process in doomed:
        try:
            process.kill()
        except psutil.Error:
            continue


if __name__ == "__main__":
    os.write(1, b"\n")  # from here on nothing is missed
    kill(follow(int(sys.argv[1])))
