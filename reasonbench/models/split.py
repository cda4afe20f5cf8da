"""A task's problems before the training cutoff, and those after it.

What was published on or before the cutoff may have been trained on, what came after it cannot
have been.  A problem that has no date is on neither side.  The sides are of different problems,
so their difference needs no pairing: square-and-add (MOVER) over each side's own interval, which
is Gaffke's at anchor 1, since it decides.  Problems that share a ``cluster`` count as one draw
where a side holds several clusters; a cluster that lies on both sides makes the sides alike, and
the interval then is wider than it need be.

Coverage of the difference at 95 % (200 runs each, +- .02): .97 to 1.00 for 40 and 20 or 60 and 60
problems with n = 8, alone or in clusters of 4; with the clusters left out it was .69 to .87.

Families are the clusters themselves, where each side holds enough of one.
"""

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from reasonbench import stats
from reasonbench.records import Counts, Interval, Problem
from reasonbench.results import Contrast, FindingStatus, Measured, ModelCheck, RunResult
from reasonbench.specs import Cutoff
from reasonbench.stats.difference import Estimated, difference_independent

DATES = ("published", "contest_date", "release_date", "date")
"""Fields of a problem's metadata that may hold its date, where it has none of its own."""
MINIMUM = 5
"""Problems that a side must hold for families and for k above 1."""
MAX_FAMILIES = 50
"""Families that are reported, those with the most problems first."""
SHOWN, DECIDING = 0.5, 1.0
"""Anchors of Gaffke's interval: of a value that is shown, and of a difference."""
IDENTITY = "cutoff/1"
MEASURE = "pass@k before the cutoff less pass@k after it; pass@1 decides"
CANNOT = (
    "Later problems may be harder, or of other topics: a fall is no proof, and a model whose "
    "cutoff is stated too early or too late hides one."
)
UNKNOWN = "the model's cutoff is not known: give --cutoff DATE, or set model.cutoff in the spec"
METHOD = f"MOVER over Gaffke intervals, anchor {DECIDING:g}"


class Sides(NamedTuple):
    """The ids of a task's problems on both sides of a cutoff."""

    before: frozenset[str]
    """Published on or before the day of the cutoff."""
    after: frozenset[str]
    """Published after it."""
    undated: frozenset[str]
    """Of no known date."""


def published(problem: Problem, of_task: datetime.date | None) -> datetime.date | None:
    """Return the day on which a problem became public, where anything says.

    Args:
        problem: the problem.
        of_task: the day that its task states for all of them.
    """
    if problem.published is not None:
        return problem.published
    for field in DATES:
        try:
            return datetime.date.fromisoformat(str(problem.metadata.get(field))[:10])
        except ValueError:
            continue
    return of_task


def sides(
    problems: Iterable[Problem], of_task: datetime.date | None, cutoff: datetime.date
) -> Sides:
    """Return the ids of problems on both sides of a day; what came on it came before."""
    days = {problem.id: published(problem, of_task) for problem in problems}
    return Sides(
        frozenset(p for p, day in days.items() if day is not None and day <= cutoff),
        frozenset(p for p, day in days.items() if day is not None and day > cutoff),
        frozenset(p for p, day in days.items() if day is None),
    )


class Drawn(NamedTuple):
    """How a model's completions on some problems were judged."""

    counts: Mapping[str, Counts]
    """By problem; an id of several tasks holds its task's name."""
    clusters: Mapping[str, str]
    """Cluster of each problem that has one."""
    n: int
    """Completions a problem that were asked for, at most."""

    @classmethod
    def of(cls, counts: Iterable[Counts], problems: Iterable[Problem]) -> "Drawn":
        """Return the counts of a task, with the clusters of its problems."""
        by_id = {c.problem_id: c for c in counts if c.n}
        # What is owed was asked for as well; a problem that was stopped may have been drawn on.
        n = max((c.n + c.owed + sum(c.ungraded.values()) for c in by_id.values()), default=1)
        clusters = {p.id: p.cluster for p in problems if p.cluster is not None}
        return cls(by_id, clusters, n)

    def only(self, ids: Iterable[str]) -> "Drawn":
        """Return the same of some problems."""
        wanted = set(ids)
        return self._replace(counts={p: c for p, c in self.counts.items() if p in wanted})


