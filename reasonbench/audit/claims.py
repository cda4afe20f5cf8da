"""Published scores beside the measured ones."""

from reasonbench.models.claims import comparable_metric
from reasonbench.records import Interval
from reasonbench.results import ClaimCheck, RunResult, TaskResult
from reasonbench.specs import AuditSpec, Claim

ROUNDING = 0.0005
"""Published scores are rounded to a tenth of a point."""


def check_claims(spec: AuditSpec, run: RunResult) -> tuple[ClaimCheck, ...]:
    """Return every claim of the spec's model beside what was measured, in the spec's order."""
    tasks = {task.spec.name: task for task in run.tasks}
    return tuple(
        _check(claim, tasks[claim.task], run, limited=spec.limit is not None)
        for claim in spec.model.claims
        if claim.task in tasks
    )


def _check(claim: Claim, task: TaskResult, run: RunResult, *, limited: bool) -> ClaimCheck:
    metric = comparable_metric(claim.metric)
    estimate = next((e for e in task.estimates if f"pass@{e.k}" == metric), None)
    told = f"{100 * claim.value:.1f}% {claim.metric} was claimed"
    if claim.n is not None:
        told += f" at n = {claim.n}"
    if claim.source:
        told += f" ({claim.source})"
    if estimate is None or estimate.value is None:
        return ClaimCheck(
            task=task.spec.name,
            claim=claim,
            measured=None,
            holds=None,
            sentence=f"{told}, and {metric} was not measured here.",
        )
    # a claim is of the benchmark itself; what stands for a part of it is less sure
    bounds = estimate.superpopulation if limited or estimate.fixed is None else estimate.fixed
    sentence = f"{told}; measured {100 * estimate.value:.1f}% ({_range(bounds)})"
    sentence += f" at n = {task.n}, {_temperature(run)}"
    holds = None if bounds is None else claim.value - ROUNDING <= bounds.high
    if holds is False:
        sentence += ": the claim lies above what these samples allow"
    elif bounds is not None and claim.value + ROUNDING < bounds.low:
        sentence += ": more was measured than claimed"
    return ClaimCheck(
        task=task.spec.name, claim=claim, measured=estimate, holds=holds, sentence=f"{sentence}."
    )


def _temperature(run: RunResult) -> str:
    if "temperature" in run.engine.not_told:
        return "at a temperature that its log does not tell"
    return f"temperature {run.sampling.temperature:g}"


def _range(bounds: Interval | None) -> str:
    if bounds is None:
        return "no interval"
    return f"{100 * bounds.low:.1f} to {100 * bounds.high:.1f}%"
