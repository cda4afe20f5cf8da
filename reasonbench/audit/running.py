"""The work of an audit, as far as its directory does not hold it yet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reasonbench import plugins
from reasonbench.audit.assembly import assemble
from reasonbench.audit.files import write_audit
from reasonbench.audit.price import FOUND
from reasonbench.audit.reference import against_references, check_references
from reasonbench.audit.sides import Sampling, Side
from reasonbench.errors import SpecError, TraceError
from reasonbench.planning import load_problems
from reasonbench.protocols import Asked, Detector, Evidence, ModelDetector, Reporter, Task
from reasonbench.records import Problem
from reasonbench.results import Audit, Finding, ModelCheck, Role, ScanSummary
from reasonbench.run import Silent, execute, load_task
from reasonbench.specs import AuditSpec
from reasonbench.store import Store
from reasonbench.summary import default_ks, summarize


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
    cost nothing; the detectors on the model's side come last.  What they sample stands in
    ``directory/checks``.  The Audit is written to ``directory/audit.json`` and returned.

    Raises:
        SpecError: a task with two roles, a control without a fresh task, or references that
            can tell nothing.
        ReasonbenchError: what ``run.execute`` raises; traces that cannot be read.
    """
    reporter = reporter or Silent()
    spec = msgspec.structs.replace(spec, ks=_ks(spec))
    check_references(spec)
    searches, model_side = _detectors(spec)
    tasks, roles = _tasks(spec)
    asked = [
        Asked(task, roles[task.spec.name], tuple(load_problems(task, spec.limit))) for task in tasks
    ]
    problems = [problem for one in asked for problem in one.problems]
    findings, scan = _scan(spec, searches, problems, reporter)
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
    sampling = Sampling(asked, done.plan, directory, reporter, workers, tuple(command))
    checks = _examine(spec, model_side, findings, sampling)
    gaps, comparisons = against_references(spec, roles, directory, sampling)
    audit = assemble(
        spec,
        run,
        problems,
        findings=findings,
        scan=scan,
        checks=checks,
        command=command,
        gaps=gaps,
        comparisons=comparisons,
    )
    write_audit(audit, directory)
    return audit


def _ks(spec: AuditSpec) -> tuple[int, ...]:
    ks = tuple(sorted({1, *(spec.ks or default_ks(spec.n))}))
    if ks[-1] > spec.n:
        raise SpecError(
            f"k = {ks[-1]} needs at least {ks[-1]} completions a problem, got n = {spec.n}",
            hint=f"give -n {ks[-1]} or more, or a smaller k",
        )
    return ks


def _tasks(spec: AuditSpec) -> tuple[list[Task], dict[str, Role]]:
    tasks: list[Task] = []
    roles: dict[str, Role] = {}
    asked: dict[str, Role] = {}
    control = () if spec.control is None else (spec.control,)
    for role, names in (
        (Role.PUBLIC, spec.public),
        (Role.HELDOUT, spec.heldout),
        (Role.FRESH, spec.fresh),
        (Role.CONTROL, control),
    ):
        for name in dict.fromkeys(names):
            if name in asked:
                raise SpecError(
                    f"task {name!r} is given as {_NAMED[asked[name]]} and as {_NAMED[role]}; "
                    "choose one"
                )
            asked[name] = role
            tasks.append(load_task(name))
            roles[tasks[-1].spec.name] = role
    return tasks, roles


_NAMED = {
    Role.PUBLIC: "public",
    Role.HELDOUT: "held out",
    Role.FRESH: "fresh",
    Role.CONTROL: "the control",
}


def _detectors(spec: AuditSpec) -> tuple[dict[str, Detector], dict[str, ModelDetector]]:
    """Load the detectors: those that search the traces, and those that ask the model."""
    searches: dict[str, Detector] = {}
    model_side: dict[str, ModelDetector] = {}
    for name in dict.fromkeys(spec.detectors):
        detector: Any = plugins.DETECTORS.load(name)
        if plugins.missing_members(detector, Detector):
            model_side[name] = detector
        else:
            searches[name] = detector
    return searches, model_side


def _examine(
    spec: AuditSpec,
    detectors: Mapping[str, ModelDetector],
    findings: Sequence[Finding],
    sampling: Sampling,
) -> list[ModelCheck]:
    """Let every detector on the model's side look at the model, and at its first reference."""
    if not detectors:
        return []
    evidence = Evidence(
        tasks=tuple(sampling.asked),
        model=Side.of_audit(spec, sampling),
        reference=next(iter(Side.of_references(spec, sampling)), None),
        traces=tuple(Path(t) for t in spec.traces),
        leaked={(f.task, f.problem_id) for f in findings if f.status in FOUND},
        cutoff=spec.model.cutoff,
        level=spec.level,
    )
    checks: list[ModelCheck] = []
    for name, detector in detectors.items():
        sampling.reporter.say(f"detector {name}: asking the model")
        with plugins.attributed("detector", name):
            checks += detector.examine(evidence)
    return checks


def _scan(
    spec: AuditSpec,
    detectors: Mapping[str, Detector],
    problems: Sequence[Problem],
    reporter: Reporter,
) -> tuple[list[Finding], ScanSummary | None]:
    """Search the traces with every detector; the summary is of what all of them read."""
    traces = [Path(t) for t in spec.traces]
    if not traces or not detectors:
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
