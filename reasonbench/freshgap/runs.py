"""Run directories as a gap reads them: by model and by task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.records import Counts, EngineIdentity, Plan, Problem
from reasonbench.store import Store
from reasonbench.summary import find_plan, summarize


class Asked(NamedTuple):
    """One task of one model."""

    task: str
    """Its name."""
    run: str
    """Run directory that holds it."""
    plan: Plan
    """What that run was asked for."""
    problems: dict[str, Problem]
    """Its problems, by id."""
    counts: dict[str, Counts]
    """How they were judged, by id."""

    def digest_of(self, problem: str) -> str:
        """Return the digest of what one problem asks."""
        return self.problems[problem].digest()

    @property
    def statements(self) -> set[str]:
        """What its problems ask."""
        return {problem.statement for problem in self.problems.values()}

    def missing(self) -> int:
        """Return how many problems have fewer graded completions than were asked for."""
        return sum(c.n < self.plan.spec.n for c in self.counts.values())


class Model:
    """One model's runs, as far as a gap reads them."""

    def __init__(self, engine: EngineIdentity) -> None:
        self.engine = engine
        self.runs: list[Path] = []
        self.tasks: dict[str, list[Asked]] = {}
        self.names: dict[str, str] = {}

    def task(self, asked: str) -> Asked:
        """Return a task by its name, or by the reference that it was asked for by.

        Raises:
            UnknownNameError: none of the runs holds it.
            SpecError: several do.
        """
        found = self.tasks.get(asked) or self.tasks.get(self.names.get(asked, ""))
        if found is None:
            kind = f"task in the runs of {self.engine.model}"
            raise UnknownNameError.build(kind, asked, {*self.tasks, *self.names})
        if len(found) > 1:
            raise SpecError(
                f"{' and '.join(one.run for one in found)} all hold {found[0].task} of "
                f"{self.engine.model}, and only one of them can count",
                hint="name one of these runs",
            )
        return found[0]

    def add(self, directory: Path, found: Sequence[Asked], names: Mapping[str, str]) -> None:
        """Take the tasks of one run directory."""
        for asked in found:
            self.tasks.setdefault(asked.task, []).append(asked)
        self.names.update(names)
        self.runs.append(directory)


def read_models(directories: Sequence[Path]) -> list[Model]:
    """Return the models that the run directories are of, in the order of their first runs."""
    found_models: dict[tuple[str, str | None, str], Model] = {}
    for directory in dict.fromkeys(directories):
        with Store.read(directory) as store:
            plan = find_plan(store)
            if plan.spec.stop_after_successes is not None:
                raise SpecError(
                    f"{directory} was stopped at {plan.spec.stop_after_successes} successes a "
                    f"problem, and a gap needs all n completions of each",
                    hint="run it on without --stop-after-successes: its samples are kept",
                )
            result = summarize(store, plan.digest())
            problems: dict[str, dict[str, Problem]] = {task.name: {} for task in plan.tasks}
            for problem in store.problems(plan.digest()):
                problems[problem.task][problem.id] = problem
        found = [
            Asked(
                task=task.spec.name,
                run=str(directory),
                plan=plan,
                problems=problems[task.spec.name],
                counts={c.problem_id: c for c in task.problems},
            )
            for task in result.tasks
        ]
        asked_for = plan.spec.tasks if len(plan.spec.tasks) == len(plan.tasks) else ()
        names = {ref: task.name for ref, task in zip(asked_for, plan.tasks, strict=False)}
        engine = plan.engine
        key = (engine.model, engine.revision, engine.weights_digest)
        found_models.setdefault(key, Model(engine)).add(directory, found, names)
    return list(found_models.values())


def family_of(problem: Problem) -> str | None:
    """Return the family of a problem: its cluster, else what its metadata says."""
    said = problem.metadata.get("family")
    return problem.cluster or (said if isinstance(said, str) else None)
