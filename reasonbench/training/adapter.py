"""The one place where a TrainSpec becomes a trainer: configuration, data schema, order.

The order of the data is made here and not by the trainers: permutations of all rows, one
after the other, as many as the steps take. Every step has its full batch, batches are random
and never grouped by length (a search's length says whether it succeeded), and a resumed
training goes on at the row where it stopped.

Where a prompt has several traces, what is drawn anew is drawn once a prompt: traces count as
often as they are there, prompts once.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback

from reasonbench.errors import SpecError
from reasonbench.specs import Loss, Prefix, TrainSpec
from reasonbench.training.arguments import arguments, lora_config
from reasonbench.training.encoding import Encoded, encode, refuse_tokenizer
from reasonbench.training.losses import IGNORED
from reasonbench.training.objectives import describe, needs_teacher, refuse
from reasonbench.training.rewards import GraderReward
from reasonbench.training.rows import TraceRow
from reasonbench.training.trainers import (
    RedrawnTrainer,
    SupervisedTrainer,
    end_ids,
    token_loss,
)
from reasonbench.training.trl_parts import (
    GKDConfig,
    SFTConfig,
    pad,
)

log = logging.getLogger(__name__)


def make_trainer(
    spec: TrainSpec,
    *,
    model: Any,
    tokenizer: Any,
    teacher: Any | None,
    rows: Sequence[TraceRow],
    folder: Path,
    callbacks: Sequence[TrainerCallback],
    save_steps: int | None,
) -> Trainer:
    """Return the trainer of a spec, ready for ``train()``.

    Args:
        spec: what to train.
        model: the student, in the dtype that its weights are kept in.
        tokenizer: the student's; its padding token is set where it has none.
        teacher: the loaded teacher; left alone where the objective needs none.
        rows: traces to train on, all of them within ``max_length``.
        folder: where TRL puts its resume states.
        callbacks: told of every step, with ``loss``, ``learning_rate`` and ``loss_tokens``.
        save_steps: steps between two resume states; None keeps none.

    Raises:
        SpecError: the spec, the models and the rows do not go together.
    """
    refuse(spec)
    refuse_tokenizer(tokenizer, spec.student.id)
    if not rows:
        raise SpecError(
            "there are no traces to train on",
            hint="loosen the view, such as correct_only or temperature, or sample more traces",
        )
    teacher = teacher if needs_teacher(spec.objective) else None
    _refuse_teacher(spec, model, teacher)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if spec.hyper.dtype == "bfloat16" and not torch.accelerator.is_available():
        log.warning("there is no accelerator here: bfloat16 is computed in float32")
    parts = _Parts(spec, model, tokenizer, teacher, list(rows), folder, save_steps)
    trainer = _BUILDERS[_kind(spec)](parts)
    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        trainer.add_callback(callback)
    return trainer


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a trainer is built of."""

    spec: TrainSpec
    model: Any
    tokenizer: Any
    teacher: Any | None
    rows: list[TraceRow]
    folder: Path
    save_steps: int | None

    @property
    def sequences(self) -> int:
        """Sequences of the whole training."""
        return self.spec.hyper.steps * self.spec.hyper.batch_size

    def arguments(self) -> dict[str, Any]:
        """Return what all of TRL's configurations are given alike."""
        return arguments(self.spec, self.folder, self.save_steps)

    def common(self, config: Any, dataset: Dataset) -> dict[str, Any]:
        """Return what all of TRL's trainers are given alike."""
        lora = self.spec.hyper.lora
        return {
            "model": self.model,
            "args": config,
            "train_dataset": dataset,
            "processing_class": self.tokenizer,
            "peft_config": None if lora is None else lora_config(lora, self.model),
        }

    def encoded(self) -> list[Encoded]:
        """Return the rows' tokens; a long one is an error, as it may not be cut."""
        found = [encode(self.tokenizer, row) for row in self.rows]
        limit = self.spec.hyper.max_length
        long = next((i for i, row in enumerate(found) if row.n_tokens > limit), None)
        if long is not None:
            raise SpecError(
                f"{self.rows[long].id} has {found[long].n_tokens:,} tokens, and max_length is "
                f"{limit:,}",
                hint="leave it out, or raise hyper.max_length",
            )
        return found

    def prompts(self) -> list[int]:
        """Return the first row of each different prompt, and refuse those without room."""
        first: dict[tuple[tuple[str, str], ...], int] = {}
        for index, row in enumerate(self.rows):
            first.setdefault(tuple((m["role"], m["content"]) for m in row.messages), index)
        room = self.spec.hyper.max_length - self.spec.objective.max_new_tokens
        for index in first.values():
            n_tokens = len(encode(self.tokenizer, self.rows[index]).prompt)
            if n_tokens > room:
                raise SpecError(
                    f"the prompt of {self.rows[index].id} has {n_tokens:,} tokens, and "
                    f"max_length less max_new_tokens leaves {room:,}",
                    hint="raise hyper.max_length, or lower objective.max_new_tokens",
                )
        return list(first.values())


