"""A model, how it is run and sampled, and the runs and audits that are made of it."""

import datetime
import enum
from typing import Annotated, Any

import msgspec

from reasonbench.specs.base import Level, NonNegativeInt, PositiveInt, Proportion, Spec
from reasonbench.specs.gates import GatePolicy


class CutoffKind(enum.StrEnum):
    """How a training cutoff is known."""

    CLAIMED = "claimed"
    """Its makers said so."""
    BOUNDED = "bounded"
    """Nobody said so; the upload date of the weights bounds it."""


class Cutoff(Spec, frozen=True, kw_only=True):
    """The day after which nothing can be in the training data."""

    date: datetime.date
    """Last day that the training data may hold."""
    kind: CutoffKind
    """Whether the date was claimed or only bounds the truth."""
    source: str
    """Where the date was read."""


class Claim(Spec, frozen=True, kw_only=True):
    """A published score."""

    task: str
    """Benchmark that the claim is about, by our task name."""
    metric: str
    """Metric as published, such as ``pass@1``."""
    value: Proportion
    """Claimed score as a proportion in [0, 1]."""
    n: PositiveInt | None = None
    """Samples a problem behind the claim, if stated."""
    source: str = ""
    """Where the claim was read."""
    read_on: datetime.date | None = None
    """Day on which it was read."""


class ModelSpec(Spec, frozen=True, kw_only=True):
    """The model under audit."""

    id: str
    """Hub id, local folder, or ``embedded:teacher|base|student``."""
    revision: str | None = None
    """Hub revision to load; the commit that it resolved to is recorded."""
    weights_digest: str | None = None
    """Expected digest of the weights; a model with another digest is refused."""
    family: str | None = None
    """Model family, for presets and cutoffs."""
    cutoff: Cutoff | None = None
    """Training cutoff, where known."""
    released: datetime.date | None = None
    """Day on which the weights were published."""
    claims: tuple[Claim, ...] = ()
    """Scores that its makers published; carried along, not compared yet."""
    preset: str | None = None
    """Sampling preset, such as ``r1-distill``; ``auto`` goes by the model's name and files.
    It fills the sampling fields that a file or the command line leaves out."""


class EngineSpec(Spec, frozen=True, kw_only=True):
    """How the model is run."""

    name: str = "transformers"
    """Registered engine: ``transformers``, ``vllm``, ``openai_server`` or a plugin's."""
    dtype: str = "auto"
    """``auto``, ``float32``, ``bfloat16``, ``float16`` or ``float64`` where the engine has it."""
    batch_size: PositiveInt = 512
    """Most completions in flight at once (on each replica)."""
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further arguments, passed to the engine as they are."""
    ray: str | None = None
    """Run on a Ray cluster of which this machine is a node: its address, ``auto`` for the one
    that is there or else one started here, ``local`` for one started here."""
    replicas: PositiveInt = 1
    """Engines on that cluster, each with the model loaded."""


class SamplingSpec(Spec, frozen=True, kw_only=True):
    """How one completion is drawn.  Every field is sent to the engine, always."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0
    """Softmax temperature; 0 is greedy."""
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Nucleus mass; 1 keeps every token."""
    top_k: NonNegativeInt = 0
    """Most likely tokens kept; 0 keeps every token."""
    min_p: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Least probability, relative to the likeliest token; 0 keeps every token."""
    max_tokens: PositiveInt | None = None
    """Most new tokens in a completion; reaching it is a truncation.  Without it, three
    quarters of the model's context and at most 32,768; what it came to is recorded."""
    stop: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    """Strings that end a completion; never set one that may occur in the thinking."""
    seed: NonNegativeInt = 0
    """Run seed; a problem's base seed is derived from it."""
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] = 0.0
    """Taken off the logit of every token already generated."""
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    """Divides positive and multiplies negative logits of tokens already seen; 1 is off."""


class TaskSpec(Spec, frozen=True, kw_only=True):
    """What a task is, as the results that came from it must say."""

    name: str
    """Name under which results are kept."""
    version: str = "1"
    """Version of the task's definition."""
    source: str = ""
    """File, Hub dataset or generator that the problems came from."""
    revision: str | None = None
    """Revision of that source."""
    split: str | None = None
    """Split of that source."""
    content_digest: str | None = None
    """Digest of all problems; a changed benchmark shows here."""
    prompt_template: str | None = None
    """Template that made the prompts, as written."""
    grader: str = "exact"
    """Registered grader that judges the completions."""
    license: str | None = None
    """Licence of the problems."""
    published: datetime.date | None = None
    """Day on which the problems became public."""


