"""Does the model write the rest of an item, given its beginning?

The first 60 % of an item's words are sent as plain text, without a chat template, and the
model goes on greedily.  *Exact* is a completion that begins with the rest, word for word and
symbol for symbol; the *overlap* is the longest common subsequence of the rest and as many
tokens of the completion, as a share of the rest (ROUGE-L's recall).

With 60 % of a MATH-500 item Qwen2.5-Math-7B writes 54.6 % exactly, Llama-3.1-8B 3.8 %
(arXiv 2507.10532).  Some items can be guessed, so the negatives are held-out items of the same
kind, or a reference model on the same ones.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reasonbench.corpus.fields import encodable
from reasonbench.detectors import measures
from reasonbench.detectors.probes import Probe
from reasonbench.protocols import Asked, Evidence, Sampled
from reasonbench.records import Problem, Prompt
from reasonbench.results import ModelCheck, Role, Sign

SHARE = 0.6
"""Share of an item's words that is sent."""
MIN_WORDS = 10
"""Words of an item that can be parted."""
MAX_REST = 400
"""Characters of the rest that are asked for."""
SIGNS = 5

MEASURE = "items completed exactly"
LACKING = "there is nothing to hold that against, so give --heldout or --reference"
CANNOT = (
    "An item that the model knows only in a chat's form, or in other words, is not completed; one "
    "of a fixed wording is, without having been seen."
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\S+")


class Parted(NamedTuple):
    """An item in two parts."""

    problem: Problem
    beginning: str
    rest: str


class Judged(NamedTuple):
    """What a model made of one item's beginning."""

    exact: float
    overlap: float
    text: str


class CompletionDetector:
    """Partial-prompt completion."""

    identity = "completion/1"

    def examine(self, evidence: Evidence) -> Sequence[ModelCheck]:
        """Return a check for each public task."""
        parted = {
            asked.task.spec.name: [
                p
                for problem in asked.problems
                if (p := part(problem))
                and (asked.role is Role.PUBLIC or (problem.task, problem.id) not in evidence.leaked)
            ]
            for asked in evidence.tasks
        }
        mine = _ask(evidence.model, parted)
        theirs = None if evidence.reference is None else _ask(evidence.reference, parted)
        return [
            self._check(evidence, asked, mine, theirs)
            for asked in measures.of_task(evidence, Role.PUBLIC)
        ]

    def _check(
        self,
        evidence: Evidence,
        asked: Asked,
        mine: Mapping[str, Mapping[str, Judged]],
        theirs: Mapping[str, Mapping[str, Judged]] | None,
    ) -> ModelCheck:
        task, level = asked.task.spec.name, evidence.level
        judged = mine[task]
        if not judged:
            why = f"none of its items has {MIN_WORDS} words and was gone on with"
            return measures.unchecked(
                self.identity, task, MEASURE, why, level=level, cannot_show=CANNOT
            )
        exact = {p: j.exact for p, j in judged.items()}
        contrasts = measures.within(evidence, task, exact)
        for other in measures.of_task(evidence, Role.HELDOUT):
            name = other.task.spec.name
            if mine[name]:
                sides = (task, exact), (f"held out: {name}", _exact(mine[name]))
                contrasts.append(measures.apart(*sides, level, decides=True))
        if evidence.reference is not None and theirs is not None:
            sides = (evidence.model.model, exact), (evidence.reference.model, _exact(theirs[task]))
            contrasts.append(measures.paired(*sides, level, decides=not contrasts))
        value = measures.measured(task, exact, level)
        against = measures.told(contrasts, level) or LACKING
        overlap = sum(j.overlap for j in judged.values()) / len(judged)
        return ModelCheck(
            detector=self.identity,
            task=task,
            measure=MEASURE,
            status=measures.status_of(contrasts),
            value=value,
            level=level,
            contrasts=tuple(contrasts),
            details={
                "mean overlap with the rest": overlap,
                "items left out": float(len(asked.problems) - len(judged)),
            },
            signs=_signs(judged),
            sentence=f"Given {100 * SHARE:.0f} % of an item of {task}, the model writes the rest "
            f"of {measures.number(value)} of {value.n:,} exactly: {against}.",
            cannot_show=CANNOT,
        )


def part(problem: Problem) -> Parted | None:
    """Return an item in two parts; None where it has too few words."""
    words = list(_WORD.finditer(problem.statement))
    if len(words) < MIN_WORDS:
        return None
    cut = words[round(SHARE * len(words)) - 1].end()
    rest = problem.statement[cut:].strip()[:MAX_REST]
    return Parted(problem, problem.statement[:cut], rest)


def judge(text: str, rest: str) -> Judged:
    """Return how a completion stands to the rest of the item."""
    wanted = [t.casefold() for t in _TOKEN.findall(rest)]
    written = [t.casefold() for t in _TOKEN.findall(text)][: len(wanted)]
    if not wanted:
        return Judged(0.0, 0.0, text)
    return Judged(float(written == wanted), _common(wanted, written) / len(wanted), text)


def _ask(side: Sampled, parted: Mapping[str, Sequence[Parted]]) -> dict[str, dict[str, Judged]]:
    """Let a model go on with every item; an item without a completion is left out."""
    probes = [
        Probe(f"{task}:beginnings", "exact", [(_problem(p), _prompt(p)) for p in items])
        for task, items in parted.items()
        if items
    ]
    found: dict[str, dict[str, Judged]] = {task: {} for task in parted}
    if not probes:
        return found
    # Tokens are rarely shorter than a character, so the rest fits.
    longest = max(len(p.rest) for items in parted.values() for p in items)
    drawn = side.draw("completion", probes, greedy_tokens=max(16, longest))
    for task, items in parted.items():
        rests = {p.problem.id: p.rest for p in items}
        if rests:
            for problem, completion in drawn.completions(f"{task}:beginnings"):
                found[task][problem.id] = judge(completion.text, rests[problem.id])
    return found


def _problem(parted: Parted) -> Problem:
    """Return the beginning as a problem; it has no target, for nothing is graded."""
    problem = parted.problem
    return Problem(task=f"{problem.task}:beginnings", id=problem.id, statement=parted.beginning)


def _prompt(parted: Parted) -> Prompt:
    return Prompt(
        problem_id=parted.problem.id,
        task=f"{parted.problem.task}:beginnings",
        text=parted.beginning,
    )


def _exact(judged: Mapping[str, Judged]) -> dict[str, float]:
    return {problem: j.exact for problem, j in judged.items()}


def _signs(judged: Mapping[str, Judged]) -> tuple[Sign, ...]:
    best = sorted(judged.items(), key=lambda pair: (-pair[1].exact, -pair[1].overlap))[:SIGNS]
    return tuple(
        Sign(
            problem_id=problem,
            sample_index=0,
            text=encodable(j.text[:MAX_REST]),
            note="the rest, exactly" if j.exact else f"{100 * j.overlap:.0f} % of the rest",
        )
        for problem, j in best
        if j.overlap > 0.5
    )


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        previous = 0
        for j, y in enumerate(b, start=1):
            previous, row[j] = row[j], previous + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]
