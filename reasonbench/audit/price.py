"""What a leak is worth: pass@k with and without the problems found in the traces.

Problems that stand in the traces are compared with those of the same benchmark that do not;
the two groups are disjoint, so their difference needs no pairing.  The score of all problems
less that of the clean ones is the leaked share times that difference, interval included,
and so for each kind of leak: the kinds' prices add up to the whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from reasonbench.records import Counts, Estimate, Interval
from reasonbench.results import (
    BenchmarkAudit,
    Difference,
    Finding,
    FindingStatus,
    KindPrice,
    ScanSummary,
    TaskResult,
)
from reasonbench.specs import AuditSpec
from reasonbench.stats.difference import Estimated, difference_independent
from reasonbench.summary import DECISION_ANCHOR, estimate_pass_at_k
from reasonbench.verdict import UNCLASSED

FOUND = (FindingStatus.CONTAMINATED, FindingStatus.SUSPECT)


def price_benchmark(
    spec: AuditSpec,
    task: TaskResult,
    heldout: Sequence[TaskResult],
    findings: Sequence[Finding],
    scan: ScanSummary | None,
) -> BenchmarkAudit:
    """Compare the problems of a public benchmark that leaked with those that did not."""
    status = _status_by_problem(task.spec.name, findings)
    leaked = [c for c in task.problems if status.get(c.problem_id) in FOUND]
    clean = [c for c in task.problems if status.get(c.problem_id) not in FOUND]
    baseline = [c for part in heldout for c in _not_found(part, findings)]
    n_heldout = sum(len(part.problems) for part in heldout)
    differences: list[Difference] = []
    if baseline:
        differences += _differences("public - heldout", task.problems, baseline, spec)
    if leaked and clean:
        sides = _differences("leaked - clean", leaked, clean, spec)
        shares = _shares(leaked, [*leaked, *clean], spec.ks)
        differences += sides
        differences += [_scaled(d, share) for d, share in zip(sides, shares, strict=True)]
    read_any = scan is not None and scan.rows_read > 0
    checked = sum(s is not FindingStatus.NOT_CHECKED for s in status.values())
    return BenchmarkAudit(
        task=task.spec.name,
        n_contaminated=len(leaked),
        n_checked=checked if read_any else 0,
        n_rows_skipped=sum(scan.rows_skipped.values()) if scan is not None else 0,
        n_heldout_dropped=n_heldout - len(baseline),
        leaked=estimate_pass_at_k(leaked, spec.ks, n_max=spec.n, level=spec.level),
        clean=estimate_pass_at_k(clean, spec.ks, n_max=spec.n, level=spec.level),
        differences=tuple(differences),
        kinds=_by_kind(spec, leaked, clean, findings_of(task.spec.name, findings)),
    )


def _by_kind(
    spec: AuditSpec,
    leaked: Sequence[Counts],
    clean: Sequence[Counts],
    gravest: Mapping[str, Finding],
) -> tuple[KindPrice, ...]:
    """Return the price of each kind of leak, the commonest first."""
    kinds: defaultdict[str, list[Counts]] = defaultdict(list)
    for counts in leaked:
        kinds[gravest[counts.problem_id].kind or UNCLASSED].append(counts)
    prices = []
    for kind, part in sorted(kinds.items(), key=lambda pair: -len(pair[1])):
        sides = _differences("leaked - clean", part, clean, spec) if clean else []
        shares = _shares(part, [*leaked, *clean], spec.ks)
        prices.append(
            KindPrice(
                kind=kind,
                n_problems=len(part),
                leaked=estimate_pass_at_k(part, spec.ks, n_max=spec.n, level=spec.level),
                differences=(
                    *sides,
                    *(_scaled(d, share) for d, share in zip(sides, shares, strict=False)),
                ),
            )
        )
    return tuple(prices)


def _not_found(task: TaskResult, findings: Sequence[Finding]) -> list[Counts]:
    """Return the problems of a held-out task that do not stand in the traces themselves."""
    status = _status_by_problem(task.spec.name, findings)
    return [c for c in task.problems if status.get(c.problem_id) not in FOUND]


def _shares(part: Sequence[Counts], whole: Sequence[Counts], ks: Sequence[int]) -> list[float]:
    """Return, for each k, the share of a part among the problems that define pass@k."""
    shares = []
    for k in ks:
        inside, total = (sum(c.stopped or c.n >= k for c in side) for side in (part, whole))
        shares.append(inside / total if total else 0.0)
    return shares


def _status_by_problem(task: str, findings: Sequence[Finding]) -> dict[str, FindingStatus]:
    """Return the gravest status that any detector gave each problem."""
    return {name: finding.status for name, finding in findings_of(task, findings).items()}


def findings_of(task: str, findings: Sequence[Finding]) -> dict[str, Finding]:
    """Return the gravest finding on each problem of a task; of equals, one that has a kind."""
    order = list(FindingStatus)

    def gravity(finding: Finding) -> tuple[int, bool]:
        return order.index(finding.status), finding.kind is None

    gravest: dict[str, Finding] = {}
    for finding in findings:
        if finding.task == task:
            before = gravest.get(finding.problem_id, finding)
            gravest[finding.problem_id] = min(before, finding, key=gravity)
    return gravest


def _differences(
    name: str, first: Sequence[Counts], second: Sequence[Counts], spec: AuditSpec
) -> list[Difference]:
    sides = [
        estimate_pass_at_k(side, spec.ks, n_max=spec.n, level=spec.level, anchor=DECISION_ANCHOR)
        for side in (first, second)
    ]
    return [_difference(name, a, b) for a, b in zip(*sides, strict=True)]


def _difference(name: str, first: Estimate, second: Estimate) -> Difference:
    value, interval = None, None
    a, b = _estimated(first), _estimated(second)
    if a is not None and b is not None:
        value, low, high = difference_independent(a, b)
        interval = Interval(low=low, high=high)
    return Difference(
        name=name,
        k=first.k,
        value=value,
        interval=interval,
        level=first.level,
        method=f"MOVER over Gaffke intervals, anchor {DECISION_ANCHOR:g}",
    )


def _estimated(estimate: Estimate) -> Estimated | None:
    if estimate.value is None or estimate.superpopulation is None:
        return None
    interval = estimate.superpopulation
    return Estimated(estimate.value, interval.low, interval.high)


def _scaled(difference: Difference, share: float) -> Difference:
    """Return what the leak adds to the score: the leaked share times (leaked - clean)."""
    interval = difference.interval
    return msgspec.structs.replace(
        difference,
        name="all - clean",
        value=None if difference.value is None else difference.value * share,
        interval=interval and Interval(low=interval.low * share, high=interval.high * share),
    )
