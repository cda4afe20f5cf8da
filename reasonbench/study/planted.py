"""Where a leak's files lie in a study, and the truth about it.

``leak/planted.json`` says what was planted and where.  It is opened to measure what a leak did;
no scan or detector is given it.
"""

import os
from pathlib import Path

import msgspec

from reasonbench.errors import SpecError, StoreWriteError
from reasonbench.records import Record

FOLDER, PLANTED_FILE = "leak", "planted.json"


class PlantedItem(Record, frozen=True, kw_only=True):
    """A planted item."""

    task: str
    """Its task."""
    problem_id: str
    """Its id there."""
    kind: str
    """Class of the plant."""
    trace: str
    """Digest of the planted trace."""


class Planted(Record, frozen=True, kw_only=True):
    """The truth about a leak; no scan or detector reads it."""

    seed: int
    """Seed of what is planted where."""
    items: tuple[PlantedItem, ...]
    """What is planted, each at every dose above 0."""
    without_trace: tuple[tuple[str, str], ...]
    """Task and id of items that were to be planted and have no correct trace."""
    size: int
    """Rows of every dose."""
    rows: dict[str, tuple[int, ...]]
    """Dose -> number of each planted row in its file, counted from 0; the items in turn."""


def arm_of(dose: int) -> str:
    """Return the name of a dose's arm."""
    return f"dose-{dose}"


def dose_path(directory: Path, dose: int) -> Path:
    """Return the training file of a dose."""
    return directory / FOLDER / f"{arm_of(dose)}.jsonl.zst"


def read_planted(directory: Path) -> Planted:
    """Return the truth about a study's leak.

    Raises:
        SpecError: there is none, or it cannot be read.
    """
    path = directory / FOLDER / PLANTED_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Planted)
    except (OSError, msgspec.MsgspecError) as error:
        raise SpecError(
            f"{path} does not say what was planted: {error}", hint="run the study's doses first"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(f"{path} cannot be written: {error.strerror or error}") from error
