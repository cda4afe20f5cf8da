"""The blocks of one shard, and what became of each of its rows."""

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import IO, Any

from reasonbench.corpus.blocks import Account, Block, Remark
from reasonbench.corpus.sources_lines import Splitter
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.corpus.sources_streams import DamagedError, read_head, unpacked
from reasonbench.errors import TraceError

Checked = Iterator[tuple[Block, Sequence[Remark]]]
"""Blocks, each with what is remarked on its rows."""
Reader = Callable[[Shard, Options, Account], Checked]


class Reading(Iterator[Block]):
    """The blocks of a shard, and what became of its rows.

    Raises (as it goes on):
        TraceError: the file was changed; or, where the reading is strict, a row that
            cannot be searched or a file that cannot be read to its end.
    """

    def __init__(self, shard: Shard, options: Options) -> None:
        self.account = Account()
        """Complete once the blocks are."""
        self._shard = shard
        self._options = options
        self._blocks = self._read()

    def __next__(self) -> Block:
        return next(self._blocks)

    def close(self) -> None:
        """Stop reading."""
        self._blocks.close()

    def _read(self) -> Generator[Block, None, None]:
        reader = _reader(self._shard.kind)
        try:
            for block, remarks in reader(self._shard, self._options, self.account):
                if self._options.strict and remarks:
                    raise self._refused(remarks)
                yield block
        except DamagedError as error:
            said = f"{self._shard.document} {error}; {self._read_so_far()}"
            if self._options.strict:
                raise TraceError(said, hint="fetch the file again, or leave --strict out") from None
            self.account.unread.append(said)

    def _read_so_far(self) -> str:
        try:
            row = first_row(self._shard) + self.account.lines
        except OSError:
            row = 0
        return f"nothing after line {row:,} was read" if row else "nothing of it was read"

    def _refused(self, remarks: Sequence[Remark]) -> TraceError:
        """Return the error that names the first row that is not as it should be."""
        remark = min(remarks, key=lambda remark: (int(remark.rows[0]), remark.reason))
        line = first_row(self._shard) + int(remark.rows[0]) + 1
        return TraceError(
            f"{self._shard.document}:{line} cannot be searched: {remark.reason}",
            hint="mend or drop that row, or leave --strict out to have such rows counted",
        )


def _reader(kind: str) -> Reader:
    if kind in ("lines", "packed"):
        return read_file
    if kind == "stream":
        return read_stream
    from reasonbench.corpus import sources_hub, sources_tables

    return {
        "parquet": sources_tables.read_parquet,
        "arrow": sources_tables.read_arrow,
        "hub": sources_hub.read_hub,
    }[kind]


def read_file(shard: Shard, options: Options, account: Account) -> Checked:
    """Read JSON Lines of a file, or of a range of it."""
    begin = shard.begin
    try:
        with open(shard.path, "rb", buffering=0) as raw:
            check_unchanged(shard, raw)
            if shard.kind == "lines":
                raw.seek(max(0, begin - 1))
            yield from _read_lines(shard, options, account, raw)
            check_unchanged(shard, raw)
    except OSError as error:
        raise DamagedError(f"cannot be read: {error.strerror or error}") from error


def read_stream(shard: Shard, options: Options, account: Account) -> Checked:
    """Read JSON Lines of standard input or a pipe."""
    with contextlib.ExitStack() as stack:
        if shard.path == "-":
            raw: Any = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        else:
            raw = stack.enter_context(open(shard.path, "rb", buffering=0))
        yield from _read_lines(shard, options, account, raw)


def _read_lines(shard: Shard, options: Options, account: Account, raw: IO[bytes]) -> Checked:
    from reasonbench.corpus.sources_check import Checker

    head = b"" if shard.kind == "lines" else read_head(raw)
    splitter = Splitter(unpacked(raw, head), shard.begin, shard.end, options.block_bytes)
    checker = Checker(shard.document, options.selection, account)
    for lines in splitter:
        yield checker.block(lines)
    if splitter.damage is not None:
        raise DamagedError(splitter.damage)


def check_unchanged(shard: Shard, raw: IO[bytes]) -> None:
    """See that a file is what it was when the shards were made.

    Raises:
        TraceError: it is not.
    """
    now = os.fstat(raw.fileno())
    if (now.st_size, now.st_mtime_ns) != (shard.file_size, shard.mtime_ns):
        raise TraceError(
            f"{shard.document} was changed while it was being read",
            hint="start again when nothing writes to it any more",
        )


def first_row(shard: Shard) -> int:
    """Return the row in its file at which a shard begins, by reading what stands before it."""
    if shard.kind == "parquet":
        from reasonbench.corpus.sources_tables import rows_before

        return rows_before(shard)
    if shard.kind != "lines" or shard.begin == 0:
        return 0
    # A line that begins where the shard does is its own: the newline before is not counted.
    count, left = 1, shard.begin - 1
    with open(shard.path, "rb", buffering=0) as raw:
        while left > 0 and (piece := raw.read(min(left, 2**20))):
            count += piece.count(b"\n")
            left -= len(piece)
    return count
