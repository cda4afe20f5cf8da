"""Jobs that choose an arm's learning rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from reasonbench.identity import digest
from reasonbench.results.study import StudyRole
from reasonbench.specs import StudyArm, TuneSpec
from reasonbench.study import plan, requests, tuning
from reasonbench.study.jobs import Job
from reasonbench.study.layout import MARKER
from reasonbench.study.measure import measure
from reasonbench.study.outcomes import Trained
from reasonbench.study.plan import Sampling
from reasonbench.study.sampled import sampling_job
from reasonbench.study.state import State, checkpoint, marked_job


class Trial(NamedTuple):
    """The trial of one rate."""

    rate: float
    train: Job
    sample: Job
    folder: Path
    """Run directory of its samples."""


def trials(state: State, arm: StudyArm, needs: tuple[Job, ...]) -> list[Trial]:
    """Return an arm's trials; none where it has one rate."""
    tune, rates = state.spec.tune, plan.rates_of(state.spec, arm)
    if tune is None or len(rates) < 2:
        return []
    return [_trial(state, tune, arm, rate, needs) for rate in rates]


def _trial(
    state: State, tune: TuneSpec, arm: StudyArm, rate: float, needs: tuple[Job, ...]
) -> Trial:
    spec, folder = state.spec, state.layout.trial(arm.name, rate)
    name, label = f"tune/{arm.name}/{rate!r}", f"{arm.name} at learning rate {rate:g}"
    steps, seed = tune.steps or spec.hyper.steps, spec.seeds[0]
    hyper = msgspec.structs.replace(spec.hyper, steps=steps)
    short = msgspec.structs.replace(spec, hyper=hyper, checkpoints=(steps,))
    training = plan.train_spec(short, arm, seed, rate)
    found: list[Trained] = []
    train = marked_job(
        state,
        f"{name}/train",
        f"trying {label}",
        marker=folder / "train" / MARKER,
        kind=Trained,
        inputs=lambda: (training, state.bank_digest()),
        request=lambda: requests.Train(
            spec=training,
            traces=requests.text(state.layout.bank),
            directory=requests.text(folder / "train"),
        ),
        take=found.append,
        needs=needs,
    )
    sampling = Sampling(name, StudyRole.ARM, seed, steps, spec.temperatures[0], tune.n)
    sample = sampling_job(
        state,
        f"{name}/samples",
        f"sampling {label}",
        [(sampling, folder / "samples")],
        model=lambda: checkpoint(folder / "train", found[-1], steps),
        identity=lambda: digest(training, state.bank_digest(), steps),
        problems=dict,
        tasks=tune.tasks,
        needs=(train,),
        keep=False,
    )
    return Trial(rate, train, sample, folder / "samples")


def rate_job(state: State, arm: StudyArm, tried: Sequence[Trial]) -> Job:
    """Return the choice of a rate; it waits for all trials, and needs one alone."""

    def choose() -> None:
        points = {
            trial.rate: None
            if trial.sample.why
            else tuning.pass_at_1(measure(trial.folder), state.spec.level)
            for trial in tried
        }
        state.tuned[arm.name] = tuning.tuned(points)
        state.say(f"{arm.name}: the learning rate {state.rate(arm):g} is taken")

    needs = tuple(trial.sample for trial in tried)
    return Job(f"tune/{arm.name}", f"the learning rate of {arm.name}", choose, needs, tolerant=True)
