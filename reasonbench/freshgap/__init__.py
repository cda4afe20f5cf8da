"""The fresh gap: pass@k on a public task minus pass@k on a fresh one, and what else may explain it.

Beside it stand the same difference of a reference model, and the difference between an old and
the fresh draw of the same families.  Each row says what it can and cannot show; no row alone
tells contamination from difficulty.  Problems that share a cluster count as one where there are
several clusters, since other families are what is asked about.

Not covered: runs that were stopped early, and what the traces say.
"""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.freshgap.runs import Asked, Model, family_of, read_models
from reasonbench.planning import changed_fields
from reasonbench.records import Interval, Problem
from reasonbench.results.gap import FreshGap, GapKind, GapRow, GapValue, ModelGap
from reasonbench.stats.compare import GAFFKE, STUDENT
from reasonbench.stats.gap import (
    MOVER,
    Gap,
    Pair,
    Sampled,
    Stratified,
    difference_in_differences,
    gap,
    gap_of_strata,
)
from reasonbench.summary import DECISION_ANCHOR, default_ks, estimate_pass_at_k

SHOWS: Mapping[GapKind, str] = {
    GapKind.PUBLIC: "with an interval above 0, that this model solves more of the public problems "
    "than of the fresh ones",
    GapKind.REFERENCE: "with an interval above 0, that the public task is easier for this model "
    "than for the reference, beyond what makes it easier for both",
    GapKind.CONTROL: "with an interval above 0, that this model knows the old instances "
    "themselves: families and levels are the same, so their difficulty cancels",
}
"""What each row can show."""

CANNOT_SHOW: Mapping[GapKind, str] = {
    GapKind.PUBLIC: "why: the two tasks may differ in difficulty, topic and format, and the fresh "
    "families may be of other hands and written after the public problems",
    GapKind.REFERENCE: "that the rest is a leak: a model may be better at the public task's kind "
    "of problem, a score near 0 or 100% leaves a gap no room, and a reference that has seen the "
    "public problems hides what this one has seen",
    GapKind.CONTROL: "that the families are new to it: a model that was trained on other instances "
    "of them scores alike on both; and where the old instances were not public before its training "
    "ended, 0 is what to expect, and another value speaks against the comparison",
}
"""What each row cannot show."""

_NAMES = {
    MOVER: "MOVER over the two sets' intervals",
    STUDENT: "t over families",
    GAFFKE: "Gaffke over families",
}


def fresh_gap(
    runs: Sequence[Path],
    *,
    public: str,
    fresh: str,
    control: str | None = None,
    reference: Sequence[Path] = (),
    ks: Sequence[int] = (),
    level: float = 0.95,
) -> FreshGap:
    """Compare a public task with a fresh one, model by model.

    Args:
        runs: run directories; those of one model are read together.
        public: task that may have leaked, by its name or as it was asked for.
        fresh: task of problems that are younger than the model.
        control: the families of ``fresh``, drawn from an old round.
        reference: run directories of a model to hold the others against.
        ks: values of k; by default the powers of two up to the smallest n.
        level: confidence level.

    Raises:
        SpecError: a run that was stopped early, a task of two runs, a k beyond n, a control of
            other families, or tasks that share a problem.
        ReasonbenchError: no run, or nothing that could be compared.
    """
    named = [name for name in (public, fresh, control) if name is not None]
    models = read_models(runs)
    against = read_models(reference)
    if len(against) > 1:
        names = " and ".join(model.engine.model for model in against)
        raise SpecError(
            f"the reference is one model, got runs of {names}", hint="name the runs of one model"
        )
    other = against[0] if against else None
    for model in models:
        if other is not None and model.engine == other.engine:
            raise SpecError(
                f"{other.engine.model} is held against itself",
                hint="name as --reference a run of a model that cannot have seen the public task",
            )
    needed = [model.task(name) for model in models for name in named]
    needed += [other.task(name) for name in (public, fresh)] if other is not None else []
    picked = _picked(ks, min(asked.plan.spec.n for asked in needed))
    found = [_model_gap(model, other, (public, fresh, control), picked, level) for model in models]
    return FreshGap(
        public=models[0].task(public).task,
        fresh=models[0].task(fresh).task,
        control=None if control is None else models[0].task(control).task,
        reference=None if other is None else other.engine.model,
        level=level,
        models=tuple(found),
    )


