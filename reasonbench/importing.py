"""Another harness's logs as a run directory: read, graded by our graders, set beside theirs.

An import is made in a folder beside RUN and moved there when it is whole, so RUN is either
not there or complete, whenever the process dies.  ``import.json`` in it says where everything
came from, what the logs lack, and where our verdicts and the source's differ.
"""

import contextlib
import datetime
import itertools
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from reasonbench import __version__, plugins
from reasonbench.errors import ReasonbenchError, SpecError, StoreWriteError
from reasonbench.grading import Grading
from reasonbench.identity import digest
from reasonbench.interchange.import_plan import (
    Part,
    common_sampling,
    completions_of,
    items_of,
    model_of,
    parts_of,
    plan_of,
)
from reasonbench.interchange.import_report import (
    Disagreement,
    ImportedTask,
    ImportReport,
    Options,
    Tally,
    source_of,
    wellformed,
)
from reasonbench.interchange.imported import Imported
from reasonbench.interchange.recognise import check_form, read_log
from reasonbench.interchange.source_grader import SOURCE, SourceGrader
from reasonbench.planning import load_problems
from reasonbench.protocols import Reporter
from reasonbench.records import Grade, Plan, Session
from reasonbench.results import RunResult, Severity
from reasonbench.run import Silent, default_workers, examined, library_versions, load_task
from reasonbench.store import Store
from reasonbench.store.lock import is_held
from reasonbench.summary import find_plan, summarize

T = TypeVar("T")
REPORT = "import.json"
"""File in the run directory that says what was imported."""
BATCH = 256
"""Completions stored in one transaction."""


