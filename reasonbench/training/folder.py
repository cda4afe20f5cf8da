"""The directory of a training: whose it is, and whether it is complete.

::

    spec.json       what is trained on what; written first
    log.jsonl       a line a step
    checkpoints/    step-000010/ ...: model folders
    trainer/        the state that is gone on from; gone at the end
    launch/         what ``accelerate launch`` and its workers read
    train.json      the TrainingResult; written last
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from reasonbench.errors import SpecError, StoreCorruptError, StoreWriteError
from reasonbench.records import Record
from reasonbench.results.training import TrainingResult
from reasonbench.specs import TrainSpec
from reasonbench.store.lock import RunLock

T = TypeVar("T")

SPEC_FILE = "spec.json"
RESULT_FILE = "train.json"
MAX_DIFFERENCES = 3
"""Differences between two specs that are named."""


class Job(Record, frozen=True, kw_only=True):
    """What a directory was begun with."""

    spec: TrainSpec
    """The training."""
    rows: str
    """Digest of the rows that the view kept, before long ones are left out."""
    versions: dict[str, str]
    """Libraries and their versions."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory, made if it is missing, against other processes.

    Raises:
        StoreLockedError: another process holds it.
        StoreWriteError: it cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = RunLock.acquire(directory)
    except OSError as error:
        raise StoreWriteError(
            f"{directory} cannot be written: {error.strerror or error}",
            hint="name another directory with --out, or give the right to write there",
        ) from error
    try:
        yield
    finally:
        lock.release()


def claim(directory: Path, job: Job) -> Job:
    """Take a directory for a job; return the job that it was begun with.

    Raises:
        SpecError: it belongs to another training.
        StoreCorruptError: what says so cannot be read.
        OSError: it cannot be written.
    """
    before = begun(directory)
    if before is None:
        _refuse_foreign(directory)
        write_json(directory / SPEC_FILE, job)
        return job
    changes = differences(before.spec, job.spec)
    if changes:
        more = f" and {len(changes) - MAX_DIFFERENCES} more" if changes[MAX_DIFFERENCES:] else ""
        raise SpecError(
            f"{directory} holds another training: {', '.join(changes[:MAX_DIFFERENCES])}{more}",
            hint="name another directory with --out",
        )
    if before.rows != job.rows:
        raise SpecError(
            f"{directory} was begun with other traces: their digest was {before.rows} and is now "
            f"{job.rows}",
            hint="name another directory with --out, or bring the old traces back",
        )
    return before


def begun(directory: Path) -> Job | None:
    """Return what a directory was begun with; None where nothing was.

    Raises:
        StoreCorruptError: what says so cannot be read.
    """
    return _read(directory / SPEC_FILE, Job)


def _refuse_foreign(directory: Path) -> None:
    for name in (RESULT_FILE, "log.jsonl", "checkpoints", "trainer"):
        if (directory / name).exists():
            raise SpecError(
                f"{directory} holds {name} and no {SPEC_FILE}, so it is not known what was trained",
                hint="name another directory with --out",
            )


def result(directory: Path) -> TrainingResult | None:
    """Return what a training came to; None where it has not ended.

    Raises:
        StoreCorruptError: the file says something else.
    """
    return _read(directory / RESULT_FILE, TrainingResult)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreCorruptError(
            f"{path} cannot be read: {error}",
            hint=f"remove {path.parent} to train anew, or name another directory with --out",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a record, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    with part.open("wb") as stream:
        stream.write(text + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def differences(begun: Any, now: Any) -> list[str]:
    """Return the fields in which two specs differ, with both values."""
    return list(_differences("", msgspec.to_builtins(begun), msgspec.to_builtins(now)))


def _differences(key: str, left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in dict.fromkeys([*left, *right]):
            path = f"{key}.{name}" if key else str(name)
            yield from _differences(path, left.get(name), right.get(name))
    elif left != right:
        yield f"{key} was {left!r} and is now {right!r}"
