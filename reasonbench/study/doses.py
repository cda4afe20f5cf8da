"""What a leak did, dose by dose: to the score, to the scan, to the detectors on the model's side.

*Inflation* is pass@k of a dose's students minus that of the students of dose 0, problem by
problem and seed by seed.  The *scan* sees the training file alone.  The *detectors* see the
students of the first seed that was sampled, those of dose 0 as the reference, and the training
file.  They are told which problems were planted, as an audit tells them what its scan found: so
what is shown is how far planted and other problems come apart for a detector, not whether it
could name the planted ones by itself.

Not covered: what a detector sees of the other seeds.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from reasonbench import plugins
from reasonbench.audit.sides import Sampling, Side
from reasonbench.errors import ReasonbenchError
from reasonbench.identity import digest
from reasonbench.protocols import Asked, Evidence, Reporter, Sampled, Task
from reasonbench.records import Completion, Counts, Interval, Problem
from reasonbench.results import FindingStatus, ModelCheck, Role
from reasonbench.results.study import DoseClass, DoseDetector, StudyDose, StudyPoint
from reasonbench.run import Silent, load_task
from reasonbench.specs import StudySpec
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import compare_seeds
from reasonbench.store import Store
from reasonbench.study import leak, planted
from reasonbench.study.counts import CountRow
from reasonbench.summary import default_ks, find_plan

SCAN = "overlap"
"""Detector that searches a training file, as ``scan`` does."""
PLANTED_SIDE = "problems found in the traces"
"""What detectors call the problems that they were told of."""

Key = tuple[str, str]
"""Task and id of a problem."""
Places = Mapping[tuple[str, int], Path]
"""Arm and seed -> run directory of the last step at the first temperature."""


def measure_doses(
    spec: StudySpec,
    directory: Path,
    counts: Sequence[CountRow],
    *,
    problems: Sequence[Problem],
    samples: Places,
    tasks: Sequence[Task] | None = None,
    failed: Mapping[str, str] | None = None,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> tuple[StudyDose, ...]:
    """Return what every dose came to, the smallest first.

    Args:
        spec: the study; it has a ``leak``.
        directory: the study's, with its ``leak`` folder.
        counts: what the doses' arms and others were counted at.
        problems: the benchmark's problems that the students were sampled on.
        samples: where the doses' students were sampled.
        tasks: the spec's ``tasks``, where they are loaded already.
        failed: arms that came to nothing, and why.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.

    Raises:
        SpecError: the study has no leak, or nothing says what was planted.
    """
    asked = _Benchmark.of(spec, directory, problems, tasks)
    calling = reporter or Silent(), workers, tuple(command)
    scores = _scores(spec, counts)
    students = {
        place: _student(asked, place[0], run, calling)
        for place, run in samples.items()
        if scores.get(place[0])
    }
    found = []
    for dose in sorted(leak.refuse(spec).dose):
        arm = planted.arm_of(dose)
        why = (failed or {}).get(arm) or ("" if scores.get(arm) else "it was never sampled")
        calling[0].say(f"dose {dose}: what the scan and the detectors see")
        one = _dose(spec, asked, dose, scores)
        checks = () if why else _examined(spec, asked, dose, students)
        found.append(msgspec.structs.replace(one, detectors=checks, failed=why))
    return tuple(found)


class _Benchmark(NamedTuple):
    """The benchmark, and which of it was planted."""

    directory: Path
    tasks: tuple[Asked, ...]
    problems: tuple[Problem, ...]
    """Those that are planted, or among the others."""
    planted: Mapping[Key, str]
    """Planted problem -> its class."""
    truth: planted.Planted

    @classmethod
    def of(
        cls,
        spec: StudySpec,
        directory: Path,
        problems: Sequence[Problem],
        tasks: Sequence[Task] | None,
    ) -> "_Benchmark":
        truth = planted.read_planted(directory)
        lost = set(truth.without_trace)
        kept = tuple(problem for problem in problems if _key(problem) not in lost)
        loaded = list(tasks or map(load_task, spec.tasks))
        by_task = {task.spec.name: [p for p in kept if p.task == task.spec.name] for task in loaded}
        asked = tuple(
            Asked(task, Role.PUBLIC, tuple(by_task[task.spec.name]))
            for task in loaded
            if by_task[task.spec.name]
        )
        kinds = {(item.task, item.problem_id): item.kind for item in truth.items}
        return cls(directory, asked, kept, kinds, truth)

    def classes(self) -> list[str]:
        """Return the classes that something was planted as, in the order of their turns."""
        return list(dict.fromkeys(self.planted.values()))

    def keys(self, group: str) -> list[Key]:
        """Return the problems of a class, or all that are ``planted``, or the ``others``."""
        whole: dict[str, set[str | None]] = {"planted": {*self.planted.values()}, "others": {None}}
        wanted = whole.get(group, {group})
        return [k for p in self.problems if self.planted.get(k := _key(p)) in wanted]


Scores = Mapping[str, Mapping[int, Mapping[Key, tuple[int, int]]]]
"""Arm -> seed -> problem -> n and c, at the last step and the first temperature."""
Calling = tuple[Reporter, int | None, tuple[str, ...]]


def _scores(spec: StudySpec, counts: Sequence[CountRow]) -> Scores:
    """Return the counts that the doses are compared by."""
    last: dict[tuple[str, int], int] = {}
    rows = [
        row
        for row in counts
        if row.seed is not None and row.step is not None and row.temperature == spec.temperatures[0]
    ]
    for row in rows:
        place = row.model, row.seed or 0
        last[place] = max(row.step or 0, last.get(place, 0))
    found: defaultdict[str, defaultdict[int, dict[Key, tuple[int, int]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        seed = row.seed or 0
        if row.step == last[row.model, seed]:
            found[row.model][seed][row.task, row.problem_id] = row.n, row.c
    return found


def _dose(spec: StudySpec, asked: _Benchmark, dose: int, scores: Scores) -> StudyDose:
    """Return a dose's inflation, and what the scan finds of it."""
    found = _found(asked, planted.dose_path(asked.directory, dose))
    ks = tuple(sorted({1, *(spec.ks or default_ks(spec.n))}))
    there = asked.planted if dose else {}
    groups = {name: asked.keys(name) for name in ("planted", "others", *asked.classes())}
    clusters = {_key(p): p.cluster for p in asked.problems if p.cluster is not None}
    curves = {
        name: inflation(scores, dose, keys, ks, clusters=clusters, level=spec.level)
        for name, keys in groups.items()
    }
    return StudyDose(
        dose=dose,
        arm=planted.arm_of(dose),
        rows=asked.truth.size,
        planted_rows=len(asked.truth.rows[str(dose)]),
        planted=_at_1(curves["planted"]),
        others=_at_1(curves["others"]),
        planted_at_k=curves["planted"],
        others_at_k=curves["others"],
        classes=tuple(
            DoseClass(
                name=name,
                planted=sum(key in there for key in groups[name]),
                found=sum(key in there and key in found for key in groups[name]),
                inflation=_at_1(curves[name]),
            )
            for name in asked.classes()
        ),
        found=sum(key in there for key in found),
        found_wrongly=sum(key not in there for key in found),
    )


