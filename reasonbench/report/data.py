"""What a report is made of: the audit, its curves and lengths, and the models beside it.

The HTML carries this as JSON, so that ``--from`` makes the same report of it again.  It holds no
completion's text and no path of the machine that made it.
"""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePath

import msgspec

from reasonbench.records import Counts, Interval, Record
from reasonbench.results import (
    Audit,
    Comparison,
    Finding,
    FreshGap,
    ModelCheck,
    Role,
    VerdictLine,
)

DATA_SCHEMA = 1
"""Version of the JSON that a page carries."""


class Point(Record, frozen=True, kw_only=True):
    """One point of a curve."""

    x: int
    """k, or a number of tokens."""
    value: float | None
    """The estimate; None where there is none."""
    interval: Interval | None = None
    """For other problems of the kind, at this x alone."""
    band: Interval | None = None
    """For all x of the curve at once."""
    upper: float | None = None
    """The value, had all that was cut off been right."""


class Lengths(Record, frozen=True, kw_only=True):
    """How long completions were."""

    edges: tuple[int, ...]
    """Bounds of the bins in tokens; a bin holds what is above its lower and up to its upper."""
    right: tuple[int, ...]
    """Right completions in each bin."""
    wrong: tuple[int, ...]
    """Wrong ones that ended by themselves."""
    truncated: tuple[int, ...]
    """Wrong ones that the token limit cut off."""
    median_right: float | None
    """Tokens of the middle right one."""
    median_wrong: float | None
    """Tokens of the middle one of the others."""


class Diversity(Record, frozen=True, kw_only=True):
    """How different a model's completions of a task are."""

    distinct: tuple[Point, ...]
    """Mean number of different answers among k completions of a problem."""
    unsolved: float | None
    """Share of the problems that no completion solved."""
    spread: float | None
    """Variance over problems of the chance of a right completion."""


class Judged(Record, frozen=True, kw_only=True):
    """How often a part of the grader decided so."""

    layer: str
    """Part of the grader; empty where it has none."""
    verdict: str
    """What it said."""
    count: int
    """Completions."""


class Disagreement(Record, frozen=True, kw_only=True):
    """Two graders on the same completions."""

    task: str
    """Task concerned."""
    first: str
    """Grader whose verdicts count here."""
    second: str
    """The other one."""
    n_both: int
    """Completions that both judged."""
    only_first: int
    """Those that are right by the first alone."""
    only_second: int
    """Those that are right by the second alone."""
    examples: tuple[str, ...] = ()
    """Some of them, as problem and sample_index."""


class TaskView(Record, frozen=True, kw_only=True):
    """One model on one task."""

    task: str
    """The task."""
    role: Role | None
    """What it stands for."""
    n: int
    """Completions a problem that were asked for, at most."""
    level: float
    """Confidence level of what follows."""
    problems: tuple[Counts, ...]
    """Counts of every problem."""
    curve: tuple[Point, ...] = ()
    """pass@k up to n."""
    beyond: tuple[Point, ...] = ()
    """pass@k from n on, extrapolated."""
    budget: tuple[Point, ...] = ()
    """pass@1 had completions been cut at so many tokens."""
    lengths: Lengths | None = None
    """None where no completion is at hand, or none has a length."""
    diversity: Diversity | None = None
    """None where no completion is at hand."""
    judged: tuple[Judged, ...] = ()
    """Which part of the grader decided."""


class ModelView(Record, frozen=True, kw_only=True):
    """One model of the report; the first is the one under audit."""

    label: str
    """Its name, told apart from the others'."""
    tasks: tuple[TaskView, ...]
    """What it was run on."""
    verdicts: tuple[VerdictLine, ...] = ()
    """What its own audit says."""
    missing: str = ""
    """Why its completions are not at hand; empty where they are."""


class ProblemView(Record, frozen=True, kw_only=True):
    """One problem of the grid."""

    task: str
    """Its task."""
    id: str
    """Its id there."""
    statement: str = ""
    """The beginning of what was asked; empty where no run is at hand."""
    published: datetime.date | None = None
    """Day on which it became public."""
    family: str | None = None
    """What it is a variant of."""


class Surroundings(Record, frozen=True, kw_only=True):
    """What stands around a place in the traces."""

    document: str
    """Document of the match."""
    row: int
    """Its row."""
    field: str
    """Its field."""
    start: int
    """First byte of the match in the field."""
    before: str
    """Some words before it; empty where it begins the field."""
    after: str
    """Some words after it; empty where it ends the field."""


