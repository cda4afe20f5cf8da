"""Specs: what a person chose.  Immutable, validated, written as TOML or JSON.

A spec is one msgspec struct: the same definition decodes the file, rejects unknown
keys and gives ``reasonbench schema NAME`` its JSON schema.  The sentence under a
field is its only documentation and travels into that schema.
"""

from reasonbench.specs.base import Level, NonNegativeInt, PositiveInt, Proportion, Spec
from reasonbench.specs.gates import GatePolicy, GateRule, SequentialPlan, Tier
from reasonbench.specs.running import (
    AuditSpec,
    Claim,
    Cutoff,
    CutoffKind,
    EngineSpec,
    ModelSpec,
    RunSpec,
    SamplingSpec,
    TaskSpec,
)
from reasonbench.specs.studies import (
    LeakSpec,
    SelectSpec,
    StudyArm,
    StudySpec,
    TuneSpec,
    WiseSpec,
)
from reasonbench.specs.training import (
    BankSpec,
    Hyperparameters,
    LaunchSpec,
    LoraSpec,
    Loss,
    ObjectiveSpec,
    Prefix,
    TraceView,
    TrainSpec,
)

__all__ = [
    "SPECS",
    "AuditSpec",
    "BankSpec",
    "Claim",
    "Cutoff",
    "CutoffKind",
    "EngineSpec",
    "GatePolicy",
    "GateRule",
    "Hyperparameters",
    "LaunchSpec",
    "LeakSpec",
    "Level",
    "LoraSpec",
    "Loss",
    "ModelSpec",
    "NonNegativeInt",
    "ObjectiveSpec",
    "PositiveInt",
    "Prefix",
    "Proportion",
    "RunSpec",
    "SamplingSpec",
    "SelectSpec",
    "SequentialPlan",
    "Spec",
    "StudyArm",
    "StudySpec",
    "TaskSpec",
    "Tier",
    "TraceView",
    "TrainSpec",
    "TuneSpec",
    "WiseSpec",
]

SPECS: dict[str, type[Spec]] = {
    spec.__name__: spec
    for spec in (
        ModelSpec,
        EngineSpec,
        SamplingSpec,
        TaskSpec,
        RunSpec,
        AuditSpec,
        GatePolicy,
        TrainSpec,
        BankSpec,
        StudySpec,
    )
}
"""Every spec that can be written in a file, by the name that ``reasonbench schema`` takes."""
