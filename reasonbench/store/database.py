"""Opening ``run.sqlite``: checks before use, pragmas, and SQLite's errors in our words.

Every check runs over a read-only connection, so a file that is refused stays as it was.
A new file is built under another name and moved into place: an empty ``run.sqlite`` is
therefore always damage, never an interrupted beginning.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from reasonbench.errors import (
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreWriteError,
)
from reasonbench.store.lock import is_held
from reasonbench.store.schema import check_schema, migrate

STORE_FILE = "run.sqlite"
BUSY_SECONDS = 10.0
HEADER_BYTES = 100
MAGIC = b"SQLite format 3\x00"
SAFE = "samples already committed are safe"


@contextmanager
def faults(file: Path, doing: Literal["read", "write"]) -> Iterator[None]:
    """Turn what SQLite and the system raise into a StoreError that names ``file``."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _from_sqlite(exc, file, doing) from exc
    except OSError as exc:
        raise _unusable(file, doing, exc.strerror or str(exc)) from exc
    except (OverflowError, UnicodeEncodeError) as exc:
        raise StoreError(f"{file} cannot hold this record: {exc}") from exc


def _from_sqlite(exc: sqlite3.Error, file: Path, doing: Literal["read", "write"]) -> StoreError:
    name = getattr(exc, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_FULL"):
        return StoreWriteError(
            f"the disk is full, so {file} cannot grow; {SAFE}",
            hint="free some space and give the same command again",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(file, f"is damaged ({exc})")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreLockedError(
            f"{file} is held by another program: {exc}",
            hint="close what has it open, such as a SQLite browser",
        )
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return _unusable(file, doing, str(exc))
    return StoreError(f"{file} refused this: {exc}")


def _unusable(file: Path, doing: Literal["read", "write"], why: str) -> StoreError:
    if doing == "read":
        return StoreError(
            f"{file} cannot be read: {why}",
            hint="check its rights, or copy the whole run directory to where you can write",
        )
    return StoreWriteError(
        f"{file} cannot be written: {why}; {SAFE}",
        hint="check free space, quota and rights, then give the same command again",
    )


def corrupt(file: Path, what: str) -> StoreCorruptError:
    """Return the error for a damaged file."""
    return StoreCorruptError(
        f"{file} {what}; nothing was changed",
        hint=f"restore it from a backup, or move it aside and begin again: mv {file} {file}.bad",
    )


def open_writer(directory: Path) -> sqlite3.Connection:
    """Return a connection for writing, the file made, checked and up to date.

    The caller holds the directory's lock.
    """
    file = directory / STORE_FILE
    if not file.exists():
        with faults(file, "write"):
            _refuse_orphaned_log(file)
            _build(file)
    _open_checked(file, writer_alive=False, outdated_ok=True).close()
    with faults(file, "write"):
        connection = _connect(file, "mode=rw")
        try:
            _use_log(connection, file)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(directory: Path) -> sqlite3.Connection:
    """Return a read-only connection; a process may be writing meanwhile."""
    file = directory / STORE_FILE
    require_run(directory)
    return _open_checked(file, writer_alive=is_held(directory), outdated_ok=False)


def require_run(directory: Path) -> None:
    """Refuse a directory that holds no run."""
    file = directory / STORE_FILE
    with faults(file, "read"):
        if file.exists():
            return
        _refuse_orphaned_log(file)
    raise StoreError(
        f"there is no run in {directory}: it has no {STORE_FILE}",
        hint="name a directory that 'reasonbench run' or 'reasonbench audit' wrote",
    )


def _open_checked(file: Path, *, writer_alive: bool, outdated_ok: bool) -> sqlite3.Connection:
    with faults(file, "read"):
        log_left = _log_size(file) > 0
        if not log_left:
            _check_length(file)
        connection = _connect_reader(file)
        try:
            check_schema(connection, file, outdated_ok=outdated_ok)
            if not writer_alive and (log_left or _unended(connection)):
                _check_integrity(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _connect(file: Path, query: str) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?{query}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)


def _connect_reader(file: Path) -> sqlite3.Connection:
    connection = _connect(file, "mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as exc:
        connection.close()
        name = getattr(exc, "sqlite_errorname", None) or ""
        # In a directory without write permission SQLite cannot share a log; without a
        # log there is nothing to share, and nobody writes to such a file.
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and not _log_size(file):
            return _connect(file, "mode=ro&immutable=1")
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _use_log(connection: sqlite3.Connection, file: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreWriteError(
            f"{file} cannot use a write-ahead log: its file system offers only {mode!r}",
            hint="keep the run directory on a local file system",
        )


def _build(file: Path) -> None:
    new = file.with_name(f"{file.name}.new")
    for leftover in (new, *(_beside(new, end) for end in ("journal", "wal", "shm"))):
        leftover.unlink(missing_ok=True)
    connection = _connect(new, "mode=rwc")
    try:
        migrate(connection)
        _use_log(connection, file)
    finally:
        connection.close()
    new.rename(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(file: Path, end: str) -> Path:
    return file.with_name(f"{file.name}-{end}")


def _log_size(file: Path) -> int:
    try:
        return _beside(file, "wal").stat().st_size
    except FileNotFoundError:
        return 0


def _refuse_orphaned_log(file: Path) -> None:
    if _log_size(file):
        raise corrupt(file, "is missing while its write-ahead log is there")


def _check_length(file: Path) -> None:
    with file.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
        size = os.fstat(stream.fileno()).st_size
    if not header:
        raise corrupt(file, "is empty")
    if not header.startswith(MAGIC[: len(header)]):
        raise corrupt(file, "is not a SQLite file")
    if len(header) < HEADER_BYTES:
        raise corrupt(file, f"is cut short: {size} bytes")
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    expected = page_size * int.from_bytes(header[28:32], "big")
    if header[24:28] == header[92:96] and size < expected:
        raise corrupt(file, f"is cut short: {size} of {expected} bytes")


def _unended(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sessions WHERE number NOT IN (SELECT session FROM session_ends) LIMIT 1"
    return connection.execute(query).fetchone() is not None


def _check_integrity(connection: sqlite3.Connection, file: Path) -> None:
    (first,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if first != "ok":
        raise corrupt(file, f"is damaged ({first})")


def rows_added(run: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Run a statement for each row; return how many rows it added."""
    before = run.total_changes
    run.executemany(statement, rows)
    return run.total_changes - before
