"""TRL's two on-policy trainers, held to their names; see `trainers.py` for what that means.

They stand apart because TRL imports all of vLLM with them where it is installed, which takes
seconds that no other training needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from reasonbench.training.trainers import Counted, plain_sampling

with warnings.catch_warnings():
    # TRL warns of a vLLM that it has not been tried with; it is not used here.
    warnings.simplefilter("ignore")
    from trl import DistillationConfig, DistillationTrainer, GRPOConfig, GRPOTrainer

__all__ = ["Closing", "DistillationConfig", "GRPOConfig", "OnPolicyTrainer", "RewardedTrainer"]


class _Drawing(Counted):
    """What TRL's two on-policy trainers share: how they draw, and where they count."""

    def _generate_single_turn(self: Any, *args: Any, **kwargs: Any) -> Any:
        with plain_sampling(self.accelerator.unwrap_model(self.model_wrapped)):
            return super()._generate_single_turn(*args, **kwargs)  # type: ignore[misc]

    def _generate_and_score_completions(self: Any, inputs: Any) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        self.loss_tokens += int(batch["num_items_in_batch"])
        return batch

    def compute_loss(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return TRL's loss, in the precision asked for."""
        # TRL's way around the model's forward loses accelerate's autocast on one device.
        with self.accelerator.autocast():
            return super().compute_loss(*args, **kwargs)  # type: ignore[misc]


class OnPolicyTrainer(_Drawing, DistillationTrainer):  # type: ignore[misc]
    """A divergence on the student's own prefixes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teacher_model.requires_grad_(False).eval()
        # What is drawn has its temperature by now; the divergence is between the models.
        self.temperature = 1.0


class RewardedTrainer(_Drawing, GRPOTrainer):  # type: ignore[misc]
    """GRPO."""


class Closing(TrainerCallback):  # type: ignore[misc]
    """Closes what a training holds when it ends."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def on_train_end(self, *_: object, **__: object) -> None:
        """Close it."""
        self._close()
