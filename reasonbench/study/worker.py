"""The process that trains and samples: ``python -m reasonbench.study.worker PARENT``.

It imports what its first request needs, once, and meets one request after the other.  It holds no
state that a kill could lose.  It ignores Ctrl-C and dies with the study's process.  What libraries
print goes to stderr, never among the answers.
"""

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import msgspec

from reasonbench.errors import EngineError, ReasonbenchError, SpecError
from reasonbench.protocols import RunningScore, Task
from reasonbench.study import requests
from reasonbench.study.chosen import chosen_problems, chosen_tasks
from reasonbench.study.layout import write_marker
from reasonbench.study.outcomes import SampledRun, Trained, trained

_PR_SET_PDEATHSIG = 1
PROGRESS_SECONDS = 1.0
GRADERS = 1
"""Grader processes of a worker: the engine draws more slowly than one of them grades."""


def main() -> None:
    """Serve until the input ends."""
    parent = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    incoming, outgoing = _take_pipes()
    for line in incoming:
        _answer(outgoing, _meet(requests.request_of(line), Telling(outgoing)))
        _free()
    _leave(0)


def _meet(request: requests.Request, reporter: "Telling") -> requests.Reply:
    try:
        value = _MEET[type(request)](request, reporter)
        if request.marker:
            write_marker(Path(request.marker), request.identity, value)
        return requests.Done(msgspec.Raw(msgspec.json.encode(value)))
    except ReasonbenchError as error:
        return requests.Failed(_printable(error.message), error.hint)
    except Exception as error:
        import traceback

        traceback.print_exc()
        return requests.Failed(_printable(f"{type(error).__name__}: {error}"))


def _train(request: requests.Train, reporter: "Telling") -> Trained:
    from reasonbench.training import running, views

    rows, dropped = views.rows_of((request.traces,), request.spec.view)
    if not rows:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        raise SpecError(
            f"the view keeps no trace to train on: {left_out or 'the file is empty'}",
            hint="widen the arm's view, or draw more traces",
        )
    result = running.train(
        request.spec, Path(request.directory), rows=rows, reporter=reporter, command=request.command
    )
    return trained(result)


def _sample(request: requests.Sample, reporter: "Telling") -> list[SampledRun]:
    from reasonbench.run import execute

    done: list[SampledRun] = []
    tasks: list[Task] = chosen_tasks(request.runs[0].tasks, request.problems)
    for spec, directory, (marker, identity) in zip(
        request.runs, request.directories, request.markers, strict=True
    ):
        began = time.monotonic()
        result = execute(
            spec,
            Path(directory),
            tasks=tasks,
            reporter=reporter,
            workers=GRADERS,
            command=request.command,
        )
        if result.n_owed:
            said = [why for task in result.tasks for why in task.failures]
            raise EngineError(
                f"{result.n_owed:,} completions are not drawn or not graded"
                + (f": {' '.join(said[0].split())[:200]}" if said else "")
            )
        done.append(SampledRun(seconds=time.monotonic() - began))
        write_marker(Path(marker), identity, done[-1])
    return done


def _make_bank(request: requests.MakeBank, reporter: "Telling") -> Any:
    from reasonbench.training.bank import make_bank

    return make_bank(
        request.teacher,
        request.tasks,
        request.policy,
        Path(request.path),
        reporter=reporter,
        workers=GRADERS,
        command=request.command,
    )


def _interpolate(request: requests.Interpolate, reporter: "Telling") -> str:
    from reasonbench.engines.weights import resolve
    from reasonbench.training.wise import interpolate

    reporter.phase("interpolating", total=1)
    beginning = resolve(request.beginning).folder
    interpolate(beginning, Path(request.end), request.alpha, Path(request.out))
    return Path(request.out).name


def _plan_doses(request: requests.PlanDoses, reporter: "Telling") -> dict[str, str]:
    from reasonbench.study.leak import plan_doses

    doses = plan_doses(
        request.spec,
        Path(request.directory),
        Path(request.bank),
        chosen_problems(request.spec.tasks, request.problems),
        reporter=reporter,
        workers=GRADERS,
        command=request.command,
    )
    return {dose.arm: dose.path.name for dose in doses}


def _measure_doses(request: requests.MeasureDoses, reporter: "Telling") -> Any:
    from reasonbench.study.counts import read_counts
    from reasonbench.study.doses import measure_doses

    return measure_doses(
        request.spec,
        Path(request.directory),
        read_counts(Path(request.counts)),
        problems=chosen_problems(request.spec.tasks, request.problems),
        samples={(arm, seed): Path(path) for arm, seed, path in request.samples},
        failed=request.failed,
        reporter=reporter,
        workers=GRADERS,
        command=request.command,
    )


_MEET: dict[type, Callable[[Any, Any], Any]] = {
    requests.Train: _train,
    requests.Sample: _sample,
    requests.MakeBank: _make_bank,
    requests.Interpolate: _interpolate,
    requests.PlanDoses: _plan_doses,
    requests.MeasureDoses: _measure_doses,
}


class Telling:
    """A Reporter that tells the study how far the request is."""

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._name, self._done, self._total = "", 0, 0
        self._last = 0.0

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Begin a phase."""
        self._name, self._done, self._total = name, done, total
        self._tell()

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Count finished steps."""
        self._done += steps
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._tell()

    def drop(self, steps: int) -> None:
        """Take steps off the phase."""
        self._total -= steps

    def status(self, scores: Mapping[str, RunningScore]) -> None:
        """Say nothing."""

    def failed(self, count: int, latest: str) -> None:
        """Say nothing: what is owed at the end is an error."""

    def say(self, sentence: str) -> None:
        """Leave it in the log."""
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - stderr is the worker's log

    def _tell(self) -> None:
        self._last = time.monotonic()
        _answer(self._outgoing, requests.Progress(self._name, self._done, self._total))


def _answer(outgoing: BinaryIO, reply: requests.Reply) -> None:
    try:
        outgoing.write(requests.pack(reply))
        outgoing.flush()
    except BrokenPipeError:
        _leave(0)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:2000]


def _free() -> None:
    """Give memory back before the next request."""
    gc.collect()
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have gone before the line above.
    if os.getppid() != parent:
        _leave(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for the study alone; what libraries print goes to stderr."""
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return open(incoming, "rb"), open(outgoing, "wb")


def _leave(code: int) -> NoReturn:
    # Libraries' exit handlers have nothing to save, and may hang.
    os._exit(code)


if __name__ == "__main__":
    main()
