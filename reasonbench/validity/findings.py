"""How a check says what it found."""

from typing import Any

from reasonbench.results import Severity, ValidityFinding

ARITHMETIC = "reasonbench: arithmetic"
"""Source of a rule that follows from what the numbers mean."""


CODES = frozenset(
    (
        "answer_not_extracted",
        "context_cut",
        "depends_on_n",
        "duplicates",
        "greedy_repeated",
        "mixed_engines",
        "n_mismatch",
        "no_answer",
        "parameters_not_sent",
        "sampling_differs_from_preset",
        "sampling_not_told",
        "stop_in_thinking",
        "system_prompt",
        "thinking_stripped",
        "truncation",
        "truncation_differs",
        "unclosed_thinking",
        "ungraded",
    )
)
"""Names of the checks; a gate's policy may name them."""


def finding(
    code: str,
    severity: Severity,
    task: str | None,
    sentence: str,
    source: str = ARITHMETIC,
    **evidence: Any,
) -> ValidityFinding:
    """Return a finding.

    Raises:
        ValueError: a code that ``CODES`` lacks.
    """
    if code not in CODES:
        raise ValueError(f"{code!r} is no code of a check")
    return ValidityFinding(
        code=code,
        severity=severity,
        task=task,
        sentence=sentence,
        evidence=evidence,
        source=source,
    )


def graded(
    share: float, *, note: float | None = None, warning: float, invalid: float | None = None
) -> Severity | None:
    """Return the severity of a share, by the least share of each; None below all of them."""
    if invalid is not None and share >= invalid:
        return Severity.INVALID
    if share >= warning:
        return Severity.WARNING
    return Severity.NOTE if note is not None and share >= note else None


def percent(share: float) -> str:
    """Return a share as ``31.2 %``."""
    return f"{100 * share:.1f} %"


def times(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
