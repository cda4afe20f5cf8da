"""A key-value cache that grows without copying itself at every step.

``DynamicCache`` concatenates each layer at each step, which for many rows and a small
model costs more than the model.  Here a layer writes into a buffer with room to spare and
shows the part in use.
"""

import inspect
from typing import Any

import torch
from transformers import cache_utils
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from reasonbench.errors import EngineError

GROWTH = 1.5
ROOM = 64
STATE_LAYERS: tuple[type, ...] = tuple(
    getattr(cache_utils, name)
    for name in ("LinearAttentionCacheLayerMixin", "LinearAttentionAndFullAttentionLayer")
    if hasattr(cache_utils, name)
)
"""Layers with a recurrent state, by the names that the installed transformers has."""


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """A ``DynamicLayer`` whose keys and values are the used part of larger buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: torch.Tensor
        self.values: torch.Tensor
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new states; return all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        used = self.get_seq_length()
        length = used + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < length:
            self._buffers = (
                _enlarged(self.keys, key_states, used, length),
                _enlarged(self.values, value_states, used, length),
            )
        keys, values = self._buffers
        keys[:, :, used:length] = key_states
        values[:, :, used:length] = value_states
        self.keys, self.values = keys[:, :, :length], values[:, :, :length]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep, drop or repeat rows; the next update makes new buffers for them."""
        super().batch_select_indices(indices)
        self._buffers = None


def _enlarged(held: torch.Tensor, new: torch.Tensor, used: int, length: int) -> torch.Tensor:
    rows, heads, _, width = new.shape
    buffer = new.new_empty((rows, heads, int(length * GROWTH) + ROOM, width))
    if used:
        buffer[:, :, :used] = held
    return buffer


def make_cache(config: Any) -> Cache:
    """Return an empty cache for a model; layers with a window or a state keep their kind."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(x) is DynamicLayer else x for x in cache.layers]
    return cache


def selectable(cache: Cache) -> bool:
    """Whether rows of the cache can be dropped and repeated.

    A layer with keys and a recurrent state would select among the keys alone.
    """
    return not holds_state(cache) and all(
        hasattr(layer, "batch_select_indices") for layer in cache.layers
    )


def holds_state(cache: Cache) -> bool:
    """Whether a layer of the cache holds a recurrent state."""
    return any(isinstance(layer, STATE_LAYERS) for layer in cache.layers)


def refuse_unbatchable(model: Any, name: str) -> None:
    """Refuse a model that would not use the cache for all that it must remember.

    A model without ``past_key_values`` swallows the cache and forgets every earlier token;
    one with a state outside the cache keeps it when rows leave or another batch begins.

    Raises:
        EngineError: it is such a model.
    """
    takes_cache = "past_key_values" in inspect.signature(model.forward).parameters
    stateful = getattr(model, "_is_stateful", False)
    if not takes_cache or (stateful and not holds_state(make_cache(model.config))):
        raise EngineError(
            f"{name!r} keeps its state in a way that the transformers engine cannot batch",
            hint="use --engine vllm",
        )