def _picked(ks: Sequence[int], n: int) -> tuple[int, ...]:
    picked = tuple(sorted(set(ks or default_ks(n))))
    if picked[-1] > n:
        raise SpecError(
            f"k = {picked[-1]} needs as many completions a problem, and a run has {n}",
            hint="give a smaller k, or run on with a larger -n: samples are kept",
        )
    return picked


def _model_gap(
    model: Model,
    other: Model | None,
    names: tuple[str, str, str | None],
    ks: Sequence[int],
    level: float,
) -> ModelGap:
    public, fresh = model.task(names[0]), model.task(names[1])
    control = None if names[2] is None else model.task(names[2])
    asked = [public, fresh] if control is None else [public, fresh, control]
    _check_disjoint(public, fresh)
    notes = _notes(asked)
    rows = [_row(GapKind.PUBLIC, gap(_sampled(public), _sampled(fresh), ks, level=level))]
    if other is not None:
        pairs: list[Pair] = []
        for ours, name in ((public, names[0]), (fresh, names[1])):
            theirs = other.task(name)
            pair, left_out = _pair(ours, theirs)
            pairs.append(pair)
            notes += _differences(ours, theirs, "the reference") + left_out
        rows.append(
            _row(GapKind.REFERENCE, difference_in_differences(pairs[0], pairs[1], ks, level=level))
        )
    if control is not None:
        compared, left_out = _control(control, fresh, ks, level)
        rows.append(_row(GapKind.CONTROL, compared))
        notes += left_out
    estimates = [
        estimate_pass_at_k(
            list(task.counts.values()),
            ks,
            n_max=task.plan.spec.n,
            level=level,
            anchor=DECISION_ANCHOR,
        )
        for task in asked
    ]
    return ModelGap(
        model=model.engine.model,
        runs=tuple(dict.fromkeys(task.run for task in asked)),
        public=estimates[0],
        fresh=estimates[1],
        control=estimates[2] if control is not None else (),
        rows=tuple(rows),
        notes=tuple(dict.fromkeys(notes)),
    )


def _check_disjoint(public: Asked, fresh: Asked) -> None:
    """Refuse tasks that ask the same, of which no difference is one of independent sets."""
    shared = public.statements & fresh.statements
    if shared:
        raise SpecError(
            f"{len(shared):,} problems stand in both {public.task} and {fresh.task}",
            hint="name tasks that share no problem",
        )


def _notes(asked: Sequence[Asked]) -> list[str]:
    notes = []
    for task in asked:
        if missing := task.missing():
            notes.append(f"{missing:,} problems of {task.task} lack completions or verdicts")
        if _families(task.problems.values()) == 1:
            notes.append(f"{task.task} is of one family: its intervals speak of that family alone")
    for task in asked[1:]:
        notes += _differences(asked[0], task, f"the run of {task.task}")
    return notes


def _differences(one: Asked, other: Asked, where: str) -> list[str]:
    """Return what differs between two runs beside the model and the tasks."""
    if one.plan is other.plan:
        return []
    expected = ("engine.model", "engine.weights_digest", "engine.revision")
    changes = [c for c in changed_fields(one.plan, other.plan) if not c.startswith(expected)]
    return [f"{where} differs in {change}" for change in changes]


def _families(problems: Iterable[Problem]) -> int:
    """Return how many families the problems are of; 0 where none has one."""
    return len({family_of(p) for p in problems} - {None})


def _clusters(problems: Sequence[Problem]) -> list[str] | None:
    """Return a label a problem; None where no cluster would leave others to compare with."""
    labels = [f"of {p.cluster}" if p.cluster else f"only {p.id}" for p in problems]
    return labels if 1 < len(set(labels)) < len(labels) else None


def _sampled(task: Asked, ids: Sequence[str] | None = None) -> Sampled:
    taken = list(task.counts) if ids is None else list(ids)
    counts = [task.counts[name] for name in taken]
    return Sampled(
        n=[c.n for c in counts],
        c=[c.c for c in counts],
        clusters=_clusters([task.problems[name] for name in taken]),
    )