def _refuse_teacher(spec: TrainSpec, model: Any, teacher: Any | None) -> None:
    if not needs_teacher(spec.objective):
        return
    if teacher is None:
        raise SpecError(
            f"{describe(spec.objective)} needs a teacher, and none was loaded",
            hint="name it in the spec's [teacher] table",
        )
    sizes = [m.config.get_text_config().vocab_size for m in (model, teacher)]
    if sizes[0] != sizes[1]:
        raise SpecError(
            f"the student {spec.student.id!r} has a vocabulary of {sizes[0]:,} tokens and its "
            f"teacher {spec.teacher.id if spec.teacher else ''!r} one of {sizes[1]:,}, and a "
            "divergence needs one vocabulary",
            hint="choose models of one vocab_size, or learn from the teacher's traces alone "
            "(prefix = 'trace', loss = 'nll')",
        )


def _kind(spec: TrainSpec) -> str:
    objective = spec.objective
    if objective.loss is Loss.REWARD:
        return "rewarded"
    kinds = {Prefix.TRACE: "supervised", Prefix.STUDENT: "on-policy"}
    return kinds.get(objective.prefix, "redrawn")


def _supervised(parts: _Parts) -> Trainer:
    spec, packing = parts.spec, parts.spec.hyper.packing
    config = SFTConfig(
        **parts.arguments(),
        packing=packing,
        max_length=spec.hyper.max_length if packing else None,
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        # The rows are tokens and labels already; packing is TRL's part of the preparation.
        dataset_kwargs=None if packing else {"skip_prepare_dataset": True},
    )
    dataset = Dataset.from_list([_labelled(row) for row in parts.encoded()])
    with _no_bars():  # Of packing.
        trainer = SupervisedTrainer(
            **parts.common(config, dataset),
            teacher=parts.teacher,
            loss=token_loss(spec.objective),
            fused=spec.objective.loss is Loss.NLL,
        )
    packed = trainer.train_dataset
    trainer.train_dataset = packed.select(order(len(packed), parts.sequences, spec.seed))
    return trainer


def _redrawn(parts: _Parts) -> Trainer:
    spec, objective = parts.spec, parts.spec.objective
    mixed = objective.prefix is Prefix.MIXED
    config = GKDConfig(
        **parts.arguments(),
        max_length=None,
        train_sampling_strategy="sequential",
        lmbda=objective.mix if mixed else 0.0,
        seq_kd=not mixed,
        temperature=objective.temperature,
        max_new_tokens=objective.max_new_tokens,
        disable_dropout=False,
    )
    encoded = parts.encoded()
    prompts = parts.prompts()  # Those of mixed prefixes need room as well.
    kept = range(len(encoded)) if mixed else prompts
    dataset = Dataset.from_list([_labelled(encoded[index]) for index in kept])
    return RedrawnTrainer(
        **parts.common(config, dataset.select(order(len(dataset), parts.sequences, spec.seed))),
        teacher_model=parts.teacher,
        data_collator=PromptCollator(parts.tokenizer.pad_token_id),
        loss=token_loss(objective),
        fused=False,
    )


