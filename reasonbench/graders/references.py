"""Whether coding tests are passed by their own reference solution, found out beside grading."""

import os
import threading
from collections import OrderedDict
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Self

from reasonbench.graders.code import VARIABLE, CodeGrader
from reasonbench.identity import digest
from reasonbench.records import Problem
from reasonbench.sandbox import SandboxPool

MAX_REMEMBERED = 4096
"""Tests of which the finding is kept, the latest that were asked for."""
GRACE_SECONDS = 2.0
"""How long the end waits for sandboxes to close; one that is running a program closes after it."""


class References:
    """Checks of tests, in threads and sandboxes of its own.  Close it as a context manager.

    Args:
        workers: Checks at a time; threads are started with the first.
    """

    def __init__(self, workers: int) -> None:
        self._found: OrderedDict[str, Future[str | None]] = OrderedDict()
        self._jobs: SimpleQueue[tuple[Problem, Future[str | None]] | None] = SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name="references", daemon=True)
            for _ in range(workers)
        ]

    def check(self, problem: Problem) -> Future[str | None]:
        """Begin to check a problem, unless that was done; see ``CodeGrader.check_gold``."""
        try:
            key = digest(problem.tests)
        except (RecursionError, ValueError, TypeError):  # nested too deeply, say
            return self._begin(problem)
        if key not in self._found:
            self._found[key] = self._begin(problem)
            if len(self._found) > MAX_REMEMBERED:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]

    def _begin(self, problem: Problem) -> Future[str | None]:
        for thread in self._threads:
            if thread.ident is None:
                thread.start()
        future: Future[str | None] = Future()
        self._jobs.put((problem, future))
        return future

    def _serve(self) -> None:
        pool: SandboxPool | None = None
        while (job := self._jobs.get()) is not None:
            problem, future = job
            if self._closed:
                future.cancel()
                continue
            try:
                if pool is None:
                    pool = SandboxPool(workers=1, backend=os.environ.get(VARIABLE) or "auto")
                future.set_result(CodeGrader(pool).check_gold(problem))
            except BaseException as error:
                future.set_exception(error)
        if pool is not None:
            pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Drop what waits, and end the sandboxes; one that is busy is not waited for long."""
        self._closed = True
        started = [thread for thread in self._threads if thread.ident is not None]
        for _ in started:
            self._jobs.put(None)
        for thread in started:
            thread.join(GRACE_SECONDS)
