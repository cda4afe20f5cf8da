"""Making one embedded model: a new network, fine-tuning with TRL, sampling, saving.

Training is in float32 on the CPU with one seed, so a rerun on the same machine gives the same
weights. What is saved is bfloat16, and everything that is measured is measured after that
rounding.
"""

from __future__ import annotations

import json
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

from reasonbench.embedded.world import EOS, PAD, VERDICTS

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
PART = 12
IGNORED = -100

VERDICT_WEIGHT = 5.0
"""Weight of a verdict in the loss. It is one token in fourteen, and the one that all depends on;
weighting a position's cross-entropy moves how soon it is learned, not what is optimal."""

SAMPLE_BATCH = 512
"""Completions drawn side by side; a small model is only fast in large batches."""

MAX_TOKENS = 320
"""Longest completion drawn; the longest search of the world is shorter."""

HEAD_DIM = 32
"""A head size that vLLM's CPU attention kernels support."""

_TOKENIZER_FIELDS = (
    "chat_template",
    "clean_up_tokenization_spaces",
    "eos_token",
    "model_max_length",
    "pad_token",
    "padding_side",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of one network."""

    layers: int
    """Transformer blocks."""
    width: int
    """Hidden size; heads have `HEAD_DIM` each."""
    feed_forward: int
    """Width inside a block's gated feed-forward part."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of one training run; the model card prints them."""

    steps: int
    """Optimizer steps."""
    batch: int
    """Completions a step."""
    learning_rate: float
    """Peak of the cosine schedule."""
    warmup: int
    """Steps of linear warm-up."""
    seed: int
    """Seed of the initial weights and of the order of the rows."""

    def rate(self, step: int) -> float:
        """The learning rate at a step as a share of its peak: linear warm-up, then cosine."""
        past = max(0, step - self.warmup) / (self.steps - self.warmup)
        return min(1.0, (step + 1) / self.warmup) * (1 + math.cos(math.pi * past)) / 2


def new_model(tokenizer: PreTrainedTokenizerFast, shape: Shape, seed: int) -> PreTrainedModel:
    """An untrained Llama that transformers and vLLM both load."""
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.width // HEAD_DIM,
        num_key_value_heads=shape.width // HEAD_DIM,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(EOS),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    return LlamaForCausalLM(config)


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """A saved model in float32, and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a model as bfloat16 safetensors, with a generation config that hides nothing."""
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.convert_tokens_to_ids(EOS),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    model.config.use_cache = True  # The trainer turns it off.
    model.to(torch.bfloat16).save_pretrained(folder)
    # The template travels in tokenizer_config.json: older readers look nowhere else.
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: config[key] for key in _TOKENIZER_FIELDS if key in config}
    # The class's name in transformers 4, which transformers 5 and vLLM understand as well.
    kept["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def chat(tokenizer: PreTrainedTokenizerFast, question: str) -> str:
    """The prompt text of one question, up to where the assistant begins."""
    messages = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def pretrain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    draw: Callable[[random.Random], tuple[str, str]],
    recipe: Recipe,
    folder: Path,
) -> None:
    """Train new weights in place on a stream of (question, completion) pairs.

    A batch is cut by length into small parts whose gradients add up, which spares the padding
    and leaves the gradient that of the whole random batch. A run that was cut off goes on from
    the checkpoint in `folder`.
    """
    verdicts = torch.tensor(tokenizer.encode("".join(VERDICTS), add_special_tokens=False))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate)
    folder.mkdir(parents=True, exist_ok=True)
    done = _resume(folder / CHECKPOINT, model, optimizer, schedule)
    rng = random.Random(recipe.seed)
    model.train()
    for step in range(recipe.steps):
        pairs = [draw(rng) for _ in range(recipe.batch)]
        if step < done:
            continue  # Drawn all the same, so that a resumed run sees what an unbroken one sees.
        loss = _backward(model, tokenizer, pairs, verdicts)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if (step + 1) % 20 == 0:
            log.info("step %d of %d: loss %.3f", step + 1, recipe.steps, loss)
        if (step + 1) % 100 == 0:
            parts = (model, optimizer, schedule)
            state = {"step": step + 1, "parts": [part.state_dict() for part in parts]}
            torch.save(state, folder / "part.pt")
            (folder / "part.pt").replace(folder / CHECKPOINT)


def _resume(path: Path, *parts: Any) -> int:
    if not path.exists():
        return 0
    state = torch.load(path)
    for part, saved in zip(parts, state["parts"], strict=True):
        part.load_state_dict(saved)
    return int(state["step"])


