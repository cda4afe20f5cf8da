"""A stream of bytes to blocks of whole lines, all of them.

The lines of a plain file can be read in byte ranges; a line belongs to the range that its
first byte stands in.  A line beyond ``MAX_LINE_BYTES`` is dropped as it is read.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reasonbench.corpus.blocks import MAX_LINE_BYTES, PADDING, Bytes, Places
from reasonbench.corpus.sources_streams import DamagedError, Stream

_TAIL = 2**16
"""Bytes read at a time beyond the end of a range, for the line that goes on there."""


class Lines(NamedTuple):
    """Some whole lines."""

    data: Bytes
    starts: Places
    ends: Places
    row: int
    """Row of the first one."""
    n_bytes: int
    """Bytes of the file that they stand for."""
    complete: bool
    """False where the last one has no newline."""
    is_first: bool
    """True where the first one is the first of the file."""
    too_long: bool = False
    """One line whose bytes were not kept."""


_EMPTY = np.zeros(0, np.int64)
_NO_BYTES = np.zeros(PADDING, np.uint8)


class Splitter:
    """Cuts a stream into blocks of whole lines.

    Args:
        stream: what to read; for a range, from the byte before it.
        begin: first byte of the range, 0 for a whole stream.
        end: one past its last byte; None reads to the end.
        size: bytes of a block.
    """

    def __init__(self, stream: Stream, begin: int, end: int | None, size: int) -> None:
        self._stream = stream
        self._end = end
        self._size = size
        self._at = begin - 1 if begin else 0
        self._row = 0
        self._is_whole = begin == 0
        # True while what is read belongs to a line that is not, or no longer, ours.
        self._dropping = begin > 0
        self._held: Bytes = _NO_BYTES[:0]
        self._told = 0
        self.damage: str | None = None
        """Why the stream could not be read to its end."""

    def __iter__(self) -> Iterator[Lines]:
        over = self._is_beyond(self._at + (1 if self._dropping else 0))
        while not over:
            data, n, is_end = self._read()
            lines, over = self._split(data, n, is_end)
            over = over or is_end
            if lines is not None:
                yield lines
            if not over and len(self._held) > MAX_LINE_BYTES:
                self._at += len(self._held)
                self._held, self._dropping = _NO_BYTES[:0], True
                yield self._lines(_NO_BYTES, _EMPTY, _EMPTY, too_long=True)

    def _is_beyond(self, at: int) -> bool:
        return self._end is not None and at >= self._end

    def _read(self) -> tuple[Bytes, int, bool]:
        """Return a buffer of what was held and what follows, its length, and if it is the end."""
        held = len(self._held)
        step = min(max(self._size, held), MAX_LINE_BYTES + self._size - held)
        if self._end is not None:
            left = self._end - self._at - held
            step = min(step, left) if left > 0 else min(step, max(_TAIL, held))
        step = max(step, min(_TAIL, self._size))
        data = np.empty(held + step + PADDING, np.uint8)
        data[:held] = self._held
        n, room = held, held + step
        view = data.data
        try:
            while n < room and (got := self._stream.readinto(view[n:room])):
                n += got
        except DamagedError as error:
            self.damage = str(error)
        data[n : n + PADDING] = 0
        return data, n, n < room

    def _split(self, data: Bytes, n: int, is_end: bool) -> tuple[Lines | None, bool]:
        """Return the whole lines of ``data``, and whether the next one is not ours."""
        from reasonbench.corpus.jsonbytes import newlines

        breaks = newlines(data, len(self._held), n)
        first = 0
        if self._dropping:
            if not len(breaks):
                self._at += n
                return None, self._is_beyond(self._at)
            first, breaks, self._dropping = int(breaks[0]) + 1, breaks[1:], False
        starts = np.concatenate((np.array([first], np.int64), breaks + 1))
        rest, ends, complete = int(starts[-1]), breaks, True
        if is_end and self.damage is None and rest < n:
            ends, complete, rest = np.append(breaks, n), False, n
        else:
            starts = starts[:-1]
        over = self._is_beyond(self._at + rest)
        if self._end is not None:
            ours = int(np.searchsorted(starts, self._end - self._at))
            complete = complete or ours < len(starts)
            starts, ends = starts[:ours], ends[:ours]
        self._at += rest
        if not len(starts):
            self._held = data[rest:n]
            return None, over
        # Zeros take the place of what follows the last record.
        self._held = data[rest:n].copy()
        last = int(ends[-1]) + complete
        data = data[: last + PADDING]
        data[last:] = 0
        return self._lines(data, starts, ends, complete=complete), over

    def _lines(
        self,
        data: Bytes,
        starts: Places,
        ends: Places,
        *,
        complete: bool = True,
        too_long: bool = False,
    ) -> Lines:
        row, told = self._row, self._told
        self._row += 1 if too_long else len(starts)
        self._told = self._stream.consumed
        is_first = self._is_whole and row == 0
        return Lines(data, starts, ends, row, self._told - told, complete, is_first, too_long)
