"""The built-in sections, one class each."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reasonbench.presets import PRESETS
from reasonbench.protocols import Block
from reasonbench.records import EngineIdentity, Estimate
from reasonbench.report import charts, grids, leaks, verdicts
from reasonbench.report.blocks import Bullets, Details, Heading, Paragraph, Table
from reasonbench.report.data import ReportData, bare
from reasonbench.report.evidence import evidence_of
from reasonbench.report.panels import EvidenceList
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
from reasonbench.specs import SamplingSpec
from reasonbench.verdict import invalid_for

MAX_SENTENCE = 1000
"""Characters of a validity finding's sentence that are printed."""
MAX_EXAMPLES, MAX_EXAMPLE = 5, 100
"""Completions that a finding names, and characters of each name."""
MAX_FAILURES = 3
"""Reasons of missing completions that are printed, the commonest first."""
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
        """Return a card a benchmark."""
        return self.draw(bare(audit))

    def draw(self, data: ReportData) -> Sequence[Block]:
        """Return the same, and the verdicts on the models beside it."""
        others = tuple(
            (model.label, line.task, str(line.verdict), line.sentence)
            for model in data.models[1:]
            for line in model.verdicts
        )
        header = ("model", "task", "verdict", "why")
        beside = [Table(header, others, "The models beside it")] if others else []
        return [*verdicts.cards(data), *beside]


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
    """pass@k of every task, its problems, its budgets, and how different its answers are."""

    title = "Scores"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return a table a task, and what truncation may have cost."""
        return self.draw(bare(audit))

    def draw(self, data: ReportData) -> Sequence[Block]:
        """Return the same with what the completions say."""
        tasks = data.audit.run.tasks
        blocks: list[Block] = []
        for task in tasks:
            invalid = bool(invalid_for(data.audit.run, task.spec.name))
            table = _scores_table(task, invalid=invalid)
            blocks += charts.pass_at_k(data, task.spec.name, table)
            if task.n_truncated and task.stop_after_successes is None:
                blocks.append(Paragraph(_if_truncated_right(task)))
        blocks.append(Paragraph(LEGEND))
        blocks += grids.grid(data)
        names = [task.spec.name for task in tasks]
        for heading, draw in (
            ("Accuracy against the token budget", charts.budgets),
            ("Lengths and truncation", charts.lengths),
            ("Diversity", charts.diversity),
        ):
            drawn = [block for name in names for block in draw(data, name)]
            if heading == "Diversity":
                drawn += charts.comparisons(data)
            blocks += [Heading(heading), *drawn] if drawn else []
        blocks += grids.graders(data)
        return [*blocks, *([Bullets(data.notes)] if data.notes else [])]


class LeaksSection:
    """What was searched, what was found, what it costs, and what the model itself shows."""

    title = "Contamination"

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the search, the problems found, the price of each kind and the checks."""
        split = charts.dates(audit.checks)
        return [
            *self._search(audit),
            *leaks.prices(audit),
            *([Heading("Before and after the cutoff"), *split] if split else []),
            *charts.gaps(audit.gaps),
            *leaks.checks(audit),
        ]

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
        return self.draw(bare(audit))

    def draw(self, data: ReportData) -> Sequence[Block]:
        """Return the same, with links to the grid."""
        found = evidence_of(data)
        return [EvidenceList(found)] if found else []


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
            ("sampling", _sampling(engine, sampling)),
            ("preset", _preset(audit.spec.model.preset)),
            ("system prompt", audit.spec.system_prompt or "none added"),
            ("graders", graders),
            ("seeds", _seeds(engine, sampling)),
            ("tasks", "; ".join(_task_source(task) for task in audit.run.tasks)),
            ("detectors", ", ".join(dict.fromkeys(f.detector for f in audit.findings)) or "none"),
            ("level of the intervals", level_name(audit.spec.level)),
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
            Details("The rules of the verdict", (Bullets(tuple(verdicts.RULES.values())),)),
            Heading("What this audit cannot know"),
            Bullets(audit.limits),
        ]


def _search_row(audit: Audit, task: TaskResult) -> tuple[str, ...]:
    mine = [f for f in audit.findings if f.task == task.spec.name]
    found = [f for f in mine if f.status in FOUND]
    searched = sum(f.status is not FindingStatus.NOT_CHECKED for f in mine)
    places = sum(f.n_matches for f in found)
    return (task.spec.name, str(task.role or "-"), str(searched), str(len(found)), str(places))


def _sampling(engine: EngineIdentity, sampling: SamplingSpec) -> str:
    told = _pairs(engine.told(sampling))
    untold = ", ".join(engine.not_told)
    return f"{told}; not told by the log: {untold}" if untold else told


def _seeds(engine: EngineIdentity, sampling: SamplingSpec) -> str:
    if "seed" in engine.not_told:
        return "not told by the log"
    return f"run seed {sampling.seed}; a problem's seed and a completion's follow"


def _preset(name: str | None) -> str:
    preset = next((p for p in PRESETS if p.name == name), None)
    if preset is None:
        return name or "none"
    return f"{preset.name} ({preset.card}: {preset.source})"


def _task_source(task: TaskResult) -> str:
    spec = task.spec
    parts = [spec.source, spec.revision, spec.split, f"digest {spec.content_digest or 'unknown'}",
             f"licence {spec.license or 'not stated'}"]  # fmt: skip
    return f"{spec.name} {spec.version} ({', '.join(part for part in parts if part)})"


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
