"""An arm's learning rate: trained with each, sampled on problems of their own, the best pass@1.

Of two rates with equal pass@1 the smaller one is taken.  A trial that came to nothing is
reported and not taken.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reasonbench.errors import EngineError
from reasonbench.records import Interval
from reasonbench.results.study import StudyPoint, TunedRate
from reasonbench.stats import benchmark_pass_at_k
from reasonbench.study.measure import ProblemRow


def pass_at_1(rows: Sequence[ProblemRow], level: float) -> StudyPoint:
    """Return pass@1 on the tuning problems, with an interval for other problems of the kind."""
    clusters = [row.cluster or f"{row.task}/{row.problem_id}" for row in rows]
    found = benchmark_pass_at_k(
        np.array([row.n for row in rows]),
        np.array([row.c for row in rows]),
        [1],
        level=level,
        clusters=clusters if any(row.cluster for row in rows) else None,
    )
    low, high = float(found.superpopulation.low[0]), float(found.superpopulation.high[0])
    return StudyPoint(
        k=1,
        value=float(found.estimate[0]),
        interval=Interval(low=low, high=high) if math.isfinite(low + high) else None,
    )


def tuned(trials: Mapping[float, StudyPoint | None]) -> tuple[TunedRate, ...]:
    """Return all trials, the best of them chosen if there is one, the smallest rate first.

    Args:
        trials: learning rate -> pass@1; None where the trial came to nothing.
    """
    points = {rate: point for rate, point in trials.items() if point is not None}
    best = min(points, key=lambda rate: (-points[rate].value, rate), default=None)
    return tuple(
        TunedRate(learning_rate=rate, pass_at_1=trials[rate], chosen=rate == best)
        for rate in sorted(trials)
    )


def chosen(rates: Sequence[TunedRate]) -> float:
    """Return the rate that was chosen.

    Raises:
        EngineError: no trial came to anything.
    """
    found = next((rate.learning_rate for rate in rates if rate.chosen), None)
    if found is None:
        raise EngineError(
            f"none of its {len(rates)} learning rates came to anything", hint="name smaller rates"
        )
    return found
