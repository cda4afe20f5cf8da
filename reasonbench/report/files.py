"""Files of a report, written whole or not at all."""

import os
import re
from collections.abc import Set
from pathlib import Path

from reasonbench.errors import StoreWriteError

DATA_FILE = "data.json"
"""All data, in the folder beside a page that does not hold all evidence."""
_PAGE = re.compile(r"evidence-\d+-\d+\.html")


def write_whole(path: Path, text: str) -> Path:
    """Write a text; what cannot be encoded was made visible before.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(
            f"the report {path} cannot be written: {error.strerror or error}"
        ) from error
    return path


def clear_pages(folder: Path, kept: Set[str]) -> None:
    """Remove what an earlier report of the same name left in its folder, and an empty folder.

    Raises:
        StoreWriteError: a file cannot be removed.
    """
    if not folder.is_dir():
        return
    try:
        for file in folder.iterdir():
            ours = file.name == DATA_FILE or _PAGE.fullmatch(file.name)
            if ours and file.name not in kept:
                file.unlink()
        if not kept and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise StoreWriteError(
            f"the folder {folder} cannot be cleared: {error.strerror or error}"
        ) from error
