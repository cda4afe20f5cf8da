"""What a study asks of its worker processes, and what they answer: a line of JSON each."""

from pathlib import Path
from typing import Any

import msgspec

from reasonbench.specs import BankSpec, ModelSpec, RunSpec, StudySpec, TrainSpec


class _Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask"):
    """Base of all requests."""

    marker: str = ""
    """File that is written when it is done; empty: none."""
    identity: str = ""
    """Digest of its inputs, for the marker."""
    command: tuple[str, ...] = ()
    """Command line, for the record."""


class Train(_Request, frozen=True, tag="train"):
    """Train one student."""

    spec: TrainSpec
    """Recorded as it stands."""
    traces: str
    """Where the traces lie now."""
    directory: str
    """The training's directory."""


class Sample(_Request, frozen=True, tag="sample"):
    """Sample one model; its runs differ in temperature."""

    runs: tuple[RunSpec, ...]
    """What is drawn."""
    directories: tuple[str, ...]
    """Run directory of each."""
    problems: dict[str, tuple[str, ...]]
    """Task -> ids of the problems that are sampled; a task that is missing is sampled whole."""
    markers: tuple[tuple[str, str], ...]
    """Marker of each run, and the digest of its inputs."""


class MakeBank(_Request, frozen=True, tag="bank"):
    """Sample the teacher into the bank."""

    teacher: ModelSpec
    tasks: tuple[str, ...]
    policy: BankSpec
    path: str


class Interpolate(_Request, frozen=True, tag="wise"):
    """Make weights between the student's beginning and an arm's end."""

    beginning: ModelSpec
    end: str
    alpha: float
    out: str


class PlanDoses(_Request, frozen=True, tag="doses"):
    """Write what every dose is trained on."""

    spec: StudySpec
    directory: str
    bank: str
    problems: dict[str, tuple[str, ...]]


class MeasureDoses(_Request, frozen=True, tag="measure_doses"):
    """Hold the doses against each other."""

    spec: StudySpec
    directory: str
    counts: str
    problems: dict[str, tuple[str, ...]]
    samples: tuple[tuple[str, int, str], ...]
    """Arm, seed and run directory of the last step at the first temperature."""
    failed: dict[str, str]
    """Arm -> why it came to nothing."""


Request = Train | Sample | MakeBank | Interpolate | PlanDoses | MeasureDoses


class Done(msgspec.Struct, frozen=True, tag_field="say", tag="done"):
    """The request came to this."""

    value: msgspec.Raw


class Failed(msgspec.Struct, frozen=True, tag_field="say", tag="failed"):
    """The request cannot be met."""

    message: str
    hint: str | None = None


class Progress(msgspec.Struct, frozen=True, tag_field="say", tag="progress"):
    """How far it is."""

    phase: str
    done: int
    total: int


Reply = Done | Failed | Progress

_requests = msgspec.json.Decoder(Request)
_replies: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Reply)


def pack(message: Request | Reply) -> bytes:
    """Return one line."""
    return msgspec.json.encode(message) + b"\n"


def request_of(line: bytes) -> Request:
    """Return the request of a line."""
    request: Request = _requests.decode(line)
    return request


def reply_of(line: bytes) -> Reply:
    """Return the reply of a line."""
    reply: Reply = _replies.decode(line)
    return reply


def text(path: Path) -> str:
    """Return a path as a request holds it."""
    return str(path.absolute())
