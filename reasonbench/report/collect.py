"""From runs and audits on disk to what a report shows."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from reasonbench import plugins
from reasonbench.audit import load_audit, run_beside
from reasonbench.audit.sides import reference_directory
from reasonbench.comparison import compare
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.models.split import published
from reasonbench.records import FinishReason, Verdict
from reasonbench.report.curves import beyond_of, budget_of, curve_of, diversity_of, lengths_of
from reasonbench.report.data import (
    DATA_SCHEMA,
    Disagreement,
    Judged,
    ModelView,
    ProblemView,
    ReportData,
    Surroundings,
    TaskView,
    portable,
    portable_comparison,
)
from reasonbench.report.evidence import FOUND
from reasonbench.report.surroundings import read_surroundings
from reasonbench.results import AUDIT_SCHEMA, Audit, Comparison, TaskResult
from reasonbench.store import Store
from reasonbench.store.database import STORE_FILE

MAX_STATEMENT = 600
"""Characters of a problem's statement that a report holds."""
MAX_EXAMPLES = 5
"""Completions that a disagreement of graders names."""
PIPE = "pipe what reasonbench audit --format json prints"
NOT_THERE = "only its audit was given, without the run directory that holds its completions"


@dataclass
class Drawn:
    """A task's graded completions, one entry each in all lists."""

    problem: list[int] = field(default_factory=list)
    """Place of the problem in the task."""
    right: list[bool] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    answers: defaultdict[int, Counter[object]] = field(default_factory=lambda: defaultdict(Counter))
    """How often each answer was given, by problem; right ones are one answer."""
    layers: Counter[tuple[str, str]] = field(default_factory=Counter)


class Source:
    """An audit, and the run directory behind it where there is one."""

    def __init__(self, audit: Audit, directory: Path | None) -> None:
        self.audit, self.directory = audit, directory

    @classmethod
    def load(cls, path: Path) -> "Source":
        """Read a run directory, audited or not, or an audit's file.

        Raises:
            SpecError: it is neither, or an audit that is older than its run.
        """
        audit = load_audit(path)
        return cls(audit, path if path.is_dir() else run_beside(path, audit))

    @classmethod
    def of(cls, audit: Audit) -> "Source":
        """Take the run directory that an audit names, where it still is of what that holds."""
        directory = Path(audit.run.path)
        try:
            there = (directory / STORE_FILE).is_file()
            held = there and load_audit(directory).run == audit.run
        except (ReasonbenchError, OSError):  # gone, unreadable, or no path at all
            held = False
        return cls(audit, directory if held else None)

    @classmethod
    def decode(cls, text: bytes, most: int) -> "Source":
        """Take an audit's JSON from a pipe.

        Raises:
            SpecError: it is no audit of this schema version, or has more than ``most`` bytes.
        """
        if len(text) > most:
            raise SpecError(f"stdin has more than {most:,} bytes", hint=PIPE)
        try:
            audit = msgspec.json.decode(text, type=Audit)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise SpecError(
                f"stdin is not an audit of schema version {AUDIT_SCHEMA}: {error}", hint=PIPE
            ) from error
        if audit.schema_version != AUDIT_SCHEMA:
            raise SpecError(
                f"stdin is an audit of schema version {audit.schema_version}, not {AUDIT_SCHEMA}",
                hint=PIPE,
            )
        return cls.of(audit)


def collect(source: Source, others: Sequence[Source] = ()) -> ReportData:
    """Return everything that a report shows.

    Args:
        source: the model under audit.
        others: models to show beside it; the audit's own references come before them.
    """
    audit = portable(source.audit)
    notes: list[str] = []
    beside = [*_references(source), *others]
    # What is fitted here is too small for threads, which took ten times as long; and their number
    # would move the last digits.
    with threadpool_limits(1):
        views = [_view(part, first=part is source) for part in (source, *beside)]
    labels = _labels([part.audit.spec.model.id for part in (source, *beside)])
    models = [
        msgspec.structs.replace(view, label=label)
        for view, label in zip(views, labels, strict=True)
    ]
    notes += [f"{m.label}: {m.missing}." for m in models if m.missing]
    comparisons = [portable_comparison(found) for found in source.audit.comparisons]
    audit = msgspec.structs.replace(audit, further_comparisons=tuple(comparisons[1:]))
    for other, model in zip(others, models[len(models) - len(others) :], strict=True):
        found = _compared(other, source)
        if isinstance(found, str):
            notes.append(f"{model.label} is not compared problem by problem: {found}.")
        else:
            comparisons.append(msgspec.structs.replace(found, model_a=model.label))
    return ReportData(
        schema_version=DATA_SCHEMA,
        audit=audit,
        models=tuple(models),
        problems=_problems(source),
        comparisons=tuple(comparisons),
        disagreements=_disagreements(source),
        surroundings=_surroundings(source, audit),
        notes=tuple(notes),
    )


def _surroundings(source: Source, audit: Audit) -> tuple[Surroundings, ...]:
    """Return what stands around the first place of each finding, where its run is at hand."""
    if source.directory is None or source.audit.scan is None:
        return ()
    firsts = [
        (own.matches[0], named.matches[0])
        for own, named in zip(source.audit.findings, audit.findings, strict=True)
        if own.status in FOUND and own.matches
    ]
    return read_surroundings(
        [own for own, _ in firsts], [named for _, named in firsts], source.audit.scan.documents
    )


def _references(source: Source) -> list[Source]:
    if source.directory is None:
        return []
    numbers = range(1, 1 + len(source.audit.spec.reference_models()))
    places = [reference_directory(source.directory, number) for number in numbers]
    return [Source.load(place) for place in places if (place / STORE_FILE).is_file()]


