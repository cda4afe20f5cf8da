"""Does the score fall where the training data ends?

Problems of a task that were published on or before the model's cutoff are held against those
of the same task published after it, which cannot be in the training data.  Where a task lies
wholly before the cutoff, the held-out tasks published after it take their place, and nothing
is decided: another benchmark may just be harder.  A reference model shows how much harder the
later problems are for a model that cannot have seen either, or that saw as much.
"""

import datetime
from collections.abc import Mapping, Sequence

from reasonbench.detectors import measures
from reasonbench.protocols import Asked, Evidence, Sampled
from reasonbench.records import Problem
from reasonbench.results import Contrast, Measured, ModelCheck, Role

DATES = ("published", "contest_date", "release_date", "date")
"""Fields of a problem's metadata that may hold its date, where it has none of its own."""

MEASURE = "pass@1 before the cutoff less pass@1 after it"
CANNOT = (
    "Later problems may be harder, or of other topics: a fall is no proof, and a model whose "
    "cutoff is stated too early or too late hides one."
)


class CutoffDetector:
    """Scores on both sides of the training cutoff."""

    identity = "cutoff/1"

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return a check for each public task."""
        return [self._check(evidence, asked) for asked in measures.of_task(evidence, Role.PUBLIC)]

    def _check(self, evidence: Evidence, asked: Asked) -> ModelCheck:
        task, level = asked.task.spec.name, evidence.level
        before, after, why = _sides(evidence, asked)
        if evidence.cutoff is None or why:
            return measures.unchecked(
                self.identity,
                task,
                MEASURE,
                why or "the model's cutoff is not known: set model.cutoff in the spec",
                level=level,
                cannot_show=CANNOT,
            )
        same = set(after) == {task}
        drop = _drop(evidence.model, task, before, after, level, decides=same)
        contrasts = [drop]
        sentence = (
            measures.told([drop], level) or "no problem on one of the sides has a graded completion"
        )
        if evidence.reference is not None:
            theirs = _drop(evidence.reference, task, before, after, level, decides=False)
            sentence += (
                f"; {evidence.reference.model}: {measures.told([theirs], level) or 'nothing'}"
            )
            contrasts.append(theirs)
        if not same:
            sentence += "; these are two benchmarks, so nothing follows by itself"
        return ModelCheck(
            detector=self.identity,
            task=task,
            measure=MEASURE,
            status=measures.status_of(contrasts),
            value=Measured(
                what=task,
                value=drop.value,
                interval=drop.interval,
                n=drop.first.n + drop.second.n,
            ),
            level=level,
            contrasts=tuple(contrasts),
            details={},
            sentence=f"Cutoff {evidence.cutoff.date} ({evidence.cutoff.kind}): {sentence}.",
            cannot_show=CANNOT,
        )


def published(problem: Problem, task: Asked) -> datetime.date | None:
    """Return the day on which a problem became public, where anything says."""
    if problem.published is not None:
        return problem.published
    for field in DATES:
        try:
            return datetime.date.fromisoformat(str(problem.metadata.get(field))[:10])
        except ValueError:
            continue
    return task.task.spec.published


def _sides(evidence: Evidence, asked: Asked) -> tuple[set[str], dict[str, set[str]], str]:
    """Return the ids before the cutoff, those after it by task, and what is missing."""
    name = asked.task.spec.name
    if evidence.cutoff is None:
        return set(), {}, ""
    last = evidence.cutoff.date
    dated = {p.id: day for p in asked.problems if (day := published(p, asked)) is not None}
    before = {p for p, day in dated.items() if day <= last}
    after = {name: {p for p, day in dated.items() if day > last}}
    if not dated:
        return before, after, "its problems have no dates"
    if not before:
        return before, after, f"all of its dated problems came after the cutoff of {last}"
    if not after[name]:
        after = {
            other.task.spec.name: late
            for other in measures.of_task(evidence, Role.HELDOUT)
            if (late := {p.id for p in other.problems if (published(p, other) or last) > last})
        }
    why = "" if after else f"no problem, held-out ones included, came after the cutoff of {last}"
    return before, after, why


def _drop(
    side: Sampled,
    task: str,
    before: set[str],
    after: Mapping[str, set[str]],
    level: float,
    *,
    decides: bool,
) -> Contrast:
    early = {p: s for p, s in measures.pass_at_1(side.counts(task)).items() if p in before}
    late = {
        f"{name}/{p}": score
        for name, ids in after.items()
        for p, score in measures.pass_at_1(side.counts(name)).items()
        if p in ids
    }
    names = f"{task}, up to the cutoff", f"{', '.join(after)}, after it"
    return measures.apart((names[0], early), (names[1], late), level, decides=decides)
