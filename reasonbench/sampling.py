"""Drawing what a plan still owes, and committing it as it finishes.

A completion that is not the one asked for (another problem, index, seed or engine under
its key) is refused before it is stored: a store keeps what it has for ever.

With ``stop_after_successes`` the draws come in waves: each problem's next wave is as large
as its missing successes are expected to need, and what a wave draws beyond the last success
is kept, but counts for nothing.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Set

import msgspec

from reasonbench.errors import EngineError, ReasonbenchError
from reasonbench.grading import Grading
from reasonbench.interrupts import held
from reasonbench.planning import Asked, Planned
from reasonbench.protocols import Engine, Reporter
from reasonbench.records import Completion, Failure, Plan, SampleRequest
from reasonbench.scoreboard import Scoreboard
from reasonbench.store import Store

COMMIT_SECONDS = 0.25
"""A finished completion waits at most this long for others before it is committed."""
COMMIT_COUNT = 256
"""... and with at most this many of them."""
STATUS_SECONDS = 5.0
"""The running score is computed this often at most."""


class Sampler:
    """One run's sampling: an engine, the store that it fills, the graders beside it."""

    def __init__(
        self,
        store: Store,
        planned: Planned,
        engine: Engine,
        *,
        grading: Grading,
        board: Scoreboard,
        reporter: Reporter,
    ) -> None:
        self._store, self._planned, self._engine = store, planned, engine
        self._grading, self._board, self._reporter = grading, board, reporter
        self._problems = {(p.task, p.id): p for p in planned.problems}
        self._status_due = time.monotonic() + STATUS_SECONDS
        self._sink = Sink(store, planned.plan)

    def run(self) -> None:
        """Draw what the store lacks; offer it to the graders as it is committed.

        Raises:
            EngineError: the engine broke down, or returned what was not asked for.
        """
        present = self._store.present(self._planned.plan.digest())
        total = self._planned.total
        if present:
            self._reporter.say(f"{len(present):,} of {total:,} completions are there already")
        if len(present) == total:
            return
        stop = self._planned.plan.spec.stop_after_successes
        if stop is None:
            self._reporter.phase("sampling", total=total, done=len(present))
            self._draw(
                request
                for asked in self._planned.asked
                for request in asked.requests()
                if request.key not in present
            )
        else:
            self._draw_waves(stop, present, total)
        self._say_what_is_owed()

    def _draw_waves(self, stop: int, present: Set[str], total: int) -> None:
        """Draw until each problem has had ``stop`` successes, or all of its completions."""
        self._grading.finish(lambda _: None)
        missing = [Missing(a, present) for a in self._planned.asked]
        done = len(present) + sum(self._saved(m, stop) for m in missing)
        if done == total:
            return
        self._reporter.phase("sampling", total=total, done=done)
        while True:
            open_ = [m for m in missing if m.left and self._board.successes(m.problem) < stop]
            if not open_:
                return
            self._draw(request for m in open_ for request in m.take(self._wave(m, stop)))
            self._grading.finish(lambda _: None)
            self._reporter.drop(sum(self._saved(m, stop) for m in open_))

    def _wave(self, missing: "Missing", stop: int) -> int:
        problem = missing.problem
        return wave(self._board.successes(problem), self._board.graded(problem), stop)

    def _saved(self, missing: "Missing", stop: int) -> int:
        """Return how many completions of a problem need not be drawn."""
        return missing.left if self._board.successes(missing.problem) >= stop else 0

    def _draw(self, requests: Iterable[SampleRequest]) -> None:
        """Draw these, commit what finishes, and hand it to the graders."""
        source = iter(requests)
        try:
            for outcome in self._outcomes(self._sink.issue(source)):
                if self._sink.add(outcome):
                    self._commit()
                if isinstance(outcome, Completion):
                    self._reporter.advance(tokens=outcome.n_tokens)
                else:
                    self._reporter.failed(self._sink.n_failed, outcome.message)
                    self._reporter.advance()
            self._sink.forsaken += sum(1 for _ in source)
        finally:
            self._commit()

    def _commit(self) -> None:
        done = self._sink.flush()
        self._grading.offer([(self._problems[c.task, c.problem_id], c) for c in done])
        if time.monotonic() >= self._status_due:
            estimates = self._board.estimates()
            self._reporter.status({name: e for name, e in estimates.items() if e.value is not None})
            self._status_due = time.monotonic() + STATUS_SECONDS

    def _outcomes(self, requests: Iterable[SampleRequest]) -> Iterator[Completion | Failure]:
        """Yield what the engine yields; what it raises becomes one sentence."""
        try:
            yield from self._engine.sample(requests, self._planned.plan.sampling)
        except (ReasonbenchError, GeneratorExit):
            raise
        except Exception as error:
            raise EngineError(
                f"engine {self._planned.plan.engine.engine!r} stopped after "
                f"{self._sink.n_added:,} completions: {type(error).__name__}: {error}",
                hint="what was sampled is safe; the same command goes on",
            ) from error

    def _say_what_is_owed(self) -> None:
        failed, lost = self._sink.n_failed, self._sink.n_lost
        if failed:
            self._reporter.say(f"{failed:,} completions failed and are still owed")
        if lost:
            self._reporter.say(
                f"the engine ended without {lost:,} completions that were asked for; they are "
                f"still owed"
            )


