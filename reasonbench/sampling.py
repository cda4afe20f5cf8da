"""Drawing what a plan still owes, and committing it as it finishes.

A completion that is not the one asked for (another problem, index, seed or engine under
its key) is refused before it is stored: a store keeps what it has for ever.

With ``stop_after_successes`` the draws come in waves: each problem's next wave is as large
as its missing successes are expected to need, and what a wave draws beyond the last success
is kept, but counts for nothing.  A problem is done only when every completion before its
last success is there: one that failed or was cut off is drawn again, as it would have been.
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
from reasonbench.specs import SamplingSpec
from reasonbench.store import Store

COMMIT_SECONDS = 0.25
"""A finished completion waits at most this long for others before it is committed."""
COMMIT_COUNT = 256
"""... and with at most this many of them."""
STATUS_SECONDS = 5.0
"""Least time between two computations of the running score."""
STATUS_SHARE = 0.01
"""Most of the run's time that they may take."""


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
        stop = self._planned.plan.spec.stop_after_successes
        if present:
            asked = f"{total:,}" if stop is None else f"at most {total:,}"
            self._reporter.say(f"{len(present):,} of {asked} completions are there already")
        if len(present) == total:
            return
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
        open_ = [Missing(asked, present) for asked in self._planned.asked]
        open_, saved = self._still_open(open_, stop)
        if not open_:
            return
        self._reporter.phase("sampling", total=total, done=len(present) + saved)
        while open_:
            self._draw(request for m in open_ for request in self._wave(m, stop))
            self._grading.finish(lambda _: None)
            open_, saved = self._still_open(open_, stop)
            self._reporter.drop(saved)

    def _wave(self, missing: "Missing", stop: int) -> Iterator[SampleRequest]:
        """Yield what a problem draws next: the gaps before its last success, or a wave."""
        standing = self._board.standing(missing.problem, stop)
        if standing.end is not None:
            return missing.take_below(standing.end)
        return missing.take(wave(standing.successes, standing.graded, stop))

    def _still_open(self, problems: Iterable["Missing"], stop: int) -> tuple[list["Missing"], int]:
        """Return the problems that can and must be drawn from, and what the others save.

        A gap that was tried in this call already stays owed to the next one.
        """
        open_, saved = [], 0
        for missing in problems:
            end = self._board.standing(missing.problem, stop).end
            if missing.next_index is not None and (end is None or missing.next_index < end):
                open_.append(missing)
            else:
                saved += missing.left
        return open_, saved

    def _draw(self, requests: Iterable[SampleRequest]) -> None:
        """Draw these, commit what finishes, and hand it to the graders."""
        source = iter(requests)
        try:
            sampling = self._planned.plan.sampling
            for outcome in outcomes(self._engine, self._sink.issue(source), sampling):
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
        if (start := time.monotonic()) >= self._status_due:
            self._reporter.status(self._board.running())
            now = time.monotonic()
            self._status_due = now + max(STATUS_SECONDS, (now - start) / STATUS_SHARE)

    def _say_what_is_owed(self) -> None:
        failed, lost = self._sink.n_failed, self._sink.n_lost
        if failed:
            self._reporter.say(f"{failed:,} completions failed and are still owed")
        if lost:
            self._reporter.say(
                f"the engine ended without {lost:,} completions that were asked for; they are "
                f"still owed"
            )


def outcomes(
    engine: Engine, requests: Iterable[SampleRequest], sampling: SamplingSpec
) -> Iterator[Completion | Failure]:
    """Yield what the engine yields; what it raises becomes one sentence."""
    n_drawn = 0
    try:
        for outcome in engine.sample(requests, sampling):
            n_drawn += 1
            yield outcome
    except (ReasonbenchError, GeneratorExit):
        raise
    except Exception as error:
        raise EngineError(
            f"engine {engine.identity.engine!r} stopped after {n_drawn:,} completions: "
            f"{type(error).__name__}: {error}",
            hint="what was sampled is safe; the same command goes on",
        ) from error


class Missing:
    """What one problem's completions still lack, taken in the order of sample_index."""

    def __init__(self, asked: Asked, present: Set[str]) -> None:
        self.problem = asked.problem
        self.left = sum(key not in present for key in asked.completion_keys())
        self._requests = (r for r in asked.requests() if r.key not in present)
        self._next = next(self._requests, None)

    @property
    def next_index(self) -> int | None:
        """sample_index of the first of them; None if there is none left."""
        return None if self._next is None else self._next.sample_index

    def take(self, count: int) -> Iterator[SampleRequest]:
        """Yield the next ``count`` of them; each is given out once."""
        for _ in range(count):
            if self._next is None:
                return
            self.left -= 1
            taken, self._next = self._next, next(self._requests, None)
            yield taken

    def take_below(self, end: int) -> Iterator[SampleRequest]:
        """Yield all with a sample_index below ``end``."""
        while self._next is not None and self._next.sample_index < end:
            yield from self.take(1)


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
