"""Runs that die of SIGKILL at a stated moment, however fast the machine is.

``python killed_run.py WHAT COUNT ARGUMENTS...`` runs the command line; WHAT is ``completions``
or ``grades``.  Of the commit that would pass COUNT new ones only the first are made, and then
the process kills itself with -9.

``python killed_run.py serve`` reads lines of JSON, ``{"arguments": [...], "die": [what, count]
or null, "seconds": number or null}``, and runs each in a forked child of this process, which
has imported everything already; ``seconds`` after its start the child is killed from outside.
It answers each line with the child's exit status.
"""

import json
import os
import signal
import sys
import time


def die_at(what, count):
    from reasonbench.store import Store

    name = f"add_{what}"
    commit, owed = getattr(Store, name), int(count)

    def add_and_die(store, *arguments):
        nonlocal owed
        *plan, records = arguments
        added = commit(store, *plan, records[:owed])
        owed -= added
        if owed <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return added

    setattr(Store, name, add_and_die)


def run(arguments, die=None):
    from reasonbench.cli.main import main as command_line

    if die is not None:
        die_at(*die)
    command_line(arguments)


def wait(child, seconds):
    """Return the child's exit status; after so many seconds it is killed."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is not None and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    if end is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve():
    import reasonbench.audit
    import reasonbench.cli.run
    import reasonbench.engines.transformers  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
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
        serve()
    else:
        run(sys.argv[3:], sys.argv[1:3])
