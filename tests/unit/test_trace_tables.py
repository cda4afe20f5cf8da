"""Reading tables and datasets of the Hub: their texts, and an account of every row."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trace_files import CHAT, RECORDS, TABLE, account_of, arrow_file, arrow_stream, parquet, read

from reasonbench.corpus import sources_tables
from reasonbench.corpus.sources import Options, Selection, expand
from reasonbench.corpus.sources_hub import hub_shards
from reasonbench.errors import TraceError


def test_nested_columns_give_their_texts_and_nothing_else(tmp_path):
    rows = [
        {
            "messages": [{"role": "user", "content": "ué"}, {"role": "assistant", "content": None}],
            "n": 1,
            "tags": ["a", None, "b"],
            "blob": b"\xff",
            "meta": {"x": {"y": "deep"}},
        },
        {"messages": [], "n": 2, "tags": None, "blob": b"", "meta": None},
        {"messages": None, "n": 3, "tags": [""], "blob": None, "meta": {"x": None}},
        {
            "messages": [{"role": None, "content": "z"}],
            "n": 4,
            "tags": [],
            "blob": None,
            "meta": None,
        },
    ]
    path = tmp_path / "t.parquet"
    parquet(path, pa.Table.from_pylist(rows))
    (block,) = expand([str(path)])[0].blocks()
    texts = [
        block.data[a:b].tobytes().decode() for a, b in zip(block.starts, block.ends, strict=True)
    ]
    assert texts == ["\nuser\nué\nassistant\na\nb\ndeep", "\n", "\nz"]
    assert not block.escaped
    assert block.rows.tolist() == [0, 2, 3]
    for text, i in zip(texts, range(len(block)), strict=True):
        fields = block.fields(i)
        assert "".join("\n" + field.text for field in fields) == text
    assert json.loads(block.raw(0))["meta"] == {"x": {"y": "deep"}}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("coded", [False, True])
def test_every_kind_of_text_column_is_read(tmp_path, kind, coded):
    column = pa.array(["a", None, "cé"], pa.string())
    column = column.dictionary_encode() if coded else column.cast(kind)
    table = pa.table(
        {"t": column, "m": pa.array([[("k", "v")], [], None], pa.map_("string", "string"))}
    )
    arrow_file(tmp_path / "t.arrow", table)
    (block,) = expand([str(tmp_path / "t.arrow")])[0].blocks()
    assert block.data[: block.ends[-1]].tobytes().decode() == "\na\nk\nv\ncé"
    assert block.rows.tolist() == [0, 2]


def test_a_selection_reads_columns_by_path(tmp_path):
    table = pa.Table.from_pylist(
        [CHAT, {**CHAT, "problem": None}, {**CHAT, "messages": None, "problem": None}]
    )
    parquet(tmp_path / "t.parquet", table)
    selection = Selection.parse("prompt=problem,trace=messages.content,trace=gone")
    (block,) = (reading := expand([str(tmp_path / "t.parquet")])[0].blocks(Options(selection)))
    assert block.data[: block.ends[0]].tobytes() == b"\np\ns\nu\na"
    assert [f.path for f in block.fields(0)][:2] == ["problem", "messages[0].content"]
    null = "is null, not text"
    skipped = f"field problem {null}, field messages.content {null}, field gone is missing"
    assert reading.account.rows_skipped == {skipped: 1}
    assert reading.account.rows_partial == {
        "field gone is missing": 2,
        "field problem is null, not text": 1,
    }


def test_a_row_that_is_not_utf8_is_skipped_by_itself(tmp_path):
    texts = pa.array([b"good", b"\xff\xfe", b"also good"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"t": texts}), tmp_path / "t.parquet")
    rows, accounts = read(expand([str(tmp_path / "t.parquet")]))
    assert [row for row, _ in rows] == [0, 2]
    assert accounts[str(tmp_path / "t.parquet")].rows_skipped == {"not UTF-8": 1}


def test_a_dictionary_that_stands_for_very_much_text_is_undone_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(sources_tables, "MAX_BATCH_BYTES", 4 * 2**20)
    coded = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), ["x" * 2**20])
    parquet(tmp_path / "t.parquet", pa.table({"t": coded}))
    assert (tmp_path / "t.parquet").stat().st_size < 2**20
    before = pa.total_allocated_bytes()
    peaks, rows = [], 0
    for shard in expand([str(tmp_path / "t.parquet")]):
        for block in shard.blocks():
            peaks.append(block.data.nbytes + pa.total_allocated_bytes() - before)
            rows += len(block)
    assert rows == 300
    assert max(peaks) < 40 * 2**20


def test_a_damaged_row_group_costs_its_own_rows_and_no_other(tmp_path):
    path = tmp_path / "t.parquet"
    parquet(path, row_group_size=100, compression="zstd")
    data = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(2).column(1)
    start = group.data_page_offset
    data[start : start + group.total_compressed_size // 2] = b"\xff" * (
        group.total_compressed_size // 2
    )
    path.write_bytes(data)
    rows, accounts = read(expand([str(path)]))
    assert [row for row, _ in rows] == [*range(200), *range(300, 600)]
    assert accounts[str(path)].rows_skipped == {"in a damaged part of the file": 100}
    with pytest.raises(TraceError, match=r"t\.parquet:201 cannot be searched"):
        read(expand([str(path)]), strict=True)


@pytest.mark.parametrize(("name", "write"), [("t.parquet", parquet), ("t.arrow", arrow_stream)])
def test_a_cut_table_is_told(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    path.write_bytes(path.read_bytes()[:-5000])
    account = account_of(path)
    assert "cannot be read as" in account.unread[0]
    assert account.rows_read in (0, 400, 500)


def test_a_row_group_names_rows_by_their_place_in_the_file(tmp_path):
    table = pa.table({"t": ["a"] * 10 + [None] + ["b"] * 9})
    parquet(tmp_path / "t.parquet", table, row_group_size=7)
    path = str(tmp_path / "t.parquet")
    account = account_of(path)
    assert account.named(path) == [f"{path}:11: no text"]
    assert len(expand([path])) == 3


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "dataset"
    (folder / "data").mkdir(parents=True)
    for i in range(2):
        part = TABLE.slice(300 * i, 300)
        parquet(folder / "data" / f"train-0000{i}-of-00002.parquet", part)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


def test_a_local_copy_of_a_dataset_is_a_directory_of_files(dataset):
    rows, accounts = read(expand([str(dataset)]))
    assert [record for _, record in rows] == RECORDS
    assert len(accounts) == 2


def test_a_dataset_is_streamed_part_by_part(dataset):
    shards = expand([f"hf:{dataset}"])
    assert [shard.document.rpartition(":")[2] for shard in shards] == [
        "train (part 1 of 2)",
        "train (part 2 of 2)",
    ]
    rows, _ = read(shards)
    assert rows == [(i % 300, record) for i, record in enumerate(RECORDS)]
    assert len({shard.key for shard in shards}) == 2
    assert hub_shards(f"{dataset}::train") == shards


def test_a_dataset_without_a_network_says_how_to_give_a_local_copy():
    with pytest.raises(TraceError, match="hf:nobody/nothing cannot be loaded") as caught:
        expand(["nobody/nothing"])
    assert "hf download nobody/nothing --repo-type dataset" in caught.value.hint
    assert "\n" not in str(caught.value)
