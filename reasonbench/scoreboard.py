"""What the grades of a run say so far, one byte a completion.

Sampling asks it which problems have had their successes, progress what pass@1 is by now.
"""

from collections import Counter
from collections.abc import Iterable

from reasonbench.records import Counts, Estimate, Grade, Plan, Problem, Verdict
from reasonbench.summary import estimate_pass_at_k

UNKNOWN, WRONG, RIGHT, UNGRADED = range(4)
_STATES = {
    Verdict.CORRECT: RIGHT,
    Verdict.INCORRECT: WRONG,
    Verdict.UNGRADED: UNGRADED,
}


class Scoreboard:
    """The verdicts of one plan's completions."""

    def __init__(self, plan: Plan, problems: Iterable[Problem]) -> None:
        self._stop = plan.spec.stop_after_successes
        self._n = plan.spec.n
        self._states = {(p.task, p.id): bytearray(self._n) for p in problems}

    def add(self, grades: Iterable[Grade]) -> None:
        """Take grades as they come, in any order."""
        for grade in grades:
            states = self._states[grade.task, grade.problem_id]
            states[grade.sample_index] = _STATES[grade.verdict]

    def successes(self, problem: Problem) -> int:
        """Return how many completions of a problem are right so far."""
        return self._states[problem.task, problem.id].count(RIGHT)

    def graded(self, problem: Problem) -> int:
        """Return how many completions of a problem have a verdict so far."""
        states = self._states[problem.task, problem.id]
        return states.count(RIGHT) + states.count(WRONG)

    def estimates(self) -> dict[str, Estimate]:
        """Return pass@1 of every task that has a verdict, from the verdicts so far."""
        counts: dict[str, list[Counts]] = {}
        for (task, problem_id), states in self._states.items():
            counts.setdefault(task, []).append(_counts(problem_id, states, self._stop))
        return {
            task: estimate_pass_at_k(found, (1,), n_max=self._n)[0]
            for task, found in counts.items()
            if any(c.n for c in found)
        }


def _counts(problem_id: str, states: bytearray, stop: int | None) -> Counts:
    """Return a problem's counts; a stopped one's end at its last success."""
    used = bytes(s for s in states if s in (RIGHT, WRONG))
    stopped = stop is not None and used.count(RIGHT) >= stop
    if stop is not None and stopped:
        end = -1
        for _ in range(stop):
            end = used.index(RIGHT, end + 1)
        used = used[: end + 1]
    tally = Counter(used)
    right = tally[RIGHT]
    return Counts(
        problem_id=problem_id, n=len(used), c=right, c_if_truncated_right=right, stopped=stopped
    )
