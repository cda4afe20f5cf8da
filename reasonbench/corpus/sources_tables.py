"""Rows of Parquet and Arrow files to blocks of plain text.

Only columns that hold text, at any depth, are searched; a row is the texts of its columns,
each after a newline.  Binary columns, numbers and nulls hold none.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from reasonbench.corpus.blocks import Account
from reasonbench.corpus.fields import MAX_DEPTH
from reasonbench.corpus.sources_reading import Checked, check_unchanged
from reasonbench.corpus.sources_rows import RowChecker, is_text
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.corpus.sources_streams import DamagedError

DAMAGED_ROWS = "in a damaged part of the file"
MAX_ROWS = 2**14
"""Most rows of a batch."""
MIN_ROWS = 16
MAX_BATCH_BYTES = 64 * 2**20
"""Bytes of text of a batch, unless one row has more: a dictionary can make much of little."""

FAULTS = (pa.ArrowException, OSError, ValueError, MemoryError, RecursionError)
"""What Arrow raises on a file that is not what it says."""


def parquet_shards(whole: Shard) -> Iterator[Shard]:
    """Yield a shard for each row group; for a file that cannot be read, one that says so."""
    try:
        with pq.ParquetFile(whole.path) as file:
            sizes = [file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)]
    except FAULTS:
        sizes = []
    total = sum(sizes) or 1
    for i, size in enumerate(sizes or [total]):
        # What a row group is in the file is not always told; its share of the file is.
        yield _part(whole, "parquet", i, whole.size * size // total)


def _part(whole: Shard, kind: str, part: int, size: int) -> Shard:
    return Shard(
        kind, whole.document, whole.path, size, whole.file_size, whole.mtime_ns, begin=part
    )


def read_parquet(shard: Shard, options: Options, account: Account) -> Checked:
    """Read one row group."""
    try:
        with open(shard.path, "rb") as raw:
            check_unchanged(shard, raw)
        with pq.ParquetFile(shard.path) as file:
            names = columns_of(file.schema_arrow, options)
            texts = [name for name in names if is_text(file.schema_arrow.field(name).type)]
            if shard.begin >= file.num_row_groups:
                return
            group = file.metadata.row_group(shard.begin)
        # Read as dictionaries, texts that stand for many rows take the room of one.
        with pq.ParquetFile(shard.path, read_dictionary=texts) as file:
            batches = file.iter_batches(
                _batch_rows(group), row_groups=[shard.begin], columns=names, use_threads=False
            )
            yield from _counted(shard, RowChecker(shard, options, account), batches, group.num_rows)
    except FAULTS as error:
        raise DamagedError(f"cannot be read as Parquet ({first_line(error)})") from error


def _counted(shard: Shard, checker: RowChecker, batches: Iterator[Any], n_rows: int) -> Checked:
    """Yield the blocks of all batches; the rows that a fault leaves unread are skipped ones."""
    seen = 0
    try:
        for batch in batches:
            for piece in pieces(batch):
                yield checker.block(piece, shard.size * piece.num_rows // n_rows)
                seen += piece.num_rows
    except FAULTS:
        yield checker.unread(n_rows - seen, DAMAGED_ROWS)


def read_arrow(shard: Shard, options: Options, account: Account) -> Checked:
    """Read an Arrow file or stream, as ``datasets`` saves them."""
    try:
        with pa.OSFile(shard.path) as source:
            reader, batches = _arrow_batches(source)
            names = columns_of(reader.schema, options)
            checker, told = RowChecker(shard, options, account), 0
            for batch in batches:
                for start in range(0, batch.num_rows, MAX_ROWS):
                    for piece in pieces(batch.slice(start, MAX_ROWS).select(names)):
                        n_bytes, told = source.tell() - told, source.tell()
                        yield checker.block(piece, n_bytes)
    except FAULTS as error:
        raise DamagedError(f"cannot be read as Arrow ({first_line(error)})") from error


def _arrow_batches(source: Any) -> tuple[Any, Iterator[Any]]:
    """Return the reader and the batches, each of which is what it says of its own buffers."""
    try:
        reader: Any = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        reader = pa.ipc.open_stream(source)
        return reader, (_whole(batch) for batch in reader)
    n = reader.num_record_batches
    return reader, (_whole(reader.get_batch(i)) for i in range(n))


def _whole(batch: Any) -> Any:
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        # A broken UTF-8 hides what else is wrong, and only this makes the rest safe to touch.
        raise DamagedError(f"holds a broken table ({first_line(error)})") from error
    return batch


def rows_before(shard: Shard) -> int:
    """Return the rows in the row groups before this one; 0 where nobody can tell."""
    try:
        with pq.ParquetFile(shard.path) as file:
            return sum(file.metadata.row_group(i).num_rows for i in range(shard.begin))
    except FAULTS:
        return 0


def pieces(batch: Any) -> Iterator[Any]:
    """Yield a batch in pieces of bounded size, its dictionaries undone."""
    coded = [i for i, field in enumerate(batch.schema) if pa.types.is_dictionary(field.type)]
    if not coded:
        yield batch
        return
    sizes = np.zeros(batch.num_rows, np.int64)
    for i in coded:
        sizes += _coded_sizes(batch.column(i))
    whole = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = int(whole[start - 1]) if start else 0
        stop = int(np.searchsorted(whole, before + MAX_BATCH_BYTES, side="right"))
        stop = min(max(stop, start + 1), batch.num_rows)
        part = batch.slice(start, stop - start)
        for i in coded:
            part = part.set_column(i, part.schema.field(i).name, _undone(part.column(i)))
        yield part
        start = stop


def _coded_sizes(column: Any) -> Any:
    if not is_text(column.dictionary.type):
        return np.zeros(len(column), np.int64)
    lengths = pc.binary_length(column.dictionary)
    taken = lengths.take(column.indices).fill_null(0)
    return taken.to_numpy(zero_copy_only=False).astype(np.int64)


def _undone(column: Any) -> Any:
    return column.dictionary.take(column.indices)


def columns_of(schema: Any, options: Options) -> list[str]:
    """Return the columns to read, each name once."""
    for field in schema:
        if _depth(field.type) > MAX_DEPTH:
            raise DamagedError(f"has a column that is nested deeper than {MAX_DEPTH}")
    if options.selection is None or options.whole_rows:
        # Of two columns of one name, neither can be told apart in a record.
        return [name for name in dict.fromkeys(schema.names) if schema.get_field_index(name) >= 0]
    return [name for name in options.selection.columns if schema.get_field_index(name) >= 0]


def _depth(kind: Any) -> int:
    """Return how deep a type is nested, as far as it matters."""
    depth, level = 0, [kind]
    while level and depth <= MAX_DEPTH:
        level = [k.field(i).type for k in level for i in range(k.num_fields)]
        depth += 1
    return depth


def _batch_rows(group: Any) -> int:
    per_row = max(1, group.total_byte_size // max(1, group.num_rows))
    return int(min(MAX_ROWS, max(MIN_ROWS, 8 * 2**20 // per_row)))


def first_line(error: BaseException) -> str:
    """Return the beginning of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
