"""A gate's policy: the rules that a model must meet."""

import enum
from typing import Annotated, Literal

import msgspec

from reasonbench.specs.base import Level, PositiveInt, Proportion, Spec


class Tier(enum.StrEnum):
    """How much a gate's rule weighs."""

    CRITICAL = "critical"
    """It must pass."""
    SUPPORTING = "supporting"
    """It must not fail; what it cannot decide does not stand in the way."""
    ADVISORY = "advisory"
    """It is reported and decides nothing."""


class GateRule(Spec, frozen=True, kw_only=True):
    """One condition that a model must meet: a bound, or a distance from a baseline."""

    metric: str = "pass@1"
    """What is compared: ``pass@K``, ``maj@K``, ``distinct@K`` (different answers among K, as a
    share of K), ``truncated``, ``no_answer``, ``clean_delta@K`` (pass@K of all problems minus
    that of those not found in the traces), ``findings``, ``validity`` or ``verdict``."""
    task: str | None = None
    """Task that the rule is about; None where the run has but one, or for the whole run."""
    name: str | None = None
    """Name that the rule is reported by; by default its metric and task."""
    tier: Tier = Tier.CRITICAL
    """How much it weighs."""
    at_least: float | None = None
    """Bound that the metric must reach."""
    at_most: float | None = None
    """Bound that the metric must not pass."""
    margin: Proportion | None = None
    """Most that the metric may be worse than the baseline's: non-inferiority."""
    better_by: Proportion | None = None
    """Least that the metric must be better than the baseline's by: superiority."""
    level: Level = 0.95
    """One-sided confidence of PASS and of FAIL, before Holm's correction."""
    max_tokens: PositiveInt | None = None
    """Count only completions of at most so many tokens as correct."""
    kinds: tuple[str, ...] = ()
    """Kinds of leak that ``findings`` counts; all by default."""
    q_value: Proportion = 0.05
    """Largest q-value of a finding that ``findings`` counts."""
    codes: tuple[str, ...] = ()
    """Codes that ``validity`` looks for; by default every finding that makes a run invalid."""
    allowed: tuple[str, ...] = ("SUPPORTED",)
    """Verdicts that ``verdict`` lets pass."""


class SequentialPlan(Spec, frozen=True, kw_only=True):
    """Sampling in rounds until the rules are decided."""

    n_max: PositiveInt
    """Completions a problem at which it ends."""
    step: PositiveInt = 4
    """Completions a problem that each look adds."""
    method: Literal["obrien_fleming", "e_process"] = "obrien_fleming"
    """How the error of several looks is kept; ``e_process`` may be extended beyond n_max."""


class GatePolicy(Spec, frozen=True, kw_only=True):
    """The rules that decide whether a model passes."""

    rules: Annotated[tuple[GateRule, ...], msgspec.Meta(min_length=1)]
    """All of them, weighed by tier."""
    on_inconclusive: Literal["inconclusive", "pass", "fail"] = "inconclusive"
    """What an undecided gate counts as."""
    power: Level = 0.8
    """Chance of passing an equal model that a rule with a margin must have."""
    sequential: SequentialPlan | None = None
    """Sample in rounds and stop when decided; for ``pass@1`` against a baseline."""
