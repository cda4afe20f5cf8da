"""What a caller asks for: the code, what goes into it, and how much it may use."""

import re
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["stdio", "function", "assert"]
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
MAX_CODE_BYTES = 8 << 20
MAX_INPUT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use.  Judged by CPU time; the wall limit is for sleepers."""

    cpu_s: float = 10.0
    """CPU seconds of the process (``stdio``, ``assert``), or of one call (``function``)."""
    wall_s: float | None = None
    """Wall seconds for the same, less what it waited for a processor; by default
    max(3 x cpu_s, cpu_s + 5)."""
    memory_mb: int = 1024
    """Address space beyond the interpreter's own; a thread reserves its whole stack."""
    output_kb: int = 16 * 1024
    """Bytes that standard output, standard error, or any one file may hold."""
    disk_mb: int = 32
    """The size of /tmp, and of /dev/shm."""
    files: int = 4096
    """Files and folders in /tmp, and in /dev/shm."""
    threads: int = 128
    """Threads in all; a program cannot start processes."""
    open_files: int = 128

    def __post_init__(self) -> None:
        """Refuse what would limit nothing, or leave the program no room to start."""
        least = {"cpu_s": 0.01, "memory_mb": 64, "output_kb": 1, "disk_mb": 1, "files": 16,
                 "threads": 8, "open_files": 16}  # fmt: skip
        for name, low in least.items():
            if not low <= getattr(self, name) <= 1 << 20:
                value = getattr(self, name)
                raise ValueError(f"{name} must be from {low} to {1 << 20}, and is {value!r}")
        if self.wall_s is not None and not 0.01 <= self.wall_s <= 1 << 20:
            raise ValueError(f"wall_s must be from 0.01 to {1 << 20}, and is {self.wall_s!r}")

    @property
    def wall(self) -> float:
        """The wall limit in force."""
        return max(3 * self.cpu_s, self.cpu_s + 5) if self.wall_s is None else self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Code that nobody trusts, and how it is to be run."""

    code: str
    mode: Mode = "stdio"
    stdin: bytes = b""
    """``stdio`` alone: the whole standard input."""
    entry_point: str = ""
    """The function; ``Solution.method`` makes a new ``Solution()`` for each call."""
    calls: tuple[tuple[Any, ...], ...] = ()
    """``function`` alone: the positional arguments of each call, plain data."""
    args_after: bool = False
    """``function`` alone: tell the arguments as they are after the call (in-place problems)."""
    keep_values: bool = True
    """``function`` alone: whether the outcome holds the values, all within one budget; else only
    the caller's ``go_on`` sees them, each within a budget of its own."""
    suite: str = ""
    """``assert`` alone: test code, run in a process of its own."""
    check: str = ""
    """``assert`` alone: the function of the suite to call with the candidate (HumanEval)."""

    def __post_init__(self) -> None:
        """Refuse a program that cannot be run as it says."""
        if len(self.code.encode("utf-8", "surrogatepass")) > MAX_CODE_BYTES:
            raise ValueError(f"the code has more than {MAX_CODE_BYTES} bytes")
        if len(self.stdin) > MAX_INPUT_BYTES:
            raise ValueError(f"the input has more than {MAX_INPUT_BYTES} bytes")
        if self.mode not in ("stdio", "function", "assert"):
            raise ValueError(f"mode must be stdio, function or assert, and is {self.mode!r}")
        if self.mode != "stdio" and not _NAME.fullmatch(self.entry_point):
            raise ValueError(
                f"entry_point must be a dotted name in mode {self.mode}, "
                f"and is {self.entry_point!r}"
            )

    @classmethod
    def stdio(cls, code: str, stdin: str | bytes = b"") -> "Program":
        """Return a program that reads standard input and writes standard output."""
        data = stdin.encode("utf-8", "surrogatepass") if isinstance(stdin, str) else stdin
        return cls(code=code, stdin=data)

    @classmethod
    def function(
        cls,
        code: str,
        entry_point: str,
        *calls: tuple[Any, ...],
        args_after: bool = False,
        keep_values: bool = True,
    ) -> "Program":
        """Return a function to be called once for each of ``calls``, in one process."""
        return cls(
            code=code,
            mode="function",
            entry_point=entry_point,
            calls=calls,
            args_after=args_after,
            keep_values=keep_values,
        )

    @classmethod
    def asserts(cls, code: str, entry_point: str, suite: str, *, check: str = "") -> "Program":
        """Return code that assert-style tests are run against."""
        return cls(code=code, mode="assert", entry_point=entry_point, suite=suite, check=check)
