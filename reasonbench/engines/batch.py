"""Some completions drawn together, one token a step, rows leaving as they finish.

A row's draw depends on its tokens and its seed alone (``noise``), so rows can be
dropped, moved or begun again in a smaller batch without changing what they say.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from reasonbench.engines.cache import make_cache, selectable
from reasonbench.engines.rendering import Rendered
from reasonbench.engines.stopping import StopWatch
from reasonbench.engines.warping import Drawer
from reasonbench.errors import EngineError
from reasonbench.records import SampleRequest
from reasonbench.specs import SamplingSpec

COMPACT_AT = 0.25
"""Share of finished rows at which the rest are moved together."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Row:
    """One completion that is owed, rendered."""

    request: SampleRequest
    """What was asked for."""
    prompt: Rendered
    """Its prompt."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One row that ended."""

    index: int
    """Its place among the rows that the batch was made of."""
    tokens: list[int]
    """All tokens drawn, an end token included."""
    ended: bool
    """Whether the last token is an end token."""
    stopped: bool
    """Whether an end token or a stop string ended it, rather than the token limit."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with what its decoding needs to know."""

    model: Any
    """The transformers model."""
    device: torch.device
    """Where it computes."""
    tokenizer: Any
    """Its tokenizer."""
    end_ids: tuple[int, ...]
    """Tokens that end a completion."""


class Decoder:
    """A model, its cache and the mask over left-padded prompts: tokens in, logits out."""

    def __init__(self, loaded: LoadedModel, limit: int) -> None:
        self._model, self._device = loaded.model, loaded.device
        self._limit = limit
        self._cache = make_cache(loaded.model.config)
        self.selectable = selectable(self._cache)
        accepted = inspect.signature(loaded.model.forward).parameters
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._takes_positions = "position_ids" in accepted

    def prefill(self, prompts: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Read the prompts, each distinct one once; return the logits that follow them."""
        places = {ids: place for place, ids in enumerate(dict.fromkeys(prompts))}
        distinct = list(places) if self.selectable else prompts
        self.width = max(map(len, distinct))
        ids = torch.zeros((len(distinct), self.width), dtype=torch.int64)
        mask = torch.ones((len(distinct), self.width + self._limit), dtype=torch.bool)
        for row, prompt in enumerate(distinct):
            ids[row, self.width - len(prompt) :] = torch.tensor(prompt)
            mask[row, : self.width - len(prompt)] = False
        self.ids, self.mask = ids.to(self._device), mask.to(self._device)
        self._padded = not bool(mask.all())
        real = self.mask[:, : self.width]
        self._next_position = real.sum(dim=-1)
        logits = self._forward(self.ids, (real.cumsum(dim=-1) - 1).clamp_(min=0), self.width)
        if len(distinct) < len(prompts):
            spread = torch.tensor([places[p] for p in prompts], device=self._device)
            logits = logits[spread]
            self.keep(spread)
        return logits

    def advance(self, tokens: torch.Tensor, step: int) -> torch.Tensor:
        """Read the ``step``-th drawn token of each row; return the logits that follow."""
        position = self._next_position + (step - 1)
        return self._forward(tokens[:, None], position[:, None], self.width + step)

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows, in this order; a row may be repeated."""
        self._cache.batch_select_indices(rows)
        self.ids, self.mask = self.ids[rows], self.mask[rows]
        self._next_position = self._next_position[rows]
        self._padded = not bool(self.mask.all())

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor, length: int) -> torch.Tensor:
        extra: dict[str, Any] = dict(self._extra)
        if self._takes_positions:
            extra["position_ids"] = positions
        output = self._model(
            input_ids=ids,
            attention_mask=self.mask[:, :length] if self._padded else None,
            past_key_values=self._cache,
            use_cache=True,
            **extra,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


class Batch:
    """Rows in flight.  Call ``advance`` until every row has been reported."""

    def __init__(self, loaded: LoadedModel, rows: Sequence[Row], sampling: SamplingSpec) -> None:
        self._loaded = loaded
        self._rows = rows
        self._sampling = sampling
        self._limit = sampling.max_tokens or 0
        self._decoder = Decoder(loaded, self._limit)
        self._watch = StopWatch(loaded.tokenizer, sampling.stop, len(rows))
        self._place = np.arange(len(rows))
        self._live: Flags = np.ones(len(rows), dtype=np.bool_)
        self._step = 0
        self._last: torch.Tensor

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def advance(self) -> list[Finished]:
        """Draw one token for every row in flight; return the rows that it ended."""
        decoder, step = self._decoder, self._step
        logits = self._begin() if step == 0 else decoder.advance(self._last, step)
        self._last, finite = self._drawer.draw(logits, self._step)
        self._tokens[:, self._step] = self._last
        self._step += 1
        facts = torch.stack((self._is_end[self._last], finite)).cpu().numpy()
        ended, sound = facts[0], facts[1] | ~self._live
        if not sound.all():
            raise EngineError(
                f"the model's logits are not finite numbers at token {self._step}",
                hint="use engine.dtype = 'float32', or check the weights",
            )
        stopped = ended | self._stop_strings() if self._watch.active else ended
        done = self._live if self._step == self._limit else self._live & stopped
        return self._leave(done, ended, stopped) if done.any() else []

    def _begin(self) -> torch.Tensor:
        device, decoder = self._loaded.device, self._decoder
        logits = decoder.prefill([row.prompt.ids for row in self._rows])
        seeds = torch.tensor([row.request.seed for row in self._rows], device=device)
        real = decoder.mask[:, : decoder.width]
        self._drawer = Drawer(self._sampling, seeds, decoder.ids, real)
        self._tokens = torch.zeros((len(seeds), self._limit), dtype=torch.int32, device=device)
        vocab_size = logits.shape[-1]
        self._is_end = torch.zeros(vocab_size, dtype=torch.bool, device=device)
        self._is_end[[i for i in self._loaded.end_ids if i < vocab_size]] = True
        return logits

    def _stop_strings(self) -> Flags:
        hits = np.zeros(len(self._live), dtype=np.bool_)
        tokens = self._last.tolist()
        for row in np.flatnonzero(self._live):
            hits[row] = self._watch.hit(int(self._place[row]), tokens[row])
        return hits

    def _leave(self, done: Flags, ended: Flags, stopped: Flags) -> list[Finished]:
        rows = np.flatnonzero(done)
        drawn = self._tokens[torch.from_numpy(rows).to(self._loaded.device), : self._step].tolist()
        finished = [
            Finished(
                index=int(self._place[row]),
                tokens=tokens,
                ended=bool(ended[row]),
                stopped=bool(stopped[row]),
            )
            for row, tokens in zip(rows, drawn, strict=True)
        ]
        self._live = self._live & ~done
        if self._live.any() and self._live.mean() <= 1 - COMPACT_AT:
            self._compact()
        return finished

    def _compact(self) -> None:
        if not self._decoder.selectable:
            return
        kept = np.flatnonzero(self._live)
        rows = torch.from_numpy(kept).to(self._loaded.device)
        self._decoder.keep(rows)
        self._drawer.keep(rows)
        self._last, self._tokens = self._last[rows], self._tokens[rows]
        self._place, self._live = self._place[kept], self._live[kept]
