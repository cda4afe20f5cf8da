"""Grades to counts to estimates: what a run directory's grades came to.

Nothing here samples, grades or writes; the same store gives the same result.  A
completion that is missing, or has no verdict, is counted as such and is never in n.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from reasonbench import plugins, stats
from reasonbench.errors import ReasonbenchError
from reasonbench.records import (
    Counts,
    Estimate,
    FinishReason,
    Grade,
    Interval,
    Plan,
    Stage,
    Verdict,
)
from reasonbench.results import Role, RunResult, TaskResult
from reasonbench.specs import RunSpec, TaskSpec
from reasonbench.store import Store

DISPLAY_ANCHOR = 0.5
"""Anchor of the Gaffke interval that is shown; decisions use ``DECISION_ANCHOR``."""
DECISION_ANCHOR = 1.0
"""Anchor of the Gaffke interval that decides a verdict: conservative."""


class _Tally:
    """One problem's grades, being counted in the order of sample_index.

    Under early stopping they count up to the last needed success or the first gap, whichever
    comes first: what lies behind a gap is not known to have been needed.
    """

    def __init__(self, stop: int | None) -> None:
        self._stop = stop
        self.n = self.c = self.truncated = 0
        self._next = 0
        self.reasons: Counter[str] = Counter()
        self.ungraded: Counter[str] = Counter()

    @property
    def stopped(self) -> bool:
        """Whether the asked-for successes were reached: what comes after counts for nothing."""
        return self.c == self._stop

    def add(self, grade: Grade, finish: FinishReason) -> None:
        """Take the next grade, in the order of sample_index."""
        if self._stop is not None and (self.stopped or grade.sample_index != self._next):
            return
        self._next += 1
        if grade.verdict is Verdict.UNGRADED:
            self.ungraded[grade.reason] += 1
            return
        self.n += 1
        self.reasons[grade.reason] += 1
        if grade.verdict is Verdict.CORRECT:
            self.c += 1
        elif finish is FinishReason.LENGTH:
            self.truncated += 1

    def counts(self, problem_id: str, asked: int) -> Counts:
        return Counts(
            problem_id=problem_id,
            n=self.n,
            c=self.c,
            c_if_truncated_right=self.c + self.truncated,
            reasons=dict(sorted(self.reasons.items())),
            ungraded=dict(sorted(self.ungraded.items())),
            owed=0 if self.stopped else asked - self.n - self.ungraded.total(),
            stopped=self.stopped,
        )


def default_ks(n: int) -> tuple[int, ...]:
    """Return the powers of two up to n."""
    return tuple(2**i for i in range(n.bit_length()))


def grader_identities(plan: Plan) -> dict[str, str]:
    """Return the identity of each task's grader, as it is installed now."""
    identities = {n: plugins.GRADERS.load(n).identity for n in set(plan.graders.values())}
    return {task: identities[name] for task, name in plan.graders.items()}


