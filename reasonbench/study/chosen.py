"""The chosen problems of a study's tasks, as tasks of their own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reasonbench.errors import TaskError
from reasonbench.protocols import Task
from reasonbench.records import Problem, Prompt
from reasonbench.run import load_task
from reasonbench.specs import TaskSpec

Chosen = Mapping[str, Sequence[str]]
"""Name of a task -> ids of its problems."""


class ChosenTask:
    """A task with some of its problems, in its order."""

    def __init__(self, task: Task, ids: Iterable[str]) -> None:
        self._task = task
        self._ids = frozenset(ids)

    @property
    def spec(self) -> TaskSpec:
        """The whole task's spec: its digest says which benchmark it is."""
        return self._task.spec

    def problems(self) -> Iterator[Problem]:
        """Yield the chosen problems.

        Raises:
            TaskError: one of them is not there any more.
        """
        found = [problem for problem in self._task.problems() if problem.id in self._ids]
        if lost := self._ids - {problem.id for problem in found}:
            raise TaskError(
                f"task {self.spec.name!r} has no problem {min(lost)!r}, which the study chose",
                hint="the task was changed: begin another study with --out",
            )
        yield from found

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        return self._task.prompt(problem)


def chosen_tasks(references: Sequence[str], chosen: Chosen) -> list[Task]:
    """Return tasks with their chosen problems alone; one that ``chosen`` leaves out is whole.

    A task of which nothing was chosen is left out.
    """
    tasks: list[Task] = []
    for task in map(load_task, dict.fromkeys(references)):
        ids = chosen.get(task.spec.name)
        if ids is None:
            tasks.append(task)
        elif ids:
            tasks.append(ChosenTask(task, ids))
    return tasks


def chosen_problems(references: Sequence[str], chosen: Chosen) -> list[Problem]:
    """Return the chosen problems, task by task."""
    return [problem for task in chosen_tasks(references, chosen) for problem in task.problems()]
