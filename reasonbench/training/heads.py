"""Next-token logits of chosen positions only, without those of the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

CHUNK_ELEMENTS = 2**26
"""Logits that exist at once; a quarter of a gigabyte in float32."""


def base_of(model: Any) -> Any:
    """The causal language model under a LoRA wrapper, whose layers hold the adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class Head:
    """From a causal language model's last hidden states to its logits.

    ``model(...)`` would make the logits of every position, prompts and padding included,
    which for a vocabulary of 150,000 is most of the memory. What some architectures do to
    logits after the head is done here as they do it.
    """

    def __init__(self, model: Any) -> None:
        config = model.config.get_text_config()
        self._linear: nn.Module = model.get_output_embeddings()
        self._scale = _scale(config)
        self._cap: float | None = getattr(config, "final_logit_softcapping", None)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the logits of hidden states."""
        # The module and not its weight: a sharded weight is gathered by the module's call.
        logits: Tensor = self._linear(hidden)
        if self._scale != 1.0:
            logits = logits * self._scale
        if self._cap is not None:
            logits = self._cap * torch.tanh(logits / self._cap)
        return logits


def hidden_states(model: Any, inputs: dict[str, Any]) -> Tensor:
    """Return the last hidden states of a causal language model."""
    states: Tensor = model.base_model(**inputs, use_cache=False).last_hidden_state
    return states


def over_chunks(
    loss: Callable[..., Tensor], vocabulary: int, *aligned: Tensor | None
) -> Iterator[Tensor]:
    """Yield the loss of each chunk of positions; logits are made anew for the gradient.

    Args:
        loss: takes a chunk of each of ``aligned``.
        vocabulary: number of logits a position.
        aligned: tensors with one row a position, or None.
    """
    rows = max(1, CHUNK_ELEMENTS // vocabulary)
    n = next(len(tensor) for tensor in aligned if tensor is not None)
    for start in range(0, max(n, 1), rows):
        part = [None if tensor is None else tensor[start : start + rows] for tensor in aligned]
        if n <= rows:
            yield loss(*part)
        else:
            yield torch.utils.checkpoint.checkpoint(loss, *part, use_reentrant=False)


def _scale(config: Any) -> float:
    """The factor that an architecture multiplies its logits by."""
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if getattr(config, name, None) is not None:
            return float(getattr(config, name))
    divisor = getattr(config, "logits_scaling", None)
    if divisor is None:
        return 1.0
    return float(divisor) if config.model_type == "hyperclovax" else 1 / float(divisor)
