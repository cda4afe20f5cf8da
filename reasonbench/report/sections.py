"""The built-in sections, one class each."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.protocols import Block
from reasonbench.records import Estimate
from reasonbench.report import leaks
from reasonbench.report.blocks import Bullets, Paragraph, Table, Verbatim
from reasonbench.report.text import (
    completions_asked,
    flag_notes,
    interval,
    level_name,
    marked,
    percent,
    points,
    points_interval,
)
from reasonbench.results import (
    Audit,
    FindingStatus,
    Severity,
    TaskResult,
    ValidityFinding,
    VerdictWord,
)
from reasonbench.verdict import invalid_for

MAX_EVIDENCE = 50
"""Problems whose evidence is printed in full; the audit file holds all."""
MAX_SENTENCE = 1000
"""Characters of a validity finding's sentence that are printed."""
MAX_EXAMPLES, MAX_EXAMPLE = 5, 100
"""Completions that a finding names, and characters of each name."""
MAX_FAILURES = 3
"""Reasons of missing completions that are printed, the commonest first."""
EXPLAINED = (
    "'Other problems' is where the score would lie on other problems of this kind, 'same problems' "
    "where it would lie if these very problems were sampled again."
)
LEGEND = (
    "wrong: a final answer that is not right; unparsed: one that cannot be read; ambiguous: "
    "several, not all of them right; too_big: one that takes too much to evaluate; no_answer: "
    "none, though the completion ended; truncated: none, for the token limit cut it off."
)
FOUND = (FindingStatus.CONTAMINATED, FindingStatus.SUSPECT)


class VerdictSection:
    """The answer, and what decided it."""

    title = "Verdict"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return a sentence and a table a benchmark."""
        blocks: list[Block] = []
        for line, benchmark in zip(audit.verdicts, audit.benchmarks, strict=True):
            task = next(t for t in audit.run.tasks if t.spec.name == line.task)
            heldout = [t for t in audit.run.tasks if t.role is not None and t.role != task.role]
            rows = [_score_row("all problems", task.estimates)]
            if benchmark.leaked:
                rows.append(_score_row("found in the traces", benchmark.leaked))
                rows.append(_score_row("without these", benchmark.clean))
            rows += [_score_row(f"held out: {t.spec.name}", t.estimates) for t in heldout]
            claimed = [c.sentence for c in audit.claims if c.task == line.task]
            faulty = [t.spec.name for t in (task, *heldout) if invalid_for(audit.run, t.spec.name)]
            caption = (
                f"INVALID: the numbers of {', '.join(faulty)} are no scores." if faulty else ""
            )
            header = ("", "problems", "pass@1", *_interval_names(task.estimates))
            blocks += [
                Paragraph(f"{line.task}: {line.verdict}. {line.sentence}"),
                Table(header, tuple(rows), caption),
                Paragraph(EXPLAINED),
                Paragraph(f"What would change this verdict: {line.would_change}."),
            ]
            if claimed:
                blocks += [Paragraph("What was claimed:"), Bullets(tuple(claimed))]
        return blocks


class ValiditySection:
    """What says that a score may be none."""

    title = "Validity"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the findings, the gravest first, each with its examples and its rule."""
        found = audit.run.validity
        if not found:
            return [Paragraph("No check of the run found anything that speaks against its scores.")]
        blocks: list[Block] = []
        if audit.run.invalid:
            names = (t.spec.name for t in audit.run.tasks if invalid_for(audit.run, t.spec.name))
            blocks.append(Paragraph(f"INVALID: the numbers of {', '.join(names)} are no scores."))
        return [*blocks, Bullets(tuple(_told(finding) for finding in found))]


