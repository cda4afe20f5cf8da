"""Writing traces again: clean and removed are the input, complete or not there."""

import base64
import errno
import functools
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasonbench.corpus import output
from reasonbench.corpus.output import OutputFile, write_split
from reasonbench.corpus.sources import Options, Selection, expand
from reasonbench.errors import TraceError

LINES = [
    b'{"t":"a"}',
    b'{ "t" : "caf\xc3\xa9" , "x":[1,2.50] }\r',
    b"",
    b"broken",
    b'{"t":"\xff"}',
    b'{"n":1}',
    b'{"t":"\\u0061\\ud800"}',
    b'  {"t":"z"}',
]
USABLE = [0, 1, 6, 7]


def unpacked(path):
    data = path.read_bytes()
    if path.name.endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return gzip.decompress(data) if path.name.endswith(".gz") else data


def split(tmp_path, shards, reasons, suffix="", **options):
    clean, removed = tmp_path / f"clean.jsonl{suffix}", tmp_path / f"removed.jsonl{suffix}"
    counts = write_split(shards, reasons, clean=clean, removed=removed, **options)
    return counts, unpacked(clean), [json.loads(line) for line in unpacked(removed).splitlines()]


@pytest.mark.parametrize("suffix", ["", ".zst", ".gz"])
def test_clean_and_removed_together_are_the_input(tmp_path, suffix):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\n".join(LINES))
    (shard,) = expand([str(path)])
    found = {shard.key: {1: ["gsm8k/7 verbatim", "gsm8k/9 partial"], 7: ["math/1 solution"]}}
    counts, clean, removed = split(tmp_path, [shard], found, suffix)
    assert clean == LINES[0] + b"\n" + LINES[6] + b"\n"
    assert [(r["row"], r["reasons"]) for r in removed] == [
        (1, ["gsm8k/7 verbatim", "gsm8k/9 partial"]),
        (3, ["not searched: not JSON"]),
        (4, ["not searched: not UTF-8"]),
        (5, ["not searched: no text"]),
        (7, ["math/1 solution"]),
    ]
    assert removed[0]["record"] == json.loads(LINES[1])
    assert [removed[1]["line"], removed[3]["line"]] == ["broken", '{"n":1}']
    assert base64.b64decode(removed[2]["line_base64"]) == LINES[4]
    assert {r["document"] for r in removed} == {str(path)}
    assert counts == (2, 2, 3, ())


