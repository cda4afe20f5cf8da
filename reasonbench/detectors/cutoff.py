"""Does the score fall where the training data ends?

Problems of a task that were published on or before the model's cutoff are held against those
of the same task published after it, which cannot be in the training data: pass@1, which
decides, and beside it pass@k and each family of problems (``models.split``).  Where a task lies
wholly before the cutoff, the held-out tasks published after it take their place, and nothing
is decided: another benchmark may just be harder.  A reference model shows how much harder the
later problems are for a model that cannot have seen either, or that saw as much.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reasonbench.detectors import measures
from reasonbench.models import split
from reasonbench.models.split import Drawn
from reasonbench.protocols import Asked, Evidence, Sampled
from reasonbench.records import Counts
from reasonbench.results import Contrast, ModelCheck, Role


class _Parted(NamedTuple):
    """What a task's problems are held against."""

    before: frozenset[str]
    """Ids up to the cutoff."""
    after: Mapping[str, frozenset[str]]
    """Ids after it, by task."""
    n_undated: int
    """Problems without a date."""
    missing: str
    """What is missing for a comparison; empty where nothing is."""


class CutoffDetector:
    """Scores on both sides of the training cutoff."""

    identity = split.IDENTITY

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return a check for each public task."""
        return [self._check(evidence, asked) for asked in measures.of_task(evidence, Role.PUBLIC)]

    def _check(self, evidence: Evidence, asked: Asked) -> ModelCheck:
        task, level = asked.task.spec.name, evidence.level
        if evidence.cutoff is None:
            return split.not_checked(task, split.UNKNOWN, level)
        parted = _part(evidence, asked, evidence.cutoff.date)
        if parted.missing:
            return split.not_checked(task, parted.missing, level)
        same = set(parted.after) == {task}
        before, after = _drawn(evidence, evidence.model, task, parted)
        contrasts = [_drop(task, parted, before, after, level, decides=same)]
        beside = []
        if evidence.reference is not None:
            sides = _drawn(evidence, evidence.reference, task, parted)
            theirs = _drop(task, parted, *sides, level, decides=False)
            contrasts.append(theirs)
            beside.append(f"{evidence.reference.model}: {split.told(theirs, level) or 'nothing'}")
        if same:
            contrasts += split.further(task, before, after, level)
        else:
            beside.append("these are two benchmarks, so nothing follows by itself")
        return split.checked(
            task,
            evidence.cutoff,
            contrasts,
            level,
            n_undated=parted.n_undated,
            beside="; ".join(beside),
        )


def _part(evidence: Evidence, asked: Asked, last: datetime.date) -> _Parted:
    """Return the two sides of a task; without problems after the cutoff, held-out ones."""
    name = asked.task.spec.name
    found = split.sides(asked.problems, asked.task.spec.published, last)
    after = {name: found.after} if found.after else {}
    missing = ""
    if not found.before and not found.after:
        missing = "its problems have no dates"
    elif not found.before:
        missing = f"all of its dated problems came after the cutoff of {last}"
    elif not after:
        for other in measures.of_task(evidence, Role.HELDOUT):
            late = split.sides(other.problems, other.task.spec.published, last).after
            if late:
                after[other.task.spec.name] = late
        if not after:
            missing = f"no problem, held-out ones included, came after the cutoff of {last}"
    return _Parted(found.before, after, len(found.undated), missing)


def _drawn(evidence: Evidence, model: Sampled, task: str, parted: _Parted) -> tuple[Drawn, Drawn]:
    """Return what a model drew on both sides."""
    problems = {one.task.spec.name: one.problems for one in evidence.tasks}
    before = Drawn.of(model.counts(task), problems[task]).only(parted.before)
    if set(parted.after) == {task}:
        return before, Drawn.of(model.counts(task), problems[task]).only(parted.after[task])
    counts: dict[str, Counts] = {}
    clusters: dict[str, str] = {}
    n = 1
    for name, ids in parted.after.items():
        part = Drawn.of(model.counts(name), problems[name]).only(ids)
        counts |= {f"{name}/{p}": c for p, c in part.counts.items()}
        clusters |= {f"{name}/{p}": f"{name}/{c}" for p, c in part.clusters.items()}
        n = max(n, part.n)
    return before, Drawn(counts, clusters, n)


def _drop(
    task: str, parted: _Parted, before: Drawn, after: Drawn, level: float, *, decides: bool
) -> Contrast:
    return split.contrast(
        (f"{task}, up to the cutoff", before),
        (f"{', '.join(parted.after)}, after it", after),
        level,
        decides=decides,
    )
