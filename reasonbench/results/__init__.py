"""Results: what the records of one model came to.

An ``Audit`` is the one object that reports and gates read; it is written to disk as
JSON beside the run and can be read back without any of the engines.  What detectors say of
it stands in ``findings``.
"""

import datetime
import enum
from typing import Any

import msgspec

from reasonbench.records import Counts, EngineIdentity, Estimate, Interval, Record
from reasonbench.results.comparison import Collapse, Comparison, PairedDelta, PairedTask
from reasonbench.results.findings import (
    Contrast,
    Finding,
    FindingStatus,
    Match,
    Measured,
    ModelCheck,
    ScanSummary,
    Sign,
)
from reasonbench.results.gap import FreshGap
from reasonbench.results.gates import GATE_SCHEMA, GateDecision, GateReport, GateResult
from reasonbench.specs import AuditSpec, Claim, SamplingSpec, TaskSpec

AUDIT_SCHEMA = 3
"""Version of the Audit's JSON; 3 holds claims against what was measured."""


class Role(enum.StrEnum):
    """What a task stands for in an audit."""

    PUBLIC = "public"
    """A published benchmark, which may have leaked."""
    HELDOUT = "heldout"
    """Equally hard problems that cannot have been trained on."""
    FRESH = "fresh"
    """Problems younger than the model, of whatever difficulty."""
    CONTROL = "control"
    """The families of a fresh task, drawn from an old round."""


class VerdictWord(enum.StrEnum):
    """The audit's answer to 'is the score real?'."""

    SUPPORTED = "SUPPORTED"
    """Nothing was found that speaks against the score."""
    INFLATED = "INFLATED"
    """Leaked problems raise it, beyond chance."""
    UNSUPPORTED = "UNSUPPORTED"
    """It was claimed higher than it was measured, beyond chance."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The evidence decides nothing."""
    INVALID = "INVALID"
    """The run does not measure what it claims to."""


class Severity(enum.StrEnum):
    """How far a validity finding reaches."""

    INVALID = "invalid"
    """The numbers do not measure what they say; every place that shows them says so."""
    WARNING = "warning"
    """They may be off; read the evidence."""
    NOTE = "note"
    """A reader should know."""


class ValidityFinding(Record, frozen=True, kw_only=True):
    """One way in which a run's score may not be a score."""

    code: str
    """Stable name of the check, such as ``truncation``."""
    severity: Severity
    """How far it reaches."""
    task: str | None
    """Task concerned; None for the whole run."""
    sentence: str
    """What was found, with its numbers, and what to do."""
    evidence: dict[str, Any]
    """The numbers, and ids of examples."""
    source: str
    """Where the rule comes from."""


class TaskResult(Record, frozen=True, kw_only=True):
    """One task's score."""

    spec: TaskSpec
    """What was measured."""
    role: Role | None
    """What the task stands for; None outside an audit."""
    n: int
    """Completions a problem that were asked for, at most."""
    problems: tuple[Counts, ...]
    """Counts of every problem, those with no grade included."""
    reasons: dict[str, int]
    """Completions by the reason of their grade."""
    ungraded: dict[str, int]
    """Completions without a verdict, by reason."""
    n_truncated: int
    """Completions that the token limit cut off before a right answer."""
    n_unsampled: int
    """Completions that were asked for and do not exist."""
    n_ungraded: int
    """Completions that exist and that no grader could be run on."""
    failures: dict[str, int]
    """Why those are owed: ``ErrorType: message`` of the last try, and how many."""
    estimates: tuple[Estimate, ...]
    """pass@k for each k."""
    stop_after_successes: int | None = None
    """Successes at which a problem was stopped; pass@k then is the stopped estimator's."""

    @property
    def n_owed(self) -> int:
        """Completions that are still to be sampled or graded."""
        return self.n_unsampled + self.n_ungraded


class RunResult(Record, frozen=True, kw_only=True):
    """What one run came to."""

    path: str
    """Run directory."""
    plan: str
    """Id of the plan in that directory."""
    engine: EngineIdentity
    """What drew the samples."""
    sampling: SamplingSpec
    """Every effective sampling parameter."""
    grader_versions: dict[str, str]
    """Grader identity by task."""
    tasks: tuple[TaskResult, ...]
    """Scores in the order of the tasks asked for."""
    validity: tuple[ValidityFinding, ...] = ()
    """What speaks against these scores, the gravest first."""

    @property
    def invalid(self) -> tuple[ValidityFinding, ...]:
        """Findings by which these scores are none."""
        return tuple(f for f in self.validity if f.severity is Severity.INVALID)

    @property
    def n_owed(self) -> int:
        """Completions that are still to be sampled or graded."""
        return sum(task.n_owed for task in self.tasks)


