"""Which problems are compared, by a pilot of the student's beginning.

The pilot's draws have a seed of their own and are used for nothing else.  At the pilot's K a
problem counts as solved where one of its K completions is correct; the share of these is pass@K
without bias.  Where that share is too large, problems are dropped from the easy end, those with
the most correct completions first; where it is too small, from the hard end.  Problems that the
pilot cannot tell apart are dropped in an order that their ids alone decide.

A problem at the edge is there partly by luck, so fresh draws come out nearer to where they would
have been without the choice; the report has both the pilot's value and that of the fresh draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reasonbench.errors import SpecError
from reasonbench.identity import digest
from reasonbench.records import Record
from reasonbench.results.study import StudySelection
from reasonbench.specs import SelectSpec
from reasonbench.study.measure import ProblemRow

LEAST = 5
"""Problems that a comparison needs at least."""


class Selected(Record, frozen=True, kw_only=True):
    """The choice, as its marker keeps it."""

    selection: StudySelection
    """What a report says of it."""
    problems: dict[str, tuple[str, ...]]
    """Task -> ids of its chosen problems."""


@dataclass(frozen=True, slots=True)
class _Problem:
    task: str
    problem_id: str
    c: int

    @property
    def lot(self) -> str:
        return digest("select", self.task, self.problem_id)


def keep_all(problems: dict[str, tuple[str, ...]]) -> Selected:
    """Return the choice of everything."""
    total = sum(map(len, problems.values()))
    return Selected(selection=StudySelection(candidates=total, kept=total), problems=problems)


def choose(rows: Sequence[ProblemRow], select: SelectSpec) -> Selected:
    """Return the problems whose pass@K together lies between ``low`` and ``high``.

    Args:
        rows: the pilot, in the order of the tasks.
        select: K and the range.

    Raises:
        SpecError: no choice of problems can lie there, or too few remain.
    """
    problems = [_Problem(row.task, row.problem_id, row.c) for row in rows]
    solved = [p for p in problems if p.c > 0]
    unsolved = [p for p in problems if p.c == 0]
    share = len(solved) / len(problems)
    easy = hard = 0
    if share > select.high:
        easy = len(solved) - _most_solved(len(unsolved), select.high)
        solved = sorted(solved, key=lambda p: (p.c, p.lot))[: len(solved) - easy]
    elif share < select.low:
        hard = len(unsolved) - _most_unsolved(len(solved), select.low)
        unsolved = sorted(unsolved, key=lambda p: p.lot)[: len(unsolved) - hard]
    kept = {(p.task, p.problem_id) for p in (*solved, *unsolved)}
    after = len(solved) / len(kept) if kept else math.nan
    if len(kept) < LEAST or not select.low <= after <= select.high:
        raise _impossible(share, len(problems), len(kept), after, select)
    chosen: dict[str, tuple[str, ...]] = {
        task: tuple(
            p.problem_id for p in problems if p.task == task and (task, p.problem_id) in kept
        )
        for task in dict.fromkeys(p.task for p in problems)
    }
    selection = StudySelection(
        candidates=len(problems),
        kept=len(kept),
        k=select.k,
        pilot_all=share,
        pilot_kept=after,
        too_easy=easy,
        too_hard=hard,
    )
    return Selected(selection=selection, problems=chosen)


def _most_solved(unsolved: int, high: float) -> int:
    """Return the most solved problems that may stand beside so many unsolved ones."""
    if high == 1:
        return unsolved
    return math.floor(unsolved * high / (1 - high) + 1e-9)


def _most_unsolved(solved: int, low: float) -> int:
    return math.floor(solved * (1 - low) / low + 1e-9)


def _impossible(share: float, total: int, kept: int, after: float, select: SelectSpec) -> SpecError:
    wanted = f"pass@{select.k} between {select.low:g} and {select.high:g}"
    what = f"the pilot's pass@{select.k} of {total} problems is {share:.3f}"
    if kept == 0:
        left = "no choice of them lies there"
    else:
        left = f"the best choice keeps {kept} of them at {after:.3f}"
    easier = share > select.high
    return SpecError(
        f"{what}, and {wanted} is asked for; {left}",
        hint=f"take {'harder' if easier else 'easier'} problems or more of them, a "
        f"{'smaller' if easier else 'larger'} select.k, or a wider range",
    )