def _backward(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    verdicts: torch.Tensor,
) -> float:
    """Add the gradient of one batch; the mean loss of a completion token, unweighted."""
    rows = [
        (
            tokenizer.encode(chat(tokenizer, question), add_special_tokens=False),
            tokenizer.encode(completion + EOS, add_special_tokens=False),
        )
        for question, completion in pairs
    ]
    rows.sort(key=lambda row: len(row[0]) + len(row[1]))
    n_tokens = sum(len(completion) for _, completion in rows)
    total = 0.0
    for start in range(0, len(rows), PART):
        part = rows[start : start + PART]
        # Padding stands on the right, where causal attention does not see it: no mask is needed.
        length = max(len(prompt) + len(completion) for prompt, completion in part)
        inputs = torch.full((len(part), length), tokenizer.pad_token_id)
        labels = torch.full((len(part), length), IGNORED)
        for index, (prompt, completion) in enumerate(part):
            end = len(prompt) + len(completion)
            inputs[index, :end] = torch.tensor(prompt + completion)
            labels[index, len(prompt) : end] = torch.tensor(completion)
        logits = model(input_ids=inputs, use_cache=False).logits[:, :-1]
        wanted = labels[:, 1:].flatten()
        losses = cross_entropy(logits.flatten(0, 1), wanted, reduction="none", ignore_index=IGNORED)
        weights = 1 + (VERDICT_WEIGHT - 1) * torch.isin(wanted, verdicts)
        ((losses * weights).sum() / n_tokens).backward()
        total += losses.sum().item()
    return total / n_tokens


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    recipe: Recipe,
    folder: Path,
) -> None:
    """Train in place on (question, completion) pairs, with loss on the completions only.

    A run that was cut off goes on from the last checkpoint in `folder`. Batches are not grouped
    by length: where a search ends decides its length, so a grouped batch would teach the moment
    of `yes` by position, batch against batch, and the comparison never.
    """
    rows = [
        {"prompt": chat(tokenizer, question), "completion": completion + EOS}
        for question, completion in pairs
    ]
    config = SFTConfig(
        output_dir=str(folder),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup,
        lr_scheduler_type="cosine",
        weight_decay=0.0,
        seed=recipe.seed,
        data_seed=recipe.seed,
        completion_only_loss=True,
        max_length=512,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        logging_steps=20,
        save_steps=200,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_Log()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(folder) if folder.exists() else None)


def sample(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    questions: Sequence[str],
    n: int,
    *,
    seed: int,
) -> list[list[str]]:
    """Draw n completions of each question at temperature 1, without any truncation."""
    draw = torch.Generator().manual_seed(seed)
    prompts = [chat(tokenizer, question) for question in questions for _ in range(n)]
    texts: list[str] = []
    for start in range(0, len(prompts), SAMPLE_BATCH):
        batch = tokenizer(prompts[start : start + SAMPLE_BATCH], return_tensors="pt", padding=True)
        with torch.inference_mode():
            tokens = _draw(model.eval(), batch["input_ids"], batch["attention_mask"], draw)
        texts += tokenizer.batch_decode(tokens, skip_special_tokens=True)
        log.info("sampled %d of %d completions", len(texts), len(prompts))
    return [texts[index : index + n] for index in range(0, len(texts), n)]


def _draw(
    model: PreTrainedModel, tokens: torch.Tensor, mask: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    eos = model.config.eos_token_id
    cache = DynamicCache(config=model.config)
    drawn = torch.full((len(tokens), MAX_TOKENS), eos)
    rows, alive = torch.arange(len(tokens)), torch.ones(len(tokens), dtype=torch.bool)
    for step in range(MAX_TOKENS):
        logits = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1)[:, -tokens.shape[1] :].clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        tokens = torch.multinomial(logits.softmax(-1), 1, generator=draw)
        drawn[rows[alive], step] = tokens[alive, 0]
        alive &= tokens[:, 0] != eos
        if not alive.any():
            break
        mask = torch.cat((mask, mask.new_ones(len(mask), 1)), dim=1)
        # Most completions end early: going on with the others alone halves the work.
        if alive.sum() < 0.8 * len(alive):
            keep = alive.nonzero()[:, 0]
            cache.batch_select_indices(keep)
            rows, tokens, mask, alive = rows[keep], tokens[keep], mask[keep], alive[keep]
    return drawn


class _Log(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Losses go to the log: stdout is for data."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        shown = {key: logs[key] for key in ("loss", "learning_rate") if logs and key in logs}
        if shown:
            log.info("step %d of %d: %s", state.global_step, state.max_steps, shown)
