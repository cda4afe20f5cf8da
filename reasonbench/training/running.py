"""One training, from a spec to a folder of checkpoints.

Invariants: what a directory holds belongs to one spec and one list of rows.  After a kill at any
moment the same call goes on from the last whole state of the trainer, and on a CPU every later
loss is the one that an unbroken training has, bit for bit.  ``train.json`` is written last: a
directory that holds it is complete and is not trained again.
"""

import contextlib
import datetime
import gc
import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reasonbench.errors import EngineError, MissingDependencyError
from reasonbench.protocols import Reporter
from reasonbench.results.training import TRAINING_SCHEMA, TrainingResult
from reasonbench.run import Silent, library_versions
from reasonbench.specs import TrainSpec
from reasonbench.training import checkpoints, folder, launch, loading, memory
from reasonbench.training.checkpoints import planned_checkpoints
from reasonbench.training.data import Prepared, load_rows, prepare, refuse_none, rows_digest
from reasonbench.training.log import cut_log, read_steps
from reasonbench.training.objectives import device_batch, refuse, trainer_name
from reasonbench.training.rows import TraceRow

__all__ = ["planned_checkpoints", "print_launch", "session", "train"]

LIBRARIES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "deepspeed")
TALKATIVE = ("transformers", "trl", "accelerate", "peft", "datasets", "torch.distributed")
"""Loggers that would talk between our own lines."""


def train(
    spec: TrainSpec,
    directory: Path,
    *,
    rows: Sequence[TraceRow] | None = None,
    reporter: Reporter | None = None,
    command: Sequence[str] = (),
) -> TrainingResult:
    """Train a student, or go on with a training that was cut short.

    Args:
        spec: what to train, on what, and how.
        directory: the training's own; made if it is missing.
        rows: what is trained on; by default what the spec's view keeps of its traces.
        reporter: where progress goes.
        command: command line, for the record.

    Raises:
        SpecError: the spec means nothing, no row is left, or the directory is another training's.
        EngineError: a model cannot be loaded or does not fit.
        StoreError: another process trains here, or the disk is full or read-only.
    """
    refuse(spec)
    planned_checkpoints(spec)
    reporter = reporter or Silent()
    with folder.locked(directory), checkpoints.writing(directory):
        kept, dropped = (list(rows), {}) if rows is not None else load_rows(spec)
        refuse_none(spec, len(kept), dropped, 0)
        _claim(spec, directory, kept, reporter)
        done = folder.result(directory)
        if done is not None:
            reporter.say(f"{directory} is complete: nothing is left to train")
            checkpoints.remove(directory / checkpoints.STATES)
            return done
        require()
        if spec.launch is None:
            return session(spec, directory, kept, dropped, reporter=reporter, command=command)
        launch.refuse_machine(spec.launch)
        launch.write(spec, directory, kept, dropped, command)
        launch.run(spec, directory, reporter)
        done = folder.result(directory)
    if done is None:
        raise EngineError(
            f"the processes of the training in {directory} ended without a result",
            hint=f"what they said stands in {directory / launch.FOLDER / launch.OUTPUT_FILE}",
        )
    return done


def print_launch(
    spec: TrainSpec,
    directory: Path,
    *,
    rows: Sequence[TraceRow] | None = None,
    reporter: Reporter | None = None,
    command: Sequence[str] = (),
) -> str:
    """Write all that ``accelerate launch`` needs, and return its command without starting it.

    Args:
        spec: a training with ``launch``.
        directory: the training's own; made if it is missing.
        rows: what is trained on; by default what the spec's view keeps of its traces.
        reporter: where progress goes.
        command: command line, for the record.

    Raises:
        ReasonbenchError: see ``train``.
    """
    refuse(spec)
    planned_checkpoints(spec)
    launch.configuration(spec, cpu=True)
    with folder.locked(directory), checkpoints.writing(directory):
        kept, dropped = (list(rows), {}) if rows is not None else load_rows(spec)
        refuse_none(spec, len(kept), dropped, 0)
        require()
        _claim(spec, directory, kept, reporter or Silent())
        launch.write(spec, directory, kept, dropped, command)
    return launch.printed(spec, directory)


def _claim(spec: TrainSpec, directory: Path, rows: Sequence[TraceRow], reporter: Reporter) -> None:
    job = folder.Job(spec=spec, rows=rows_digest(rows), versions=versions())
    begun = folder.claim(directory, job)
    changes = folder.differences(begun.versions, job.versions)
    if changes and folder.result(directory) is None:
        reporter.say(
            "this training was begun with other libraries, so its losses may differ from an "
            f"unbroken one's: {', '.join(changes)}"
        )


