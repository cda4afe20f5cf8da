"""Studies: arms x seeds, trained, sampled and compared on one set of problems."""

from typing import Annotated

import msgspec

from reasonbench.specs.base import Level, NonNegativeInt, PositiveInt, Proportion, Spec
from reasonbench.specs.running import EngineSpec, ModelSpec, SamplingSpec
from reasonbench.specs.training import (
    BankSpec,
    Hyperparameters,
    NonNegativeFloat,
    ObjectiveSpec,
    PositiveFloat,
    TraceView,
)


class WiseSpec(Spec, frozen=True, kw_only=True):
    """WiSE-FT: the weights between the student's beginning and an arm's end."""

    arm: str
    """Arm whose last checkpoint is taken."""
    alpha: Proportion = 0.5
    """Share of that arm: 0 is the beginning, 1 the arm."""


class StudyArm(Spec, frozen=True, kw_only=True):
    """One way of making a student."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
    """Name of the arm in tables and folders."""
    objective: ObjectiveSpec = ObjectiveSpec()
    """What it learns."""
    view: TraceView = TraceView()
    """Traces of the study's bank that it learns from."""
    learning_rates: tuple[PositiveFloat, ...] = ()
    """Rates to choose from on the tuning problems; one is taken as it is; by default the
    study's own."""
    wise: WiseSpec | None = None
    """Not trained: interpolated from another arm."""


class SelectSpec(Spec, frozen=True, kw_only=True):
    """Which problems are compared, by a pilot of the student's beginning.

    The pilot has draws of its own, so what is chosen by them is not what is reported.
    """

    k: PositiveInt = 64
    """K of the pilot, and its completions a problem."""
    low: Proportion = 0.7
    """Least pass@K of the chosen problems together."""
    high: Proportion = 0.95
    """Largest one: at 1 it could only fall."""


class TuneSpec(Spec, frozen=True, kw_only=True):
    """How an arm's learning rate is chosen."""

    tasks: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Problems that no other part of the study sees."""
    n: PositiveInt = 16
    """Completions a problem."""
    steps: PositiveInt | None = None
    """Optimizer steps of a trial; by default those of the study."""


class LeakSpec(Spec, frozen=True, kw_only=True):
    """Known items of the benchmark, planted into the traces in doses."""

    dose: Annotated[tuple[NonNegativeInt, ...], msgspec.Meta(min_length=2)] = (0, 1, 4, 16)
    """Copies of each planted item, an arm a dose; 0 must be among them."""
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.25
    """Share of the benchmark's problems that is planted, by ``seed``."""
    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = (
        "verbatim",
        "renumbered",
        "paraphrased",
        "solution",
    )
    """How an item is planted; each planted item has one, in turn."""
    seed: NonNegativeInt = 0
    """Seed of what is planted where."""
    detectors: tuple[str, ...] = ("completion", "regurgitation")
    """Detectors that ask the students."""


class StudySpec(Spec, frozen=True, kw_only=True):
    """A controlled comparison of training arms."""

    name: str
    """Title of the report."""
    teacher: ModelSpec
    """Model that the traces come from."""
    student: ModelSpec
    """Model that every arm starts from."""
    trace_tasks: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Tasks whose problems the teacher solves for the bank."""
    tasks: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Tasks that every model is sampled on."""
    hyper: Hyperparameters
    """The numbers of every training: matched steps and batches; an arm has but its own rate."""
    bank: BankSpec = BankSpec()
    """How the teacher is sampled."""
    arms: tuple[StudyArm, ...] = ()
    """What is compared; with ``leak``, what every dose is trained by (one arm, or SFT)."""
    seeds: Annotated[tuple[NonNegativeInt, ...], msgspec.Meta(min_length=1)] = (0, 1)
    """Training seeds; every arm runs with each."""
    n: PositiveInt = 64
    """Completions a problem of the references and of each last checkpoint."""
    checkpoint_n: PositiveInt = 16
    """Completions a problem of the checkpoints before the last."""
    checkpoints: tuple[PositiveInt, ...] | None = None
    """Steps that are sampled; by default log-spaced, the last always."""
    ks: tuple[PositiveInt, ...] = ()
    """Values of k; by default the powers of two up to n.  The largest is K."""
    temperatures: Annotated[tuple[NonNegativeFloat, ...], msgspec.Meta(min_length=1)] = (1.0,)
    """The first is the one that arms are compared at; references and last checkpoints are
    sampled at all."""
    sampling: SamplingSpec = SamplingSpec()
    """The rest of how a completion is drawn."""
    engine: EngineSpec = EngineSpec()
    """How models are run."""
    select: SelectSpec | None = None
    """Choose the problems by a pilot."""
    tune: TuneSpec | None = None
    """Choose learning rates; needed where an arm names several."""
    leak: LeakSpec | None = None
    """A dose-response of planted items."""
    level: Level = 0.95
    """Confidence level of every interval."""
    limit: PositiveInt | None = None
    """Only the first so many problems of each task that models are sampled on."""
    parallel: PositiveInt | None = None
    """Trainings and samplings at once; by default one a GPU, without any one a core; more than
    there are GPUs share these."""