def inflation(
    scores: Scores,
    dose: int,
    keys: Sequence[Key],
    ks: Sequence[int],
    *,
    clusters: Mapping[Key, str] = MappingProxyType({}),
    level: float,
) -> tuple[StudyPoint, ...]:
    """Return pass@k of a dose minus that of dose 0, paired by problem and seed.

    Intervals are over problems and seeds; what seeds do is pooled over the doses.  With one seed
    they are over problems alone.  A k beyond n has no point, and so has a dose that shares no
    seed with dose 0.

    Args:
        scores: counts of the doses' arms.
        dose: the dose; 0 against itself is 0, without an interval.
        keys: problems.
        ks: values of k.
        clusters: label of problems that hang together.
        level: confidence level.
    """
    pairs = {
        arm: _paired(scores.get(planted.arm_of(0), {}), of_arm, keys)
        for arm, of_arm in scores.items()
        if arm != planted.arm_of(0)
    }
    pair = pairs.get(planted.arm_of(dose))
    if not keys or (pair is None and (dose or planted.arm_of(0) not in scores)):
        return ()
    if pair is None:
        return tuple(StudyPoint(k=k, value=0.0) for k in ks)
    known = [p for p in pairs.values() if p is not None]
    found = compare_seeds(
        *pair,
        ks,
        paired=True,
        seeds=seed_variance([b for _, b in known], ks, against=[a for a, _ in known]),
        level=level,
        clusters=[clusters.get(key, "/".join(key)) for key in keys] if clusters else None,
    )
    low, high = found.interval
    return tuple(
        StudyPoint(
            k=k,
            value=float(found.value[i]),
            interval=Interval(low=float(low[i]), high=float(high[i])),
        )
        for i, k in enumerate(ks)
        if math.isfinite(found.value[i])
    )


