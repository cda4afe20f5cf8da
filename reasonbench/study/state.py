"""What a study came to so far, and the digests of what its stages are made from."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import StoreError
from reasonbench.identity import digest
from reasonbench.planning import load_problems
from reasonbench.results.study import TunedRate
from reasonbench.run import load_task
from reasonbench.specs import ModelSpec, RunSpec, StudyArm, StudySpec, TrainSpec
from reasonbench.study import plan, requests, selection, tuning
from reasonbench.study.chosen import chosen_problems
from reasonbench.study.jobs import Job
from reasonbench.study.layout import Layout, read_marker
from reasonbench.study.outcomes import Trained
from reasonbench.study.plan import Sampling
from reasonbench.training.traces import BankSummary

Student = tuple[str, int]
"""Arm and seed."""
Chosen = dict[str, tuple[str, ...]]
"""Task -> ids of its problems."""


class State:
    """The stages' results, as they become known."""

    def __init__(
        self,
        spec: StudySpec,
        layout: Layout,
        *,
        say: Callable[[str], None] = lambda _: None,
        command: Sequence[str] = (),
    ) -> None:
        self.spec, self.layout, self.say = spec, layout, say
        self.command = tuple(command)
        self.candidates = _candidates(spec)
        self.bank: BankSummary | None = None
        self.selected: selection.Selected | None = None
        self.tuned: dict[str, tuple[TunedRate, ...]] = {}
        self.trained: dict[Student, Trained] = {}
        self.doses: dict[str, str] = {}
        """Arm -> what it is trained on."""
        self.runs: dict[Sampling, Path] = {}
        """Run directory of every sampling that is done."""

    def chosen(self) -> Chosen:
        """Return the problems that are compared."""
        assert self.selected is not None
        return self.selected.problems

    def chosen_digest(self) -> str:
        """Return the digest of their content."""
        problems = chosen_problems(self.spec.tasks, self.chosen())
        return digest([problem.full_digest() for problem in problems])

    def bank_digest(self) -> str:
        """Return the digest of the bank's content."""
        assert self.bank is not None
        return self.bank.digest

    def rate(self, arm: StudyArm) -> float:
        """Return the learning rate that an arm is trained with."""
        rates = self.tuned.get(arm.name)
        return tuning.chosen(rates) if rates else plan.rates_of(self.spec, arm)[0]

    def training(self, arm: StudyArm, seed: int) -> TrainSpec:
        """Return one training, as it is recorded."""
        dose = self.doses.get(arm.name)
        traces = plan.BANK_NAME if dose is None else f"leak/{Path(dose).name}"
        return plan.train_spec(self.spec, arm, seed, self.rate(arm), traces=traces)

    def traces(self, arm: StudyArm) -> str:
        """Return where an arm's traces lie."""
        return self.doses.get(arm.name) or requests.text(self.layout.bank)

    def training_inputs(self, arm: StudyArm, seed: int) -> tuple[Any, ...]:
        """Return what a training is made from."""
        dose = self.doses.get(arm.name)
        data = self.bank_digest() if dose is None else file_digest(Path(dose))
        return self.training(arm, seed), data

    def checkpoint(self, arm: StudyArm, seed: int, step: int) -> ModelSpec:
        """Return an arm's weights at one step."""
        return checkpoint(self.layout.train(arm.name, seed), self.trained[arm.name, seed], step)

    def run_spec(self, sampling: Sampling, model: ModelSpec, tasks: tuple[str, ...]) -> RunSpec:
        """Return what one sampling draws."""
        spec = self.spec
        drawn = msgspec.structs.replace(
            spec.sampling,
            temperature=sampling.temperature,
            seed=sampling.draw_seed(spec.sampling.seed),
        )
        return RunSpec(model=model, tasks=tasks, engine=spec.engine, sampling=drawn, n=sampling.n)


def checkpoint(directory: Path, trained: Trained, step: int) -> ModelSpec:
    """Return the weights that a training left at one step.

    Raises:
        StoreError: it left none there.
    """
    folder = trained.checkpoints.get(str(step))
    if folder is None or not (directory / folder).is_dir():
        raise StoreError(
            f"the training in {directory} left no weights at step {step}",
            hint="delete that directory and repeat the command",
        )
    return ModelSpec(id=requests.text(directory / folder))


def marked_job(
    state: State,
    name: str,
    label: str,
    *,
    marker: Path,
    kind: Any,
    inputs: Callable[[], Sequence[Any]],
    request: Callable[[], requests.Request],
    take: Callable[[Any], None],
    needs: tuple[Job, ...] = (),
) -> Job:
    """Return a job that is done where its marker carries the digest of its inputs.

    Args:
        state: the study's.
        name: unique among its jobs.
        label: what a person calls it.
        marker: where it says that it is done.
        kind: type of what it comes to, which is never None.
        inputs: what the digest is of.
        request: what a worker is asked.
        take: takes what it came to.
        needs: jobs that must be done before.
    """

    def prepare() -> requests.Request | None:
        identity = digest(name, *inputs())
        value = read_marker(marker, identity, kind)
        if value is not None:
            take(value)
            return None
        return msgspec.structs.replace(
            request(), marker=requests.text(marker), identity=identity, command=state.command
        )

    return Job(name, label, prepare, needs, lambda raw: take(msgspec.json.decode(raw, type=kind)))


def _candidates(spec: StudySpec) -> Chosen:
    return {
        task.spec.name: tuple(problem.id for problem in load_problems(task, spec.limit))
        for task in map(load_task, spec.tasks)
    }


@lru_cache
def content(references: tuple[str, ...]) -> str:
    """Return the digest of all problems of some tasks."""
    problems = [p for task in map(load_task, references) for p in task.problems()]
    return digest([problem.full_digest() for problem in problems])


def file_digest(path: Path) -> str:
    """Return the digest of a file.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
