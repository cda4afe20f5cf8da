"""The form of a case: a program, how it is run, and what it may come to.

``{canary}`` in a program is a file of the test's outside, ``{pid}`` the test's process.
A program that got out prints ``ESCAPED``; a secret that it found stands after it.
"""

from dataclasses import dataclass, field
from typing import Any

from reasonbench.sandbox import Limits

QUICK = Limits(cpu_s=1.0, wall_s=20.0, memory_mb=512, output_kb=1024)
SLEEPY = Limits(cpu_s=1.0, wall_s=1.0)
SECRET = "7fe0c1-expected-answer"
"""What the program must never see: it stands outside only."""


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    code: str
    accepted: frozenset[str]
    mode: str = "stdio"
    stdin: str = ""
    stdout: str | None = None
    """For honest programs: exactly this."""
    entry_point: str = "f"
    calls: tuple[tuple[Any, ...], ...] = ((1,),)
    values: tuple[Any, ...] | None = None
    """For honest functions: exactly these."""
    suite: str = ""
    check: str = ""
    limits: Limits = field(default=QUICK)


def stdio(name: str, accepted: str, code: str, **more: Any) -> Case:
    return Case(name=name, code=code, accepted=frozenset(accepted.split()), **more)


def function(name: str, accepted: str, code: str, **more: Any) -> Case:
    return stdio(name, accepted, code, mode="function", **more)


def asserts(name: str, accepted: str, code: str, suite: str, **more: Any) -> Case:
    return stdio(name, accepted, code, mode="assert", suite=suite, **more)


def attempts(name: str, *calls: str, setup: str = "", accepted: str = "ok security") -> Case:
    """Return a case whose calls must each fail; a process killed at one is as good."""
    lines = ["import os, sys, socket, ctypes, signal, errno", setup]
    lines += ["libc = ctypes.CDLL(None, use_errno=True)", "libc.syscall.restype = ctypes.c_long"]
    for call in calls:
        lines += [
            "try:",
            f"    result = {call}",
            "    if result not in (-1, None, b'', '', []): print('ESCAPED', repr(result))",
            "except (OSError, AttributeError, ValueError, ImportError): pass",
        ]
    return stdio(name, accepted, "\n".join(lines))
