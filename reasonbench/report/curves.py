"""The numbers behind a report's charts: curves over k and over tokens, lengths, diversity."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reasonbench import stats
from reasonbench.records import Interval
from reasonbench.report.data import Diversity, Lengths, Point
from reasonbench.results import TaskResult
from reasonbench.stats.budget import accuracy_at_budget
from reasonbench.stats.extrapolate import EXTRAPOLATED, MEASURED, extrapolate_pass_at_k

BEYOND = 8
"""How many times n a curve is extrapolated to."""
RESAMPLES = 100
"""Of the problems, for the intervals there: half of the default, in half of the time."""
BINS = 16
"""Bins of a histogram of lengths, at most."""
SHORT = 0.02
"""Share of the completions that are shorter than the least budget."""
BUDGETS = 10
"""Token budgets that accuracy is shown at, at most."""

Array = npt.NDArray[Any]


def curve_of(task: TaskResult, level: float) -> tuple[Point, ...]:
    """Return pass@k at the audit's k, with the intervals of each and a band for all."""
    known = [e for e in task.estimates if e.value is not None]
    if not known:
        return ()
    found = stats.benchmark_pass_at_k(
        [c.n for c in task.problems],
        [c.c for c in task.problems],
        [e.k for e in known],
        level=level,
        stopped=[c.stopped for c in task.problems],
        n_max=task.n,
    )
    return tuple(
        Point(
            x=e.k,
            value=e.value,
            interval=e.superpopulation,
            band=_interval(found.band.low[i], found.band.high[i]),
        )
        for i, e in enumerate(known)
    )


def beyond_of(task: TaskResult, level: float) -> tuple[Point, ...]:
    """Return pass@k beyond n, extrapolated; nothing for a run that was stopped early."""
    n = [c.n for c in task.problems]
    if task.stop_after_successes is not None or max(n, default=0) < 2:
        return ()
    least = min(one for one in n if one)
    ks = [least * 2**i for i in range(BEYOND.bit_length())]
    found = extrapolate_pass_at_k(
        n, [c.c for c in task.problems], ks, level=level, resamples=RESAMPLES
    )
    return tuple(
        Point(
            x=int(k),
            value=_number(found.estimate[i]),
            interval=_interval(found.interval.low[i], found.interval.high[i]),
        )
        for i, k in enumerate(found.ks)
        if found.flags[i] in (MEASURED, EXTRAPOLATED)
    )


def budget_of(
    problem: Array, right: Array, tokens: Array, cut: Array, level: float
) -> tuple[Point, ...]:
    """Return pass@1 as it would be had completions been cut at powers of two of tokens."""
    longest = int(tokens.max())
    last = max(1, math.ceil(math.log2(longest)))
    first = math.floor(math.log2(max(1.0, float(np.quantile(tokens, SHORT)))))
    budgets = [*(2**i for i in range(max(first, last - BUDGETS + 1), last)), longest]
    found = accuracy_at_budget(right, tokens, budgets, problems=problem, truncated=cut, level=level)
    return tuple(
        Point(
            x=int(budget),
            value=_number(found.estimate[i]),
            interval=_interval(found.interval.low[i], found.interval.high[i]),
            upper=_number(found.upper[i]),
        )
        for i, budget in enumerate(budgets)
    )


def lengths_of(right: Array, tokens: Array, cut: Array) -> Lengths:
    """Return how long right, wrong and truncated completions are."""
    longest, shortest = int(tokens.max()), int(tokens[tokens > 0].min())
    wide = longest > 8 * shortest
    spaced = np.geomspace if wide else np.linspace
    edges = np.unique(np.ceil(spaced(max(1, shortest - 1), longest, BINS + 1)).astype(np.int64))
    edges[0] = 0
    edges = np.unique([*edges, longest])
    place = np.clip(np.searchsorted(edges, tokens, side="left") - 1, 0, len(edges) - 2)
    parts = (right, ~right & ~cut, ~right & cut)
    counts = [np.bincount(place[part], minlength=len(edges) - 1) for part in parts]
    return Lengths(
        edges=tuple(int(e) for e in edges),
        right=tuple(int(c) for c in counts[0]),
        wrong=tuple(int(c) for c in counts[1]),
        truncated=tuple(int(c) for c in counts[2]),
        median_right=_median(tokens[right]),
        median_wrong=_median(tokens[~right]),
    )


def diversity_of(task: TaskResult, answers: Sequence[Counter[object]]) -> Diversity:
    """Return how different a model's answers to a problem are, averaged over problems."""
    n, c = [p.n for p in task.problems], [p.c for p in task.problems]
    least = min((times.total() for times in answers), default=0)
    ks = [2**i for i in range(least.bit_length())]
    curves = [stats.distinct_rarefied(list(times.values()), ks) for times in answers] if ks else []
    mean = np.mean(curves, axis=0) if curves else []
    known = [i for i, one in enumerate(n) if one]
    return Diversity(
        distinct=tuple(Point(x=k, value=float(v)) for k, v in zip(ks, mean, strict=True)),
        unsolved=sum(not c[i] for i in known) / len(known) if known else None,
        spread=_number(stats.difficulty_variance(n, c)),
    )


def _median(tokens: Array) -> float | None:
    return float(np.median(tokens)) if tokens.size else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _interval(low: float, high: float) -> Interval | None:
    if math.isnan(low) or math.isnan(high):
        return None
    return Interval(low=float(low), high=float(high))
