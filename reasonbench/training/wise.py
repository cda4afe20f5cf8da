"""WiSE-FT (arXiv 2109.01903): the weights between a student's beginning and its end.

Every weight is ``(1 - alpha) * beginning + alpha * end``, computed in float32 and kept in the
end's dtype; alpha 0 and 1 give the two ends exactly. One shard is in memory at a time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from reasonbench.errors import SpecError

WEIGHTS = "*.safetensors"
TIED = "lm_head.weight"
"""Left out by checkpoints whose model shares it with the embedding."""


def interpolate(beginning: Path, end: Path, alpha: float, out: Path) -> None:
    """Write the model between two as a folder that loads like the end's; all of it or nothing.

    Args:
        beginning: folder of the model that training started from, in safetensors.
        end: folder of the trained one; its tokenizer and configuration are kept.
        alpha: share of the end.
        out: folder to write; one that is there is replaced.

    Raises:
        SpecError: alpha is not a share, a folder holds no weights, or the two are not one model.
    """
    if not 0 <= alpha <= 1:
        raise SpecError(
            f"alpha of WiSE-FT is a share, got {alpha}", hint="take one between 0 and 1"
        )
    start = _Weights(beginning)
    last = _Weights(end)
    _refuse_others(start, last)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        part = Path(scratch) / "model"
        part.mkdir()
        for file in end.iterdir():
            if file.is_file() and file.suffix != ".safetensors":
                shutil.copy2(file, part / file.name)
        for file in last.files:
            between = {
                name: _between(start.read(name), tensor, alpha)
                for name, tensor in last.tensors(file)
            }
            save_file(between, part / file.name, metadata={"format": "pt"})
            _to_disk(part / file.name)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)


def _between(start: Tensor, end: Tensor, alpha: float) -> Tensor:
    if not end.is_floating_point() or alpha == 1:
        return end
    if alpha == 0:
        return start.to(end.dtype)
    return torch.lerp(start.float(), end.float(), alpha).to(end.dtype)


class _Weights:
    """The weights of a model folder, tensor by tensor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(folder.glob(WEIGHTS)) if folder.is_dir() else []
        if not self.files:
            raise SpecError(
                f"{folder} holds no weights in safetensors",
                hint="name a model's folder; save_pretrained() of transformers writes one",
            )
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._file_of: dict[str, Path] = {}
        for file in self.files:
            try:
                with safe_open(file, framework="pt") as stream:
                    for name in stream.keys():  # noqa: SIM118 - it is no dictionary
                        self.shapes[name] = tuple(stream.get_slice(name).get_shape())
                        self._file_of[name] = file
            except SafetensorError as error:
                raise SpecError(
                    f"{file} cannot be read as safetensors: {error}",
                    hint="it may be cut short; write the checkpoint again",
                ) from error

    def read(self, name: str) -> Tensor:
        """Return one tensor."""
        with safe_open(self._file_of[name], framework="pt") as stream:
            tensor: Tensor = stream.get_tensor(name)
            return tensor

    def tensors(self, file: Path) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of one file."""
        for name in (name for name, where in self._file_of.items() if where == file):
            yield name, self.read(name)


def _refuse_others(start: _Weights, end: _Weights) -> None:
    ours, theirs = dict(start.shapes), dict(end.shapes)
    if TIED not in theirs:
        ours.pop(TIED, None)
    if ours == theirs:
        return
    differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    raise SpecError(
        f"{start.folder} and {end.folder} are not one model: {differing[0]!r} and "
        f"{len(differing) - 1} other tensor(s) differ in shape or are in one only",
        hint="interpolate a checkpoint with the very model that its training started from",
    )


def _to_disk(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