def estimate_pass_at_k(
    counts: Sequence[Counts],
    ks: Sequence[int],
    *,
    n_max: int,
    level: float = 0.95,
    anchor: float = DISPLAY_ANCHOR,
) -> tuple[Estimate, ...]:
    """Return pass@k with both intervals for each k.

    Args:
        counts: one a problem; problems without a graded completion are excluded, and said so.
        ks: values of k; where k exceeds a problem's n, that problem is excluded at that k.
        n_max: completions a problem that were asked for; a problem that was stopped early
            defines pass@k up to it.
        level: confidence level.
        anchor: of the superpopulation interval.
    """
    n_samples = sum(c.n for c in counts)
    if not counts:
        return ()
    result = stats.benchmark_pass_at_k(
        [c.n for c in counts],
        [c.c for c in counts],
        list(ks),
        level=level,
        anchor=anchor,
        stopped=[c.stopped for c in counts],
        n_max=n_max,
    )
    return tuple(
        Estimate(
            metric="pass@k",
            k=int(k),
            value=_number(result.estimate[i]),
            fixed=_interval(result.fixed.low[i], result.fixed.high[i]),
            superpopulation=_interval(
                result.superpopulation.low[i], result.superpopulation.high[i]
            ),
            level=level,
            method=(
                f"unbiased{' under early stopping' if any(c.stopped for c in counts) else ''}; "
                f"Gaffke anchor {anchor:g}; Wilson at the effective n"
            ),
            n_problems=result.n_problems - int(result.undefined[i]),
            n_samples=n_samples,
            n_excluded=int(result.undefined[i]),
            flags=result.flags[i],
        )
        for i, k in enumerate(ks)
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _interval(low: float, high: float) -> Interval | None:
    if math.isnan(low) or math.isnan(high):
        return None
    return Interval(low=float(low), high=float(high))


def summarize(
    store: Store,
    plan_id: str | None = None,
    *,
    ks: Sequence[int] | None = None,
    level: float = 0.95,
    roles: Mapping[str, Role] | None = None,
) -> RunResult:
    """Return the scores of a plan, by default the latest.

    Args:
        store: an open run directory.
        plan_id: the plan; None for the latest.
        ks: values of k; by default the powers of two up to n.
        level: confidence level.
        roles: what each task stands for, in an audit.

    Raises:
        ReasonbenchError: the directory holds no such plan.
    """
    plan = find_plan(store, plan_id)
    plan_id = plan.digest()
    identities = grader_identities(plan)
    tallies: dict[str, dict[str, _Tally]] = {task.name: {} for task in plan.tasks}
    for problem in store.problems(plan_id):
        tallies[problem.task][problem.id] = _Tally(plan.spec.stop_after_successes)
    graded: set[str] = set()
    for grade, finish in store.grades(plan_id, identities):
        tallies[grade.task][grade.problem_id].add(grade, finish)
        graded.add(grade.key)
    owed = _Owed(store, plan_id, graded, tallies)
    n = plan.spec.n
    tasks = []
    for spec in plan.tasks:
        counts = tuple(t.counts(name, n) for name, t in tallies[spec.name].items())
        estimates = estimate_pass_at_k(counts, ks or default_ks(n), n_max=n, level=level)
        result = _task_result(spec, plan.spec, counts, owed, estimates)
        tasks.append(msgspec.structs.replace(result, role=(roles or {}).get(spec.name)))
    return RunResult(
        path=str(store.path),
        plan=plan_id,
        engine=plan.engine,
        sampling=plan.sampling,
        grader_versions=identities,
        tasks=tuple(tasks),
    )


def _task_result(
    spec: TaskSpec,
    run: RunSpec,
    counts: tuple[Counts, ...],
    owed: "_Owed",
    estimates: tuple[Estimate, ...],
) -> TaskResult:
    return TaskResult(
        spec=spec,
        role=None,
        n=run.n,
        stop_after_successes=run.stop_after_successes,
        problems=counts,
        reasons=_total(c.reasons for c in counts),
        ungraded=_total(c.ungraded for c in counts),
        n_truncated=sum(c.c_if_truncated_right - c.c for c in counts),
        n_unsampled=owed.unsampled[spec.name],
        n_ungraded=owed.ungraded[spec.name],
        failures=dict(owed.failures[spec.name].most_common()),
        estimates=estimates,
    )


def find_plan(store: Store, plan_id: str | None = None) -> Plan:
    """Return a plan of a run directory, by default the latest.

    Raises:
        ReasonbenchError: the directory holds no such plan.
    """
    if plan_id is None:
        plan = store.latest_plan()
    else:
        plan = next((p for p in store.plans() if p.digest() == plan_id), None)
    if plan is None:
        raise ReasonbenchError(
            f"{store.path} holds no run" + (f" with the plan {plan_id}" if plan_id else ""),
            hint="start one: reasonbench run MODEL --task TASK --out DIR",
        )
    return plan


class _Owed:
    """What a plan still asks for, by task, and why it is not there."""

    def __init__(
        self,
        store: Store,
        plan_id: str,
        graded: Set[str],
        tallies: Mapping[str, Mapping[str, _Tally]],
    ) -> None:
        self.unsampled: Counter[str] = Counter()
        self.ungraded: Counter[str] = Counter()
        self.failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
        present = store.present(plan_id)
        stage_owed: dict[str, Stage] = {}
        for item in store.items(plan_id):
            if item.key in graded or tallies[item.task][item.problem_id].stopped:
                continue
            sampled = item.key in present
            stage_owed[item.key] = Stage.GRADE if sampled else Stage.SAMPLE
            (self.ungraded if sampled else self.unsampled)[item.task] += 1
        if stage_owed:
            last = {f.key: f for f in store.failures(plan_id) if stage_owed.get(f.key) is f.stage}
            for failure in last.values():
                self.failures[failure.task][f"{failure.error_type}: {failure.message}"] += 1


def _total(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))
