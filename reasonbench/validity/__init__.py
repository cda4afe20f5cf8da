"""Validity: whether a run's score is a score at all.

``examine`` reads a plan's completions and grades once each and asks every check in
``CHECKS``.  A check reads what was collected (``collect.py``), never a text, and returns
findings: a stable code, a severity, a sentence with its numbers, evidence, and the source of
its rule.  Thresholds are constants beside their check, each with its reason.

INVALID is kept for runs whose numbers do not measure what they say, by whatever cause; a
model that is merely bad, brief or sure of itself gets no more than a warning.  Not covered:
what no text can show, such as an engine that is greedy on answers of a few tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from reasonbench.records import Plan
from reasonbench.results import Severity, TaskResult, ValidityFinding
from reasonbench.store import Store
from reasonbench.validity import answers, draws, limits, settings, thinking
from reasonbench.validity.collect import Run, collect

CHECKS: tuple[Callable[[Run], Iterator[ValidityFinding]], ...] = (
    settings.mixed_engines,
    settings.greedy_repeated,
    thinking.thinking_stripped,
    thinking.stop_in_thinking,
    thinking.unclosed_thinking,
    limits.truncation,
    limits.truncation_differs,
    limits.context_cut,
    answers.n_mismatch,
    answers.ungraded,
    answers.answer_not_extracted,
    answers.no_answer,
    draws.duplicates,
    draws.depends_on_n,
    settings.system_prompt,
    settings.sampling_differs_from_preset,
    settings.parameters_not_sent,
    settings.sampling_not_told,
)
"""Every check; findings of one severity come in this order."""

_GRAVITY = {Severity.INVALID: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def examine(
    store: Store, plan: Plan, tasks: Sequence[TaskResult], *, graders: Mapping[str, str]
) -> tuple[ValidityFinding, ...]:
    """Return what speaks against a plan's scores, the gravest first.

    Memory grows by some 20 bytes a completion and by no text.

    Args:
        store: the run directory that holds the plan.
        plan: the plan that was scored.
        tasks: its scores.
        graders: grader identity by task, as the scores were made with.
    """
    run = collect(store, plan, tasks, graders)
    found = [finding for check in CHECKS for finding in check(run)]
    return tuple(sorted(found, key=lambda finding: _GRAVITY[finding.severity]))
