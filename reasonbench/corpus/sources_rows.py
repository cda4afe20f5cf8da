"""Rows of an Arrow batch to a block: the texts of each, one after another, as UTF-8."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reasonbench.corpus.blocks import (
    MAX_LINE_BYTES,
    NO_TEXT,
    PADDING,
    Account,
    Block,
    Bytes,
    Found,
    Places,
    Remark,
    gathered_skips,
)
from reasonbench.corpus.fields import MAX_FIELDS, UnsearchableError, collect
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.corpus.sources_streams import DamagedError

NOT_UTF8 = "not UTF-8"
TOO_MANY = f"more than {MAX_FIELDS:,} text fields"
TOO_LONG = f"row longer than {MAX_LINE_BYTES // 2**20} MiB"


def is_text(kind: Any) -> bool:
    """Tell whether an Arrow type is text."""
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def texts(array: Any, keys: Sequence[str] = ()) -> Any:
    """Return the texts of each row under ``keys``, each after a newline; None for no text.

    Args:
        array: a column.
        keys: field names down to the text; lists are gone through.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return texts(array.storage, keys)
    if pa.types.is_dictionary(kind):
        return texts(array.dictionary_decode(), keys)
    if is_text(kind):
        if keys:
            return None
        joined = pc.binary_join_element_wise(
            pa.scalar("\n", pa.large_string()),
            array.cast(pa.large_string()),
            pa.scalar("", pa.large_string()),
        )
        return joined.fill_null("")
    if pa.types.is_struct(kind):
        children = zip(kind, array.flatten(), strict=True)
        wanted = [c for field, c in children if not keys or field.name == keys[0]]
        return together([texts(child, keys[1:]) for child in wanted])
    if pa.types.is_map(kind) or (pa.types.is_nested(kind) and hasattr(array, "flatten")):
        return _listed(array, keys)
    return None


def together(columns: Sequence[Any]) -> Any:
    """Join the texts of several columns row by row; None where none holds any."""
    found = [column for column in columns if column is not None]
    if len(found) <= 1:
        return found[0] if found else None
    return pc.binary_join_element_wise(*found, pa.scalar("", pa.large_string()))


def _listed(array: Any, keys: Sequence[str]) -> Any:
    """Join the texts of each list: those of neighbours are neighbours already."""
    if pa.types.is_map(array.type):
        plain = pa.ListArray.from_arrays(
            array.offsets, pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        )
        return _listed(plain, keys)
    below = texts(array.flatten(), keys)
    if below is None:
        return None
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    firsts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    offsets, values = buffers(below)
    return pa.LargeStringArray.from_buffers(
        len(array), pa.py_buffer(np.ascontiguousarray(offsets[firsts])), values
    )