def contrast(
    before: tuple[str, Drawn],
    after: tuple[str, Drawn],
    level: float,
    *,
    k: int = 1,
    decides: bool = False,
) -> Contrast:
    """Return pass@k before less pass@k after, each side under its name."""
    found = [_estimate(side[1], k, level, DECIDING) for side in (before, after)]
    value = interval = None
    if found[0] is not None and found[1] is not None:
        value, low, high = difference_independent(found[0], found[1])
        interval = Interval(low=low, high=high)
    return Contrast(
        first=_measured(*before, k, level),
        second=_measured(*after, k, level),
        value=value,
        interval=interval,
        method=METHOD,
        decides=decides,
    )


def further(
    task: str, before: Drawn, after: Drawn, level: float, ks: Sequence[int] = ()
) -> list[Contrast]:
    """Return the contrasts beside pass@1: for each larger k, and for each family.

    Args:
        task: the task.
        before: its problems on or before the cutoff.
        after: those after it.
        level: confidence level.
        ks: values of k; by default the powers of two that both sides have completions for.
    """
    if min(len(before.counts), len(after.counts)) < MINIMUM:
        return []
    most = min(before.n, after.n)
    wanted = ks or [2**i for i in range(most.bit_length())]
    found = [
        contrast(
            (f"{task}, up to the cutoff, pass@{k}", before),
            (f"{task}, after it, pass@{k}", after),
            level,
            k=k,
        )
        for k in sorted(set(wanted))
        if 1 < k <= most
    ]
    for family in families(before, after):
        parts = [
            side.only(p for p in side.counts if side.clusters.get(p) == family)
            for side in (before, after)
        ]
        found.append(
            contrast(
                (f"{task}, {family}, up to the cutoff", parts[0]),
                (f"{task}, {family}, after it", parts[1]),
                level,
            )
        )
    return [one for one in found if one.value is not None]


def families(before: Drawn, after: Drawn) -> list[str]:
    """Return the clusters of which each side holds enough problems, the largest first."""
    sizes = [
        Counter(side.clusters[p] for p in side.counts if p in side.clusters)
        for side in (before, after)
    ]
    both = [f for f in sizes[0] if min(sizes[0][f], sizes[1][f]) >= MINIMUM]
    both.sort(key=lambda family: (-sizes[0][family] - sizes[1][family], family))
    return both[:MAX_FAMILIES]


def check_split(
    task: str,
    problems: Sequence[Problem],
    of_task: datetime.date | None,
    counts: Iterable[Counts],
    cutoff: Cutoff | None,
    *,
    level: float = 0.95,
    ks: Sequence[int] = (),
) -> ModelCheck | None:
    """Return one task's scores on both sides of a cutoff; None where no problem has a date.

    Unlike the detector, it draws nothing and knows no other task; where one side is empty it
    says so, and where the cutoff is not known it asks for it.
    """
    counts = tuple(counts)
    last = cutoff.date if cutoff is not None else datetime.date.max
    found = sides(problems, of_task, last)
    n_dated = len(problems) - len(found.undated)
    if not n_dated:
        return None
    if cutoff is None:
        return not_checked(task, UNKNOWN, level)
    stated = f"the cutoff of {cutoff.date} ({cutoff.kind})"
    if not found.before:
        return not_checked(
            task, f"all of its {n_dated:,} dated problems came after {stated}", level
        )
    if not found.after:
        return not_checked(
            task, f"none of its {n_dated:,} dated problems came after {stated}", level
        )
    drawn = Drawn.of(counts, problems)
    before, after = drawn.only(found.before), drawn.only(found.after)
    drop = contrast(
        (f"{task}, up to the cutoff", before),
        (f"{task}, after it", after),
        level,
        decides=True,
    )
    return checked(
        task,
        cutoff,
        [drop, *further(task, before, after, level, ks)],
        level,
        n_undated=len(found.undated),
    )


def checks_of_run(
    result: RunResult, problems: Iterable[Problem], cutoff: Cutoff | None, *, level: float = 0.95
) -> tuple[ModelCheck, ...]:
    """Return the split of each task of a run whose problems have dates.

    Without a cutoff, a task is named only where a cutoff could part its problems: where they
    have several dates.

    Args:
        result: the run.
        problems: its problems, of all tasks.
        cutoff: the model's.
        level: confidence level.
    """
    of_task: dict[str, list[Problem]] = {}
    for problem in problems:
        of_task.setdefault(problem.task, []).append(problem)
    checks = []
    for task in result.tasks:
        mine, day = of_task.get(task.spec.name, []), task.spec.published
        if cutoff is None and len({published(p, day) for p in mine} - {None}) < 2:
            continue
        ks = [estimate.k for estimate in task.estimates]
        check = check_split(task.spec.name, mine, day, task.problems, cutoff, level=level, ks=ks)
        if check is not None:
            checks.append(check)
    return tuple(checks)