class ReportData(Record, frozen=True, kw_only=True):
    """Everything that a report shows."""

    schema_version: int
    """Version of this JSON."""
    audit: Audit
    """The audit."""
    models: tuple[ModelView, ...]
    """The model under audit, its reference, and those compared with it."""
    problems: tuple[ProblemView, ...] = ()
    """The problems of the grid, in the order of the tasks."""
    comparisons: tuple[Comparison, ...] = ()
    """The model under audit (B) against each of the others (A)."""
    disagreements: tuple[Disagreement, ...] = ()
    """Other graders on the same completions."""
    surroundings: tuple[Surroundings, ...] = ()
    """What stands around the first places of the evidence, where the traces are at hand."""
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""


def bare(audit: Audit) -> ReportData:
    """Return what a report can show of an audit alone."""
    return ReportData(schema_version=DATA_SCHEMA, audit=audit, models=())


def portable(audit: Audit) -> Audit:
    """Return an audit that names files without the folders of the machine that made it."""
    documents = [] if audit.scan is None else list(audit.scan.documents)
    documents += [m.document for f in audit.findings for m in f.matches]
    documents += [s.place[0] for c in audit.checks for s in c.signs if s.place is not None]
    names = _names([*documents, *audit.spec.traces])

    def short(path: str) -> str:
        return names.get(path, path)

    replace = msgspec.structs.replace
    tasks = (replace(t, spec=replace(t.spec, source=_last(t.spec.source))) for t in audit.run.tasks)
    return replace(
        audit,
        command=tuple(inside_text(part) for part in audit.command),
        spec=replace(
            audit.spec,
            traces=tuple(map(short, audit.spec.traces)),
            public=tuple(map(inside_text, audit.spec.public)),
            heldout=tuple(map(inside_text, audit.spec.heldout)),
        ),
        run=replace(audit.run, path=_last(audit.run.path), tasks=tuple(tasks)),
        scan=audit.scan
        and replace(
            audit.scan,
            documents=tuple(map(short, audit.scan.documents)),
            examples=tuple(map(inside_text, audit.scan.examples)),
        ),
        findings=tuple(_bare_finding(f, short) for f in audit.findings),
        checks=tuple(_bare_check(c, short) for c in audit.checks),
        gaps=tuple(_bare_gap(g) for g in audit.gaps),
        comparison=audit.comparison and portable_comparison(audit.comparison),
        further_comparisons=tuple(map(portable_comparison, audit.further_comparisons)),
    )


def portable_comparison(comparison: Comparison) -> Comparison:
    """Return a comparison that names its runs without their folders."""
    a, b = _last(comparison.a), _last(comparison.b)
    return msgspec.structs.replace(comparison, a=a, b=b)


def _bare_finding(finding: Finding, short: Callable[[str], str]) -> Finding:
    if not finding.matches:
        return finding
    matches = (msgspec.structs.replace(m, document=short(m.document)) for m in finding.matches)
    return msgspec.structs.replace(finding, matches=tuple(matches))


def _bare_check(check: ModelCheck, short: Callable[[str], str]) -> ModelCheck:
    signs = (
        s if s.place is None else msgspec.structs.replace(s, place=(short(s.place[0]), s.place[1]))
        for s in check.signs
    )
    return msgspec.structs.replace(check, signs=tuple(signs))


def _bare_gap(gap: FreshGap) -> FreshGap:
    models = (
        msgspec.structs.replace(m, runs=tuple(_last(run) for run in m.runs)) for m in gap.models
    )
    return msgspec.structs.replace(gap, models=tuple(models))


_PATH = re.compile(r"(?<![\w.~/<-])(?<!http:)(?<!https:)/[^\s:,;'\"()<>]*/[^\s:,;'\"()<>]*")
"""An absolute path of two parts at least, within a text."""


def _last(path: str) -> str:
    """Return the last part of an absolute path; another text as it is."""
    return PurePath(path).name or path if path.startswith("/") else path


def inside_text(text: str) -> str:
    """Return ``text`` with the absolute paths in it shortened to their last part."""
    return _PATH.sub(lambda match: _last(match.group()), text) if "/" in text else text


def _names(paths: Iterable[str]) -> dict[str, str]:
    """Return for each absolute path as few last parts as tell it from the others."""
    left = {path: PurePath(path).parts for path in paths if path.startswith("/")}
    names: dict[str, str] = {}
    length = 0
    while left:
        length += 1
        times = Counter(parts[-length:] for parts in left.values())
        for path, parts in list(left.items()):
            if times[parts[-length:]] == 1 or length >= len(parts) - 1:
                names[path] = "/".join(left.pop(path)[-length:]).lstrip("/") or path
    return names
