"""The process in which a grader runs: ``python -m reasonbench.graders.worker NAME MB``.

It loads the grader, limits its own memory to what that took and MB more, and then grades
what it is sent until its input ends.  It holds no state that a kill could lose.  It dies
with the pool's process: by a signal from the kernel on Linux, and everywhere because its
input ends.  What a grader prints goes to stderr, never into the answers.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from typing import BinaryIO, NoReturn

import msgspec

from reasonbench.graders import wire
from reasonbench.records import Failure, Grade, Stage

OUT_OF_MEMORY = 71
"""Exit code that tells the pool that the grader ran out of memory."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the input ends."""
    name, memory_mb, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    incoming, outgoing = _take_pipes()
    try:
        from reasonbench import plugins

        grader = plugins.GRADERS.load(name)
        seconds, isolated = getattr(grader, "seconds", None), getattr(grader, "isolated", False)
        _send(outgoing, wire.Ready(str(grader.identity), seconds, isolated))
    except Exception as error:
        hint = getattr(error, "hint", None)
        _send(outgoing, wire.Broken(type(error).__name__, _printable(error), hint))
        _leave(0)
    _limit_memory(memory_mb)
    with contextlib.suppress(BrokenPipeError):
        _serve(grader, incoming, outgoing)
    _leave(0)


def _serve(grader: object, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    frames = wire.Frames()
    while data := incoming.read(1 << 20):
        for body in frames.feed(data):
            for job in wire.jobs_of(body):
                reply = _grade(grader, job)
                try:
                    _send(outgoing, reply)
                except ValueError as error:
                    _send(outgoing, wire.Failed(job.number, failure(job, error)))


def _send(outgoing: BinaryIO, reply: wire.Reply) -> None:
    outgoing.write(wire.pack(reply))
    outgoing.flush()


def _grade(grader: object, job: wire.Job) -> wire.Reply:
    start = time.perf_counter()
    try:
        grade = grader.grade(job.problem, job.completion)  # type: ignore[attr-defined]
        if not isinstance(grade, Grade) or grade.key != job.completion.key:
            raise TypeError(f"grade() must return a Grade of the completion, got {grade!r:.200}")
        seconds = round(time.perf_counter() - start, 6)
        return wire.Graded(job.number, msgspec.structs.replace(grade, seconds=seconds))
    except MemoryError:
        _leave(OUT_OF_MEMORY)
    except Exception as error:
        return wire.Failed(job.number, failure(job, error))


def failure(job: wire.Job, error: Exception) -> Failure:
    """Return the record of a grader that raised."""
    completion = job.completion
    return Failure(
        key=completion.key,
        task=completion.task,
        problem_id=completion.problem_id,
        sample_index=completion.sample_index,
        stage=Stage.GRADE,
        error_type=type(error).__name__,
        message=_printable(error),
    )


def _printable(error: Exception) -> str:
    return str(error).encode("utf-8", "replace").decode()[:2000]


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have gone before the line above.
    if os.getppid() != parent:
        _leave(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for the pool alone; a grader's prints go to stderr."""
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return open(incoming, "rb", buffering=0), open(outgoing, "wb")


def _limit_memory(memory_mb: int) -> None:
    """Allow memory_mb beyond the address space that the loaded libraries hold."""
    held = 0
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = held + memory_mb * 1024 * 1024
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    # Not 0: at 0 the kernel still starts a crash handler that a pipe names.
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _leave(code: int) -> NoReturn:
    # Libraries' exit handlers have nothing to save, and may hang.
    os._exit(code)


if __name__ == "__main__":
    main()
