"""TRL's trainers, held to the loss that each objective's name says.

| ours | over TRL's | for |
| --- | --- | --- |
| ``SupervisedTrainer`` | ``SFTTrainer`` | every loss on the traces as they stand |
| ``RedrawnTrainer`` | ``experimental.gkd.GKDTrainer`` | new traces of the teacher; mixed prefixes |
| ``OnPolicyTrainer`` | ``DistillationTrainer`` | divergences on the student's own prefixes |
| ``RewardedTrainer`` | ``GRPOTrainer`` | GRPO |

The last two are in `drawing.py`.

In every one the loss of an optimizer step is the mean over all its loss tokens, over
accumulated batches and devices alike (GRPO: the mean over completions of the mean over tokens,
as in its paper).

What TRL 1.16 does that the names do not say, and what is done about it:

- GKD divides by the tokens of the dataset's completions also where it has drawn others, so the
  step's size follows texts that the student never sees, and by the count over all devices
  without undoing DDP's mean. ``RedrawnTrainer`` draws before it counts.
- GKD's ``seq_kd`` keeps the divergence: it is no sequence-level KD, which is the likelihood of
  the teacher's text. Here the loss is chosen apart from the prefix.
- GKD never stops a completion where the generation config names no end token.
- ``DistillationTrainer`` divides the logits of the divergence by the temperature that it draws
  at. ``OnPolicyTrainer`` draws at that temperature and compares at 1.
- Generation takes what it is not told from the model's own generation config, such as a
  repetition penalty. Here it is hidden while drawing, and dropout is off.
- ``trl.experimental.iw_opd`` is frozen, and its top-k support changes with the loss; top-k is
  our own (`losses.py`).
- SFT's fused head is made for accelerators: on a CPU it scores every position, prompts and
  padding too, and takes entropy and accuracy beside the loss. There, batches are computed in
  parts of alike lengths whose losses add up: the gradient of the same whole, random batch.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from reasonbench.specs import Loss, ObjectiveSpec
from reasonbench.training import losses
from reasonbench.training.heads import Head, base_of, hidden_states, over_chunks
from reasonbench.training.losses import IGNORED
from reasonbench.training.trl_parts import (
    ForwardRedirection,
    GKDTrainer,
    SFTTrainer,
    prepare_deepspeed,
    unwrap_model_for_generation,
)

CPU_PART = 8
"""Sequences that a CPU computes side by side."""

TokenLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""From the student's logits, the targets and the teacher's logits to a loss a token."""


def token_loss(objective: ObjectiveSpec) -> TokenLoss:
    """Return the objective's loss of a token."""
    beta, k, coefficient = objective.beta, objective.top_k, objective.coefficient
    table: dict[Loss, TokenLoss] = {
        Loss.NLL: lambda student, targets, _: losses.nll(student, targets),
        Loss.GEM: lambda student, targets, _: losses.gem(student, targets, beta),
        Loss.ENTROPY: lambda s, targets, _: losses.entropy_bonus(s, targets, coefficient),
        Loss.FORWARD_KL: lambda s, _, teacher: losses.forward_kl(s, _there(teacher), k),
        Loss.REVERSE_KL: lambda s, _, teacher: losses.reverse_kl(s, _there(teacher), k),
        Loss.JSD: lambda s, _, teacher: losses.generalised_jsd(s, _there(teacher), beta, k),
    }
    return table[objective.loss]


def _there(teacher: Tensor | None) -> Tensor:
    assert teacher is not None, "the objective's table says that a teacher is there"
    return teacher


