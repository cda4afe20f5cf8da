"""From a model's logits to the next tokens: penalties, warping, and the draw.

The order is vLLM's: penalties on the raw logits (repetition over prompt and completion,
presence over the completion), then, unless greedy, temperature, min_p, top_k, top_p.
"""

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from reasonbench.engines.noise import gumbel, seed_keys
from reasonbench.specs import SamplingSpec

MAX_ELEMENTS = 1 << 25
"""Most elements of noise made at once: about 600 MB of work space."""


def warpers(sampling: SamplingSpec) -> LogitsProcessorList:
    """Return the processors that shape the distribution; none does nothing."""
    chain = LogitsProcessorList()
    if sampling.temperature not in (0, 1):
        chain.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.min_p > 0:
        chain.append(MinPLogitsWarper(sampling.min_p))
    if sampling.top_k > 0:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    return chain


class Penalties:
    """Which tokens each row has seen, kept only where a penalty is on."""

    def __init__(self, sampling: SamplingSpec, prompts: torch.Tensor, real: torch.Tensor) -> None:
        self._repetition = sampling.repetition_penalty
        self._presence = sampling.presence_penalty
        self._prompts = prompts
        self._real = real
        self._seen: torch.Tensor | None = None
        self._drawn: torch.Tensor | None = None

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits with both penalties taken off."""
        if self._repetition != 1:
            if self._seen is None:
                self._seen = torch.zeros_like(logits, dtype=torch.bool)
                row, column = self._real.nonzero(as_tuple=True)
                self._seen[row, self._prompts[row, column]] = True
            scaled = torch.where(logits > 0, logits / self._repetition, logits * self._repetition)
            logits = torch.where(self._seen, scaled, logits)
        if self._presence != 0:
            if self._drawn is None:
                self._drawn = torch.zeros_like(logits, dtype=torch.bool)
            logits = logits - self._presence * self._drawn
        return logits

    def record(self, tokens: torch.Tensor) -> None:
        """Remember the tokens just drawn, one a row."""
        if self._seen is not None:
            self._seen.scatter_(1, tokens[:, None], True)
        if self._drawn is not None:
            self._drawn.scatter_(1, tokens[:, None], True)

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only these rows."""
        self._prompts, self._real = self._prompts[rows], self._real[rows]
        self._seen = None if self._seen is None else self._seen[rows]
        self._drawn = None if self._drawn is None else self._drawn[rows]


class Drawer:
    """Draws the next token of each row of a batch."""

    def __init__(
        self,
        sampling: SamplingSpec,
        seeds: torch.Tensor,
        prompts: torch.Tensor,
        real: torch.Tensor,
    ) -> None:
        self._greedy = sampling.temperature == 0
        self._warp = warpers(sampling)
        self._keys = seed_keys(seeds)
        self._penalties = Penalties(sampling, prompts, real)

    def draw(self, logits: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tokens drawn, and whether each row's logits were numbers."""
        scores = self._penalties.apply(logits.to(torch.float32))
        if not self._greedy:
            ids = torch.empty((len(scores), 0), dtype=torch.int64, device=scores.device)
            scores = self._warp(ids, scores)
            scores = _add_noise(scores, self._keys, step)
        best = scores.max(dim=-1)  # a NaN anywhere in a row is the row's maximum
        self._penalties.record(best.indices)
        return best.indices, best.values.isfinite()

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only these rows."""
        self._keys = self._keys[rows]
        self._penalties.keep(rows)


def _add_noise(scores: torch.Tensor, keys: torch.Tensor, step: int) -> torch.Tensor:
    rows, vocab_size = scores.shape
    size = max(1, MAX_ELEMENTS // vocab_size)
    if rows <= size:
        return scores + gumbel(keys, step, vocab_size)
    scores = scores.clone()
    for start in range(0, rows, size):
        part = slice(start, start + size)
        scores[part] += gumbel(keys[part], step, vocab_size)
    return scores
