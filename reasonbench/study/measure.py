"""What a run directory says of each problem: counts, solutions, answers, a few texts.

Only graded completions count, as everywhere: one that is owed or has no verdict is not in n.
A solution has a name where the grader gives right answers a canonical form (``CANONICAL``); where
it does not, two right completions cannot be told apart, and ``solutions`` is None.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reasonbench.errors import SpecError
from reasonbench.records import Completion, FinishReason, Grade, Problem, Verdict
from reasonbench.store import Store
from reasonbench.summary import find_plan, grader_identities

CANONICAL: Final = frozenset({"countdown"})
"""Graders whose ``detail`` of a correct completion is the canonical form of its solution."""
TEXTS = 4
"""Correct completions of a problem whose words are compared: an equal number for every model."""
KEPT_TEXTS = 2 * TEXTS
"""Correct completions whose words are kept: some may be too short."""
MOST_WORDS = 128
"""Words that are kept of each."""
MOST_CHARACTERS = 32 * MOST_WORDS
"""Characters that those words are looked for in: a text without a space is cut here."""


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem in one run."""

    task: str
    """Task of the problem."""
    problem_id: str
    """Its id."""
    n: int
    """Graded completions."""
    c: int
    """Correct ones."""
    truncated: int
    """Those of n that the token limit cut off."""
    tokens: int
    """Tokens of the n together."""
    solutions: tuple[int, ...] | None
    """Completions of each different correct solution, the most frequent first; None where the
    grader names none."""
    answers: tuple[int, ...]
    """Completions of each different answer, right or wrong; those without one are left out."""
    texts: tuple[str, ...] = ()
    """The first words of the first ``KEPT_TEXTS`` correct completions."""
    cluster: str | None = None
    """Problems that share it are variants of one another."""


@dataclass(slots=True)
class _Tally:
    """One problem, being counted."""

    problem: Problem
    named: bool
    n: int = 0
    c: int = 0
    truncated: int = 0
    tokens: int = 0
    solutions: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def add(self, completion: Completion, grade: Grade) -> None:
        self.n += 1
        self.tokens += completion.n_tokens
        self.truncated += completion.finish_reason is FinishReason.LENGTH
        if grade.answer is not None:
            self.answers[" ".join(grade.answer.split())] += 1
        if grade.verdict is Verdict.CORRECT:
            self.c += 1
            if self.named:
                self.solutions[grade.detail or grade.answer or ""] += 1
            if len(self.texts) < KEPT_TEXTS:
                self.texts.append(_first_words(completion.text))

    def row(self) -> ProblemRow:
        return ProblemRow(
            task=self.problem.task,
            problem_id=self.problem.id,
            n=self.n,
            c=self.c,
            truncated=self.truncated,
            tokens=self.tokens,
            solutions=_sizes(self.solutions) if self.named else None,
            answers=_sizes(self.answers),
            texts=tuple(self.texts),
            cluster=self.problem.cluster,
        )


def measure(run_directory: Path) -> list[ProblemRow]:
    """Return what the latest plan of a run directory came to, problem by problem, in its order.

    Problems of which nothing was graded are there with n = 0.

    Raises:
        SpecError: the run stopped problems early: its counts are of another kind.
        ReasonbenchError: the directory holds no run, or cannot be read.
    """
    with Store.read(run_directory) as store:
        plan = find_plan(store)
        if plan.spec.stop_after_successes is not None:
            raise SpecError(
                f"{run_directory} was stopped at {plan.spec.stop_after_successes} successes a "
                f"problem, and a study needs all n completions of each",
                hint="sample it again without stop_after_successes",
            )
        plan_id = plan.digest()
        tallies = {
            (p.task, p.id): _Tally(p, plan.graders[p.task] in CANONICAL)
            for p in store.problems(plan_id)
        }
        grades = _verdicts(store, plan_id, grader_identities(plan))
        for problem, completion in store.completions(plan_id):
            grade = grades.get(completion.key)
            if grade is not None:
                tallies[problem.task, problem.id].add(completion, grade)
    return [tally.row() for tally in tallies.values()]


def _verdicts(store: Store, plan_id: str, graders: Mapping[str, str]) -> dict[str, Grade]:
    """Grades that say right or wrong, by the completion's key."""
    found = (grade for grade, _ in store.grades(plan_id, graders))
    return {g.key: g for g in found if g.verdict is not Verdict.UNGRADED}


def _first_words(text: str) -> str:
    return " ".join(text[:MOST_CHARACTERS].split()[:MOST_WORDS])


def _sizes(counter: Counter[str]) -> tuple[int, ...]:
    return tuple(sorted(counter.values(), reverse=True))
