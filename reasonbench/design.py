"""How many problems and samples a question takes, from what a run has shown so far."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from reasonbench import stats
from reasonbench.records import Counts, Record
from reasonbench.results import TaskResult
from reasonbench.store import Store
from reasonbench.summary import summarize

_SATURATED = 0.001
"""A pass@k so near to 0 or 1 leaves nothing to be seen."""
_MANY = 100


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
    """Least difference that the run as it is can resolve; None where k > n or ``notes`` say why."""
    plan: Design | None
    """What the wish takes; None where none was given or nothing is enough."""
    impossible: str = ""
    """Why nothing is enough, or nothing can be planned."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the figures."""


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
    if (said := _one_sided(counts, wish)) is not None:
        return TaskDesign(
            task=task.spec.name,
            n_problems=len(counts),
            n=task.n,
            mde_now=None,
            plan=None,
            impossible="" if wish.mde is None else "nothing to plan by",
            notes=(said,),
        )
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
    notes = list(_notes(counts, wish, law, found))
    mean = stats.mean_pass_at_k(wish.k, law)
    if now is not None and now > max(mean, 1 - mean):
        now = None
        notes.append(f"the run resolves no difference that a score of {100 * mean:.1f} % can have")
    return TaskDesign(
        task=task.spec.name,
        n_problems=len(counts),
        n=task.n,
        mde_now=now,
        plan=found,
        impossible=impossible,
        notes=tuple(notes),
    )


def _one_sided(counts: Sequence[Counts], wish: Wish) -> str | None:
    """Return what can be said where nothing or everything was solved, which shows no spread."""
    n, c = [x.n for x in counts], [x.c for x in counts]
    if 0 < sum(c) < sum(n):
        return None
    what = "solved" if sum(c) else "failed"
    share = stats.gaffke_interval(
        [[float(bool(sum(c)))]], counts=[len(n)], level=wish.level, anchor=1.0
    )
    score = (
        f"at least {100 * share.low[0]:.1f} %" if sum(c) else f"at most {100 * share.high[0]:.1f} %"
    )
    return (
        f"all {sum(n):,} completions of {len(n):,} problems {what}, so how much problems differ is "
        f"not known; on others of the kind pass@1 is {score} ({100 * wish.level:g} %); "
        f"{'harder' if sum(c) else 'easier'} problems tell models apart"
    )


def _notes(
    counts: Sequence[Counts], wish: Wish, law: stats.DifficultyLaw, found: Design | None
) -> Iterator[str]:
    if 2 * sum(x.n >= 2 for x in counts) < len(counts):
        yield (
            "one completion a problem cannot tell noise from difficulty: how much more completions "
            "of each would help is a guess"
        )
    if len(counts) < stats.LEAST_PROBLEMS:
        yield (
            f"{len(counts)} problems are too few for these figures, which are those of the normal "
            f"law: with fewer than {stats.LEAST_PROBLEMS}, less is seen"
        )
    mean = stats.mean_pass_at_k(wish.k, law)
    smallest = wish.mde if wish.mde is not None else 0.0
    for room, what in ((1 - mean, "gain"), (mean, "loss")):
        if room < max(smallest, _SATURATED):
            yield (
                f"pass@{wish.k} is {100 * mean:.1f} % here, so a {what} of "
                f"{100 * max(smallest, _SATURATED):.3g} points cannot be had"
            )
    if found is not None and found.m > max(_MANY * len(counts), stats.LEAST_PROBLEMS):
        yield (
            f"{found.m:,} problems are more than {_MANY} times those of the run: try a larger "
            "difference, or say how many problems there are"
        )
