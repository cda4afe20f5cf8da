"""The memory that a training takes, and what is free.

Weights, gradients and AdamW's two moments are counted exactly from the architecture, which is
built without its weights.  Activations are an estimate: half-precision transformers keep about 34
bytes a token, layer and unit of width (arXiv 2205.05198, attention without its matrix), and the
logits of one chunk.  A refusal rests on what is exact alone.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reasonbench.errors import SpecError
from reasonbench.records import Record
from reasonbench.specs import LaunchSpec, LoraSpec, TrainSpec

MEBI = 2**20
FLOAT32, BFLOAT16 = 4, 2
ADAM = 2 * FLOAT32
"""Bytes of AdamW's moments a trained parameter."""
ACTIVATION = 34
"""Bytes of activations in half precision a token, layer and unit of width."""
CHECKPOINTED = 2
"""The same where only the inputs of layers are kept."""


class Memory(Record, frozen=True, kw_only=True):
    """Bytes on one device."""

    parameters: int
    """Parameters of the student, all devices together; no bytes."""
    trained: int
    """Those that are trained; no bytes."""
    weights: int
    """The student's weights."""
    states: int
    """Gradients and the optimizer's moments."""
    teacher: int
    """The teacher's weights."""
    activations: int
    """Estimate of what a batch takes."""

    @property
    def certain(self) -> int:
        """All but the activations."""
        return self.weights + self.states + self.teacher

    @property
    def total(self) -> int:
        """All of it."""
        return self.certain + self.activations


def estimate(
    spec: TrainSpec, student: Any, teacher: Any, *, tokens: int, device_batch: int
) -> Memory:
    """Return what a training takes on each device.

    Args:
        spec: the training.
        student: its model, with or without weights.
        teacher: the teacher's, or None.
        tokens: tokens of the longest sequence.
        device_batch: sequences that a device holds at once.
    """
    hyper, share = spec.hyper, _shares(spec.launch)
    parameters = sum(p.numel() for p in student.parameters())
    trained = parameters if hyper.lora is None else lora_parameters(student, hyper.lora)
    frozen = 0 if hyper.lora is None else parameters
    half = hyper.dtype == "bfloat16"
    weight = BFLOAT16 if half and hyper.lora is not None else FLOAT32
    weights = frozen * weight + trained * FLOAT32
    states = trained * FLOAT32 // share["gradients"] + trained * ADAM // share["states"]
    taught = sum(p.numel() for p in teacher.parameters()) if teacher is not None else 0
    return Memory(
        parameters=parameters,
        trained=trained,
        weights=weights // share["weights"],
        states=states,
        # FSDP wraps what is trained only; DeepSpeed shards the teacher too.
        teacher=taught * (BFLOAT16 if half else FLOAT32) // share["teacher"],
        activations=_activations(student.config, hyper, tokens * device_batch),
    )


def _shares(launch: LaunchSpec | None) -> dict[str, int]:
    """Return by how much each part is divided over the devices."""
    names = ("weights", "gradients", "states", "teacher")
    sharded: tuple[str, ...] = ()
    if launch is not None:
        sharded = {
            "ddp": (),
            "zero1": ("states",),
            "zero2": ("gradients", "states"),
            "zero3": names,
            "fsdp1": names[:3],
            "fsdp2": names[:3],
        }[launch.strategy]
    return {name: launch.processes if launch and name in sharded else 1 for name in names}


def _activations(config: Any, hyper: Any, tokens: int) -> int:
    text = config.get_text_config(decoder=True)
    width, layers = int(text.hidden_size), int(text.num_hidden_layers)
    scale = 1 if hyper.dtype == "bfloat16" else 2
    layer = ACTIVATION * tokens * width * scale
    if hyper.gradient_checkpointing:
        return layer + CHECKPOINTED * tokens * width * scale * layers
    return layer * layers


def lora_parameters(model: Any, lora: LoraSpec) -> int:
    """Return the parameters of all adapters.

    Raises:
        SpecError: ``targets`` names no layer of the model.
    """
    layers = lora_layers(model, lora)
    return sum(lora.rank * (inner + outer) for inner, outer in layers.values())


def lora_layers(model: Any, lora: LoraSpec) -> dict[str, tuple[int, int]]:
    """Return the layers that get an adapter, with their inputs and outputs.

    Raises:
        SpecError: ``targets`` names no layer of the model.
    """
    from torch import nn

    head = model.get_output_embeddings()
    linear = {
        name: (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    if not lora.targets:
        return linear
    found: dict[str, tuple[int, int]] = {}
    for target in lora.targets:
        fits = {n: s for n, s in linear.items() if n == target or n.endswith(f".{target}")}
        if not fits:
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise SpecError(
                f"hyper.lora.targets names {target!r}, which is no linear layer of the student",
                hint=f"its layers: {known}",
            )
        found |= fits
    return found


def skeleton(config: Any) -> Any:
    """Return a model of this architecture without weights: it takes no memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def free_bytes() -> int | None:
    """Return what is free on the device that this process trains on; None where unknowable."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    found = list(_host_limits())
    return min(found) if found else None


def _host_limits() -> Iterator[int]:
    """Yield what the machine has free, and what a control group leaves."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        yield max(0, limit - int((group / "memory.current").read_text(encoding="ascii")))


def out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out; the CPU's allocator says so in words only."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def spelt(size: int) -> str:
    """Return bytes as ``14.2 GiB`` or ``3.1 MiB``."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / MEBI:,.1f} MiB"
