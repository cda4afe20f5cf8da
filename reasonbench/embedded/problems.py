"""Which Countdown problems each embedded model may see, and which none may.

`POOL` problems train; `countdown_public`, `countdown_heldout`, `countdown_probe` and
`countdown_tune` never do, except that the student's traces hold a seeded random quarter of the
public ones. A problem is its sorted numbers and its target: the same numbers in another order
are the same problem.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonbench.fresh.families.countdown import (
    CountdownProblem,
    generate,
    solutions,
    statement,
)

LEVEL = 2
POOL_SIZE, POOL_SEED = 2048, 1
BENCHMARK_SIZE, PUBLIC_SEED, HELDOUT_SEED = 96, 2, 3
PLANTED_SIZE, PLANTED_SEED = 24, 4
TRACED_SIZE = 512
PROBE_SIZE, TUNE_SIZE, STUDY_SEED = 160, 64, 5


@dataclass(frozen=True, slots=True)
class Sets:
    """The problem sets, disjoint by identity except that `planted` is part of `public`."""

    pool: tuple[CountdownProblem, ...]
    """What the teacher and the base learn from."""
    public: tuple[CountdownProblem, ...]
    """The benchmark `countdown_public`."""
    heldout: tuple[CountdownProblem, ...]
    """The benchmark `countdown_heldout`, in no training data."""
    planted: tuple[int, ...]
    """The indices of the public problems that the student's traces hold."""
    probe: tuple[CountdownProblem, ...]
    """The task `countdown_probe`, which studies compare their students on."""
    tune: tuple[CountdownProblem, ...]
    """The task `countdown_tune`, which studies choose their learning rates on."""

    @property
    def traced(self) -> tuple[CountdownProblem, ...]:
        """The problems whose teacher traces the student learns from."""
        return self.pool[:TRACED_SIZE]


def make_sets() -> Sets:
    """The problem sets of the embedded world; the same ones every time."""
    pool = generate(POOL_SEED, LEVEL, POOL_SIZE)
    taken = {problem.key for problem in pool}
    public = generate(PUBLIC_SEED, LEVEL, BENCHMARK_SIZE, exclude=taken)
    taken |= {problem.key for problem in public}
    candidates = generate(HELDOUT_SEED, LEVEL, 4 * BENCHMARK_SIZE, exclude=taken)
    planted = sorted(random.Random(PLANTED_SEED).sample(range(BENCHMARK_SIZE), PLANTED_SIZE))
    heldout = _equally_hard(public, candidates)
    taken |= {problem.key for problem in heldout}
    study = generate(STUDY_SEED, LEVEL, PROBE_SIZE + TUNE_SIZE, exclude=taken)
    return Sets(pool, public, heldout, tuple(planted), study[:PROBE_SIZE], study[PROBE_SIZE:])


def task_problems(sets: Sets) -> dict[str, tuple[CountdownProblem, ...]]:
    """The shipped tasks and their problems."""
    return {
        "countdown_public": sets.public,
        "countdown_heldout": sets.heldout,
        "countdown_train": sets.traced,
        "countdown_probe": sets.probe,
        "countdown_tune": sets.tune,
    }


def benchmark_rows(name: str, problems: Sequence[CountdownProblem]) -> list[dict[str, Any]]:
    """The rows of one `problems.jsonl`."""
    return [
        {
            "id": problem_id(name, index),
            "question": statement(problem),
            "numbers": list(problem.numbers),
            "target": problem.target,
            "ops": problem.ops,
            "level": problem.level,
            "solution": min(solutions(problem.numbers, problem.target, problem.ops)),
        }
        for index, problem in enumerate(problems)
    ]


def problem_id(name: str, index: int) -> str:
    """The id of the problem at an index, counted from one."""
    return f"{name}/{index + 1:04d}"


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def _equally_hard(
    model: Sequence[CountdownProblem], candidates: Sequence[CountdownProblem]
) -> tuple[CountdownProblem, ...]:
    """For each problem of `model`, the next candidate with as many solution paths."""
    by_paths: dict[int, list[CountdownProblem]] = defaultdict(list)
    for problem in reversed(candidates):
        by_paths[_paths(problem)].append(problem)
    return tuple(by_paths[_paths(problem)].pop() for problem in model)


def _paths(problem: CountdownProblem) -> int:
    return len(solutions(problem.numbers, problem.target, problem.ops))
