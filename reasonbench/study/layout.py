"""Where the parts of a study lie, and what keeps a directory to one study.

A stage that is done leaves a marker: the digest of its inputs, and what it came to.  It is
skipped while that digest is the same, whatever else was changed.  ``study.json`` holds the spec;
another one is refused with what differs, but for what only adds to the study.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from reasonbench.errors import SpecError, StoreWriteError
from reasonbench.records import Record
from reasonbench.results.study import STUDY_SCHEMA
from reasonbench.specs import StudySpec

R = TypeVar("R")

STUDY_FILE = "study.json"
MARKER = "stage.json"
"""Marker of a stage, in its directory."""
FREE = ("name", "level", "ks", "parallel")
"""Fields that change no draw and no training."""
GROWING = ("n", "checkpoint_n")
"""Numbers that may be raised: what is there is topped up."""


class StudyFile(Record, frozen=True, kw_only=True):
    """What ``study.json`` holds."""

    schema_version: int
    """Version of the JSON."""
    spec: StudySpec
    """The study."""
    versions: dict[str, str]
    """Libraries that it was begun with."""


class Marker(Record, frozen=True, kw_only=True):
    """What a stage leaves when it is done."""

    identity: str
    """Digest of its inputs."""
    value: msgspec.Raw = msgspec.Raw(b"null")
    """What it came to, as JSON."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one study."""

    root: Path
    """The study's directory."""

    @property
    def study(self) -> Path:
        """The spec."""
        return self.root / STUDY_FILE

    @property
    def bank(self) -> Path:
        """The teacher's traces."""
        return self.root / "bank" / "bank.parquet"

    @property
    def pilot(self) -> Path:
        """Run directory of the pilot."""
        return self.root / "select" / "pilot"

    @property
    def selection(self) -> Path:
        """Marker of the selection."""
        return self.root / "select" / "selection.json"

    @property
    def counts(self) -> Path:
        """All counts."""
        return self.root / "counts.parquet"

    @property
    def report(self) -> Path:
        """The report, as data."""
        return self.root / "report.json"

    @property
    def logs(self) -> Path:
        """What worker processes write to stderr."""
        return self.root / "logs"

    def reference(self, name: str, temperature: float) -> Path:
        """Return the run directory of the base or the teacher."""
        return self.root / "references" / name / at(temperature)

    def arm(self, arm: str, seed: int) -> Path:
        """Return the folder of one arm's student."""
        return self.root / "arms" / arm / f"seed-{seed}"

    def train(self, arm: str, seed: int) -> Path:
        """Return the directory of one training."""
        return self.arm(arm, seed) / "train"

    def wise(self, arm: str, seed: int) -> Path:
        """Return the folder of interpolated weights."""
        return self.arm(arm, seed) / "model"

    def samples(self, arm: str, seed: int, step: int, temperature: float) -> Path:
        """Return the run directory of one checkpoint at one temperature."""
        return self.arm(arm, seed) / "samples" / f"step-{step:06d}-{at(temperature)}"

    def trial(self, arm: str, rate: float) -> Path:
        """Return the folder of one learning rate's trial."""
        return self.root / "tune" / arm / f"rate-{rate!r}"


def at(temperature: float) -> str:
    """Return a temperature as it stands in a path."""
    return f"T{float(temperature)!r}"


def checkpoint_name(step: int) -> str:
    """Return the folder of a checkpoint, below a training's ``checkpoints``."""
    return f"step-{step:06d}"


def begin(layout: Layout, spec: StudySpec, versions: Mapping[str, str]) -> StudyFile:
    """Write ``study.json``, or hold the spec against the one that is there.

    Raises:
        SpecError: the directory holds another study.
    """
    path = layout.study
    found = read_study(path) if path.exists() else None
    if found is not None and (changes := refused_changes(found.spec, spec)):
        raise SpecError(
            f"{layout.root} holds another study: {'; '.join(changes)}",
            hint="give another directory with --out; only seeds, arms, temperatures and larger n "
            "may be added to a study",
        )
    file = StudyFile(
        schema_version=STUDY_SCHEMA,
        spec=spec,
        versions=dict(versions) if found is None else found.versions,
    )
    if file != found:
        write_json(path, file)
    return file


def read_study(path: Path) -> StudyFile:
    """Return what ``study.json`` holds.

    Raises:
        SpecError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=StudyFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise SpecError(
            f"{path} cannot be read as a study: {error}",
            hint="give another directory with --out",
        ) from error


def refused_changes(old: StudySpec, new: StudySpec) -> list[str]:
    """Return the fields that keep ``new`` from going on with what ``old`` began."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    changes: list[str] = []
    for name in before:
        left, right = before[name], after[name]
        if left == right or name in FREE:
            continue
        if name in GROWING and right >= left:
            continue
        if name in ("seeds", "temperatures"):
            lost = [value for value in left if value not in right]
            kept_first = name == "seeds" or right[0] == left[0]
            if lost or not kept_first:
                changes.append(f"{name}: {_shown(left)} -> {_shown(right)}")
        elif name == "arms":
            changes += _arm_changes(left, right)
        else:
            changes += differences(left, right, name)
    return changes


def _arm_changes(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> list[str]:
    there = {arm["name"]: arm for arm in right}
    changes: list[str] = []
    for arm in left:
        name = f"arms.{arm['name']}"
        if arm["name"] not in there:
            changes.append(f"{name} is missing")
        else:
            changes += differences(arm, there[arm["name"]], name)
    return changes


def differences(left: Any, right: Any, name: str) -> list[str]:
    """Return the dotted fields in which two plain values differ, with both values."""
    if left == right:
        return []
    if isinstance(left, dict) and isinstance(right, dict):
        found: list[str] = []
        for key in dict.fromkeys((*left, *right)):
            found += differences(left.get(key), right.get(key), f"{name}.{key}")
        return found
    return [f"{name}: {_shown(left)} -> {_shown(right)}"]


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}..."


def read_marker(path: Path, identity: str, kind: type[R]) -> R | None:
    """Return what a stage came to; None where it is not done with these inputs."""
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
        if marker.identity != identity:
            return None
        return msgspec.json.decode(marker.value, type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        return None  # a damaged marker only costs a look at what is there


def write_marker(path: Path, identity: str, value: Any) -> None:
    """Say that a stage is done, and what it came to."""
    write_json(path, Marker(identity=identity, value=msgspec.Raw(msgspec.json.encode(value))))


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreWriteError: it cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="check free space and rights, then repeat the command",
        ) from error
