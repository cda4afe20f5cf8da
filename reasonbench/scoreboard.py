"""What the grades of a run say so far, one byte a completion.

Sampling asks it which problems have had their successes, progress what pass@1 is by now.

A problem's completions are looked at in the order of sample_index, whatever order they
finished in.  Where one is missing, nothing behind it counts yet: short completions finish
first, are right more often, and would raise the score if the others never came.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from reasonbench import stats
from reasonbench.protocols import RunningScore
from reasonbench.records import Grade, Interval, Plan, Problem, Verdict
from reasonbench.summary import DISPLAY_ANCHOR

UNKNOWN, WRONG, RIGHT, UNGRADED = range(4)
_STATES = {
    Verdict.CORRECT: RIGHT,
    Verdict.INCORRECT: WRONG,
    Verdict.UNGRADED: UNGRADED,
}


class Standing(NamedTuple):
    """Where one problem stands on its way to so many successes."""

    successes: int
    """Right completions, gaps or not."""
    graded: int
    """Completions that are right or wrong."""
    end: int | None
    """Completions up to and with the last needed success; None before it."""
    stopped: bool
    """Whether none of these is missing: the problem is done."""


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

    def standing(self, problem: Problem, stop: int) -> Standing:
        """Return where a problem stands on its way to ``stop`` successes."""
        states = self._states[problem.task, problem.id]
        successes = states.count(RIGHT)
        end = None
        if successes >= stop:
            place = -1
            for _ in range(stop):
                place = states.index(RIGHT, place + 1)
            end = place + 1
        return Standing(
            successes=successes,
            graded=successes + states.count(WRONG),
            end=end,
            stopped=end is not None and UNKNOWN not in states[:end],
        )

    def running(self) -> dict[str, RunningScore]:
        """Return pass@1 of every task by the problems whose draws are all there.

        With ``stop_after_successes`` each counts with its first draws, as many as every
        problem has: what is drawn later hangs on how these went.
        """
        width = min(self._stop or self._n, self._n)
        rates: dict[str, list[float]] = {}
        for (task, _), states in self._states.items():
            found = rates.setdefault(task, [])
            first = states[:width]
            right = first.count(RIGHT)
            judged = right + first.count(WRONG)
            if judged and UNKNOWN not in first:
                found.append(right / judged)
        totals = {task: sum(t == task for t, _ in self._states) for task in rates}
        return {task: _score(found, totals[task]) for task, found in rates.items() if found}


def _score(rates: list[float], of: int) -> RunningScore:
    values = np.array(rates)[:, None]
    interval = stats.gaffke_interval(values, anchor=DISPLAY_ANCHOR)
    low, high = float(interval.low[0]), float(interval.high[0])
    return RunningScore(float(values.mean()), Interval(low=low, high=high), len(rates), of)
