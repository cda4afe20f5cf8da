"""The files beside a model's weights: its configuration, its card, its results.  They are hostile.

Everything is bounded in size, and YAML is read without tags, aliases and merges: a few
lines of these can stand for gigabytes.
"""

import importlib
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reasonbench.errors import SpecError
from reasonbench.presets.files import named_folder

MAX_BYTES = 4_000_000
"""Largest file that is read."""
MAX_YAML = 256_000
"""Characters of YAML that are parsed; a card's front matter has thousands."""
MAX_DEPTH = 50
"""Collections in one another that are read."""
MAX_NAME = 200
"""Characters of a name that is taken from a file."""
EMBEDDED = "embedded:"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Identity(NamedTuple):
    """What can be told of a model from its id."""

    hub_id: str | None
    """Hub id; None for a folder that is none of the Hub's cache."""
    revision: str | None
    """Commit that a folder of the Hub's cache is of."""
    folder: Path | None
    """Its folder, where it is here."""


def is_hub_id(text: str) -> bool:
    """Tell whether a text can be the id of a model on the Hub."""
    return _HUB_ID.fullmatch(text) is not None


def identify(model_id: str) -> Identity:
    """Return what a model id, or the path of the folder that it names, says."""
    if model_id.startswith(EMBEDDED):
        return Identity(None, None, None)
    folder = named_folder(model_id)
    if folder is None:
        return Identity(model_id if is_hub_id(model_id) else None, None, None)
    for place in (folder, folder.resolve()):
        cached = place.parents[1].name if place.parent.name == "snapshots" else ""
        if cached.startswith("models--") and _COMMIT.fullmatch(place.name):
            hub_id = cached.removeprefix("models--").replace("--", "/", 1)
            if is_hub_id(hub_id):
                return Identity(hub_id, place.name, folder)
    return Identity(None, None, folder)


def base_of(folder: Path) -> str | None:
    """Return what a folder's card, or else its config.json, says that the model came from.

    Raises:
        SpecError: one of them cannot be read.
    """
    card = read_text(folder / "README.md")
    named = base_model(front_matter(card, str(folder / "README.md"))) if card else None
    if named is not None:
        return named
    config = read_text(folder / "config.json")
    if config is None:
        return None
    try:
        origin = msgspec.json.decode(config, type=dict[str, Any]).get("_name_or_path")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SpecError(f"{folder / 'config.json'} is not a JSON object: {error}") from error
    return origin if isinstance(origin, str) and is_hub_id(origin) else None


def base_model(card: Mapping[str, Any]) -> str | None:
    """Return the first ``base_model`` of a card's front matter."""
    named = card.get("base_model")
    if isinstance(named, list) and named:
        named = named[0]
    return named if isinstance(named, str) and is_hub_id(named) else None


def read_text(path: Path) -> str | None:
    """Return a text file; None where there is none.

    Raises:
        SpecError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise SpecError(f"{path} is not a file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{path} is larger than {MAX_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8") from error


def front_matter(text: str, where: str) -> dict[str, Any]:
    """Return the YAML at the head of a model card; empty where there is none.

    Raises:
        SpecError: it is no YAML mapping, too long, or uses aliases.
    """
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return {}
    found = parse_yaml("\n".join(lines[1:end]), f"the front matter of {where}")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SpecError(f"the front matter of {where} is not a mapping")
    return {str(key): value for key, value in found.items()}


def parse_yaml(text: str, where: str) -> Any:
    """Return what a YAML text holds.

    Raises:
        SpecError: it is no YAML, too long, nested too deeply, or uses aliases.
    """
    yaml: Any = importlib.import_module("yaml")  # which has no types of its own
    if len(text) > MAX_YAML:
        raise SpecError(f"{where} has {len(text):,} characters, more than {MAX_YAML:,}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise SpecError(f"{where} uses an alias, which is not read")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:  # composing it would fill the stack of C
                raise SpecError(f"{where} is nested more than {MAX_DEPTH} deep")
        return yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"{where} is not valid YAML: {first[:MAX_NAME]}") from error
