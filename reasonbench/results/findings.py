"""What detectors say: of problems in the traces, and of the model itself."""

import enum

from reasonbench.records import Interval, Record


class FindingStatus(enum.StrEnum):
    """What a detector says of one problem."""

    CONTAMINATED = "contaminated"
    """It stands in the traces."""
    SUSPECT = "suspect"
    """It may; read the evidence."""
    CLEAN = "clean"
    """It was searched for and not found."""
    NOT_CHECKED = "not_checked"
    """It could not be searched for."""


class Match(Record, frozen=True, kw_only=True):
    """One place where a problem stands in a document."""

    document: str
    """File that holds it."""
    row: int
    """Line in that file, counted from 0."""
    field: str
    """Field of the row, such as ``messages[0].content``."""
    document_span: tuple[int, int]
    """Start and end of the match in the field, in bytes of UTF-8."""
    problem_span: tuple[int, int]
    """Start and end of the match in what of the problem stands there, in bytes of UTF-8."""
    text: str
    """Matched text, as the document has it."""
    kind: str | None = None
    """How this place relates to the problem (a value of ``corpus.items.Kind``), where classed."""
    channel: str | None = None
    """Where in the record it stands (a value of ``corpus.items.Channel``), where classed."""


class Finding(Record, frozen=True, kw_only=True):
    """What one detector says of one problem."""

    task: str
    """Task of the problem."""
    problem_id: str
    """Problem concerned."""
    detector: str
    """Identity of the detector: name and version."""
    status: FindingStatus
    """What it says."""
    score: float | None = None
    """Strength of the evidence; 1 is a full match."""
    p_value: float | None = None
    """Chance of such a score on a problem that is not there; None where not calibrated."""
    q_value: float | None = None
    """Share of false findings among all that are at least as strong; None as for ``p_value``."""
    kind: str | None = None
    """The gravest kind of its places; None where they are not classed."""
    channel: str | None = None
    """Channel of that place."""
    n_matches: int = 0
    """Places where it stands; ``matches`` may hold only the first of them."""
    matches: tuple[Match, ...] = ()
    """Evidence."""


class ScanSummary(Record, frozen=True, kw_only=True):
    """What was read to search the traces."""

    documents: tuple[str, ...]
    """Files searched."""
    rows_read: int
    """Rows searched."""
    rows_skipped: dict[str, int]
    """Rows that could not be searched, by reason."""
    examples: tuple[str, ...] = ()
    """First skipped rows, as ``file:line: reason``, lines counted from 1."""


class Measured(Record, frozen=True, kw_only=True):
    """A value that a check of the model came to on some problems."""

    what: str
    """Whose value it is, such as ``embedded:base`` or ``countdown_heldout``."""
    value: float | None
    """Mean over the problems; None where there is none."""
    interval: Interval | None
    """For other problems of the kind."""
    n: int
    """Problems behind the value."""


class Contrast(Record, frozen=True, kw_only=True):
    """A check's value beside another that a leak would leave alone."""

    first: Measured
    """What a leak would raise."""
    second: Measured
    """What it is held against."""
    value: float | None
    """First minus second; None where one of them is."""
    interval: Interval | None
    """Its confidence interval."""
    method: str
    """How the interval was made."""
    decides: bool
    """Whether the check's status rests on it; the others only say more."""


class Sign(Record, frozen=True, kw_only=True):
    """One place where a check of the model saw something."""

    problem_id: str
    """Problem concerned."""
    sample_index: int
    """Completion concerned."""
    text: str
    """What the model wrote."""
    place: tuple[str, int] | None = None
    """File that holds the same and line in it, counted from 0, where there is one."""
    note: str = ""
    """What it is, with its numbers."""


class ModelCheck(Record, frozen=True, kw_only=True):
    """What a detector saw of one task in the model itself."""

    detector: str
    """Identity of the detector: name and version."""
    task: str
    """Task concerned."""
    measure: str
    """What the value is."""
    status: FindingStatus
    """``suspect`` where what decides lies above 0 by more than chance, ``clean`` where it does
    not, ``not_checked`` where something was missing; never ``contaminated``."""
    value: Measured | None
    """The measure on this task; None where it could not be taken."""
    level: float
    """Confidence level."""
    contrasts: tuple[Contrast, ...] = ()
    """What it is held against."""
    details: dict[str, float]
    """Further numbers, by what they are."""
    signs: tuple[Sign, ...] = ()
    """The strongest places."""
    sentence: str
    """What was seen, with its numbers; or what was missing."""
    cannot_show: str
    """What such a check cannot tell."""
