"""Two runs on the same problems: what ``compare`` says of them."""

from reasonbench.records import Estimate, Interval, Record


class PairedDelta(Record, frozen=True, kw_only=True):
    """pass@k of B minus that of A at one k."""

    k: int
    """k of the metric."""
    value: float | None
    """The difference; None where no problem has n >= k in both runs."""
    interval: Interval | None
    """For other problems of the kind, at this k alone."""
    band: Interval | None
    """For all k at once."""
    method: str
    """How the interval was made."""
    n_problems: int
    """Problems behind the value."""
    n_excluded: int
    """Problems left out, because k > n in a run."""


class Collapse(Record, frozen=True, kw_only=True):
    """Whether B is better at 1 and worse at K: diversity collapse."""

    k: int
    """K, the k that was named before looking."""
    verdict: str
    """``collapse``, ``crossing unresolved``, ``improvement at all k`` or ``no evidence``."""
    p: float
    """Of the hypothesis that B is not better at 1, or not worse at K."""
    delta_1: float
    """pass@1 of B minus that of A."""
    delta_k: float
    """pass@K of B minus that of A."""
    crossing: float | None
    """First k at which B is no better; None: none within K."""
    crossing_low: float | None
    """Lower bound of it; None: above K."""
    crossing_high: float | None
    """Upper bound of it; None: above K."""


class PairedTask(Record, frozen=True, kw_only=True):
    """Two runs on one task."""

    task: str
    """Task concerned."""
    n_problems: int
    """Problems that both were asked."""
    n_a: int
    """Completions a problem of A."""
    n_b: int
    """Completions a problem of B."""
    a: tuple[Estimate, ...]
    """pass@k of A on these problems."""
    b: tuple[Estimate, ...]
    """pass@k of B on these problems."""
    deltas: tuple[PairedDelta, ...]
    """B minus A."""
    collapse: Collapse | None
    """None where there is no test for it."""
    no_collapse: str
    """Why there is none; empty where there is one."""
    lost: tuple[str, ...]
    """Problems that A solved at least once and B never."""
    gained: tuple[str, ...]
    """Problems that B solved at least once and A never."""


class Comparison(Record, frozen=True, kw_only=True):
    """Two runs, paired."""

    a: str
    """Run directory of A."""
    b: str
    """Run directory of B."""
    model_a: str
    """Model of A."""
    model_b: str
    """Model of B."""
    level: float
    """Confidence level."""
    tasks: tuple[PairedTask, ...]
    """Tasks that both hold."""
    notes: tuple[str, ...]
    """What a reader must know: other differences between the runs, problems left out."""
