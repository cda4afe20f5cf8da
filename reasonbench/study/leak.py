"""Doses of a leak: benchmark items planted into the teacher's traces, so many copies each.

What is planted is drawn once: by the seed, which items; in turn, the class of each; from the
teacher, one correct trace of each, by a run of its own below ``leak/teacher`` that goes on where
it was cut off.  The doses then differ in copies alone.

Every dose has as many rows as the clean view has traces, and is trained for as many steps.  A
planted row takes the place of a clean one, the same places at every dose and more of them at a
larger one; first those of problems that have other traces.  So with one training seed every
batch of two doses is the same but for planted rows.  Which rows are planted stands in
``leak/planted.json`` and nowhere else.

Not covered: items of which the teacher found no correct trace.  They are neither planted nor
among the others.
"""

import dataclasses
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from reasonbench import plugins
from reasonbench.errors import SpecError
from reasonbench.graders.extraction import TAGS
from reasonbench.identity import digest
from reasonbench.planning import with_system_prompt
from reasonbench.protocols import ModelDetector, Reporter, Task
from reasonbench.records import Completion, Problem, Prompt, Verdict
from reasonbench.run import execute, load_task
from reasonbench.specs import LeakSpec, RunSpec, StudySpec, TaskSpec, TraceView
from reasonbench.store import Store
from reasonbench.study.planted import (
    FOLDER,
    PLANTED_FILE,
    Planted,
    PlantedItem,
    arm_of,
    dose_path,
    write_whole,
)
from reasonbench.training import planting, views
from reasonbench.training.rows import TraceRow

DRAWS = 64
"""Completions of the teacher, at most, in search of correct traces of an item."""
RIGHT = 4
"""Correct traces among which the shortest is planted: it is the easiest to learn by heart."""


@dataclass(frozen=True, slots=True)
class Dose:
    """What one dose is trained on."""

    dose: int
    """Copies of each planted item."""
    arm: str
    """Name of its arm."""
    path: Path
    """The rows as a file that ``scan`` reads."""
    rows: tuple[TraceRow, ...]
    """The same rows, in its order."""
    planted_rows: int
    """How many of them are planted."""


