"""The audit: sample, search the traces, compare, decide.

The rules of the verdict stand in ``verdict.py``.  Problems that stand in the traces
are compared with those of the same benchmark that do not; the two groups are disjoint,
so their difference needs no pairing.
"""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from reasonbench import __version__, plugins
from reasonbench.errors import SpecError, StoreWriteError, TraceError
from reasonbench.protocols import Detector
from reasonbench.records import Counts, Estimate, Interval, Problem
from reasonbench.results import (
    AUDIT_SCHEMA,
    Audit,
    BenchmarkAudit,
    Difference,
    Finding,
    FindingStatus,
    Role,
    RunResult,
    ScanSummary,
    TaskResult,
)
from reasonbench.run import Reporter, Silent, execute, load_task
from reasonbench.specs import AuditSpec
from reasonbench.stats.difference import Estimated, difference_independent
from reasonbench.store import Store
from reasonbench.summary import DECISION_ANCHOR, default_ks, estimate_pass_at_k, summarize
from reasonbench.verdict import decide

AUDIT_FILE = "audit.json"
FOUND = (FindingStatus.CONTAMINATED, FindingStatus.SUSPECT)


def run_audit(
    spec: AuditSpec,
    directory: Path,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> Audit:
    """Do what ``spec`` asks for, as far as ``directory`` does not hold it yet.

    The Audit is written to ``directory/audit.json`` and returned.

    Raises:
        SpecError: a task that is public and held out at once.
        ReasonbenchError: what ``run.execute`` raises; traces that cannot be read.
    """
    reporter = reporter or Silent()
    if not spec.ks or 1 not in spec.ks:
        spec = msgspec.structs.replace(spec, ks=(1, *(spec.ks or default_ks(spec.n)[1:])))
    roles = _roles(spec)
    detectors = [plugins.DETECTORS.load(name) for name in spec.detectors]
    traces = [_existing(Path(t)) for t in spec.traces]
    execute(spec.run_spec(), directory, reporter=reporter, workers=workers, command=command)
    with Store.read(directory) as store:
        plan = store.latest_plan()
        assert plan is not None
        problems = list(store.problems(plan.digest()))
        run = summarize(store, ks=spec.ks, level=spec.level, roles=roles)
    findings, scan = _scan(detectors, problems, traces, reporter)
    audit = assemble(spec, run, problems, findings=findings, scan=scan, command=command)
    write_audit(audit, directory)
    return audit


def assemble(
    spec: AuditSpec,
    run: RunResult,
    problems: Sequence[Problem],
    *,
    findings: Sequence[Finding] = (),
    scan: ScanSummary | None = None,
    command: Sequence[str] = (),
) -> Audit:
    """Build the Audit from what was measured and found."""
    found = {(f.task, f.problem_id) for f in findings if f.status in FOUND}
    benchmarks = [
        _benchmark(spec, task, _heldout(run), findings, scanned=scan is not None)
        for task in run.tasks
        if task.role is Role.PUBLIC
    ]
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
            decide(run, task, benchmark, scanned=scan is not None)
            for task, benchmark in zip(
                (t for t in run.tasks if t.role is Role.PUBLIC), benchmarks, strict=True
            )
        ),
        limits=_limits(spec, findings),
    )


def write_audit(audit: Audit, directory: Path) -> Path:
    """Write ``audit.json`` whole or not at all."""
    path = directory / AUDIT_FILE
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(audit), indent=1))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def read_audit(path: Path) -> Audit:
    """Read an audit from its file or its run directory.

    Raises:
        SpecError: no such file, not an audit, or one of another schema version.
    """
    file = path / AUDIT_FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Audit)
    except FileNotFoundError as error:
        raise SpecError(
            f"there is no audit at {file}", hint="make one: reasonbench audit MODEL --task TASK"
        ) from error
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise SpecError(
            f"{file} is not an audit of schema version {AUDIT_SCHEMA}: {error}",
            hint="make it again with this version of reasonbench: the samples are kept",
        ) from error


