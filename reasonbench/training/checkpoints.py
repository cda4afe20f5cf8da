"""What a training leaves: weights at planned steps, and the state that it goes on from.

A checkpoint (``checkpoints/step-000010``) is a model folder like the student's own: the same
configuration, tokenizer and number format, adapters merged.  It is written beside and renamed, so
one that is there is whole.  The trainer's state (``trainer/checkpoint-10``) is whole once it holds
a mark; older ones go only after that.
"""

import contextlib
import errno
import fnmatch
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reasonbench.engines.weights import TEXTS, WEIGHTS, ModelFiles
from reasonbench.errors import SpecError, StoreWriteError
from reasonbench.specs import TrainSpec

CHECKPOINTS = "checkpoints"
STATES = "trainer"
MARK = "complete"
"""File that a whole trainer's state holds."""
SPACING = 3
"""By default each checkpoint stands at a third of the next one's steps."""
FIRST = 4
"""Steps before which there is none by default."""
SAVES = 10
"""Times that the trainer's state is saved in a training."""
UNWRITABLE = frozenset(
    (
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO,
        errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR,
    )
)  # fmt: skip
"""What a full, broken or read-only disk says."""
ADAPTER = "default"
"""PEFT's name of the adapter that is trained."""

_STATE = re.compile(r"checkpoint-(\d+)")
_STEP = re.compile(r"step-(\d{6,})")
_DISK = re.compile(
    r"I/O error|No space left|File too large|Read-only file system|Disk quota"
    r"|PytorchStreamWriter|iostream error|inline_container",
    re.IGNORECASE,
)
"""What safetensors and PyTorch say of a disk in errors that are no OSError."""


def planned_checkpoints(spec: TrainSpec) -> tuple[int, ...]:
    """Return the steps whose weights are kept, the last step always among them.

    Raises:
        SpecError: one lies after the last step.
    """
    last = spec.hyper.steps
    if spec.checkpoints is not None:
        late = [step for step in spec.checkpoints if step > last]
        if late:
            raise SpecError(
                f"a checkpoint is asked for at step {late[0]:,}, and the training has {last:,}",
                hint="name steps up to hyper.steps; the last one is kept always",
            )
        return tuple(sorted({*spec.checkpoints, last}))
    steps, step = [last], last // SPACING
    while step >= FIRST:
        steps.append(step)
        step //= SPACING
    return tuple(reversed(steps))