def test_a_removed_record_keeps_its_bytes(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\n".join(LINES))
    (shard,) = expand([str(path)])
    write_split([shard], {shard.key: {1: ["x"], 6: ["x"]}}, clean=None, removed=tmp_path / "r")
    lines = (tmp_path / "r").read_bytes().splitlines()
    assert lines[0].endswith(b'"record":' + LINES[1].strip() + b"}")
    assert lines[-1].endswith(b'"record":' + LINES[6] + b"}")


@given(
    st.lists(st.sampled_from([*LINES[:5], b'{"t":"' + b"x" * 200 + b'"}']), max_size=40),
    st.lists(st.integers(0, 39), max_size=10),
    st.integers(1, 500),
    st.booleans(),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
def test_every_record_is_in_one_of_the_two_in_order(tmp_path, lines, chosen, range_bytes, ended):
    inputs = []
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(b"\n".join(lines) + b"\n" * ended)
        inputs.append(str(tmp_path / name))
    shards = expand(inputs, range_bytes=range_bytes)
    options = Options(block_bytes=range_bytes)
    reasons, first, marked = {}, {}, set()
    for shard in shards:
        reading = shard.blocks(options)
        at = first.get(shard.document, 0)
        for block in reading:
            rows = [int(r) for r in block.rows if at + int(r) in chosen]
            reasons.setdefault(shard.key, {}).update({r: ["found"] for r in rows})
            marked |= {(shard.document, at + r) for r in rows}
        first[shard.document] = at + reading.account.lines
    counts, clean, removed = split(tmp_path, shards, reasons, options=options)
    usable = {i for i, line in enumerate(lines) if line not in LINES[2:5]}
    expected = [lines[i] for d in inputs for i in sorted(usable) if (d, i) not in marked]
    assert clean == b"".join(line + b"\n" for line in expected)
    found = [(r["document"], r["row"]) for r in removed if r["reasons"] == ["found"]]
    assert found == sorted(marked)
    blank = sum(line == b"" for line in lines)
    assert counts.kept + counts.removed + counts.not_searched == 2 * (len(lines) - blank)
    assert counts.not_searched == len(removed) - len(found)


def test_rows_of_a_table_are_written_as_json_with_all_their_columns(tmp_path):
    rows = [{"q": "é", "t": "a", "n": 1, "b": b"\xff"}, {"q": "x", "t": "b", "n": None, "b": None}]
    pq.write_table(pa.Table.from_pylist([*rows, *rows]), tmp_path / "t.parquet", row_group_size=2)
    shards = expand([str(tmp_path / "t.parquet")])
    options = Options(Selection.parse("trace=t"))
    _, clean, removed = split(tmp_path, shards, {shards[1].key: {0: ["found"]}}, options=options)
    as_json = [{**rows[0], "b": "/w=="}, rows[1]]
    assert [json.loads(line) for line in clean.splitlines()] == [*as_json, as_json[1]]
    assert [(r["row"], r["record"]) for r in removed] == [(2, as_json[0])]


def test_the_same_traces_give_the_same_bytes(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(b'{"t":"a"}\n' * 1000)
    shards = expand([str(tmp_path / "t.jsonl")])
    for name in ("a.jsonl.zst", "a.jsonl.gz"):
        one, two = tmp_path / name, tmp_path / f"second.{name}"
        write_split(shards, {}, clean=one, removed=None)
        write_split(shards, {}, clean=two, removed=None)
        assert one.read_bytes() == two.read_bytes()


def test_what_a_damaged_file_holds_no_more_is_told(tmp_path):
    packed = zstandard.compress(b'{"t":"a"}\n') + b"garbage"
    (tmp_path / "t.jsonl.zst").write_bytes(packed)
    counts, clean, _ = split(tmp_path, expand([str(tmp_path / "t.jsonl.zst")]), {})
    assert clean == b'{"t":"a"}\n'
    assert "damaged" in counts.unread[0]


def test_findings_of_files_that_changed_are_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"t":"a"}\n')
    (old,) = expand([str(path)])
    path.write_bytes(b'{"t":"a"}\n{"t":"b"}\n')
    (new,) = expand([str(path)])
    with pytest.raises(TraceError, match="changed after being searched"):
        split(tmp_path, [new], {old.key: {0: ["found"]}})
    with pytest.raises(TraceError, match="changed after being searched"):
        split(tmp_path, [new], {new.key: {5: ["found"]}})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.jsonl"]


def test_standard_input_cannot_be_written_again(tmp_path):
    with pytest.raises(TraceError, match="cannot be read a second time"):
        split(tmp_path, expand(["-"]), {})


@pytest.mark.parametrize(("clean", "removed"), [("t.jsonl", "r"), ("c", "link"), ("c", "./c")])
def test_no_input_and_no_other_output_is_written_over(tmp_path, clean, removed):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"t":"a"}\n')
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(TraceError, match="would be written over"):
        write_split(expand([str(path)]), {}, clean=tmp_path / clean, removed=tmp_path / removed)
    assert path.read_bytes() == b'{"t":"a"}\n'


def test_a_folder_that_is_not_there_is_said_in_a_sentence(tmp_path):
    with pytest.raises(TraceError, match=r"clean\.jsonl cannot be written: No such file") as caught:
        OutputFile(tmp_path / "nowhere" / "clean.jsonl")
    assert caught.value.hint


@pytest.mark.parametrize("suffix", ["", ".zst", ".gz"])
@pytest.mark.parametrize("when", ["write", "fsync"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, suffix, when):
    (tmp_path / "t.jsonl").write_bytes(b'{"t":"a"}\n')
    shards = expand([str(tmp_path / "t.jsonl")])
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*_):
        raise full

    if when == "fsync":
        monkeypatch.setattr(output.os, "fsync", fail)
    else:
        monkeypatch.setattr(OutputFile, "_packing", lambda self: Full(fail))
    with pytest.raises(
        TraceError, match=r"clean\.jsonl\S* cannot be written: No space left"
    ) as caught:
        split(tmp_path, shards, {}, suffix)
    assert "free space" in caught.value.hint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.jsonl"]


class Full:
    """A stream on a full disk."""

    def __init__(self, fail):
        self.write = fail


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("suffix", ["", ".zst", ".gz"])
def test_a_disk_that_is_really_full_is_said_in_a_sentence(tmp_path, monkeypatch, suffix):
    (tmp_path / "t.jsonl").write_bytes(b'{"t":"a"}\n' * 10)
    full = functools.partial(open, "/dev/full", "wb")
    monkeypatch.setattr(output, "open", lambda *_: full(), raising=False)
    with pytest.raises(TraceError, match="cannot be written: No space left"):
        split(tmp_path, expand([str(tmp_path / "t.jsonl")]), {}, suffix)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.jsonl"]


def test_an_older_file_stands_until_the_new_one_is_complete(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(b'{"t":"a"}\nbroken\n')
    (tmp_path / "clean.jsonl").write_bytes(b"old")
    shards = expand([str(tmp_path / "t.jsonl")])
    with pytest.raises(TraceError, match="cannot be searched"):
        split(tmp_path, shards, {}, options=Options(strict=True))
    assert (tmp_path / "clean.jsonl").read_bytes() == b"old"
    assert split(tmp_path, shards, {})[1] == b'{"t":"a"}\n'


def test_importing_the_package_imports_nothing_heavy():
    code = "import reasonbench, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not re.search(r"\b(numba|pyarrow|datasets|llvmlite)\b", run.stdout)
