"""Records: what a machine observed.  Immutable, one JSON text each.

The way of the data: Problem -> Prompt -> Completion -> Grade -> Counts -> Estimate;
``results.py`` holds what they came to.  Raw text is stored; the split at the
thinking, the extraction and the grade are derived from it and can be made again.
"""

import datetime
import enum
from typing import Any, NamedTuple

import msgspec

from reasonbench.identity import digest
from reasonbench.specs import RunSpec, SamplingSpec, TaskSpec


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: frozen, keyword-only, closed."""


class FinishReason(enum.StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """End token or stop string."""
    LENGTH = "length"
    """max_tokens was reached: truncated."""
    FILTER = "filter"
    """The engine withheld the text."""
    UNKNOWN = "unknown"
    """The log that it was imported from does not tell."""


class Stage(enum.StrEnum):
    """Where a failure happened."""

    SAMPLE = "sample"
    """While the engine drew the completion."""
    GRADE = "grade"
    """While the grader judged it."""


class Verdict(enum.StrEnum):
    """What a grade says."""

    CORRECT = "correct"
    """The answer is right."""
    INCORRECT = "incorrect"
    """The answer is wrong, missing or cut off."""
    UNGRADED = "ungraded"
    """No verdict could be reached; never counted as wrong."""


class Problem(Record, frozen=True, kw_only=True):
    """One item of a benchmark."""

    task: str
    """Task that it belongs to."""
    id: str
    """Unique and stable within the task."""
    statement: str
    """What the model is asked, without the prompt around it."""
    target: str | None = None
    """Gold answer, where the task has one."""
    tests: dict[str, Any] | None = None
    """Tests of a coding problem."""
    published: datetime.date | None = None
    """Day on which it became public."""
    cluster: str | None = None
    """Problems that share it are variants of one another."""
    metadata: dict[str, Any] = {}
    """What else the grader or a reader needs."""

    def digest(self) -> str:
        """Digest of what is asked; the target is left out (see ``completion_key``)."""
        return digest(self.task, self.id, self.statement)

    def full_digest(self) -> str:
        """Digest of the whole record, target and tests included: what a grade stands for."""
        return digest(self)


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: str
    """``system``, ``user`` or ``assistant``."""
    content: str
    """Text of the turn."""


class Prompt(Record, frozen=True, kw_only=True):
    """What the engine is given: either messages or plain text."""

    problem_id: str
    """Problem that it asks."""
    task: str
    """Task of that problem."""
    messages: tuple[Message, ...] = ()
    """Chat turns; the engine applies the model's chat template."""
    text: str | None = None
    """Plain text for a model without a chat template."""
    template_digest: str = ""
    """Digest of the task's template."""

    def digest(self) -> str:
        """Digest of what is sent."""
        return digest(self.messages, self.text)


class SampleRequest(Record, frozen=True, kw_only=True):
    """One completion that is owed."""

    key: str
    """Key under which the completion will exist."""
    prompt: Prompt
    """What is sent."""
    sample_index: int
    """0-based index among the problem's completions."""
    seed: int
    """Seed of this completion alone."""


class EngineIdentity(Record, frozen=True, kw_only=True):
    """Everything about an engine that changes its draws."""

    engine: str
    """Registered name of the engine."""
    model: str
    """Model id as it was asked for."""
    revision: str | None
    """Hub commit, where the weights came from the Hub."""
    weights_digest: str
    """Digest of the weights, configuration and tokenizer files."""
    dtype: str
    """Number format of the computation."""
    versions: dict[str, str]
    """Version of each library that draws or renders."""
    settings: dict[str, Any] = {}
    """Further settings that change the draws, such as parallelism."""

    def digest(self) -> str:
        """Digest of all fields."""
        return digest(self)

    @property
    def not_told(self) -> tuple[str, ...]:
        """Sampling fields that an imported run's log does not tell: their values are no facts."""
        return tuple(str(name) for name in self.settings.get("not_told", ()))

    def told(self, sampling: SamplingSpec) -> dict[str, Any]:
        """Return the sampling fields that are known of its draws: all, but of an imported run."""
        left_out = set(self.not_told)
        return {k: v for k, v in msgspec.to_builtins(sampling).items() if k not in left_out}


class Plan(Record, frozen=True, kw_only=True):
    """What one run directory was asked to hold; same answers, same id."""

    spec: RunSpec
    """The run as it was asked for."""
    sampling: SamplingSpec
    """Every effective sampling parameter (max_tokens resolved)."""
    engine: EngineIdentity
    """What draws the completions."""
    tasks: tuple[TaskSpec, ...]
    """The tasks, in the order asked for."""
    graders: dict[str, str]
    """Registered name of the grader of each task."""
    context_length: int | None = None
    """Most tokens of prompt and completion together, as the engine says."""
    system_prompts: tuple[str, ...] = ()
    """Tasks whose prompts hold a system message."""

    def digest(self) -> str:
        """Id of the plan: digest of all fields."""
        return digest(self)


