"""How different the correct completions of the models of a study are.

The number of different solutions grows with the number of completions, and easy problems have
others than hard ones.  So models are compared on the same problems, each rarefied to the same
number of correct completions, chosen by a rule that does not look at the solutions.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from reasonbench.results.study import StudyDiversity
from reasonbench.stats import (
    answer_entropy,
    collision_probability,
    difficulty_variance,
    distinct_rarefied,
)
from reasonbench.study.counts import CountRow
from reasonbench.study.table import Table

LEAST_PROBLEMS: Final = 10
"""Fewer problems than this say nothing of a model's variety."""
LEAST_CORRECT: Final = 2
"""One completion has one solution, whatever the model."""

Rows = list[list[CountRow | None]]


def diversities(
    table: Table, names: Sequence[str], temperatures: Sequence[float]
) -> dict[str, tuple[StudyDiversity, ...]]:
    """Return the diversity of each model's last step, a temperature each."""
    found: dict[str, list[StudyDiversity]] = {name: [] for name in names}
    for temperature in temperatures:
        rows = {
            name: own
            for name in names
            if (own := table.rows(name, (table.last_step(name), temperature)))
        }
        correct, picked = _matched(rows)
        for name, own in rows.items():
            found[name].append(_diversity(own, temperature, correct.get(name, 0), picked))
    return {name: tuple(own) for name, own in found.items()}


def matched_number(least_correct: Mapping[str, Sequence[int]]) -> tuple[int, list[int], list[str]]:
    """Choose to how many correct completions the problems of all models are rarefied.

    Args:
        least_correct: of each model, the fewest correct completions that any of its seeds has of
            each problem.

    Returns:
        The number r, the problems where every model has as many, and the models that are
        compared.  A model with fewer than ``LEAST_PROBLEMS`` problems of two correct completions
        is left out, as it would leave no problem to the others.  r is the largest that keeps
        half of the problems that two would, and ``LEAST_PROBLEMS`` at least; 0 if none does.
    """
    enough = {
        name: np.asarray(own)
        for name, own in least_correct.items()
        if sum(c >= LEAST_CORRECT for c in own) >= LEAST_PROBLEMS
    }
    if not enough:
        return 0, [], []
    least = np.min(list(enough.values()), axis=0)
    needed = max(LEAST_PROBLEMS, math.ceil(np.sum(least >= LEAST_CORRECT) / 2))
    for r in range(int(least.max()), LEAST_CORRECT - 1, -1):
        kept = np.flatnonzero(least >= r)
        if kept.size >= needed:
            return r, kept.tolist(), list(enough)
    return 0, [], []


def _matched(rows: Mapping[str, Rows]) -> tuple[dict[str, int], list[int]]:
    """Return to how many each model that is compared is rarefied, and the problems."""
    named = {
        name: [min(row.c if row else 0 for row in at) for at in zip(*own, strict=True)]
        for name, own in rows.items()
        if all(row is None or row.solutions is not None for one in own for row in one)
    }
    r, picked, compared = matched_number(named)
    return dict.fromkeys(compared, r), picked


def _diversity(rows: Rows, temperature: float, r: int, picked: Sequence[int]) -> StudyDiversity:
    seen = [[row for row in one if row is not None and row.n] for one in rows]
    flat = [row for one in seen for row in one]
    rarefied = None
    if r:
        drawn = [_solutions(one[p], r) for one in rows for p in picked]
        rarefied = float(np.mean(drawn))
    return StudyDiversity(
        temperature=temperature,
        distinct_correct=rarefied,
        rarefied=r,
        n_problems=len(picked) if r else 0,
        distinct_solved=_mean(len(row.solutions) for row in flat if row.solutions is not None),
        answer_entropy=_mean(answer_entropy(row.answers) for row in flat if row.answers),
        collision=_mean(collision_probability(row.answers) for row in flat if row.answers),
        unsolved=_mean(float(row.c == 0) for row in flat) or 0.0,
        spread=_mean(difficulty_variance([r.n for r in one], [r.c for r in one]) for one in seen),
        distinct_2=_mean(row.distinct_2 for row in flat if row.distinct_2 is not None),
        self_bleu=_mean(row.self_bleu for row in flat if row.self_bleu is not None),
    )


def _solutions(row: CountRow | None, r: int) -> float:
    assert row is not None
    assert row.solutions is not None
    return float(distinct_rarefied(row.solutions, [r])[0])


def _mean(values: Iterable[float]) -> float | None:
    """Mean of those that are there: seeds have equally many problems, so they weigh equally."""
    there = [value for value in values if not math.isnan(value)]
    return float(np.mean(there)) if there else None
