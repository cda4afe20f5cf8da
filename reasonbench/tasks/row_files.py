"""Rows of a local file: JSON Lines, a JSON array, CSV or Parquet, packed by gzip or Zstandard.

What a file begins with counts, not its name, but for CSV, which has no mark.  A damaged file, or
a line that is no row, is an error that names the place: a benchmark with a part missing is
another benchmark.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reasonbench.corpus.sources_streams import DamagedError, Stream, read_head, unpacked
from reasonbench.errors import TaskError

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands, and the row."""

MAX_LINE_BYTES = 1 << 30
"""Of one JSON line; LiveCodeBench's longest have about a tenth."""
BATCH_ROWS = 64
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
PACKED = (".gz", ".zst")
"""What the name of a file of rows may end with."""


def is_data_file(name: str) -> bool:
    """Tell whether a name is that of a file of rows."""
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    return lower.endswith(SUFFIXES)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        TaskError: it cannot be read, or holds what is no row.
    """
    try:
        with path.open("rb") as raw:
            head = read_head(raw)
            if head == b"PAR1":
                yield from _parquet(path)
                return
            stream = io.BufferedReader(_Unpacked(unpacked(raw, head)))
            yield from _CSV.get(_kind(path), _json)(path, stream)
    except (DamagedError, OSError) as error:
        said = getattr(error, "strerror", None) or error
        raise TaskError(
            f"the file {path} cannot be read: {said}", hint="check it, or download it again"
        ) from error


def _kind(path: Path) -> str:
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


class _Unpacked(io.RawIOBase):
    """A stream of the corpus readers as a file."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; less only at the end, so that a look ahead sees enough."""
        view, filled = memoryview(buffer), 0
        while filled < len(view) and (n := self._stream.readinto(view[filled:])):
            filled += n
        return filled


def _parquet(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (pa.ArrowException, ValueError, MemoryError) as error:
        said = " ".join(str(error).split())[:200]
        raise TaskError(
            f"the Parquet file {path} cannot be read after row {number}: {said}",
            hint="check it, or download it again",
        ) from error


def _json(path: Path, stream: io.BufferedReader) -> Iterator[Row]:
    start = stream.peek(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        rows = _decoded(stream.read(), f"{path}")
        for number, row in enumerate(rows, 1):
            yield _checked(row, f"{path}, row {number}")
        return
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        where = f"{path}, line {number}"
        if len(line) > MAX_LINE_BYTES:
            raise TaskError(f"{where}: longer than {MAX_LINE_BYTES:,} bytes")
        if line.strip():
            yield _checked(_decoded(line, where), where)


def _decoded(content: bytes, where: str) -> Any:
    try:
        return json.loads(content.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TaskError(f"{where}: not UTF-8", hint="save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"
        raise TaskError(
            f"{where}: {said}", hint="write one JSON object a line, or an array of objects"
        ) from error


def _checked(row: Any, where: str) -> Row:
    if not isinstance(row, dict):
        raise TaskError(f"{where}: {type(row).__name__} found, JSON object expected")
    return where, row


def _table(path: Path, stream: io.BufferedReader, delimiter: str) -> Iterator[Row]:
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    number = 0
    try:
        for number, row in enumerate(csv.DictReader(lines, delimiter=delimiter, strict=True), 1):
            if None in row or None in row.values():
                raise csv.Error("it has not as many fields as the header")
            yield f"{path}, row {number}", row
    except (csv.Error, UnicodeDecodeError) as error:
        said = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise TaskError(
            f"the CSV file {path} cannot be read after row {number}: {said}",
            hint="check it, or download it again",
        ) from error


_CSV = {
    ".csv": lambda path, stream: _table(path, stream, ","),
    ".tsv": lambda path, stream: _table(path, stream, "\t"),
}
