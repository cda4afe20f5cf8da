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
from reasonbench.planning import load_problems
from reasonbench.protocols import Reporter, Task
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
from reasonbench.run import Silent, examined, execute, load_task
from reasonbench.specs import AuditSpec
from reasonbench.stats.difference import Estimated, difference_independent
from reasonbench.store import Store
from reasonbench.summary import (
    DECISION_ANCHOR,
    default_ks,
    estimate_pass_at_k,
    find_plan,
    summarize,
)
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

    The traces are searched first, which needs no model, so traces that cannot be read
    cost nothing.  The Audit is written to ``directory/audit.json`` and returned.

    Raises:
        SpecError: a task that is public and held out at once.
        ReasonbenchError: what ``run.execute`` raises; traces that cannot be read.
    """
    reporter = reporter or Silent()
    spec = msgspec.structs.replace(spec, ks=_ks(spec))
    tasks, roles = _tasks(spec)
    problems = [p for task in tasks for p in load_problems(task, spec.limit)]
    findings, scan = _scan(spec, problems, reporter)
    done = execute(
        spec.run_spec(),
        directory,
        tasks=tasks,
        reporter=reporter,
        workers=workers,
        command=command,
    )
    with Store.read(directory) as store:
        run = summarize(store, done.plan, ks=spec.ks, level=spec.level, roles=roles)
    run = msgspec.structs.replace(run, validity=done.validity)
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
    public = [t for t in run.tasks if t.role is Role.PUBLIC]
    heldout = [t for t in run.tasks if t.role is Role.HELDOUT]
    benchmarks = [_benchmark(spec, task, heldout, findings, scan) for task in public]
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
            decide(run, task, benchmark, heldout=heldout)
            for task, benchmark in zip(public, benchmarks, strict=True)
        ),
        limits=_limits(spec, findings, scan, benchmarks),
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
            f"there is no audit at {file}", hint="make one: reasonbench audit MODEL --public TASK"
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

    Raises:
        SpecError: no audit and no run; an audit that is older than the directory's run.
    """
    if not path.is_dir():
        return read_audit(path)
    with Store.read(path) as store:
        plan = find_plan(store)
        plan_id = plan.digest()
        if (path / AUDIT_FILE).is_file():
            audit = read_audit(path)
            if not _stands(audit, store, plan_id):
                raise SpecError(
                    f"{path} was run or graded again after its audit, which is of what was before",
                    hint=f"give the audit's command again (what is there is kept), or name the old "
                    f"one: {path / AUDIT_FILE}",
                )
            return audit
        spec = AuditSpec(
            model=plan.spec.model,
            public=plan.spec.tasks,
            engine=plan.spec.engine,
            sampling=plan.sampling,
            n=plan.spec.n,
            limit=plan.spec.limit,
            ks=default_ks(plan.spec.n),
            stop_after_successes=plan.spec.stop_after_successes,
            system_prompt=plan.spec.system_prompt,
            force_system_prompt=plan.spec.force_system_prompt,
        )
        commands = [s.command for s in store.sessions() if s.plan == plan_id]
        roles = {task.name: Role.PUBLIC for task in plan.tasks}
        run = examined(store, summarize(store, plan_id, roles=roles))
        problems = list(store.problems(plan_id))
        return assemble(spec, run, problems, command=commands[-1] if commands else ())


def _stands(audit: Audit, store: Store, plan_id: str) -> bool:
    """Tell whether an audit is of what its run directory holds now."""
    if audit.run.plan != plan_id:
        return False
    roles = {task.spec.name: task.role for task in audit.run.tasks if task.role is not None}
    spec = audit.spec
    now = summarize(store, plan_id, ks=spec.ks, level=spec.level, roles=roles)
    return now.tasks == audit.run.tasks


