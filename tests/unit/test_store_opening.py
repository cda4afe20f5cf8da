"""Opening and closing a run directory: lock, pragmas, migrations."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from reasonbench.errors import StoreError, StoreLockedError, StoreSchemaError
from reasonbench.records import Session
from reasonbench.store import STORE_FILE, Store, schema

SESSION = Session(
    plan="p",
    command=("run",),
    versions={},
    platform="",
    pid=1,
    started=datetime(2026, 1, 2, tzinfo=UTC),
)


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "deep" / "run") as opened:
        yield opened


def test_one_process_cannot_write_twice_at_once(store):
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()}"):
        Store.create(store.path)


def test_closing_gives_the_lock_back_and_leaves_one_file(store):
    store.close()
    store.close()
    with Store.create(store.path):
        pass
    assert sorted(f.name for f in store.path.iterdir()) == ["lock", STORE_FILE]


def test_a_closed_store_says_so(store):
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.plans()


def test_another_process_cannot_use_the_store(store, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(StoreError, match="opened by another process"):
        store.plans()
    monkeypatch.undo()


@pytest.mark.parametrize("name", ["a b?c#d%41", "ü\udcff"])
def test_any_directory_name_works(tmp_path, name):
    with Store.create(tmp_path / name) as store:
        assert store.plans() == []
    with Store.read(tmp_path / name) as store:
        assert store.plans() == []
    assert (tmp_path / name / STORE_FILE).is_file()


def test_migrations_are_applied_in_order_and_named(store, monkeypatch):
    store.begin_session(SESSION)
    store.close()
    more = (
        *schema.MIGRATIONS,
        schema.Migration(
            "add notes", ("CREATE TABLE notes (text)", "CREATE INDEX n ON notes (text)")
        ),
    )
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    with pytest.raises(StoreSchemaError, match="reading it needs version"):
        Store.read(store.path)
    for _ in range(2):
        with Store.create(store.path) as migrated:
            rows = migrated._open().execute("SELECT version, name FROM schema_migrations")
            assert rows.fetchall() == [(i, m.name) for i, m in enumerate(more, 1)]
            assert len(migrated.sessions()) == 1


def test_a_migration_that_fails_changes_nothing(store, monkeypatch):
    store.begin_session(SESSION)
    store.close()
    known = schema.MIGRATIONS
    broken = schema.Migration("broken", ("CREATE TABLE notes (text)", "CREATE NONSENSE"))
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, broken))
    with pytest.raises(StoreError, match="NONSENSE"):
        Store.create(store.path)
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    with closing(sqlite3.connect(store.path / STORE_FILE)) as connection:
        assert (
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchall() == []
        )
    with Store.create(store.path) as again:
        assert len(again.sessions()) == 1


def test_the_file_survives_sigkill_and_power_cuts_by_its_pragmas(store):
    connection = store._open()
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1)):
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