class Counted:
    """Puts the step's loss tokens into the log, and leaves TRL's model card out."""

    loss_tokens = 0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add ``loss_tokens`` of the steps since the last log."""
        if "loss" in logs:
            logs["loss_tokens"] = self.loss_tokens
            self.loss_tokens = 0
        super().log(logs, start_time)  # type: ignore[misc]

    def create_model_card(self, *_: object, **__: object) -> None:
        """Write none: TRL's would call the student TRL's work and say nothing of its traces."""


class _TokenMean(Counted):
    """The mean of a token's loss over all loss tokens of an optimizer step."""

    def __init__(self, *args: Any, loss: TokenLoss, fused: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._token_loss = loss
        self._fused = fused
        self._redirected = ForwardRedirection()
        self.model_accepts_loss_kwargs = True  # The loss tokens are counted for us.

    def get_batch_samples(self, *args: Any) -> tuple[list[dict[str, Tensor]], Tensor | int | None]:
        """Return the batches of one optimizer step, and their loss tokens over all devices."""
        samples, n_tokens = super().get_batch_samples(*args)  # type: ignore[misc]
        self.loss_tokens += int(n_tokens or 0)
        return samples, n_tokens

    def compute_loss(
        self: Any,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the sum over this batch's loss tokens by the step's number of them."""
        if self._fused and self.accelerator.device.type != "cpu":
            return super().compute_loss(  # type: ignore[misc]
                model, inputs, return_outputs, num_items_in_batch=num_items_in_batch
            )
        inner = self.accelerator.unwrap_model(model)
        with self.accelerator.autocast():
            total = self._redirected(model, inner, self._sum, base_of(inner), inputs)
        if num_items_in_batch is None:
            num_items_in_batch = (inputs["labels"][:, 1:] != IGNORED).sum()
        loss = losses.mean_over_tokens(total, num_items_in_batch)
        if self.args.average_tokens_across_devices:
            # The count is over all devices, and the gradients are averaged over them.
            loss = loss * self.accelerator.num_processes
        return (loss, None) if return_outputs else loss

    def _sum(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        return torch.stack([self._sum_part(model, part) for part in _parts(inputs)]).sum()

    def _sum_part(self: Any, model: Any, inputs: dict[str, Any]) -> Tensor:
        targets = inputs.pop("labels")[:, 1:]
        counts = targets != IGNORED
        hidden = hidden_states(model, inputs)[:, :-1][counts]
        head = Head(model)
        teacher_logits = None
        if self.teacher_model is not None:
            teacher = self.accelerator.unwrap_model(self.teacher_model)
            with torch.no_grad():
                teacher_logits = self._redirected(
                    self.teacher_model, teacher, _logits, teacher, inputs, counts
                )

        def of_chunk(hidden: Tensor, targets: Tensor, teacher_logits: Tensor | None) -> Tensor:
            found: Tensor = self._token_loss(head(hidden), targets, teacher_logits).sum()
            return found

        vocabulary = model.config.get_text_config().vocab_size
        chunks = over_chunks(of_chunk, vocabulary, hidden, targets[counts], teacher_logits)
        return torch.stack(list(chunks)).sum()


def _logits(model: Any, inputs: dict[str, Any], counts: Tensor) -> Tensor:
    return Head(model)(hidden_states(model, inputs)[:, :-1][counts])


def _parts(inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a padded batch for a CPU; packed rows and accelerators take it whole."""
    ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    if mask is None:
        yield dict(inputs)
        return
    # Padding stands on the right, where causal attention does not see it: no mask is needed.
    lengths = mask.sum(-1)
    if ids.device.type != "cpu":
        yield {"input_ids": ids, "labels": inputs["labels"]}
        return
    for rows in lengths.argsort(stable=True).split(CPU_PART):
        width = int(lengths[rows].max())
        yield {name: inputs[name][rows, :width] for name in ("input_ids", "labels")}


class SupervisedTrainer(_TokenMean, SFTTrainer):  # type: ignore[misc]
    """A loss on the traces as they stand; with a teacher, a divergence to it."""

    def __init__(self, *args: Any, teacher: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teacher_model = None
        if teacher is not None:
            teacher.requires_grad_(False).eval()
            self.teacher_model = (
                prepare_deepspeed(teacher, self.accelerator)
                if self.is_deepspeed_enabled
                else self.accelerator.prepare_model(teacher, evaluation_mode=True)
            )


class RedrawnTrainer(_TokenMean, GKDTrainer):  # type: ignore[misc]
    """Losses on completions that GKD draws: the teacher's, or some of them the student's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teacher_model.requires_grad_(False).eval()
        self.generation_config.eos_token_id = end_ids(self.model, self.processing_class)
        self._undrawn: list[dict[str, Any]] = []
        self._n_tokens: Tensor | int | None = None

    def get_batch_samples(self, *args: Any) -> tuple[list[dict[str, Tensor]], Tensor | int | None]:
        """Return the batches of one optimizer step, which `training_step` draws for."""
        counted = self.loss_tokens
        samples, n_tokens = super().get_batch_samples(*args)
        self.loss_tokens, self._undrawn = counted, samples
        return samples, n_tokens

    def training_step(self, model: Any, inputs: dict[str, Any], *_: object) -> Tensor:
        """Draw for all batches of the step at its first, count what was drawn, and take it."""
        # Not while they are fetched: a resumed training has its random state back only now.
        if self._undrawn:
            for sample in self._undrawn:
                drawn = self._draw(sample)
                sample.clear()
                sample.update(drawn)
            self._n_tokens = self._get_num_items_in_batch(self._undrawn, self.args.device)
            self.loss_tokens += int(self._n_tokens or 0)
            self._undrawn = []
        step: Tensor = SFTTrainer.training_step(self, model, inputs, self._n_tokens)
        return step

    def _draw(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        # As GKD decides it, from the generator that its checkpoints keep.
        if random.random() <= self.lmbda:
            drawer = self.model_wrapped
        elif self.seq_kd:
            drawer = self.teacher_model
        else:
            return dict(batch)
        inner = self.accelerator.unwrap_model(drawer)
        with (
            plain_sampling(inner),
            unwrap_model_for_generation(
                drawer,
                self.accelerator,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as unwrapped,
            torch.no_grad(),
        ):
            ids, mask, labels = self.generate_on_policy_outputs(
                unwrapped, batch, self.generation_config
            )
        return flush_right_padding(ids, mask, labels)


def flush_right_padding(ids: Tensor, mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Move the padding that stands before the prompts behind the completions."""
    # Stable, so the tokens keep their order.
    order = (1 - mask.long()).argsort(dim=-1, stable=True)
    width = int(mask.sum(-1).max())
    moved = (tensor.gather(-1, order)[:, :width] for tensor in (ids, mask, labels))
    return dict(zip(("input_ids", "attention_mask", "labels"), moved, strict=True))


@contextlib.contextmanager
def plain_sampling(model: Any) -> Iterator[None]:
    """Hide a model's own sampling defaults, and switch dropout off, while it draws."""
    base, training = base_of(model), model.training
    kept = base.generation_config
    base.generation_config = GenerationConfig(
        bos_token_id=kept.bos_token_id,
        eos_token_id=kept.eos_token_id,
        pad_token_id=kept.pad_token_id,
    )
    model.eval()
    try:
        yield
    finally:
        base.generation_config = kept
        model.train(training)


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return every token that ends a completion: the model's, and the tokenizer's."""
    named = base_of(model).generation_config.eos_token_id
    ids = list(named) if isinstance(named, list) else [] if named is None else [named]
    return ids if tokenizer.eos_token_id in ids else [tokenizer.eos_token_id, *ids]
