"""A calibrated index as files that every process maps into its memory."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from reasonbench.corpus.calibrate import Calibration
from reasonbench.corpus.couples import Couples
from reasonbench.corpus.forms import Forms
from reasonbench.corpus.hashing import Table
from reasonbench.corpus.index import Units
from reasonbench.corpus.probe import Seeds
from reasonbench.corpus.search import Arrays
from reasonbench.corpus.tail import Tail

VERSION = 3
"""Of the files."""
_PARTS: dict[str, Any] = {
    "arrays": Arrays, "units": Units, "words": Seeds, "shorts": Seeds, "table": Table,
    "forms": Forms, "couples": Couples,
}  # fmt: skip


def save(calibration: Calibration, folder: Path) -> None:
    """Write an index to a folder; ``about.json`` comes last, and makes it whole."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(calibration.arrays, folder / "arrays")
    _save(calibration.units, folder / "units")
    np.save(folder / "searchable.npy", calibration.searchable)
    about = {
        "version": VERSION,
        "tail": msgspec.to_builtins(calibration.tail),
        "n_records": calibration.n_records,
        "n_held_out": calibration.n_held_out,
    }
    partial = folder / "about.partial"
    partial.write_text(json.dumps(about))
    partial.replace(folder / "about.json")


def load(folder: Path) -> Calibration | None:
    """Return the index in a folder, or None where there is no whole one of this version."""
    try:
        about = json.loads((folder / "about.json").read_text())
    except (OSError, ValueError):
        return None
    if about.get("version") != VERSION:
        return None
    try:
        return Calibration(
            _load(Arrays, folder / "arrays"),
            _load(Units, folder / "units"),
            msgspec.convert(about["tail"], Tail),
            np.load(folder / "searchable.npy"),
            about["n_records"],
            about["n_held_out"],
        )
    except (OSError, ValueError, EOFError):
        # a machine that lost power keeps names of files whose bytes it has not written
        return None


def _save(value: Any, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in value._fields:
        part = getattr(value, name)
        if isinstance(part, tuple):
            _save(part, folder / name)
        else:
            np.save(folder / f"{name}.npy", part)


def _load(kind: Any, folder: Path) -> Any:
    return kind(
        *(
            _load(_PARTS[name], folder / name)
            if (folder / name).is_dir()
            # copy on write: a read-only array would be another type to the compiler
            else np.load(folder / f"{name}.npy", mmap_mode="c")
            for name in kind._fields
        )
    )