class PlanItem(NamedTuple):
    """One completion that a plan asks for."""

    key: str
    """Key of the completion."""
    task: str
    """Task of the problem."""
    problem_id: str
    """Problem concerned."""
    sample_index: int
    """0-based, below n."""
    problem: str
    """Digest of the whole Problem record, target included: a grade stands for it alone."""


class Session(Record, frozen=True, kw_only=True):
    """One call of a command that wrote to the run directory."""

    plan: str
    """Id of the plan it worked on."""
    command: tuple[str, ...]
    """Command line."""
    versions: dict[str, str]
    """reasonbench, Python and the libraries that matter."""
    platform: str
    """Operating system, processor, accelerators."""
    pid: int
    """Process id."""
    started: datetime.datetime
    """Start, in UTC."""
    ended: datetime.datetime | None = None
    """End, in UTC; None while it runs, or if it was killed."""
    status: str = "running"
    """``running``, ``complete``, ``interrupted``, ``failed`` or ``killed``."""


class Completion(Record, frozen=True, kw_only=True):
    """One sampled text, raw."""

    key: str
    """Digest that it is stored under, once."""
    task: str
    """Task of the problem."""
    problem_id: str
    """Problem that it answers."""
    sample_index: int
    """0-based index among the problem's completions."""
    text: str
    """Text as decoded, thinking included, end token left out."""
    finish_reason: FinishReason
    """Why it ended."""
    n_prompt_tokens: int
    """Tokens of the rendered prompt."""
    n_tokens: int
    """Tokens generated, end token included."""
    seed: int
    """Seed it was drawn with."""
    engine: str
    """Digest of the EngineIdentity."""
    thinking_prefilled: bool = False
    """Whether the chat template had opened the thinking part already."""


class Failure(Record, frozen=True, kw_only=True):
    """A completion or grade that did not come about: still owed, never an answer."""

    key: str
    """Key of the completion."""
    task: str
    """Task of the problem."""
    problem_id: str
    """Problem concerned."""
    sample_index: int
    """Completion concerned."""
    stage: Stage
    """Where it failed."""
    error_type: str
    """Class of the error."""
    message: str
    """What it said."""
    attempt: int = 1
    """1 for the first try."""


class Grade(Record, frozen=True, kw_only=True):
    """One grader's verdict on one completion."""

    key: str
    """Key of the completion."""
    task: str
    """Task of the problem."""
    problem_id: str
    """Problem concerned."""
    sample_index: int
    """Completion concerned."""
    verdict: Verdict
    """The verdict."""
    reason: str
    """``ok``, or why not: wrong, no_answer, truncated, timeout, gold_unparsed ..."""
    answer: str | None
    """Answer as extracted."""
    grader: str
    """Identity of the grader: name and version."""
    layer: str = ""
    """Part of the grader that decided, where it has several."""
    seconds: float | None = None
    """Time that judging took."""
    detail: str = ""
    """What a reader of this grade should know."""


class Counts(Record, frozen=True, kw_only=True):
    """How one problem's completions were judged."""

    problem_id: str
    """Problem concerned."""
    n: int
    """Graded completions; of a problem that was stopped, those up to the last success."""
    c: int
    """Correct ones."""
    c_if_truncated_right: int
    """Correct ones if every truncated completion had been right."""
    reasons: dict[str, int] = {}
    """Completions by the reason of their grade."""
    ungraded: dict[str, int] = {}
    """Completions without a verdict, by reason; not in n."""
    owed: int = 0
    """Completions asked for that do not exist or have no grade yet."""
    stopped: bool = False
    """Whether the asked-for successes ended it (``stop_after_successes``); Chen's formula
    is biased on such counts."""


class Interval(Record, frozen=True, kw_only=True):
    """A confidence interval."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


class Estimate(Record, frozen=True, kw_only=True):
    """A metric with its uncertainty.  An interval that does not exist is None."""

    metric: str
    """Such as ``pass@k``."""
    k: int
    """k of the metric."""
    value: float | None
    """The unbiased estimate; None where no problem defines it."""
    fixed: Interval | None
    """Same problems, new samples."""
    superpopulation: Interval | None
    """Other problems of this kind."""
    level: float
    """Confidence level."""
    method: str
    """How the intervals were made."""
    n_problems: int
    """Problems behind the value."""
    n_samples: int
    """Completions behind the value."""
    n_excluded: int
    """Problems that the value leaves out (n < k, or nothing graded)."""
    flags: tuple[str, ...] = ()
    """What a reader must know before using it."""
