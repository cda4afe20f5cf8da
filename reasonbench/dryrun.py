"""What a run would cost: problems, prompts, tokens and time, before anything is sampled.

The model is loaded and a few short completions are drawn to see how fast it is; nothing is
stored.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from reasonbench import plugins
from reasonbench.planning import Asked, Planned, plan_run, refuse
from reasonbench.protocols import Engine, Reporter
from reasonbench.records import Completion, EngineIdentity, Record, SampleRequest
from reasonbench.run import Silent, load_task, loading, open_engine
from reasonbench.sampling import outcomes
from reasonbench.scoreboard import Scoreboard
from reasonbench.specs import RunSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.store.database import STORE_FILE
from reasonbench.summary import grader_identities

PROBE_TOKENS = 64
"""Tokens of a probe's completion, at most."""
PROBE_COMPLETIONS = 256
"""Completions of a probe, at most; as many as the engine holds at once otherwise."""
QUANTILES = (0.0, 0.5, 0.9, 0.99, 1.0)


class PromptTokens(Record, frozen=True, kw_only=True):
    """Quantiles of the tokens of a task's rendered prompts."""

    smallest: int
    median: int
    p90: int
    p99: int
    largest: int


class TaskCost(Record, frozen=True, kw_only=True):
    """What one task asks for."""

    task: str
    """Task concerned."""
    n_problems: int
    """Problems."""
    n_completions: int
    """Completions that are asked for."""
    n_stored: int
    """Those that the run directory holds already."""
    n_to_draw: int
    """Those that would be drawn; with ``stop_after_successes`` at most."""
    prompt_tokens: PromptTokens | None
    """None where the engine cannot tell before it samples."""


class Probe(Record, frozen=True, kw_only=True):
    """A few short completions, drawn to see how fast the engine is."""

    n_completions: int
    """Completions drawn."""
    n_tokens: int
    """Tokens of them, prompts left out."""
    n_failed: int
    """Requests that failed."""
    seconds: float
    """What they took."""

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens a second, all completions together."""
        return self.n_tokens / self.seconds


class DryRun(Record, frozen=True, kw_only=True):
    """What a run would do."""

    engine: EngineIdentity
    """What would draw."""
    sampling: SamplingSpec
    """Every effective sampling parameter."""
    preset: str | None
    """Preset that filled them, if any."""
    context_length: int | None
    """Most tokens of prompt and completion together."""
    n: int
    """Completions a problem, at most."""
    tasks: tuple[TaskCost, ...]
    """What each task asks for."""
    worst_case_tokens: int
    """Tokens if every missing completion runs into max_tokens."""
    mean_stored_tokens: float | None
    """Tokens of a stored completion on average; None where none is stored."""
    probe: Probe | None
    """None where no probe was asked for or nothing is missing."""
    worst_case_seconds: float | None
    """Time for the worst case at the probe's rate."""
    likely_seconds: float | None
    """Time at the length of the stored completions."""
    first_prompt: str
    """First prompt, as the model would see it."""

    @property
    def n_missing(self) -> int:
        """Completions that would be drawn, at most."""
        return sum(task.n_to_draw for task in self.tasks)


def dry_run(
    spec: RunSpec, directory: Path, *, probe: bool = True, reporter: Reporter | None = None
) -> DryRun:
    """Return what ``run.execute`` would do; nothing is written.

    Args:
        spec: the run.
        directory: its run directory, which need not be there.
        probe: draw a few completions to estimate the time.
        reporter: where progress goes.

    Raises:
        ReasonbenchError: what would keep the run from starting.
    """
    reporter = reporter or Silent()
    refuse(spec)
    tasks = [load_task(name) for name in dict.fromkeys(spec.tasks)]
    for grader in {spec.grader or task.spec.grader for task in tasks}:
        plugins.GRADERS.get(grader)
    reporter.say(loading(spec))
    with open_engine(spec) as engine:
        planned = plan_run(spec, tasks, engine)
        stored = _Stored(directory, planned)
        missing = sum(stored.to_draw(a) for a in planned.asked)
        measured = None
        if probe and missing:
            reporter.say("drawing a few completions to see how fast it is")
            measured = _probe(
                engine, planned, stored, spec.engine.batch_size * spec.engine.replicas
            )
        return _account(engine, planned, stored, missing, measured)


