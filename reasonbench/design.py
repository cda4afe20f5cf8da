"""How many problems and samples a question takes, from what a run has shown so far."""

from pathlib import Path

from reasonbench import stats
from reasonbench.records import Record
from reasonbench.results import TaskResult
from reasonbench.store import Store
from reasonbench.summary import summarize


class Wish(Record, frozen=True, kw_only=True):
    """What shall be seen, and at what price."""

    mde: float | None
    """Least difference in pass@k; None to ask only what the run can resolve."""
    k: int
    """k of the metric."""
    power: float
    """Chance of seeing it."""
    level: float
    """Confidence level."""
    correlation: float | None
    """Of the problems' scores between two models; None for one model's score."""
    cost_problem: float
    """Cost of one more problem, in samples."""
    most_problems: int | None
    """Problems that there are."""


class Design(Record, frozen=True, kw_only=True):
    """The cheapest design that sees the wished difference."""

    m: int
    """Problems."""
    n: int
    """Completions a problem, of each model."""
    mde: float
    """Least difference that it sees."""
    cost: float
    """In samples."""


class TaskDesign(Record, frozen=True, kw_only=True):
    """One task of the run."""

    task: str
    """Task concerned."""
    n_problems: int
    """Problems that the run has counts of."""
    n: int
    """Completions a problem."""
    mde_now: float | None
    """Least difference that the run as it is can resolve; None where k > n."""
    plan: Design | None
    """What the wish takes; None where none was given or nothing is enough."""
    impossible: str = ""
    """Why nothing is enough."""


def design(directory: Path, wish: Wish) -> tuple[TaskDesign, ...]:
    """Return, for each task of a run, what it resolves and what the wish would take.

    Raises:
        ReasonbenchError: the directory holds no run.
    """
    with Store.read(directory) as store:
        result = summarize(store)
    return tuple(_task(task, wish) for task in result.tasks if any(c.n for c in task.problems))


def _task(task: TaskResult, wish: Wish) -> TaskDesign:
    counts = [c for c in task.problems if c.n]
    # The likelihood of the spread of difficulty is the same however the sampling ended.
    law = stats.law_from_counts(
        [c.n for c in counts], [c.c for c in counts], correlation=wish.correlation
    )
    now = None
    if task.n >= wish.k and task.stop_after_successes is None:
        now = stats.power(len(counts), task.n, wish.k, law, level=wish.level, power=wish.power)
    found, impossible = None, ""
    if wish.mde is not None:
        try:
            planned = stats.plan(
                wish.mde,
                wish.k,
                law,
                cost_problem=wish.cost_problem,
                level=wish.level,
                power=wish.power,
                most_problems=wish.most_problems,
            )
            found = Design(m=planned.m, n=planned.n, mde=planned.mde, cost=planned.cost)
        except ValueError as error:
            impossible = str(error)
    return TaskDesign(
        task=task.spec.name,
        n_problems=len(counts),
        n=task.n,
        mde_now=now,
        plan=found,
        impossible=impossible,
    )
