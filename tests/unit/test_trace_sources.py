"""Reading traces: every row of every kind of file is read, or skipped with its reason."""

import concurrent.futures
import gzip
import io
import json
import multiprocessing
import os
import pickle
import re
import sys
import threading
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trace_files import (
    PLAIN,
    RECORDS,
    account_of,
    arrow_file,
    arrow_stream,
    parquet,
    read,
    written,
    zst,
)

from reasonbench.corpus.blocks import MAX_LINE_BYTES, Account
from reasonbench.corpus.fields import Field, Role
from reasonbench.corpus.sources import expand
from reasonbench.errors import TraceError


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.jsonl", lambda p: p.write_bytes(PLAIN)),
        ("t.ndjson", lambda p: p.write_bytes(PLAIN)),
        ("no-suffix", lambda p: p.write_bytes(PLAIN)),
        ("t.jsonl.gz", lambda p: p.write_bytes(gzip.compress(PLAIN))),
        (
            "members.jsonl.gz",
            lambda p: p.write_bytes(gzip.compress(PLAIN[:999]) + gzip.compress(PLAIN[999:])),
        ),
        ("padded.jsonl.gz", lambda p: p.write_bytes(gzip.compress(PLAIN) + bytes(200_000))),
        ("t.jsonl.zst", lambda p: p.write_bytes(zst(PLAIN))),
        (
            "frames.jsonl.zst",
            lambda p: p.write_bytes(zst(PLAIN[:999]) + zst(b"") + zst(PLAIN[999:])),
        ),
        ("packed-under-a-plain-name.jsonl", lambda p: p.write_bytes(zst(PLAIN))),
        ("t.parquet", parquet),
        ("groups.parquet", lambda p: parquet(p, row_group_size=70)),
        ("stream.arrow", arrow_stream),
        ("file.arrow", arrow_file),
    ],
)
def test_every_row_of_every_kind_of_file_is_read(tmp_path, name, write):
    write(tmp_path / name)
    rows, accounts = read(expand([str(tmp_path / name)]))
    assert rows == list(enumerate(RECORDS))
    account = accounts[str(tmp_path / name)]
    assert (account.rows_read, account.lines, account.unread) == (600, 600, [])
    assert not account.rows_skipped


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"", b" ", b"{}", b"[1]", b"nul", b'{"n":1}', b'{"t":"\xff"}', b'{"t":"a"}\r']
        ),
        st.integers(0, 400).map(lambda n: b'{"t":"%s"}' % (b"x" * n)),
        st.just(b'{"t":"a\x00"}'),
    ),
    max_size=30,
)


@given(LINES, st.booleans(), st.integers(1, 700), st.integers(1, 300))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
def test_how_a_file_is_cut_changes_nothing(tmp_path, lines, is_complete, range_bytes, block_bytes):
    data = b"\n".join(lines) + (b"\n" if is_complete else b"")
    path = written(tmp_path / "t.jsonl", data)
    whole = expand([path])
    parts = expand([path], range_bytes=range_bytes)
    assert sum(shard.size for shard in parts) == len(data)
    assert read(parts, block_bytes=block_bytes) == read(whole)
    packed = written(tmp_path / "p.jsonl", zst(data))
    rows, accounts = read(expand([packed]), block_bytes=block_bytes)
    assert (rows, list(accounts.values())) == (read(whole)[0], list(read(whole)[1].values()))
    n = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert accounts[packed].lines == n