def buffers(array: Any) -> tuple[Places, Any]:
    """Return the offsets of a large string array without nulls, and its bytes."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offsets, values = array.buffers()
    if offsets is None:
        return np.zeros(1, np.int64), values
    places = np.frombuffer(offsets, np.int64, len(array) + array.offset + 1)
    return places[array.offset :], values


class RowChecker:
    """Makes blocks of batches, and keeps the account."""

    def __init__(self, shard: Shard, options: Options, account: Account) -> None:
        self._document = shard.document
        self._options = options
        self._account = account

    def block(self, batch: Any, n_bytes: int) -> tuple[Block, list[Remark]]:
        """Check rows and account for each; also return what is remarked on them."""
        n = batch.num_rows
        usable = np.ones(n, np.bool_)
        found: list[Found] = []

        def drop(reason: str, at: Places) -> None:
            at = at[usable[at]]
            usable[at] = False
            if len(at):
                found.append((reason, at, True))

        drop(NOT_UTF8, _not_utf8(batch))
        offsets, values, lacking = self._texts(batch)
        for reasons, at, is_all in lacking:
            if is_all:
                drop(", ".join(reasons), at)
            else:
                found += [(reason, at[usable[at]], False) for reason in reasons]
        lengths = np.diff(offsets)
        drop(TOO_LONG, np.flatnonzero(lengths > MAX_LINE_BYTES))
        data = np.zeros(offsets[-1] - offsets[0] + PADDING, np.uint8)
        if values is not None:
            data[:-PADDING] = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]]
        starts = offsets - offsets[0]
        drop(TOO_MANY, _too_many(batch, data, starts, np.flatnonzero(lengths >= MAX_FIELDS)))
        return self._built(batch, (data, starts), usable, found, n_bytes)

    def unread(self, n: int, reason: str) -> tuple[Block, list[Remark]]:
        """Account for rows of which nothing could be had."""
        found: list[Found] = [(reason, np.arange(n, dtype=np.int64), True)]
        usable = np.zeros(n, np.bool_)
        nothing = np.zeros(PADDING, np.uint8), np.zeros(n + 1, np.int64)
        return self._built(None, nothing, usable, found, 0)

    def _texts(self, batch: Any) -> tuple[Places, Any, list[tuple[list[str], Places, bool]]]:
        """Return offsets and bytes of each row's texts, and which rows lack what.

        The last are reasons, rows, and whether these hold nothing that is searched.
        """
        names = batch.schema.names
        selection = self._options.selection
        if selection is None:
            columns = [texts(column) for column in batch.columns]
        else:
            columns = [
                texts(batch.column(names.index(keys[0])), keys[1:]) if keys[0] in names else None
                for keys, _ in selection.paths
            ]
        joined = together(columns)
        if joined is None:
            offsets, values = np.zeros(batch.num_rows + 1, np.int64), None
        else:
            offsets, values = buffers(joined)
        empty = np.diff(offsets) == 0
        if selection is None:
            return offsets, values, [([NO_TEXT], np.flatnonzero(empty), True)]
        reasons = [
            _lack(batch, keys, c) for (keys, _), c in zip(selection.paths, columns, strict=True)
        ]
        return offsets, values, _lacking(columns, reasons, empty)

    def _built(
        self,
        batch: Any,
        texts_of: tuple[Bytes, Places],
        usable: npt.NDArray[np.bool_],
        found: list[Found],
        n_bytes: int,
    ) -> tuple[Block, list[Remark]]:
        data, offsets = texts_of
        account, first = self._account, self._account.lines
        rows = np.arange(first, first + len(usable), dtype=np.int64)
        remarks = [Remark(reason, rows[at], is_skip) for reason, at, is_skip in found if len(at)]
        account.lines += len(usable)
        account.rows_read += int(usable.sum())
        account.enter(remarks)
        nowhere = np.zeros(len(usable), np.int64)
        block = Block(
            document=self._document,
            data=data,
            starts=offsets[:-1][usable],
            ends=offsets[1:][usable],
            rows=rows[usable],
            escaped=False,
            n_bytes=n_bytes,
            selection=self._options.selection,
            skips=gathered_skips(found, rows, nowhere, nowhere),
            table=batch,
            table_rows=np.flatnonzero(usable),
        )
        return block, remarks


def _lack(batch: Any, keys: Sequence[str], column: Any) -> str:
    """Say what is wrong with rows that hold no text under ``keys``."""
    name = ".".join(keys)
    if keys[0] not in batch.schema.names:
        return f"field {name} is missing"
    if column is None:
        kind = batch.schema.field(keys[0]).type
        return f"field {name} is {str(kind)[:80]}, not text"
    return f"field {name} is null, not text"


def _lacking(
    columns: Sequence[Any], reasons: Sequence[str], empty: npt.NDArray[np.bool_]
) -> list[tuple[list[str], Places, bool]]:
    """Group rows by which of the columns hold no text in them."""
    lacks = np.ones((len(empty), len(columns)), np.bool_)
    for k, column in enumerate(columns):
        if column is not None:
            lacks[:, k] = np.diff(buffers(column)[0]) == 0
    patterns, members = np.unique(lacks, axis=0, return_inverse=True)
    members = members.ravel()
    return [
        ([reasons[k] for k in np.flatnonzero(pattern)], np.flatnonzero(members == i), pattern.all())
        for i, pattern in enumerate(patterns)
        if pattern.any()
    ]


def _not_utf8(batch: Any) -> Places:
    """Return the rows that hold text that is none.

    Raises:
        DamagedError: the batch is broken in another way.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise DamagedError(f"holds a broken table ({error})") from error
    else:
        return np.zeros(0, np.int64)
    bad = []
    for i in range(batch.num_rows):
        try:
            batch.slice(i, 1).to_pylist()
        except UnicodeDecodeError:
            bad.append(i)
    return np.array(bad, np.int64)


def _too_many(batch: Any, data: Bytes, offsets: Places, at: Places) -> Places:
    """Return those of the rows ``at`` that hold more texts than are searched."""
    found = []
    for i in at.tolist():
        if int((data[offsets[i] : offsets[i + 1]] == 0x0A).sum()) > MAX_FIELDS:
            try:
                collect(batch.slice(i, 1).to_pylist()[0])
            except UnsearchableError:
                found.append(i)
    return np.array(found, np.int64)
