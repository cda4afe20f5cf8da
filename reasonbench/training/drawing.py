"""TRL's two on-policy trainers, held to their names; see `trainers.py` for what that means.

TRL would import all of vLLM with them where it is installed, which takes seconds and changes how
PyTorch compiles.  Nothing is drawn by vLLM here, so TRL is told that there is none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from transformers import TrainerCallback
from trl import import_utils

from reasonbench.training.trainers import Counted, plain_sampling


@contextlib.contextmanager
def _without_vllm() -> Iterator[None]:
    asked = import_utils.is_vllm_available
    import_utils.is_vllm_available = lambda min_version=None: False
    try:
        yield
    finally:
        import_utils.is_vllm_available = asked


with _without_vllm():
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
