"""Grading beside sampling.

Each grader runs in a pool of processes that can be killed.  While the engine draws,
finished completions are offered to the pools and taken only where there is room, so
the engine never waits; ``finish`` then grades from the store whatever is left.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from reasonbench.errors import GraderError
from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, Failure, FinishReason, Grade, Problem, Verdict
from reasonbench.store import Store


def completion_of(problem: Problem, answer: str, sample_index: int = 0) -> Completion:
    """Return a completion that gives an answer and nothing else, for trying a grader."""
    return Completion(
        key=f"{problem.task}/{problem.id}#{sample_index}",
        task=problem.task,
        problem_id=problem.id,
        sample_index=sample_index,
        text=f"<think>\n</think>\n\\boxed{{{answer}}}",
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=0,
        n_tokens=0,
        seed=0,
        engine="gold",
    )


def _is_correct(outcome: Grade | Failure) -> bool:
    return isinstance(outcome, Grade) and outcome.verdict is Verdict.CORRECT


class Grading:
    """The grader pools of one plan, writing their grades to its store."""

    def __init__(
        self,
        store: Store,
        plan_id: str,
        graders: Mapping[str, str],
        *,
        workers: int,
        listen: Callable[[Sequence[Grade]], None] = lambda _: None,
    ) -> None:
        names = sorted(set(graders.values()))
        share = max(1, workers // len(names))
        self._store = store
        self._plan_id = plan_id
        self._pools = {name: GraderPool(name, workers=share) for name in names}
        self._pool_of = {task: self._pools[name] for task, name in graders.items()}
        self._in_flight: set[str] = set()
        self._failed: set[str] = set()
        self._listen = listen
        self.identities = {task: pool.identity for task, pool in self._pool_of.items()}
        self.n_graded = 0
        self.n_failed = 0

    def check_golds(self, problems: Iterable[Problem]) -> list[Grade | Failure]:
        """Grade every gold answer against itself; return what is not called correct."""
        refused: list[Grade | Failure] = []
        gold = [p for p in problems if p.target is not None]
        for pool in self._pools.values():
            mine = [p for p in gold if self._pool_of[p.task] is pool]
            outcomes = pool.grade_all((p, completion_of(p, p.target or "")) for p in mine)
            refused += [o for o in outcomes if not _is_correct(o)]
        return refused

    def offer(self, pairs: Iterable[tuple[Problem, Completion]]) -> None:
        """Grade those completions that a pool has room for, and collect what is done."""
        for problem, completion in pairs:
            pool = self._pool_of[completion.task]
            if not pool.full:
                self._submit(pool, problem, completion)
        self._collect(block=False)

    def count_missing(self) -> int:
        """Return how many completions have no grade yet, those being graded included."""
        return sum(1 for _ in self._store.ungraded(self._plan_id, self.identities))

    def finish(self, advance: Callable[[int], None]) -> None:
        """Grade everything that has no grade yet; a grader that raises leaves it owed.

        What it raised on is not tried again.
        """
        while self._in_flight:
            advance(self._collect(block=True))
        for problem, completion in self._store.ungraded(self._plan_id, self.identities):
            if completion.key in self._failed:
                continue
            pool = self._pool_of[completion.task]
            while pool.full:
                advance(self._collect(block=True))
            self._submit(pool, problem, completion)
        while self._in_flight:
            advance(self._collect(block=True))

    def close(self) -> None:
        """End the worker processes."""
        for pool in self._pools.values():
            pool.close()

    def _submit(self, pool: GraderPool, problem: Problem, completion: Completion) -> None:
        self._in_flight.add(completion.key)
        pool.submit(problem, completion)

    def _collect(self, *, block: bool) -> int:
        outcomes: list[Grade | Failure] = []
        for pool in self._pools.values():
            if pool.pending:
                outcomes += pool.drain(block=block)
        if stray := [o for o in outcomes if o.key not in self._in_flight]:
            raise GraderError(
                f"the grader judged a completion that it was not given: "
                f"{stray[0].task}/{stray[0].problem_id}, sample_index {stray[0].sample_index}"
            )
        grades = [o for o in outcomes if isinstance(o, Grade)]
        failures = [o for o in outcomes if isinstance(o, Failure)]
        if grades:
            self._store.add_grades(self._plan_id, grades)
            self._listen(grades)
        if failures:
            self._store.add_failures(failures)
        self._in_flight.difference_update(o.key for o in outcomes)
        self._failed.update(o.key for o in failures)
        self.n_graded += len(grades)
        self.n_failed += len(failures)
        return len(outcomes)
