"""The grid of problems by models, and where graders differ."""

from reasonbench.protocols import Block
from reasonbench.records import Counts
from reasonbench.report.blocks import Heading, Paragraph, Table
from reasonbench.report.data import ReportData
from reasonbench.report.evidence import FOUND, found_of
from reasonbench.report.panels import Grid, GridCell, GridRow
from reasonbench.results import FindingStatus

MAX_PROBLEMS = 5000
"""Rows of a grid."""


def grid(data: ReportData) -> list[Block]:
    """Return the grid of all tasks."""
    if not data.problems or not data.models:
        return []
    counts = [
        {(t.task, c.problem_id): c for t in model.tasks for c in t.problems}
        for model in data.models
    ]
    evidence = {(f.task, f.problem_id): i for i, f in reversed(list(enumerate(found_of(data), 1)))}
    status: dict[tuple[str, str], str] = {}
    for finding in data.audit.findings:
        key = (finding.task, finding.problem_id)
        if finding.status in FOUND and status.get(key) != str(FindingStatus.CONTAMINATED):
            status[key] = str(finding.status)
    rows = []
    for number, problem in enumerate(data.problems[:MAX_PROBLEMS], 1):
        key = (problem.task, problem.id)
        own = counts[0].get(key)
        rows.append(
            GridRow(
                number=number,
                task=problem.task,
                id=problem.id,
                statement=problem.statement,
                date="" if problem.published is None else problem.published.isoformat(),
                family=problem.family or "",
                difficulty=1 - own.c / own.n if own is not None and own.n else None,
                found=status.get(key, ""),
                evidence=f"#ev-{evidence[key]}" if key in evidence else "",
                cells=tuple(_cell(one.get(key)) for one in counts),
            )
        )
    shown = Grid(
        models=tuple(model.label for model in data.models),
        rows=tuple(rows),
        several_tasks=len({row.task for row in rows}) > 1,
        dated=any(row.date for row in rows),
        families=any(row.family for row in rows),
    )
    blocks: list[Block] = [Heading("Problem by problem"), shown]
    if left := len(data.problems) - len(rows):
        blocks.append(Paragraph(f"{left:,} more problems stand in the audit file."))
    return blocks


def _cell(counts: Counts | None) -> GridCell | None:
    if counts is None:
        return None
    return GridCell(
        counts.n,
        counts.c,
        counts.c_if_truncated_right - counts.c,
        counts.reasons.get("no_answer", 0),
    )


def graders(data: ReportData) -> list[Block]:
    """Return which part of a grader decided, and where another grader says otherwise."""
    blocks: list[Block] = [
        Paragraph(
            f"{d.task}: {d.second} judged the same {d.n_both:,} completions as {d.first} and "
            f"differs on {d.only_first + d.only_second:,}: {d.only_first:,} are right by "
            f"{d.first} alone, {d.only_second:,} by {d.second} alone"
            + (f" (such as {'; '.join(d.examples)})." if d.examples else ".")
        )
        for d in data.disagreements
    ]
    rows = tuple(
        (t.task, j.layer or "-", j.verdict, f"{j.count:,}")
        for t in (data.models[0].tasks if data.models else ())
        for j in t.judged
    )
    if not rows and not blocks:
        return []
    if not blocks:
        blocks.append(
            Paragraph(
                "No second grader judged these completions, so how often graders differ is not "
                "known."
            )
        )
    header = ("task", "part of the grader", "verdict", "completions")
    return [
        Heading("Graders"),
        *blocks,
        *([Table(header, rows, "Which part of the grader decided")] if rows else []),
    ]
