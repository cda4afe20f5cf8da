"""Files as they come: what kind they are by their bytes, and their rows within limits.

Nothing is unpacked to disk, nothing is unpickled, and no file is read beyond the limits below.
JSON must be UTF-8, name no key twice and nest no deeper than Python's own reader goes; NaN and
infinity, which harnesses write where a metric failed, are read as missing.
"""

import csv
import hashlib
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import zstandard

from reasonbench.errors import ReasonbenchError
from reasonbench.interchange.import_values import brief
from reasonbench.interchange.imported import Row

MAX_FILE = 8 * 2**30
"""Bytes of a log."""
MAX_LINE = 256 * 2**20
"""Bytes of one line, one row or one entry; 64 long thoughts are some 10 MiB."""
MAX_DOCUMENT = 2**30
"""Bytes of a JSON document that must be read as a whole."""
MAX_UNPACKED = 16 * 2**30
"""Bytes that the entries of a zip, or the columns of a table, may come to."""
MAX_ENTRIES = 1_000_000
"""Entries of a zip."""
MAX_NUMBER = 400
"""Digits of a number in JSON."""
BATCH = 16
"""Rows of a table that are decoded at once."""
ZSTD = 93
"""Number of the zstd method in a zip."""

Kind = Literal["zip", "parquet", "json", "jsonl", "csv"]


class Log:
    """One file, open for reading.  Its digest is that of the bytes that are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._document: Any = None
        try:
            if not path.is_file():
                what = "is a folder, and a log is a file" if path.is_dir() else "is no file"
                raise ReasonbenchError(f"{path} {what}", hint="name the files themselves")
            self._stream: IO[bytes] = path.open("rb")
        except OSError as error:
            raise ReasonbenchError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            self.size = self._stream.seek(0, 2)
            if not 0 < self.size <= MAX_FILE:
                limit = f"above the limit of {MAX_FILE // 2**30} GiB" if self.size else "empty"
                raise self.bad(f"is {limit}")
            self._stream.seek(0)
            self.sha256 = hashlib.file_digest(self._stream, "sha256").hexdigest()
            self.kind = self._kind()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def bad(self, why: str, hint: str | None = None) -> ReasonbenchError:
        """Return the error for the whole file."""
        return ReasonbenchError(f"{self.path} {why}", hint=hint)

    def _kind(self) -> Kind:
        self._stream.seek(0)
        head = self._stream.read(4096)
        if head.startswith(b"PK\x03\x04"):
            return "zip"
        if head.startswith(b"PAR1"):
            return "parquet"
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"["):
            return "json"
        if not text.startswith(b"{"):
            return "csv"
        self._stream.seek(0)
        line = self._stream.readline(MAX_LINE)
        try:
            first = json.loads(line)
        except (ValueError, RecursionError):
            return "json" if text[1:].lstrip(b" \t").startswith((b"\n", b"\r")) else "jsonl"
        is_document = isinstance(first, dict) and "eval" in first
        return "json" if is_document and not self._stream.read(64).strip() else "jsonl"

    def document(self) -> Any:
        """Return the whole file as JSON."""
        if self._document is not None:
            return self._document
        if self.size > MAX_DOCUMENT:
            raise self.bad(
                f"is one JSON document of more than {MAX_DOCUMENT // 2**20:,} MiB",
                hint="take the harness's other form: .eval, JSONL or Parquet",
            )
        self._stream.seek(0)
        self._document = decode(self._stream.read(), Row(self.path, 1, {}, "document"))
        return self._document

    def rows(self) -> Iterator[Row]:
        """Yield the rows of a table, of JSON lines or of a JSON array."""
        if self.kind == "parquet":
            yield from self._table()
        elif self.kind == "csv":
            yield from self._csv()
        elif self.kind == "json":
            found = self.document()
            for number, value in enumerate(found if isinstance(found, list) else [found], start=1):
                yield self._row(number, value)
        else:
            yield from self._lines()

    def _row(self, number: int, value: Any) -> Row:
        if not isinstance(value, dict):
            raise Row(self.path, number, {}).bad(f"a row is an object, got {brief(value)}")
        return Row(self.path, number, value)

    def _lines(self) -> Iterator[Row]:
        self._stream.seek(0)
        number = 0
        while line := self._stream.readline(MAX_LINE + 1):
            number += 1
            where = Row(self.path, number, {})
            if len(line) > MAX_LINE:
                raise where.bad(f"it is longer than {MAX_LINE // 2**20} MiB")
            if line.strip():
                yield self._row(number, decode(line, where))

    def _csv(self) -> Iterator[Row]:
        self._stream.seek(0)
        header: list[str] | None = None
        number = 0
        while line := self._stream.readline(MAX_LINE + 1):
            number += 1
            where = Row(self.path, number, {})
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                cells = next(csv.reader([text], strict=True), [])
            except UnicodeDecodeError as error:
                raise where.bad(f"it is not UTF-8 (byte {error.start})") from error
            except csv.Error as error:
                raise where.bad(f"it is no CSV: {error}") from error
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = cells
                if len(set(header)) < len(header):
                    raise where.bad(f"the header names a column twice: {brief(header)}")
                continue
            if len(cells) != len(header):
                raise where.bad(f"it has {len(cells)} cells, and the header {len(header)}")
            yield Row(self.path, number, dict(zip(header, cells, strict=True)))

    def _table(self) -> Iterator[Row]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = unpacked = 0
        try:
            self._stream.seek(0)
            table = pq.ParquetFile(self._stream)
            groups = (table.metadata.row_group(i) for i in range(table.num_row_groups))
            if sum(group.total_byte_size for group in groups) > MAX_UNPACKED:
                raise self.bad(f"comes to more than {MAX_UNPACKED // 2**30} GiB")
            for batch in table.iter_batches(batch_size=BATCH, use_threads=False):
                unpacked += batch.get_total_buffer_size()
                if unpacked > MAX_UNPACKED or batch.get_total_buffer_size() > BATCH * MAX_LINE:
                    raise Row(self.path, number + 1, {}).bad(
                        f"the table comes to more than {MAX_UNPACKED // 2**30} GiB, or one row to "
                        f"more than {MAX_LINE // 2**20} MiB"
                    )
                for value in batch.to_pylist():
                    number += 1
                    yield self._row(number, value)
        except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
            said = str(error).partition("\n")[0][:200]
            where = Row(self.path, number + 1, {})
            raise where.bad(f"the Parquet table cannot be read: {said}") from error

    def entries(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
        """Yield the JSON entries of a zip that begin with one of ``wanted``, with their names."""
        self._stream.seek(0)
        try:
            listing = zipfile.ZipFile(self._stream)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise self.bad(f"is a damaged zip: {error}", "copy it again; it may be cut") from error
        infos = listing.infolist()
        if len(infos) > MAX_ENTRIES:
            raise self.bad(f"has more than {MAX_ENTRIES:,} entries")
        seen: set[str] = set()
        left = MAX_UNPACKED
        for number, info in enumerate(infos, start=1):
            where = Row(self.path, number, {}, "entry")
            name = info.filename
            if name in seen:
                raise where.bad(f"the name {brief(name)} is there twice")
            if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
                raise where.bad(f"the name {brief(name)} leads out of the log; it is not read")
            seen.add(name)
            if not name.endswith(".json") or not name.startswith(wanted):
                continue
            data = _unpacked(self._stream, info, where, min(left, MAX_LINE))
            left -= len(data)
            if left <= 0:
                raise where.bad(f"the log unpacks to more than {MAX_UNPACKED // 2**30} GiB")
            yield name, data


def decode(data: bytes, where: Row) -> Any:
    """Return JSON; an error names the row."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise where.bad(f"it is not UTF-8 (byte {error.start})") from error
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=lambda _: None,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError as error:
        raise where.bad("it is nested too deeply") from error
    except ValueError as error:
        raise where.bad(f"it is no JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {brief(twice)} is there twice")
    return found


