"""How a student is trained, and on which of a teacher's traces."""

import enum
from typing import Annotated, Literal

import msgspec

from reasonbench.specs.base import NonNegativeInt, PositiveInt, Proportion, Spec
from reasonbench.specs.running import EngineSpec, ModelSpec, SamplingSpec

PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
NonNegativeFloat = Annotated[float, msgspec.Meta(ge=0)]


class Prefix(enum.StrEnum):
    """Whose tokens the loss is taken on."""

    TRACE = "trace"
    """The teacher's, as they stand in the traces."""
    TEACHER = "teacher"
    """The teacher's, drawn anew while training."""
    STUDENT = "student"
    """The student's own: on-policy."""
    MIXED = "mixed"
    """The student's own with chance ``mix``, the traces' otherwise."""


class Loss(enum.StrEnum):
    """What is made small."""

    NLL = "nll"
    """Cross-entropy of the tokens: supervised fine-tuning."""
    FORWARD_KL = "forward_kl"
    """KL(teacher || student)."""
    REVERSE_KL = "reverse_kl"
    """KL(student || teacher)."""
    JSD = "jsd"
    """Generalised Jensen-Shannon divergence with weight ``beta``."""
    GEM = "gem"
    """GEM (arXiv 2408.16673): a game that keeps the student's own distribution wide."""
    ENTROPY = "entropy"
    """Cross-entropy less ``coefficient`` times the student's entropy."""
    REWARD = "reward"
    """GRPO with the task's grader as the reward."""


class ObjectiveSpec(Spec, frozen=True, kw_only=True):
    """One training objective: whose prefixes, and which loss on them."""

    prefix: Prefix = Prefix.TRACE
    """Whose tokens the loss is taken on."""
    loss: Loss = Loss.NLL
    """What is made small."""
    beta: Proportion = 0.5
    """Weight of ``jsd``, and of ``gem``, where it is the temperature of the inner distribution."""
    mix: Proportion = 0.5
    """Chance of a student's prefix under ``mixed``."""
    top_k: NonNegativeInt = 0
    """Tokens of the teacher that a divergence is taken over; 0 takes all."""
    coefficient: NonNegativeFloat = 0.1
    """Weight of the entropy under ``entropy``."""
    temperature: PositiveFloat = 1.0
    """Temperature of completions that are drawn while training."""
    max_new_tokens: PositiveInt = 512
    """Most tokens of such a completion."""
    group_size: Annotated[int, msgspec.Meta(ge=2)] = 8
    """Completions a prompt under ``reward``."""


class TraceView(Spec, frozen=True, kw_only=True):
    """Which traces of a bank are trained on.  A view copies nothing: many share one bank."""

    temperature: NonNegativeFloat | None = None
    """Only traces drawn at this temperature; 0: the greedy ones."""
    per_problem: PositiveInt | None = None
    """At most so many traces a problem, the lowest sample_index first."""
    correct_only: bool = True
    """Only traces that the grader called correct."""
    deduplicate: bool = True
    """Equal traces of a problem count once."""
    clean_against: tuple[str, ...] = ()
    """Tasks whose problems may not stand in the traces; a scan drops those that hold one."""
    problems: PositiveInt | None = None
    """Only the first so many problems."""


class LoraSpec(Spec, frozen=True, kw_only=True):
    """Low-rank adapters in place of all weights."""

    rank: PositiveInt = 16
    """Rank of each adapter."""
    alpha: PositiveFloat = 32.0
    """Scale; an adapter adds alpha / rank times its product."""
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Dropout before an adapter."""
    targets: tuple[str, ...] = ()
    """Names of the layers; by default all linear ones but the output's."""


class LaunchSpec(Spec, frozen=True, kw_only=True):
    """Several devices, by ``accelerate launch``."""

    processes: PositiveInt
    """Processes in all, one a device."""
    machines: PositiveInt = 1
    """Machines that they run on."""
    strategy: Literal["ddp", "fsdp1", "fsdp2", "zero1", "zero2", "zero3"] = "ddp"
    """What is split between them: nothing, or the weights and states by FSDP or DeepSpeed."""


class Hyperparameters(Spec, frozen=True, kw_only=True):
    """The numbers of one training."""

    steps: PositiveInt
    """Optimizer steps."""
    learning_rate: PositiveFloat
    """Its peak."""
    batch_size: PositiveInt = 16
    """Sequences an optimizer step, over all devices."""
    device_batch_size: PositiveInt | None = None
    """Sequences a device holds at once; by default the whole batch's share."""
    warmup_steps: NonNegativeInt = 0
    """Steps in which the rate rises."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rate falls after that."""
    min_rate: Proportion = 0.0
    """Share of the peak that ``cosine`` ends at."""
    weight_decay: NonNegativeFloat = 0.0
    """AdamW's."""
    max_grad_norm: PositiveFloat = 1.0
    """Norm that gradients are clipped to."""
    max_length: PositiveInt = 1024
    """Tokens of a sequence; a longer one is left out and counted, never cut."""
    packing: bool = False
    """Put several sequences into one row; for ``nll`` on traces."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the student is computed in; its weights stay float32 unless LoRA is used."""
    gradient_checkpointing: bool = False
    """Less memory for more time."""
    lora: LoraSpec | None = None
    """Train adapters only; they are merged into the checkpoints."""


class TrainSpec(Spec, frozen=True, kw_only=True):
    """One student, trained once."""

    student: ModelSpec
    """Model that training starts from."""
    traces: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """A bank of ``reasonbench traces``, or trace files that ``scan`` reads."""
    hyper: Hyperparameters
    """The numbers."""
    objective: ObjectiveSpec = ObjectiveSpec()
    """What is learned."""
    teacher: ModelSpec | None = None
    """Model that divergences are taken to and new traces are drawn from."""
    view: TraceView = TraceView()
    """Which of the traces; files other than a bank know no grades, so ``correct_only`` must
    be false for them."""
    seed: NonNegativeInt = 0
    """Seed of the order of the data, of dropout and of what is drawn while training."""
    checkpoints: tuple[PositiveInt, ...] | None = None
    """Steps whose weights are kept; by default log-spaced, the last always."""
    launch: LaunchSpec | None = None
    """Several devices."""


class BankSpec(Spec, frozen=True, kw_only=True):
    """How a teacher is sampled into a bank of traces."""

    temperatures: Annotated[tuple[NonNegativeFloat, ...], msgspec.Meta(min_length=1)] = (1.0,)
    """Temperatures that every problem is sampled at; 0 draws one greedy trace."""
    n: PositiveInt = 8
    """Traces a problem at each temperature above 0."""
    sampling: SamplingSpec = SamplingSpec()
    """The rest of how a trace is drawn; its temperature is not used."""
    engine: EngineSpec = EngineSpec()
    """How the teacher is run."""
    limit: PositiveInt | None = None
    """Only the first so many problems of each task."""
    system_prompt: str | None = None
    """System message put before every prompt."""