def versions() -> dict[str, str]:
    """Return the versions of reasonbench, Python and the libraries that train."""
    found = library_versions()
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def require() -> None:
    """Refuse to train without the libraries that do it.

    Raises:
        MissingDependencyError: one is not installed.
    """
    for name in ("torch", "transformers", "trl", "accelerate", "peft", "datasets"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingDependencyError(
                f"training needs {name}, which is not installed",
                hint="pip install 'reasonbench[train]'",
            ) from error


def session(
    spec: TrainSpec,
    directory: Path,
    rows: Sequence[TraceRow],
    dropped: dict[str, int],
    *,
    reporter: Reporter,
    command: Sequence[str],
    alive: Callable[[], None] = lambda: None,
) -> TrainingResult:
    """Train in this process, alone or as one of several that ``accelerate launch`` started.

    Args:
        spec: the training.
        directory: its directory, claimed.
        rows: what the view kept.
        dropped: what it dropped, by reason.
        reporter: where progress goes.
        command: command line, for the record.
        alive: asked at each step; raises where the training shall not go on.

    Raises:
        ReasonbenchError: see ``train``.
    """
    with quiet(), _held(directory), checkpoints.writing(directory):
        reporter.say(f"loading {spec.student.id}")
        models = loading.find(spec)
        data = prepare(spec, rows, dropped, models.student.tokenizer, models.context)
        _refuse_unfit(spec, models, data)
        trainer, keeper = _trainer(spec, directory, models, data, reporter, alive)
        try:
            _train(spec, directory, trainer, reporter)
            first = trainer.is_world_process_zero()
        finally:
            keeper.close()
            keeper.trainer = None
            del trainer
            _free()
        found = _result(spec, directory, data, command)
        if first:
            folder.write_json(directory / folder.RESULT_FILE, found)
            checkpoints.remove(directory / checkpoints.STATES)
    return found


def _trainer(  # noqa: PLR0917
    spec: TrainSpec,
    directory: Path,
    models: loading.Models,
    data: Prepared,
    reporter: Reporter,
    alive: Callable[[], None],
) -> tuple[Any, Any]:
    from transformers import set_seed

    from reasonbench.training.adapter import make_trainer
    from reasonbench.training.callbacks import Keeper

    launch.join(spec)
    student = loading.load_student(spec, models.student)
    teacher = loading.load_teacher(spec, models.teacher)
    keeper = Keeper(spec, directory, models.student.files, reporter, alive)
    set_seed(spec.seed)  # Adapters are drawn before the trainer sets its own.
    trainer = make_trainer(
        spec,
        model=student,
        tokenizer=models.student.tokenizer,
        teacher=teacher,
        rows=data.rows,
        folder=directory / checkpoints.STATES,
        callbacks=[keeper],
        save_steps=checkpoints.save_steps(spec),
    )
    keeper.trainer = trainer
    return trainer, keeper


def _refuse_unfit(spec: TrainSpec, models: loading.Models, data: Prepared) -> None:
    need = needed(spec, models, data)
    loading.refuse_unfit(spec, models, need, memory.free_bytes(), sharing(spec))


def sharing(spec: TrainSpec) -> int:
    """Return how many processes share the memory that is free: a device's is its own."""
    return 1 if launch.accelerated() else launch.local_processes(spec)


def needed(spec: TrainSpec, models: loading.Models, data: Prepared) -> memory.Memory:
    """Return the memory that each device needs."""
    teacher = models.teacher
    return memory.estimate(
        spec,
        memory.skeleton(models.student.config),
        None if teacher is None else memory.skeleton(teacher.config),
        tokens=data.longest(spec),
        device_batch=device_batch(spec.hyper, launch.processes(spec)),
    )


def _train(spec: TrainSpec, directory: Path, trainer: Any, reporter: Reporter) -> None:
    """Train from the last whole state on.

    Raises:
        EngineError: memory ran out.
    """
    if trainer.is_world_process_zero():
        state = _state(spec, directory)
        step = checkpoints.step_of(state) if state else 0
        checkpoints.clear_after(directory, step)
        cut_log(directory, step)
    trainer.accelerator.wait_for_everyone()
    state = _state(spec, directory)
    step = checkpoints.step_of(state) if state else 0
    if step:
        reporter.say(f"going on after step {step:,} of {spec.hyper.steps:,}")
    if step >= spec.hyper.steps:
        return
    try:
        trainer.train(resume_from_checkpoint=str(state) if state else None)
    except Exception as error:
        if not memory.out_of_memory(error):
            raise
        held = device_batch(spec.hyper, launch.processes(spec))
        raise EngineError(
            f"memory ran out in step {trainer.state.global_step + 1:,}, with {held} sequences of "
            f"up to {spec.hyper.max_length:,} tokens on a device",
            hint="lower hyper.device_batch_size, set gradient_checkpointing = true, or train LoRA "
            "adapters; then name another directory with --out",
        ) from error


def _state(spec: TrainSpec, directory: Path) -> Path | None:
    """Return the state to go on from: one whose steps are logged and whose weights were kept."""
    logged = len(read_steps(directory))
    for step in planned_checkpoints(spec):
        if not (directory / checkpoints.checkpoint_name(step)).is_dir():
            logged = min(logged, step - 1)
    return checkpoints.latest(directory / checkpoints.STATES, logged)


def _result(
    spec: TrainSpec, directory: Path, data: Prepared, command: Sequence[str]
) -> TrainingResult:
    steps = read_steps(directory)
    return TrainingResult(
        schema_version=TRAINING_SCHEMA,
        spec=spec,
        command=tuple(command),
        versions=versions(),
        trainer=trainer_name(spec.objective),
        rows=len(data.rows),
        problems=data.problems,
        dropped=data.dropped,
        data_digest=data.digest,
        steps=len(steps),
        loss_tokens=sum(step.loss_tokens for step in steps),
        losses=tuple((step.step, step.loss) for step in steps),
        checkpoints={
            str(step): checkpoints.checkpoint_name(step) for step in planned_checkpoints(spec)
        },
        seconds=sum(step.seconds for step in steps),
        finished=datetime.datetime.now(datetime.UTC),
    )


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold the trainer's state: workers may outlive the command that started them."""
    if launch.rank() != 0:
        yield
        return
    with folder.locked(directory / checkpoints.STATES):
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' talk and bars off the terminal while they train."""
    import datasets
    from transformers.utils import logging as hf_logging

    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    bars = hf_logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    hf_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars[0]:
            hf_logging.enable_progress_bar()
        if not bars[1]:
            datasets.enable_progress_bars()


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
