"""What the fresh gap came to: public against fresh, beside a reference and an old-seed control."""

import enum

from reasonbench.records import Estimate, Interval, Record


class GapKind(enum.StrEnum):
    """Which comparison a row is."""

    PUBLIC = "public - fresh"
    """One model, two sets of problems."""
    REFERENCE = "(public - fresh) - the same of the reference"
    """Difference in differences."""
    CONTROL = "old seed - fresh"
    """The same families and levels, drawn from an old round and from the fresh one."""


class GapValue(Record, frozen=True, kw_only=True):
    """A difference of pass@k at one k."""

    k: int
    """k of the metric."""
    value: float | None
    """The difference; None where nothing defines it."""
    interval: Interval | None
    """For other problems of the same kinds."""
    method: str
    """How the interval was made."""
    n_first: int
    """Problems of the first set behind the value."""
    n_second: int
    """Problems of the fresh set behind the value."""


class GapRow(Record, frozen=True, kw_only=True):
    """One comparison at every k, and how far it carries."""

    kind: GapKind
    """Which comparison."""
    values: tuple[GapValue, ...]
    """The differences."""
    shows: str
    """What it can show, in a sentence."""
    cannot_show: str
    """What it cannot, in a sentence."""


class ModelGap(Record, frozen=True, kw_only=True):
    """The rows of one model."""

    model: str
    """The model."""
    runs: tuple[str, ...]
    """Run directories that its problems were read from."""
    public: tuple[Estimate, ...]
    """pass@k on the public task."""
    fresh: tuple[Estimate, ...]
    """pass@k on the fresh task."""
    control: tuple[Estimate, ...] = ()
    """pass@k on the control; empty without one."""
    rows: tuple[GapRow, ...]
    """The comparisons that were asked for."""
    notes: tuple[str, ...] = ()
    """What a reader must know: other differences between the runs, problems left out."""


class FreshGap(Record, frozen=True, kw_only=True):
    """The fresh gap of some models."""

    public: str
    """Public task."""
    fresh: str
    """Fresh task."""
    control: str | None
    """The same families from an old round; None without a control."""
    reference: str | None
    """Reference model; None without one."""
    level: float
    """Confidence level."""
    models: tuple[ModelGap, ...]
    """The models, in the order of their runs."""