class _Stored:
    """What a run directory holds of a plan already."""

    def __init__(self, directory: Path, planned: Planned) -> None:
        self.keys: set[str] = set()
        self.n_tokens = 0
        self._stop = planned.plan.spec.stop_after_successes
        self._board = Scoreboard(planned.plan, planned.problems)
        if not (directory / STORE_FILE).exists():
            return
        with Store.read(directory) as store:
            keys = (key for asked in planned.asked for key in asked.completion_keys())
            for completion in store.lookup(keys):
                self.keys.add(completion.key)
                self.n_tokens += completion.n_tokens
            plan_id = planned.plan.digest()
            if any(plan.digest() == plan_id for plan in store.plans()):
                graders = grader_identities(planned.plan)
                self._board.add(grade for grade, _ in store.grades(plan_id, graders))

    def to_draw(self, asked: Asked) -> int:
        """Return how many completions of a problem may have to be drawn."""
        if self._stop is not None and self._board.standing(asked.problem, self._stop).stopped:
            return 0
        return asked.n - self.of(asked)

    def of(self, asked: Asked) -> int:
        """Return how many of a problem's completions are there."""
        return sum(key in self.keys for key in asked.completion_keys()) if self.keys else 0


def _probe(engine: Engine, planned: Planned, stored: _Stored, at_once: int) -> Probe:
    """Draw some of the missing completions, cut short, and forget them."""
    sampling = planned.plan.sampling
    short = msgspec.structs.replace(
        sampling, max_tokens=min(PROBE_TOKENS, sampling.max_tokens or PROBE_TOKENS)
    )
    requests = itertools.islice(_spread(planned, stored), min(PROBE_COMPLETIONS, at_once))
    start = time.perf_counter()
    finished = list(outcomes(engine, requests, short))
    seconds = time.perf_counter() - start
    drawn = [o for o in finished if isinstance(o, Completion)]
    return Probe(
        n_completions=len(drawn),
        n_tokens=sum(c.n_tokens for c in drawn),
        n_failed=len(finished) - len(drawn),
        seconds=seconds,
    )


def _spread(planned: Planned, stored: _Stored) -> Iterator[SampleRequest]:
    """Yield missing requests, a first of every problem before any second."""
    waiting = [a.requests() for a in planned.asked]
    while waiting:
        still = []
        for requests in waiting:
            if (request := next(requests, None)) is not None:
                still.append(requests)
                if request.key not in stored.keys:
                    yield request
        waiting = still


def _account(
    engine: Engine, planned: Planned, stored: _Stored, missing: int, probe: Probe | None
) -> DryRun:
    plan = planned.plan
    max_tokens = plan.sampling.max_tokens or 0
    rate = probe.tokens_per_second if probe is not None and probe.n_tokens else None
    mean = stored.n_tokens / len(stored.keys) if stored.keys else None
    return DryRun(
        engine=plan.engine,
        sampling=plan.sampling,
        preset=plan.spec.model.preset,
        context_length=plan.context_length,
        n=plan.spec.n,
        tasks=tuple(_task(engine, planned, stored, task.name) for task in plan.tasks),
        worst_case_tokens=missing * max_tokens,
        mean_stored_tokens=mean,
        probe=probe,
        worst_case_seconds=missing * max_tokens / rate if rate else None,
        likely_seconds=missing * mean / rate if rate and mean is not None else None,
        first_prompt=engine.render(planned.asked[0].prompt),
    )


def _task(engine: Engine, planned: Planned, stored: _Stored, name: str) -> TaskCost:
    asked = [a for a in planned.asked if a.problem.task == name]
    lengths = [engine.count_tokens(a.prompt) for a in asked]
    known = sorted(length for length in lengths if length is not None)
    return TaskCost(
        task=name,
        n_problems=len(asked),
        n_completions=sum(a.n for a in asked),
        n_stored=sum(stored.of(a) for a in asked),
        n_to_draw=sum(stored.to_draw(a) for a in asked),
        prompt_tokens=_quantiles(known) if len(known) == len(asked) else None,
    )


def _quantiles(lengths: Sequence[int]) -> PromptTokens:
    """Return the quantiles of sorted lengths, each a length that occurs."""
    picked = [lengths[round(q * (len(lengths) - 1))] for q in QUANTILES]
    return PromptTokens(**dict(zip(PromptTokens.__struct_fields__, picked, strict=True)))
