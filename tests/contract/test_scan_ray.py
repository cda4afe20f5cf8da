"""A scan on a real Ray cluster of two nodes finds what a scan of one process finds."""

import contextlib
import json
import os
from dataclasses import replace

import pytest

pytest.importorskip("ray")
import ray_cluster

from reasonbench.corpus.items import Item
from reasonbench.corpus.jobs import ShardSearch
from reasonbench.corpus.scan import ScanOptions, scan
from reasonbench.corpus.sources import expand
from reasonbench.errors import EngineError, TraceError
from reasonbench.scan_ray import LOG_LEVEL, Actor, on_ray

# fmt: off
NOUNS = (
    "farmer", "baker", "sailor", "tailor", "miner", "pilot", "poet", "judge", "clerk", "guard",
    "smith", "singer",
)
THINGS = (
    "apples", "ropes", "lamps", "coins", "boots", "pears", "nails", "books", "pans", "flags",
    "bells", "drums",
)
# fmt: on
QUESTIONS = [
    f"A {noun} buys {7 + i} crates of {thing}, loses {i + 2} of them to the {NOUNS[i - 3]} next "
    f"door on the {i + 3}th day of {THINGS[i - 5]} season, and sells half of what remains. "
    f"How many crates of {thing} does the {noun} sell?"
    for i, (noun, thing) in enumerate(zip(NOUNS, THINGS, strict=True))
]
ITEMS = [Item("made", str(i), question) for i, question in enumerate(QUESTIONS)]


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        # Ray's core reads it when this process joins; a command sets it before it does
        patch.setenv(LOG_LEVEL, "fatal")
        with ray_cluster.two_nodes() as cluster:
            yield cluster


@pytest.fixture
def traces(tmp_path):
    """Three files; the item of every tenth row stands in it."""
    for number in range(3):
        rows = [
            {
                "prompt": QUESTIONS[i % 12] if i % 10 == 0 else f"What is {i} + {number}?",
                "trace": f"It is {i}.",
            }
            for i in range(200)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{number}.jsonl").write_text(lines)
    return [str(tmp_path / f"{number}.jsonl") for number in range(3)]


def told(result):
    return [(f.document, f.row, f.item.id, f.kind, f.q_value, f.hit) for f in result.findings]


def test_ray_finds_what_one_process_finds_and_tells_every_byte(
    cluster, traces, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    shards = expand([os.path.basename(path) for path in traces])
    alone = scan(shards, ITEMS)
    done = []
    options = ScanOptions(executor=on_ray(cluster.address), state=tmp_path / "state")
    result = scan(shards, ITEMS, options, done.append)
    assert len(told(alone)) > 0
    assert told(result) == told(alone)
    assert result.accounts == alone.accounts
    assert sum(done) == sum(shard.size for shard in shards)
    assert capfd.readouterr() == ("", "")


def test_a_scan_that_ended_goes_on_with_the_shards_that_are_left(cluster, traces, tmp_path):
    shards = expand(traces)
    options = ScanOptions(state=tmp_path / "state", executor=on_ray(cluster.address))

    def dies_after_two(job, wanted, progress):
        for number in list(wanted)[:2]:
            yield number, ShardSearch(job).search(wanted[number], progress)
        raise KeyboardInterrupt

    def counted(job, wanted, progress):
        asked.extend(wanted)
        return on_ray(cluster.address)(job, wanted, progress)

    asked = []
    with pytest.raises(KeyboardInterrupt):
        scan(shards, ITEMS, options._replace(executor=dies_after_two))
    result = scan(shards, ITEMS, options._replace(executor=counted))
    assert asked == [2]
    assert told(result) == told(scan(shards, ITEMS))


def test_a_file_that_a_node_does_not_see_ends_the_scan_in_one_sentence(cluster, traces):
    seen = expand(traces)
    gone = [replace(shard, path=shard.path + ".gone") for shard in seen]

    def loses_the_files(job, wanted, progress):
        wanted = {number: gone[number] for number in wanted}
        return on_ray(cluster.address)(job, wanted, progress)

    with pytest.raises(TraceError, match=r"does not see .*\.gone: No such file") as refused:
        scan(seen, ITEMS, ScanOptions(executor=loses_the_files))
    assert "\n" not in refused.value.message
    assert "every node" in refused.value.hint


def test_a_node_that_sees_a_file_of_another_size_ends_the_scan(cluster, traces):
    def cuts_the_file(job, wanted, progress):
        with open(traces[1], "a") as file:
            file.write("{}\n")
        return on_ray(cluster.address)(job, wanted, progress)

    with pytest.raises(TraceError, match="sees another file at"):
        scan(expand(traces), ITEMS, ScanOptions(executor=cuts_the_file))


def test_what_a_strict_scan_refuses_is_refused_in_the_same_words(cluster, traces):
    with open(traces[2], "a") as file:
        file.write("not JSON\n")
    shards = expand(traces)
    (background,) = expand(traces[:1])
    options = ScanOptions(strict=True, background=(background,))
    with pytest.raises(TraceError) as alone:
        scan(shards, ITEMS, options)
    with pytest.raises(TraceError) as there:
        scan(shards, ITEMS, options._replace(executor=on_ray(cluster.address)))
    assert there.value.message == alone.value.message


class Unfit(Actor):
    def __init__(self, index):
        raise RuntimeError("no index here")


def test_an_actor_that_cannot_start_ends_the_scan_in_one_sentence(cluster, traces, monkeypatch):
    monkeypatch.setattr("reasonbench.scan_ray.Actor", Unfit)
    with pytest.raises(TraceError, match=r"the search on Ray ended: .*no index here") as refused:
        scan(expand(traces), ITEMS, ScanOptions(executor=on_ray(cluster.address)))
    assert "\n" not in refused.value.message


def frail(folder, deaths):
    """Return an actor class whose processes die, so many of them in all, when they get a shard."""
    markers = [str(folder / f"died{number}") for number in range(deaths)]

    class Frail(Actor):
        def __call__(self, batch):
            for path in markers:
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL))
                    os._exit(1)
            return super().__call__(batch)

    return Frail


def test_a_shard_whose_process_died_is_searched_again(cluster, traces, tmp_path, monkeypatch):
    monkeypatch.setattr("reasonbench.scan_ray.Actor", frail(tmp_path, 1))
    shards = expand(traces)
    result = scan(shards, ITEMS, ScanOptions(executor=on_ray(cluster.address)))
    assert (tmp_path / "died0").exists()
    assert told(result) == told(scan(shards, ITEMS))


def test_a_shard_that_kills_every_process_ends_the_scan(cluster, traces, tmp_path, monkeypatch):
    monkeypatch.setattr("reasonbench.scan_ray.Actor", frail(tmp_path, 99))
    with pytest.raises(TraceError, match="the search on Ray ended: ") as refused:
        scan(expand(traces[:1]), ITEMS, ScanOptions(executor=on_ray(cluster.address)))
    assert "\n" not in refused.value.message
    assert len(list(tmp_path.glob("died*"))) < 10


def test_an_address_of_ray_client_is_refused_before_anything_is_started(monkeypatch, traces):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(EngineError, match="Ray Client"):
        scan(expand(traces), ITEMS, ScanOptions(executor=on_ray("ray://127.0.0.1:10001")))
