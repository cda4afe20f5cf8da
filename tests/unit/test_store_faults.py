"""What happens to a run when its process, disk or file fails."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from reasonbench.errors import (
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreSchemaError,
    StoreWriteError,
)
from reasonbench.store import STORE_FILE, Store

WRITER = Path(__file__).with_name("store_writer.py")
BATCH = 5


@contextmanager
def writer(mode, directory):
    process = subprocess.Popen(
        [sys.executable, str(WRITER), mode, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def heard(process):
    return json.loads(process.stdout.readline())


def all_heard(process):
    process.stdin.close()
    return [json.loads(line) for line in process.stdout]


def run_to_end(mode, directory):
    with writer(mode, directory) as process:
        return all_heard(process)


def stored(directory, opened=Store.read):
    with opened(directory) as store:
        return [c.key for _, c in store.completions(store.latest_plan().digest())]


def statuses(directory, opened=Store.read):
    with opened(directory) as store:
        return [session.status for session in store.sessions()]


@pytest.fixture
def finished(tmp_path):
    directory = tmp_path / "run"
    with writer("stepping", directory) as process:
        process.stdin.write("go\n" * 8)
        assert len(all_heard(process)) == 8
    return directory


@pytest.fixture
def killed(tmp_path):
    """Return a run whose writer was killed with its write-ahead log not yet merged."""
    directory = tmp_path / "run"
    with writer("stepping", directory) as process:
        process.stdin.write("go\ngo\n")
        process.stdin.flush()
        heard(process), heard(process)
    assert (directory / f"{STORE_FILE}-wal").stat().st_size > 0
    return directory


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_only_what_was_in_flight_and_the_run_goes_on(tmp_path, seed):
    rng = random.Random(seed)
    acknowledged = []
    for _ in range(2):
        with writer("writing", tmp_path) as process:
            for _ in range(rng.randrange(1, 250)):
                acknowledged += heard(process)["committed"]
            process.kill()
            process.wait()
            for line in process.stdout:
                if line.endswith("\n"):
                    acknowledged += json.loads(line)["committed"]
        keys = stored(tmp_path)
        assert set(acknowledged) <= set(keys)
        assert len(keys) == len(set(keys))
        assert len(keys) % BATCH == 0, "a transaction is there wholly or not at all"
    assert stored(tmp_path, Store.create) == keys
    with closing(sqlite3.connect(tmp_path / STORE_FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_killed_session_reads_as_killed_before_and_after_the_next_writer(killed):
    assert statuses(killed) == ["killed"]
    assert statuses(killed, Store.create) == ["killed"]
    assert statuses(killed) == ["killed"]
    with Store.read(killed) as store:
        assert store.sessions()[0].ended is None


def test_a_second_writer_is_refused_with_the_owners_pid(tmp_path):
    with writer("stepping", tmp_path) as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        heard(process)
        with pytest.raises(StoreLockedError, match=f"by process {process.pid} on ") as caught:
            Store.create(tmp_path)
        assert f"kill {process.pid}" in caught.value.hint
        assert statuses(tmp_path) == ["running"]


def test_the_lock_of_a_killed_owner_is_free(killed):
    with Store.create(killed) as store:
        assert store.path == killed


@pytest.mark.parametrize("mode", ["forking", "spawning"])
def test_a_child_that_outlives_its_killed_owner_does_not_keep_the_lock(tmp_path, mode):
    with writer(mode, tmp_path) as process:
        heard(process)
        process.kill()
        process.wait()
        assert statuses(tmp_path, Store.create) == ["killed"]


def test_a_forked_child_that_closes_the_store_leaves_its_parent_the_lock_and_the_log(tmp_path):
    with writer("closing_in_a_child", tmp_path) as process:
        assert len(heard(process)["committed"]) == BATCH
        with pytest.raises(StoreLockedError, match=f"process {process.pid}"):
            Store.create(tmp_path)
        assert len(stored(tmp_path)) == BATCH


def test_a_reader_sees_what_is_committed_while_another_process_writes(tmp_path):
    with writer("stepping", tmp_path) as process:
        for step in range(1, 4):
            process.stdin.write("go\n")
            process.stdin.flush()
            heard(process)
            assert len(stored(tmp_path)) == step * BATCH


def test_a_reader_that_stays_open_sees_later_commits(tmp_path):
    with writer("stepping", tmp_path) as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        heard(process)
        with Store.read(tmp_path) as store:
            plan_id = store.latest_plan().digest()
            assert len(store.present(plan_id)) == BATCH
            process.stdin.write("go\n")
            process.stdin.flush()
            heard(process)
            assert len(store.present(plan_id)) == 2 * BATCH


def test_a_full_disk_stops_the_run_and_keeps_what_was_committed(tmp_path):
    *committed, error = run_to_end("starved", tmp_path)
    assert error["error"] == "StoreWriteError"
    assert "samples already committed are safe" in error["message"]
    assert "same command again" in error["hint"]
    keys = [key for message in committed for key in message["committed"]]
    assert len(keys) > 100
    assert stored(tmp_path) == keys
    assert statuses(tmp_path) == ["failed"]
    assert stored(tmp_path, Store.create) == keys


def test_a_full_disk_is_told_apart_from_other_faults(finished):
    with Store.create(finished) as store:
        session = store.sessions()[0]
        connection = store._open()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreWriteError, match=r"the disk is full, so .* cannot grow"):
            store.begin_session(msgspec.structs.replace(session, platform="x" * 99_999))
        connection.execute("PRAGMA max_page_count = 4294967294")
        store.begin_session(session)
    assert len(statuses(finished)) == 2


@pytest.fixture
def foreign(finished):
    """Return a finished run that another user's process may read but not write."""
    directory = Path(tempfile.mkdtemp(prefix="reasonbench-test-"))
    shutil.copytree(finished, directory, dirs_exist_ok=True)
    directory.chmod(0o555)
    for file in directory.iterdir():
        file.chmod(0o444)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def test_without_rights_a_finished_run_is_read_and_not_written(foreign):
    before = sorted(file.name for file in foreign.iterdir())
    read, error = run_to_end("without_rights", foreign)
    assert read == {"read": 8 * BATCH}
    assert error["error"] == "StoreWriteError"
    assert "Permission denied" in error["message"]
    assert sorted(file.name for file in foreign.iterdir()) == before


