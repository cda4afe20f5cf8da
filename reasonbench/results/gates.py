"""What a gate came to: one object, from which the printed verdict and the exit code are taken."""

import datetime
import enum

from reasonbench.records import Interval, Record
from reasonbench.specs import GatePolicy, GateRule

GATE_SCHEMA = 1
"""Version of the GateReport's JSON."""


class GateDecision(enum.StrEnum):
    """A gate's outcome, or one rule's."""

    PASS = "PASS"
    """It holds."""
    FAIL = "FAIL"
    """It does not."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The samples do not decide it."""


class GateResult(Record, frozen=True, kw_only=True):
    """One rule's outcome."""

    name: str
    """Name of the rule."""
    rule: GateRule
    """The rule as written."""
    task: str | None
    """Task that it was applied to."""
    decision: GateDecision
    """Its outcome."""
    value: float | None
    """The metric, or its distance from the baseline's; None where there is none."""
    interval: Interval | None
    """One-sided lower and upper bound, each at the rule's level."""
    n_problems: int
    """Problems behind the value."""
    n: int
    """Most completions a problem behind the value."""
    p_pass: float | None
    """p-value of the hypothesis that the rule does not hold; None where nothing is tested."""
    p_fail: float | None
    """p-value of the hypothesis that it does."""
    p_pass_holm: float | None
    """``p_pass`` after Holm's correction over the rules that decide."""
    p_fail_holm: float | None
    """``p_fail`` after the same."""
    mde: float | None
    """Distance that would be seen with the policy's power; None without a baseline."""
    sentence: str
    """Why, with the numbers that decided."""
    needs: str
    """What would decide it; empty where it is decided."""


class GateReport(Record, frozen=True, kw_only=True):
    """A policy applied to a model."""

    schema_version: int
    """Version of this JSON."""
    reasonbench: str
    """Version that made it."""
    created: datetime.datetime
    """When, in UTC."""
    command: tuple[str, ...]
    """Command that made it."""
    subject: str
    """What was judged."""
    model: str
    """Model that was judged."""
    baseline: str | None
    """What it was held against."""
    policy: GatePolicy
    """The rules."""
    policy_digest: str
    """Digest of the policy."""
    results: tuple[GateResult, ...]
    """The outcome of every rule, in the policy's order."""
    decision: GateDecision
    """The outcome."""
    counts_as: GateDecision
    """What it counts as: an undecided gate may count as passed or failed."""
    exit_code: int
    """Exit code of the command: 0 PASS, 1 FAIL, 4 INCONCLUSIVE."""
    sentence: str
    """The outcome in one sentence."""
    lock: str | None = None
    """Lock that the policy and the data were checked against."""