class RunSpec(Spec, frozen=True, kw_only=True):
    """Sampling and grading of some tasks with one model."""

    model: ModelSpec
    """The model that is sampled."""
    tasks: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Task names, ``lm_eval:<name>``, or paths of YAML and JSONL files."""
    engine: EngineSpec = EngineSpec()
    """How it is run."""
    sampling: SamplingSpec = SamplingSpec()
    """How completions are drawn."""
    n: PositiveInt = 16
    """Completions a problem."""
    limit: PositiveInt | None = None
    """Only the first so many problems of each task."""
    grader: str | None = None
    """Judge every task with this grader, in place of its own."""
    stop_after_successes: PositiveInt | None = None
    """A problem is sampled up to this many correct completions, and to n at most.  pass@k
    stays exactly unbiased: the estimator knows how the sampling ended.  It costs precision
    at small k on these very problems, and next to none at k near n."""
    system_prompt: str | None = None
    """System message put before every prompt."""
    force_system_prompt: bool = False
    """Send it even to a model whose card says not to."""


class AuditSpec(Spec, frozen=True, kw_only=True):
    """One audit: what to sample, what to scan, how to decide."""

    model: ModelSpec
    """The model under audit."""
    public: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Public benchmarks, which may have leaked."""
    heldout: tuple[str, ...] = ()
    """Equally hard problems that cannot have been in the training data."""
    fresh: tuple[str, ...] = ()
    """Problems that did not exist when the model was trained, such as ``fresh_math``: the gap
    between public and fresh is set beside that of the reference."""
    control: str | None = None
    """The families of the fresh task, drawn from an old round, such as ``fresh_math:2024-10``."""
    traces: tuple[str, ...] = ()
    """Teacher traces that the model was trained on: JSONL, .jsonl.zst or .jsonl.gz."""
    detectors: tuple[str, ...] = ("overlap",)
    """Registered detectors: those that search the traces, and those that ask the model."""
    reference: ModelSpec | None = None
    """A model without the leak, such as the base or the teacher, that detectors on the model's
    side sample as they do the model under audit; run by the same engine."""
    references: tuple[ModelSpec, ...] = ()
    """Several of them, in place of ``reference``: each is sampled on all tasks and compared with
    the model.  The first is the one that detectors, the fresh gap and the gate's margins use."""
    engine: EngineSpec = EngineSpec()
    """How the model is run."""
    sampling: SamplingSpec = SamplingSpec()
    """How completions are drawn."""
    n: PositiveInt = 16
    """Completions a problem."""
    ks: tuple[PositiveInt, ...] = ()
    """Values of k that pass@k is reported for; by default the powers of two up to n.
    k = 1 is always among them: the verdict rests on it."""
    level: Level = 0.95
    """Confidence level of every interval."""
    limit: PositiveInt | None = None
    """Only the first so many problems of each task."""
    stop_after_successes: PositiveInt | None = None
    """A problem is sampled up to this many correct completions, and to n at most."""
    system_prompt: str | None = None
    """System message put before every prompt."""
    force_system_prompt: bool = False
    """Send it even to a model whose card says not to."""
    gate: GatePolicy | None = None
    """Policy that decides the exit code; its margins are against the first reference."""

    def reference_models(self) -> tuple[ModelSpec, ...]:
        """Return the references, however they were given; the first is the one to measure by."""
        return self.references if self.reference is None else (self.reference, *self.references)

    def task_names(self) -> tuple[str, ...]:
        """Return all tasks that this audit samples."""
        control = () if self.control is None else (self.control,)
        return (*self.public, *self.heldout, *self.fresh, *control)

    def run_spec(self) -> RunSpec:
        """Return the sampling that this audit needs."""
        return RunSpec(
            model=self.model,
            tasks=tuple(dict.fromkeys(self.task_names())),
            engine=self.engine,
            sampling=self.sampling,
            n=self.n,
            limit=self.limit,
            stop_after_successes=self.stop_after_successes,
            system_prompt=self.system_prompt,
            force_system_prompt=self.force_system_prompt,
        )