def _ks(spec: AuditSpec) -> tuple[int, ...]:
    ks = tuple(sorted({1, *(spec.ks or default_ks(spec.n))}))
    if ks[-1] > spec.n:
        raise SpecError(
            f"k = {ks[-1]} needs at least {ks[-1]} completions a problem, got n = {spec.n}",
            hint=f"give -n {ks[-1]} or more, or a smaller k",
        )
    return ks


def _tasks(spec: AuditSpec) -> tuple[list[Task], dict[str, Role]]:
    both = set(spec.public) & set(spec.heldout)
    if both:
        raise SpecError(f"task {sorted(both)[0]!r} is given as public and as held out; choose one")
    tasks, roles = [], {}
    for role, names in ((Role.PUBLIC, spec.public), (Role.HELDOUT, spec.heldout)):
        for name in dict.fromkeys(names):
            tasks.append(load_task(name))
            roles[tasks[-1].spec.name] = role
    return tasks, roles


def _scan(
    spec: AuditSpec, problems: Sequence[Problem], reporter: Reporter
) -> tuple[list[Finding], ScanSummary | None]:
    """Search the traces with every detector; the summary is of what all of them read."""
    detectors = {name: plugins.DETECTORS.load(name) for name in spec.detectors}
    traces = [Path(t) for t in spec.traces]
    for path in traces:
        if not path.is_file():
            raise TraceError(
                f"there is no trace file {path}", hint="give the path of a .jsonl file"
            )
    if not traces:
        return [], None
    findings: list[Finding] = []
    summaries: list[ScanSummary] = []
    reporter.phase("searching the traces", total=len(detectors))
    for name, detector in detectors.items():
        with plugins.attributed("detector", name):
            found, summary = detector.detect(problems, traces)
        findings += found
        summaries.append(summary)
        reporter.advance()
    scan = min(summaries, key=lambda summary: summary.rows_read)
    skipped = ", ".join(f"{n:,} {reason}" for reason, n in scan.rows_skipped.items())
    if scan.rows_read == 0:
        raise TraceError(
            f"not one row of the traces can be searched: {skipped or 'they are empty'}",
            hint="a trace is a JSON object a line, with its text in any field",
        )
    if skipped:
        reporter.say(f"rows of the traces that could not be searched: {skipped}")
    return findings, scan


def _benchmark(
    spec: AuditSpec,
    task: TaskResult,
    heldout: Sequence[TaskResult],
    findings: Sequence[Finding],
    scan: ScanSummary | None,
) -> BenchmarkAudit:
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
        shares = _leaked_shares(leaked, clean, spec.ks)
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
    )


def _not_found(task: TaskResult, findings: Sequence[Finding]) -> list[Counts]:
    """Return the problems of a held-out task that do not stand in the traces themselves."""
    status = _status_by_problem(task.spec.name, findings)
    return [c for c in task.problems if status.get(c.problem_id) not in FOUND]


def _leaked_shares(
    leaked: Sequence[Counts], clean: Sequence[Counts], ks: Sequence[int]
) -> list[float]:
    """Return, for each k, the share of leaked problems among those that define pass@k."""
    shares = []
    for k in ks:
        inside, outside = (sum(c.stopped or c.n >= k for c in side) for side in (leaked, clean))
        total = inside + outside
        shares.append(inside / total if total else 0.0)
    return shares


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


def _limits(
    spec: AuditSpec,
    findings: Sequence[Finding],
    scan: ScanSummary | None,
    benchmarks: Sequence[BenchmarkAudit],
) -> tuple[str, ...]:
    limits = []
    if scan is None:
        limits.append("No teacher traces were given: a leak through them cannot be found.")
    else:
        limits.append(
            "Only statements that stand word for word in the traces are found; reworded, "
            "renumbered or solution-only leaks are not."
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
    if spec.model.claims:
        limits.append("The claims in the spec were not compared: this version cannot yet.")
    else:
        limits.append("No published claim was given: the audit says nothing of what was claimed.")
    return tuple(limits)
