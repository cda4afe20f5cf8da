"""The reward of GRPO: what the tasks' own graders say.

Completions are hostile and graders are run where they can be killed, as everywhere else: in
the pools of processes of `reasonbench.graders.pool`. Correct is 1, incorrect 0, cut-off
completions without an answer included. What a grader could not judge has no reward (None),
which TRL leaves out of the sum and warns of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reasonbench.engines.rendering import OPENINGS, hidden_ids
from reasonbench.errors import SpecError
from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, FinishReason, Grade, Problem, Verdict
from reasonbench.tasks import resolve
from reasonbench.training.encoding import render
from reasonbench.training.rows import TraceRow

UNJUDGED = "reward/unjudged"
"""Metric: share of a step's completions that the grader could not judge."""


class GraderReward:
    """A TRL reward function over the problems of the rows; close it at the end."""

    __name__ = "grader"

    def __init__(
        self, rows: Sequence[TraceRow], tokenizer: Any, end_ids: Sequence[int], workers: int = 1
    ) -> None:
        self._problems = problems_of(rows)
        self._graders = graders_of(self._problems)
        self._tokenizer = tokenizer
        self._hidden = hidden_ids(tokenizer)
        self._end_ids = frozenset(end_ids)
        self._workers = workers
        self._prefilled: dict[int, bool] = {}
        self._rows = rows
        self._pools: dict[str, GraderPool] = {}

    def __call__(
        self,
        *,
        completion_ids: Sequence[Sequence[int]],
        row: Sequence[int],
        log_metric: Any = None,
        **_: object,
    ) -> list[float | None]:
        """Return a reward for each completion; ``row`` says which row's problem it answers."""
        pairs: dict[str, list[tuple[Problem, Completion]]] = {}
        for index, (ids, number) in enumerate(zip(completion_ids, row, strict=True)):
            problem = self._problems[number]
            completion = self._completion(index, problem, list(ids), number)
            pairs.setdefault(self._graders[problem.task], []).append((problem, completion))
        rewards: list[float | None] = [None] * len(row)
        for name, batch in pairs.items():
            for outcome in self._pool(name).grade_all(batch):
                if isinstance(outcome, Grade) and outcome.verdict is not Verdict.UNGRADED:
                    rewards[outcome.sample_index] = float(outcome.verdict is Verdict.CORRECT)
        if log_metric is not None:
            log_metric(UNJUDGED, rewards.count(None) / max(1, len(rewards)))
        return rewards

    def close(self) -> None:
        """End the grader processes; a later call starts new ones."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _pool(self, name: str) -> GraderPool:
        if name not in self._pools:
            self._pools[name] = GraderPool(name, workers=self._workers)
        return self._pools[name]

    def _completion(self, index: int, problem: Problem, ids: list[int], row: int) -> Completion:
        ended = bool(ids) and ids[-1] in self._end_ids
        drawn = ids[:-1] if ended else ids
        # As the engines decode: special tokens left out, thinking marks kept.
        text = self._tokenizer.decode(
            [token for token in drawn if token not in self._hidden],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
        return Completion(
            key=f"{problem.task}/{problem.id}#{index}",
            task=problem.task,
            problem_id=problem.id,
            sample_index=index,
            text=str(text).encode("utf-8", "replace").decode("utf-8"),
            finish_reason=FinishReason.STOP if ended else FinishReason.LENGTH,
            n_prompt_tokens=0,
            n_tokens=len(ids),
            seed=0,
            engine="training",
            thinking_prefilled=self._opened(row),
        )

    def _opened(self, row: int) -> bool:
        if row not in self._prefilled:
            text = render(self._tokenizer, self._rows[row].messages)
            self._prefilled[row] = text.rstrip().endswith(OPENINGS)
        return self._prefilled[row]


def problems_of(rows: Sequence[TraceRow]) -> list[Problem]:
    """Return each row's problem.

    Raises:
        SpecError: a row has none, so there is nothing to grade by.
    """
    problems = [row.problem for row in rows if row.problem is not None]
    if len(problems) < len(rows):
        lacking = next(row.id for row in rows if row.problem is None)
        raise SpecError(
            f"a reward needs the problem of every row, and {lacking} has none",
            hint="train on a bank of 'reasonbench traces', which keeps the problems",
        )
    return problems


def graders_of(problems: Sequence[Problem]) -> dict[str, str]:
    """Return the name of each task's grader.

    Raises:
        UnknownNameError: a task of the traces is not installed here.
    """
    names: dict[str, str] = {}
    for task in dict.fromkeys(problem.task for problem in problems):
        names[task] = resolve(task).spec.grader
    return names
