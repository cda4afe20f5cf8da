"""Drawing what a plan still owes, and committing it as it finishes.

A completion that is not the one asked for (another problem, index, seed or engine under
its key) is refused before it is stored: a store keeps what it has for ever.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from reasonbench.errors import EngineError, ReasonbenchError
from reasonbench.grading import Grading
from reasonbench.planning import Planned
from reasonbench.protocols import Engine, Reporter
from reasonbench.records import Completion, Failure, SampleRequest
from reasonbench.store import Store

COMMIT_SECONDS = 0.25
"""A finished completion waits at most this long for others before it is committed."""
COMMIT_COUNT = 256
"""... and with at most this many of them."""


def sample_missing(
    store: Store, planned: Planned, engine: Engine, grading: Grading, reporter: Reporter
) -> None:
    """Draw what the store lacks; offer it to the graders as it is committed.

    Raises:
        EngineError: the engine broke down, or returned what was not asked for.
    """
    plan_id = planned.plan.digest()
    present = store.present(plan_id)
    missing = {r.key: r for r in planned.requests if r.key not in present}
    total = len(planned.requests)
    if present:
        reporter.say(f"{total - len(missing):,} of {total:,} completions are there already")
    if not missing:
        return
    reporter.phase("sampling", total=total, done=total - len(missing))
    problems = {(p.task, p.id): p for p in planned.problems}
    sink = Sink(store, plan_id, missing)
    try:
        for outcome in _outcomes(engine, planned, list(missing.values()), sink):
            if sink.add(outcome):
                done = sink.flush()
                grading.offer([(problems[c.task, c.problem_id], c) for c in done])
            reporter.advance(tokens=outcome.n_tokens if isinstance(outcome, Completion) else 0)
    finally:
        sink.flush()
    if sink.n_failed:
        reporter.say(f"{sink.n_failed:,} completions failed and are still owed")
    if sink.n_owed > sink.n_failed:
        reporter.say(
            f"the engine ended without {sink.n_owed - sink.n_failed:,} completions that were asked "
            f"for; they are still owed"
        )


def _outcomes(
    engine: Engine, planned: Planned, requests: Sequence[SampleRequest], sink: "Sink"
) -> Iterator[Completion | Failure]:
    """Yield what the engine yields; what it raises becomes one sentence."""
    try:
        yield from engine.sample(requests, planned.plan.sampling)
    except (ReasonbenchError, GeneratorExit):
        raise
    except Exception as error:
        raise EngineError(
            f"engine {planned.plan.engine.engine!r} stopped with {sink.n_owed:,} of "
            f"{len(planned.requests):,} completions owed: {type(error).__name__}: {error}",
            hint="what was sampled is safe; the same command goes on",
        ) from error


class Sink:
    """Finished outcomes on their way into the store."""

    def __init__(self, store: Store, plan_id: str, owed: Mapping[str, SampleRequest]) -> None:
        self._store = store
        self._owed = dict(owed)
        self._attempts = Counter(f.key for f in store.failures(plan_id))
        self._completions: list[Completion] = []
        self._failures: list[Failure] = []
        self._last = time.monotonic()
        self.n_failed = 0

    @property
    def n_owed(self) -> int:
        """Completions that have not come yet, failed ones included."""
        return len(self._owed)

    def add(self, outcome: Completion | Failure) -> bool:
        """Take one outcome; True when it is time to commit.

        Raises:
            EngineError: it is not what was asked for.
        """
        request = self._owed.get(outcome.key)
        if request is None or _differs(request, outcome):
            raise EngineError(
                f"the engine returned a sample that was not asked for, or one twice: "
                f"{outcome.task}/{outcome.problem_id}, sample_index {outcome.sample_index}",
                hint="this is a fault of the engine; nothing of that sample was stored",
            )
        if isinstance(outcome, Completion):
            del self._owed[outcome.key]
            self._completions.append(outcome)
        else:
            self._attempts[outcome.key] += 1
            self.n_failed += 1
            attempt = self._attempts[outcome.key]
            self._failures.append(msgspec.structs.replace(outcome, attempt=attempt))
        waiting = len(self._completions) + len(self._failures)
        return waiting >= COMMIT_COUNT or time.monotonic() - self._last >= COMMIT_SECONDS

    def flush(self) -> list[Completion]:
        """Commit what waits; return the completions among it."""
        completions, self._completions = self._completions, []
        failures, self._failures = self._failures, []
        if completions:
            self._store.add_completions(completions)
        if failures:
            self._store.add_failures(failures)
        self._last = time.monotonic()
        return completions


def _differs(request: SampleRequest, outcome: Completion | Failure) -> bool:
    prompt = request.prompt
    wanted = (prompt.task, prompt.problem_id, request.sample_index)
    if (outcome.task, outcome.problem_id, outcome.sample_index) != wanted:
        return True
    return isinstance(outcome, Completion) and outcome.seed != request.seed