def test_without_rights_a_killed_run_is_read_with_its_log(foreign, tmp_path):
    foreign.chmod(0o755)
    shutil.rmtree(tmp_path / "run")
    with writer("stepping", tmp_path / "run") as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        heard(process)
    for file in (tmp_path / "run").iterdir():
        shutil.copy(file, foreign / file.name)
        (foreign / file.name).chmod(0o444)
    foreign.chmod(0o555)
    read, error = run_to_end("without_rights", foreign)
    assert read == {"read": BATCH}
    assert error["error"] == "StoreWriteError"


def assert_refused(directory, error, match):
    """Both ways of opening refuse, and leave every byte of the run as it is."""
    file = directory / STORE_FILE
    before = file.read_bytes()
    for opened in (Store.read, Store.create):
        with pytest.raises(error, match=match) as caught:
            opened(directory)
        assert "nothing was changed" in caught.value.message
        assert str(file) in caught.value.message
        assert caught.value.hint
    assert file.read_bytes() == before


@pytest.mark.parametrize("kept", [0, 1, 50, 99, 100, 101, 4096, 5000, -4096, -1])
def test_a_file_cut_short_is_refused(finished, kept):
    file = finished / STORE_FILE
    size = file.stat().st_size
    os.truncate(file, kept if kept >= 0 else size + kept)
    assert_refused(finished, StoreCorruptError, "is empty" if kept == 0 else "is cut short")


@pytest.mark.parametrize("content", [b"\0" * 9000, b"{}", "no database " * 999])
def test_a_file_that_is_no_database_is_refused(finished, content):
    raw = content if isinstance(content, bytes) else content.encode()
    (finished / STORE_FILE).write_bytes(raw)
    assert_refused(finished, StoreCorruptError, "is not a SQLite file")


def test_a_database_of_another_program_is_refused(finished):
    (finished / STORE_FILE).unlink()
    with closing(sqlite3.connect(finished / STORE_FILE)) as connection:
        connection.execute("CREATE TABLE birds (name)")
    assert_refused(finished, StoreCorruptError, "no reasonbench run")


def test_a_damaged_page_is_found_after_an_unclean_end(killed):
    Store.create(killed).close()
    with writer("stepping", killed) as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        heard(process)
    file = killed / STORE_FILE
    raw = bytearray(file.read_bytes())
    for page in range(2, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(raw)
    assert_refused(killed, StoreCorruptError, "is damaged")


def test_a_newer_schema_is_refused_with_both_versions(finished):
    with closing(sqlite3.connect(finished / STORE_FILE)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future', '')")
        connection.commit()
    assert_refused(finished, StoreSchemaError, r"schema version 99, .* knows up to \d+")


def test_another_line_of_migrations_is_refused(finished):
    with closing(sqlite3.connect(finished / STORE_FILE)) as connection:
        connection.execute("UPDATE schema_migrations SET name = 'a fork'")
        connection.commit()
    assert_refused(finished, StoreSchemaError, "a fork")


def test_a_log_without_its_file_is_refused(killed):
    (killed / STORE_FILE).unlink()
    log = (killed / f"{STORE_FILE}-wal").read_bytes()
    for opened in (Store.read, Store.create):
        with pytest.raises(StoreCorruptError, match="is missing while its write-ahead log"):
            opened(killed)
    assert (killed / f"{STORE_FILE}-wal").read_bytes() == log


def test_an_interrupted_beginning_is_begun_again(tmp_path):
    (tmp_path / f"{STORE_FILE}.new").write_bytes(b"half a file")
    (tmp_path / f"{STORE_FILE}.new-journal").write_bytes(b"and its journal")
    with Store.create(tmp_path) as store:
        assert store.latest_plan() is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", STORE_FILE]


def test_reading_where_no_run_is_says_so_and_makes_nothing(tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(StoreError, match="there is no run in") as caught:
            Store.read(directory)
        assert "reasonbench run" in caught.value.hint
        with pytest.raises(StoreError, match="there is no run in"):
            Store.create(directory, must_exist=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreWriteError, match="File exists"):
        Store.create(tmp_path / "file")
    with pytest.raises(StoreError):
        Store.read(tmp_path / "file")


def test_a_writer_by_another_program_is_named_as_such(finished, monkeypatch):
    monkeypatch.setattr("reasonbench.store.database.BUSY_SECONDS", 0.0)
    with closing(sqlite3.connect(finished / STORE_FILE)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError, match="held by another program"):
            Store.create(finished)
