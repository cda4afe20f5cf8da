"""A key-value cache that grows without copying itself at every step.

``DynamicCache`` concatenates each layer at each step, which for many rows and a small
model costs more than the model.  Here a layer writes into a buffer with room to spare and
shows the part in use.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

GROWTH = 1.5
ROOM = 64


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
    """Whether rows of the cache can be dropped and repeated."""
    return all(hasattr(layer, "batch_select_indices") for layer in cache.layers)
