"""From what was measured, found and asked to one Audit, with what it cannot know."""

import datetime
from collections.abc import Sequence

from reasonbench import __version__
from reasonbench.audit.claims import check_claims
from reasonbench.audit.price import FOUND, price_benchmark
from reasonbench.records import Problem
from reasonbench.results import (
    AUDIT_SCHEMA,
    Audit,
    BenchmarkAudit,
    ClaimCheck,
    Comparison,
    Finding,
    FindingStatus,
    FreshGap,
    ModelCheck,
    Role,
    RunResult,
    ScanSummary,
)
from reasonbench.specs import AuditSpec
from reasonbench.verdict import decide

OVERLAP = "overlap/"
"""Beginning of the identity of the detector that looks for shared words."""


def assemble(
    spec: AuditSpec,
    run: RunResult,
    problems: Sequence[Problem],
    *,
    findings: Sequence[Finding] = (),
    scan: ScanSummary | None = None,
    checks: Sequence[ModelCheck] = (),
    command: Sequence[str] = (),
    gaps: Sequence[FreshGap] = (),
    comparisons: Sequence[Comparison] = (),
) -> Audit:
    """Build the Audit from what was measured and found."""
    found = {(f.task, f.problem_id) for f in findings if f.status in FOUND}
    public = [t for t in run.tasks if t.role is Role.PUBLIC]
    heldout = [t for t in run.tasks if t.role is Role.HELDOUT]
    claims = check_claims(spec, run)
    benchmarks = [price_benchmark(spec, task, heldout, findings, scan) for task in public]
    return Audit(
        schema_version=AUDIT_SCHEMA,
        reasonbench=__version__,
        created=datetime.datetime.now(datetime.UTC),
        command=tuple(command),
        spec=spec,
        run=run,
        scan=scan,
        findings=tuple(findings),
        statements={f"{p.task}/{p.id}": p.statement for p in problems if (p.task, p.id) in found},
        benchmarks=tuple(benchmarks),
        verdicts=tuple(
            decide(
                run,
                task,
                benchmark,
                heldout=heldout,
                checks=[c for c in checks if c.task == task.spec.name],
                claims=[c for c in claims if c.task == task.spec.name],
                gaps=gaps,
            )
            for task, benchmark in zip(public, benchmarks, strict=True)
        ),
        limits=_limits(spec, findings, scan, benchmarks, checks) + _claim_limits(spec, claims),
        checks=tuple(checks),
        claims=claims,
        gaps=tuple(gaps),
        comparison=comparisons[0] if comparisons else None,
        further_comparisons=tuple(comparisons[1:]),
    )


def _limits(
    spec: AuditSpec,
    findings: Sequence[Finding],
    scan: ScanSummary | None,
    benchmarks: Sequence[BenchmarkAudit],
    checks: Sequence[ModelCheck],
) -> tuple[str, ...]:
    limits = []
    if not spec.traces:
        limits.append("No teacher traces were given: a leak through them cannot be found.")
    elif scan is None:
        limits.append("No detector that searches the traces was asked for: none was searched.")
    elif all(f.detector.startswith(OVERLAP) for f in findings):
        limits.append(
            "Leaks that keep few of a problem's words are not found: translations, free rewrites, "
            "and traces that neither state their problem nor speak of it in its words."
        )
    if scan is not None and (skipped := sum(scan.rows_skipped.values())):
        limits.append(f"{skipped:,} rows of the traces could not be searched.")
    if not spec.heldout:
        limits.append(
            "No held-out problems were given: an inflation without a found leak is unseen."
        )
    if dropped := max((b.n_heldout_dropped for b in benchmarks), default=0):
        limits.append(
            f"{dropped} held-out problems stand in the traces themselves and were compared with "
            f"nothing."
        )
    if unchecked := sum(f.status is FindingStatus.NOT_CHECKED for f in findings):
        limits.append(f"{unchecked} problems have too few words to be searched for.")
    limits += [c.sentence for c in checks if c.status is FindingStatus.NOT_CHECKED]
    if not spec.reference_models():
        limits.append("No reference model was given: what is easy for all is not told from a leak.")
    if not spec.fresh:
        limits.append(
            "No fresh problems were given: a score on problems younger than the model is unknown."
        )
    return tuple(limits)


def _claim_limits(spec: AuditSpec, claims: Sequence[ClaimCheck]) -> tuple[str, ...]:
    if not spec.model.claims:
        return ("No published claim was given: the audit says nothing of what was claimed.",)
    limits = []
    named = {claim.task for claim in claims}
    if other := sorted({c.task for c in spec.model.claims} - named):
        limits.append(f"Claims about {', '.join(other)} were not compared: no such task was run.")
    if unmeasured := sum(claim.holds is None for claim in claims):
        limits.append(f"{unmeasured} claims are of a metric that was not measured here.")
    return tuple(limits)
