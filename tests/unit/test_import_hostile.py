"""Logs that are broken or made to harm: one sentence with the file and the row, and no run."""

import io
import json
import pickle
import struct
import zipfile

import foreign_logs as logs
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasonbench.errors import ReasonbenchError
from reasonbench.importing import import_logs
from reasonbench.interchange import import_files, imported
from reasonbench.interchange.recognise import read_log

EEE = logs.eee_rows()


def lines(tmp_path, *rows):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n"
                              for r in rows))  # fmt: skip
    return path


def refused(path, match):
    with pytest.raises(ReasonbenchError, match=match) as caught:
        read_log(path)
    assert "\n" not in caught.value.message and str(path) in caught.value.message


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (EEE[0], r"row 3: sample 0 of problem 'p0' stands in row 1 already"),
        (EEE[2] | {"schema_version": "0.4.0"}, r"row 3: it has schema version '0.4.0', and 0.3.0"),
        (EEE[2] | {"input": {"raw": "other", "reference": []}}, "row 3: problem 'p0' has another"),
        (EEE[2] | {"input": "text"}, "row 3: input must be an object, got 'text'"),
        (EEE[2] | {"sample_id": None}, "row 3: sample_id is missing"),
        (EEE[2] | {"sample_id": "x" * 2000}, "row 3: sample_id must have 1 to 1,000 characters"),
        (EEE[2] | {"sample_id": [1]}, "row 3: sample_id must be text or a whole number"),
        (EEE[2] | {"metadata": {"rep": -1}}, "row 3: rep must be a whole number"),
        (EEE[2] | {"model_id": "other"}, "row 3: it is of model 'other'"),
        ([1, 2], "row 3: a row is an object"),
        (b'{"a": 1, "a": 2}\n', "row 3: it is no JSON: the key 'a' is there twice"),
        (b'{"a": \xff\xfe}\n', "row 3: it is not UTF-8"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "row 3: it is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", "row 3: it is no JSON: a number of 5,000 digits"),
        (b'{"a": "cut off\n', "row 3: it is no JSON"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, match):
    refused(lines(tmp_path, EEE[0], EEE[1], row), match)


def test_a_document_twice_and_other_texts_under_a_second_filter_are_named(tmp_path):
    rows = logs.lm_eval_rows()
    refused(logs.lm_eval(tmp_path, [*rows, rows[0]]), "row 7: document 0 under the filter 'strict'")
    rows[3]["resps"] = [["other"]]
    refused(logs.lm_eval(tmp_path, rows), "row 4: document 0 has other samples than in row 1")


def test_log_likelihoods_are_no_samples(tmp_path):
    rows = logs.lm_eval_rows()
    rows[0]["resps"] = [[[-1.5, False]]]
    refused(logs.lm_eval(tmp_path, rows), "row 1: resps must hold generated texts")


def test_one_row_too_few_is_said_with_the_rows_that_are_there(tmp_path):
    log = read_log(lines(tmp_path, *EEE[:-1]))
    assert "'p2' has 3 (rows 9, 10, 11)" in " ".join(log.missing)


def test_scores_that_are_none_or_not_finite_are_none(tmp_path):
    rows = [json.dumps(r) for r in logs.lm_eval_rows()]
    rows[0] = rows[0].replace('"exact_match": 1.0', '"exact_match": NaN')
    rows[1] = rows[1].replace('"exact_match": 1.0', '"exact_match": 1e999')
    path = logs.lm_eval(tmp_path)
    path.write_text("\n".join(rows))
    assert all(s.score is None for item in read_log(path).items[:2] for s in item.samples)


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("problem_id,n,c\na,4,5\n", "row 2: of n = 4 samples c = 5"),
        ("problem_id,n,c\na,0,0\n", "row 2: of n = 0"),
        ("problem_id,n,c\na,4,1\na,4,1\n", "row 3: problem 'a' of x stands in row 2 already"),
        ("problem_id,n,c\na,4\n", "row 2: it has 2 cells, and the header 3"),
        ("problem_id,n,c\na,four,1\n", "row 2: n must be a whole number"),
        ("problem_id,n,c\na,4,nan\n", "row 2: c must be a whole number"),
        ("problem_id,n,c\na,99999999999999999999,1\n", "row 2: n must be a whole number"),
        ("problem_id,n,c\na,9000000,1\n", "row 2: the counts come to more than 2,000,000"),
        ("problem_id,n,n\na,1,1\n", "row 1: the header names a column twice"),
        ("problem,right\na,1\n", "format of .* is not known; its first row has the fields problem"),
        ("just text\n", "holds no row"),
    ],
)
def test_counts_that_cannot_be_are_named(tmp_path, table, match):
    path = tmp_path / "x.csv"
    path.write_text(table)
    refused(path, match)


