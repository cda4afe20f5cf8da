"""The verdict's card of each benchmark."""

import shlex
from collections.abc import Sequence

from reasonbench.protocols import Block
from reasonbench.records import Estimate
from reasonbench.report.data import ReportData
from reasonbench.report.evidence import found_of, row_of
from reasonbench.report.panels import Card, Strongest
from reasonbench.report.text import interval, level_name, one_line, percent
from reasonbench.results import (
    Audit,
    BenchmarkAudit,
    FindingStatus,
    Role,
    TaskResult,
    VerdictLine,
    VerdictWord,
)
from reasonbench.results.gap import GapKind
from reasonbench.verdict import invalid_for, pass_at_1

EXPLAINED = (
    "'Other problems' is where the score would lie on other problems of this kind, 'same problems' "
    "where it would lie if these very problems were sampled again."
)
EXCERPT = 150
"""Characters of the strongest evidence on the first screen."""
RULES = {
    1: "rule 1: what makes a run's scores none comes first (too much missing, cut off or without "
    "a verdict, or a check of the run).",
    2: "rule 2: where problems stand in the traces, INFLATED means that pass@1 on them exceeds "
    "that on the others by more than chance, and INCONCLUSIVE that it does not.",
    3: "rule 3: a published score lies above the measured interval.",
    4: "rule 4: no leak was found, yet pass@1 exceeds that on held-out problems by more than "
    "chance.",
    5: "rule 5: the gap to fresh problems is larger than the reference's by more than chance.",
    6: "rule 6: a check of the model itself is suspect.",
    7: "rule 7: no leak was found, and pass@1 is at most 10 points above that on held-out "
    "problems, the whole interval included.",
    8: "rule 8: the evidence decides nothing; not having found a leak supports no score by itself.",
}
"""The rules of the verdict in short; the first that holds decides."""


def cards(data: ReportData) -> list[Block]:
    """Return one card a benchmark."""
    audit = data.audit
    return [
        _card(data, line, benchmark)
        for line, benchmark in zip(audit.verdicts, audit.benchmarks, strict=True)
    ]


def _card(data: ReportData, line: VerdictLine, benchmark: BenchmarkAudit) -> Card:
    audit = data.audit
    task = next(t for t in audit.run.tasks if t.spec.name == line.task)
    others = [t for t in audit.run.tasks if t.role is not None and t.role is not Role.PUBLIC]
    faulty = [t.spec.name for t in (task, *others) if invalid_for(audit.run, t.spec.name)]
    level = f" ({level_name(task.estimates[0].level)})" if task.estimates else ""
    return Card(
        task=line.task,
        verdict=str(line.verdict),
        sentence=line.sentence,
        header=("", "problems", "pass@1", f"other problems{level}", f"same problems{level}"),
        rows=_rows(audit, task, benchmark, others),
        caption=f"INVALID: the numbers of {', '.join(faulty)} are no scores." if faulty else "",
        explained=EXPLAINED,
        rule=RULES[deciding_rule(audit, line, benchmark)],
        would_change=line.would_change,
        claims=tuple(c.sentence for c in audit.claims if c.task == line.task),
        repeat=shlex.join(["reasonbench", *audit.command[1:]]) if audit.command else "not recorded",
        strongest=_strongest(data, line.task),
        nothing=_nothing(audit, benchmark),
    )


def _rows(
    audit: Audit, task: TaskResult, benchmark: BenchmarkAudit, others: Sequence[TaskResult]
) -> tuple[tuple[str, ...], ...]:
    claimed = [c.claim for c in audit.claims if c.task == task.spec.name]
    rows: list[tuple[str, ...]] = [
        (f"claimed ({c.metric})", "-", percent(c.value), "-", "-") for c in claimed
    ] or [("claimed", "-", "none given", "-", "-")]
    rows.append(_score_row("measured, all problems", task.estimates))
    if benchmark.leaked:
        rows.append(_score_row("found in the traces", benchmark.leaked))
        rows.append(_score_row("clean, without these", benchmark.clean))
    kinds = {Role.HELDOUT: "held out", Role.FRESH: "fresh", Role.CONTROL: "old round"}
    for role, name in kinds.items():
        mine = [t for t in others if t.role is role]
        rows += [_score_row(f"{name}: {t.spec.name}", t.estimates) for t in mine]
        if role is Role.FRESH and not mine:
            rows.append(("fresh", "-", "none given", "-", "-"))
    return tuple(rows)


def _score_row(name: str, estimates: Sequence[Estimate]) -> tuple[str, ...]:
    first = next((e for e in estimates if e.k == 1), None)
    if first is None:
        return (name, "0", "-", "-", "-")
    return (
        name,
        str(first.n_problems),
        percent(first.value),
        interval(first.superpopulation),
        interval(first.fixed),
    )


def _strongest(data: ReportData, task: str) -> Strongest | None:
    for number, finding in enumerate(found_of(data), 1):
        if finding.task == task:
            match = finding.matches[0]
            kind = f"{finding.kind} " if finding.kind else ""
            return Strongest(
                href=f"#ev-{number}",
                problem=one_line(finding.problem_id, 60),
                place=one_line(f"({kind}{finding.status}, {row_of(match)})", 120),
                text=one_line(match.text, EXCERPT),
            )
    return None


def _nothing(audit: Audit, benchmark: BenchmarkAudit) -> str:
    if audit.scan is None:
        return "No evidence: no teacher traces were searched."
    if not benchmark.n_checked:
        return "No evidence: none of these problems could be searched for in the traces."
    return (
        f"No evidence: none of the {benchmark.n_checked:,} problems that were searched for was "
        f"found in {audit.scan.rows_read:,} rows of traces."
    )


def deciding_rule(audit: Audit, line: VerdictLine, benchmark: BenchmarkAudit) -> int:
    """Return the number of the rule of ``reasonbench.verdict`` that gave a verdict."""
    word = line.verdict
    fixed = {VerdictWord.INVALID: 1, VerdictWord.INFLATED: 2, VerdictWord.UNSUPPORTED: 3,
             VerdictWord.SUPPORTED: 7}  # fmt: skip
    if word in fixed:
        return fixed[word]
    if benchmark.n_contaminated:
        return 2
    gap = pass_at_1(benchmark, "public - heldout")
    if gap is None or gap.interval is None:
        return 8
    if gap.interval.low > 0:
        return 4
    if _gap_above(audit, line.task):
        return 5
    suspect = FindingStatus.SUSPECT
    if any(c.status is suspect and c.task == line.task for c in audit.checks):
        return 6
    return 8


def _gap_above(audit: Audit, task: str) -> bool:
    return any(
        value.k == 1 and value.interval is not None and value.interval.low > 0
        for gap in audit.gaps
        if gap.public == task
        for model in gap.models
        for row in model.rows
        if row.kind is GapKind.REFERENCE
        for value in row.values
    )