BAD = [
    (b'{"t":"a"}', None),
    (b"", None),
    (b"  \t\r", None),
    (b"not json", "not JSON"),
    (b'{"t":"\xff"}', "not UTF-8"),
    (b'{"t":"a\x00b"}', "NUL bytes"),
    (b"\x00" * 50, "NUL bytes"),
    (b'["a"]', "not a JSON object"),
    (b'{"t":NaN}', "not JSON"),
    (b'{"t":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper than 100"),
    (b'{"n":1}', "no text"),
    (b"{}", "no text"),
    (b'{"a":{"b":{"c":{"d":1}}}}', "no text"),
    (b'{"a":{"b":{"c":{"d":"deep"}}}}', None),
    (b'{"t":"b"}', None),
    (b'{"t":"cut of', "last line is cut off"),
]


@pytest.mark.parametrize("pack", [bytes, zst, gzip.compress])
def test_a_row_that_cannot_be_used_is_counted_and_named(tmp_path, pack):
    path = written(tmp_path / "t.jsonl", pack(b"\n".join(line for line, _ in BAD)))
    rows, accounts = read(expand([path]))
    account = accounts[path]
    assert account.rows_skipped == Counter(reason for _, reason in BAD if reason)
    assert [row for row, _ in rows] == [0, 13, 14]
    assert (account.blank, account.lines) == (2, len(BAD))
    expected = [f"{path}:{i + 1}: {reason}" for i, (_, reason) in enumerate(BAD) if reason]
    assert account.named(path) == expected[:10]


@pytest.mark.parametrize("row", [i for i, (_, reason) in enumerate(BAD) if reason])
def test_strict_refuses_the_first_such_row_and_names_it(tmp_path, row):
    lines = [b'{"t":"good"}'] * 40 + [BAD[row][0]]
    end = b"" if "cut off" in BAD[row][1] else b"\n"
    path = written(tmp_path / "t.jsonl", b"\n".join(lines) + end)
    with pytest.raises(TraceError, match=rf"t\.jsonl:41 cannot be searched: {BAD[row][1]}"):
        read(expand([path], range_bytes=64), strict=True)


def test_a_record_of_too_many_texts_is_skipped_by_itself(tmp_path):
    many = b'{"t":[' + b'"",' * 1_000_000 + b'""]}'
    data = b'{"t":["a"]}\n' + many + b'\n{"t":["b"]}\n'
    account = account_of(written(tmp_path / "t.jsonl", data))
    assert account.rows_skipped == {"more than 1,000,000 text fields": 1}
    assert account.rows_read == 2


def test_a_block_keeps_the_bytes_of_what_it_skips(tmp_path):
    path = written(tmp_path / "t.jsonl", b'{"t":"a"}\nbroken\n[1]\n{"t":"b"}\n')
    (block,) = expand([path])[0].blocks()
    skips = block.skips
    lines = [block.data[a:b].tobytes() for a, b in zip(skips.starts, skips.ends, strict=True)]
    assert lines == [b"broken", b"[1]"]
    assert [skips.reasons[c] for c in skips.codes] == ["not JSON", "not a JSON object"]
    assert skips.rows.tolist() == [1, 2]
    assert [block.raw(0), block.raw(1)] == [b'{"t":"a"}\n', b'{"t":"b"}\n']


@pytest.mark.parametrize("pack", [zst, gzip.compress])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
def test_a_cut_compression_gives_the_rows_before_the_cut(tmp_path, pack, share):
    noise = np.random.default_rng(0).integers(0, 256, 400_000, np.uint8).tobytes().hex()
    lines = [json.dumps({"t": noise[i : i + 997]}) for i in range(0, len(noise), 997)]
    packed = pack("".join(line + "\n" for line in lines).encode())
    path = written(tmp_path / "t.jsonl", packed[: int(len(packed) * share)])
    rows, accounts = read(expand([path]))
    assert 0.4 * share * len(lines) < len(rows) <= share * len(lines) * 1.2
    assert [r["t"] for _, r in rows] == [json.loads(line)["t"] for line in lines[: len(rows)]]
    (said,) = accounts[path].unread
    assert said.startswith(path)
    assert "in the middle of" in said
    assert f"nothing after line {len(rows):,} was read" in said
    with pytest.raises(TraceError, match="in the middle of"):
        read(expand([path]), strict=True)


@pytest.mark.parametrize("pack", [zst, gzip.compress])
def test_damage_within_a_compression_leaves_the_rows_before_it(tmp_path, pack):
    half = len(PLAIN) // 2
    first, second = pack(PLAIN[:half]), bytearray(pack(PLAIN[half:]))
    second[len(second) // 2 :] = b"\xff" * (len(second) - len(second) // 2)
    path = written(tmp_path / "t.jsonl", first + bytes(second))
    rows, accounts = read(expand([path]))
    assert rows == list(enumerate(RECORDS))[: len(rows)]
    assert len(rows) >= PLAIN[:half].count(b"\n")
    # To inflate, 0xff may be any number of bytes of a block that never ends.
    assert re.search("compression is damaged|in the middle of", accounts[path].unread[0])


@pytest.mark.parametrize("pack", [zst, gzip.compress])
def test_garbage_after_a_compression_is_told(tmp_path, pack):
    path = written(tmp_path / "t.jsonl", pack(PLAIN) + b"garbage")
    rows, accounts = read(expand([path]))
    assert len(rows) == 600
    assert "damaged" in accounts[path].unread[0]


@pytest.mark.parametrize("tail", [b"", b"\n", b'\n{"t":"after"}\n'])
def test_a_line_of_200_mb_is_not_held(tmp_path, tail):
    packer = zstandard.ZstdCompressor().compressobj()
    packed = packer.compress(b'{"t":"before"}\n{"t":"')
    packed += b"".join(packer.compress(b"x" * 2**20) for _ in range(200))
    path = written(
        tmp_path / "t.jsonl.zst", packed + packer.compress(b'"}' + tail) + packer.flush()
    )
    tracemalloc.start()
    rows, accounts = read(expand([path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row for row, _ in rows] == ([0, 2] if len(tail) > 1 else [0])
    assert accounts[path].rows_skipped == {"line longer than 64 MiB": 1}
    assert peak < 4 * MAX_LINE_BYTES


def test_ranges_within_a_line_that_is_too_long_hold_nothing(tmp_path):
    path = tmp_path / "t.jsonl"
    with path.open("wb") as file:
        file.write(b'{"t":"a"}\n')
        file.seek(100 * 2**20)
        file.write(b'\n{"t":"b"}\n')
    shards = expand([str(path)], range_bytes=30 * 2**20)
    rows, accounts = read(shards)
    assert [row for row, _ in rows] == [0, 2]
    assert accounts[str(path)].rows_skipped == {"line longer than 64 MiB": 1}


def test_the_longest_line_that_is_read_is_read_across_ranges(tmp_path):
    line = b'{"t":"' + b"x" * (MAX_LINE_BYTES - 8) + b'"}'
    path = written(tmp_path / "t.jsonl", b'{"t":""}\n' + line + b"\n" + line[:8] + b"y" + line[8:])
    shards = expand([path], range_bytes=2**24)
    lengths = [
        (int(row), int(end - start))
        for shard in shards
        for block in shard.blocks()
        for row, start, end in zip(block.rows, block.starts, block.ends, strict=True)
    ]
    assert lengths == [(0, 8), (1, MAX_LINE_BYTES)]
    assert read(shards)[1][path].rows_skipped == {"line longer than 64 MiB": 1}


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst", "t.jsonl.gz"])
def test_an_empty_file_is_a_file_of_no_rows(tmp_path, name):
    path = written(tmp_path / name, b"")
    assert read(expand([path])) == ([], {path: Account()})


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path):
    path = written(tmp_path / "t.jsonl", b'\xef\xbb\xbf{"t":"a"}\n\xef\xbb\xbf{"t":"b"}\n')
    rows, accounts = read(expand([path]))
    assert rows == [(0, {"t": "a"})]
    assert accounts[path].rows_skipped == {"not JSON": 1}


def test_lone_surrogates_and_numbers_beyond_a_double_are_read(tmp_path):
    path = written(tmp_path / "t.jsonl", b'{"t":"a\\ud800b","n":1e999}\n')
    (block,) = expand([path])[0].blocks()
    assert block.fields(0) == [Field("t", "a\ufffdb", Role.TRACE)]


def test_a_file_that_cannot_be_opened_is_told_or_refused(tmp_path):
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    written(tmp_path / "t.jsonl", PLAIN)
    rows, accounts = read(expand([str(tmp_path)]))
    assert len(rows) == 600
    gone = str(tmp_path / "gone.jsonl")
    assert "cannot be read: No such file" in accounts[gone].unread[0]
    with pytest.raises(TraceError, match="cannot be read: No such file"):
        expand([str(tmp_path)], strict=True)


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_a_file_that_changed_is_refused(tmp_path, name):
    path = tmp_path / name
    parquet(path) if name == "t.parquet" else path.write_bytes(PLAIN)
    shards = expand([str(path)])
    before = shards[0].key
    os.utime(path, ns=(1, 1))
    with pytest.raises(TraceError, match="was changed while"):
        read(shards)
    assert expand([str(path)])[0].key != before


def test_keys_tell_parts_apart_and_are_the_same_next_time(tmp_path):
    path = written(tmp_path / "t.jsonl", PLAIN)
    keys = [shard.key for shard in expand([path], range_bytes=1000)]
    assert len(set(keys)) == len(keys) == -(-len(PLAIN) // 1000)
    assert keys == [shard.key for shard in expand([path], range_bytes=1000)]


def test_directories_and_globs_give_their_trace_files_in_order(tmp_path):
    for name in ("b.jsonl", "a/z.jsonl.gz", "a/y.parquet", ".git/x.jsonl", ".h.jsonl", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = ["a/y.parquet", "a/z.jsonl.gz", "b.jsonl"]
    assert [s.document for s in expand([str(tmp_path)])] == [str(tmp_path / n) for n in names]
    found = expand([str(tmp_path / "**/*.jsonl*"), str(tmp_path / "b.jsonl"), str(tmp_path)])
    assert [Path(s.document).name for s in found] == ["z.jsonl.gz", "b.jsonl", "y.parquet"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.jsonl", "there are no traces at nothing.jsonl"),
        ("folder/nothing.jsonl", "there are no traces at"),
        ("*.jsonl", r"no file matches \*\.jsonl"),
        ("empty", "holds no trace file"),
        ("table.csv", "not a kind of trace file"),
        ("array.json", "a JSON array"),
        ("/dev/null", "is no file"),
        ("hf:", "does not name a dataset"),
    ],
)
def test_a_name_that_nothing_stands_behind_is_refused(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("table.csv").write_text("a,b\n")
    Path("array.json").write_text('[{"t": 1}]')
    with pytest.raises(TraceError, match=said) as caught:
        expand([name])
    assert caught.value.hint


@pytest.mark.parametrize("pack", [bytes, zst, gzip.compress])
def test_standard_input_is_read_packed_or_not(monkeypatch, pack):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(PLAIN))))
    shards = expand(["-"])
    assert [s.is_stream for s in shards] == [True]
    assert read(shards)[0] == list(enumerate(RECORDS))
    with pytest.raises(TraceError, match="named twice"):
        expand(["-", "-"])


@pytest.mark.parametrize("pack", [bytes, zst])
def test_a_named_pipe_is_read_though_it_comes_in_pieces(tmp_path, pack):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def feed():
        with path.open("wb", buffering=0) as pipe:
            data = pack(PLAIN)
            for at in range(0, len(data), 1000):
                pipe.write(data[at : at + 1000])

    feeder = threading.Thread(target=feed)
    feeder.start()
    rows = read(expand([str(path)]))[0]
    feeder.join()
    assert rows == list(enumerate(RECORDS))


def lines_of(shard):
    return [block.raw(i) for block in shard.blocks() for i in range(len(block))]


def test_shards_are_read_in_other_processes(tmp_path):
    parquet(tmp_path / "t.parquet", row_group_size=300)
    path = written(tmp_path / "t.jsonl", PLAIN)
    shards = expand([path, str(tmp_path / "t.parquet")], range_bytes=len(PLAIN) // 2)
    assert pickle.loads(pickle.dumps(shards)) == shards
    assert all(len(pickle.dumps(shard)) < 1000 for shard in shards)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(lines_of, shards)) == [lines_of(shard) for shard in shards]


REAL = Path(__file__).parents[3] / "shared" / "data" / "traces"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real traces are not on this machine")
def test_real_traces_are_read_to_the_last_row():
    accounts = read(expand([str(REAL)]), selection=None)[1]
    assert {Path(k).name: a.rows_read for k, a in accounts.items()} == {
        "tora-70b-v1.0-gsm8k.jsonl": 1319,
        "zeroeval_20k.jsonl.zst": 20000,
    }
    assert not any(a.rows_skipped or a.unread for a in accounts.values())
