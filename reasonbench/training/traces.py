"""The traces of a bank, and what they come to in numbers.

The content digest covers all of a trace but the time at which it was drawn, so that the same
traces in the same order give the same digest on any machine and day.
"""

import datetime
import hashlib
import json
from pathlib import Path
from typing import Annotated

import msgspec

from reasonbench.corpus.fields import encodable
from reasonbench.identity import DIGEST_LENGTH
from reasonbench.records import (
    EngineIdentity,
    FinishReason,
    Message,
    Problem,
    Record,
    Session,
    Verdict,
)
from reasonbench.specs import BankSpec, ModelSpec, SamplingSpec, TaskSpec

BANK_SCHEMA = 1
"""Version of the columns and of the header."""
NonNegative = Annotated[int, msgspec.Meta(ge=0)]


class Trace(Record, frozen=True, kw_only=True):
    """One trace: what was asked, what the teacher wrote, and how it was judged."""

    problem: Problem
    """What was asked, target and tests included: a reward can be computed from it."""
    messages: Annotated[tuple[Message, ...], msgspec.Meta(min_length=1)]
    """The prompt as it was sent, system message included."""
    completion: str
    """Text as decoded, thinking included, end token left out."""
    thinking_prefilled: bool
    """Whether the chat template had opened the thinking part already."""
    sample_index: NonNegative
    """0-based index among the problem's traces at this temperature."""
    temperature: Annotated[float, msgspec.Meta(ge=0)]
    """What it was drawn at; 0 is greedy."""
    verdict: Verdict
    """What the grader says."""
    reason: str
    """Why."""
    answer: str | None
    """Answer as extracted."""
    detail: str
    """What the grader adds, such as the canonical path of the solution."""
    grader: str
    """Identity of the grader: name and version."""
    finish_reason: FinishReason
    """Why it ended."""
    n_prompt_tokens: NonNegative
    """Tokens of the rendered prompt."""
    n_tokens: NonNegative
    """Tokens generated, end token included."""
    seed: NonNegative
    """Seed it was drawn with."""
    key: str
    """Key of the completion in its run directory."""
    teacher: str
    """Id of the model that wrote it."""
    weights_digest: str
    """Digest of that model's weights."""
    engine: EngineIdentity
    """Everything about the engine that changes a draw."""
    sampling: SamplingSpec
    """Every effective sampling parameter."""
    drawn_at: datetime.datetime
    """When sampling into its run directory began: it was not drawn before."""
    published: datetime.date | None
    """Day on which the problem became public, where known."""
    license: str | None
    """Licence of the problem."""


class TemperatureSummary(Record, frozen=True, kw_only=True):
    """The traces of one temperature."""

    temperature: float
    """The temperature; 0 is greedy."""
    rows: int
    """Traces."""
    problems: int
    """Different problems among them."""
    solved: int
    """Problems with a correct trace."""
    correct: int
    """Traces that the grader called correct."""
    ungraded: int
    """Traces without a verdict."""
    truncated: int
    """Traces that the token limit cut off."""
    tokens: int
    """Tokens generated."""


class BankSummary(Record, frozen=True, kw_only=True):
    """What a bank holds, in numbers."""

    path: str
    """File."""
    digest: str
    """Digest of all rows but for the times at which they were drawn."""
    rows: int
    """Traces."""
    problems: int
    """Different problems."""
    solved: int
    """Problems with a correct trace."""
    correct: int
    """Traces that the grader called correct."""
    ungraded: int
    """Traces without a verdict."""
    truncated: int
    """Traces that the token limit cut off."""
    tokens: int
    """Tokens generated."""
    by_temperature: tuple[TemperatureSummary, ...]
    """The same for each temperature, in the order of the first rows."""


class BankRun(Record, frozen=True, kw_only=True):
    """The run directory that the traces of one temperature came from."""

    temperature: float
    """The temperature."""
    directory: str
    """The directory, relative to the bank's folder."""
    plan: str
    """Id of the plan in it."""
    engine: EngineIdentity
    """What drew."""
    sampling: SamplingSpec
    """Every effective sampling parameter."""
    graders: dict[str, str]
    """Grader identity by task."""
    sessions: tuple[Session, ...]
    """Calls of commands that wrote to it."""


class BankHeader(Record, frozen=True, kw_only=True):
    """What stands beside the rows."""

    schema_version: int = BANK_SCHEMA
    """Version of the columns and of this header."""
    teacher: ModelSpec
    """Model that was sampled."""
    tasks: tuple[TaskSpec, ...]
    """Tasks whose problems it was asked, in order."""
    policy: BankSpec
    """How it was sampled."""
    command: tuple[str, ...]
    """Command line to make the bank again."""
    versions: dict[str, str]
    """Libraries and their versions."""
    runs: tuple[BankRun, ...] = ()
    """Where the traces came from."""
    summary: BankSummary | None = None
    """What the rows came to; filled when they are written."""


ENCODER = msgspec.json.Encoder(order="deterministic")
"""The same value gives the same bytes."""


class _Digest:
    """The content digest, row by row."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, trace: Trace) -> None:
        """Take in a row: all fields but the time."""
        fields = (getattr(trace, name) for name in Trace.__struct_fields__ if name != "drawn_at")
        self._hash.update(ENCODER.encode(list(fields)) + b"\n")

    def text(self) -> str:
        """Return the digest of the rows so far."""
        return self._hash.hexdigest()[:DIGEST_LENGTH]


class _Tally:
    """Counts of traces, for one temperature or all."""

    def __init__(self) -> None:
        self.rows = self.correct = self.ungraded = self.truncated = self.tokens = 0
        self._problems: set[tuple[str, str]] = set()
        self._solved: set[tuple[str, str]] = set()

    def add(self, trace: Trace) -> None:
        problem = trace.problem.task, trace.problem.id
        self.rows += 1
        self.tokens += trace.n_tokens
        self.ungraded += trace.verdict is Verdict.UNGRADED
        self.truncated += trace.finish_reason is FinishReason.LENGTH
        self._problems.add(problem)
        if trace.verdict is Verdict.CORRECT:
            self.correct += 1
            self._solved.add(problem)

    def numbers(self) -> dict[str, int]:
        names = ("rows", "correct", "ungraded", "truncated", "tokens")
        counts = {name: getattr(self, name) for name in names}
        return {**counts, "problems": len(self._problems), "solved": len(self._solved)}


class Account:
    """What a pass over all rows comes to."""

    def __init__(self) -> None:
        self._digest = _Digest()
        self._all = _Tally()
        self._by_temperature: dict[float, _Tally] = {}

    def add(self, trace: Trace) -> None:
        """Take in a row."""
        self._digest.add(trace)
        self._all.add(trace)
        self._by_temperature.setdefault(trace.temperature, _Tally()).add(trace)

    def summary(self, path: Path) -> BankSummary:
        """Return the numbers of the rows so far."""
        return BankSummary(
            path=str(path),
            digest=self._digest.text(),
            by_temperature=tuple(
                TemperatureSummary(temperature=t, **tally.numbers())
                for t, tally in self._by_temperature.items()
            ),
            **self._all.numbers(),
        )


def wellformed(trace: Trace) -> Trace:
    """Return a trace whose text can be written as UTF-8: a lone surrogate becomes U+FFFD."""
    try:
        ENCODER.encode(trace)
    except UnicodeEncodeError:
        text = encodable(json.dumps(msgspec.to_builtins(trace), ensure_ascii=False))
        return msgspec.convert(json.loads(text), Trace)
    return trace