def import_logs(
    paths: Sequence[Path],
    out: Path,
    options: Options | None = None,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> tuple[ImportReport, RunResult]:
    """Import the logs of one model into a run directory; return what was done, and the scores.

    Args:
        paths: logs, each with tasks of its own.
        out: run directory, which must not hold anything but this very import.
        options: how.
        reporter: where progress goes.
        workers: grader processes.

    Raises:
        ReasonbenchError: a log that cannot be read or used; ``out`` is then as it was.
    """
    options, reporter = options or Options(), reporter or Silent()
    check_form(options.form)
    if options.grader is not None:
        plugins.GRADERS.get(options.grader)
    logs = []
    for path in paths:
        reporter.say(f"reading {path}")
        logs.append(read_log(path, options.form, options.model))
    name = digest(sorted(log.sha256 for log in logs), options)
    if (known := _already(out, name)) is not None:
        reporter.say(f"{out} holds this very import already")
    else:
        with _staging(out) as stage:
            made = _planned(logs, options)
            compared = _make(
                stage,
                made,
                allow_copies=options.allow_copies,
                reporter=reporter,
                workers=workers or default_workers(),
            )
            _write_report(stage, made, name, compared)
            _move(stage, out)
    with Store.read(out) as store:
        result = examined(store, summarize(store))
    known = known or _read_report(out)
    assert known is not None
    return known, result


class _Made(NamedTuple):
    """What goes into the run."""

    logs: Sequence[Imported]
    parts: Sequence[Part]
    plan: Plan
    notes: list[str]


def _planned(logs: Sequence[Imported], options: Options) -> _Made:
    """Return what goes into the run; nothing is written yet."""
    model, notes = model_of(logs, options)
    sampling = common_sampling(logs)
    ours = None
    if options.task is not None:
        task = load_task(options.task)
        ours = task.spec, load_problems(task, None)
    parts, more = parts_of(logs, options, sampling, ours)
    return _Made(logs, parts, plan_of(logs, parts, model, sampling), notes + more)


def _make(
    stage: Path, made: _Made, *, allow_copies: bool, reporter: Reporter, workers: int
) -> tuple[tuple[ImportedTask, ...], tuple[Disagreement, ...]]:
    """Make the whole run in a folder of its own; return how far we and the source agree."""
    plan, parts = made.plan, made.parts
    problems = [problem for part in parts for problem in part.problems]
    with Store.create(stage) as store:
        plan_id = store.add_plan(plan, problems, items_of(plan, parts))
        session = store.begin_session(_session(plan_id))
        reporter.phase("storing", total=sum(len(i.samples) for p in parts for i in p.items))
        for batch in _batches(completions_of(plan, parts)):
            store.add_completions(batch)
            reporter.advance(len(batch))
        made.notes.extend(_copies(store, parts, allowed=allow_copies))
        _grade(store, plan, reporter, workers)
        compared = _compared(store, plan, parts)
        store.end_session(session, "complete")
    return compared


def _write_report(stage: Path, made: _Made, name: str, compared: Any) -> None:
    tasks, disagreements = compared
    report = ImportReport(
        reasonbench=__version__,
        id=name,
        model=made.plan.engine.model,
        sources=tuple(source_of(log) for log in made.logs),
        notes=tuple(made.notes),
        tasks=tasks,
        disagreements=disagreements,
    )
    data = msgspec.json.format(msgspec.json.encode(wellformed(report)), indent=1)
    (stage / REPORT).write_bytes(data + b"\n")


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


# --- grading and comparing ---------------------------------------------------------------


def _copies(store: Store, parts: Sequence[Part], *, allowed: bool) -> list[str]:
    """Return what is to be said of copies: by the log's own order, or by the validity check.

    Raises:
        ReasonbenchError: there are some, and they are not allowed.
    """
    said = [
        f"the {p.copies.n} samples a problem of {p.spec.name} are no {p.copies.n} draws: "
        f"{p.copies.why}, so n is {p.copies.effective_n:g} in truth"
        for p in parts
        if p.copies.copied
    ]
    said = said or [
        finding.sentence.rstrip(".")
        for finding in examined(store, summarize(store)).validity
        if finding.code == "duplicates"
        and finding.severity is Severity.INVALID
        and "copies" in finding.evidence
    ]
    if said and not allowed:
        raise ReasonbenchError(
            said[0],
            hint="import the log before it was copied; --allow-copies takes it as it is, with "
            "intervals that are too narrow",
        )
    return said


def _grade(store: Store, plan: Plan, reporter: Reporter, workers: int) -> None:
    plan_id = plan.digest()
    kept = {task: SourceGrader.identity for task, name in plan.graders.items() if name == SOURCE}
    judge = SourceGrader()
    grades = (judge.grade(p, c) for p, c in store.ungraded(plan_id, kept))
    for batch in _batches(grades):
        store.add_grades(plan_id, batch)
    ours = {task: name for task, name in plan.graders.items() if name != SOURCE}
    if not ours:
        return
    with contextlib.closing(Grading(store, plan_id, ours, workers=workers)) as grading:
        reporter.phase("grading", total=grading.count_missing())
        grading.finish(reporter.advance)
        if grading.n_failed:
            reporter.say(f"the grader failed on {grading.n_failed:,} completions; they stay owed")


def _compared(
    store: Store, plan: Plan, parts: Sequence[Part]
) -> tuple[tuple[ImportedTask, ...], tuple[Disagreement, ...]]:
    """Return how far our verdicts are the source's, task by task, and where they are not."""
    identities = {t: plugins.GRADERS.load(name).identity for t, name in plan.graders.items()}
    grades: dict[tuple[str, str], list[Grade]] = {}
    for grade, _ in store.grades(plan.digest(), identities):
        grades.setdefault((grade.task, grade.problem_id), []).append(grade)
    tasks, differing = [], []
    for part in parts:
        tally = Tally()
        for problem in part.problems if part.grader != SOURCE else []:
            tally.add(problem, grades.get((problem.task, problem.id), []))
        differing += tally.differing
        tasks.append(
            ImportedTask(
                name=part.spec.name,
                problems=len(part.problems),
                n=part.n,
                effective_n=part.copies.effective_n,
                grader=part.grader,
                n_compared=tally.n,
                n_agree=tally.n - tally.n_differing,
                problems_compared=tally.problems,
                problems_agree=tally.problems - tally.problems_differing,
            )
        )
    return tuple(tasks), tuple(differing)


# --- files -------------------------------------------------------------------------------


def _session(plan_id: str) -> Session:
    return Session(
        plan=plan_id,
        command=tuple(sys.argv),
        versions=library_versions(),
        platform=f"{platform.platform()} {platform.machine()}, {os.cpu_count()} cores",
        pid=os.getpid(),
        started=datetime.datetime.now(datetime.UTC),
    )


def _read_report(directory: Path) -> ImportReport | None:
    """Return what a run directory was imported from; None if it was not."""
    try:
        return msgspec.json.decode((directory / REPORT).read_bytes(), type=ImportReport)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _already(out: Path, name: str) -> ImportReport | None:
    """Return the import that a directory holds, if it is this one; None if nothing is there.

    Raises:
        SpecError: something else is there.
    """
    if not os.path.lexists(out) or (out.is_dir() and not any(out.iterdir())):
        return None
    report = _read_report(out)
    if report is None:
        raise SpecError(
            f"{out} is there and holds no import, so nothing is written over it",
            hint="give --out a directory that is not there",
        )
    if report.id != name:
        files = ", ".join(source.file for source in report.sources)
        raise SpecError(
            f"{out} holds another import: of {files}, or of those with other options",
            hint="give --out a directory that is not there, or remove this one",
        )
    with Store.read(out) as store:
        find_plan(store)
    return report


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Make a folder beside ``out``; it is removed at the end, and so is what a dead import left."""
    parent, prefix = out.absolute().parent, f".{out.name}.import-"
    stage = parent / f"{prefix}{os.getpid()}-{os.urandom(4).hex()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for old in parent.iterdir():
            if old.name.startswith(prefix) and not _is_alive(old, prefix):
                shutil.rmtree(old, ignore_errors=True)
        stage.mkdir()
    except OSError as error:
        raise StoreWriteError(
            f"{parent} cannot be written: {error.strerror or error}",
            hint="check free space and rights, or give another --out",
        ) from error
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _is_alive(stage: Path, prefix: str) -> bool:
    """Whether the process that makes a staged import still runs; True where unknowable."""
    number = stage.name.removeprefix(prefix).partition("-")[0]
    if is_held(stage) or not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return int(number) != os.getpid()


def _move(stage: Path, out: Path) -> None:
    """Put the whole run where it belongs, at once."""
    try:
        stage.rename(out)
        descriptor = os.open(out.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreWriteError(
            f"{out} cannot be made: {error.strerror or error}",
            hint="give --out a directory that is not there",
        ) from error