def save_steps(spec: TrainSpec) -> int:
    """Return after how many steps the trainer's state is saved again."""
    return max(1, -(-spec.hyper.steps // SAVES))


def checkpoint_name(step: int) -> str:
    """Return the folder of a step's weights, relative to the training's."""
    return f"{CHECKPOINTS}/step-{step:06d}"


def merged(state: dict[str, Any], scale: float, *, transposed: bool = False) -> dict[str, Any]:
    """Return the weights of a model under LoRA with the adapters added: W + alpha / r BA.

    Args:
        state: state dict of the PEFT model; it is not changed.
        scale: alpha / r.
        transposed: whether the layers keep their weights as inputs x outputs.
    """
    names = {name.removeprefix("base_model.model."): name for name in state}
    found: dict[str, Any] = {}
    for name, full in names.items():
        if ".lora_" in name:
            continue
        tensor = state[full]
        module, _, kind = name.rpartition(".base_layer.")
        down = names.get(f"{module}.lora_A.{ADAPTER}.weight")
        if module and kind == "weight" and down is not None:
            up = names[f"{module}.lora_B.{ADAPTER}.weight"]
            product = state[up].float() @ state[down].float()
            product = product.T if transposed else product
            tensor = (tensor.float() + scale * product).to(_wider(tensor, state[up]))
        found[name.replace(".base_layer.", ".")] = tensor
    return found


def _wider(left: Any, right: Any) -> Any:
    import torch

    return torch.promote_types(left.dtype, right.dtype)


def export(trainer: Any, spec: TrainSpec, files: ModelFiles, folder: Path) -> None:
    """Write the student's weights as they are now; every process of the training calls this.

    Args:
        trainer: the transformers Trainer.
        spec: the training.
        files: the student's own, which configuration and tokenizer are taken from.
        folder: the checkpoint.
    """
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return
    inner = trainer.accelerator.unwrap_model(trainer.model)
    if spec.hyper.lora is not None:
        lora = spec.hyper.lora
        transposed = bool(inner.peft_config[ADAPTER].fan_in_fan_out)
        state = merged(state, lora.alpha / lora.rank, transposed=transposed)
        inner = inner.get_base_model()
    write_model(inner, _stored(state, stored_dtype(files)), files, folder)


def write_model(model: Any, state: dict[str, Any], files: ModelFiles, folder: Path) -> None:
    """Write weights as a model folder, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    from transformers import GenerationConfig

    part = folder.with_name(f".{folder.name}.part")
    remove(part)
    part.mkdir(parents=True)
    # Only its weights are wanted; its own generation config may be one that is not saved again.
    kept, model.generation_config = model.generation_config, GenerationConfig()
    try:
        model.save_pretrained(part, state_dict=state)
    finally:
        model.generation_config = kept
    for name in ("config.json", "generation_config.json"):
        (part / name).unlink(missing_ok=True)
    for file in sorted(files.folder.iterdir()):
        if file.is_file() and _is_text(file.name):
            shutil.copyfile(file, part / file.name)
    _sync(part)
    remove(folder)
    os.replace(part, folder)


def _is_text(name: str) -> bool:
    return not name.endswith(".index.json") and any(fnmatch.fnmatch(name, t) for t in TEXTS)


def _stored(state: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """Return weights on the CPU in the student's number format; shared ones stay shared."""
    copies: dict[tuple[int, tuple[int, ...]], Any] = {}
    found = {}
    for name, tensor in state.items():
        key = tensor.data_ptr(), tuple(tensor.shape)
        if key not in copies:
            wanted = dtype if tensor.is_floating_point() else tensor.dtype
            copies[key] = tensor.detach().to(device="cpu", dtype=wanted)
        found[name] = copies[key]
    return found


def stored_dtype(files: ModelFiles) -> Any:
    """Return the number format that most of a model's weights are stored in."""
    import torch
    from safetensors import safe_open

    from reasonbench.engines.weights import read_json

    counts: dict[str, int] = {}
    for file in sorted(files.folder.glob(WEIGHTS[0])):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                part = weights.get_slice(name)
                size = 1
                for length in part.get_shape():
                    size *= length
                counts[part.get_dtype()] = counts.get(part.get_dtype(), 0) + size
    names = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    known = {name: count for name, count in counts.items() if name in names}
    if known:
        return names[max(known, key=lambda name: known[name])]
    config = read_json(files.folder / "config.json")
    said = getattr(torch, str(config.get("dtype") or config.get("torch_dtype")), None)
    return said if isinstance(said, torch.dtype) else torch.float32


def _sync(folder: Path) -> None:
    """Bring a folder's files to the disk before it gets its name."""
    for file in [*folder.iterdir(), folder]:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def mark(folder: Path, step: int) -> None:
    """Call a state whole, and remove all others."""
    state = folder / f"checkpoint-{step}"
    _sync(state)
    (state / MARK).touch()
    for other in states(folder):
        if other != state:
            remove(other)


def states(folder: Path) -> list[Path]:
    """Return the trainer's states, whole or not, the latest first."""
    found = [p for p in folder.glob("checkpoint-*") if _STATE.fullmatch(p.name)]
    return sorted(found, key=lambda path: -step_of(path))


def step_of(path: Path) -> int:
    """Return the step that a state or a checkpoint is of."""
    match = _STATE.fullmatch(path.name) or _STEP.fullmatch(path.name)
    return int(match[1]) if match else 0


def latest(folder: Path, logged: int) -> Path | None:
    """Return the latest whole state up to the last step that the log knows."""
    whole = (path for path in states(folder) if (path / MARK).is_file())
    return next((path for path in whole if step_of(path) <= logged), None)


def clear_after(directory: Path, step: int) -> None:
    """Remove what a session that was cut off left behind the step that is gone on from."""
    for path in states(directory / STATES):
        if step_of(path) != step:
            remove(path)
    for path in (directory / CHECKPOINTS).glob("*"):
        if step_of(path) > step or path.name.startswith("."):
            remove(path)


def remove(path: Path) -> None:
    """Remove a folder, whether it is there or not."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what a full or read-only disk does into one sentence.

    PyTorch and safetensors tell of it in errors of their own.

    Raises:
        StoreWriteError: something below the directory cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise _unwritable(directory, os.strerror(error.errno)) from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError" and not isinstance(error, RuntimeError):
            raise
        found = _DISK.search(str(error))
        if found is None:
            raise
        why = str(error).splitlines()[0].rpartition("I/O error: ")[2]
        raise _unwritable(directory, why) from error


def _unwritable(directory: Path, why: str) -> StoreWriteError:
    return StoreWriteError(
        f"{directory} cannot be written: {why}",
        hint="make room or give the right to write there; the same command goes on",
    )
