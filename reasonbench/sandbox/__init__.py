"""Run Python that nobody trusts: code and input in, what it did out.

A core that can be used alone::

    from reasonbench.sandbox import Limits, Program, SandboxPool

    with SandboxPool(workers=2) as pool:
        outcome = pool.run(Program.stdio("print(int(input()) + 1, end='')", "41"), Limits(cpu_s=2))
        assert (outcome.status, outcome.text) == ("ok", "42")

The candidate's process gets code and inputs, never an expected value, and no verdict is
made in it: the caller compares what came back, which is plain data of exact types.

What it does not cover.  A candidate shares the machine's kernel; a hole in that is a hole
here.  It can measure time, and so see how busy the machine is.  Memory is limited as address
space, for want of a cgroup; /tmp, /dev/shm and the standard streams hold more beside it.
With the ``landlock`` backend names and sizes of files can be seen (not their content), and
nothing can be written; with ``bwrap`` a program sees the processes of its own harness.
``unsafe_local`` isolates nothing.  There is no WebAssembly backend.  A process cannot start
another, so multiprocessing fails.  Only Linux on x86-64 and aarch64.
"""

from reasonbench.sandbox.backends import SandboxUnavailableError
from reasonbench.sandbox.guest.codec import Opaque
from reasonbench.sandbox.outcome import Call, Outcome, Raised, Status
from reasonbench.sandbox.pool import SandboxPool
from reasonbench.sandbox.program import Limits, Program
from reasonbench.sandbox.selftest import Probe, probe_all, remedy

__all__ = [
    "Call",
    "Limits",
    "Opaque",
    "Outcome",
    "Probe",
    "Program",
    "Raised",
    "SandboxPool",
    "SandboxUnavailableError",
    "Status",
    "probe_all",
    "remedy",
]