def test_the_limits_hold(tmp_path, monkeypatch):
    path = lines(tmp_path, *EEE)
    with monkeypatch.context() as patch:
        patch.setattr(imported, "MAX_SAMPLES", 11)
        refused(path, "row 12: the log is too large")
    with monkeypatch.context() as patch:
        patch.setattr(imported, "MAX_TEXT", 200)
        refused(path, r"row \d: the log is too large")
    with monkeypatch.context() as patch:
        patch.setattr(import_files, "MAX_LINE", 100)
        refused(path, "row 1: it is longer than")
    monkeypatch.setattr(import_files, "MAX_FILE", 10)
    refused(path, "above the limit of")


def test_an_export_of_ours_with_metadata_that_cannot_be_kept_is_named(tmp_path):
    rows = logs.lm_eval_rows()
    deep = 0
    for _ in range(900):
        deep = [deep]
    rows[0]["doc"] |= {"reasonbench": {"task": "t"}, "metadata": {"deep": deep}}
    refused(logs.lm_eval(tmp_path, rows), "row 1: its metadata or tests cannot be kept")


def test_a_table_that_says_it_is_huge_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(import_files, "MAX_UNPACKED", 100)
    refused(logs.matharena(tmp_path), "comes to more than")


# --- zips --------------------------------------------------------------------------------


def test_a_foreign_version_of_inspect_is_refused(tmp_path):
    path = logs.inspect_zstd(tmp_path, header=logs.inspect_header(version=3))
    refused(path, "header 1: the log has schema version 3, and 2 is read")


def test_an_evaluation_that_did_not_end_is_refused(tmp_path):
    refused(logs.write_zstd_zip(tmp_path / "x.eval", logs.inspect_entries()[:-1]), "no header.json")


@pytest.mark.parametrize("name", ["../../etc/passwd.json", "/abs.json", "samples/..\\x.json"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_written(tmp_path, name):
    path = logs.write_zstd_zip(tmp_path / "x.eval", [(name, b"{}"), *logs.inspect_entries()])
    refused(path, "entry 1: the name .* leads out of the log")
    assert [p.name for p in tmp_path.iterdir()] == ["x.eval"]


def test_two_entries_of_one_name_are_refused(tmp_path):
    entries = logs.inspect_entries()
    path = logs.write_zstd_zip(tmp_path / "x.eval", [*entries, entries[1]])
    refused(path, r"the name 'samples/p0_epoch_1.json' is there twice")


@pytest.mark.parametrize("write", [logs.write_zstd_zip, None])
def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch, write):
    monkeypatch.setattr(import_files, "MAX_LINE", 1 << 20)
    bomb = [("samples/x_epoch_1.json", b" " * (64 << 20)), *logs.inspect_entries()]
    path = tmp_path / "x.eval"
    if write is not None:
        write(path, bomb)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
            for name, data in bomb:
                log.writestr(name, data)
    assert path.stat().st_size < 1 << 20
    refused(path, "it unpacks to more than 1,048,576 bytes")


def test_a_bomb_of_many_entries_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(import_files, "MAX_UNPACKED", 20_000)
    rows = [logs.inspect_sample(*s, metadata={"pad": " " * 4000}) for s in logs.samples()]
    refused(logs.inspect_zstd(tmp_path, rows=rows), "entry 6: it(| unpacks to more| is larger)")


def test_a_listing_that_lies_is_caught(tmp_path):
    path = logs.inspect_zstd(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[at + 16 : at + 20] = struct.pack("<L", 1)
    path.write_bytes(data)
    refused(path, "its checksum does not match")
    data[at + 42 : at + 46] = struct.pack("<L", 7)
    path.write_bytes(data)
    refused(path, "no entry stands where its listing says")


@given(st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_damage_to_a_file_is_a_sentence_or_the_same_samples(tmp_path, data):
    form = data.draw(st.sampled_from(["inspect", "eee", "matharena", "counts"]))
    folder = tmp_path / form
    if not folder.exists():
        folder.mkdir()
        logs.ALL[form](folder)
    whole = next(folder.iterdir()).read_bytes()
    path = tmp_path / "damaged"
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(1, len(whole)))])
    try:
        log = read_log(path)
    except ReasonbenchError as error:
        assert "\n" not in error.message and str(path) in error.message
    else:
        assert log.samples


