"""Tables of completions: the same rows in Parquet and in JSON lines, none lost."""

import json

import pyarrow.parquet as pq
from exported_runs import make, patchy

from reasonbench.exporting import export
from reasonbench.interchange import export_tables


def rows_of(directory):
    parquet = pq.read_table(export(directory, "parquet").paths[0]).to_pylist()
    with export(directory, "jsonl").paths[0].open() as stream:
        return parquet, list(map(json.loads, stream))


def test_both_hold_the_same_rows_one_a_completion(tmp_path):
    make(tmp_path / "r", patchy, tasks=("a", "b"))
    parquet, lines = rows_of(tmp_path / "r")
    assert parquet == [{name: line[name] for name in parquet[0]} for line in lines]
    assert len(parquet) == 2 * 4 * 7
    assert set(lines[0]) == set(parquet[0])


def test_what_is_counted_gives_the_scores_back(tmp_path):
    make(tmp_path / "r", patchy)
    done = export(tmp_path / "r", "parquet")
    rows = pq.read_table(done.paths[0]).to_pylist()
    for counts in done.run.result.tasks[0].problems:
        mine = [r for r in rows if r["problem_id"] == counts.problem_id and r["counted"]]
        assert (len(mine), sum(r["correct"] for r in mine)) == (counts.n, counts.c)


def test_what_has_no_verdict_is_neither_right_nor_wrong(tmp_path):
    make(tmp_path / "r", patchy, count=1)
    by_index = {r["sample_index"]: r for r in rows_of(tmp_path / "r")[0]}
    assert by_index[5]["correct"] is None and by_index[5]["verdict"] == "ungraded"
    assert by_index[6]["correct"] is None and by_index[6]["verdict"] is None
    assert by_index[3]["correct"] is False and by_index[3]["said"] == ""
    assert by_index[0]["thought"].startswith("\n0.")


def test_the_scores_stand_beside_without_the_place_of_the_run(tmp_path):
    make(tmp_path / "r")
    done = export(tmp_path / "r", "jsonl")
    told = json.loads(done.paths[1].read_text())
    assert told["path"] == "r"
    assert told["tasks"][0]["estimates"][0]["value"] == done.run.result.tasks[0].estimates[0].value
    assert str(tmp_path) not in done.paths[1].read_text()


def test_a_large_table_comes_in_groups_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(export_tables, "GROUP_ROWS", 10)
    make(tmp_path / "r")
    found = pq.ParquetFile(export(tmp_path / "r", "parquet").paths[0])
    assert found.metadata.num_row_groups == 4
    assert found.metadata.num_rows == 32
