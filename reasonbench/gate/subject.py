"""What is judged: an audit, a run, or both, read once."""

import atexit
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from reasonbench.audit.files import load_audit, run_beside
from reasonbench.errors import SpecError
from reasonbench.importing import import_logs
from reasonbench.records import Verdict
from reasonbench.results import Audit, TaskResult
from reasonbench.store import Store


class Draw(NamedTuple):
    """One graded completion."""

    sample_index: int
    """Its number within the problem."""
    correct: bool
    """Whether it is right."""
    answer: str | None
    """Answer as extracted."""
    n_tokens: int | None
    """Tokens of it."""


class Subject:
    """A model's results."""

    def __init__(self, audit: Audit, name: str, directory: Path | None) -> None:
        self.audit = audit
        self.name = name
        self._directory = directory

    @property
    def model(self) -> str:
        """The model's name."""
        return self.audit.run.engine.model

    def task(self, name: str | None) -> TaskResult:
        """Return a task's results; the only one's where no name is given.

        Raises:
            SpecError: there is no such task, or no name and several tasks.
        """
        tasks = {task.spec.name: task for task in self.audit.run.tasks}
        if name is None and len(tasks) == 1:
            return next(iter(tasks.values()))
        if name is None:
            raise SpecError(
                f"{self.name} has {len(tasks)} tasks, and a rule names none",
                hint=f"add task = to the rule: {', '.join(tasks)}",
            )
        if name not in tasks:
            raise SpecError(
                f"{self.name} has no task {name!r}, which a rule names",
                hint=f"its tasks: {', '.join(tasks)}",
            )
        return tasks[name]

    def draws(self, task: str) -> Mapping[str, Sequence[Draw]]:
        """Return the graded completions of a task, by problem and in the order of sampling.

        Raises:
            SpecError: only an audit's file was given, which has none.
        """
        return self._draws[task]

    def clusters(self, task: str) -> Mapping[str, str]:
        """Return the cluster of each problem that has one."""
        if self._directory is None:
            return {}
        return {p: cluster for p, (_, cluster) in self._problems[task].items() if cluster}

    def digests(self, task: str) -> Mapping[str, str]:
        """Return what each problem asks, as a digest; nothing where no run is at hand."""
        if self._directory is None:
            return {}
        return {p: digest for p, (digest, _) in self._problems[task].items()}

    @cached_property
    def _problems(self) -> Mapping[str, dict[str, tuple[str, str | None]]]:
        found: defaultdict[str, dict[str, tuple[str, str | None]]] = defaultdict(dict)
        with Store.read(self._run) as store:
            for problem in store.problems(self.audit.run.plan):
                found[problem.task][problem.id] = problem.digest(), problem.cluster
        return found

    @cached_property
    def _draws(self) -> Mapping[str, Mapping[str, list[Draw]]]:
        found: defaultdict[str, defaultdict[str, list[Draw]]] = defaultdict(
            lambda: defaultdict(list)
        )
        plan = self.audit.run.plan
        with Store.read(self._run) as store:
            tokens = {c.key: c.n_tokens for _, c in store.completions(plan)}
            for grade, _ in store.grades(plan, self.audit.run.grader_versions):
                if grade.verdict is not Verdict.UNGRADED:
                    right = grade.verdict is Verdict.CORRECT
                    draw = Draw(grade.sample_index, right, grade.answer, tokens.get(grade.key))
                    found[grade.task][grade.problem_id].append(draw)
        for problems in found.values():
            for draws in problems.values():
                draws.sort()
        return found

    @property
    def _run(self) -> Path:
        if self._directory is None:
            raise SpecError(
                f"{self.name} is an audit's file, and this rule needs the completions themselves",
                hint="give the run directory that holds them in its place",
            )
        return self._directory


def load_subject(path: Path) -> Subject:
    """Read a run directory, audited or not, an audit's file, or others' log.

    A log is imported, which grades it, into a folder that ends with this process.

    Raises:
        SpecError: it is none of these, or an audit that is older than its run.
    """
    if path.is_file() and not _is_audit(path):
        directory = Path(tempfile.mkdtemp(prefix="reasonbench-log-")) / "run"
        atexit.register(shutil.rmtree, directory.parent, ignore_errors=True)
        import_logs([path], directory)
        return Subject(load_audit(directory), str(path), directory)
    audit = load_audit(path)
    return Subject(audit, str(path), path if path.is_dir() else run_beside(path, audit))


_AUDIT = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*\d+\s*,\s*"reasonbench"')


def _is_audit(path: Path) -> bool:
    """Tell whether a file begins as an audit's does; other formats have a version, too."""
    try:
        with path.open("rb") as file:
            return _AUDIT.match(file.read(1000)) is not None
    except OSError:
        return True  # whoever reads it says why it cannot be read
