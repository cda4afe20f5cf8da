"""Reading trace files and finding statements in them."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from reasonbench.corpus.documents import MAX_LINE_BYTES, Row, Skipped, read_rows
from reasonbench.corpus.words import split_words
from reasonbench.detectors.exact import ExactDetector
from reasonbench.errors import TraceError
from reasonbench.records import Problem
from reasonbench.results import FindingStatus

ROWS = [{"messages": [{"content": f"text number {i}"}], "n": i} for i in range(1000)]
PLAIN = "".join(json.dumps(r) + "\n" for r in ROWS).encode()


def problem(statement, name="p"):
    return Problem(task="t", id=name, statement=statement)


def search(tmp_path, statements, texts):
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    problems = [problem(s, str(i)) for i, s in enumerate(statements)]
    findings, _ = ExactDetector().detect(problems, [path])
    return findings


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.jsonl", bytes),
        ("t.jsonl.gz", gzip.compress),
        ("t.jsonl.zst", zstandard.compress),
        ("t.jsonl.zst", lambda d: zstandard.compress(d[:5000]) + zstandard.compress(d[5000:])),
    ],
)
def test_every_row_of_every_kind_of_file_is_read(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(PLAIN))
    rows = list(read_rows(path))
    assert [r.number for r in rows] == list(range(1000))
    assert rows[7] == Row(7, [("messages[0].content", "text number 7")])


@pytest.mark.parametrize(
    ("name", "pack"), [("t.jsonl.gz", gzip.compress), ("t.jsonl.zst", zstandard.compress)]
)
@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_compressed_file_that_breaks_off_is_refused_not_read_short(tmp_path, name, pack, kept):
    path = tmp_path / name
    data = pack(PLAIN)
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(TraceError, match="damaged after row"):
        list(read_rows(path))


def test_garbage_in_the_place_of_a_compressed_file_is_refused(tmp_path):
    path = tmp_path / "t.jsonl.zst"
    path.write_bytes(b"not zstandard at all")
    with pytest.raises(TraceError, match="damaged"):
        list(read_rows(path))


def test_an_empty_file_has_no_rows(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"")
    assert list(read_rows(path)) == []


def test_a_line_too_long_to_hold_is_skipped_and_counted(tmp_path):
    path = tmp_path / "t.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "' + b"x" * (MAX_LINE_BYTES + 5) + b'"}\n{"text": "after"}\n')
    rows = list(read_rows(path))
    assert rows[0] == Skipped(0, "line longer than 64 MiB")
    assert rows[1] == Row(1, [("text", "after")])


def test_a_nul_byte_and_deep_nesting_do_no_harm(tmp_path):
    path = tmp_path / "t.jsonl"
    deep = "[" * 100_000 + "]" * 100_000
    path.write_text('{"text": "a\\u0000b"}\n{"text": ' + deep + "}\n" + '{"a": {"b": ["c"]}}\n')
    rows = list(read_rows(path))
    assert rows[0] == Row(0, [("text", "a\0b")])
    assert isinstance(rows[1], Skipped)
    assert rows[2] == Row(2, [("a.b[0]", "c")])


def test_a_file_of_an_unknown_kind_is_refused_with_the_kinds_that_work(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b")
    with pytest.raises(TraceError, match="not a kind of trace file") as caught:
        list(read_rows(path))
    assert ".jsonl.zst" in caught.value.hint


def test_words_are_casefolded_and_their_places_are_in_the_text_as_given():
    text = "Straße: 3*7 = İ_b\n  END."
    words = split_words(text)
    assert words.words == ["strasse", "3", "7", "i̇".casefold(), "b", "end"]
    assert [text[a:b] for a, b in words.spans] == ["Straße", "3", "7", "İ", "b", "END"]


STATEMENT = "Use the numbers 3, 7 and 11 to reach 24."


def test_a_statement_is_found_whatever_its_case_punctuation_and_line_breaks(tmp_path):
    text = "Sure! use THE numbers 3 7\n and **11** to-reach 24, friend"
    (finding,) = search(tmp_path, [STATEMENT], ["nothing", text])
    assert finding.status is FindingStatus.CONTAMINATED
    (match,) = finding.matches
    assert match.row == 1
    assert match.text == "use THE numbers 3 7\n and **11** to-reach 24"
    assert text[slice(*match.document_span)] == match.text
    assert STATEMENT[slice(*match.problem_span)] == STATEMENT[:-1]


@pytest.mark.parametrize(
    "other",
    [
        "Use the numbers 3, 7 and 12 to reach 24.",
        "Use the numbers 3, 7 and 11 to reach 25.",
        "Use the numbers 7, 3 and 11 to reach 24.",
        "Use the numbers 3, 7 and 11 to reach",
    ],
)
def test_another_number_order_or_a_cut_statement_is_not_found(tmp_path, other):
    (finding,) = search(tmp_path, [STATEMENT], [other])
    assert finding.status is FindingStatus.CLEAN
    assert finding.n_matches == 0


def test_each_statement_is_attributed_to_itself_among_siblings(tmp_path):
    siblings = [f"Use the numbers {a}, 7 and 11 to reach {b}." for a in range(5) for b in range(5)]
    findings = search(tmp_path, siblings, [siblings[6], siblings[6], siblings[18]])
    assert {f.problem_id: f.n_matches for f in findings if f.n_matches} == {"6": 2, "18": 1}


def test_a_statement_too_short_to_look_up_is_not_checked(tmp_path):
    (finding,) = search(tmp_path, ["What is 2 + 2?"], ["What is 2 + 2?"])
    assert finding.status is FindingStatus.NOT_CHECKED
    assert finding.score is None


def test_all_places_are_counted_and_the_first_kept(tmp_path):
    (finding,) = search(tmp_path, [STATEMENT], [STATEMENT] * 50)
    assert finding.n_matches == 50
    assert len(finding.matches) == 20


def test_detect_accounts_for_every_file_and_row(tmp_path):
    paths = [tmp_path / f"{i}.jsonl" for i in range(3)]
    for path in paths:
        path.write_bytes(b'{"text": "a"}\n{"text": 3}\n')
    _, summary = ExactDetector().detect([problem(STATEMENT)], paths)
    assert summary.documents == tuple(map(str, paths))
    assert summary.rows_read == 3
    assert summary.rows_skipped == {"no text": 3}
    assert all(Path(e.split(":")[0]).exists() for e in summary.examples)
