"""Traces written again: what is clean, and what was removed with its reasons.

Records keep their bytes and their order over all files.  What could not be searched is not
clean: it stands with what was removed.  Clean and removed together are the input, but for
blank lines, lines beyond ``MAX_LINE_BYTES`` and a tail that could not be read.

Both files appear under their names when both are complete and on the disk, or not at all.
"""

import base64
import contextlib
import gzip
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
import orjson
import zstandard

from reasonbench.corpus.blocks import Block, row_line
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.errors import TraceError

NOT_SEARCHED = "not searched: "
"""What the reason of a row begins with that could not be searched."""

_NONE = np.zeros(0, np.int64)

Reasons = Mapping[int, Sequence[str]]
"""Row in a shard to why it is removed."""


class Written(NamedTuple):
    """What was written."""

    kept: int
    """Records in the clean file."""
    removed: int
    """Records that were removed for what was found in them."""
    not_searched: int
    """Rows that were removed because they could not be searched."""
    unread: tuple[str, ...]
    """Why the rest of a file could not be read, a sentence each."""


class OutputFile:
    """A file that appears under its name when it is complete.

    Its name's ending gives its compression: ``.zst``, ``.gz``, or none.

    Raises (each method):
        TraceError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        with self._attributed():
            self._raw: IO[bytes] = open(self._temporary, "xb")  # noqa: SIM115
            self._stream: Any = self._packing()

    def _packing(self) -> Any:
        if self._path.name.endswith(".zst"):
            packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
            return packer.stream_writer(self._raw, closefd=False)
        if self._path.name.endswith(".gz"):
            # No name and no time in its header: the same records give the same bytes.
            return gzip.GzipFile("", "wb", 6, self._raw, mtime=0)
        return self._raw

    def write(self, *pieces: bytes | memoryview) -> None:
        """Append bytes."""
        with self._attributed():
            for piece in pieces:
                self._stream.write(piece)

    def finish(self) -> None:
        """Bring what was written to the disk."""
        with self._attributed():
            if self._stream is not self._raw:
                self._stream.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()

    def publish(self) -> None:
        """Give the finished file its name."""
        with self._attributed():
            os.replace(self._temporary, self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def __enter__(self) -> "OutputFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # On a full disk, closing fails once more on what is still buffered.
        with contextlib.suppress(OSError):
            self._raw.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)

    @contextlib.contextmanager
    def _attributed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TraceError(
                f"{self._path} cannot be written: {error.strerror or error}",
                hint="free space or name another place; nothing was left under that name",
            ) from error


def write_split(
    shards: Sequence[Shard],
    reasons: Mapping[str, Reasons],
    *,
    clean: Path | None,
    removed: Path | None,
    options: Options | None = None,
) -> Written:
    """Write the traces again, parted into what is clean and what is not.

    Args:
        shards: all traces, in their order, as they were searched.
        reasons: by the key of a shard, its rows that are removed, each with its reasons.
        clean: file of the records that stay.
        removed: file of the others: document, row, reasons and record of each.
        options: how the shards were read.

    Raises:
        TraceError: a shard that cannot be read twice, or was changed since it was searched;
            a file that cannot be written.
    """
    check_outputs(shards, [path for path in (clean, removed) if path is not None])
    if not set(reasons) <= {shard.key for shard in shards}:
        raise _changed("the traces")
    with contextlib.ExitStack() as stack:
        outputs = [
            stack.enter_context(OutputFile(path)) if path is not None else None
            for path in (clean, removed)
        ]
        parting = _Parting(*outputs)
        for shard in shards:
            parting.part(shard, reasons.get(shard.key, {}), options or Options())
        for finished in outputs:
            if finished is not None:
                finished.finish()
        for finished in outputs:
            if finished is not None:
                finished.publish()
    return Written(parting.kept, parting.removed, parting.not_searched, tuple(parting.unread))


def check_outputs(shards: Sequence[Shard], outputs: Sequence[Path]) -> None:
    """See that the traces can be written again, before they are searched.

    Raises:
        TraceError: a shard that cannot be read twice, or an output that is an input or another.
    """
    for shard in shards if outputs else ():
        if shard.is_stream:
            raise TraceError(
                f"{shard.document} cannot be read a second time",
                hint="save it to a file, and give that",
            )
    taken = {os.path.realpath(shard.path) for shard in shards if shard.kind != "hub"}
    for path in outputs:
        real = os.path.realpath(path)
        if real in taken:
            raise TraceError(
                f"{path} would be written over", hint="name a file that is no input or output yet"
            )
        taken.add(real)


def _changed(name: str) -> TraceError:
    return TraceError(f"{name} changed after being searched", hint="search them again")


class _Parting:
    """Sends each row to the one file or the other."""

    def __init__(self, clean: OutputFile | None, removed: OutputFile | None) -> None:
        self._clean = clean
        self._removed = removed
        self.kept = self.removed = self.not_searched = 0
        self.unread: list[str] = []
        self._lines: Counter[str] = Counter()

    def part(self, shard: Shard, reasons: Reasons, options: Options) -> None:
        """Part one shard."""
        reading = shard.blocks(options._replace(whole_rows=True))
        first, missing = self._lines[shard.document], len(reasons)
        wanted = np.fromiter(reasons, np.int64, len(reasons))
        for block in reading:
            mine = np.flatnonzero(np.isin(block.rows, wanted)) if missing else _NONE
            self._part(block, mine.tolist(), reasons, first)
            missing -= len(mine)
        self._lines[shard.document] += reading.account.lines
        self.unread += reading.account.unread
        if missing:
            raise _changed(shard.document)

    def _part(self, block: Block, mine: list[int], reasons: Reasons, first: int) -> None:
        """Part one block, of which the records ``mine`` are removed."""
        kept = np.ones(len(block), np.bool_)
        kept[mine] = False
        self.kept += int(kept.sum())
        self.removed += len(mine)
        self.not_searched += len(block.skips.rows)
        if self._clean is not None:
            for piece in _records(block, kept):
                self._clean.write(piece, b"\n")
        if self._removed is not None:
            dropped = [(int(block.rows[i]), self._found(block, i, reasons, first)) for i in mine]
            dropped += _unsearched(block, first)
            for _, line in sorted(dropped):
                self._removed.write(line)

    def _found(self, block: Block, i: int, reasons: Reasons, first: int) -> bytes:
        row = int(block.rows[i])
        about = {"document": block.document, "row": first + row, "reasons": list(reasons[row])}
        return orjson.dumps(about)[:-1] + b',"record":' + block.raw(i)[:-1].strip() + b"}\n"


def _records(block: Block, kept: Any) -> Iterator[bytes | memoryview]:
    """Yield the kept records without their last newline, in runs that are together anyway."""
    at = np.flatnonzero(kept)
    if block.table is not None:
        rows = block.table.to_pylist() if len(at) else []
        assert block.table_rows is not None
        for place in block.table_rows[at].tolist():
            yield row_line(rows[place])[:-1]
    elif len(at):
        starts, ends = block.starts[at], block.ends[at]
        breaks = np.flatnonzero(starts[1:] != ends[:-1] + 1)
        firsts = np.concatenate(([0], breaks + 1))
        lasts = np.append(breaks, len(at) - 1)
        for start, end in zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True):
            yield block.data[start:end].data


def _unsearched(block: Block, first: int) -> list[tuple[int, bytes]]:
    """Return the rows that could not be searched: text as such, other bytes in base64."""
    lines = []
    skips = block.skips
    for row, start, end, code in zip(
        skips.rows.tolist(),
        skips.starts.tolist(),
        skips.ends.tolist(),
        skips.codes.tolist(),
        strict=True,
    ):
        about: dict[str, Any] = {
            "document": block.document,
            "row": first + row,
            "reasons": [NOT_SEARCHED + skips.reasons[code]],
        }
        raw = block.data[start:end].tobytes()
        try:
            about["line"] = raw.decode() if end > start else None
        except UnicodeDecodeError:
            about["line_base64"] = base64.b64encode(raw).decode()
        lines.append((row, orjson.dumps(about) + b"\n"))
    return lines