class Missing:
    """What one problem's completions still lack, taken in the order of sample_index."""

    def __init__(self, asked: Asked, present: Set[str]) -> None:
        self.problem = asked.problem
        self.left = sum(key not in present for key in asked.completion_keys())
        self._requests = (r for r in asked.requests() if r.key not in present)

    def take(self, count: int) -> Iterator[SampleRequest]:
        """Yield the next ``count`` of them; each is given out once."""
        for _ in range(min(count, self.left)):
            self.left -= 1
            yield next(self._requests)


def wave(successes: int, graded: int, stop: int) -> int:
    """Return how many completions a problem draws next, to reach ``stop`` successes.

    As many as they are expected to take, never fewer than are missing, and never more
    than were drawn so far.
    """
    lacking = stop - successes
    chance = (successes + 0.5) / (graded + 1)
    return max(lacking, min(math.ceil(lacking / chance), graded))


class Sink:
    """Requests on their way out, and finished outcomes on their way into the store."""

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store = store
        self._engine = plan.engine.digest()
        self._issued: dict[str, SampleRequest] = {}
        self._attempts = Counter(f.key for f in store.failures(plan.digest()))
        self._completions: list[Completion] = []
        self._failures: list[Failure] = []
        self._last = time.monotonic()
        self.n_added = self.n_failed = 0
        self.forsaken = 0
        """Requests that the engine left unread."""

    @property
    def n_lost(self) -> int:
        """Requests that the engine took or left, and said nothing of."""
        return self.forsaken + len(self._issued)

    def issue(self, requests: Iterable[SampleRequest]) -> Iterator[SampleRequest]:
        """Yield requests, keeping what is in flight."""
        for request in requests:
            self._issued[request.key] = request
            yield request

    def add(self, outcome: Completion | Failure) -> bool:
        """Take one outcome; True when it is time to commit.

        Raises:
            EngineError: it is not what was asked for.
        """
        request = self._issued.get(outcome.key)
        if request is None or self._differs(request, outcome):
            raise EngineError(
                f"the engine returned a sample that was not asked for, or one twice: "
                f"{outcome.task}/{outcome.problem_id}, sample_index {outcome.sample_index}",
                hint="this is a fault of the engine; nothing of that sample was stored",
            )
        del self._issued[outcome.key]
        if isinstance(outcome, Completion):
            self.n_added += 1
            self._completions.append(outcome)
        else:
            self._attempts[outcome.key] += 1
            self.n_failed += 1
            attempt = self._attempts[outcome.key]
            self._failures.append(msgspec.structs.replace(outcome, attempt=attempt))
        waiting = len(self._completions) + len(self._failures)
        return waiting >= COMMIT_COUNT or time.monotonic() - self._last >= COMMIT_SECONDS

    def flush(self) -> list[Completion]:
        """Commit what waits, whole even if Ctrl-C comes meanwhile; return its completions."""
        with held():
            completions, self._completions = self._completions, []
            failures, self._failures = self._failures, []
            if completions:
                self._store.add_completions(completions)
            if failures:
                self._store.add_failures(failures)
        self._last = time.monotonic()
        return completions

    def _differs(self, request: SampleRequest, outcome: Completion | Failure) -> bool:
        prompt = request.prompt
        wanted = (prompt.task, prompt.problem_id, request.sample_index)
        if (outcome.task, outcome.problem_id, outcome.sample_index) != wanted:
            return True
        return isinstance(outcome, Completion) and (
            outcome.seed != request.seed or outcome.engine != self._engine
        )