def plan_doses(
    spec: StudySpec,
    directory: Path,
    bank: Path,
    problems: Sequence[Problem],
    *,
    tasks: Sequence[Task] | None = None,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> list[Dose]:
    """Write what every dose is trained on, the smallest dose first.

    Args:
        spec: the study; it has a ``leak``.
        directory: the study's.
        bank: clean traces, of which the arm's view is taken.
        problems: the benchmark's problems that the students are sampled on.
        tasks: the spec's ``tasks``, where they are loaded already.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.

    Raises:
        SpecError: several arms, no dose 0, too few problems or clean traces, or no item that
            the teacher solves.
        ReasonbenchError: what sampling the teacher raises.
    """
    leak = refuse(spec)
    view = spec.arms[0].view if spec.arms else TraceView()
    clean, _ = views.rows_of((str(bank),), view)
    by_name = {task.spec.name: task for task in tasks or map(load_task, spec.tasks)}
    chosen = chosen_items(problems, leak)
    _refuse_too_few(clean, len(chosen), leak)

    def prompt(problem: Problem) -> Prompt:
        return by_name[problem.task].prompt(problem)

    plants = planting.plan_plants(
        chosen,
        prompt,
        planting.classes_of(leak.classes),
        seed=leak.seed,
        benchmark=[problem for task in by_name.values() for problem in task.problems()],
    )
    found = _draw(spec, plants, by_name, directory, (reporter, workers, command))
    kept = [(plant, trace) for plant in plants if (trace := found.get(_key(plant.asked)))]
    if not kept:
        raise SpecError(
            f"the teacher {spec.teacher.id} solved none of the {len(plants)} items that were to be "
            "planted",
            hint="take an easier benchmark or a better teacher",
        )
    lost = tuple(_key(plant.item) for plant in plants if not found.get(_key(plant.asked)))
    return _written(directory, leak, clean, _with_system(spec, kept), lost)


def chosen_items(problems: Sequence[Problem], leak: LeakSpec) -> list[Problem]:
    """Return the items to plant, in the order in which they take turns at the classes."""
    size = round(leak.share * len(problems))
    if not 1 <= size < len(problems):
        raise SpecError(
            f"leak.share = {leak.share:g} of {len(problems)} problems plants {size} of them, and "
            "both planted and other items are needed",
            hint="take more problems, or another share",
        )
    return random.Random(leak.seed).sample(list(problems), size)


def mixed(
    clean: Sequence[TraceRow],
    kept: Sequence[tuple[planting.Plant, str]],
    dose: int,
    seed: int,
) -> tuple[list[TraceRow], tuple[int, ...]]:
    """Return the rows of a dose, and which of them are planted: the items in turn, copy by copy.

    Args:
        clean: rows of the clean view.
        kept: plants with their traces.
        dose: copies of each.
        seed: of the order, which is the same at every dose.
    """
    rng = random.Random(seed)
    rows = rng.sample(list(clean), len(clean))
    places = _giving_way(rows)[: dose * len(kept)]
    for number, place in enumerate(places):
        plant, trace = kept[number % len(kept)]
        rows[place] = planting.planted_row(plant, trace, "")
    named = [
        TraceRow(f"row/{number:06d}", row.messages, row.completion, row.problem)
        for number, row in enumerate(rows)
    ]
    return named, tuple(places)


def refuse(spec: StudySpec) -> LeakSpec:
    """Return the spec's leak; what cannot be planted or asked is refused before anything runs.

    Raises:
        SpecError: no leak, several arms, no dose 0, a class or detector that does not exist or
            a detector that asks no model.
    """
    if spec.leak is None:
        raise SpecError("the study has no [leak]", hint="add one, with its doses")
    if len(spec.arms) > 1:
        raise SpecError(
            f"a study with [leak] trains every dose by one arm, got {len(spec.arms)}",
            hint="leave one arm, or none for SFT",
        )
    doses = spec.leak.dose
    if 0 not in doses or len(set(doses)) < len(doses):
        raise SpecError(
            f"leak.dose must hold 0 and no dose twice, got {list(doses)}",
            hint="dose = [0, 1, 4, 16]",
        )
    planting.classes_of(spec.leak.classes)
    model_detectors(spec.leak)
    return spec.leak


def model_detectors(leak: LeakSpec) -> dict[str, ModelDetector]:
    """Load the detectors that ask the students.

    Raises:
        SpecError: one that searches traces.
        UnknownNameError: there is none of a name.
    """
    found = {}
    for name in dict.fromkeys(leak.detectors):
        detector: Any = plugins.DETECTORS.load(name)
        if plugins.missing_members(detector, ModelDetector):
            raise SpecError(
                f"the detector {name!r} searches traces, and leak.detectors ask the students",
                hint="leave it out: every dose's training file is searched anyway",
            )
        found[name] = detector
    return found


class Asking:
    """Some problems of a task, or made from them, as the teacher is asked them."""

    def __init__(self, spec: TaskSpec, asked: Iterable[tuple[Problem, Prompt]]) -> None:
        self._asked = {problem.id: (problem, prompt) for problem, prompt in asked}
        content = [(p.digest(), q.digest()) for p, q in self._asked.values()]
        self._spec = msgspec.structs.replace(spec, content_digest=digest(content))

    @property
    def spec(self) -> TaskSpec:
        """What the task is."""
        return self._spec

    def problems(self) -> Iterator[Problem]:
        """Yield the problems."""
        return (problem for problem, _ in self._asked.values())

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        return self._asked[problem.id][1]


def _refuse_too_few(clean: Sequence[TraceRow], n_items: int, leak: LeakSpec) -> None:
    needed = n_items * max(leak.dose)
    if needed >= len(clean):
        raise SpecError(
            f"{max(leak.dose)} copies of {n_items} items take the place of {needed} clean traces, "
            f"and the arm's view has {len(clean)}",
            hint="make a larger bank, or take a smaller dose or share",
        )


Calling = tuple[Reporter | None, int | None, Sequence[str]]


def _draw(
    spec: StudySpec,
    plants: Sequence[planting.Plant],
    tasks: Mapping[str, Task],
    directory: Path,
    calling: Calling,
) -> dict[tuple[str, str], str]:
    """Return a correct trace of the teacher for each problem that it solved."""
    by_task: defaultdict[str, list[planting.Plant]] = defaultdict(list)
    for plant in plants:
        by_task[plant.asked.task].append(plant)
    asking = [
        Asking(tasks[name].spec, [(p.asked, p.prompt) for p in mine])
        for name, mine in by_task.items()
    ]
    warm = next((t for t in spec.bank.temperatures if t > 0), None)
    run = RunSpec(
        model=spec.teacher,
        tasks=tuple(by_task),
        engine=spec.bank.engine,
        sampling=msgspec.structs.replace(spec.bank.sampling, temperature=warm or 0.0),
        n=1 if warm is None else DRAWS,
        stop_after_successes=1 if warm is None else RIGHT,
        system_prompt=spec.bank.system_prompt,
    )
    reporter, workers, command = calling
    folder = directory / FOLDER / "teacher"
    done = execute(
        run, folder, tasks=asking, reporter=reporter, workers=workers, command=tuple(command)
    )
    right: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with Store.read(folder) as store:
        correct = {
            grade.key
            for grade, _ in store.grades(done.plan, done.grader_versions)
            if grade.verdict is Verdict.CORRECT
        }
        for problem, completion in store.completions(done.plan):
            if completion.key in correct:
                right[_key(problem)].append(_text(completion))
    # A wave may draw beyond what was needed, so the first few count and no more.
    return {key: min(texts[:RIGHT], key=len) for key, texts in right.items()}


def _text(completion: Completion) -> str:
    """Return what a student learns of a completion: as a bank's rows, with the thought opened."""
    text = completion.text
    if not completion.thinking_prefilled:
        return text
    opening = next((o for o, closing in TAGS if closing in text), TAGS[0][0])
    return text if text.lstrip().startswith(opening) else f"{opening}\n{text}"


def _with_system(
    spec: StudySpec, kept: Sequence[tuple[planting.Plant, str]]
) -> list[tuple[planting.Plant, str]]:
    """Return plants whose prompts are those that the teacher was sent."""
    system = spec.bank.system_prompt
    if system is None:
        return list(kept)
    return [
        (dataclasses.replace(plant, prompt=with_system_prompt(plant.prompt, system)), trace)
        for plant, trace in kept
    ]


def _written(
    directory: Path,
    leak: LeakSpec,
    clean: Sequence[TraceRow],
    kept: Sequence[tuple[planting.Plant, str]],
    lost: tuple[tuple[str, str], ...],
) -> list[Dose]:
    doses, where = [], {}
    for dose in sorted(leak.dose):
        rows, places = mixed(clean, kept, dose, leak.seed)
        where[str(dose)] = places
        path = dose_path(directory, dose)
        write_whole(path, _lines(rows))
        doses.append(Dose(dose, arm_of(dose), path, tuple(rows), len(places)))
    truth = Planted(
        seed=leak.seed,
        items=tuple(
            PlantedItem(
                task=plant.item.task,
                problem_id=plant.item.id,
                kind=str(plant.kind),
                trace=digest(trace),
            )
            for plant, trace in kept
        ),
        without_trace=lost,
        size=len(clean),
        rows=where,
    )
    write_whole(
        directory / FOLDER / PLANTED_FILE, msgspec.json.format(msgspec.json.encode(truth), indent=1)
    )
    return doses


def _giving_way(rows: Sequence[TraceRow]) -> list[int]:
    """Return the places of rows in the order in which they are given up."""
    seen: Counter[tuple[str, ...]] = Counter()
    ranks = []
    for row in rows:
        asked = tuple(message["content"] for message in row.messages)
        ranks.append(seen[asked])
        seen[asked] += 1
    return sorted(range(len(rows)), key=lambda place: -ranks[place])


def _lines(rows: Sequence[TraceRow]) -> bytes:
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
    lines = [
        json.dumps(
            {
                "id": row.id,
                "messages": [*row.messages, {"role": "assistant", "content": row.completion}],
            },
            ensure_ascii=False,
        )
        + "\n"
        for row in rows
    ]
    return packer.compress("".join(lines).encode("utf-8"))


def _key(problem: Problem) -> tuple[str, str]:
    return problem.task, problem.id
