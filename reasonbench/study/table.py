"""The counts of a study, laid out to be compared.

Problems stand in one order for all models; one that a model lacks has n = 0 there, and is then
left out at every k and counted.
"""

from collections.abc import Iterable

import numpy as np

from reasonbench.errors import ReasonbenchError
from reasonbench.results.study import StudyRole
from reasonbench.stats.seeds import Student
from reasonbench.study.counts import CountRow

Key = tuple[str, str]
"""Task and id of a problem."""
Place = tuple[int | None, float]
"""Step and temperature."""


class Table:
    """Rows by model, place, seed and problem."""

    def __init__(self, counts: Iterable[CountRow]) -> None:
        self._cells: dict[str, dict[Place, dict[int | None, dict[Key, CountRow]]]] = {}
        self.roles: dict[str, StudyRole] = {}
        keys: dict[Key, str | None] = {}
        rows = list(counts)
        for row in rows:
            self.roles.setdefault(row.model, row.role)
            places = self._cells.setdefault(row.model, {})
            seeds = places.setdefault((row.step, row.temperature), {})
            seeds.setdefault(row.seed, {})[row.task, row.problem_id] = row
            keys[row.task, row.problem_id] = row.cluster
        self.keys: tuple[Key, ...] = tuple(sorted(keys))
        """All problems, in the order of every array."""
        self._clusters = keys
        self.solutions_named = all(row.solutions is not None for row in rows)
        """Whether the graders tell different right solutions apart."""

    @property
    def clusters(self) -> list[str] | None:
        """Label of each problem; None where each stands alone."""
        if not any(self._clusters.values()):
            return None
        return [self._clusters[key] or "/".join(key) for key in self.keys]

    def models(self, role: StudyRole) -> tuple[str, ...]:
        """Return the models of a role, in the order of the rows."""
        return tuple(name for name, own in self.roles.items() if own is role)

    def places(self, model: str) -> list[Place]:
        """Return where a model was sampled: by step, then as the rows come."""
        found = self._cells.get(model, {})
        return sorted(found, key=lambda place: -1 if place[0] is None else place[0])

    def last_step(self, model: str) -> int | None:
        """Return a model's last step that was sampled; None for one that was not trained."""
        return max((s for s, _ in self.places(model) if s is not None), default=None)

    def seeds(self, model: str, place: Place) -> tuple[int | None, ...]:
        """Return the seeds of a model there."""
        return tuple(sorted(self._at(model, place), key=lambda seed: -1 if seed is None else seed))

    def rows(self, model: str, place: Place) -> list[list[CountRow | None]]:
        """Return the rows there, one list a seed, in the order of ``keys``."""
        at = self._at(model, place)
        return [[at[seed].get(key) for key in self.keys] for seed in self.seeds(model, place)]

    def student(self, model: str, place: Place) -> Student | None:
        """Return the counts there; None where there are none.

        A model without seeds has arrays of shape (P,).
        """
        rows = self.rows(model, place)
        if not rows:
            return None
        n = [[row.n if row else 0 for row in one] for one in rows]
        c = [[row.c if row else 0 for row in one] for one in rows]
        return Student(n[0], c[0]) if self.seeds(model, place) == (None,) else Student(n, c)

    def base(self, temperature: float) -> Student | None:
        """Return the beginning at a temperature."""
        names = self.models(StudyRole.BASE)
        return self.student(names[0], (None, temperature)) if names else None

    def beginning(self, temperature: float) -> Student:
        """Return the beginning at the temperature that arms are compared at.

        Raises:
            ReasonbenchError: it was not counted.
        """
        found = self.base(temperature)
        if found is None:
            raise ReasonbenchError(
                f"the counts hold no sample of the base at temperature {temperature:g}, which "
                f"every arm is compared with",
                hint="repeat the study's command: it samples what is missing",
            )
        return found

    def _at(self, model: str, place: Place) -> dict[int | None, dict[Key, CountRow]]:
        return self._cells.get(model, {}).get(place, {})


def completions(student: Student) -> int:
    """Return the most completions that a problem has with one seed."""
    return int(np.max(student.n))
