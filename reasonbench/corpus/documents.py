"""Reading trace files row by row, with an account of every row.

JSON Lines, plain or compressed (``.zst``, ``.gz``).  A row that cannot be used is
yielded as ``Skipped`` with its reason, so rows read + rows skipped = rows in the file.
A file that breaks off in the middle of its compression is an error: what follows the
break cannot be counted.  Memory is bounded by the longest line, capped at 64 MiB, and by
the caps on a row's fields and on the length of their paths.

All text can be written as UTF-8: a lone surrogate, which JSON can spell, becomes U+FFFD,
one character for one, so that offsets stay what they are.

Not covered: Parquet, Hub datasets, standard input.
"""

import contextlib
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import zstandard

from reasonbench.errors import TraceError

MAX_LINE_BYTES = 64 * 2**20
MAX_DEPTH = 100
"""Deepest nesting of a row that is searched."""
MAX_FIELDS = 1_000_000
"""Most text fields of a row that is searched."""
MAX_PATH = 200
"""Most characters of a field's path: a longer one keeps its two ends."""
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.zst", ".jsonl.gz")

_SURROGATE = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """A row's text fields."""

    number: int
    """Line in its file, counted from 0; blank lines count, though they are no rows."""
    fields: list[tuple[str, str]]
    """Path of each text field, such as ``messages[0].content``, and its text."""


class Skipped(NamedTuple):
    """A row that cannot be searched."""

    number: int
    """Line in its file, counted from 0."""
    reason: str
    """Why not."""


def encodable(text: str) -> str:
    """Return ``text`` with each lone surrogate replaced by U+FFFD, at the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def read_rows(path: Path) -> Iterator[Row | Skipped]:
    """Yield every row of a trace file; blank lines are no rows.

    Raises:
        TraceError: no such file, an unknown kind, or a broken compression.
    """
    number = -1
    try:
        with _open(path) as stream:
            for number, line in enumerate(_lines(stream)):
                if line is None or line.strip():
                    yield _row(number, line)
    except (zstandard.ZstdError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise TraceError(
            f"{path} is damaged after line {number + 1}: {error}",
            hint="fetch the file again; nothing after that line can be read",
        ) from error
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if not path.name.endswith(SUFFIXES):
        raise TraceError(
            f"{path} is not a kind of trace file that can be read",
            hint=f"give a file ending in {', '.join(SUFFIXES)}",
        )
    with path.open("rb") as raw:
        if path.name.endswith(".zst"):
            yield io.BufferedReader(_ZstdStream(raw), 2**18)
        elif path.name.endswith(".gz"):
            with gzip.open(raw) as stream:
                yield io.BufferedReader(stream)
        else:
            yield raw


class _ZstdStream(io.RawIOBase):
    """Zstandard frames one after another; ending inside a frame is an error.

    (zstandard's own ``stream_reader`` ends a cut frame in silence.)
    """

    CHUNK = 4096
    """Compressed bytes a step: a hostile frame can make 32,768 times as many of them."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._compressed = b""
        self._plain = b""

    def readable(self) -> bool:
        """Return True, as a raw stream must."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` and return how many bytes were written; 0 at the end."""
        while not self._plain and self._fill():
            pass
        size = min(len(buffer), len(self._plain))
        buffer[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _fill(self) -> bool:
        data = self._compressed or self._raw.read(self.CHUNK)
        self._compressed = b""
        if not data:
            if self._frame is not None:
                raise EOFError("the compressed file ends in the middle of a frame")
            return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._plain = self._frame.decompress(data)
        if self._frame.eof:
            self._compressed, self._frame = self._frame.unused_data, None
        return True


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield lines; None stands for one that is too long to hold."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
        yield None


def _row(number: int, line: bytes | None) -> Row | Skipped:
    if line is None:
        return Skipped(number, f"line longer than {MAX_LINE_BYTES // 2**20} MiB")
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Skipped(number, "not UTF-8")
    except (ValueError, RecursionError):
        return Skipped(number, "not JSON")
    if not isinstance(value, dict):
        return Skipped(number, "not a JSON object")
    fields: list[tuple[str, str]] = []
    try:
        _collect(value, "", 0, fields)
    except _UnsearchableError as error:
        return Skipped(number, str(error))
    return Row(number, fields) if fields else Skipped(number, "no text")


class _UnsearchableError(Exception):
    """A row that is beyond a cap; the message says which."""


def _collect(value: Any, path: str, depth: int, fields: list[tuple[str, str]]) -> None:
    """Append every text below ``value``, in the order of the document."""
    if isinstance(value, str):
        if len(fields) >= MAX_FIELDS:
            raise _UnsearchableError(f"more than {MAX_FIELDS:,} text fields")
        fields.append((path, encodable(value)))
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise _UnsearchableError(f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            for key, item in value.items():
                _collect(item, _below(path, f".{_short(key)}" if path else key), depth + 1, fields)
        else:
            for i, item in enumerate(value):
                _collect(item, _below(path, f"[{i}]"), depth + 1, fields)


def _below(path: str, step: str) -> str:
    return encodable(_short(path + step))


def _short(path: str) -> str:
    if len(path) <= MAX_PATH:
        return path
    half = MAX_PATH // 2
    return f"{path[: half - 1]}…{path[-half:]}"
