"""Runs that die of SIGKILL at a stated moment, however fast the machine is.

``python killed_run.py WHAT COUNT WHOM ARGUMENTS...`` runs the command line; WHAT is
``completions`` or ``grades``.  At the commit that passes COUNT new ones the process ids of all
children are printed and -9 is sent: to this process if WHOM is ``run``, of whose commit only
the first records are made then; else to the one child whose name holds WHOM.

``python killed_run.py serve`` reads lines of JSON, ``{"arguments": [...], "die": [what, count,
whom] or null, "seconds": number or null}``, and runs each in a forked child of this process,
which has imported everything already; ``seconds`` after its start the child is killed from
outside, with all of its process group.  It answers each line with the child's exit status.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time


class Forked:
    """Calls ``serve`` of a script: runs in children of a process that has imported everything."""

    def __init__(self, script=__file__):
        self._process = subprocess.Popen(
            [sys.executable, script, "serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, arguments, die=None, seconds=None):
        """Return the exit status of the child."""
        asked = {"arguments": arguments, "die": die, "seconds": seconds}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        self._process.communicate(timeout=60)


def kill(whom):
    """Print the children; kill this process, or those of them that are meant."""
    import psutil

    below = psutil.Process().children(recursive=True)
    sys.stdout.write(json.dumps([process.pid for process in below]) + "\n")
    sys.stdout.flush()
    if whom == "run":
        os.kill(os.getpid(), signal.SIGKILL)
    (meant,) = (process for process in below if whom in process.name())
    meant.kill()


def die_at(what, count, whom):
    from reasonbench.store import Store

    name = f"add_{what}"
    commit, owed = getattr(Store, name), int(count)

    def add_and_die(store, *arguments):
        nonlocal owed
        *plan, records = arguments
        due = 0 < owed <= len(records)
        added = commit(store, *plan, records[:owed] if due and whom == "run" else records)
        owed -= added
        if due:
            kill(whom)
        return added

    setattr(Store, name, add_and_die)


def run(arguments, die=None):
    from reasonbench.cli.main import main as command_line

    if die is not None:
        die_at(*die)
    command_line(arguments)


def wait(child, seconds):
    """Return the child's exit status; after so many seconds its group is killed."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is not None and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    if end is not None:
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve(run):
    """Answer the lines of standard input with runs in forked children, as said above."""
    gc.collect()
    gc.freeze()  # a child's last collection would copy every page
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(child, child or os.getpid())
        if child == 0:
            quiet = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1):
                os.dup2(quiet, descriptor)
            try:
                run(asked["arguments"], asked["die"])
            except SystemExit as end:
                os._exit(end.code or 0)
            os._exit(1)
        sys.stdout.write(f"{wait(child, asked['seconds'])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        from warm_cli import WITH_MODELS

        for module in WITH_MODELS:
            importlib.import_module(module)
        serve(run)
    else:
        run(sys.argv[4:], sys.argv[1:4])
