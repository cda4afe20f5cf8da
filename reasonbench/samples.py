"""A run's completions, picked and put in order.

Nothing is written.  In the order of the run they stream; sorted by length, memory holds the
length, the key and the grades of what was picked, and the texts are read page by page.
"""

import contextlib
import dataclasses
import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from reasonbench.audit import AUDIT_FILE, read_audit
from reasonbench.corpus.items import Kind
from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.graders.extraction import split_thinking
from reasonbench.records import Completion, FinishReason, Grade, Plan, Problem, Verdict
from reasonbench.results import Audit, FindingStatus
from reasonbench.store import Store
from reasonbench.summary import find_plan, grader_identities

PAGE = 64
"""Completions that are read at once where they are sorted."""
SORTS = ("index", "longest", "shortest")
IN_STATEMENT = frozenset(
    {Kind.VERBATIM, Kind.REFORMATTED, Kind.RENUMBERED, Kind.PARAPHRASED, Kind.PARTIAL}
)
"""Kinds of leak whose span is one of the statement; the others' is of the solution."""

ProblemKey = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which completions are wanted; what is not given lets all pass."""

    task: str | None = None
    """Task of the problem."""
    problem: str | None = None
    """Id of the problem."""
    verdict: Verdict | None = None
    """What the task's own grader says."""
    reason: str | None = None
    """Why it says so."""
    truncated: bool = False
    """Only those that the token limit cut off."""
    contaminated: bool = False
    """Only of problems that the audit found in the traces."""
    disagreement: bool = False
    """Only those that two graders judge differently."""


@dataclasses.dataclass(frozen=True, slots=True)
class Picked:
    """One completion that was asked for."""

    problem: Problem
    """What it answers."""
    completion: Completion
    """The completion."""
    grade: Grade | None
    """Grade of the task's own grader; None where it is owed."""
    others: tuple[Grade, ...]
    """Grades of other graders, and of other versions."""
    n: int
    """Completions a problem that the run was to have."""
    spans: tuple[tuple[int, int], ...] = ()
    """Parts of the statement that stand in the traces, in characters."""
    contaminated: bool = False
    """Whether the audit found the problem in the traces."""

    @property
    def disagrees(self) -> bool:
        """Whether two graders judge it differently."""
        return disagree(self.grade, self.others)


def disagree(own: Grade | None, others: Iterable[Grade]) -> bool:
    """Tell whether two grades that have a verdict differ."""
    given = {g.verdict for g in (own, *others) if g is not None}
    return {Verdict.CORRECT, Verdict.INCORRECT} <= given


class Samples:
    """A run's completions, open for reading."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.plan: Plan = find_plan(store)
        self.name = store.path.resolve().name
        self._plan_id = self.plan.digest()
        self._own = grader_identities(self.plan)
        self._others = _others(store.graders(), self._own)
        self._audit: Audit | None = None
        self.unread: str | None = None
        """Why the run's audit is not used, where it has one that cannot be read."""
        if (store.path / AUDIT_FILE).is_file():
            try:
                self._audit = read_audit(store.path)
            except SpecError as error:
                self.unread = error.message

    @classmethod
    @contextlib.contextmanager
    def open(cls, directory: Path) -> Iterator["Samples"]:
        """Open a run directory.

        Raises:
            ReasonbenchError: it holds no run.
        """
        with Store.read(directory) as store:
            yield cls(store)

    def pick(
        self, wanted: Filter, *, sort: str = "index", limit: int | None = None
    ) -> Iterator[Picked]:
        """Yield what is wanted.

        Args:
            wanted: the filter.
            sort: ``index`` (the run's order), ``longest`` or ``shortest``, by tokens.
            limit: at most so many.

        Raises:
            UnknownNameError: the run has no such task or problem.
            SpecError: what the filter asks about was never looked for.
        """
        self._check(wanted)
        found = self._matching(wanted) if sort == "index" else self._sorted(wanted, sort, limit)
        return itertools.islice(found, limit)

    def _check(self, wanted: Filter) -> None:
        tasks = [task.name for task in self.plan.tasks]
        if wanted.task is not None and wanted.task not in tasks:
            raise UnknownNameError.build("task in this run", wanted.task, tasks)
        if wanted.problem is not None:
            ids = [
                p.id for p in self._store.problems(self._plan_id) if wanted.task in (None, p.task)
            ]
            if wanted.problem not in ids:
                raise UnknownNameError.build("problem in this run", wanted.problem, set(ids))
        path = self._store.path
        if wanted.contaminated and self._audit is None:
            why = f"its audit cannot be used ({self.unread})" if self.unread else "it has no audit"
            raise SpecError(
                f"what of {path} is contaminated is not known: {why}",
                hint="search the traces: reasonbench audit MODEL --public TASK --traces FILE "
                f"--out {path}",
            )
        if wanted.disagreement and not self._has_second_opinion():
            raise SpecError(
                f"{path} was graded by one grader only, which agrees with itself",
                hint=f"add a second opinion: reasonbench regrade {path} --beside math_verify",
            )

    def _has_second_opinion(self) -> bool:
        grades = (self._store.grades(self._plan_id, graders) for graders in self._others)
        return any(next(found, None) is not None for found in grades)

    def _matching(self, wanted: Filter) -> Iterator[Picked]:
        leaked = _leaked(self._audit)
        own = _Beside(self._store.grades(self._plan_id, self._own))
        others = [_Beside(self._store.grades(self._plan_id, graders)) for graders in self._others]
        for problem, completion in self._store.completions(self._plan_id):
            grade = own.of(completion.key)
            beside = tuple(g for g in (o.of(completion.key) for o in others) if g is not None)
            key = problem.task, problem.id
            if _passes(wanted, completion, grade, beside, key in leaked):
                yield Picked(
                    problem,
                    completion,
                    grade,
                    beside,
                    self.plan.spec.n,
                    _characters(problem.statement, leaked.get(key, ())),
                    key in leaked,
                )

    def _sorted(self, wanted: Filter, sort: str, limit: int | None) -> Iterator[Picked]:
        sign = -1 if sort == "longest" else 1
        lengths = (
            (sign * length(p.completion), at, dataclasses.replace(p, completion=_bare(p)))
            for at, p in enumerate(self._matching(wanted))
        )
        entries = sorted(lengths) if limit is None else heapq.nsmallest(limit, lengths)
        for start in range(0, len(entries), PAGE):
            page = [entry for _, _, entry in entries[start : start + PAGE]]
            keys = [entry.completion.key for entry in page]
            texts = {c.key: c for c in self._store.lookup(keys)}
            for entry in page:
                yield dataclasses.replace(entry, completion=texts[entry.completion.key])


