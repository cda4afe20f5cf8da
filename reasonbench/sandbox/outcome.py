"""What a program did.  Whether that is right is for the caller to say."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a program ended."""

    OK = "ok"
    """It ended by itself with exit code 0; every call was answered; the suite passed."""
    COMPILE = "compile"
    """The code does not compile."""
    EXCEPTION = "exception"
    """Uncaught, in the code, in a call, or (a failed assertion) in the suite."""
    EXIT = "exit"
    """Another exit code, or an end before every call was answered."""
    SIGNAL = "signal"
    """Killed by a signal of its own making, such as a segmentation fault."""
    TLE_CPU = "tle_cpu"
    TLE_WALL = "tle_wall"
    """It slept or waited; the machine's load was ruled out as the cause."""
    MLE = "mle"
    OLE = "ole"
    """More output, or a larger file, than allowed."""
    SECURITY = "security"
    """A system call that only an attack makes, or a forged frame to the harness."""
    UNJUDGEABLE = "unjudgeable"
    """The suite does what cannot be done at a distance; that says nothing of the program."""
    INTERNAL = "internal"
    """A fault of the infrastructure: says nothing of the program, and is never a score of 0."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception, told by name."""

    type_name: str
    builtin: str
    """The nearest builtin type that it is one of."""
    message: str
    by_candidate: bool = True
    """False for what the suite itself raised, as a failed assertion."""
    line: int | None = None
    """The line of the suite."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function, and what came of it."""

    index: int
    value: Any
    """Plain data; ``Opaque`` for what has none.  None as well where something was raised, or
    where values are not kept."""
    raised: Raised | None
    cpu_s: float
    wall_s: float
    args: Any = None
    """The arguments afterwards, where they were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that is known of one run."""

    status: Status
    detail: str = ""
    """One sentence, for people."""
    exit_code: int | None = None
    signal: int | None = None
    raised: Raised | None = None
    calls: tuple[Call, ...] = ()
    stopped: bool = False
    """The caller's ``go_on`` said no before the last call."""
    stdout: bytes = b""
    """All of it, or its head where there was too much."""
    stdout_bytes: int = 0
    stderr: str = ""
    """The tail."""
    stderr_bytes: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    queued_s: float = 0.0
    """Of a wall time-out: seconds that it was ready to run and had no processor."""
    max_rss_mb: float = 0.0
    backend: str = ""
    unsafe: bool = False
    """Run without isolation, because the caller asked for it by name."""
    load: float = 0.0
    """The machine's load average, over one minute, at the end."""
    attempts: int = 1
    """Runs that it took: faults of the infrastructure and doubtful time-outs are run again."""

    @property
    def text(self) -> str:
        """Standard output as text; what is no UTF-8 becomes U+FFFD."""
        return self.stdout.decode("utf-8", "replace")
