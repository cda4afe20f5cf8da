"""What a bank would cost: traces, tokens and time, before anything is sampled."""

from collections.abc import Sequence
from pathlib import Path

from reasonbench.dryrun import DryRun, dry_run
from reasonbench.protocols import Reporter
from reasonbench.records import EngineIdentity, Record
from reasonbench.run import Silent
from reasonbench.specs import BankSpec, ModelSpec, SamplingSpec
from reasonbench.training.bank import run_folder, run_specs


class TemperatureCost(Record, frozen=True, kw_only=True):
    """What one temperature asks for."""

    temperature: float
    """The temperature; 0 is greedy."""
    problems: int
    """Problems of all tasks."""
    traces: int
    """Traces that are asked for."""
    stored: int
    """Those that the run directory holds already."""
    to_draw: int
    """Those that would be drawn."""
    worst_case_tokens: int
    """Tokens if every one of these runs into max_tokens."""


class BankCost(Record, frozen=True, kw_only=True):
    """What a bank would cost."""

    engine: EngineIdentity
    """What would draw."""
    sampling: SamplingSpec
    """Every effective sampling parameter; its temperature is that of the first run."""
    by_temperature: tuple[TemperatureCost, ...]
    """The runs, in the policy's order."""
    tokens_per_second: float | None
    """How fast a few short completions were; None where no probe was made."""
    mean_stored_tokens: float | None
    """Tokens of a stored trace on average; None where none is stored."""
    worst_case_seconds: float | None
    """Time for the worst case at that rate."""
    likely_seconds: float | None
    """Time at the length of the stored traces."""
    first_prompt: str
    """First prompt, as the teacher would see it."""

    @property
    def to_draw(self) -> int:
        """Traces that would be drawn."""
        return sum(cost.to_draw for cost in self.by_temperature)

    @property
    def worst_case_tokens(self) -> int:
        """Tokens if every one of them runs into max_tokens."""
        return sum(cost.worst_case_tokens for cost in self.by_temperature)


def bank_cost(
    teacher: ModelSpec,
    tasks: Sequence[str],
    policy: BankSpec,
    path: Path,
    *,
    probe: bool = True,
    reporter: Reporter | None = None,
) -> BankCost:
    """Return what ``make_bank`` would do; nothing is written.

    Args:
        teacher: the model that would be sampled.
        tasks: tasks by name or path.
        policy: how it would be sampled.
        path: the bank, which need not be there.
        probe: draw a few completions to estimate the time.
        reporter: where progress goes.

    Raises:
        ReasonbenchError: what would keep a run from starting.
    """
    reporter = reporter or Silent()
    found: list[DryRun] = []
    rate: float | None = None
    for spec in run_specs(teacher, tasks, policy):
        directory = run_folder(path, spec.sampling.temperature)
        run = dry_run(spec, directory, probe=probe and rate is None, reporter=reporter)
        if rate is None and run.probe is not None and run.probe.n_tokens:
            rate = run.probe.tokens_per_second
        found.append(run)
    costs = tuple(_cost(run) for run in found)
    to_draw = sum(cost.to_draw for cost in costs)
    worst = sum(cost.worst_case_tokens for cost in costs)
    mean = _mean_stored(found, costs)
    return BankCost(
        engine=found[0].engine,
        sampling=found[0].sampling,
        by_temperature=costs,
        tokens_per_second=rate,
        mean_stored_tokens=mean,
        worst_case_seconds=worst / rate if rate else None,
        likely_seconds=to_draw * mean / rate if rate and mean is not None else None,
        first_prompt=found[0].first_prompt,
    )


def _cost(run: DryRun) -> TemperatureCost:
    return TemperatureCost(
        temperature=run.sampling.temperature,
        problems=sum(task.n_problems for task in run.tasks),
        traces=sum(task.n_completions for task in run.tasks),
        stored=sum(task.n_stored for task in run.tasks),
        to_draw=run.n_missing,
        worst_case_tokens=run.worst_case_tokens,
    )


def _mean_stored(runs: Sequence[DryRun], costs: Sequence[TemperatureCost]) -> float | None:
    """Return the mean over all stored traces, each run weighted by how many it has."""
    pairs = [
        (run.mean_stored_tokens, cost.stored)
        for run, cost in zip(runs, costs, strict=True)
        if run.mean_stored_tokens is not None
    ]
    total = sum(stored for _, stored in pairs)
    return sum(mean * stored for mean, stored in pairs) / total if total else None
