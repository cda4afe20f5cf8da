"""Which files of a data set hold a split, in a folder and on the Hugging Face Hub alike.

Files are downloaded as they are and read here: no loading script runs, and the commit that
``main`` is at is known.  A data set's card says which files are a configuration's split; without
such a card their names do, as ``datasets`` reads them.
"""

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from reasonbench.errors import TaskError
from reasonbench.tasks.row_files import is_data_file

CARD = "README.md"
MAX_SHOWN = 8


class Wanted(NamedTuple):
    """What is wanted of a data set."""

    source: str
    """Id on the Hub."""
    revision: str | None = None
    """Commit, tag or branch; None is ``main``."""
    config: str | None = None
    """Configuration; None is the default one."""
    split: str = "test"
    """Split."""
    data_files: tuple[str, ...] = ()
    """Names of the files, which say more than configuration and split."""

    def __str__(self) -> str:
        return f"{self.source} at revision {self.revision or 'main'}"


class Found(NamedTuple):
    """The files of a split."""

    files: tuple[Path, ...]
    """In their order."""
    revision: str | None
    """Commit that they are of; None for a local copy."""


def local_files(path: Path, wanted: Wanted) -> Found:
    """Return the files of a local copy: the file itself, or those of the split in a folder.

    Raises:
        TaskError: there is nothing there, or no such split.
    """
    if path.is_file():
        return Found((path,), None)
    if not path.is_dir():
        raise TaskError(
            f"there is no file or folder {path}, the local copy of {wanted.source}",
            hint="check the path that was given as data",
        )
    # What files of a release are taken is said for the Hub; in a folder all that are there.
    return Found(_selected_in(path, wanted._replace(data_files=())), None)


def hub_files(wanted: Wanted) -> Found:
    """Return the files of a split, downloaded where the cache does not hold them.

    Raises:
        TaskError: they cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(_snapshot(snapshot_download, wanted, wanted.revision, [CARD]))
        names = list(wanted.data_files) or _on_hub(folder, wanted)
        _snapshot(snapshot_download, wanted, folder.name, names)
        files = _selected_in(folder, wanted)
    except TaskError:
        raise
    except Exception as error:
        # What the Hub's client raises is of many libraries: HTTP, files, its own.
        raise TaskError(
            f"the data set {wanted} cannot be loaded: {_reason(error)}", hint=local_hint(wanted)
        ) from error
    return Found(files, folder.name)


def local_hint(wanted: Wanted) -> str:
    """Return how to go on without the Hub."""
    revision = f" --revision {wanted.revision}" if wanted.revision else ""
    return (
        "give a local copy, as --data PATH or as NAME:PATH in place of the task's name; where "
        f"there is a network: hf download {wanted.source} --repo-type dataset{revision} "
        "--local-dir FOLDER"
    )


def _snapshot(download: Any, wanted: Wanted, revision: str | None, names: Sequence[str]) -> str:
    folder: str = download(
        wanted.source, repo_type="dataset", revision=revision, allow_patterns=list(names)
    )
    return folder


def _on_hub(folder: Path, wanted: Wanted) -> list[str]:
    """Return the names of a split's files on the Hub, or of those in the cache without it."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        names = HfApi().list_repo_files(wanted.source, repo_type="dataset", revision=folder.name)
    except (OSError, OfflineModeIsEnabled):
        names = _names_in(folder)
    return selected(names, _card(folder), wanted)


def _selected_in(folder: Path, wanted: Wanted) -> tuple[Path, ...]:
    try:
        names = selected(_names_in(folder), _card(folder), wanted)
    except OSError as error:
        raise TaskError(f"the folder {folder} cannot be read: {error.strerror or error}") from error
    return tuple(folder / name for name in names)


def _names_in(folder: Path) -> list[str]:
    names = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    return [
        name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)
    ]


