"""Reading trace files and finding statements in them."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import msgspec
import pytest
import zstandard

from reasonbench.corpus.documents import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_LINE_BYTES,
    MAX_PATH,
    Row,
    Skipped,
    read_rows,
)
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
    with pytest.raises(TraceError, match="damaged after line"):
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


def test_a_lone_surrogate_becomes_a_replacement_character_in_its_place(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a\\udc00": {"b": "x\\ud800y \\ud83d\\ude00"}}\n')
    assert list(read_rows(path)) == [Row(0, [("a\ufffd.b", "x\ufffdy \U0001f600")])]


def test_the_evidence_of_a_row_with_lone_surrogates_can_be_written(tmp_path):
    path = tmp_path / "t.jsonl"
    text = STATEMENT.replace(" 11", ' \\ud800 11"'[:-1])
    path.write_text('{"\\udfff": "' + text + '"}\n')
    (finding,), summary = ExactDetector().detect([problem(STATEMENT)], [path])
    assert finding.matches[0].text == STATEMENT[:-1].replace(" 11", " \ufffd 11")
    assert msgspec.json.encode([finding, summary])


def test_a_file_name_that_is_not_utf8_can_be_written(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl"))
    path.write_text(json.dumps({"text": STATEMENT}) + "\n[]\n")
    found = ExactDetector().detect([problem(STATEMENT)], [path])
    assert found[1].documents == (f"{tmp_path}/\ufffd.jsonl",)
    assert msgspec.json.encode(found)


def test_long_keys_do_not_multiply_into_memory(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"k" * 200_000: {"l" * 300: ["a"] * 100_000}}))
    tracemalloc.start()
    (row,) = read_rows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(row.fields) == 100_000
    assert peak < 2**26
    name, _ = row.fields[77]
    assert len(name) == MAX_PATH
    assert name.startswith("kkkk")
    assert name.endswith("llll[77]")
    assert "…" in name


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"a": ["b"] * (MAX_FIELDS + 1)}, f"more than {MAX_FIELDS:,} text fields"),
        (json.loads("[" * MAX_DEPTH + '"a"' + "]" * MAX_DEPTH), f"nested deeper than {MAX_DEPTH}"),
    ],
)
def test_a_row_beyond_a_cap_is_skipped_with_the_cap_not_searched_in_part(tmp_path, row, reason):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"text": "kept?", "row": row}) + "\n")
    assert list(read_rows(path)) == [Skipped(0, reason)]


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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("number", "num\u200bber"),
        ("number", "num\u00ad\u2060ber\ufe0f"),
        ("a\u0301\u0323", "a\u0323\u200d\u0301"),
        ("7 plus 24", "\uff17 \uff30\uff2c\uff35\uff33 \uff12\uff14"),
        ("STRASSE", "straße"),
        ("각", "\u1100\u1161\u11a8"),
        ("ガ", "\uff76\uff9e"),
        ("น้ำ", "น\u0e49\u0e4d\u0e32"),
        ("10² + ½", "10^2 + 1/2"),
        ("two words", "two\u3164words"),
    ],
)
def test_what_reads_the_same_has_the_same_words(one, other):
    assert split_words(one).words == split_words(other).words


@pytest.mark.parametrize(
    ("one", "other"), [("10²", "102"), ("3½", "31/2"), ("année", "annee"), ("한국", "한 국")]
)
def test_what_reads_otherwise_has_other_words(one, other):
    assert split_words(one).words != split_words(other).words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("用3和17得到24。", ["用", "3", "和", "17", "得", "到", "24"]),
        ("がカー", ["が", "カ", "ー"]),
        ("ที่ ๑๒", ["ที่", "๑๒"]),
        ("ລາວ", ["ລ", "າ", "ວ"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("မြန်", ["မြ", "န်"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("naïve идея", ["naïve", "идея"]),
        ("हिन्दी", ["हिन्दी"]),
    ],
)
def test_a_script_without_spaces_has_a_word_a_character(text, words):
    found = split_words(text)
    assert found.words == words
    assert [text[a:b] for a, b in found.spans] == words


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


def test_a_chinese_statement_is_found_in_its_place(tmp_path):
    text = "问题。请用数字三、七和十一\n得到二十四。好"
    statements = ["请用数字三、七和十一得到二十四。", "请用数字三、七和十二得到二十四。"]
    found, other = search(tmp_path, statements, [text])
    assert found.matches[0].text == "请用数字三、七和十一\n得到二十四"
    assert other.status is FindingStatus.CLEAN


def test_a_statement_broken_by_invisible_characters_is_found(tmp_path):
    text = "so: " + "\u200b".join(STATEMENT)
    (finding,) = search(tmp_path, [STATEMENT], [text])
    assert finding.matches[0].text == "\u200b".join(STATEMENT[:-1])


def test_a_file_that_is_named_twice_is_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_text(json.dumps({"text": STATEMENT}) + "\n")
    Path("link.jsonl").symlink_to("a.jsonl")
    named = [Path("b.jsonl"), Path("a.jsonl"), tmp_path / "b.jsonl", Path("link.jsonl")]
    (finding,), summary = ExactDetector().detect([problem(STATEMENT)], named)
    assert summary.documents == ("b.jsonl", "a.jsonl")
    assert summary.rows_read == finding.n_matches == 2


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


DIFFERENT = [
    ("What is 3 * 4 + 5 worth today?", "What is 3 + 4 * 5 worth today?"),
    ("Solve x - y = 12 and x + y = 20.", "Solve x + y = 12 and x - y = 20."),
    ("Find n < 5 and n > 2 with n^2 - 3n.", "Find n > 5 and n < 2 with n^2 + 3n."),
    ("What is (3 + 4) * 5 worth today?", "What is 3 + (4 * 5) worth today?"),
]
SAME = [
    ("What is 3 * 4 - 5 worth today?", "What is 3 \u00d7 4 \u2212 5 worth today?"),
    ("Use 3, 4 and 11 to reach 24.", "use **3**, *4* and (11) to-reach 24"),
    ("Use + - and * on 3 and 4 now.", "Use +, -, and `*` on 3 and 4 now."),
]


@pytest.mark.parametrize(("statement", "text"), DIFFERENT)
def test_other_operators_beside_numbers_make_another_problem(tmp_path, statement, text):
    (finding,) = search(tmp_path, [statement], [text])
    assert finding.status is FindingStatus.CLEAN
    (finding,) = search(tmp_path, [statement], [statement])
    assert finding.status is FindingStatus.CONTAMINATED


@pytest.mark.parametrize(("statement", "text"), SAME)
def test_another_spelling_of_operators_emphasis_and_dashes_are_no_difference(
    tmp_path, statement, text
):
    (finding,) = search(tmp_path, [statement], [text])
    assert finding.status is FindingStatus.CONTAMINATED


def test_a_row_is_known_by_its_line_blank_lines_included(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('\n\n{"text": "a"}\n\n{"text": "b"}\n')
    assert [row.number for row in read_rows(path)] == [2, 4]
