"""A second grader beside a run's own: where they disagree, and what that is worth.

Neither is taken to be right.  The strict score counts what both call correct, the lenient
one what either does; the truth lies between unless both are wrong alike.
"""

import contextlib
from collections import Counter
from pathlib import Path

from reasonbench import plugins
from reasonbench.grading import Grading
from reasonbench.protocols import Reporter
from reasonbench.records import Counts, Estimate, Grade, Plan, Record, Verdict
from reasonbench.run import Silent, default_workers
from reasonbench.store import Store
from reasonbench.summary import estimate_pass_at_k, find_plan, grader_identities

MAX_EXAMPLES = 20
"""Disagreements that are shown of each task."""


class Disagreement(Record, frozen=True, kw_only=True):
    """One completion that two graders judge differently."""

    problem_id: str
    """Problem concerned."""
    sample_index: int
    """Completion concerned."""
    target: str | None
    """Gold answer."""
    first: Grade
    """Grade of the run's own grader."""
    second: Grade
    """Grade of the other one."""


class TaskComparison(Record, frozen=True, kw_only=True):
    """Two graders on one task."""

    task: str
    """Task concerned."""
    graders: tuple[str, str]
    """Identities of the run's own grader and of the other one."""
    n_both: int
    """Completions that both call correct."""
    n_first_only: int
    """Completions that only the run's own grader calls correct."""
    n_second_only: int
    """Completions that only the other one calls correct."""
    n_neither: int
    """Completions that neither calls correct."""
    n_left_out: int
    """Completions that one of them has no verdict on."""
    strict: Estimate | None
    """pass@1 where only what both call correct counts; None of a run that was stopped early."""
    lenient: Estimate | None
    """pass@1 where what either calls correct counts."""
    disagreements: tuple[Disagreement, ...]
    """The first of them."""

    @property
    def n_disagreements(self) -> int:
        """Completions that exactly one of them calls correct."""
        return self.n_first_only + self.n_second_only


def grade_beside(
    directory: Path,
    grader: str,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> tuple[TaskComparison, ...]:
    """Grade a run's completions with a second grader too, and compare, task by task.

    The run's own grades, its plan and its scores stay as they are.

    Args:
        directory: run directory.
        grader: registered name of the second grader.
        reporter: where progress goes.
        workers: grader processes.

    Raises:
        UnknownNameError: there is no such grader.
        ReasonbenchError: the directory holds no run.
    """
    reporter = reporter or Silent()
    plugins.GRADERS.get(grader)
    with Store.create(directory, must_exist=True) as store:
        plan = find_plan(store)
        grading = Grading(
            store,
            plan.digest(),
            dict.fromkeys(plan.graders, grader),
            workers=workers or default_workers(),
        )
        with contextlib.closing(grading):
            reporter.phase(f"grading with {grader}", total=grading.count_missing())
            grading.finish(reporter.advance)
            second = grading.identities
        return tuple(_compare(store, plan, task.name, second) for task in plan.tasks)


def _compare(store: Store, plan: Plan, task: str, second: dict[str, str]) -> TaskComparison:
    first = grader_identities(plan)
    targets = {p.id: p.target for p in store.problems(plan.digest()) if p.task == task}
    others = {g.key: g for g, _ in store.grades(plan.digest(), {task: second[task]})}
    cells: Counter[tuple[bool, bool]] = Counter()
    counts: dict[str, Counter[str]] = {name: Counter() for name in targets}
    found: list[Disagreement] = []
    left_out = len(others)
    for mine, _ in store.grades(plan.digest(), {task: first[task]}):
        other = others.get(mine.key)
        left_out -= other is not None
        if other is None or Verdict.UNGRADED in (mine.verdict, other.verdict):
            left_out += 1
            continue
        cell = mine.verdict is Verdict.CORRECT, other.verdict is Verdict.CORRECT
        cells[cell] += 1
        counts[mine.problem_id].update(n=1, strict=all(cell), lenient=any(cell))
        if cell[0] is not cell[1] and len(found) < MAX_EXAMPLES:
            found.append(_disagreement(mine, other, targets[mine.problem_id]))
    return TaskComparison(
        task=task,
        graders=(first[task], second[task]),
        n_both=cells[True, True],
        n_first_only=cells[True, False],
        n_second_only=cells[False, True],
        n_neither=cells[False, False],
        n_left_out=left_out,
        strict=_pass_at_1(plan, counts, "strict"),
        lenient=_pass_at_1(plan, counts, "lenient"),
        disagreements=tuple(found),
    )


def _disagreement(first: Grade, second: Grade, target: str | None) -> Disagreement:
    return Disagreement(
        problem_id=first.problem_id,
        sample_index=first.sample_index,
        target=target,
        first=first,
        second=second,
    )


def _pass_at_1(plan: Plan, counts: dict[str, Counter[str]], which: str) -> Estimate | None:
    if plan.spec.stop_after_successes is not None:
        return None  # where a problem was stopped hung on the run's own grader
    found = [
        Counts(problem_id=name, n=c["n"], c=c[which], c_if_truncated_right=c[which])
        for name, c in counts.items()
    ]
    if not any(c.n for c in found):
        return None
    return estimate_pass_at_k(found, (1,), n_max=max(c.n for c in found))[0]
