"""What a plugin must be able to do: no base class, no decorator.

A registered name resolves to a factory (``"module:attr"``); what the factory returns
satisfies one of these.  Plugins raise plain Python exceptions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from reasonbench.records import (
    Completion,
    Counts,
    EngineIdentity,
    Failure,
    Grade,
    Interval,
    Problem,
    Prompt,
    SampleRequest,
)
from reasonbench.results import Audit, Finding, ModelCheck, Role, ScanSummary
from reasonbench.specs import Cutoff, SamplingSpec, TaskSpec


@runtime_checkable
class Task(Protocol):
    """Problems, and how they are put to a model.

    Factory: ``factory(argument: str | None) -> Task``; the argument is what followed
    the name in ``name:argument``.
    """

    @property
    def spec(self) -> TaskSpec:
        """What the task is; ``content_digest`` covers all problems."""
        ...

    def problems(self) -> Iterable[Problem]:
        """Yield the problems, in a fixed order, with unique and stable ids."""
        ...

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        ...


@runtime_checkable
class Engine(Protocol):
    """A model that draws completions.

    Factory: ``factory(model: ModelSpec, engine: EngineSpec) -> Engine``, loading the
    model; an unusable model raises ``EngineError``.
    """

    @property
    def identity(self) -> EngineIdentity:
        """Everything that changes the draws."""
        ...

    @property
    def context_length(self) -> int | None:
        """Most tokens of prompt and completion together; None where nothing says."""
        ...

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model sees, chat template applied."""
        ...

    def count_tokens(self, prompt: Prompt) -> int | None:
        """Return the tokens of a rendered prompt; None where only sampling would tell."""
        ...

    def check(self, prompts: Sequence[Prompt], sampling: SamplingSpec) -> None:
        """Refuse, before sampling, what cannot be sampled.

        Raises:
            EngineError: no chat template, or prompt + max_tokens beyond the context.
        """
        ...

    def sample(
        self, requests: Iterable[SampleRequest], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield one Completion or Failure for each request, as each finishes.

        The draw of a request depends on its prompt, its seed and ``sampling`` alone,
        never on what else is in the batch.
        """
        ...

    def close(self) -> None:
        """Free the model; nothing can be sampled after."""
        ...


@runtime_checkable
class Grader(Protocol):
    """A judge of completions.

    Factory: ``factory() -> Grader``.  ``grade`` runs in a worker process that can be
    killed at any moment, so the factory must be importable there.  Two attributes may stand
    beside: ``seconds``, the longest that it may take over a completion (10 without it), and
    ``isolated``, True if it runs what it judges elsewhere, so that its own death is no verdict.
    """

    @property
    def identity(self) -> str:
        """Name and version; a new version means new grades."""
        ...

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion.  Raising is a failure of the grader, not a verdict."""
        ...


@runtime_checkable
class Detector(Protocol):
    """A search for benchmark problems in teacher traces.

    Factory: ``factory() -> Detector``.
    """

    @property
    def identity(self) -> str:
        """Name and version."""
        ...

    def detect(
        self, problems: Sequence[Problem], traces: Sequence[Path]
    ) -> tuple[list[Finding], ScanSummary]:
        """Return one Finding a problem, and what was read to get them."""
        ...


class Sampled(Protocol):
    """What one model drew, and a way to let it draw more; kept, so that nothing is drawn twice."""

    @property
    def model(self) -> str:
        """The model's id."""
        ...

    def counts(self, task: str) -> Sequence[Counts]:
        """Return how each problem of a task was judged, in the task's order."""
        ...

    def completions(self, task: str) -> Iterator[tuple[Problem, Completion]]:
        """Yield a task's completions, problem by problem."""
        ...

    def draw(
        self, name: str, tasks: Sequence[Task], *, greedy_tokens: int | None = None
    ) -> "Sampled":
        """Sample and grade further tasks with this model, as the audit's own were.

        Args:
            name: folder of the run, unique to the detector.
            tasks: what to ask.
            greedy_tokens: draw one completion a problem instead, at temperature 0 and of at
                most so many tokens.
        """
        ...


class Asked(NamedTuple):
    """One task of an audit."""

    task: Task
    """The task."""
    role: Role
    """What it stands for."""
    problems: tuple[Problem, ...]
    """Its problems, as many as the audit takes."""


class Evidence(NamedTuple):
    """What a detector on the model's side may look at."""

    tasks: tuple[Asked, ...]
    """The audit's tasks."""
    model: Sampled
    """The model under audit."""
    reference: Sampled | None
    """A model without the leak, where one was named; sampled when it is first asked."""
    traces: tuple[Path, ...]
    """Teacher traces."""
    leaked: Set[tuple[str, str]]
    """Task and id of the problems that the other detectors found in them."""
    cutoff: Cutoff | None
    """Training cutoff of the model under audit."""
    level: float
    """Confidence level."""


@runtime_checkable
class ModelDetector(Protocol):
    """A check of the model itself: does it know the benchmark by heart?

    Factory: ``factory() -> ModelDetector``.
    """

    @property
    def identity(self) -> str:
        """Name and version."""
        ...

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return what was seen of each public task.

        Where something that it needs is missing, the check is ``not_checked`` and its
        sentence says what.
        """
        ...


class Block(Protocol):
    """A piece of a report that knows both of its forms."""

    def markdown(self) -> str:
        """Return GitHub-flavoured Markdown."""
        ...


@runtime_checkable
class Section(Protocol):
    """A part of a report.  Factory: ``factory() -> Section``."""

    @property
    def title(self) -> str:
        """Heading of the part."""
        ...

    def render(self, audit: Audit) -> Sequence[Block]:
        """Return the part's blocks; none leaves the part out."""
        ...


class RunningScore(NamedTuple):
    """pass@1 while a run is on its way."""

    value: float
    """Mean over the problems that are done."""
    interval: Interval
    """For other problems of the kind, at 95 %."""
    n_problems: int
    """Problems that are done."""
    of: int
    """Problems in all."""


class Reporter(Protocol):
    """Where a run says how far it is."""

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Begin a phase of ``total`` steps, ``done`` of which exist already."""

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Steps of the current phase that were finished, and the tokens drawn for them."""

    def drop(self, steps: int) -> None:
        """Steps of the current phase that turned out not to be needed."""

    def status(self, scores: Mapping[str, RunningScore]) -> None:
        """pass@1 of each task so far."""

    def failed(self, count: int, latest: str) -> None:
        """How many completions failed so far, and what the latest said."""

    def say(self, sentence: str) -> None:
        """Tell the user something once."""
