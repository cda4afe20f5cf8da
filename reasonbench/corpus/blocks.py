"""Many records as raw bytes, and the account of what was read and what was skipped.

A block lends its bytes to the scan, which decodes nothing; a record that is flagged is
decoded by ``Block.fields``.  Rows are counted from the start of the shard that the block
comes from: a byte range does not know how many lines stand before it.  ``first_rows`` tells,
once all ranges of a file are read.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from reasonbench.corpus.fields import Field, Selection, collect

PADDING = 64
"""Zero bytes after the last record of a block: the scan reads 64 bytes at once."""
MAX_LINE_BYTES = 64 * 2**20
"""Longest record that is read."""
NO_TEXT = "no text"
"""Reason of a row in which nothing can be searched."""
MAX_EXAMPLES = 10
"""Rows that an account names; the others are only counted."""

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


class Skips(NamedTuple):
    """Rows that cannot be searched, in their order."""

    rows: Places
    """Row of each in its shard, counted from 0."""
    starts: Places
    """First byte of each in the block's data."""
    ends: Places
    """One past its last byte; the same as ``starts`` where its bytes were not kept."""
    codes: npt.NDArray[np.int64]
    """Place of its reason in ``reasons``."""
    reasons: tuple[str, ...]
    """Why they cannot be searched."""


_NONE = np.zeros(0, np.int64)
NO_SKIPS = Skips(_NONE, _NONE, _NONE, _NONE, ())

Found = tuple[str, Places, bool]
"""A reason, the places among the rows of a block that it is said of, and are they skipped."""


def gathered_skips(found: Sequence[Found], rows: Places, starts: Places, ends: Places) -> Skips:
    """Return the skipped rows of a block in their order."""
    skipped = [(reason, at) for reason, at, is_skip in found if is_skip]
    places = np.concatenate([_NONE, *(at for _, at in skipped)])
    codes = np.repeat(np.arange(len(skipped)), [len(at) for _, at in skipped])
    order = np.argsort(places, kind="stable")
    places = places[order]
    reasons = tuple(reason for reason, _ in skipped)
    return Skips(rows[places], starts[places], ends[places], codes[order], reasons)


@dataclass(frozen=True, slots=True)
class Block:
    """Usable records of one shard, in their order, as bytes."""

    document: str
    """Name of the file, or of the dataset and its part."""
    data: Bytes
    """Records one after another; at least ``PADDING`` zero bytes follow the last one."""
    starts: Places
    """First byte of each record."""
    ends: Places
    """One past the last byte of each, the newline not included."""
    rows: Places
    """Row of each in its shard, counted from 0; blank lines count."""
    escaped: bool
    """True: JSON with its escapes.  False: the texts of a row, each after a newline."""
    n_bytes: int
    """Bytes of the shard that this block stands for."""
    selection: Selection | None = None
    """What a person named to be searched."""
    skips: Skips = NO_SKIPS
    """Rows between these that cannot be searched."""
    table: Any = None
    """The Arrow table whose rows these are, where ``escaped`` is False."""
    table_rows: Places | None = None
    """Row of each record in ``table``."""

    def __len__(self) -> int:
        return len(self.starts)

    def record(self, i: int) -> dict[str, Any]:
        """Decode record ``i``."""
        if self.table is None:
            return decode(self.data[self.starts[i] : self.ends[i]].data)
        return self._row(i)

    def fields(self, i: int) -> list[Field]:
        """Return the texts of record ``i`` that are searched.

        Raises:
            UnsearchableError: it holds too many texts.
        """
        return collect(self.record(i), self.selection)

    def raw(self, i: int) -> bytes:
        """Return record ``i`` byte for byte, with a newline; a table's row as JSON."""
        if self.table is None:
            return self.data[self.starts[i] : self.ends[i]].tobytes() + b"\n"
        return row_line(self._row(i))

    def _row(self, i: int) -> dict[str, Any]:
        assert self.table_rows is not None
        row: dict[str, Any] = self.table.slice(int(self.table_rows[i]), 1).to_pylist()[0]
        return row


def decode(line: bytes | memoryview) -> dict[str, Any]:
    """Decode a line that was checked to be a JSON object."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson refuses two things that JSON can spell: lone surrogates, numbers beyond a double.
        value = json.loads(bytes(line))
    assert isinstance(value, dict)
    return value


def row_line(row: dict[str, Any]) -> bytes:
    """Return a table's row as a line of JSON; bytes become base64, dates ISO 8601, NaN null."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(row, default=_plain, option=options)


def _plain(value: Any) -> Any:
    """Give a JSON form to what a table can hold and JSON cannot."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


class Remark(NamedTuple):
    """One thing that is not as it should be, and the rows that it is said of."""

    reason: str
    """What."""
    rows: Places
    """Rows in their shard, in order."""
    is_skip: bool
    """True: they are not searched.  False: they are, but for a field that was asked for."""


@dataclass(slots=True)
class Account:
    """What became of every row of a shard, or of several.

    Rows read + rows skipped = rows of the shard, but for a tail that could not be read.
    """

    lines: int = 0
    """Lines, blank ones too, or rows of a table."""
    blank: int = 0
    """Lines without a row."""
    rows_read: int = 0
    """Rows that were searched."""
    rows_skipped: Counter[str] = field(default_factory=Counter)
    """Rows that were not, by reason."""
    rows_partial: Counter[str] = field(default_factory=Counter)
    """Rows that were searched without a field that was asked for, by reason."""
    examples: list[tuple[int, str]] = field(default_factory=list)
    """First rows of the two above, and their reasons."""
    unread: list[str] = field(default_factory=list)
    """Why the rest of the shard could not be read, a sentence each."""

    def enter(self, remarks: Sequence[Remark]) -> None:
        """Count what is remarked on the rows of the next block."""
        named: list[tuple[int, str]] = []
        for remark in remarks:
            counter = self.rows_skipped if remark.is_skip else self.rows_partial
            counter[remark.reason] += len(remark.rows)
            named.extend((int(row), remark.reason) for row in remark.rows[:MAX_EXAMPLES])
        for row, reason in sorted(named):
            self._example(row, reason)

    def _example(self, row: int, reason: str) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append((row, reason))

    def add(self, other: "Account") -> None:
        """Add the account of the shard that follows in the same file."""
        before = self.lines
        self.lines += other.lines
        self.blank += other.blank
        self.rows_read += other.rows_read
        self.rows_skipped.update(other.rows_skipped)
        self.rows_partial.update(other.rows_partial)
        for row, reason in other.examples:
            self._example(before + row, reason)
        self.unread.extend(other.unread)

    def named(self, document: str) -> list[str]:
        """Return the examples as ``file:line: reason``, lines counted from 1."""
        return [f"{document}:{row + 1}: {reason}" for row, reason in self.examples]


def first_rows(parts: Iterable[tuple[str, Account]]) -> list[int]:
    """Return the row in its file at which each part begins.

    Args:
        parts: document and account of every shard, those of a file in their order.
    """
    lines: Counter[str] = Counter()
    first = []
    for document, account in parts:
        first.append(lines[document])
        lines[document] += account.lines
    return first


def by_document(parts: Sequence[tuple[str, Account]]) -> dict[str, Account]:
    """Return one account for each file."""
    accounts: dict[str, Account] = {}
    for document, account in parts:
        accounts.setdefault(document, Account()).add(account)
    return accounts
