"""The settings that TRL's trainers have in common, from a spec's numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_pt_utils import AcceleratorConfig

from reasonbench.errors import SpecError
from reasonbench.specs import Hyperparameters, LoraSpec, TrainSpec
from reasonbench.training.objectives import device_batch

KEPT_STATES = 2
"""Resume states: the last, and the one before it in case the last was cut short."""


def arguments(spec: TrainSpec, folder: Path, save_steps: int | None) -> dict[str, Any]:
    """Return what all of TRL's configurations are given alike.

    Raises:
        SpecError: the processes that run here cannot share a batch.
    """
    hyper, seed = spec.hyper, spec.seed
    accelerated = torch.accelerator.is_available()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    held = device_batch(hyper, processes)
    if hyper.batch_size % (held * processes):
        raise SpecError(
            f"batch_size = {hyper.batch_size} cannot be shared by the {processes} processes that "
            f"were launched, {held} sequences each at once",
            hint="launch as many as launch.processes says, or change hyper.device_batch_size",
        )
    return {
        "output_dir": str(folder),
        "max_steps": hyper.steps,
        "per_device_train_batch_size": held,
        "gradient_accumulation_steps": hyper.batch_size // (held * processes),
        "learning_rate": hyper.learning_rate,
        **_schedule(hyper),
        "weight_decay": hyper.weight_decay,
        "max_grad_norm": hyper.max_grad_norm,
        "seed": seed,
        "data_seed": seed,
        "use_cpu": not accelerated,
        "bf16": accelerated and hyper.dtype == "bfloat16",
        "gradient_checkpointing": hyper.gradient_checkpointing,
        "dataloader_pin_memory": accelerated,
        # Each process reads its own rows: sending them round would need equal lengths.
        "accelerator_config": AcceleratorConfig(dispatch_batches=False),
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no" if save_steps is None else "steps",
        "save_steps": save_steps or hyper.steps,
        "save_total_limit": KEPT_STATES,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _schedule(hyper: Hyperparameters) -> dict[str, Any]:
    if hyper.schedule == "constant":
        name = "constant_with_warmup" if hyper.warmup_steps else "constant"
        return {"lr_scheduler_type": name, "warmup_steps": hyper.warmup_steps}
    if hyper.schedule == "cosine" and hyper.min_rate:
        return {
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": hyper.min_rate},
            "warmup_steps": hyper.warmup_steps,
        }
    return {"lr_scheduler_type": hyper.schedule, "warmup_steps": hyper.warmup_steps}


def lora_config(spec: LoraSpec, model: Any) -> Any:
    """Return PEFT's configuration of an adapter.

    Raises:
        SpecError: it would lie on the output layer.
    """
    from peft import LoraConfig

    head = model.get_output_embeddings()
    heads = {name.rpartition(".")[2] for name, module in model.named_modules() if module is head}
    if adapted := heads & {name.rpartition(".")[2] for name in spec.targets}:
        raise SpecError(
            f"hyper.lora.targets names {sorted(adapted)[0]!r}, the output layer, which TRL does "
            "not train through an adapter",
            hint="leave it out of targets",
        )
    return LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        target_modules=list(spec.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
