"""Does the model write its teacher's traces down word for word?

A completion replays a trace where the longest run of words that it shares with one holds at
least ``LONG`` words, or ``SHORT`` words that are half of the completion.  What the traces
were asked (user turns, prompt fields) is left out: a completion may restate its problem.

The negatives come from the same kind of problems: those not found in the traces, and the
held-out ones.  A reference model says how much of it is the language of such solutions.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reasonbench.corpus import sources
from reasonbench.corpus.blocks import first_rows
from reasonbench.corpus.fields import encodable
from reasonbench.detectors import measures
from reasonbench.detectors.runs import Place, Run, longest_runs
from reasonbench.protocols import Asked, Evidence
from reasonbench.records import Completion
from reasonbench.results import ModelCheck, Role, Sign

LONG, SHORT = 50, 20
"""Words of a run that replays by itself, and of one that must be half of the completion."""
COMPLETIONS = 8
"""Completions of a problem that are compared, the first of them."""
GROUP = 16_000_000
"""Characters of completions that are held at once; the traces are read once for each group."""
SIGNS, SIGN_LENGTH = 5, 2000
MODEL, REFERENCE = "model", "reference"

MEASURE = "completions that replay a trace"
LACKING = "there is nothing to hold that against, so give --heldout or --reference"
CANNOT = (
    "A model that learned a trace and tells it in other words shows nothing here, and one that "
    "replays traces of other problems does not know this benchmark by that."
)


class Compared(NamedTuple):
    """A completion and its longest run in common with the traces."""

    completion: Completion
    run: Run

    @property
    def replays(self) -> bool:
        """Whether it replays a trace."""
        words = self.run.words
        return words >= LONG or (words >= SHORT and 2 * words >= self.run.of)


class RegurgitationDetector:
    """Longest verbatim runs of completions in the traces."""

    identity = "regurgitation/1"

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return a check for each public task."""
        public = measures.of_task(evidence, Role.PUBLIC)
        if not evidence.traces:
            return [
                measures.unchecked(
                    self.identity,
                    asked.task.spec.name,
                    MEASURE,
                    "no teacher traces were given",
                    level=evidence.level,
                    cannot_show=CANNOT,
                )
                for asked in public
            ]
        found = _compare(evidence)
        return [self._check(evidence, asked, found) for asked in public]

    def _check(self, evidence: Evidence, asked: Asked, found: "Found") -> ModelCheck:
        task, level = asked.task.spec.name, evidence.level
        compared = found[MODEL, task]
        shares = _shares(compared)
        contrasts = measures.within(evidence, task, shares)
        for other in measures.of_task(evidence, Role.HELDOUT):
            name = other.task.spec.name
            if clean := _shares([c for c in found[MODEL, name] if _clean(c, evidence)]):
                sides = (task, shares), (f"held out: {name}", clean)
                contrasts.append(measures.apart(*sides, level, decides=True))
        if evidence.reference is not None:
            base = _shares(found[REFERENCE, task])
            sides = (evidence.model.model, shares), (evidence.reference.model, base)
            contrasts.append(measures.paired(*sides, level, decides=not contrasts))
        value = measures.measured(task, shares, level)
        lengths = sorted(c.run.words for c in compared)
        against = measures.told(contrasts, level) or LACKING
        return ModelCheck(
            detector=self.identity,
            task=task,
            measure=MEASURE,
            status=measures.status_of(contrasts),
            value=value,
            level=level,
            contrasts=tuple(contrasts),
            details={
                "median of the longest runs, in words": float(_quantile(lengths, 0.5)),
                "99 % quantile of them": float(_quantile(lengths, 0.99)),
                "the longest": float(_quantile(lengths, 1.0)),
            },
            signs=_signs(compared),
            sentence=f"{measures.number(value)} of {len(compared):,} completions on {task} replay "
            f"a teacher trace ({LONG} words in a row, or {SHORT} that are half of it): {against}.",
            cannot_show=CANNOT,
        )


Drawn = tuple[list[Compared], Completion]
"""A completion, and where its comparison goes."""
Found = defaultdict[tuple[str, str], list[Compared]]
"""Completions of the model and the reference, by task."""


def _compare(evidence: Evidence) -> Found:
    """Compare everything at once, so that the traces are read as seldom as can be."""
    found: Found = defaultdict(list)
    sides = [(MODEL, evidence.model, evidence.tasks)]
    if evidence.reference is not None:
        public = tuple(measures.of_task(evidence, Role.PUBLIC))
        sides.append((REFERENCE, evidence.reference, public))
    drawn = [
        (found[side, asked.task.spec.name], completion)
        for side, sampled, tasks in sides
        for asked in tasks
        for _, completion in sampled.completions(asked.task.spec.name)
        if completion.sample_index < COMPLETIONS
    ]
    for group in _groups(drawn):
        runs = longest_runs([c.text for _, c in group], _documents(evidence.traces))
        for (into, completion), run in zip(group, runs, strict=True):
            into.append(Compared(completion, run))
    return found


def _clean(compared: Compared, evidence: Evidence) -> bool:
    return (compared.completion.task, compared.completion.problem_id) not in evidence.leaked


def _groups(drawn: Sequence[Drawn]) -> Iterator[list[Drawn]]:
    group: list[Drawn] = []
    held = 0
    for one in drawn:
        length = len(one[1].text)
        if group and held + length > GROUP:
            yield group
            group, held = [], 0
        group.append(one)
        held += length
    if group:
        yield group


def _documents(traces: Sequence[Path]) -> Iterator[tuple[Place, str]]:
    """Yield every text that a teacher wrote."""
    parts: list[tuple[str, sources.Account]] = []
    for shard in sources.expand([str(path) for path in traces]):
        first = first_rows([*parts, (shard.document, sources.Account())])[-1]
        reading = shard.blocks()
        for block in reading:
            for i in range(len(block)):
                for field in block.fields(i):
                    if field.role is not sources.Role.PROMPT:
                        yield Place(shard.document, first + int(block.rows[i])), field.text
        parts.append((shard.document, reading.account))


def _shares(compared: Sequence[Compared]) -> dict[str, float]:
    """Return the share of each problem's completions that replay a trace."""
    by_problem: dict[str, list[bool]] = {}
    for one in compared:
        by_problem.setdefault(one.completion.problem_id, []).append(one.replays)
    return {problem: sum(of) / len(of) for problem, of in by_problem.items()}


def _signs(compared: Sequence[Compared]) -> tuple[Sign, ...]:
    longest = sorted((c for c in compared if c.replays), key=lambda c: -c.run.words)[:SIGNS]
    return tuple(
        Sign(
            problem_id=c.completion.problem_id,
            sample_index=c.completion.sample_index,
            text=encodable(c.run.text[:SIGN_LENGTH]),
            place=c.run.place and (c.run.place.document, c.run.place.row),
            note=f"{c.run.words:,} of its {c.run.of:,} words",
        )
        for c in longest
    )


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0
