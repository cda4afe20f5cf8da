"""Tasks that a detector makes up to ask the model something more."""

from collections.abc import Iterable, Sequence

from reasonbench.identity import digest
from reasonbench.records import Problem, Prompt
from reasonbench.specs import TaskSpec


class Probe:
    """Problems with the prompts that ask them."""

    def __init__(self, name: str, grader: str, asked: Sequence[tuple[Problem, Prompt]]) -> None:
        self._asked = {problem.id: (problem, prompt) for problem, prompt in asked}
        self._spec = TaskSpec(
            name=name,
            source="made by a detector",
            grader=grader,
            content_digest=digest([(p.digest(), q.digest()) for p, q in asked]),
        )

    @property
    def spec(self) -> TaskSpec:
        """What the task is."""
        return self._spec

    def problems(self) -> Iterable[Problem]:
        """Yield the problems."""
        return (problem for problem, _ in self._asked.values())

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        return self._asked[problem.id][1]
