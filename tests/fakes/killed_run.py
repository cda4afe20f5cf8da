"""Run the command line and die of SIGKILL when the store holds so many completions.

``python killed_run.py COUNT ARGUMENTS...``: of the commit that would pass COUNT new
completions only the first are made, and then the process kills itself with -9.  However
fast the machine is, the run is cut where the test says.
"""

import os
import signal
import sys


def main():
    count, *arguments = sys.argv[1:]
    from reasonbench.cli.main import main as command_line
    from reasonbench.store import Store

    commit, owed = Store.add_completions, int(count)

    def add_and_die(store, completions):
        nonlocal owed
        added = commit(store, completions[:owed])
        owed -= added
        if owed == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return added

    Store.add_completions = add_and_die
    command_line(arguments)


if __name__ == "__main__":
    main()
