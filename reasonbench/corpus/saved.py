"""A calibrated index as one file that every process maps into its memory."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.calibrate import Calibration
from reasonbench.corpus.index import Units
from reasonbench.corpus.search import Arrays
from reasonbench.corpus.tail import Tail

VERSION = 4
"""Of the file."""
_END = b"the end"
"""Last bytes of the file: a machine that lost power may have left zeros in their place."""
_ALIGNED = 64
"""Bytes of which each array begins at a multiple."""


def save(calibration: Calibration, folder: Path) -> None:
    """Write an index to a folder; ``about.json`` comes last, and makes it whole."""
    folder.mkdir(parents=True, exist_ok=True)
    places: list[tuple[str, tuple[int, ...], int]] = []
    partial = folder / f"arrays.{os.getpid()}.partial"
    with open(partial, "wb") as file:
        for array in _leaves((calibration.arrays, calibration.units, calibration.searchable)):
            file.write(bytes(-file.tell() % _ALIGNED))
            places.append((array.dtype.str, array.shape, file.tell()))
            file.write(np.ascontiguousarray(array).data)
        file.write(_END)
    # not in place: another scan may have the one that is there in its memory
    partial.replace(folder / "arrays.bin")
    about = {
        "version": VERSION,
        "places": places,
        "tail": msgspec.to_builtins(calibration.tail),
        "n_records": calibration.n_records,
        "n_held_out": calibration.n_held_out,
    }
    partial = folder / f"about.{os.getpid()}.partial"
    partial.write_text(json.dumps(about))
    partial.replace(folder / "about.json")


def load(folder: Path) -> Calibration | None:
    """Return the index in a folder, or None where there is no whole one of this version."""
    try:
        about = json.loads((folder / "about.json").read_text())
        if about["version"] != VERSION:
            return None
        # copy on write: a read-only array would be another type to the compiler
        data = np.memmap(folder / "arrays.bin", np.uint8, mode="c")
        if data[-len(_END) :].tobytes() != _END:
            return None
        arrays = iter([np.ndarray(shape, dtype, data, at) for dtype, shape, at in about["places"]])
        return Calibration(
            _filled(Arrays, arrays),
            _filled(Units, arrays),
            msgspec.convert(about["tail"], Tail),
            next(arrays),
            about["n_records"],
            about["n_held_out"],
        )
    except (OSError, ValueError, TypeError, LookupError, StopIteration):
        return None


def _leaves(value: Any) -> Iterator[NDArray[Any]]:
    """Yield the arrays of tuples of tuples, in their order."""
    if isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _filled(kind: Any, arrays: Iterator[NDArray[Any]]) -> Any:
    """Return a tuple of tuples of such arrays."""
    kinds = get_type_hints(kind).values()
    nested = [isinstance(part, type) and issubclass(part, tuple) for part in kinds]
    parts = zip(kinds, nested, strict=True)
    return kind(*[_filled(part, arrays) if more else next(arrays) for part, more in parts])