class ScoresSection:
    """pass@k of every task."""

    title = "Scores"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return a table a task, and what truncation may have cost."""
        blocks: list[Block] = []
        for task in audit.run.tasks:
            blocks.append(_scores_table(task, invalid=bool(invalid_for(audit.run, task.spec.name))))
            if task.n_truncated and task.stop_after_successes is None:
                blocks.append(Paragraph(_if_truncated_right(task)))
        return [*blocks, Paragraph(LEGEND)]


class LeaksSection:
    """What was searched, what was found, what it costs, and what the model itself shows."""

    title = "Contamination"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the search, the problems found, the price of each kind and the checks."""
        return [*self._search(audit), *leaks.prices(audit), *leaks.checks(audit)]

    def _search(self, audit: Audit) -> list[Block]:
        if audit.scan is None:
            why = "No teacher traces were given, so none were searched."
            if audit.spec.traces:
                why = "No detector that searches the traces was asked for, so none were searched."
            return [Paragraph(why)]
        skipped, reasons = sum(audit.scan.rows_skipped.values()), _reasons(audit.scan.rows_skipped)
        blocks: list[Block] = [
            Paragraph(
                f"{audit.scan.rows_read:,} rows of {len(audit.scan.documents)} trace file(s) were "
                f"searched" + (f", {skipped:,} could not be ({reasons})." if skipped else ".")
            )
        ]
        rows = [_search_row(audit, task) for task in audit.run.tasks]
        header = ("task", "role", "searched", "found", "places in the traces")
        blocks.append(Table(header, tuple(rows)))
        invalid = {line.task for line in audit.verdicts if line.verdict is VerdictWord.INVALID}
        differences = [
            (marked(b.task, b.task in invalid), d) for b in audit.benchmarks for d in b.differences
        ]
        if differences:
            blocks.append(
                Table(
                    (
                        "task",
                        "difference",
                        "k",
                        "points",
                        f"{level_name(differences[0][1].level)} interval",
                    ),
                    tuple(
                        (task, d.name, str(d.k), points(d.value), points_interval(d.interval))
                        for task, d in differences
                    ),
                    caption="Differences of pass@k in percentage points.",
                )
            )
        return blocks


class EvidenceSection:
    """Each problem found, beside the place where it stands."""

    title = "Evidence"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the problems found with their first place in the traces."""
        found = [f for f in audit.findings if f.status in FOUND and f.matches]
        if not found:
            return []
        blocks: list[Block] = [
            Table(
                ("task", "problem", "status", "kind", "q", "places", "first place", "found by"),
                tuple(
                    (
                        f.task,
                        f.problem_id,
                        f.status,
                        ", ".join(part for part in (f.kind, f.channel) if part) or "-",
                        "-" if f.q_value is None else f"{f.q_value:.2g}",
                        str(f.n_matches),
                        f"line {f.matches[0].row + 1} of {Path(f.matches[0].document).name}",
                        f.detector,
                    )
                    for f in found
                ),
            )
        ]
        for finding in found[:MAX_EVIDENCE]:
            match = finding.matches[0]
            statement = audit.statements.get(f"{finding.task}/{finding.problem_id}", "")
            blocks.append(Verbatim(f"Problem {finding.problem_id} of {finding.task}", statement))
            blocks.append(
                Verbatim(
                    f"in {match.document}, line {match.row + 1}, {match.field}, characters "
                    f"{match.document_span[0]} to {match.document_span[1]}",
                    match.text,
                )
            )
        if len(found) > MAX_EVIDENCE:
            blocks.append(Paragraph(f"{len(found) - MAX_EVIDENCE} more stand in the audit file."))
        return blocks


class MethodSection:
    """What was run, how it was counted, and what it cannot show."""

    title = "Method and limits"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the settings and the limits."""
        engine, sampling = audit.run.engine, audit.run.sampling
        versions = ", ".join(f"{k} {v}" for k, v in engine.versions.items())
        graders = ", ".join(f"{task}: {name}" for task, name in audit.run.grader_versions.items())
        rows = (
            ("model", engine.model),
            ("revision", engine.revision or "local files"),
            ("weights digest", engine.weights_digest),
            ("engine", f"{engine.engine}, {engine.dtype} ({versions})"),
            ("engine settings", _pairs(engine.settings)),
            ("sampling", _pairs(msgspec.to_builtins(sampling))),
            ("preset", audit.spec.model.preset or "none"),
            ("system prompt", audit.spec.system_prompt or "none added"),
            ("graders", graders),
            ("reasonbench", audit.reasonbench),
            ("made", audit.created.isoformat(timespec="seconds")),
            ("command", shlex.join(["reasonbench", *audit.command[1:]])),
        )
        return [
            Table(("", ""), rows),
            Paragraph(
                "pass@k is the unbiased estimate of Chen et al. (2021), the mean over problems. "
                "'Other problems' is the anchored Dirichlet (Gaffke) interval: what other problems "
                "of the kind could give, at anchor 1/2 in tables and the conservative anchor 1 "
                "in differences and verdicts, joined there by square-and-add (MOVER). 'Same "
                "problems' is Wilson's at the effective sample size: what new samples on these "
                "problems could give. A completion is graded on the "
                "final answer after its thinking part, whatever ended it; it counts as wrong, as "
                "'truncated', only where the token limit cut it off before a final answer. One "
                "without a verdict counts as neither right nor wrong. Of a problem stopped at its "
                "r-th success, pass@k is the unbiased estimate for that way of sampling, and "
                "Chen's formula is used on the others alone."
            ),
            Bullets(audit.limits),
        ]


