"""What an import says of itself: where everything came from, and where we and the source differ."""

from collections.abc import Sequence
from typing import Any

import msgspec

from reasonbench.interchange.imported import Imported
from reasonbench.interchange.source_grader import FIELD, at
from reasonbench.records import Grade, Problem, Record, Verdict


class Source(Record, frozen=True, kw_only=True):
    """One log that went into a run."""

    file: str
    """Its path as it was given."""
    sha256: str
    """Digest of its bytes."""
    format: str
    """Its format."""
    version: str
    """Version of the format or its harness."""
    trace_available: bool
    """Whether every sample has its text."""
    finish_reason_available: bool
    """Whether it tells why each sample ended."""
    missing: tuple[str, ...]
    """What it lacks, one sentence each."""


class Disagreement(Record, frozen=True, kw_only=True):
    """Where our verdict and the source's differ."""

    task: str
    """Task of the problem."""
    problem_id: str
    """Problem concerned."""
    sample_index: int | None
    """Completion concerned; None where the source scores the problem as a whole."""
    row: int
    """Row of the log."""
    ours: str
    """Our verdict and its reason, or our mean."""
    our_answer: str | None
    """Answer that we extracted."""
    source_score: float
    """The source's score."""
    source_answer: str | None
    """Answer that the source extracted."""


class ImportedTask(Record, frozen=True, kw_only=True):
    """One task of the import."""

    name: str
    """Name of the task in the run."""
    problems: int
    """Problems in it."""
    n: int
    """Most samples a problem."""
    effective_n: float
    """Samples a problem that are no copies of another, on average."""
    grader: str
    """Grader that judged them; ``source`` is the log's own score."""
    n_compared: int
    """Completions with a verdict of ours and a score of the source."""
    n_agree: int
    """Those on which both say the same."""
    problems_compared: int
    """Problems for which the source tells only a mean, where all samples have our verdict."""
    problems_agree: int
    """Those on which both means are the same."""


class ImportReport(Record, frozen=True, kw_only=True):
    """What one import did; kept as ``import.json``."""

    reasonbench: str
    """Version that imported."""
    id: str
    """Digest of the logs and the options: the same import has the same id."""
    model: str
    """Model of the run."""
    sources: tuple[Source, ...]
    """The logs."""
    notes: tuple[str, ...]
    """What else must be known."""
    tasks: tuple[ImportedTask, ...]
    """The tasks."""
    disagreements: tuple[Disagreement, ...]
    """All of them, in the order of the run."""


class Options(Record, frozen=True, kw_only=True):
    """How logs are imported."""

    form: str | None = None
    """Format; by default it is recognised."""
    task: str | None = None
    """Our task whose problems they are."""
    grader: str | None = None
    """Grader in place of the task's."""
    model: str | None = None
    """Model to take, or its name where a log has none."""
    allow_copies: bool = False
    """Import a log whose samples are copies all the same."""


def source_of(log: Imported) -> Source:
    """Return what the report says of a log."""
    return Source(
        file=str(log.path),
        sha256=log.sha256,
        format=log.format,
        version=log.version,
        trace_available=log.trace_available,
        finish_reason_available=log.finish_reason_available,
        missing=log.missing,
    )


def wellformed(report: ImportReport) -> Any:
    """Return a report that UTF-8 can hold: a lone surrogate of a log is shown by its number."""
    return _valid(msgspec.to_builtins(report))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _valid(inner) for key, inner in value.items()}
    return [_valid(inner) for inner in value] if isinstance(value, list | tuple) else value


class Tally:
    """One task's verdicts against the source's scores."""

    def __init__(self) -> None:
        self.n = self.n_differing = self.problems = self.problems_differing = 0
        self.differing: list[Disagreement] = []

    def add(self, problem: Problem, grades: Sequence[Grade]) -> None:
        """Take one problem with our grades of it."""
        source = problem.metadata[FIELD]
        judged = [g for g in grades if g.verdict is not Verdict.UNGRADED]
        for grade in judged:
            score = at(source, "scores", grade.sample_index)
            if score is None:
                continue
            self.n += 1
            if (grade.verdict is Verdict.CORRECT) != (score >= 1):
                self.n_differing += 1
                self._differs(problem, score, f"{grade.verdict.value} ({grade.reason})", grade)
        mean = source.get("mean")
        if mean is None or len(judged) < len([s for s in source["rows"] if s is not None]):
            return
        self.problems += 1
        c = sum(grade.verdict is Verdict.CORRECT for grade in judged)
        if abs(c / len(judged) - mean) > 0.5 / len(judged):
            self.problems_differing += 1
            self._differs(problem, mean, f"{c} of {len(judged)} correct")

    def _differs(
        self, problem: Problem, score: float, ours: str, grade: Grade | None = None
    ) -> None:
        source = problem.metadata[FIELD]
        index = None if grade is None else grade.sample_index
        rows = source["rows"]
        self.differing.append(
            Disagreement(
                task=problem.task,
                problem_id=problem.id,
                sample_index=index,
                row=next(r for r in rows if r is not None) if index is None else rows[index],
                ours=ours,
                our_answer=None if grade is None else grade.answer,
                source_score=score,
                source_answer=None if index is None else at(source, "answers", index),
            )
        )
