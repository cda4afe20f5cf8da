"""What detectors on the model's side may ask of a model: what it drew, and more.

Each further run has a directory of its own below the audit's, so it is resumed as any run is,
and nothing is drawn before it is asked for.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from reasonbench.protocols import Asked, Reporter, Task
from reasonbench.records import Completion, Counts, Problem
from reasonbench.run import execute
from reasonbench.specs import AuditSpec, RunSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.summary import summarize

FOLDER = "checks"
"""Folder of the further runs, in the audit's directory."""


def reference_directory(directory: Path, number: int = 1) -> Path:
    """Return where an audit's reference is sampled; they are numbered from 1."""
    name = "reference" if number == 1 else f"reference-{number}"
    return directory / FOLDER / name / "run"


class Sampling(NamedTuple):
    """How and where an audit samples."""

    asked: Sequence[Asked]
    """Its tasks."""
    plan: str
    """Plan of its own run."""
    directory: Path
    """Its directory."""
    reporter: Reporter
    """Where progress goes."""
    workers: int | None
    """Grader processes."""
    command: tuple[str, ...]
    """Command line, for the record."""


class Side:
    """One run of one model, made when it is first asked for; a ``protocols.Sampled``."""

    def __init__(
        self,
        spec: RunSpec,
        tasks: Sequence[Task],
        directory: Path,
        sampling: Sampling,
        *,
        further: Path,
        plan: str | None = None,
    ) -> None:
        self._spec, self._tasks, self._directory = spec, list(tasks), directory
        self._sampling, self._further, self._plan = sampling, further, plan
        self._counts: dict[str, tuple[Counts, ...]] | None = None

    @classmethod
    def of_audit(cls, spec: AuditSpec, sampling: Sampling) -> "Side":
        """Return the model under audit: its run is there."""
        further = sampling.directory / FOLDER / "model"
        tasks = [asked.task for asked in sampling.asked]
        return cls(
            spec.run_spec(),
            tasks,
            sampling.directory,
            sampling,
            further=further,
            plan=sampling.plan,
        )

    @classmethod
    def of_references(cls, spec: AuditSpec, sampling: Sampling) -> list["Side"]:
        """Return the reference models, which are asked what the model under audit was."""
        tasks = [asked.task for asked in sampling.asked]
        sides = []
        for number, model in enumerate(spec.reference_models(), start=1):
            place = reference_directory(sampling.directory, number)
            run = msgspec.structs.replace(spec.run_spec(), model=model)
            sides.append(cls(run, tasks, place, sampling, further=place.parent))
        return sides

    @property
    def model(self) -> str:
        """The model's id."""
        return self._spec.model.id

    def counts(self, task: str) -> Sequence[Counts]:
        """Return how each problem of a task was judged."""
        if self._counts is None:
            plan = self._drawn()
            with Store.read(self._directory) as store:
                result = summarize(store, plan, ks=(1,))
            self._counts = {t.spec.name: t.problems for t in result.tasks}
        return self._counts[task]

    def sampled(self) -> Path:
        """Return the run directory, sampled and graded as far as it can be."""
        self._drawn()
        return self._directory

    def completions(self, task: str) -> Iterator[tuple[Problem, Completion]]:
        """Yield a task's completions, problem by problem."""
        plan = self._drawn()
        with Store.read(self._directory) as store:
            for problem, completion in store.completions(plan):
                if problem.task == task:
                    yield problem, completion

    def draw(self, name: str, tasks: Sequence[Task], *, greedy_tokens: int | None = None) -> "Side":
        """Return a run of further tasks with this model; see ``protocols.Sampled``."""
        spec = msgspec.structs.replace(
            self._spec, tasks=tuple(task.spec.name for task in tasks), limit=None
        )
        if greedy_tokens is not None:
            greedy = SamplingSpec(
                temperature=0.0, max_tokens=greedy_tokens, seed=self._spec.sampling.seed
            )
            # Plain text holds no system message, and a single draw no successes to stop at.
            spec = msgspec.structs.replace(
                spec, sampling=greedy, n=1, stop_after_successes=None, system_prompt=None
            )
        further = self._further / name
        return Side(spec, tasks, further, self._sampling, further=further)

    def _drawn(self) -> str:
        """Return the plan, sampled and graded as far as it can be."""
        if self._plan is None:
            work = self._sampling
            done = execute(
                self._spec,
                self._directory,
                tasks=self._tasks,
                reporter=work.reporter,
                workers=work.workers,
                command=work.command,
            )
            self._plan = done.plan
        return self._plan
