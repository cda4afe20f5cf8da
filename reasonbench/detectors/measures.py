"""What the checks of a model share: means, contrasts and the status that follows.

A value is a mean over problems of quantities in [0, 1], or of differences of two of them.
Intervals are Gaffke's: anchor 1/2 for a value that is shown, anchor 1 for a contrast, since
it decides.  Not covered: problems that depend on one another.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reasonbench import stats
from reasonbench.protocols import Asked, Evidence
from reasonbench.records import Counts, Interval
from reasonbench.results import Contrast, FindingStatus, Measured, ModelCheck, Role
from reasonbench.stats.difference import Estimated, difference_independent

SHOWN, DECIDING = 0.5, 1.0
"""Anchors of Gaffke's interval."""

Values = Mapping[str, float]
"""A quantity in [0, 1] for each problem, by its id."""


def of_task(evidence: Evidence, role: Role) -> list[Asked]:
    """Return the audit's tasks of a role."""
    return [asked for asked in evidence.tasks if asked.role is role]


def pass_at_1(counts: Sequence[Counts]) -> dict[str, float]:
    """Return the unbiased pass@1 of each problem that has a graded completion.

    Of a problem that its r-th success ended, that success is no news: (r - 1) / (n - 1).
    """
    return {c.problem_id: _pass_at_1(c) for c in counts if c.n}


def measured(what: str, values: Values, level: float) -> Measured:
    """Return the mean of values in [0, 1]."""
    found = _mean(list(values.values()), level, SHOWN)
    value, interval = (None, None) if found is None else (found.value, _interval(found))
    return Measured(what=what, value=value, interval=interval, n=len(values))


def measured_difference(what: str, values: Values, level: float) -> Measured:
    """Return the mean of differences in [-1, 1]."""
    shown = measured(what, {name: (d + 1) / 2 for name, d in values.items()}, level)
    value, interval = shown.value, shown.interval
    return Measured(
        what=what,
        value=None if value is None else 2 * value - 1,
        interval=interval and Interval(low=2 * interval.low - 1, high=2 * interval.high - 1),
        n=shown.n,
    )


def apart(
    first: tuple[str, Values], second: tuple[str, Values], level: float, *, decides: bool
) -> Contrast:
    """Return the difference of two means over disjoint problems."""
    a, b = (_mean(list(side[1].values()), level, DECIDING) for side in (first, second))
    found = None if a is None or b is None else difference_independent(a, b)
    return Contrast(
        first=measured(*first, level),
        second=measured(*second, level),
        value=None if found is None else found.value,
        interval=None if found is None else _interval(found),
        method=f"MOVER over Gaffke intervals, anchor {DECIDING:g}",
        decides=decides,
    )


def paired(
    first: tuple[str, Values], second: tuple[str, Values], level: float, *, decides: bool
) -> Contrast:
    """Return the mean difference on the problems that both have."""
    shared = [name for name in first[1] if name in second[1]]
    halves = [(first[1][name] - second[1][name] + 1) / 2 for name in shared]
    found = _mean(halves, level, DECIDING)
    sides = [(what, {name: values[name] for name in shared}) for what, values in (first, second)]
    return Contrast(
        first=measured(*sides[0], level),
        second=measured(*sides[1], level),
        value=None if found is None else 2 * found.value - 1,
        interval=found and Interval(low=2 * found.low - 1, high=2 * found.high - 1),
        method=f"Gaffke on the paired differences, anchor {DECIDING:g}",
        decides=decides,
    )


def within(evidence: Evidence, task: str, values: Values) -> list[Contrast]:
    """Hold a task's problems that were found in the traces against its others, if it has both."""
    leaked = {p: v for p, v in values.items() if (task, p) in evidence.leaked}
    others = {p: v for p, v in values.items() if p not in leaked}
    if not leaked or not others:
        return []
    sides = ("problems found in the traces", leaked), ("the others", others)
    return [apart(*sides, evidence.level, decides=True)]


def status_of(contrasts: Sequence[Contrast]) -> FindingStatus:
    """Return what the contrasts that decide come to."""
    deciding = [c.interval for c in contrasts if c.decides and c.interval is not None]
    if not deciding:
        return FindingStatus.NOT_CHECKED
    above = any(interval.low > 0 for interval in deciding)
    return FindingStatus.SUSPECT if above else FindingStatus.CLEAN


def unchecked(
    identity: str, task: str, measure: str, why: str, *, level: float, cannot_show: str
) -> ModelCheck:
    """Return a check that could not be made."""
    return ModelCheck(
        detector=identity,
        task=task,
        measure=measure,
        status=FindingStatus.NOT_CHECKED,
        value=None,
        level=level,
        details={},
        sentence=f"{identity.partition('/')[0]} did not check {task}: {why}.",
        cannot_show=cannot_show,
    )


def told(contrasts: Sequence[Contrast], level: float, *, unit: str = "%") -> str:
    """Return the contrasts in words, those that decide alone where there are any."""
    parts = []
    for contrast in [c for c in contrasts if c.decides] or contrasts:
        if contrast.value is None or contrast.interval is None:
            continue
        low, high = 100 * contrast.interval.low, 100 * contrast.interval.high
        parts.append(
            f"{number(contrast.first, unit)} ({contrast.first.what}) against "
            f"{number(contrast.second, unit)} ({contrast.second.what}), a difference of "
            f"{100 * contrast.value:+.1f} points ({level:.0%} interval {low:+.1f} to {high:+.1f})"
        )
    return "; ".join(parts)


def number(value: Measured, unit: str = "%") -> str:
    """Return a value in percent or points."""
    if value.value is None:
        return "nothing"
    sign = "" if unit == "%" else "+"
    return format(100 * value.value, f"{sign}.1f") + (unit if unit == "%" else f" {unit}")


def _pass_at_1(counts: Counts) -> float:
    if counts.stopped and counts.n > 1:
        return (counts.c - 1) / (counts.n - 1)
    return counts.c / counts.n


def _mean(values: Sequence[float], level: float, anchor: float) -> Estimated | None:
    if not values:
        return None
    column = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    distinct, counts = np.unique(column, return_counts=True)
    found = stats.gaffke_interval(distinct[:, None], counts=counts, level=level, anchor=anchor)
    low, high = float(found.low[0]), float(found.high[0])
    value = min(max(math.fsum(values) / len(values), low), high)
    return Estimated(value, low, high)


def _interval(found: Estimated) -> Interval:
    return Interval(low=found.low, high=found.high)