# --- tables ------------------------------------------------------------------------------


class Canary:
    """Calls ``print`` when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_a_pickle_in_a_table_stays_bytes(tmp_path):
    rows = [row | {"answer": pickle.dumps(Canary())} for row in logs.matharena_rows()]
    path = logs.write_table(tmp_path / "x.parquet", rows)
    refused(path, "row 1: answer must be text, got b")


def test_a_table_that_is_cut_is_a_sentence(tmp_path):
    path = logs.matharena(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    refused(path, "the Parquet table cannot be read")


def test_a_table_whose_text_is_not_utf8_is_a_sentence(tmp_path):
    rows = logs.matharena_rows()
    table = pa.Table.from_pylist(rows)
    at = table.schema.get_field_index("answer")
    bad = pa.array([b"\xff"] * len(rows), pa.binary()).view(pa.string())
    sink = io.BytesIO()
    pa.parquet.write_table(table.set_column(at, "answer", bad), sink)
    path = tmp_path / "x.parquet"
    path.write_bytes(sink.getvalue())
    refused(path, "the Parquet table cannot be read")


# --- texts -------------------------------------------------------------------------------


def test_any_text_and_any_name_is_stored_as_it_is(tmp_path):
    from reasonbench.store import Store
    from reasonbench.summary import find_plan

    rows = [json.loads(json.dumps(row)) for row in EEE[:4]]
    for row in rows:
        row["sample_id"] = "../\u202e\x00|\ud800"
        row["output"]["raw"] = ["nul \x00, alone \ud800, \\boxed{10}"]
    import_logs([lines(tmp_path, *rows)], tmp_path / "run", workers=1)
    with Store.read(tmp_path / "run") as store:
        (problem,) = store.problems(find_plan(store).digest())
        texts = {c.text for _, c in store.completions(find_plan(store).digest())}
    assert problem.id == "../\u202e\x00|\ud800" and texts == {"nul \x00, alone \ud800, \\boxed{10}"}


@pytest.mark.parametrize(
    ("document", "match"),
    [
        (logs.lm_eval_results(), "holds lm-eval's results, and no samples"),
        ({"evaluation_results": []}, "is an aggregate of Every Eval Ever"),
        ({"eval": {"x": "y"}}, "task 1: 'x' must hold a list of results"),
        ([], "holds no row"),
    ],
)
def test_a_file_of_results_alone_says_which_file_is_wanted(tmp_path, document, match):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document, indent=1))
    refused(path, match)


@pytest.mark.parametrize("what", ["folder", "nothing", "empty"])
def test_what_is_no_file_is_refused(tmp_path, what):
    path = tmp_path / "x"
    path.mkdir() if what == "folder" else what == "empty" and path.write_bytes(b"")
    refused(path, "is a folder|is no file|is empty")
