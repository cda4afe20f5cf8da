"""Where a model's files are, and the digest of those that decide what it says.

A model id is ``embedded:NAME``, a local folder or a Hub id.  The digest covers the
configuration, tokenizer, chat template and weights, by content: a local copy and the
Hub's cache of one model have one digest.  Large files in the Hub's cache are named after
their SHA-256 and are not read again.
"""

import fnmatch
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import EngineError
from reasonbench.identity import digest
from reasonbench.resources import model_path
from reasonbench.specs import ModelSpec

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Patterns of weight files, best first; only the first that matches counts."""
TEXTS = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "*.index.json",
    "*.tiktoken",
    "*.model",
    "*.py",
)
"""Patterns of the other files that change what a model reads or says."""
IGNORED = ("consolidated*", "*/*")
"""A second copy of the weights in its makers' own format, and folders of other formats."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine."""

    folder: Path
    """Folder that holds its files."""
    revision: str | None
    """Hub commit, where it came from the Hub."""
    weights_digest: str
    """Digest of the files that decide what it says."""


def resolve(model: ModelSpec) -> ModelFiles:
    """Find the model, download it where the Hub has it, and check its digest.

    Raises:
        EngineError: it is not there, is no model, or is not the one that was expected.
    """
    folder, revision = locate(model)
    files = decisive_files(folder, model.id)
    found = digest({file.name: _content_digest(file) for file in files})
    if model.weights_digest is not None and model.weights_digest != found:
        raise EngineError(
            f"the weights of {model.id!r} have the digest {found}, "
            f"but the spec expects {model.weights_digest}",
            hint="load the revision that was meant, or correct model.weights_digest",
        )
    return ModelFiles(folder=folder, revision=revision, weights_digest=found)


def locate(model: ModelSpec) -> tuple[Path, str | None]:
    """Return the model's folder, and its Hub commit if the Hub is where it came from."""
    name = model_path(model.id)
    path = Path(name).expanduser()
    if path.is_dir():
        if model.revision is not None:
            raise EngineError(
                f"{model.id!r} is a folder, but the spec asks for its revision {model.revision!r}",
                hint="leave model.revision out for a local model",
            )
        return path.resolve(), None
    if name != model.id or path.exists() or name.startswith((".", "/", "~")):
        raise EngineError(
            f"there is no model folder {name}",
            hint="give a folder that holds config.json, or a Hub id such as Qwen/Qwen3-0.6B",
        )
    return _download(model)


def _download(model: ModelSpec) -> tuple[Path, str | None]:
    from huggingface_hub import snapshot_download

    def fetch(*patterns: str) -> Path:
        return Path(
            snapshot_download(
                model.id,
                revision=model.revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(IGNORED),
            )
        )

    try:
        folder = fetch(*TEXTS, WEIGHTS[0])
        if not any(folder.glob(WEIGHTS[0])):
            folder = fetch(*TEXTS, WEIGHTS[1])
    except Exception as error:
        raise _download_error(model, error) from error
    return folder, folder.name


def _download_error(model: ModelSpec, error: Exception) -> EngineError:
    from huggingface_hub import errors

    where = f"{model.id!r}" + (f" at revision {model.revision!r}" if model.revision else "")
    match error:
        case errors.HFValidationError():
            return EngineError(
                f"{where} is neither a folder nor a valid Hub id",
                hint="a Hub id looks like owner/name",
            )
        case errors.GatedRepoError():
            return EngineError(
                f"{where} is gated on the Hub and this account has no access",
                hint="accept its terms on the Hub, then run: hf auth login",
            )
        case errors.RepositoryNotFoundError() | errors.RevisionNotFoundError():
            return EngineError(
                f"the Hub has no model {where}",
                hint="check the id and the revision; a private model needs: hf auth login",
            )
    cause = type(error).__name__
    return EngineError(
        f"{where} is not in the local Hub cache and could not be downloaded ({cause})",
        hint="connect to the network, or give a folder that holds the model",
    )


def decisive_files(folder: Path, name: str) -> list[Path]:
    """Return the files that decide what a model says, sorted by name.

    Raises:
        EngineError: the folder lacks a configuration or weights.
    """
    if not (folder / "config.json").is_file():
        raise EngineError(
            f"{name!r} is not a model: {folder} holds no config.json",
            hint="give the folder that save_pretrained wrote",
        )
    here = sorted(file for file in folder.iterdir() if file.is_file())
    weights: list[Path] = []
    for pattern in WEIGHTS:
        weights = weights or [file for file in here if _matches(file, (pattern,))]
    if not weights:
        raise EngineError(
            f"{name!r} holds no weights: {folder} has no *.safetensors or pytorch_model*.bin",
            hint="an adapter (LoRA) must be merged into its base model first",
        )
    texts = [file for file in here if _matches(file, TEXTS)]
    return sorted({*weights, *texts})


def _matches(file: Path, patterns: tuple[str, ...]) -> bool:
    return not fnmatch.fnmatch(file.name, IGNORED[0]) and any(
        fnmatch.fnmatch(file.name, pattern) for pattern in patterns
    )


def _content_digest(file: Path) -> str:
    """SHA-256 of a file; the Hub's cache names large files after it already."""
    if file.is_symlink():
        target = file.resolve()
        if target.parent.name == "blobs" and _SHA256.fullmatch(target.name):
            return target.name
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(file: Path) -> dict[str, Any]:
    """Return the JSON object in a model's file; an absent file is an empty object.

    Raises:
        EngineError: the file holds something else.
    """
    if not file.is_file():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineError(f"{file} is not a JSON object: {error}") from error