def length(completion: Completion) -> int:
    """Return a completion's length in tokens; in characters where nobody counted them."""
    return completion.n_tokens or len(completion.text)


def _bare(picked: Picked) -> Completion:
    return msgspec.structs.replace(picked.completion, text="")


class _Beside:
    """Grades in the plan's order, taken one by one beside the completions."""

    def __init__(self, grades: Iterator[tuple[Grade, FinishReason]]) -> None:
        self._grades = grades
        self._next = next(grades, None)

    def of(self, key: str) -> Grade | None:
        """Return the grade of the next completion, where it has one."""
        if self._next is None or self._next[0].key != key:
            return None
        grade = self._next[0]
        self._next = next(self._grades, None)
        return grade


def _passes(
    wanted: Filter,
    completion: Completion,
    grade: Grade | None,
    others: tuple[Grade, ...],
    leaked: bool,
) -> bool:
    return (
        wanted.task in (None, completion.task)
        and wanted.problem in (None, completion.problem_id)
        and _has_verdict(wanted.verdict, grade)
        and (wanted.reason is None or (grade is not None and grade.reason == wanted.reason))
        and (not wanted.truncated or completion.finish_reason is FinishReason.LENGTH)
        and (leaked or not wanted.contaminated)
        and (not wanted.disagreement or disagree(grade, others))
    )


def _has_verdict(wanted: Verdict | None, grade: Grade | None) -> bool:
    """Tell whether a grade says so; what has none is ungraded."""
    return wanted in (None, grade.verdict if grade is not None else Verdict.UNGRADED)


def _others(graders: list[str], own: Mapping[str, str]) -> list[dict[str, str]]:
    """Return for each grader the tasks that it is not the own grader of, where it is on any."""
    beside = [{task: name for task in own if own[task] != name} for name in graders]
    return [tasks for tasks in beside if tasks]


def _leaked(audit: Audit | None) -> Mapping[ProblemKey, list[tuple[int, int]]]:
    """Return each problem that stands in the traces, with its spans in bytes of the statement."""
    leaked: dict[ProblemKey, list[tuple[int, int]]] = {}
    for finding in audit.findings if audit is not None else ():
        if finding.status is FindingStatus.CONTAMINATED:
            spans = leaked.setdefault((finding.task, finding.problem_id), [])
            spans += [m.problem_span for m in finding.matches if m.kind in IN_STATEMENT]
    return leaked


def _characters(statement: str, spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return spans of bytes as spans of characters, in order, those that touch as one."""
    data = statement.encode("utf-8", "surrogatepass")
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not 0 <= start < end <= len(data):
            continue  # of another version of the problem
        first, last = (len(data[:at].decode("utf-8", "replace")) for at in (start, end))
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


def answer_spans(picked: Picked) -> tuple[tuple[int, int], ...]:
    """Return where the extracted answer stands in the completion: its last place there."""
    answer = picked.grade.answer if picked.grade is not None else None
    text = picked.completion.text
    said = split_thinking(text, picked.completion.thinking_prefilled).answer_text
    before = len(text) - len(said)
    if not answer:
        return ()
    # Several boxes that are meant together are one answer, and stand apart.
    parts = [answer] if answer in said else [part for part in answer.split(", ") if part]
    places = [(said.rfind(part), len(part)) for part in parts]
    return tuple(sorted((before + at, before + at + size) for at, size in places if at >= 0))
