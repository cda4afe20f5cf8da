"""The processes that search shards: they end when they are to, whatever happens."""

import os
import signal
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
from scan_world import World, write_items, write_jsonl

from reasonbench.corpus.scan import ScanOptions, scan
from reasonbench.corpus.sources import expand
from reasonbench.errors import TraceError

SLOW = """
import sys
from pathlib import Path
from reasonbench.corpus import scan, sources
from reasonbench.corpus.items import read_items

traces, items = sys.argv[1:]
shards = sources.expand([traces], range_bytes=200_000)
options = scan.ScanOptions(workers=2)
try:
    scan.scan(shards, read_items(Path(items)), options, lambda n: n and print("on", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def scanning(tmp_path):
    """Start a scan that takes some seconds, and yield it once its two workers are at work."""
    world = World(4)
    items = world.items(10)
    records = world.records(300)
    for number, record in enumerate(records):
        world.plant(record, items[number % 10], "mid-trace")
    traces = write_jsonl(tmp_path / "traces.jsonl", records * 40)
    items = write_items(tmp_path / "items.jsonl", items)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(traces), str(items)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    children = []
    try:
        assert process.stdout.readline() == "on\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(folders(tmp_path)) == 1
        yield process, children, tmp_path
    finally:
        for one in children:
            if one.is_running():
                one.kill()
        process.kill()
        process.communicate()


def ended(children, seconds=30):
    """Wait until none of the processes runs."""
    _, left = psutil.wait_procs(children, timeout=seconds)
    return [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


def folders(place):
    return list(Path(place).glob("reasonbench-scan-*"))


def test_they_and_their_folder_go_when_the_scan_is_killed(scanning):
    process, children, place = scanning
    assert len(children) >= 4  # two workers, what they are forked from, and a tracker
    process.kill()
    process.wait()
    assert ended(children)
    assert folders(place) == []


def test_they_go_at_once_when_the_scan_is_interrupted(scanning):
    process, children, place = scanning
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert said.splitlines()[-1] == "interrupted"
    assert ended(children)
    assert folders(place) == []


def test_one_that_is_killed_is_told_in_a_sentence(scanning):
    process, children, place = scanning
    parents = [one.pid for one in children]
    workers = [one for one in children if one.ppid() in parents]
    workers[0].kill()
    said, _ = process.communicate(timeout=30)
    assert said.splitlines()[-1].startswith("TraceError a process of the scan was killed")
    assert ended(children)
    assert folders(place) == []


def test_a_system_that_has_no_process_to_give_is_told_in_a_sentence(tmp_path, monkeypatch):
    def refuse(*_args):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    world = World(4)
    path = write_jsonl(tmp_path / "traces.jsonl", world.records(20))
    shards = expand([str(path)], range_bytes=10_000)
    assert len(shards) > 1
    monkeypatch.setattr(forkserver, "connect_to_new_process", refuse)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(TraceError, match="cannot be started: Resource temporarily") as error:
        scan(shards, world.items(5), ScanOptions(workers=2))
    assert "--workers 1" in error.value.hint
    assert folders(tmp_path) == []


def test_a_folder_for_temporary_files_that_is_full_is_told_in_a_sentence(tmp_path, monkeypatch):
    world = World(4)
    path = write_jsonl(tmp_path / "traces.jsonl", world.records(20))
    shards = expand([str(path)], range_bytes=10_000)

    def refuse(*_args, **_named):
        raise OSError(28, "No space left on device")

    for name in ("processes.mkdtemp", "saved.save"):
        with monkeypatch.context() as patch:
            patch.setattr(f"reasonbench.corpus.{name}", refuse)
            with pytest.raises(TraceError, match=r"index cannot be kept in .*: No space") as error:
                scan(shards, world.items(5), ScanOptions(workers=2))
            assert "TMPDIR" in error.value.hint


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("processes.forkserver.ensure_running", BlockingIOError(11, "Try again")),
        ("processes.ProcessPoolExecutor", OSError(24, "Too many open files")),
        ("processes.threading.Thread.start", RuntimeError("can't start new thread")),
    ],
)
def test_what_is_needed_to_start_them_and_cannot_be_had_is_told(tmp_path, monkeypatch, name, error):
    def refuse(*_args, **_named):
        raise error

    world = World(4)
    path = write_jsonl(tmp_path / "traces.jsonl", world.records(20))
    monkeypatch.setattr(f"reasonbench.corpus.{name}", refuse)
    with pytest.raises(TraceError, match="processes of the scan cannot be started: "):
        scan(expand([str(path)], range_bytes=10_000), world.items(5), ScanOptions(workers=2))


@pytest.mark.parametrize(
    ("size", "n", "largest"),
    [(0, 1, 0), (10**6, 1, 10**6), (20 * 2**20, 3, 2**23), (2**30, 32, 2**25), (2**34, 256, 2**26)],
)
def test_a_file_is_cut_into_parts_that_workers_can_share(tmp_path, size, n, largest):
    path = tmp_path / "traces.jsonl"
    with open(path, "wb") as file:
        file.truncate(size)
    shards = expand([str(path)])
    assert len(shards) == n
    assert max(shard.size for shard in shards) == largest
    assert sum(shard.size for shard in shards) == size
    assert [shard.begin for shard in shards[1:]] == [shard.end for shard in shards[:-1]]


def test_machine_code_that_was_kept_for_other_sources_is_not_looked_into(tmp_path):
    script = tmp_path / "kernel.py"

    def run(name, sources):
        script.write_text(
            "from typing import NamedTuple\n"
            "import numpy as np\n"
            "from reasonbench.corpus import simd\n"
            f"simd._sources = lambda: {sources!r}\n"
            f"class {name}(NamedTuple):\n    values: np.ndarray\n"
            "@simd.compiled\n"
            "def total(it):\n    return it.values.sum()\n"
            "kept = simd.is_kept(total)\n"
            f"print(total({name}(np.arange(4))), sum(total.stats.cache_hits.values()), kept)\n"
        )
        done = subprocess.run(
            [sys.executable, "-B", "-c", "import kernel"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    assert run("Old", "one") == ["6", "0", "False"]
    assert run("Old", "one") == ["6", "1", "True"]
    assert run("New", "two") == ["6", "0", "False"]
    assert run("New", "two") == ["6", "1", "True"]
