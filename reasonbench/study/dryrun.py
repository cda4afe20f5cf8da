"""What a study would cost, before anything is loaded: trainings, tokens, completions and time.

Counts are exact where the spec decides them.  The number of compared problems is that of all
candidates until the choice is made.  Times come from the finished jobs of the same study where
there are some; otherwise from constants that were measured with the shipped models on one core,
and the estimate then says so: for other models and machines they say nothing.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from reasonbench.errors import SpecError
from reasonbench.planning import load_problems
from reasonbench.records import Record
from reasonbench.run import load_task
from reasonbench.specs import StudyArm, StudySpec
from reasonbench.study import plan
from reasonbench.study.layout import (
    MARKER,
    STUDY_FILE,
    Layout,
    Marker,
    read_study,
    refused_changes,
)
from reasonbench.study.outcomes import SampledRun, Trained
from reasonbench.study.plan import Sampling
from reasonbench.study.recipes import recipes
from reasonbench.study.running import crew_of
from reasonbench.study.selection import Selected
from reasonbench.training import objectives

V = TypeVar("V")

SECONDS_A_SEQUENCE = 0.004
"""One core, a shipped student, a sequence of some 70 tokens in one optimizer step."""
SECONDS_A_DRAWN_SEQUENCE = 0.012
"""The same where the sequence is drawn while training, or a teacher reads it as well."""
SECONDS_A_COMPLETION = 0.0015
"""One core, a shipped student, a completion of some 28 tokens."""
SECONDS_A_WORKER = 13.0
"""Importing PyTorch, transformers and TRL."""
SECONDS_A_RUN = 0.8
"""Opening a run directory, loading the model and a grader, and closing it."""
MEASURED = (
    "constants measured with reasonbench's own tiny models on one core; with other models or "
    "traces they say nothing"
)


class ArmCost(Record, frozen=True, kw_only=True):
    """What one arm asks for."""

    name: str
    """Arm."""
    recipe: str
    """One line: objective and traces."""
    seeds: int
    """Trainings."""
    trials: int
    """Trainings more, for its learning rate."""
    steps: int
    """Optimizer steps of a training; 0 for an interpolation."""
    checkpoints: tuple[int, ...]
    """Steps that are sampled."""
    sequences: int
    """Sequences that the loss is taken on, all trainings and trials together."""
    most_tokens: int
    """Tokens of these at most: ``max_length`` each."""
    completions: int
    """Completions of its students, trials included."""


class StudyCost(Record, frozen=True, kw_only=True):
    """What a study would cost."""

    name: str
    """The study."""
    directory: str
    """Where it would lie."""
    problems: int
    """Problems that are compared, or may be."""
    chosen: bool
    """Whether the choice of problems was made already."""
    arms: tuple[ArmCost, ...]
    """The arms."""
    bank_traces: int
    """Traces of the bank."""
    pilot_completions: int
    """Completions of the pilot."""
    reference_completions: int
    """Completions of the base and the teacher."""
    completions: int
    """All completions, the bank's traces left out."""
    most_tokens_drawn: int | None
    """Tokens of these at most; None where ``sampling.max_tokens`` does not say."""
    jobs_done: int
    """Trainings and runs that are done already."""
    jobs: int
    """Trainings and runs in all."""
    workers: int
    """Workers at once."""
    devices: int
    """GPUs that they use."""
    seconds: float | None
    """Estimated time that is left; None where nothing tells."""
    basis: str
    """What the estimate rests on."""


class _Rates(Record, frozen=True, kw_only=True):
    """Seconds of one worker."""

    step: float | None
    completion: float | None
    basis: str


def cost(
    spec: StudySpec, directory: Path, *, workers: int | None = None, guess: bool = True
) -> StudyCost:
    """Return what ``run_study`` would do; nothing is loaded, drawn or written.

    Args:
        spec: the study.
        directory: its directory, which need not be there.
        workers: trainings and samplings at once.
        guess: estimate the time from constants where the study has finished no part yet.

    Raises:
        SpecError: what would keep the study from starting.
    """
    plan.refuse(spec)
    layout = Layout(directory)
    if (directory / STUDY_FILE).exists():
        _refuse_changed(layout, spec)
    selected = _value(layout.selection, Selected)
    candidates = _problems(spec.tasks, spec.limit)
    problems = selected.selection.kept if selected is not None else candidates
    arms = tuple(_arm(spec, arm, problems) for arm in _arms(spec))
    pilot = spec.select.k * candidates if spec.select is not None else 0
    references = sum(s.n for s in plan.reference_samplings(spec)) * problems
    drawn = sum(arm.completions for arm in arms) + pilot + references
    done, total = _progress(layout, spec)
    crew = crew_of(spec, workers)
    rates = _rates(layout, spec, problems, guess=guess)
    return StudyCost(
        name=spec.name,
        directory=str(directory),
        problems=problems,
        chosen=selected is not None,
        arms=arms,
        bank_traces=_bank_traces(spec),
        pilot_completions=pilot,
        reference_completions=references,
        completions=drawn,
        most_tokens_drawn=drawn * spec.sampling.max_tokens if spec.sampling.max_tokens else None,
        jobs_done=done,
        jobs=total,
        workers=crew.workers,
        devices=len(crew.devices),
        seconds=_seconds(layout, spec, problems, rates, crew.workers),
        basis=rates.basis,
    )


def _refuse_changed(layout: Layout, spec: StudySpec) -> None:
    if changes := refused_changes(read_study(layout.study).spec, spec):
        raise SpecError(
            f"{layout.root} holds another study: {'; '.join(changes)}",
            hint="give another directory with --out",
        )


