"""Does the score fall where only the numbers change?

Each item is held against its variants, item by item; ``variants.py`` finds or makes them.

The difference on items found in the traces is held against that on the others, that on the
task against that on held-out items (which the model cannot know by heart), and against a
reference model's.  Only where there is none of these is it held against 0: variants need not
be as hard as their items.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from reasonbench.detectors import measures
from reasonbench.detectors.variants import Variants, variants_of
from reasonbench.protocols import Asked, Evidence, Sampled
from reasonbench.results import Contrast, Measured, ModelCheck, Role

MEASURE = "pass@1 on items less pass@1 on their variants"
CANNOT = (
    "Variants that happen to be harder or easier move the difference, and a model that learned "
    "the kind of problem from the leaked items solves the variants too."
)


class PerturbationDetector:
    """Items against their renumbered variants."""

    identity = "perturbation/1"

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return a check for each public task."""
        public = measures.of_task(evidence, Role.PUBLIC)
        heldout = measures.of_task(evidence, Role.HELDOUT)
        found = {a.task.spec.name: variants_of(evidence, a) for a in (*public, *heldout)}
        mine = _differences(evidence.model, found)
        reference = None if evidence.reference is None else _differences(evidence.reference, found)
        return [self._check(evidence, asked, found, mine, reference) for asked in public]

    def _check(
        self,
        evidence: Evidence,
        asked: Asked,
        found: Mapping[str, Variants],
        mine: Mapping[str, "Sides"],
        reference: Mapping[str, "Sides"] | None,
    ) -> ModelCheck:
        task, level = asked.task.spec.name, evidence.level
        sides = mine[task]
        if not sides.items:
            return measures.unchecked(
                self.identity,
                task,
                MEASURE,
                "none of its items has variants (an original_id or a cluster in a held-out task), "
                "and it is of no family that can be minted anew",
                level=level,
                cannot_show=CANNOT,
            )
        beside = _beside(evidence, task, mine, reference)
        sides_named = ("items", sides.items), ("variants", sides.variants)
        own = measures.paired(*sides_named, level, decides=not beside)
        contrasts = [own, *beside]
        value = measures.measured_difference(task, sides.differences, level)
        told = measures.told([own], level)
        if beside:
            told += f"; that difference is {measures.told(beside, level, unit='points')}"
        return ModelCheck(
            detector=self.identity,
            task=task,
            measure=MEASURE,
            status=measures.status_of(contrasts),
            value=value,
            level=level,
            contrasts=tuple(contrasts),
            details={
                "variants": float(sum(len(v) for v in found[task].of.values())),
                "made variants left out, since they stand in the traces": float(
                    found[task].n_in_traces
                ),
            },
            sentence=f"pass@1 on {value.n:,} items of {task} and on their variants: {told}.",
            cannot_show=CANNOT,
        )


class Sides(NamedTuple):
    """Scores of items and of their variants."""

    items: dict[str, float]
    variants: dict[str, float]

    @property
    def differences(self) -> dict[str, float]:
        """Item less the mean of its variants, in [-1, 1]."""
        return {name: self.items[name] - self.variants[name] for name in self.items}


def _beside(
    evidence: Evidence,
    task: str,
    mine: Mapping[str, Sides],
    reference: Mapping[str, Sides] | None,
) -> list[Contrast]:
    """Hold the differences, as (d + 1) / 2, against those where nothing can be known by heart."""
    level = evidence.level
    own = mine[task].differences
    contrasts = [_doubled(c) for c in measures.within(evidence, task, _halved(own))]
    for other in measures.of_task(evidence, Role.HELDOUT):
        name = other.task.spec.name
        theirs = {
            p: d for p, d in mine[name].differences.items() if (name, p) not in evidence.leaked
        }
        if theirs:
            halves = measures.apart(
                (task, _halved(own)), (f"held out: {name}", _halved(theirs)), level, decides=True
            )
            contrasts.append(_doubled(halves))
    if evidence.reference is not None and reference is not None and reference[task].items:
        halves = measures.paired(
            (evidence.model.model, _halved(own)),
            (evidence.reference.model, _halved(reference[task].differences)),
            level,
            decides=not contrasts,
        )
        contrasts.append(_doubled(halves))
    return contrasts


def _halved(differences: Mapping[str, float]) -> dict[str, float]:
    return {name: (d + 1) / 2 for name, d in differences.items()}


def _doubled(contrast: Contrast) -> Contrast:
    def whole(side: Measured) -> Measured:
        value, span = side.value, side.interval
        return msgspec.structs.replace(
            side,
            value=None if value is None else 2 * value - 1,
            interval=span and type(span)(low=2 * span.low - 1, high=2 * span.high - 1),
        )

    value, span = contrast.value, contrast.interval
    return msgspec.structs.replace(
        contrast,
        first=whole(contrast.first),
        second=whole(contrast.second),
        value=None if value is None else 2 * value,
        interval=span and type(span)(low=2 * span.low, high=2 * span.high),
    )


def _differences(side: Sampled, found: Mapping[str, Variants]) -> dict[str, Sides]:
    """Return the scores of every task's items that have variants, and of these."""
    probes = [v.probe for v in found.values() if v.probe is not None]
    drawn = side.draw("perturbation", probes) if probes else None
    scores: dict[str, dict[str, float]] = {}

    def score(task: str) -> dict[str, float]:
        if task not in scores:
            made = drawn is not None and task in {probe.spec.name for probe in probes}
            scores[task] = measures.pass_at_1((drawn if made and drawn else side).counts(task))
        return scores[task]

    result = {}
    for task, variants in found.items():
        sides = Sides({}, {})
        for item, names in variants.of.items():
            of = [score(t)[p] for t, p in names if p in score(t)]
            if of and item in score(task):
                sides.items[item] = score(task)[item]
                sides.variants[item] = sum(of) / len(of)
        result[task] = sides
    return result