def _on_policy(parts: _Parts) -> Trainer:
    from reasonbench.training.drawing import DistillationConfig, OnPolicyTrainer

    objective = parts.spec.objective
    betas = {Loss.FORWARD_KL: 0.0, Loss.REVERSE_KL: 1.0, Loss.JSD: objective.beta}
    config = DistillationConfig(
        **parts.arguments(),
        beta=betas[objective.loss],
        temperature=objective.temperature,
        max_completion_length=objective.max_new_tokens,
        shuffle_dataset=False,
    )
    dataset = _prompts(parts, parts.sequences)
    return OnPolicyTrainer(**parts.common(config, dataset), teacher_model=parts.teacher)


def _rewarded(parts: _Parts) -> Trainer:
    from reasonbench.training.drawing import Closing, GRPOConfig, RewardedTrainer

    objective = parts.spec.objective
    config = GRPOConfig(
        **parts.arguments(),
        num_generations=objective.group_size,
        temperature=objective.temperature,
        max_completion_length=objective.max_new_tokens,
        shuffle_dataset=False,
        # GRPO as published; TRL's default is DAPO's mean over all tokens.
        loss_type="grpo",
        scale_rewards="group",
        beta=0.0,
    )
    reward = GraderReward(parts.rows, parts.tokenizer, end_ids(parts.model, parts.tokenizer))
    dataset = _prompts(parts, parts.sequences // objective.group_size)
    trainer = RewardedTrainer(**parts.common(config, dataset), reward_funcs=reward)
    trainer.add_callback(Closing(reward.close))
    return trainer


_BUILDERS = {
    "supervised": _supervised,
    "redrawn": _redrawn,
    "on-policy": _on_policy,
    "rewarded": _rewarded,
}


def order(n_rows: int, n_needed: int, seed: int) -> list[int]:
    """Return which row comes when: one permutation of all rows after the other."""
    draw = np.random.default_rng(seed)
    epochs = -(-n_needed // n_rows)
    taken = np.concatenate([draw.permutation(n_rows) for _ in range(epochs)])[:n_needed]
    return [int(index) for index in taken]


def _labelled(row: Encoded) -> dict[str, list[int]]:
    return {
        "input_ids": [*row.prompt, *row.completion],
        "labels": [IGNORED] * len(row.prompt) + list(row.completion),
    }


def _prompts(parts: _Parts, n_needed: int) -> Dataset:
    kept = parts.prompts()
    # As messages: TRL tokenizes a rendered text with a second start token.
    rows = [
        {"prompt": [dict(message) for message in parts.rows[index].messages], "row": index}
        for index in kept
    ]
    return Dataset.from_list(rows).select(order(len(rows), n_needed, parts.spec.seed))


@dataclass(frozen=True, slots=True)
class PromptCollator:
    """Sequences padded on the right, and their prompts alone padded on the left, to draw from."""

    pad_token_id: int
    """What padding is made of."""

    def __call__(self, examples: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Return one batch."""
        ids = [torch.tensor(example["input_ids"]) for example in examples]
        labels = [torch.tensor(example["labels"]) for example in examples]
        prompts = [
            i[: int((target == IGNORED).sum())] for i, target in zip(ids, labels, strict=True)
        ]
        ones, prompt_ones = ([torch.ones_like(i) for i in rows] for rows in (ids, prompts))
        return {
            "input_ids": pad(ids, padding_value=self.pad_token_id, padding_side="right"),
            "attention_mask": pad(ones, padding_value=0, padding_side="right"),
            "labels": pad(labels, padding_value=IGNORED, padding_side="right"),
            "prompts": pad(prompts, padding_value=self.pad_token_id, padding_side="left"),
            "prompt_attention_mask": pad(prompt_ones, padding_value=0, padding_side="left"),
        }


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    hidden = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            datasets.enable_progress_bars()