def _finite(text: str) -> float | None:
    """Return a number; one beyond all floats is missing, as infinity is."""
    value = float(text)
    return value if math.isfinite(value) else None


def _whole(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _unpacked(stream: IO[bytes], info: zipfile.ZipInfo, where: Row, limit: int) -> bytes:
    """Return an entry; Python's own reader knows no zstd, so the bytes are found by hand."""
    if info.flag_bits & 1:
        raise where.bad("it is encrypted")
    stream.seek(info.header_offset)
    header = stream.read(30)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise where.bad("the zip is damaged: no entry stands where its listing says")
    n_name, n_extra = struct.unpack("<HH", header[26:30])
    stream.seek(n_name + n_extra, 1)
    if info.compress_size > limit:
        raise where.bad(f"it is larger than {limit:,} bytes")
    packed = stream.read(info.compress_size)
    if len(packed) < info.compress_size:
        raise where.bad("the file ends within it", "copy it again; it is cut")
    try:
        data = _inflate(packed, info.compress_type, limit + 1, where)
    except (zlib.error, zstandard.ZstdError) as error:
        raise where.bad(f"it cannot be unpacked: {error}") from error
    if len(data) > limit:
        raise where.bad(f"it unpacks to more than {limit:,} bytes")
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise where.bad("it is damaged: its checksum does not match")
    return data


def _inflate(packed: bytes, method: int, limit: int, where: Row) -> bytes:
    if method == zipfile.ZIP_STORED:
        return packed
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit)
    if method == ZSTD:
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(
            packed, read_across_frames=True
        ) as reader:
            return reader.read(limit)
    raise where.bad(f"it is packed by the method {method}, and zstd, deflate and none are read")
