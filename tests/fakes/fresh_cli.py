"""The command line over the tiny families; FRESH_DIE_AT kills it at the n-th sync to the disk."""

import os
import signal

from reasonbench.cli import main
from reasonbench.fresh import catalogue


def dying(count, sync=os.fsync):
    left = [count]

    def fsync(descriptor):
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    return fsync


catalogue.PACKAGES = ("fresh_families",)
if "FRESH_DIE_AT" in os.environ:
    os.fsync = dying(int(os.environ["FRESH_DIE_AT"]))
main.COMMANDS.setdefault("fresh", "reasonbench.cli.fresh:fresh")
main.main()
