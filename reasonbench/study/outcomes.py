"""What single jobs of a study came to, as their markers keep it."""

from statistics import fmean

from reasonbench.records import Record
from reasonbench.results.training import TrainingResult

LAST_LOSSES = 10
"""Logged steps that the final loss is the mean of."""


class Trained(Record, frozen=True, kw_only=True):
    """One training."""

    rows: int
    """Traces that it was trained on."""
    problems: int
    """Problems that these are of."""
    steps: int
    """Optimizer steps."""
    loss_tokens: int
    """Tokens that the loss was taken on."""
    final_loss: float | None
    """Mean of the last logged losses."""
    seconds: float
    """Time that it took."""
    checkpoints: dict[str, str]
    """Step -> folder, relative to the training's."""
    dropped: dict[str, int]
    """Reason -> traces that were left out when they were encoded."""


class SampledRun(Record, frozen=True, kw_only=True):
    """One run of samples."""

    seconds: float
    """Time that its last session took."""


def trained(result: TrainingResult) -> Trained:
    """Return what a study keeps of a training."""
    losses = [loss for _, loss in result.losses[-LAST_LOSSES:]]
    return Trained(
        rows=result.rows,
        problems=result.problems,
        steps=result.steps,
        loss_tokens=result.loss_tokens,
        final_loss=fmean(losses) if losses else None,
        seconds=result.seconds,
        checkpoints=result.checkpoints,
        dropped=result.dropped,
    )