class Difference(Record, frozen=True, kw_only=True):
    """Difference of two pass@k."""

    name: str
    """What is compared: ``leaked - clean``, ``public - heldout``, ``all - clean``."""
    k: int
    """k of the metric."""
    value: float | None
    """The difference, positive where the first is higher."""
    interval: Interval | None
    """Its confidence interval."""
    level: float
    """Confidence level."""
    method: str
    """How the interval was made."""


class VerdictLine(Record, frozen=True, kw_only=True):
    """The audit's answer for one public benchmark."""

    task: str
    """Benchmark concerned."""
    verdict: VerdictWord
    """The answer."""
    sentence: str
    """Why, with the numbers that decided."""
    would_change: str
    """What would change this verdict."""


class ClaimCheck(Record, frozen=True, kw_only=True):
    """A published score beside the measured one."""

    task: str
    """Task that was measured."""
    claim: Claim
    """What was published."""
    measured: Estimate | None
    """The same metric here; None where it was not measured."""
    holds: bool | None
    """False where the claim lies above the measured interval; None where nothing tells."""
    sentence: str
    """Both numbers, and what differs between them."""


class KindPrice(Record, frozen=True, kw_only=True):
    """What the problems leaked in one way add to a benchmark's score."""

    kind: str
    """The kind of leak; ``unclassed`` where the detector names none."""
    n_problems: int
    """Problems whose gravest finding is of this kind."""
    leaked: tuple[Estimate, ...]
    """pass@k on them."""
    differences: tuple[Difference, ...]
    """``leaked - clean`` with the problems of no finding as clean, and ``all - clean``, the share
    of these problems times it: over the kinds it adds up to that of the benchmark."""


class BenchmarkAudit(Record, frozen=True, kw_only=True):
    """Everything about one public benchmark."""

    task: str
    """Benchmark concerned."""
    n_contaminated: int
    """Problems found in the traces."""
    n_checked: int
    """Problems that were searched for; 0 where no row of the traces could be read."""
    n_rows_skipped: int
    """Rows of the traces that could not be searched."""
    n_heldout_dropped: int
    """Held-out problems that stand in the traces themselves, and are compared with nothing."""
    leaked: tuple[Estimate, ...]
    """pass@k on the problems found in the traces."""
    clean: tuple[Estimate, ...]
    """pass@k on the others."""
    differences: tuple[Difference, ...]
    """Comparisons that decide the verdict."""
    kinds: tuple[KindPrice, ...] = ()
    """What was found, by kind of leak; the commonest first."""


class Audit(Record, frozen=True, kw_only=True):
    """Everything for one model."""

    schema_version: int
    """Version of this JSON."""
    reasonbench: str
    """Version that made it."""
    created: datetime.datetime
    """When, in UTC."""
    command: tuple[str, ...]
    """Command that made it."""
    spec: AuditSpec
    """What was asked for."""
    run: RunResult
    """What was sampled and scored."""
    scan: ScanSummary | None
    """What was searched; None where no traces were given."""
    findings: tuple[Finding, ...]
    """One a problem and detector."""
    statements: dict[str, str]
    """Statement of each contaminated or suspect problem, by ``task/id``."""
    benchmarks: tuple[BenchmarkAudit, ...]
    """The public benchmarks."""
    verdicts: tuple[VerdictLine, ...]
    """The answers."""
    limits: tuple[str, ...]
    """What this audit cannot know, and why."""
    checks: tuple[ModelCheck, ...] = ()
    """What the detectors on the model's side saw."""
    claims: tuple[ClaimCheck, ...] = ()
    """What was published, beside what was measured."""
    gaps: tuple[FreshGap, ...] = ()
    """Each public task against each fresh one, beside the reference and the control."""
    comparison: Comparison | None = None
    """The model against its first reference, problem by problem, with the test for collapse."""
    further_comparisons: tuple[Comparison, ...] = ()
    """The same against each further reference, in the spec's order."""

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The model against each of its references, in the spec's order."""
        first = () if self.comparison is None else (self.comparison,)
        return first + self.further_comparisons


RESULTS: dict[str, type[msgspec.Struct]] = {
    "Audit": Audit,
    "RunResult": RunResult,
    "FreshGap": FreshGap,
    "GateReport": GateReport,
}
"""Result types whose JSON schema ``reasonbench schema`` prints."""

__all__ = [
    "AUDIT_SCHEMA",
    "GATE_SCHEMA",
    "RESULTS",
    "Audit",
    "BenchmarkAudit",
    "ClaimCheck",
    "Collapse",
    "Comparison",
    "Contrast",
    "Difference",
    "Finding",
    "FindingStatus",
    "FreshGap",
    "GateDecision",
    "GateReport",
    "GateResult",
    "KindPrice",
    "Match",
    "Measured",
    "ModelCheck",
    "PairedDelta",
    "PairedTask",
    "Role",
    "RunResult",
    "ScanSummary",
    "Severity",
    "Sign",
    "TaskResult",
    "ValidityFinding",
    "VerdictLine",
    "VerdictWord",
]
