"""A wider base for a machine with a GPU: `python -m reasonbench.embedded.wide FOLDER`.

It guesses as the embedded base does, with thirteen times the parameters and twenty times the
guesses seen: a minute and a half on one H200. It is not shipped. Its guesses have habits: `+` is
named more often than `-`, and `-` more often than `*`, so that some problems stay hard however
often it tries. And it is right more often, which it can only come to by finding out which way is
right. It learns from the pool alone: no problem of `countdown_public`, `countdown_heldout`,
`countdown_probe` and `countdown_tune` is ever seen.

A recipe and a seed give the same draws; on a GPU the weights differ in their last bits.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from reasonbench.embedded import world
from reasonbench.embedded.problems import make_sets
from reasonbench.embedded.train import (
    IGNORED,
    VERDICT_WEIGHT,
    Recipe,
    Shape,
    chat,
    new_model,
    save,
)
from reasonbench.errors import SpecError
from reasonbench.fresh.families.countdown import CountdownProblem, statement

log = logging.getLogger(__name__)

SHAPE = Shape(6, 256, 768)
RECIPE = Recipe(steps=2500, batch=512, learning_rate=1.5e-3, warmup=100, seed=1)
LOG_EVERY = 100


@dataclass(frozen=True, slots=True)
class Habits:
    """How a guess is made."""

    operations: Mapping[str, float] = field(default_factory=lambda: {"+": 1.0, "-": 0.5, "*": 0.25})
    """Weight of each operation; a way has the product of its two."""
    seen: float = 0.25
    """Chance that the one way that is looked at is picked among the right ones."""
    named: float = 0.2
    """Chance that the answer is picked among the right ones."""


class Guesses:
    """Endless guesses at problems, as tokens that are put together on the device."""

    def __init__(
        self,
        problems: Sequence[CountdownProblem],
        tokenizer: PreTrainedTokenizerFast,
        habits: Habits,
        device: torch.device,
    ) -> None:
        self._prompts = _table(tokenizer, [chat(tokenizer, statement(one)) for one in problems])
        ways = [world.attempts(one.numbers) for one in problems]
        targets = [one.target for one in problems]
        texts = [
            (world.head(way, target), world.tail(way))
            for found, target in zip(ways, targets, strict=True)
            for way in found
        ]
        self._heads = _table(tokenizer, [head for head, _ in texts])
        self._tails = _table(tokenizer, [tail + world.EOS for _, tail in texts])
        self._first = np.cumsum([0, *map(len, ways)])[:-1]
        self._any = _cumulative([[_weight(way, habits) for way in found] for found in ways])
        self._right = _cumulative(
            [
                [float(way.value == target) for way in found]
                for found, target in zip(ways, targets, strict=True)
            ]
        )
        self._habits, self._pad = habits, int(tokenizer.pad_token_id)
        for name in ("_prompts", "_heads", "_tails"):
            setattr(self, name, tuple(part.to(device) for part in getattr(self, name)))

    def draw(self, rng: np.random.Generator, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return n rows padded on the right, and their labels: completions only."""
        problems = rng.integers(len(self._first), size=n)
        seen, named = (
            self._ways(rng, problems, share) for share in (self._habits.seen, self._habits.named)
        )
        device = self._prompts[0].device
        parts = [
            (tokens[picked], lengths[picked])
            for (tokens, lengths), chosen in (
                (self._prompts, problems),
                (self._heads, seen),
                (self._tails, named),
            )
            for picked in (torch.from_numpy(chosen).to(device),)
        ]
        total = torch.stack([lengths for _, lengths in parts]).sum(0)
        rows = torch.full((n, int(total.max())), self._pad, device=device)
        begin = torch.zeros_like(total)
        for tokens, lengths in parts:
            place = torch.arange(tokens.shape[1], device=device)[None]
            there = place < lengths[:, None]
            row = torch.arange(n, device=device)[:, None].expand_as(there)[there]
            rows[row, (begin[:, None] + place)[there]] = tokens[there]
            begin = begin + lengths
        place = torch.arange(rows.shape[1], device=device)[None]
        loss = (place >= parts[0][1][:, None]) & (place < total[:, None])
        return rows, rows.masked_fill(~loss, IGNORED)

    def _ways(self, rng: np.random.Generator, problems: Any, share: float) -> Any:
        right = rng.random(len(problems)) < share
        sums = np.where(right[:, None], self._right[problems], self._any[problems])
        return self._first[problems] + (rng.random(len(problems))[:, None] >= sums).sum(-1)


