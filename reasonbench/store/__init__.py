"""The run directory: append-only records in one SQLite file, resumable at any moment.

Invariants:

- A sample exists once.  Completions are keyed by digest; what was added first stays,
  and nothing is ever updated or deleted.
- One writer at a time, held by a kernel lock that dies with its process; any number of
  readers beside it.
- ``kill -9`` loses at most what was not committed.  Write-ahead logging with
  ``synchronous=NORMAL`` also keeps the file sound through a power cut, which may cost
  the last transactions (they are then owed again, never half there).
- A file that is damaged, cut short or of a newer schema is left byte for byte as it is.

Not covered: several writers at once, network file systems without locks, and a
write-ahead log that somebody shortens by hand (its lost tail cannot be told from
transactions that never happened).
"""

from reasonbench.store.core import Store
from reasonbench.store.database import STORE_FILE

__all__ = ["STORE_FILE", "Store"]
