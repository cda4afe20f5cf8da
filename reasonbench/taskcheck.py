"""Is a task fit to be measured with?  Its own gold answers must say so.

Every gold answer is graded: as given it must be correct, corrupted it must not be.  Where tests
judge a program, the program is the reference that they carry, and the corrupted one has its
functions emptied.  Problems with neither are counted as not checked; of their tests it is known
only that a program that does nothing fails.

Ids must be unique, statements must not be empty, two problems must not ask the same, in the same
words or but for case and spacing; days of publication must be possible ones.
"""

import ast
import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

import msgspec

from reasonbench.graders.pool import GraderPool
from reasonbench.grading import completion_of
from reasonbench.protocols import Task
from reasonbench.records import Completion, Failure, Grade, Problem, Verdict

MAX_COMPLAINTS = 10
"""Complaints of one kind that are spelt out."""
FIRST_DAY = datetime.date(1990, 1, 1)
"""No benchmark was published before."""
MAX_IDS = 5


class TaskCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks of one task came to."""

    task: str
    """Name of the task."""
    n_problems: int
    """Problems that were checked."""
    n_gold: int
    """Problems whose gold answer, or the program of whose tests, was graded."""
    n_unchecked: int = 0
    """Problems with neither: nothing says that a right answer is graded correct."""
    left_out: Mapping[str, int] = {}
    """Rows of the source that the task leaves out, by the reason."""
    complaints: tuple[str, ...]
    """What is wrong; none means that the task is fit."""


def check_task(task: Task, *, limit: int | None = None, workers: int = 1) -> TaskCheck:
    """Grade a task's gold answers, whole and corrupted, and look at its problems.

    Args:
        task: what to check.
        limit: only the first so many problems.
        workers: grader processes.
    """
    problems = [p for i, p in enumerate(task.problems()) if limit is None or i < limit]
    gold = [p for p in problems if p.target is not None or _reference(p) is not None]
    judged = [p for p in problems if p.target is not None or p.tests is not None]
    programs = {p.id for p in judged if p.target is None}
    complaints = [*_about_problems(problems), *_about_days(problems)]
    requests = [(p, _completion(p, 0)) for p in gold]
    requests += [(p, _completion(p, 1)) for p in judged]
    with GraderPool(task.spec.grader, workers=workers) as pool:
        graded = pool.grade_all(requests)
        complaints += [said for outcome in graded if (said := _complaint(outcome, programs))]
    if not judged:
        complaints.append("no problem has a gold answer, so its grader cannot be checked")
    return TaskCheck(
        task=task.spec.name,
        n_problems=len(problems),
        n_gold=len(gold),
        n_unchecked=len(problems) - len(gold),
        left_out=dict(getattr(task, "left_out", {})),
        complaints=tuple(complaints),
    )


def _reference(problem: Problem) -> str | None:
    reference = (problem.tests or {}).get("reference")
    return reference if isinstance(reference, str) and reference.strip() else None


def _completion(problem: Problem, sample_index: int) -> Completion:
    """Return a completion that gives the gold, or at sample index 1 the corrupted gold."""
    if problem.target is not None:
        answer = corrupted(problem.target) if sample_index else problem.target
        return completion_of(problem, answer, sample_index)
    code = _reference(problem) or ""
    code = emptied(code) if sample_index else code
    # The fence is longer than any in the program.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    text = f"<think>\n</think>\n{fence}python\n{code}\n{fence}"
    return msgspec.structs.replace(completion_of(problem, "", sample_index), text=text)


def _complaint(outcome: Grade | Failure, programs: Set[str]) -> str | None:
    name, program = outcome.problem_id, outcome.problem_id in programs
    if isinstance(outcome, Failure):
        return f"{name}: the grader failed: {outcome.message}"
    correct = outcome.verdict is Verdict.CORRECT
    if outcome.sample_index == 0 and not correct:
        what = "reference program" if program else f"gold answer {outcome.answer!r:.80}"
        detail = f": {outcome.detail:.120}" if program and outcome.detail else ""
        return f"{name}: its {what} is not graded correct ({outcome.reason}{detail})"
    if outcome.sample_index == 1 and correct:
        if program:
            return f"{name}: a program that does nothing passes its tests"
        return f"{name}: the corrupted answer {outcome.answer!r:.80} is graded correct"
    return None


def corrupted(target: str) -> str:
    """Return an answer that is surely another one than ``target``."""
    return f"({target}) + 1"


def emptied(code: str) -> str:
    """Return a program that does nothing, with the functions of ``code`` and its imports."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "pass"
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    tree.body = [node for node in tree.body if isinstance(node, kept)] or [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


# --- The problems ----------------------------------------------------------------------------


def _about_problems(problems: Sequence[Problem]) -> list[str]:
    complaints = []
    if not problems:
        complaints.append("it has no problems")
    ids = Counter(p.id for p in problems)
    complaints += [f"{i}: {count} problems have this id" for i, count in ids.items() if count > 1]
    complaints += [f"{p.id}: its statement is empty" for p in problems if not p.statement.strip()]
    return [*complaints, *_alike(problems)]


def _alike(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield a complaint for each group of problems that ask the same."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        groups[normalised(problem.statement)].append(problem)
    for group in groups.values():
        if len(group) > 1:
            exact = len({" ".join(p.statement.split()) for p in group}) == 1
            told = ", ".join(p.id for p in group[:MAX_IDS])
            more = f" and {len(group) - MAX_IDS} more" if len(group) > MAX_IDS else ""
            but = "" if exact else ", but for case and spacing,"
            asked = " ".join(group[0].statement.split())[:60]
            yield f"{len(group)} problems{but} ask {asked!r} ({told}{more})"


def normalised(statement: str) -> str:
    r"""Return a statement without case, blanks, dollar signs and LaTeX's spacing (``\,``)."""
    folded = _SPACING.sub("", statement.casefold())
    return folded or statement


_SPACING = re.compile(
    r"\\(?:q?quad|thinspace|medspace|thickspace|displaystyle|left|right)(?![a-z])"
    r"|\\[,;:!> ]|[\s~$]"
)


def _about_days(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield what is wrong with the days of publication."""
    today = datetime.datetime.now(datetime.UTC).date()
    dated = [(p, p.published) for p in problems if p.published is not None]
    wrong = [(p, day) for p, day in dated if not FIRST_DAY <= day <= today]
    for day, group in _by_day(wrong).items():
        when = "lies in the future" if day > today else f"lies before {FIRST_DAY.year}"
        told = group[0] if len(group) == 1 else f"{len(group)} problems, first {group[0]}"
        yield f"{told}: the day of publication, {day}, {when}"
    if dated and len(dated) < len(problems):
        yield f"{len(problems) - len(dated)} problems have no day of publication, others have one"


def _by_day(dated: Sequence[tuple[Problem, datetime.date]]) -> dict[datetime.date, list[str]]:
    days: dict[datetime.date, list[str]] = defaultdict(list)
    for problem, day in dated:
        days[day].append(problem.id)
    return days