def _table(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens of each text, padded, and their number."""
    found = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    lengths = torch.tensor([len(one) for one in found])
    tokens = torch.zeros((len(found), int(lengths.max())), dtype=torch.int64)
    for row, one in enumerate(found):
        tokens[row, : len(one)] = torch.tensor(one)
    return tokens, lengths


def _cumulative(weights: Sequence[Sequence[float]]) -> Any:
    """The sums of each row's shares; past its last weight they are beyond any draw."""
    table = np.full((len(weights), max(map(len, weights))), 2.0)
    for row, one in enumerate(weights):
        sums = np.cumsum(one) / np.sum(one)
        sums[np.flatnonzero(one)[-1] :] = 2.0
        table[row, : len(one)] = sums
    return table


def _weight(way: world.Attempt, habits: Habits) -> float:
    one, two = re.findall(r" ([-+*]) ", way.expression)
    return habits.operations[one] * habits.operations[two]


def make(
    folder: Path,
    *,
    recipe: Recipe = RECIPE,
    shape: Shape = SHAPE,
    habits: Habits | None = None,
    device: torch.device | None = None,
) -> None:
    """Train a base from new weights.

    Args:
        folder: the last weights go to its subfolder `model`.
        recipe: steps, batch, rate; the rate stays at its peak after the warm-up, so that the
            weights at a step do not depend on the number of steps.
        shape: the size of the network.
        habits: how it guesses.
        device: where; by default a GPU if there is one.

    Raises:
        SpecError: there is a model already.
    """
    if (folder / "model").exists():
        raise SpecError(
            f"{folder / 'model'} is there already", hint="remove it, or name another folder"
        )
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = world.build_tokenizer()
    model = new_model(tokenizer, shape, recipe.seed).to(device).train()
    guesses = Guesses(make_sets().pool, tokenizer, habits or Habits(), device)
    verdicts = torch.tensor(
        tokenizer.encode("".join(world.VERDICTS), add_special_tokens=False), device=device
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / recipe.warmup)
    )
    rng, began = np.random.default_rng(recipe.seed), time.monotonic()
    for step in range(1, recipe.steps + 1):
        rows, labels = guesses.draw(rng, recipe.batch)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(input_ids=rows, use_cache=False).logits[:, :-1].float()
        loss = _loss(logits, labels[:, 1:], verdicts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % LOG_EVERY == 0:
            spent = time.monotonic() - began
            log.info("step %d of %d: loss %.4f, %.1f s", step, recipe.steps, loss.item(), spent)
    part = folder / "model.part"
    save(model.cpu(), tokenizer, part)
    part.rename(folder / "model")


def _loss(logits: torch.Tensor, wanted: torch.Tensor, verdicts: torch.Tensor) -> torch.Tensor:
    losses = cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), reduction="none", ignore_index=IGNORED
    )
    weights = 1 + (VERDICT_WEIGHT - 1) * torch.isin(wanted.flatten(), verdicts)
    return (losses * weights).sum() / (wanted != IGNORED).sum()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a base."""
    parser = argparse.ArgumentParser(description="Make a wider Countdown base; needs a GPU.")
    parser.add_argument("folder", type=Path, help="the weights go to FOLDER/model")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        make(given.folder, recipe=replace(RECIPE, steps=given.steps))
    except SpecError as error:
        parser.error(f"{error.message}: {error.hint}")


if __name__ == "__main__":
    main()
