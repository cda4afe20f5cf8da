"""Is a task fit to be measured with?  Its own gold answers must say so.

Every gold answer is graded: as given it must be correct, corrupted it must not be.
Ids must be unique, statements must not be empty, two problems must not ask the same.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from reasonbench.graders.pool import GraderPool
from reasonbench.grading import completion_of
from reasonbench.protocols import Task
from reasonbench.records import Failure, Problem, Verdict

MAX_COMPLAINTS = 10
"""Complaints of one kind that are spelt out."""


class TaskCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks of one task came to."""

    task: str
    """Name of the task."""
    n_problems: int
    """Problems that were checked."""
    n_gold: int
    """Problems that have a gold answer."""
    complaints: tuple[str, ...]
    """What is wrong; none means that the task is fit."""


def check_task(task: Task, *, limit: int | None = None, workers: int = 1) -> TaskCheck:
    """Grade a task's gold answers, whole and corrupted, and look at its problems.

    Args:
        task: what to check.
        limit: only the first so many problems.
        workers: grader processes.
    """
    problems = [p for i, p in enumerate(task.problems()) if limit is None or i < limit]
    gold = [p for p in problems if p.target is not None]
    complaints = _about_problems(problems)
    requests = [(p, completion_of(p, p.target or "")) for p in gold]
    requests += [(p, completion_of(p, corrupted(p.target or ""), 1)) for p in gold]
    with GraderPool(task.spec.grader, workers=workers) as pool:
        for outcome in pool.grade_all(requests):
            if isinstance(outcome, Failure):
                complaints.append(f"{outcome.problem_id}: the grader failed: {outcome.message}")
            elif outcome.sample_index == 0 and outcome.verdict is not Verdict.CORRECT:
                complaints.append(
                    f"{outcome.problem_id}: its gold answer {outcome.answer!r} is not graded "
                    f"correct ({outcome.reason})"
                )
            elif outcome.sample_index == 1 and outcome.verdict is Verdict.CORRECT:
                complaints.append(
                    f"{outcome.problem_id}: the corrupted answer {outcome.answer!r} is graded "
                    f"correct"
                )
    if not gold:
        complaints.append("no problem has a gold answer, so its grader cannot be checked")
    return TaskCheck(
        task=task.spec.name,
        n_problems=len(problems),
        n_gold=len(gold),
        complaints=tuple(complaints),
    )


def corrupted(target: str) -> str:
    """Return an answer that is surely another one than ``target``."""
    return f"({target}) + 1"


def _about_problems(problems: Sequence[Problem]) -> list[str]:
    complaints = []
    if not problems:
        complaints.append("it has no problems")
    ids = Counter(p.id for p in problems)
    complaints += [f"{i}: {count} problems have this id" for i, count in ids.items() if count > 1]
    complaints += [f"{p.id}: its statement is empty" for p in problems if not p.statement.strip()]
    asked = Counter(" ".join(p.statement.split()) for p in problems)
    complaints += [f"{count} problems ask {s[:60]!r}" for s, count in asked.items() if count > 1]
    return complaints
