"""From the counts of a study to its models: curves, diversity, verdicts.

The same counts give the same models, whatever the order of the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from reasonbench.results.study import (
    ArmVerdict,
    StudyCurve,
    StudyDiversity,
    StudyModel,
    StudyRole,
    StudyTraining,
    TunedRate,
)
from reasonbench.specs import StudySpec
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import estimate_seeds
from reasonbench.study.counts import CountRow
from reasonbench.study.plan import arm_names, greatest_k, wise_arms
from reasonbench.study.table import Place, Table, completions
from reasonbench.study.variety import diversities
from reasonbench.study.verdicts import Question, failed_verdict, points, verdict
from reasonbench.summary import default_ks


def analyse(
    spec: StudySpec,
    counts: Iterable[CountRow],
    trainings: Mapping[str, Sequence[StudyTraining]],
    tuned: Mapping[str, Sequence[TunedRate]],
    recipes: Mapping[str, str],
) -> tuple[StudyModel, ...]:
    """Return base, teacher and arms, in the order of tables.

    Args:
        spec: what was asked for; it names k, K, the temperatures and the level.
        counts: rows of the one Parquet file.
        trainings: of each arm, one a seed.
        tuned: of each arm, the trials of learning rates.
        recipes: one line for each model.

    Raises:
        ReasonbenchError: the beginning was not counted at the first temperature.
    """
    table = Table(counts)
    table.beginning(spec.temperatures[0])
    references = [n for r in (StudyRole.BASE, StudyRole.TEACHER) for n in table.models(r)]
    arms = [*arm_names(spec)]
    arms += [name for name in table.models(StudyRole.ARM) if name not in arms]
    varieties = diversities(table, [*references, *arms], spec.temperatures)
    trained = [name for name in arms if name not in {arm.name for arm in wise_arms(spec)}]
    study = _Study(spec, table, _Pools(table, trained), varieties)
    return tuple(
        StudyModel(
            name=name,
            role=table.roles.get(name, StudyRole.ARM),
            recipe=recipes.get(name, ""),
            curves=study.curves(name),
            diversity=varieties[name],
            trainings=tuple(trainings.get(name, ())),
            tuned=tuple(tuned.get(name, ())),
            verdict=None
            if name in references
            else study.verdict(name, [t.failed for t in trainings.get(name, ()) if t.failed]),
        )
        for name in (*references, *arms)
    )


class _Pools:
    """Trained arms at a place, whose seeds tell what a seed does there.

    An interpolation's seeds are those of the arm that it was made of, and are not counted twice.
    """

    def __init__(self, table: Table, trained: Sequence[str]) -> None:
        self._table = table
        self._trained = trained
        self._found: dict[Place, tuple[Student, ...]] = {}

    def at(self, place: Place) -> tuple[Student, ...]:
        """Return the counts of the trained arms there."""
        if place not in self._found:
            found = (self._table.student(name, place) for name in self._trained)
            self._found[place] = tuple(student for student in found if student is not None)
        return self._found[place]


class _Study(NamedTuple):
    """All that a model's results are made of."""

    spec: StudySpec
    table: Table
    pools: _Pools
    varieties: Mapping[str, Sequence[StudyDiversity]]

    def curves(self, name: str) -> tuple[StudyCurve, ...]:
        """Return a model's curves: by step, then in the spec's order of temperatures."""
        rank = {temperature: i for i, temperature in enumerate(self.spec.temperatures)}
        places = sorted(
            (place for place in self.table.places(name) if place[1] in rank),
            key=lambda place: (-1 if place[0] is None else place[0], rank[place[1]]),
        )
        found = (self._curve(name, place) for place in places)
        return tuple(curve for curve in found if curve is not None)

    def verdict(self, name: str, failed: Sequence[str]) -> ArmVerdict:
        """Return what an arm did."""
        spec, first = self.spec, self.spec.temperatures[0]
        place = (self.table.last_step(name), first)
        arm = self.table.student(name, place)
        if arm is None or completions(arm) == 0:
            return failed_verdict(failed)
        swept = {t: own for t in spec.temperatures if (own := self.table.base(t)) is not None}
        beginning = self.table.models(StudyRole.BASE)[0]
        return verdict(
            Question(
                base=self.table.beginning(first),
                arm=arm,
                temperatures=swept,
                pool=self.pools.at(place),
                first=first,
                ks=tuple(spec.ks or default_ks(spec.n)),
                k=greatest_k(spec),
                level=spec.level,
                clusters=self.table.clusters,
                failed=failed,
                diversity=(self._diversity(beginning), self._diversity(name)),
                solutions_named=self.table.solutions_named,
                source=self.origin(name, place),
            )
        )

    def origin(self, name: str, place: Place) -> tuple[str, Student] | None:
        """Return what an interpolation was made of, where all its seeds were sampled alike."""
        arm = next((arm for arm in wise_arms(self.spec) if arm.name == name), None)
        if arm is None or arm.wise is None:
            return None
        source = arm.wise.arm
        found = self.table.student(source, place)
        alike = self.table.seeds(source, place) == self.table.seeds(name, place)
        return (source, found) if found is not None and alike else None

    def _diversity(self, name: str) -> StudyDiversity | None:
        first = self.spec.temperatures[0]
        return next((v for v in self.varieties[name] if v.temperature == first), None)

    def _curve(self, name: str, place: Place) -> StudyCurve | None:
        spec, table = self.spec, self.table
        student = table.student(name, place)
        n = 0 if student is None else completions(student)
        ks = [k for k in sorted(spec.ks or default_ks(spec.n)) if k <= n]
        if student is None or not ks:
            return None
        seeds = [seed for seed in table.seeds(name, place) if seed is not None]
        pool = self.pools.at(place) if seeds else ()
        estimate = estimate_seeds(
            student,
            ks,
            seeds=seed_variance(pool, ks) if pool else None,
            level=spec.level,
            clusters=table.clusters,
        )
        shown = points(estimate)
        defined = [ks.index(point.k) for point in shown]
        rows = [row for one in table.rows(name, place) for row in one if row is not None]
        graded = sum(row.n for row in rows)
        return StudyCurve(
            temperature=place[1],
            step=place[0],
            n=n,
            pass_at_k=shown,
            by_seed={
                str(seed): tuple(float(own[i]) for i in defined)
                for seed, own in zip(seeds, estimate.by_seed, strict=True)
            },
            truncated=sum(row.truncated for row in rows) / graded,
            tokens=sum(row.tokens for row in rows) / graded,
        )
