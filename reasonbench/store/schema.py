"""Tables of the store, as an ordered list of named migrations.

A migration that was released is never edited: a change is a new one at the end.  Each
runs in one transaction together with the row that records it.

Records lie in ``record`` columns as JSON; the other columns are what they are found by.
"""

import datetime
import sqlite3
from pathlib import Path
from typing import NamedTuple

from reasonbench.errors import StoreCorruptError, StoreSchemaError


class Migration(NamedTuple):
    """One step of the schema."""

    name: str
    """What it does; written beside its version."""
    statements: tuple[str, ...]
    """SQL, one statement each."""


_FIRST = (
    """CREATE TABLE schema_migrations (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TEXT NOT NULL)""",
    """CREATE TABLE plans (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record BLOB NOT NULL)""",
    """CREATE TABLE plan_uses (
        number INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans (number))""",
    "CREATE TABLE problems (digest TEXT PRIMARY KEY NOT NULL, record BLOB NOT NULL)",
    """CREATE TABLE plan_items (
        plan INTEGER NOT NULL REFERENCES plans (number),
        position INTEGER NOT NULL,
        key TEXT NOT NULL,
        task TEXT NOT NULL,
        sample_index INTEGER NOT NULL,
        problem TEXT NOT NULL REFERENCES problems (digest),
        PRIMARY KEY (plan, position),
        UNIQUE (plan, key)) WITHOUT ROWID""",
    """CREATE TABLE completions (
        key TEXT PRIMARY KEY NOT NULL, finish_reason TEXT NOT NULL, record BLOB NOT NULL)""",
    """CREATE TABLE grades (
        key TEXT NOT NULL REFERENCES completions (key),
        grader TEXT NOT NULL,
        problem TEXT NOT NULL REFERENCES problems (digest),
        record BLOB NOT NULL,
        PRIMARY KEY (key, grader, problem))""",
    """CREATE TABLE failures (
        number INTEGER PRIMARY KEY, key TEXT NOT NULL, record BLOB NOT NULL)""",
    "CREATE INDEX failures_by_key ON failures (key)",
    "CREATE TABLE sessions (number INTEGER PRIMARY KEY, record BLOB NOT NULL)",
    """CREATE TABLE session_ends (
        session INTEGER PRIMARY KEY REFERENCES sessions (number),
        status TEXT NOT NULL,
        ended TEXT)""",
)

MIGRATIONS: tuple[Migration, ...] = (Migration("first tables", _FIRST),)
"""Every migration; the version of a schema is the number of those applied."""


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, one transaction each."""
    for version in range(_version(connection) + 1, len(MIGRATIONS) + 1):
        migration = MIGRATIONS[version - 1]
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?)",
                (version, migration.name, datetime.datetime.now(datetime.UTC).isoformat()),
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check_schema(connection: sqlite3.Connection, file: Path, *, outdated_ok: bool) -> None:
    """Refuse a schema that this version does not know.

    Args:
        connection: an open connection; nothing is written.
        file: what it is open on, for the message.
        outdated_ok: whether an older schema passes (a writer migrates it next).

    Raises:
        StoreCorruptError: the file is a database, but no run.
        StoreSchemaError: a newer schema, another line of migrations, or an older one.
    """
    version = _version(connection)
    known = len(MIGRATIONS)
    if version == 0:
        raise StoreCorruptError(
            f"{file} is a SQLite file but no reasonbench run; nothing was changed",
            hint="choose another run directory",
        )
    if version > known:
        raise StoreSchemaError(
            f"{file} has schema version {version}, and this reasonbench knows up to {known}; "
            "nothing was changed",
            hint="upgrade with: pip install --upgrade reasonbench",
        )
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM schema_migrations ORDER BY version")
    ]
    expected = [migration.name for migration in MIGRATIONS[:version]]
    if names != expected:
        raise StoreSchemaError(
            f"{file} has the migrations {names}, and this reasonbench expects {expected}; "
            "nothing was changed",
            hint="open it with the version of reasonbench that wrote it",
        )
    if version < known and not outdated_ok:
        raise StoreSchemaError(
            f"{file} has schema version {version}, and reading it needs version {known}",
            hint="give the command that made the run again: it brings the file up to date",
        )


def _version(connection: sqlite3.Connection) -> int:
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'")
    if table.fetchone() is None:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return int(row[0])
