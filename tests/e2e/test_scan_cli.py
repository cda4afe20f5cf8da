"""``reasonbench scan`` as a user meets it."""

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import jsonschema
import pytest
import zstandard
from scan_world import FORMS, World, write_items, write_jsonl

FINDING = {
    "document", "row", "benchmark", "item", "status", "kind", "channel", "score", "p_value",
    "q_value", "coverage", "numbers", "longest", "text", "spans",
}  # fmt: skip
BROKEN = "{this is no JSON"

SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "pattern": r"sarif.*2\.1\.0.*\.json$"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "version", "rules"],
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "informationUri": {"type": "string", "format": "uri"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"$ref": "#/$defs/message"},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "message": {
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1}},
        },
        "result": {
            "type": "object",
            "required": ["ruleId", "level", "message", "locations"],
            "properties": {
                "ruleId": {"type": "string"},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/$defs/message"},
                "locations": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["physicalLocation"],
                        "properties": {
                            "physicalLocation": {
                                "type": "object",
                                "required": ["artifactLocation"],
                                "properties": {
                                    "artifactLocation": {
                                        "type": "object",
                                        "required": ["uri"],
                                        "properties": {
                                            "uri": {"type": "string", "pattern": r"^[^\s]+$"}
                                        },
                                    },
                                    "region": {
                                        "type": "object",
                                        "properties": {
                                            "startLine": {"type": "integer", "minimum": 1}
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
                "properties": {"type": "object"},
            },
        },
    },
}
"""What SARIF 2.1.0 asks of the parts that are written here."""


@pytest.fixture(scope="module")
def leak():
    """Return items, and rows of traces in which some stand; one row in 60 is broken."""
    world = World(21)
    items = world.items(40)
    forms = [FORMS[i % len(FORMS)] for i in range(12)]
    records, planted = world.planted(240, items[:12], forms)
    rows, place = [], {}
    for number, record in enumerate(records):
        rows += [BROKEN] * (number % 60 == 30)
        place[number] = len(rows)
        rows.append(record)
    expected = {(place[p.row], p.item): p.form for p in planted}
    return SimpleNamespace(items=items, rows=rows, expected=expected)


@pytest.fixture
def scan(cli, tmp_path, leak):
    """Run the command over the traces in its folder, with a cache of its own."""
    write_items(tmp_path / "bench.jsonl", leak.items)
    write_jsonl(tmp_path / "traces.jsonl", leak.rows)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*args, traces="traces.jsonl", against="bench.jsonl"):
        return cli("scan", traces, "--against", against, "--workers", 1, *args, env=cache)

    return run


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_help_has_an_example_and_names_every_option(cli):
    done = cli("scan", "--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "Example: reasonbench scan" in text
    for option in ("against", "fields", "background", "decoys", "q-value", "workers", "strict",
                   "sarif", "summary", "clean", "removed", "state", "format"):  # fmt: skip
        assert f"--{option}" in text


def test_json_is_a_line_a_finding_with_its_evidence(scan, leak):
    done = scan("--format", "json")
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    assert {(f["row"], f["item"]) for f in found} == set(leak.expected)
    for finding in found:
        assert set(finding) == FINDING
        assert finding["document"] == "traces.jsonl"
        assert finding["benchmark"] == "bench"
        assert finding["status"] == "contaminated"
        assert 0 < finding["p_value"] <= finding["q_value"] <= 0.05
        for span in finding["spans"]:
            text = leak.rows[finding["row"]][span["field"]].encode()
            assert 0 <= span["start"] < span["end"] <= len(text)
    kinds = Counter(f["kind"] for f in found)
    assert kinds == {"verbatim": 4, "reformatted": 2, "renumbered": 2, "partial": 2, "solution": 2}


def test_the_table_is_on_stdout_and_the_account_on_stderr(scan, leak):
    done = scan()
    assert done.returncode == 0, done.stderr
    for _, item in leak.expected:
        assert f"bench/{item}" in done.stdout
    assert "rows: 240 searched + 4 skipped = 244, 4 not JSON" in done.stderr
    assert "found: 12 of 40 items in 12 records" in done.stderr
    assert "measured on 40 decoys: false positives in 0.00%" in done.stderr
    broken = leak.rows.index(BROKEN)
    assert f"traces.jsonl:{broken + 1}: not JSON" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_the_summary_adds_up(scan, tmp_path, leak):
    assert scan("--summary", "numbers.json").returncode == 0
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["rows"] == len(leak.rows)
    assert numbers["rows_read"] + sum(numbers["rows_skipped"].values()) == numbers["rows"]
    assert numbers["rows_skipped"] == {"not JSON": 4}
    assert len(numbers["examples"]) == 4
    assert (numbers["n_findings"], numbers["n_items_found"], numbers["n_records_found"]) == (
        12,
        12,
        12,
    )
    assert sum(numbers["kinds"].values()) == sum(numbers["channels"].values()) == 12
    assert numbers["n_decoys"] == numbers["n_items"] == 40
    assert numbers["false_positive_rate_short"] == numbers["false_positive_rate_long"] == 0
    assert numbers["n_short"] + numbers["n_long"] == numbers["rows_read"]
    assert numbers["calibrated_on"] == 240


def test_sarif_is_what_its_schema_asks_for(scan, tmp_path, leak):
    assert scan("--sarif", "out.sarif").returncode == 0
    log = json.loads((tmp_path / "out.sarif").read_text())
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= rules
    places = {
        (r["locations"][0]["physicalLocation"]["region"]["startLine"] - 1, r["properties"]["item"])
        for r in run["results"]
    }
    assert places == set(leak.expected)
    assert {result["level"] for result in run["results"]} == {"error"}


def test_clean_and_removed_together_are_the_input(scan, tmp_path, leak):
    assert scan("--clean", "clean.jsonl", "--removed", "removed.jsonl").returncode == 0
    clean = (tmp_path / "clean.jsonl").read_text().splitlines()
    removed = lines((tmp_path / "removed.jsonl").read_text())
    leaked = {row for row, _ in leak.expected}
    assert [json.loads(line) for line in clean] == [
        row for number, row in enumerate(leak.rows) if number not in leaked and row != BROKEN
    ]
    assert {r["row"] for r in removed if "record" in r} == leaked
    for entry in removed:
        if "record" in entry:
            assert entry["record"] == leak.rows[entry["row"]]
            assert any(f" of bench/{i}" in entry["reasons"][0] for _, i in leak.expected)
        else:
            assert entry["line"] == BROKEN
            assert entry["reasons"] == ["not searched: not JSON"]
    given = (tmp_path / "traces.jsonl").read_text().splitlines()
    back = [*clean, *(r["line"] if "line" in r else json.dumps(r["record"]) for r in removed)]
    assert Counter(back) == Counter(given)


def test_what_is_clean_has_nothing_left_to_find(scan, tmp_path):
    assert scan("--clean", "clean.jsonl.zst").returncode == 0
    done = scan("--format", "json", traces="clean.jsonl.zst")
    assert (done.returncode, done.stdout) == (0, "")
    assert "found: 0 of 40 items" in done.stderr


@pytest.mark.parametrize("streamed", [False, True])
def test_parquet_files_give_what_json_lines_give(scan, tmp_path, leak, streamed):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for row in leak.rows if row != BROKEN]
    names = sorted({name for row in rows for name in row})
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    (tmp_path / "data").mkdir()
    cuts = (0, 150, len(rows))
    for part, (low, high) in enumerate(itertools.pairwise(cuts)):
        path = tmp_path / "data" / f"train-0000{part}-of-00002.parquet"
        pq.write_table(table.slice(low, high - low), path, row_group_size=64)
    traces = f"hf:{tmp_path / 'data'}" if streamed else "data"
    done = scan("--format", "json", "--clean", "clean.jsonl", traces=traces)
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    documents = sorted({f["document"] for f in found})
    got = {(cuts[documents.index(f["document"])] + f["row"], f["item"]) for f in found}
    place = {
        number: at for at, number in enumerate(n for n, r in enumerate(leak.rows) if r != BROKEN)
    }
    expected = {(place[row], item) for row, item in leak.expected}
    assert got == expected
    for finding in found:
        row = rows[cuts[documents.index(finding["document"])] + finding["row"]]
        span = finding["spans"][0]
        text = row[span["field"]].encode()[span["start"] : span["end"]].decode()
        assert text.startswith(finding["text"])
    clean = lines((tmp_path / "clean.jsonl").read_text())
    leaked = {row for row, _ in expected}
    kept = [row for number, row in enumerate(rows) if number not in leaked]
    assert [{k: v for k, v in row.items() if v is not None} for row in clean] == kept


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_searched_like_a_file(scan, tmp_path, leak, packed):
    from_file = lines(scan("--format", "json").stdout)
    data = (tmp_path / "traces.jsonl").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "reasonbench", "scan", "-", "--against", "bench.jsonl",
         "--format", "json"],
        input=zstandard.compress(data) if packed else data,
        capture_output=True, cwd=tmp_path, check=True, timeout=300,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    found = lines(done.stdout.decode())
    assert {f["document"] for f in found} == {"standard input"}
    assert [{**f, "document": "traces.jsonl"} for f in found] == from_file


def test_only_named_fields_are_searched(scan, leak):
    done = scan("--fields", "prompt=prompt", "--format", "json")
    in_prompt = {p for p, form in leak.expected.items() if form not in ("mid-trace", "solution")}
    assert {(f["row"], f["item"]) for f in lines(done.stdout)} == in_prompt


def test_strict_refuses_a_broken_row_and_names_it(scan, leak):
    done = scan("--strict")
    assert done.returncode == 5
    assert done.stdout == ""
    assert f"traces.jsonl:{leak.rows.index(BROKEN) + 1}" in done.stderr
    assert "not JSON" in done.stderr


def test_items_too_short_are_not_called_clean(scan, tmp_path, leak):
    write_items(
        tmp_path / "more.jsonl", [leak.items[0]._replace(id="s", question="Why?", solution="")]
    )
    done = scan("--against", "more.jsonl", "--summary", "numbers.json")
    assert "not checked: 1 items are too short" in done.stderr
    assert json.loads((tmp_path / "numbers.json").read_text())["n_unsearchable"] == 1


@pytest.mark.parametrize(
    ("args", "kind", "code", "said"),
    [
        (("--traces", "nowhere.jsonl"), "traces", 5, "no traces at nowhere.jsonl"),
        (("--against", "nowhere.jsonl"), "against", 2, "no file nowhere.jsonl"),
        (("--against", "gsm9k-unknown"), "against", 2, "no task named 'gsm9k-unknown'"),
        (("--fields", "prompt"), "args", 2, "does not name a field"),
        (("--clean", "traces.jsonl"), "args", 5, "would be written over"),
        (("--state", "bench.jsonl/state"), "args", 5, "state cannot be kept"),
        (("--summary", "no/such/folder.json"), "args", 5, "cannot be written"),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence_and_a_hint(scan, args, kind, code, said):
    done = scan(*args) if kind == "args" else scan(**{kind: args[1]})
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug in reasonbench" not in done.stderr
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1
    assert any(line.startswith("hint: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no item"),
        ("{\n", "bench.jsonl:1 is not JSON"),
        ("[1]\n", "bench.jsonl:1 is not a JSON object"),
        ('{"answer": "3"}\n', "bench.jsonl:1 has no question"),
        ('{"q": "a", "id": "x"}\n{"q": "b", "id": "x"}\n', "bench.jsonl:2 has the id 'x'"),
    ],
)
def test_a_file_that_holds_no_items_says_which_line(scan, tmp_path, text, said):
    (tmp_path / "bench.jsonl").write_text(text)
    done = scan()
    assert done.returncode == 2
    assert said in done.stderr


def test_a_task_is_searched_for_by_its_name(cli, tmp_path):
    write_jsonl(tmp_path / "traces.jsonl", World(3).records(60))
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = cli("scan", "traces.jsonl", "--against", "sums:20", "--workers", 1, env=cache)
    assert done.returncode == 0, done.stderr
    assert "of 20 items" in done.stderr


def test_a_finished_scan_leaves_nothing_in_the_cache(scan, tmp_path):
    assert scan().returncode == 0
    assert list((tmp_path / "cache").rglob("*.msgpack")) == []
    assert list((tmp_path / "cache" / "reasonbench" / "scans").iterdir()) == []


def test_control_characters_of_the_traces_are_not_printed(cli, tmp_path, leak):
    records = World(4).records(60)
    records[5]["prompt"] = leak.items[0].question.replace(" ", " \x1b[31m\u202e", 3)
    write_jsonl(tmp_path / "tr\x1baces.jsonl", records)
    write_items(tmp_path / "bench.jsonl", leak.items)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for form in ("table", "json"):
        done = cli(
            "scan", "tr\x1baces.jsonl", "--against", "bench.jsonl", "--format", form, env=cache
        )
        assert done.returncode == 0, done.stderr
        assert "i0" in done.stdout
        assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
