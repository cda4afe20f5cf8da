"""What one training came to."""

import datetime

from reasonbench.records import Record
from reasonbench.specs import TrainSpec

TRAINING_SCHEMA = 1
"""Version of the JSON that a training leaves."""


class TrainingResult(Record, frozen=True, kw_only=True):
    """A training that ran to its end."""

    schema_version: int
    """Version of this JSON."""
    spec: TrainSpec
    """What was asked for."""
    command: tuple[str, ...]
    """Command line to repeat it."""
    versions: dict[str, str]
    """Libraries and their versions."""
    trainer: str
    """TRL's trainer, or ours over it, and its configuration's class."""
    rows: int
    """Traces that were trained on."""
    problems: int
    """Different prompts among them."""
    dropped: dict[str, int]
    """Reason -> traces that were left out, such as ``too_long``."""
    data_digest: str
    """Digest of the rows, in order."""
    steps: int
    """Optimizer steps."""
    loss_tokens: int
    """Tokens that the loss was taken on, over all steps."""
    losses: tuple[tuple[int, float], ...]
    """Step and loss, as logged."""
    checkpoints: dict[str, str]
    """Step -> folder of the weights, relative to the training's."""
    seconds: float
    """Time spent in training, over all sessions."""
    finished: datetime.datetime
    """When."""