def _paired(
    first: Mapping[int, Mapping[Key, tuple[int, int]]],
    second: Mapping[int, Mapping[Key, tuple[int, int]]],
    keys: Sequence[Key],
) -> tuple[Student, Student] | None:
    """Return the counts of two arms for the seeds that both have."""
    seeds = sorted(first.keys() & second.keys())
    if not seeds or not keys:
        return None
    # A problem without a row has no completion: no k is defined there.
    n, c = (
        [[[arm[s].get(key, (0, 0))[i] for key in keys] for s in seeds] for arm in (first, second)]
        for i in (0, 1)
    )
    return Student(n[0], c[0]), Student(n[1], c[1])


def _found(asked: _Benchmark, path: Path) -> set[Key]:
    """Return the problems that the scan finds in a training file."""
    with plugins.attributed("detector", SCAN):
        findings, _ = plugins.DETECTORS.load(SCAN).detect(asked.problems, [path])
    return {(f.task, f.problem_id) for f in findings if f.status is FindingStatus.CONTAMINATED}


def _at_1(points: Sequence[StudyPoint]) -> StudyPoint | None:
    return next((point for point in points if point.k == 1), None)


def _key(problem: Problem) -> Key:
    return problem.task, problem.id


def _examined(
    spec: StudySpec, asked: _Benchmark, dose: int, students: Mapping[tuple[str, int], Sampled]
) -> tuple[DoseDetector, ...]:
    """Return what every detector sees of a dose, or why it could not be asked."""
    arm, clean = planted.arm_of(dose), planted.arm_of(0)
    seed = next((s for s in spec.seeds if (arm, s) in students), None)
    if seed is None or spec.leak is None:
        return ()
    evidence = Evidence(
        tasks=asked.tasks,
        model=students[arm, seed],
        reference=None if dose == 0 else students.get((clean, seed)),
        traces=(planted.dose_path(asked.directory, dose),),
        leaked=set(asked.planted),
        cutoff=None,
        level=spec.level,
    )
    found: list[DoseDetector] = []
    for name, detector in leak.model_detectors(spec.leak).items():
        try:
            with plugins.attributed("detector", name):
                found += [_seen(check) for check in detector.examine(evidence)]
        except ReasonbenchError as error:
            found.append(_unasked(name, error.message))
    return tuple(found)


def _student(asked: _Benchmark, arm: str, run: Path, calling: Calling) -> "_Student":
    """Return a student as detectors ask it; what they let it draw lies in the leak's folder."""
    with Store.read(run) as store:
        plan = find_plan(store)
    sampling = Sampling(asked.tasks, plan.digest(), run, *calling)
    side = Side(
        plan.spec,
        [one.task for one in asked.tasks],
        run,
        sampling,
        further=asked.directory / planted.FOLDER / "checks" / arm,
        plan=plan.digest(),
    )
    return _Student(side, frozenset(map(_key, asked.problems)))


class _Student:
    """A run of a student without the problems that are neither planted nor among the others.

    What it draws for one dose is not drawn for another: that of dose 0 is the reference of all.
    """

    def __init__(self, side: Sampled, keys: Set[Key]) -> None:
        self._side, self._keys = side, keys
        self._drawn: dict[tuple[str, str], Sampled] = {}

    @property
    def model(self) -> str:
        return self._side.model

    def counts(self, task: str) -> Sequence[Counts]:
        return [c for c in self._side.counts(task) if (task, c.problem_id) in self._keys]

    def completions(self, task: str) -> Iterator[tuple[Problem, Completion]]:
        for problem, completion in self._side.completions(task):
            if (task, problem.id) in self._keys:
                yield problem, completion

    def draw(
        self, name: str, tasks: Sequence[Task], *, greedy_tokens: int | None = None
    ) -> Sampled:
        key = name, digest([task.spec for task in tasks], greedy_tokens)
        if key not in self._drawn:
            self._drawn[key] = self._side.draw(name, tasks, greedy_tokens=greedy_tokens)
        return self._drawn[key]


def _seen(check: ModelCheck) -> DoseDetector:
    """Return what a check says of planted against other problems."""
    beside = next((c for c in check.contrasts if c.first.what == PLANTED_SIDE), None)
    if beside is None or beside.value is None:
        return DoseDetector(
            name=check.detector,
            measure=check.measure,
            planted=None,
            others=None,
            difference=None,
            flagged=False,
            sentence=check.sentence,
        )
    span = beside.interval
    return DoseDetector(
        name=check.detector,
        measure=check.measure,
        planted=beside.first.value,
        others=beside.second.value,
        difference=StudyPoint(k=1, value=beside.value, interval=span),
        flagged=span is not None and span.low > 0,
        sentence=check.sentence,
    )


def _unasked(name: str, why: str) -> DoseDetector:
    return DoseDetector(
        name=name,
        measure="",
        planted=None,
        others=None,
        difference=None,
        flagged=False,
        sentence=f"{name} could not be asked: {why}.",
    )
