"""A study from its spec to its report, as far as its directory does not hold it yet.

Everything is kept as it is made, so the same command goes on after any end.  An arm that fails is
shown as failed, with its reason; the others go on, and the next call tries it again.
"""

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from reasonbench.errors import EngineError, ReasonbenchError, StoreLockedError
from reasonbench.identity import digest
from reasonbench.protocols import Reporter
from reasonbench.report import study as pages
from reasonbench.results.study import (
    STUDY_SCHEMA,
    StudyBank,
    StudyDose,
    StudyReport,
    StudyTraining,
)
from reasonbench.run import Silent
from reasonbench.specs import StudyArm, StudySpec
from reasonbench.store.lock import RunLock
from reasonbench.study import plan, recipes, requests
from reasonbench.study.analysis import analyse
from reasonbench.study.counts import CountRow, Measurement, count_rows, write_counts
from reasonbench.study.crew import Crew, crew
from reasonbench.study.jobs import Workers
from reasonbench.study.layout import MARKER, Layout, begin, write_json
from reasonbench.study.measure import measure
from reasonbench.study.stages import Stages, stages
from reasonbench.study.state import State, file_digest, marked_job
from reasonbench.study.versions import versions

REPORT_FILES = ("report.html", "report.md")


def run_study(
    spec: StudySpec,
    directory: Path,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> StudyReport:
    """Do what ``spec`` asks for, as far as ``directory`` does not hold it yet.

    Args:
        spec: the study.
        directory: its directory; made if it is missing, gone on with if not.
        reporter: where progress goes.
        workers: trainings and samplings at once; by default the spec's ``parallel``.
        command: command line, for the record.

    Raises:
        SpecError: the spec means nothing, or the directory holds another study.
        StoreLockedError: another process is at work there.
        ReasonbenchError: what no study can do without came to nothing: the bank, the choice of
            problems, the samples of the base or of the teacher.
    """
    plan.refuse(spec)
    reporter = reporter or Silent()
    layout = Layout(directory)
    with _locked(directory):
        file = begin(layout, spec, versions())
        state = State(spec, layout, say=reporter.say, command=command)
        with Workers(crew_of(spec, workers), layout.logs, reporter) as staff:
            todo = stages(state)
            staff.run("study", todo.jobs())
            _refuse_without(todo)
            counts = _counts(state, todo)
            write_counts(layout.counts, counts)
            doses = _doses(state, todo, staff)
        report = _report(state, todo, counts, doses, begun_with=file.versions)
        return _written(report, layout)


def crew_of(spec: StudySpec, workers: int | None = None) -> Crew:
    """Return the workers that a study has on this machine."""
    threads = spec.engine.args.get("threads", 1) if spec.engine.name == "transformers" else 1
    devices = spec.engine.args.get("tensor_parallel_size", 1)
    return crew(workers or spec.parallel, threads=int(threads), devices_each=int(devices))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = RunLock.acquire(directory)
    except OSError as error:
        raise EngineError(
            f"{directory} cannot be used: {error.strerror or error}",
            hint="give another directory with --out",
        ) from error
    except StoreLockedError as error:
        raise StoreLockedError(
            error.message.replace("is being written", "is being worked on"),
            hint="wait for it to end, or give another directory with --out",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _refuse_without(todo: Stages) -> None:
    """End a study that lacks what everything is compared with.

    Raises:
        EngineError: the bank, the problems, a reference or the doses came to nothing.
    """
    for job in (*todo.first, *todo.teacher, *todo.doses):
        if job.why:
            raise EngineError(
                f"{job.label} failed: {job.why}",
                hint=job.hint or "what is done is kept: the same command goes on",
            )


def _counts(state: State, todo: Stages) -> list[CountRow]:
    """Return all counts: the references, then the arms whose students came to something."""
    spec = state.spec
    samplings = plan.reference_samplings(spec)
    for arm in (*plan.trained_arms(spec), *plan.wise_arms(spec)):
        for seed in spec.seeds:
            if not todo.failure((arm.name, seed)):
                steps = plan.arm_samplings(spec, arm, seed).values()
                samplings += [sampling for at_step in steps for sampling in at_step]
    order = {name: place for place, name in enumerate(plan.arm_names(spec))}
    samplings.sort(key=lambda s: order.get(s.model, -1))
    return count_rows(
        [
            Measurement(s.model, s.role, s.seed, s.step, s.temperature, measure(state.runs[s]))
            for s in samplings
        ]
    )


def _doses(state: State, todo: Stages, staff: Workers) -> tuple[StudyDose, ...]:
    """Return what every dose came to."""
    spec, layout = state.spec, state.layout
    if spec.leak is None:
        return ()
    found: list[tuple[StudyDose, ...]] = []
    samples, failed = [], {}
    for arm in plan.trained_arms(spec):
        whys = [todo.failure((arm.name, seed)) for seed in spec.seeds]
        if all(whys):
            failed[arm.name] = whys[0]
        last = plan.steps_of(spec, arm)[-1]
        samples += [
            (
                arm.name,
                seed,
                requests.text(layout.samples(arm.name, seed, last, spec.temperatures[0])),
            )
            for seed, why in zip(spec.seeds, whys, strict=True)
            if not why
        ]
    job = marked_job(
        state,
        "measure the doses",
        "measuring the doses",
        marker=layout.root / "leak" / f"measured-{MARKER}",
        kind=tuple[StudyDose, ...],
        inputs=lambda: (
            spec.leak,
            spec.level,
            spec.ks,
            file_digest(layout.counts),
            state.chosen_digest(),
            failed,
        ),
        request=lambda: requests.MeasureDoses(
            spec=spec,
            directory=requests.text(layout.root),
            counts=requests.text(layout.counts),
            problems=state.chosen(),
            samples=tuple(samples),
            failed=failed,
        ),
        take=found.append,
    )
    staff.run("measuring the doses", [job])
    if job.why:
        raise EngineError(f"{job.label} failed: {job.why}", hint=job.hint)
    return found[-1]


def _trainings(state: State, todo: Stages) -> dict[str, list[StudyTraining]]:
    """Return what every training came to, the failed ones included."""
    found: dict[str, list[StudyTraining]] = {}
    for arm in plan.trained_arms(state.spec):
        found[arm.name] = [
            _training(state, arm.name, seed, _rate(state, arm), todo.failure((arm.name, seed)))
            for seed in state.spec.seeds
        ]
    return found


def _rate(state: State, arm: StudyArm) -> float:
    try:
        return state.rate(arm)
    except ReasonbenchError:  # no trial came to anything
        return plan.rates_of(state.spec, arm)[0]


def _training(state: State, arm: str, seed: int, rate: float, why: str) -> StudyTraining:
    found = state.trained.get((arm, seed))
    if found is None:
        return StudyTraining(
            seed=seed,
            rows=0,
            problems=0,
            steps=0,
            loss_tokens=0,
            learning_rate=rate,
            final_loss=None,
            seconds=0.0,
            failed=why or "it was not trained",
        )
    return StudyTraining(
        seed=seed,
        rows=found.rows,
        problems=found.problems,
        steps=found.steps,
        loss_tokens=found.loss_tokens,
        learning_rate=rate,
        final_loss=found.final_loss,
        seconds=found.seconds,
        failed=why,
    )


def _report(
    state: State,
    todo: Stages,
    counts: Sequence[CountRow],
    doses: tuple[StudyDose, ...],
    *,
    begun_with: dict[str, str],
) -> StudyReport:
    assert state.bank is not None and state.selected is not None
    spec, bank = state.spec, state.bank
    trainings = _trainings(state, todo)
    named = recipes.recipes(spec)
    return StudyReport(
        schema_version=STUDY_SCHEMA,
        spec=spec,
        command=state.command,
        versions=versions(),
        finished=datetime.datetime.now(datetime.UTC).date(),
        selection=state.selected.selection,
        bank=StudyBank(
            rows=bank.rows,
            problems=bank.problems,
            correct=bank.correct,
            digest=bank.digest,
            by_temperature={
                f"{one.temperature:g}": (one.rows, one.correct) for one in bank.by_temperature
            },
        ),
        models=analyse(spec, counts, trainings, state.tuned, named),
        doses=doses,
        notes=recipes.notes(state, todo, trainings, begun_with),
    )


def _written(report: StudyReport, layout: Layout) -> StudyReport:
    """Write the report; one that says the same keeps its day and its command."""
    before = read_report(layout.report) if layout.report.exists() else None
    if before is not None:
        dated = msgspec.structs.replace(
            report, finished=before.finished, command=before.command, versions=before.versions
        )
        report = before if _plain(dated) == _plain(before) else report
    write_json(layout.report, report)
    pages.write_html(report, layout.root / REPORT_FILES[0])
    pages.write_markdown(report, layout.root / REPORT_FILES[1])
    return report


def _plain(report: StudyReport) -> str:
    return digest(msgspec.json.decode(msgspec.json.encode(report)))


def read_report(path: Path) -> StudyReport | None:
    """Return a study's report; None where it cannot be read as one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StudyReport)
    except (OSError, msgspec.MsgspecError):
        return None
