"""From a metric's name to one number a problem."""

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from reasonbench import stats
from reasonbench.errors import SpecError
from reasonbench.gate.subject import Draw, Subject
from reasonbench.results import TaskResult
from reasonbench.specs import GateRule

_NAME = re.compile(r"(?P<kind>[a-z_]+)(?:@(?P<k>[1-9][0-9]{0,6}))?")


class Metric(NamedTuple):
    """A metric that has one number a problem."""

    name: str
    """As a rule names it."""
    k: int | None
    """Completions that it is of, where it has a k."""
    higher: bool
    """Whether more of it is better."""
    values: Callable[[Subject, TaskResult, GateRule], Mapping[str, float]]
    """Number of each problem, NaN where it has none."""


def metric_of(rule: GateRule) -> Metric | None:
    """Return a rule's metric; None for those that are not one number a problem.

    Raises:
        SpecError: there is no such metric, or its k is missing or too much.
    """
    match = _NAME.fullmatch(rule.metric)
    kind = match["kind"] if match else ""
    if kind in WHOLE and match is not None and bool(match["k"]) == (kind == "clean_delta"):
        return None
    if match is None or kind not in _MADE or bool(match["k"]) != (kind in _WITH_K):
        raise SpecError(
            f"there is no metric {rule.metric!r}",
            hint="pass@K, maj@K, distinct@K, truncated, no_answer, clean_delta@K, findings, "
            "validity or verdict; K is a number",
        )
    if rule.max_tokens is not None and kind != "pass":
        raise SpecError(
            f"a rule with max_tokens is about {rule.metric!r}, which knows no token budget",
            hint="give max_tokens with pass@K only",
        )
    return _MADE[kind](rule.metric, int(match["k"]) if match["k"] else None)


def _pass(name: str, k: int | None) -> Metric:
    def values(subject: Subject, task: TaskResult, rule: GateRule) -> dict[str, float]:
        if task.stop_after_successes is not None:
            raise SpecError(
                f"{subject.name} was stopped at {task.stop_after_successes} successes a problem, "
                f"and a gate needs all completions of each",
                hint="run it on without --stop-after-successes: its samples are kept",
            )
        counts = [(c.problem_id, c.n, c.c) for c in task.problems]
        if rule.max_tokens is not None:
            _require_tokens(subject, task)
            counts = [
                (problem, len(draws), sum(_within(d, rule.max_tokens) for d in draws))
                for problem, draws in subject.draws(task.spec.name).items()
            ]
        names, ns, cs = zip(*counts, strict=True) if counts else ((), (), ())
        found = stats.pass_at_k(ns, cs, [k or 1]) if names else ()
        return {problem: float(row[0]) for problem, row in zip(names, found, strict=True)}

    return Metric(name, k, higher=True, values=values)


def _require_tokens(subject: Subject, task: TaskResult) -> None:
    """What tells no length would count as too long, and say nothing."""
    untold = sum(not d.n_tokens for ds in subject.draws(task.spec.name).values() for d in ds)
    if untold:
        raise SpecError(
            f"{untold} completions of {task.spec.name} in {subject.name} do not tell their tokens, "
            "and a rule with max_tokens needs them",
            hint="leave max_tokens out",
        )


def _require(subject: Subject, setting: str, what: str, metric: str) -> None:
    """Refuse a metric that an imported log does not tell, and would be 0 by that."""
    if subject.audit.run.engine.settings.get(setting, True) is False:
        raise SpecError(
            f"{subject.name} was imported from a log without {what}, so {metric} is not known",
            hint="leave the rule out, or sample the model",
        )


def _within(draw: Draw, max_tokens: int) -> bool:
    return draw.correct and draw.n_tokens is not None and draw.n_tokens <= max_tokens


def _majority(name: str, k: int | None) -> Metric:
    def of(draws: Sequence[Draw]) -> float:
        if k is None or len(draws) < k:
            return math.nan
        times = _answers(draws)
        silent = len(draws) - sum(times.values())
        if not times:
            return 0.0
        right = [answer == _RIGHT for answer in times]
        return stats.maj_at_k(list(times.values()), right, k, abstained=silent)

    return Metric(name, k, higher=True, values=_by_draws(name, of))


def _distinct(name: str, k: int | None) -> Metric:
    def of(draws: Sequence[Draw]) -> float:
        if k is None or len(draws) < k:
            return math.nan
        times = _answers(draws)
        # what gives no answer is no different answer from another that gives none
        silent = len(draws) - sum(times.values())
        counts = [*times.values(), *([silent] if silent else [])]
        return float(stats.distinct_rarefied(counts, [k])[0]) / k

    return Metric(name, k, higher=True, values=_by_draws(name, of))


_RIGHT = ("right",)


def _answers(draws: Sequence[Draw]) -> Counter[Hashable]:
    """Return how often each answer was given; all right ones are one, however written."""
    return Counter(
        _RIGHT if draw.correct else draw.answer
        for draw in draws
        if draw.correct or draw.answer is not None
    )


def _truncated(name: str, k: int | None) -> Metric:
    def values(subject: Subject, task: TaskResult, _rule: GateRule) -> dict[str, float]:
        _require(subject, "finish_reason_available", "finish reasons", name)
        return {
            c.problem_id: (c.c_if_truncated_right - c.c) / c.n if c.n else math.nan
            for c in task.problems
        }

    return Metric(name, k, higher=False, values=values)


def _no_answer(name: str, k: int | None) -> Metric:
    def values(subject: Subject, task: TaskResult, _rule: GateRule) -> dict[str, float]:
        _require(subject, "text_available", "texts", name)
        return {
            c.problem_id: c.reasons.get("no_answer", 0) / c.n if c.n else math.nan
            for c in task.problems
        }

    return Metric(name, k, higher=False, values=values)


def _by_draws(
    name: str,
    of: Callable[[Sequence[Draw]], float],
) -> Callable[[Subject, TaskResult, GateRule], Mapping[str, float]]:
    def values(subject: Subject, task: TaskResult, _rule: GateRule) -> dict[str, float]:
        _require(subject, "text_available", "texts", name)
        draws = subject.draws(task.spec.name)
        return {c.problem_id: of(draws.get(c.problem_id, ())) for c in task.problems}

    return values


_MADE: dict[str, Callable[[str, int | None], Metric]] = {
    "pass": _pass,
    "maj": _majority,
    "distinct": _distinct,
    "truncated": _truncated,
    "no_answer": _no_answer,
}
_WITH_K = frozenset(("pass", "maj", "distinct"))
WHOLE = frozenset(("clean_delta", "findings", "validity", "verdict"))
"""Metrics that are of a task or a run as a whole."""