def _search_row(audit: Audit, task: TaskResult) -> tuple[str, ...]:
    mine = [f for f in audit.findings if f.task == task.spec.name]
    found = [f for f in mine if f.status in FOUND]
    searched = sum(f.status is not FindingStatus.NOT_CHECKED for f in mine)
    places = sum(f.n_matches for f in found)
    return (task.spec.name, str(task.role or "-"), str(searched), str(len(found)), str(places))


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


def _told(finding: ValidityFinding) -> str:
    examples = finding.evidence.get("examples")
    shown = examples[:MAX_EXAMPLES] if isinstance(examples, list) else []
    named = f" Examples: {', '.join(str(e)[:MAX_EXAMPLE] for e in shown)}." if shown else ""
    severity = "INVALID" if finding.severity is Severity.INVALID else finding.severity.value
    sentence = finding.sentence[:MAX_SENTENCE]
    return f"{severity} ({finding.code}): {sentence}{named} Rule: {finding.source}."


def _scores_table(task: TaskResult, *, invalid: bool) -> Table:
    asked = f"{len(task.problems)} problems, n = {completions_asked(task)}"
    notes = [asked, _reasons(task.reasons)]
    if task.ungraded:
        notes.append(f"no verdict: {_reasons(task.ungraded)}")
    if task.n_unsampled:
        notes.append(f"{task.n_unsampled:,} completions not sampled")
    if task.n_ungraded:
        notes.append(f"{task.n_ungraded:,} completions not graded")
    if task.failures:
        commonest = dict(Counter(task.failures).most_common(MAX_FAILURES))
        notes.append(f"failures: {_reasons(commonest)}")
    return Table(
        ("k", "pass@k", *_interval_names(task.estimates), "left out", "notes"),
        tuple(
            (
                str(e.k),
                percent(e.value),
                interval(e.superpopulation),
                interval(e.fixed),
                str(e.n_excluded),
                flag_notes(e.flags),
            )
            for e in task.estimates
        ),
        caption=marked(f"{task.spec.name}: {'; '.join(notes)}", invalid),
    )


def _interval_names(estimates: Sequence[Estimate]) -> tuple[str, str]:
    level = f" ({level_name(estimates[0].level)})" if estimates else ""
    return f"other problems{level}", f"same problems{level}"


def _if_truncated_right(task: TaskResult) -> str:
    shares = [p.c_if_truncated_right / p.n for p in task.problems if p.n]
    return (
        f"{task.spec.name}: {task.n_truncated:,} completions reached the token limit without a "
        f"right answer, {task.reasons.get('truncated', 0):,} of them without any. Had all been "
        f"right, pass@1 would be {percent(sum(shares) / len(shares))}."
    )


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items()) or "none"


def _pairs(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"