def _pair(ours: Asked, theirs: Asked) -> tuple[Pair, list[str]]:
    """Return both models on the problems that both were asked."""
    shared = [
        name
        for name in ours.counts
        if name in theirs.counts and ours.digest_of(name) == theirs.digest_of(name)
    ]
    if not shared:
        raise ReasonbenchError(
            f"{ours.run} and {theirs.run} have no problem of {ours.task} in common",
            hint="run the reference on the same task",
        )
    alone = len(ours.counts) + len(theirs.counts) - 2 * len(shared)
    notes = [f"{alone:,} problems of {ours.task} are in one of the runs only, and left out beside "
             "the reference"] if alone else []  # fmt: skip
    return Pair(_sampled(ours, shared), _sampled(theirs, shared)), notes


class _Cell(NamedTuple):
    """Where a problem belongs: what is compared, and what hangs together."""

    family: str
    level: str

    def label(self) -> str:
        return f"{self.level}\n{self.family}"


def _control(
    control: Asked, fresh: Asked, ks: Sequence[int], level: float
) -> tuple[Gap, list[str]]:
    """Compare two draws of the same families, cell by cell of family and level."""
    again = control.statements & fresh.statements
    old, new = (_cells(task, again) for task in (control, fresh))
    shared = set(old.values()) & set(new.values())
    if not shared:
        raise SpecError(
            f"{control.task} and {fresh.task} share no family at the same level",
            hint="name as --control a task of the same families, drawn from another round",
        )
    notes = []
    if again:
        notes.append(
            f"{len(again):,} problems came in both draws of {control.task} and {fresh.task}, and "
            f"are left out of the control"
        )
    if alone := len(set(old.values()) ^ set(new.values())):
        notes.append(
            f"{alone:,} cells of family and level are in one of {control.task} and {fresh.task} "
            f"only, and left out of the control"
        )
    if len({cell.family for cell in shared}) > 1:
        sides = (_stratified(control, old), _stratified(fresh, new))
        return gap_of_strata(*sides, ks, level=level), notes
    # Of one family nothing is known about others: its instances are the sample.
    taken = [[name for name, cell in cells.items() if cell in shared] for cells in (old, new)]
    return gap(_sampled(control, taken[0]), _sampled(fresh, taken[1]), ks, level=level), notes


def _cells(task: Asked, without: Set[str]) -> dict[str, _Cell]:
    """Return the cell of each problem of a task, but of those with a given statement."""
    cells = {}
    for name in task.counts:
        problem = task.problems[name]
        family = family_of(problem)
        if family is None:
            raise SpecError(
                f"{task.task} does not say which family its problem {name} is of, so it can be no "
                f"control and have none",
                hint="a control is a task such as fresh_math:2024-10, beside fresh_math:2026-10",
            )
        if problem.statement not in without:
            cells[name] = _Cell(family, str(problem.metadata.get("level", "")))
    return cells


def _stratified(task: Asked, cells: Mapping[str, _Cell]) -> Stratified:
    counts = [task.counts[name] for name in cells]
    return Stratified(
        n=[c.n for c in counts],
        c=[c.c for c in counts],
        strata=[cell.label() for cell in cells.values()],
        clusters=[cell.family for cell in cells.values()],
    )


def _row(kind: GapKind, found: Gap) -> GapRow:
    return GapRow(
        kind=kind,
        values=tuple(_value(found, i) for i in range(found.ks.size)),
        shows=SHOWS[kind],
        cannot_show=CANNOT_SHOW[kind],
    )


def _value(found: Gap, i: int) -> GapValue:
    value, low, high = (float(x[i]) for x in (found.value, *found.interval))
    return GapValue(
        k=int(found.ks[i]),
        value=None if math.isnan(value) else value,
        interval=None if math.isnan(low) or math.isnan(high) else Interval(low=low, high=high),
        method=_NAMES[found.method[i]],
        n_first=int(found.n_first[i]),
        n_second=int(found.n_second[i]),
    )