def _arms(spec: StudySpec) -> tuple[StudyArm, ...]:
    return (*plan.trained_arms(spec), *plan.wise_arms(spec))


def _arm(spec: StudySpec, arm: StudyArm, problems: int) -> ArmCost:
    samplings = [
        sampling
        for seed in spec.seeds
        for at_step in plan.arm_samplings(spec, arm, seed).values()
        for sampling in at_step
    ]
    trials = len(_trial_rates(spec, arm))
    steps = 0 if arm.wise is not None else spec.hyper.steps
    trial_steps = trials * (spec.tune.steps or spec.hyper.steps) if spec.tune else 0
    sequences = (steps * len(spec.seeds) + trial_steps) * spec.hyper.batch_size
    tried = trials * spec.tune.n * _problems(spec.tune.tasks, None) if spec.tune else 0
    return ArmCost(
        name=arm.name,
        recipe=recipes(spec)[arm.name],
        seeds=len(spec.seeds),
        trials=trials,
        steps=steps,
        checkpoints=tuple(dict.fromkeys(s.step for s in samplings if s.step is not None)),
        sequences=sequences,
        most_tokens=sequences * spec.hyper.max_length,
        completions=sum(s.n for s in samplings) * problems + tried,
    )


def _trial_rates(spec: StudySpec, arm: StudyArm) -> tuple[float, ...]:
    rates = plan.rates_of(spec, arm)
    tried = arm.wise is None and spec.tune is not None and len(rates) > 1
    return rates if tried else ()


def _problems(tasks: tuple[str, ...], limit: int | None) -> int:
    return sum(len(load_problems(task, limit)) for task in map(load_task, dict.fromkeys(tasks)))


def _bank_traces(spec: StudySpec) -> int:
    each = sum(spec.bank.n if temperature else 1 for temperature in spec.bank.temperatures)
    return each * _problems(spec.trace_tasks, spec.bank.limit)


def _places(layout: Layout, spec: StudySpec) -> tuple[list[Path], list[tuple[Sampling, Path]]]:
    """Return the directories of all trainings, and of all runs; trials are left out."""
    trainings = [
        layout.train(arm.name, seed) for arm in plan.trained_arms(spec) for seed in spec.seeds
    ]
    runs = [
        (s, layout.reference(s.role.value, s.temperature)) for s in plan.reference_samplings(spec)
    ]
    for arm in _arms(spec):
        for seed in spec.seeds:
            for step, samplings in plan.arm_samplings(spec, arm, seed).items():
                runs += [
                    (s, layout.samples(arm.name, seed, step, s.temperature)) for s in samplings
                ]
    return trainings, runs


def _progress(layout: Layout, spec: StudySpec) -> tuple[int, int]:
    trainings, runs = _places(layout, spec)
    places = [*trainings, *(path for _, path in runs)]
    return sum((place / MARKER).exists() for place in places), len(places)


def _rates(layout: Layout, spec: StudySpec, problems: int, *, guess: bool) -> _Rates:
    """Return how long steps and completions take, from finished parts if there are any."""
    trainings, runs = _places(layout, spec)
    done = [found for place in trainings if (found := _value(place / MARKER, Trained)) is not None]
    steps = sum(one.steps for one in done)
    step = sum(one.seconds for one in done) / steps if steps else None
    drawn = [
        (sampling.n * problems, run.seconds)
        for sampling, place in runs
        if (run := _value(place / MARKER, SampledRun)) is not None
    ]
    many = sum(n for n, _ in drawn)
    completion = sum(seconds for _, seconds in drawn) / many if many else None
    if step is not None and completion is not None:
        basis = f"{len(done)} trainings and {len(drawn)} runs of this study that are done"
        return _Rates(step=step, completion=completion, basis=basis)
    if not guess or not _embedded(spec):
        return _Rates(
            step=step,
            completion=completion,
            basis="no time is known for these models before a part of the study is done",
        )
    objective = [objectives.draws(arm.objective) for arm in plan.trained_arms(spec)]
    each = SECONDS_A_DRAWN_SEQUENCE if any(objective) else SECONDS_A_SEQUENCE
    return _Rates(
        step=each * spec.hyper.batch_size, completion=SECONDS_A_COMPLETION, basis=MEASURED
    )


def _embedded(spec: StudySpec) -> bool:
    return all(model.id.startswith("embedded:") for model in (spec.student, spec.teacher))


def _seconds(
    layout: Layout, spec: StudySpec, problems: int, rates: _Rates, workers: int
) -> float | None:
    """Return the time that is left, as if all workers were busy to the end."""
    if rates.step is None or rates.completion is None:
        return None
    trainings, runs = _places(layout, spec)
    owed = [place for place in trainings if not (place / MARKER).exists()]
    missing = [(s, place) for s, place in runs if not (place / MARKER).exists()]
    seconds = len(owed) * spec.hyper.steps * rates.step
    seconds += sum(s.n * problems * rates.completion + SECONDS_A_RUN for s, _ in missing)
    if not layout.bank.exists():
        seconds += _bank_traces(spec) * rates.completion
    if spec.select is not None and not layout.selection.exists():
        seconds += spec.select.k * problems * rates.completion
    for arm in plan.trained_arms(spec):
        for rate in _trial_rates(spec, arm):
            if spec.tune is not None and not (layout.trial(arm.name, rate) / "samples").exists():
                seconds += (spec.tune.steps or spec.hyper.steps) * rates.step
                seconds += spec.tune.n * _problems(spec.tune.tasks, None) * rates.completion
    return seconds / workers + (SECONDS_A_WORKER if seconds else 0.0)


def _value(path: Path, kind: type[V]) -> V | None:
    """Return what a marker says, whatever its inputs were."""
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
        return msgspec.json.decode(marker.value, type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
