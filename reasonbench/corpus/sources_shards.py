"""Parts of the traces, and how they are read."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from reasonbench.corpus.fields import Selection
from reasonbench.identity import digest

if TYPE_CHECKING:
    from reasonbench.corpus.sources_reading import Reading

BLOCK_BYTES = 2**20
"""Bytes of a block, unless one record is longer."""
LEAST_RANGE, MOST_RANGE = 8 * 2**20, 64 * 2**20
"""Bytes of a plain file in one shard."""
RANGES = 32
"""Into which a file is cut, within these bounds: workers end together that have many."""


class Options(NamedTuple):
    """How shards are read."""

    selection: Selection | None = None
    """What is searched; None: every text."""
    strict: bool = False
    """True: refuse what would be skipped."""
    block_bytes: int = BLOCK_BYTES
    """Bytes of a block."""
    whole_rows: bool = False
    """True: tables keep the columns that are not searched."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the traces that one process reads at one go."""

    kind: str
    """``lines``, ``packed``, ``stream``, ``parquet``, ``arrow`` or ``hub``."""
    document: str
    """Name of the file, or of the dataset and its part, as it is printed."""
    path: str
    """Where it lies; for a Hub dataset what it is loaded by, as JSON."""
    size: int
    """Bytes of this part; 0 where nobody can know."""
    file_size: int = 0
    """Bytes of the file, by which a change is noticed."""
    mtime_ns: int = 0
    """Time of the file's last change, for the same."""
    begin: int = 0
    """First byte of a range, or the row group or part."""
    end: int | None = None
    """One past the last byte of a range."""

    @property
    def key(self) -> str:
        """Identify what this part holds, as long as the file is not changed."""
        name = self.path if self.kind == "hub" else os.path.abspath(self.path)
        return digest(self.kind, name, self.file_size, self.mtime_ns, self.begin, self.end)

    @property
    def is_stream(self) -> bool:
        """True where it can be read once only, and by the process that has it open."""
        return self.kind == "stream"

    def blocks(self, options: Options | None = None) -> "Reading":
        """Read the blocks in their order; the reading keeps the account."""
        from reasonbench.corpus.sources_reading import Reading

        return Reading(self, options or Options())