def checked(
    task: str,
    cutoff: Cutoff,
    contrasts: Sequence[Contrast],
    level: float,
    *,
    n_undated: int = 0,
    beside: str = "",
) -> ModelCheck:
    """Return a check from its contrasts, of which the first is that of pass@1.

    Args:
        task: the task.
        cutoff: the cutoff.
        contrasts: what was measured; those that decide settle the status.
        level: confidence level.
        n_undated: problems on neither side.
        beside: what else is to be said, as a part of the sentence.
    """
    drop = contrasts[0]
    parts = [told(drop, level) or "no problem on one of the sides has a graded completion"]
    parts += [_few(drop)] if min(drop.first.n, drop.second.n) < MINIMUM else []
    parts += [f"{n_undated:,} problems have no date and are left out"] if n_undated else []
    parts += [beside] if beside else []
    deciding = [c.interval for c in contrasts if c.decides and c.interval is not None]
    status = FindingStatus.NOT_CHECKED
    if deciding:
        above = any(interval.low > 0 for interval in deciding)
        status = FindingStatus.SUSPECT if above else FindingStatus.CLEAN
    return ModelCheck(
        detector=IDENTITY,
        task=task,
        measure=MEASURE,
        status=status,
        value=Measured(
            what=task, value=drop.value, interval=drop.interval, n=drop.first.n + drop.second.n
        ),
        level=level,
        contrasts=tuple(contrasts),
        details={
            "problems before": float(drop.first.n),
            "problems after": float(drop.second.n),
            "problems without a date": float(n_undated),
        },
        sentence=f"Cutoff {cutoff.date} ({cutoff.kind}): {'; '.join(parts)}.",
        cannot_show=CANNOT,
    )


def not_checked(task: str, why: str, level: float) -> ModelCheck:
    """Return a check that could not be made."""
    return ModelCheck(
        detector=IDENTITY,
        task=task,
        measure=MEASURE,
        status=FindingStatus.NOT_CHECKED,
        value=None,
        level=level,
        details={},
        sentence=f"{IDENTITY.partition('/')[0]} did not check {task}: {why}.",
        cannot_show=CANNOT,
    )


def told(one: Contrast, level: float) -> str:
    """Return a contrast in words; empty where a side has no value."""
    if one.value is None or one.interval is None:
        return ""
    parts = [
        f"{100 * (side.value or 0.0):.1f}% ({side.what}; {side.n:,} problems)"
        for side in (one.first, one.second)
    ]
    low, high = 100 * one.interval.low, 100 * one.interval.high
    return (
        f"{parts[0]} against {parts[1]}, a difference of {100 * one.value:+.1f} points "
        f"({level:.0%} interval {low:+.1f} to {high:+.1f})"
    )


def _few(drop: Contrast) -> str:
    side = min((drop.first, drop.second), key=lambda measured: measured.n)
    return f"only {side.n:,} on one side, fewer than the {MINIMUM} that families and k above 1 need"


def _measured(what: str, drawn: Drawn, k: int, level: float) -> Measured:
    found = _estimate(drawn, k, level, SHOWN)
    return Measured(
        what=what,
        value=None if found is None else found.value,
        interval=None if found is None else Interval(low=found.low, high=found.high),
        n=sum(1 for c in drawn.counts.values() if c.stopped or c.n >= k),
    )


def _estimate(drawn: Drawn, k: int, level: float, anchor: float) -> Estimated | None:
    """Return pass@k with its interval for other problems; None where nothing defines it."""
    counts = list(drawn.counts.items())
    if not counts:
        return None
    groups: dict[tuple[str, str], int] = {}
    labels = [
        groups.setdefault(("cluster", drawn.clusters[p]) if p in drawn.clusters else ("own", p), i)
        for i, (p, _) in enumerate(counts)
    ]
    several = 1 < len(groups) < len(labels)
    stopped = any(c.stopped for _, c in counts)
    found = stats.benchmark_pass_at_k(
        [c.n for _, c in counts],
        [c.c for _, c in counts],
        [k],
        level=level,
        anchor=anchor,
        clusters=labels if several else None,
        stopped=[c.stopped for _, c in counts] if stopped else None,
        n_max=drawn.n if stopped else None,
    )
    value = float(found.estimate[0])
    low, high = float(found.superpopulation.low[0]), float(found.superpopulation.high[0])
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return None
    return Estimated(min(max(value, low), high), low, high)