def load_audit(path: Path) -> Audit:
    """Read an audit; of a run that was never audited, return what its samples say.

    Such an audit takes every task as public and has searched nothing.
    """
    if not path.is_dir() or (path / AUDIT_FILE).is_file():
        return read_audit(path)
    with Store.read(path) as store:
        plan = store.latest_plan()
        if plan is None:
            raise SpecError(f"{path} holds neither an audit nor a run")
        names = tuple(task.name for task in plan.tasks)
        spec = AuditSpec(
            model=plan.spec.model,
            public=plan.spec.tasks,
            engine=plan.spec.engine,
            sampling=plan.sampling,
            n=plan.spec.n,
            limit=plan.spec.limit,
            ks=default_ks(plan.spec.n),
        )
        run = summarize(store, roles=dict.fromkeys(names, Role.PUBLIC))
        return assemble(spec, run, list(store.problems(plan.digest())))


def _roles(spec: AuditSpec) -> dict[str, Role]:
    both = set(spec.public) & set(spec.heldout)
    if both:
        raise SpecError(f"task {sorted(both)[0]!r} is given as public and as held out; choose one")
    roles = {load_task(name).spec.name: Role.PUBLIC for name in spec.public}
    for name in spec.heldout:
        roles[load_task(name).spec.name] = Role.HELDOUT
    return roles


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise TraceError(f"there is no trace file {path}", hint="give the path of a .jsonl file")
    return path


def _scan(
    detectors: Sequence[Detector],
    problems: Sequence[Problem],
    traces: Sequence[Path],
    reporter: Reporter,
) -> tuple[list[Finding], ScanSummary | None]:
    if not traces:
        return [], None
    findings: list[Finding] = []
    summary: ScanSummary | None = None
    reporter.phase("searching the traces", total=len(detectors))
    for detector in detectors:
        part, summary = detector.detect(problems, traces)
        findings += part
        reporter.advance()
    return findings, summary


def _heldout(run: RunResult) -> list[Counts]:
    return [c for t in run.tasks if t.role is Role.HELDOUT for c in t.problems]


def _benchmark(
    spec: AuditSpec,
    task: TaskResult,
    heldout: Sequence[Counts],
    findings: Sequence[Finding],
    *,
    scanned: bool,
) -> BenchmarkAudit:
    status = _status_by_problem(task.spec.name, findings)
    leaked = [c for c in task.problems if status.get(c.problem_id) in FOUND]
    clean = [c for c in task.problems if status.get(c.problem_id) not in FOUND]
    differences: list[Difference] = []
    if heldout:
        differences += _differences("public - heldout", task.problems, heldout, spec)
    if leaked and clean:
        differences += _differences("leaked - clean", leaked, clean, spec)
        share = len(leaked) / len(task.problems)
        differences += [_scaled(d, share) for d in differences if d.name == "leaked - clean"]
    return BenchmarkAudit(
        task=task.spec.name,
        n_contaminated=len(leaked),
        n_checked=sum(s is not FindingStatus.NOT_CHECKED for s in status.values())
        if scanned
        else 0,
        leaked=estimate_pass_at_k(leaked, spec.ks, level=spec.level),
        clean=estimate_pass_at_k(clean, spec.ks, level=spec.level),
        differences=tuple(differences),
    )


def _status_by_problem(task: str, findings: Sequence[Finding]) -> dict[str, FindingStatus]:
    """Return the gravest status that any detector gave each problem."""
    order = list(FindingStatus)
    status: dict[str, FindingStatus] = {}
    for finding in findings:
        if finding.task == task:
            before = status.get(finding.problem_id, FindingStatus.NOT_CHECKED)
            status[finding.problem_id] = min(before, finding.status, key=order.index)
    return status


def _differences(
    name: str, first: Sequence[Counts], second: Sequence[Counts], spec: AuditSpec
) -> list[Difference]:
    sides = [
        estimate_pass_at_k(side, spec.ks, level=spec.level, anchor=DECISION_ANCHOR)
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


def _limits(spec: AuditSpec, findings: Sequence[Finding]) -> tuple[str, ...]:
    limits = []
    if not spec.traces:
        limits.append("No teacher traces were given: a leak through them cannot be found.")
    else:
        limits.append(
            "Only statements that stand word for word in the traces are found; reworded, "
            "renumbered or solution-only leaks are not."
        )
    if not spec.heldout:
        limits.append(
            "No held-out problems were given: an inflation without a found leak is unseen."
        )
    unchecked = sum(f.status is FindingStatus.NOT_CHECKED for f in findings)
    if unchecked:
        limits.append(f"{unchecked} problems are too short to be searched for.")
    limits.append("No published claim was compared: the audit says nothing of what was claimed.")
    return tuple(limits)