def _labels(names: Sequence[str]) -> list[str]:
    """Return a name for each model; those of one name are numbered."""
    times, seen = Counter(names), Counter[str]()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(name if times[name] == 1 else f"{name} ({seen[name]})")
    return labels


def _compared(other: Source, source: Source) -> Comparison | str:
    """Return the paired comparison, or why there is none."""
    if other.directory is None or source.directory is None:
        return "that needs the run directories of both"
    try:
        level = source.audit.spec.level
        with threadpool_limits(1):
            found = compare(other.directory, source.directory, level=level)
        return portable_comparison(found)
    except ReasonbenchError as error:
        return error.message


def _view(source: Source, *, first: bool) -> ModelView:
    drawn: Mapping[str, Drawn] = {}
    if source.directory is not None:
        drawn = _drawn(source.audit, source.directory)
    audited = source.audit.scan is not None or bool(source.audit.spec.heldout)
    return ModelView(
        label=source.audit.spec.model.id,
        tasks=tuple(
            _task(source.audit, task, drawn.get(task.spec.name), first=first)
            for task in source.audit.run.tasks
        ),
        verdicts=source.audit.verdicts if audited else (),
        missing="" if source.directory is not None else NOT_THERE,
    )


def _task(audit: Audit, task: TaskResult, drawn: Drawn | None, *, first: bool) -> TaskView:
    level = audit.spec.level
    view = TaskView(
        task=task.spec.name,
        role=task.role,
        n=task.n,
        level=level,
        problems=task.problems,
        curve=curve_of(task, level),
        beyond=beyond_of(task, level) if first else (),
    )
    if drawn is None or not drawn.problem:
        return view
    view = msgspec.structs.replace(
        view,
        judged=tuple(
            Judged(layer=layer, verdict=verdict, count=count)
            for (layer, verdict), count in sorted(drawn.layers.items())
        ),
    )
    if task.stop_after_successes is not None:
        return view  # how long a problem was sampled depends on its outcomes
    problem, right, tokens, cut = (
        np.array(part) for part in (drawn.problem, drawn.right, drawn.tokens, drawn.cut)
    )
    timed = bool(tokens.any())
    return msgspec.structs.replace(
        view,
        budget=budget_of(problem, right, tokens, cut, level) if timed else (),
        lengths=lengths_of(right, tokens, cut) if timed else None,
        diversity=diversity_of(task, list(drawn.answers.values())),
    )


def _drawn(audit: Audit, directory: Path) -> dict[str, Drawn]:
    places = {
        (task.spec.name, counts.problem_id): place
        for task in audit.run.tasks
        for place, counts in enumerate(task.problems)
    }
    found: defaultdict[str, Drawn] = defaultdict(Drawn)
    with Store.read(directory) as store:
        tokens = {c.key: c.n_tokens for _, c in store.completions(audit.run.plan)}
        for grade, finish in store.grades(audit.run.plan, audit.run.grader_versions):
            task = found[grade.task]
            task.layers[grade.layer, grade.verdict.value] += 1
            place = places.get((grade.task, grade.problem_id))
            if grade.verdict is Verdict.UNGRADED or place is None:
                continue
            right = grade.verdict is Verdict.CORRECT
            task.problem.append(place)
            task.right.append(right)
            task.tokens.append(tokens.get(grade.key, 0))
            task.cut.append(finish is FinishReason.LENGTH)
            task.answers[place][True if right else grade.answer] += 1
    return found


def _problems(source: Source) -> tuple[ProblemView, ...]:
    if source.directory is None:
        return tuple(
            ProblemView(task=task.spec.name, id=counts.problem_id)
            for task in source.audit.run.tasks
            for counts in task.problems
        )
    days = {task.spec.name: task.spec.published for task in source.audit.run.tasks}
    with Store.read(source.directory) as store:
        return tuple(
            ProblemView(
                task=problem.task,
                id=problem.id,
                statement=problem.statement[:MAX_STATEMENT],
                published=published(problem, days.get(problem.task)),
                family=problem.cluster,
            )
            for problem in store.problems(source.audit.run.plan)
        )


def _disagreements(source: Source) -> tuple[Disagreement, ...]:
    """Return how other graders that judged the same completions differ from those that count."""
    if source.directory is None:
        return ()
    plan_id, ours = source.audit.run.plan, source.audit.run.grader_versions
    found = []
    with Store.read(source.directory) as store:
        plan = next((p for p in store.plans() if p.digest() == plan_id), None)
        others = {
            (task, name)
            for other in store.plans()
            for task, name in other.graders.items()
            if plan is not None and plan.graders.get(task, name) != name
        }
        for task, name in sorted(others):
            identity = plugins.GRADERS.load(name).identity
            ours_of, theirs_of = (
                {
                    (g.problem_id, g.sample_index): g.verdict is Verdict.CORRECT
                    for g, _ in store.grades(plan_id, {task: grader})
                    if g.verdict is not Verdict.UNGRADED
                }
                for grader in (ours[task], identity)
            )
            both = [key for key in ours_of if key in theirs_of]
            differ = [key for key in both if ours_of[key] != theirs_of[key]]
            if both:
                found.append(
                    Disagreement(
                        task=task,
                        first=ours[task],
                        second=identity,
                        n_both=len(both),
                        only_first=sum(ours_of[key] for key in differ),
                        only_second=sum(theirs_of[key] for key in differ),
                        examples=tuple(f"{p}, {i}" for p, i in differ[:MAX_EXAMPLES]),
                    )
                )
    return tuple(found)
