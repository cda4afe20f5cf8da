"""Two runs on the same problems: pass@k of B minus that of A, and whether diversity collapsed.

Problems are paired by task, id and statement, so only what both runs were asked counts, and
what they do not share is said.  The question is whether other problems of the kind would
say the same.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from reasonbench import stats
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.planning import changed_fields
from reasonbench.records import Counts, Interval, Plan
from reasonbench.results import Collapse, Comparison, PairedDelta, PairedTask, RunResult
from reasonbench.store import Store
from reasonbench.summary import default_ks, estimate_pass_at_k, find_plan, summarize


class _Side:
    """One run, as far as a comparison reads it."""

    def __init__(self, directory: Path) -> None:
        with Store.read(directory) as store:
            self.plan: Plan = find_plan(store)
            self.result: RunResult = summarize(store, self.plan.digest())
            self.digests = {(p.task, p.id): p.digest() for p in store.problems(self.plan.digest())}
        if self.plan.spec.stop_after_successes is not None:
            raise SpecError(
                f"{directory} was stopped at {self.plan.spec.stop_after_successes} successes a "
                f"problem, and a paired comparison needs all n completions of each",
                hint="run it on without --stop-after-successes: its samples are kept",
            )
        self.counts = {
            task.spec.name: {c.problem_id: c for c in task.problems} for task in self.result.tasks
        }

    def asks_as(self, other: "_Side", task: str, problem: str) -> bool:
        """Whether both runs ask the same under this task and id."""
        return self.digests[task, problem] == other.digests.get((task, problem))


def compare(
    a: Path,
    b: Path,
    *,
    ks: Sequence[int] = (),
    at: int | None = None,
    level: float = 0.95,
) -> Comparison:
    """Compare two run directories, task by task.

    Args:
        a: run directory of A, such as the base or the earlier checkpoint.
        b: run directory of B.
        ks: values of k; by default the powers of two up to the smaller n.
        at: K of the test for diversity collapse; by default the largest of ``ks``.
        level: confidence level.

    Raises:
        SpecError: a run that was stopped early, or a k beyond both n.
        ReasonbenchError: no run, or no problem that both were asked.
    """
    first, second = _Side(a), _Side(b)
    notes = _other_differences(first.plan, second.plan)
    tasks = []
    for task in first.counts:
        if task not in second.counts:
            continue
        shared = [p for p in first.counts[task] if first.asks_as(second, task, p)]
        alone = len(first.counts[task]) + len(second.counts[task]) - 2 * len(shared)
        if alone:
            notes.append(f"{alone:,} problems of {task} are in one of the runs only, and left out")
        if shared:
            tasks.append(_task(task, shared, first, second, ks=ks, at=at, level=level))
    if not tasks:
        raise ReasonbenchError(
            f"{a} and {b} have no problem in common",
            hint="run both on the same task: reasonbench run MODEL --task TASK",
        )
    return Comparison(
        a=str(a),
        b=str(b),
        model_a=first.plan.engine.model,
        model_b=second.plan.engine.model,
        level=level,
        tasks=tuple(tasks),
        notes=tuple(notes),
    )


def _other_differences(a: Plan, b: Plan) -> list[str]:
    """Return what differs between the runs beside the model."""
    expected = ("engine.model", "engine.weights_digest", "engine.revision")
    changes = [c for c in changed_fields(a, b) if not c.startswith(expected)]
    return [f"the runs differ in {change}" for change in changes]


def _task(
    task: str,
    shared: Sequence[str],
    first: _Side,
    second: _Side,
    *,
    ks: Sequence[int],
    at: int | None,
    level: float,
) -> PairedTask:
    sides = [[side.counts[task][problem] for problem in shared] for side in (first, second)]
    n_a, n_b = first.plan.spec.n, second.plan.spec.n
    picked = tuple(sorted(set(ks or default_ks(min(n_a, n_b)))))
    if picked[-1] > min(n_a, n_b):
        raise SpecError(
            f"k = {picked[-1]} needs as many completions a problem, and the runs have {n_a} and "
            f"{n_b}",
            hint="give a smaller k, or run on with a larger -n: samples are kept",
        )
    if at is not None and at > min(n_a, n_b):
        raise SpecError(
            f"the test for collapse at K = {at} needs as many completions a problem, and the runs "
            f"have {n_a} and {n_b}",
            hint="name a smaller K, or run on with a larger -n: samples are kept",
        )
    (ns_a, cs_a), (ns_b, cs_b) = map(_arrays, sides)
    paired = stats.compare_paired(ns_a, cs_a, ns_b, cs_b, list(picked), level=level)
    collapse = _collapse(sides[0], sides[1], at or picked[-1], level)
    return PairedTask(
        task=task,
        n_problems=len(shared),
        n_a=n_a,
        n_b=n_b,
        a=estimate_pass_at_k(sides[0], picked, n_max=n_a, level=level),
        b=estimate_pass_at_k(sides[1], picked, n_max=n_b, level=level),
        deltas=tuple(_delta(paired, i) for i in range(len(picked))),
        collapse=collapse if isinstance(collapse, Collapse) else None,
        no_collapse="" if isinstance(collapse, Collapse) else collapse,
        lost=tuple(p for p, a, b in zip(shared, *sides, strict=True) if a.c and not b.c and b.n),
        gained=tuple(p for p, a, b in zip(shared, *sides, strict=True) if b.c and not a.c and a.n),
    )


def _arrays(side: Sequence[Counts]) -> tuple[list[int], list[int]]:
    return [c.n for c in side], [c.c for c in side]


def _delta(paired: stats.PairedComparison, i: int) -> PairedDelta:
    value = float(paired.delta[i])
    return PairedDelta(
        k=int(paired.ks[i]),
        value=None if math.isnan(value) else value,
        interval=_interval(paired.interval, i),
        band=_interval(paired.band, i),
        method=paired.method[i],
        n_problems=paired.n_problems - int(paired.undefined[i]),
        n_excluded=int(paired.undefined[i]),
    )


def _interval(interval: stats.Interval, i: int) -> Interval | None:
    low, high = float(interval.low[i]), float(interval.high[i])
    return None if math.isnan(low) or math.isnan(high) else Interval(low=low, high=high)


def _collapse(a: Sequence[Counts], b: Sequence[Counts], k: int, level: float) -> Collapse | str:
    """Return the test at K = k, or why there is none."""
    most = max(min(x.n, y.n) for x, y in zip(a, b, strict=True))
    if most < 2:
        return "two completions a problem are needed to say anything"
    if k < 2:
        return "not tested at k = 1 alone; name a larger K with --at or -k"
    if most < k:
        return f"not tested at K = {k}, of which no problem has as many completions in both runs"
    (ns_a, cs_a), (ns_b, cs_b) = _arrays(a), _arrays(b)
    found = stats.diversity_collapse(ns_a, cs_a, ns_b, cs_b, k, level=level)
    return Collapse(
        k=k,
        verdict=found.verdict,
        p=found.p,
        delta_1=found.delta_1,
        delta_k=found.delta_k,
        crossing=found.crossing,
        crossing_low=found.crossing_low,
        crossing_high=found.crossing_high,
    )