def _card(folder: Path) -> str | None:
    try:
        return (folder / CARD).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def selected(names: Sequence[str], card: str | None, wanted: Wanted) -> list[str]:
    """Return which of a data set's files are the split, sorted.

    Args:
        names: all its files, from its top.
        card: the text of its card, if it has one.
        wanted: what is wanted of it.

    Raises:
        TaskError: there is no such configuration or split, or a part of it is missing.
    """
    data = sorted(name for name in names if is_data_file(name))
    found: list[str] = []
    if wanted.data_files:
        found = [name for name in data if name in wanted.data_files]
        if missing := sorted(set(wanted.data_files) - set(found)):
            raise _lacking(wanted, f"the file {missing[0]!r}", data)
    elif patterns := _patterns(card, wanted):
        found = [n for n in data if any(fnmatch.fnmatchcase(n, p) for p in patterns)]
    # A folder may hold the card and have its files laid out in another way.
    found = found or _by_name(data, wanted)
    if not found:
        raise _lacking(wanted, f"a file of the split {wanted.split!r}", data)
    _check_parts(found, wanted)
    return found


def _lacking(wanted: Wanted, what: str, data: Sequence[str]) -> TaskError:
    shown = ", ".join(data[:MAX_SHOWN]) or "none"
    return TaskError(
        f"{what} of {wanted.source} is missing, the files of rows there are: {shown}",
        hint=local_hint(wanted),
    )


def _patterns(card: str | None, wanted: Wanted) -> list[str]:
    """Return the patterns of file names that a card gives for the split."""
    configs = _configs(card)
    names = [str(config.get("config_name", "default")) for config in configs]
    if wanted.config is not None:
        chosen = [c for c, name in zip(configs, names, strict=True) if name == wanted.config]
    else:
        chosen = [c for c in configs if c.get("default") is True]
        chosen += [c for c, name in zip(configs, names, strict=True) if name == "default"]
        chosen += configs if len(configs) == 1 else []
    if not chosen:
        return []
    files = chosen[0].get("data_files")
    if isinstance(files, dict):
        files = [{"split": split, "path": path} for split, path in files.items()]
    parts = files if isinstance(files, list) else [files]
    patterns: list[str] = []
    for part in parts:
        if isinstance(part, dict):
            paths = part.get("path") if part.get("split") == wanted.split else None
        else:
            paths = part if wanted.split == "train" else None
        patterns += [paths] if isinstance(paths, str) else paths or []
    return [str(pattern).removeprefix("./") for pattern in patterns]


def _configs(card: str | None) -> list[dict[str, Any]]:
    import yaml

    match = re.match(r"\s*---\s*\n(.*?)\n---\s*(?:\n|\Z)", card or "", re.DOTALL)
    try:
        content = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, RecursionError):
        return []
    configs = content.get("configs") if isinstance(content, dict) else None
    return [c for c in configs if isinstance(c, dict)] if isinstance(configs, list) else []


def _by_name(data: Sequence[str], wanted: Wanted) -> list[str]:
    """Return the files whose names say the split, among those that say the configuration."""
    config = wanted.config or "default"
    folder = "data" if config == "default" else config
    found = [n for n in data if folder in _words(n)] or list(data)
    split = re.compile(rf"(?:^|[/_.\-\s\d]){re.escape(wanted.split)}(?:[/_.\-\s\d]|$)")
    named = [name for name in found if split.search(name)]
    if named or len(found) == 1:
        return named or found
    # Files that name no split are the training split, as in ``datasets``.
    return [n for n in found if not _OTHER.search(n)] if wanted.split == "train" else []


_OTHER = re.compile(r"(?:^|[/_.\-\s\d])(?:test|testing|validation|valid|val|dev)(?:[/_.\-\s\d]|$)")


def _words(name: str) -> list[str]:
    path = PurePosixPath(name)
    return [*path.parts[:-1], path.name.partition(".")[0]]


def _check_parts(found: Sequence[str], wanted: Wanted) -> None:
    """Refuse a split of which a part is missing: fewer problems are another benchmark."""
    have: dict[tuple[str, int], set[int]] = {}
    for name in found:
        if match := re.search(r"(.*)-(\d{5})-of-(\d{5})\b", name):
            have.setdefault((match[1], int(match[3])), set()).add(int(match[2]))
    for (stem, total), parts in have.items():
        if missing := sorted(set(range(total)) - parts):
            raise TaskError(
                f"part {missing[0]} of {total} of {stem} is missing in the copy of {wanted.source}",
                hint=local_hint(wanted),
            )


def _reason(error: BaseException) -> str:
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):
        return "it is not on this machine and the Hub cannot be reached"
    if isinstance(error, GatedRepoError):
        return "its terms must be accepted on the Hub first"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()[:200] if lines else ''}"
