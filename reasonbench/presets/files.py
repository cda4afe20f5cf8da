"""The JSON files beside a model's weights, here or on the Hub.  They are hostile."""

import stat
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import SpecError
from reasonbench.presets.table import PRESETS
from reasonbench.resources import model_path
from reasonbench.specs import SamplingSpec

MAX_BYTES = 4_000_000
"""Largest file that is read; a config.json has kilobytes."""
HINT = (
    "in place of auto give temperature and top_p, or a preset by its name: "
    f"{', '.join(preset.name for preset in PRESETS)}"
)
SHOWN = 60
"""Characters of a wrong value that a message shows."""

_TAKEN = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
"""What is read from generation_config.json; its max_new_tokens is a default for chats."""


def named_folder(model_id: str) -> Path | None:
    """Return the folder that a model id names, if it does."""
    try:
        path = Path(model_path(model_id)).expanduser()
        return path.absolute() if path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, no such user's home
        return None


def model_file(model_id: str, name: str, revision: str | None) -> dict[str, Any]:
    """Return the JSON object in one of a model's files; an absent file is an empty object.

    Raises:
        SpecError: there is no such model, or the file holds something else.
    """
    folder = named_folder(model_id)
    if folder is not None:
        return read_json(folder / name)
    if model_id.startswith((".", "/", "~")) or model_id.lower().endswith(".gguf"):
        raise SpecError(f"no preset is known for {model_id!r}, which is no model folder", hint=HINT)
    path = _downloaded(model_id, name, revision)
    return {} if path is None else read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an absent file is an empty object.

    Raises:
        SpecError: it cannot be read, is too large, or holds something else.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise SpecError(f"{path} is not a file", hint=HINT)
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"{str(path)!r} cannot be read: {why}", hint=HINT) from error
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{path} is larger than {MAX_BYTES:,} bytes", hint=HINT)
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SpecError(f"{path} is not a JSON object: {error}", hint=HINT) from error


def sampling_in(config: dict[str, Any], where: str) -> dict[str, float | int]:
    """Return the sampling that a generation_config.json asks for.

    Raises:
        SpecError: it asks for greedy decoding, or a value is not allowed.
    """
    if config.get("do_sample") is False:
        raise SpecError(f"{where} asks for greedy decoding (do_sample is false)", hint=HINT)
    found = {name: config[name] for name in _TAKEN if config.get(name) is not None}
    for name, value in found.items():
        try:
            msgspec.convert({name: value}, SamplingSpec)
        except msgspec.ValidationError as error:
            shown = repr(value)
            shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
            raise SpecError(f"{where} has {name} = {shown}, which is not allowed", hint=HINT) from (
                error
            )
    return found


def _downloaded(model_id: str, name: str, revision: str | None) -> Path | None:
    """Return a file of the Hub; None where the model has no such file."""
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(model_id, name, revision=revision))
    except errors.LocalEntryNotFoundError as error:
        cause: Exception = error
        why = "is not in the local Hub cache and could not be downloaded"
    except errors.EntryNotFoundError:
        return None
    except errors.HFValidationError as error:
        cause, why = error, "is neither a folder nor a valid Hub id"
    except errors.GatedRepoError as error:
        cause, why = error, "is gated on the Hub and this account has no access"
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        cause, why = error, "is not on the Hub"
    except Exception as error:  # whatever the network and its libraries raise
        cause, why = error, f"could not be read from the Hub ({type(error).__name__})"
    at = f" at revision {revision!r}" if revision else ""
    raise SpecError(
        f"no preset is known for {model_id!r} by its name, and its {name}{at} cannot be asked: "
        f"the model {why}",
        hint=HINT,
    ) from cause
