"""Public benchmarks: rows, files, local copies, the Hub, and what is said when they are not there.

Rows have the fields of the published data sets; their wording is our own.
"""

import csv
import datetime
import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import click
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from public_rows import ARXIVMATH, GPQA, GSM8K, MATH_500, MATHARENA, OLYMPIAD_BENCH, ROWS

from reasonbench import lm_eval_tasks
from reasonbench.cli.options import with_data
from reasonbench.errors import SpecError, TaskError, UnknownNameError
from reasonbench.resources import data_dir
from reasonbench.tasks import code_schemas, public, resolve
from reasonbench.tasks.fields import TaskFields, read_fields
from reasonbench.tasks.hub_files import Wanted, selected
from reasonbench.tasks.row_files import read_rows
from reasonbench.tasks.rows import RowError, Unusable
from reasonbench.tasks.schemas import SCHEMAS

MATH = sorted(set(SCHEMAS) - set(code_schemas.SCHEMAS))
COMMON = {"id", "question", "answer", "published", "cluster", "solution"}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes rows as JSON Lines."""

    def make(rows, name="rows.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
        return path

    return make


def docs(schema):
    return [SCHEMAS[schema](row, i) for i, row in enumerate(ROWS[schema], 1)]


def answers(schema):
    return [(doc["id"], doc["answer"]) for doc in docs(schema)]


# --- Rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", MATH)
def test_all_documents_of_a_schema_have_the_same_fields(schema):
    assert len({tuple(doc) for doc in docs(schema)}) == 1
    assert set(docs(schema)[0]) >= COMMON
    assert len({doc["id"] for doc in docs(schema)}) == len(ROWS[schema])


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("matharena", [("1", "277"), ("2", "(1,\\frac{3}{2})")]),
        ("arxivmath", [("1", "$\\frac{n-1}{2}$"), ("2", "2^{n}")]),
        ("aime_2024", [("60", "25"), ("61", "204")]),
        ("math_500", [("test/algebra/1.json", "[0,2]"), ("test/algebra/2.json", "\\frac12")]),
        ("gsm8k", [("00000", "1018"), ("00001", "-1")]),
        ("gsm_symbolic", [("7-0", "2"), ("7-1", "3"), ("7-2", "4")]),
        ("olympiad_bench", [("1606", "3, 5"), ("1607", "2")]),
    ],
)
def test_rows_become_ids_and_final_answers(schema, expected):
    assert answers(schema) == expected


@pytest.mark.parametrize("answer", [7, 7.0, "7", " 7 "])
def test_an_answer_of_a_contest_may_be_a_number(answer):
    assert SCHEMAS["matharena"]({**MATHARENA[0], "answer": answer}, 1)["answer"] == "7"


def test_variants_and_questions_about_one_paper_are_clusters():
    assert {doc["cluster"] for doc in docs("gsm_symbolic")} == {"473"}
    assert {doc["cluster"] for doc in docs("arxivmath")} == {"2604.01230"}
    # Some months have the id as a number.
    as_number = SCHEMAS["arxivmath"]({**ARXIVMATH[0], "source": 2604.0123}, 1)
    assert as_number["cluster"] == "2604.01230"
    assert SCHEMAS["arxivmath"]({**ARXIVMATH[0], "source": 901.0123}, 1)["cluster"] == "0901.01230"


def test_worked_solutions_are_kept_for_the_search_of_traces():
    assert "<<500+518=1018>>" in docs("gsm8k")[0]["solution"]
    assert docs("math_500")[0]["solution"] == MATH_500[0]["solution"]
    assert docs("olympiad_bench")[0]["solution"] == "Try $3$ and $5$."


def test_the_context_of_an_olympiad_problem_is_part_of_the_question():
    assert docs("olympiad_bench")[1]["question"] == "A train runs.\n\nFind the speed."


def test_options_are_lettered_in_a_fixed_order_that_hides_the_right_one():
    found = docs("gpqa")
    assert found == docs("gpqa")
    assert len({doc["answer"] for doc in found}) > 2
    for doc in found:
        options = dict(line.split(") ") for line in doc["options"].splitlines())
        assert list(options) == ["A", "B", "C", "D"]
        assert options[doc["answer"]] == "Red"
        assert sorted(options.values()) == ["Blue", "Green", "Grey", "Red"]
    # The order does not depend on the order of the source.
    turned = {**GPQA[0], "Incorrect Answer 1": "Blue", "Incorrect Answer 2": "Green"}
    assert SCHEMAS["gpqa"](turned, 1)["options"] == found[0]["options"]


@pytest.mark.parametrize(
    ("schema", "row", "reason"),
    [
        ("olympiad_bench", OLYMPIAD_BENCH[0] | {"error": "1e-2"}, "a tolerance of its own"),
        ("olympiad_bench", OLYMPIAD_BENCH[0] | {"final_answer": None}, "no final answer"),
        ("olympiad_bench", OLYMPIAD_BENCH[0] | {"answer_type": "Need_human_evaluate"}, "people"),
        ("gpqa", GPQA[0] | {"Incorrect Answer 2": "Red "}, "the right one as well"),
    ],
)
def test_rows_that_cannot_be_graded_are_unusable(schema, row, reason):
    with pytest.raises(Unusable, match=reason):
        SCHEMAS[schema](row, 1)


@pytest.mark.parametrize(
    ("schema", "row", "said"),
    [
        ("matharena", {"problem": "x"}, "'problem_idx' must be str or int or float, got nothing"),
        ("matharena", MATHARENA[0] | {"answer": True}, "'answer' must be"),
        ("matharena", MATHARENA[0] | {"answer": 1.5}, "a whole number, got 1.5"),
        ("matharena", MATHARENA[0] | {"problem": " "}, "its question is empty"),
        ("math_500", MATH_500[0] | {"answer": ""}, "its answer is empty"),
        ("gsm8k", {"question": "How many?", "answer": "18"}, "must end in '#### 42', got '18'"),
        ("gsm8k", {"question": "How many?", "answer": "so\n#### "}, "must end in '#### 42'"),
        ("arxivmath", ARXIVMATH[0] | {"source": ["a"]}, "'source' must be an arXiv id, got list"),
        ("gpqa", {"Question": "x"}, "'Record ID' must be a text, got nothing"),
    ],
)
def test_a_row_of_another_shape_is_said_to_be_so(schema, row, said):
    with pytest.raises(RowError) as caught:
        SCHEMAS[schema](row, 1)
    assert said in str(caught.value)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda parts: st.one_of(st.lists(parts), st.dictionaries(st.text(), parts)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_value_in_a_field_gives_a_document_or_a_row_error(data):
    schema = data.draw(st.sampled_from(MATH))
    row = dict(data.draw(st.sampled_from(ROWS[schema])))
    for field in data.draw(st.lists(st.sampled_from(sorted(row)), min_size=1, max_size=2)):
        row[field] = data.draw(ANYTHING)
    try:
        doc = SCHEMAS[schema](row, 1)
    except RowError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert doc["id"] is not None and doc["question"].strip() and doc["answer"].strip()
        assert all(isinstance(value, str | None) for value in doc.values())


# --- Files -----------------------------------------------------------------------------------


def as_jsonl(path, rows):
    path.write_text("\n" + "\n\n".join(map(json.dumps, rows)))


def as_array(path, rows):
    path.write_text("\ufeff " + json.dumps(rows), encoding="utf-8")


def as_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def as_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


def as_gzip(path, rows):
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def as_zstd(path, rows):
    path.write_bytes(zstandard.compress("\n".join(map(json.dumps, rows)).encode()))


FORMS = {
    "rows.jsonl": as_jsonl,
    "rows.json": as_array,
    "lines.json": as_jsonl,
    "rows.csv": as_csv,
    "rows.parquet": as_parquet,
    "rows.jsonl.gz": as_gzip,
    "rows.jsonl.zst": as_zstd,
    "rows": as_parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_file_gives_the_same_problems(tmp_path, name, write):
    FORMS[name](tmp_path / name, GSM8K)
    task, other = resolve(f"gsm8k:{tmp_path / name}"), resolve(f"gsm8k:{write(GSM8K, 'x.jsonl')}")
    assert list(task.problems()) == list(other.problems())
    assert task.spec.content_digest == other.spec.content_digest
    assert task.spec.source == f"{name} (local copy of openai/gsm8k)"


def test_line_ends_inside_a_field_of_csv_stay(tmp_path):
    as_csv(tmp_path / "gpqa.csv", [GPQA[0] | {"Question": 'One,\r\n"two"\nor three?'}])
    (problem,) = resolve(f"gpqa_diamond:{tmp_path / 'gpqa.csv'}").problems()
    assert problem.statement == 'One,\r\n"two"\nor three?'


GOOD = b"".join(json.dumps(row).encode() + b"\n" for row in GSM8K)
DAMAGED = [
    ("a.jsonl", b'{"question": 1', "a.jsonl, line 1: not JSON"),
    ("a.jsonl", GOOD + b"\n{}\n", "a.jsonl, line 4: 'answer' must be a text, got nothing"),
    ("a.jsonl", b"\n7\n", "a.jsonl, line 2: int found, JSON object expected"),
    ("a.jsonl", b'\n{"a": "\xff"}', "a.jsonl, line 2: not UTF-8"),
    ("a.jsonl", b"{" * 100_000, "a.jsonl, line 1: not JSON"),
    ("a.json", b"[" * 100_000, "nested too deeply"),
    ("a.json", b"[3, {}]", "a.json, row 1: int found, JSON object expected"),
    ("a.csv", b"question,answer\nonly one\n", "after row 1: it has not as many fields"),
    ("a.csv", b"question,answer\na,b,c\n", "after row 1: it has not as many fields"),
    ("a.csv", b"question,answer\n\xff,b\n", "after row 0: not UTF-8"),
    ("a.csv", b'question,answer\n"a,b\n', "a.csv cannot be read after row 0"),
    ("a.parquet", b"PAR1 and no more", "a.parquet cannot be read after row 0"),
    ("a.jsonl", gzip.compress(GOOD, mtime=0)[:-12], "ends in the middle of a gzip member"),
    ("a.jsonl", zstandard.compress(GOOD)[:-3], "ends in the middle of a Zstandard frame"),
    ("a.jsonl", b"", "no problem of 'gsm8k' is left (there are no rows)"),
    ("a.jsonl", b'{"question": "\\ud800", "answer": "#### 1"}', "half of a surrogate pair"),
]


@pytest.mark.parametrize(("name", "content", "said"), DAMAGED, ids=[said for *_, said in DAMAGED])
def test_a_file_that_is_not_whole_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError) as caught:
        resolve(f"gsm8k:{tmp_path / name}")
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_row_of_another_data_set_is_named_with_what_was_expected(write):
    with pytest.raises(TaskError) as caught:
        resolve(f"gsm8k:{write([*GSM8K, *MATH_500])}")
    assert "rows.jsonl, line 3: 'question' must be a text, got nothing" in caught.value.message
    assert caught.value.hint == "expected: a row of openai/gsm8k (schema gsm8k)"


def test_a_copy_that_is_not_there_is_named():
    with pytest.raises(TaskError, match="no file or folder nowhere\\.parquet, the local copy of"):
        resolve("aime_2026:nowhere.parquet")


def test_large_integers_and_many_rows_of_parquet_are_read(tmp_path):
    rows = [{"n": 2**62 + i, "tags": ["a", "b"], "inner": {"x": None}} for i in range(200)]
    as_parquet(tmp_path / "rows.parquet", rows)
    assert [row for _, row in read_rows(tmp_path / "rows.parquet")] == rows


# --- Folders, as they are downloaded ----------------------------------------------------------

CARD = """---
license: mit
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: main/test-*
- config_name: socratic
  default: true
  data_files:
    test: [socratic/test-*, socratic/more.parquet]
    train: socratic/train.jsonl
- config_name: flat
  data_files: flat.csv
---
# Sums
"""
FILES = [
    "README.md", "main/train-00000-of-00001.parquet", "main/test-00000-of-00002.parquet",
    "main/test-00001-of-00002.parquet", "socratic/test-00000-of-00001.parquet",
    "socratic/more.parquet", "socratic/train.jsonl", "flat.csv", "data.py",
]  # fmt: skip


@pytest.mark.parametrize(
    ("card", "names", "wanted", "expected"),
    [
        (CARD, FILES, {"config": "main"}, FILES[2:4]),
        (CARD, FILES, {"config": "main", "split": "train"}, FILES[1:2]),
        (CARD, FILES, {}, [FILES[5], FILES[4]]),
        (CARD, FILES, {"config": "flat", "split": "train"}, ["flat.csv"]),
        (None, FILES, {"config": "main"}, FILES[2:4]),
        ("---\nconfigs: [", FILES, {"config": "main"}, FILES[2:4]),
        (None, ["test.jsonl", "train.jsonl"], {}, ["test.jsonl"]),
        (None, ["Sums-test.jsonl", "Sums-train.jsonl"], {}, ["Sums-test.jsonl"]),
        (None, ["test.jsonl", "test6.jsonl", "latest.jsonl"], {}, ["test.jsonl", "test6.jsonl"]),
        (None, ["data/test-1.parquet", "more/test-1.parquet"], {}, ["data/test-1.parquet"]),
        (None, ["OE_maths/OE_maths.parquet", "OE_physics/OE_physics.parquet"],
         {"config": "OE_maths", "split": "train"}, ["OE_maths/OE_maths.parquet"]),
        (None, ["diamond.csv", "main.csv"], {"config": "diamond", "split": "train"},
         ["diamond.csv"]),
        (None, ["a.csv", "b.csv", "test.csv"], {"split": "train"}, ["a.csv", "b.csv"]),
        (None, ["aime.parquet"], {}, ["aime.parquet"]),
        (CARD, FILES, {"data_files": ("flat.csv",)}, ["flat.csv"]),
    ],
)  # fmt: skip
def test_the_files_of_a_split_are_those_that_the_card_or_the_names_say(
    card, names, wanted, expected
):
    assert selected(names, card, Wanted("us/sums", **wanted)) == sorted(expected)


@pytest.mark.parametrize(
    ("card", "names", "wanted", "said"),
    [
        (CARD, [*FILES[:2], *FILES[3:]], {"config": "main"}, "part 0 of 2 of main/test is missing"),
        (None, ["a.csv", "b.csv"], {}, "a file of the split 'test' of us/sums is missing"),
        (None, ["README.md"], {}, "the files of rows there are: none"),
        (None, FILES, {"data_files": ("test9.jsonl",)}, "the file 'test9.jsonl' of us/sums"),
    ],
)
def test_a_split_that_is_not_whole_is_refused(card, names, wanted, said):
    with pytest.raises(TaskError) as caught:
        selected(names, card, Wanted("us/sums", **wanted))
    assert said in caught.value.message
    assert "--data PATH" in caught.value.hint


def test_a_downloaded_folder_is_a_local_copy(tmp_path, write):
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "README.md").write_text(CARD)
    as_parquet(tmp_path / "gsm8k" / "socratic.parquet", [{"x": 1}])
    write(GSM8K, "gsm8k/main/test-00000-of-00002.jsonl")
    write(GSM8K[:1], "gsm8k/main/test-00001-of-00002.jsonl")
    write([{"x": 1}], "gsm8k/.cache/main/test-00002.jsonl")
    task = resolve(f"gsm8k:{tmp_path / 'gsm8k'}")
    assert [p.id for p in task.problems()] == ["00000", "00001", "00002"]


# --- Arguments -------------------------------------------------------------------------------


def test_the_path_may_hold_commas_and_the_days_come_last():
    found = public.read_argument("t", "a,b.jsonl,since=2025-01-01,until=2025-06-30")
    assert found.path == "a,b.jsonl"
    assert found.since == datetime.date(2025, 1, 1)
    assert found.suffix == "_since_2025-01-01_until_2025-06-30"
    assert public.read_argument("t", "since=2025-01-01").path is None
    assert public.read_argument("t", None) == public.Argument()


@pytest.mark.parametrize("argument", ["since=soon", "x,until=2025-1-1", "since="])
def test_a_day_that_is_none_is_refused(argument):
    with pytest.raises(SpecError, match="'t' cannot use"):
        public.read_argument("t", argument)


def test_days_that_exclude_each_other_are_refused():
    with pytest.raises(SpecError, match="no day is since"):
        public.read_argument("t", "since=2025-02-01,until=2025-01-01")


def test_problems_of_other_days_are_left_out_counted_and_another_task(write):
    rows = ROWS["livecodebench"][:1]
    dated = [
        row | {"question_id": str(i), "contest_date": f"2025-0{i}-01T00:00:00"}
        for i in range(1, 5)
        for row in rows
    ]
    path = write(dated)
    task = resolve(f"livecodebench:{path},since=2025-02-01,until=2025-03-31")
    assert [str(p.published) for p in task.problems()] == ["2025-02-01", "2025-03-01"]
    assert task.left_out == {"other days were asked for": 2}
    assert task.spec.name == "livecodebench_since_2025-02-01_until_2025-03-31"
    assert {p.task for p in task.problems()} == {task.spec.name}
    assert resolve(f"livecodebench:{path}").spec.name == "livecodebench"
    with pytest.raises(TaskError, match="4 left out: other days were asked for"):
        resolve(f"livecodebench:{path},since=2026-01-01")


def test_a_problem_without_a_date_is_left_out_where_days_are_asked_for(write):
    rows = [
        row | {"id": str(i), "contest_start": start}
        for i, start in enumerate([None, 1733207100])
        for row in ROWS["codeforces"]
    ]
    path = write(rows)
    assert len(list(resolve(f"codeforces:{path}").problems())) == 2
    task = resolve(f"codeforces:{path},since=2024-01-01")
    assert [p.id for p in task.problems()] == ["1"]
    assert task.left_out == {"it has no date": 1}


def test_rows_that_are_unusable_are_counted_by_reason(write):
    rows = [*OLYMPIAD_BENCH, OLYMPIAD_BENCH[0] | {"id": 3, "error": "1e-2"}]
    task = resolve(f"olympiad_bench:{write(rows)}")
    assert task.left_out == {"its answer has a tolerance of its own": 1}
    assert [p.id for p in task.problems()] == ["1606", "1607"]


def test_other_shipped_tasks_take_no_argument():
    with pytest.raises(SpecError, match="'countdown_public' takes no argument, got 'x'"):
        resolve("countdown_public:x")


@pytest.mark.parametrize(
    ("references", "data", "expected"),
    [
        (("a",), (), ("a",)),
        (("a",), ("p.jsonl",), ("a:p.jsonl",)),
        (("a",), ("a=p.jsonl",), ("a:p.jsonl",)),
        (("a",), ("x=1.jsonl",), ("a:x=1.jsonl",)),
        (("a:since=2025-01-01",), ("p",), ("a:p,since=2025-01-01",)),
        (("a", "b", "a:until=2025-01-01"), ("b=q", "a=p"), ("a:p", "b:q", "a:p,until=2025-01-01")),
        (("a", "b"), ("a=p",), ("a:p", "b")),
    ],
)
def test_data_is_put_into_the_references(references, data, expected):
    assert with_data(references, data) == expected


@pytest.mark.parametrize(
    ("references", "data", "said"),
    [
        (("a", "b"), ("p",), "NAME=PATH (tasks: a, b)"),
        (("a", "b"), ("c=p",), "NAME=PATH (tasks: a, b)"),
        (("a",), ("p", "q"), "one path for the task 'a', got 'q'"),
        (("a",), ("a=",), "one path for the task 'a'"),
        (("a:p",), ("q",), "both have a path"),
        ((), ("q",), "tasks: none"),
    ],
)
def test_data_that_fits_no_task_is_refused(references, data, said):
    with pytest.raises(click.UsageError) as caught:
        with_data(references, data)
    assert said in caught.value.message


# --- The Hub ---------------------------------------------------------------------------------

COMMIT = "c" * 40


class Hub:
    """A Hub on loopback with one data set, which counts the files that it is asked for."""

    def __init__(self, name, files):
        outer, self.sent = self, []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(urlsplit(self.path).path)
                if path.startswith(f"/api/datasets/{name}/revision/"):
                    siblings = [{"rfilename": file} for file in files]
                    info = {"id": name, "_id": "1", "sha": COMMIT, "siblings": siblings}
                    return self.send(
                        json.dumps(info).encode(), {"Content-Type": "application/json"}
                    )
                if path.startswith(f"/api/datasets/{name}/tree/"):
                    tree = [{"type": "file", "path": file, "size": len(content), "oid": "0" * 40}
                            for file, content in files.items()]  # fmt: skip
                    return self.send(
                        json.dumps(tree).encode(), {"Content-Type": "application/json"}
                    )
                file = path.removeprefix(f"/datasets/{name}/resolve/{COMMIT}/")
                if file in files:
                    if self.command == "GET":
                        outer.sent.append(file)
                    return self.send(
                        files[file], {"ETag": f'"{hash(file)}"', "X-Repo-Commit": COMMIT}
                    )
                self.send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

            do_HEAD = do_GET  # noqa: N815

            def send(self, body, headers, status=200):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with openai/gsm8k, and an empty cache."""
    from huggingface_hub import constants, file_download, hf_api

    lines = "\n".join(map(json.dumps, GSM8K)).encode()
    files = {
        "README.md": CARD.encode(),
        "main/test-00000-of-00001.jsonl": lines,
        "main/train-00000-of-00001.jsonl": b"never asked for",
        "socratic/more.parquet": b"never asked for",
    }
    with Hub("openai/gsm8k", files) as server:
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, hf_api):
            monkeypatch.setattr(module, "ENDPOINT", server.url, raising=False)
        for module in (constants, file_download):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(hf_api.HfApi, "__init__", _init_at(server.url, hf_api.HfApi.__init__))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server


def _init_at(url, init):
    def wrapped(self, endpoint=None, **rest):
        init(self, endpoint=endpoint or url, **rest)

    return wrapped


def test_a_task_is_loaded_from_the_hub_and_its_commit_recorded(hub, monkeypatch):
    from huggingface_hub import constants

    task = resolve("gsm8k")
    assert [p.target for p in task.problems()] == ["1018", "-1"]
    assert (task.spec.source, task.spec.revision) == ("openai/gsm8k", COMMIT)
    assert task.spec.split == "test"
    assert sorted(hub.sent) == ["README.md", "main/test-00000-of-00001.jsonl"]
    # What was loaded once is in the cache, and there without a network as well.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again = resolve("gsm8k")
    assert again.spec == task.spec


@pytest.mark.parametrize(
    ("offline", "said"), [(True, "the Hub cannot be reached"), (False, "Repository")]
)
def test_a_data_set_that_cannot_be_had_comes_with_how_to_give_a_copy(
    hub, monkeypatch, offline, said
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(TaskError) as caught:
        resolve("aime_2026")
    assert "MathArena/aime_2026 at revision main cannot be loaded" in caught.value.message
    assert said in caught.value.message
    assert "--data PATH" in caught.value.hint
    assert "hf download MathArena/aime_2026 --repo-type dataset" in caught.value.hint


# --- What the shipped files say --------------------------------------------------------------


def shipped():
    found = []
    for path in sorted(data_dir("tasks").glob("*/*.yaml")):
        content = lm_eval_tasks.definition(path)
        if "schema" in (content.get("metadata") or {}).get("reasonbench", {}):
            found.append((path, content))
    return found


SHIPPED = shipped()


@pytest.mark.parametrize(("path", "content"), SHIPPED, ids=[p.stem for p, _ in SHIPPED])
def test_a_public_task_says_where_its_problems_are_from_and_since_when(path, content):
    fields = read_fields(content["metadata"], path)
    assert content["task"] == path.stem == path.parent.name
    assert fields.schema in SCHEMAS
    assert fields.source.count("/") == 1
    assert fields.license
    assert fields.published or fields.date
    assert fields.published is None or fields.published < datetime.date(2026, 10, 1)
    assert fields.revision is None or len(fields.revision) == 40
    assert (fields.tests is None) == (fields.target == "answer")
    assert fields.grader == ("math" if fields.tests is None else "code")
    assert content["generation_kwargs"]["until"] == []


def test_every_schema_has_a_task():
    fields = [read_fields(content["metadata"], path) for path, content in SHIPPED]
    assert {f.schema for f in fields} == set(SCHEMAS)
    assert len({(f.source, f.config) for f in fields}) == len(fields)


def test_a_schema_that_does_not_exist_is_named():
    with pytest.raises(UnknownNameError, match="no schema of rows named 'gms8k'") as caught:
        public.load(TaskFields(schema="gms8k", source="a/b"), "t")
    assert "gsm8k" in caught.value.hint


def test_a_math_prompt_asks_for_reasoning_and_a_box(write):
    task = resolve(f"aime_2026:{write(MATHARENA)}")
    first, _ = task.problems()
    (message,) = task.prompt(first).messages
    assert message.content == (
        "How many {words} are there?\n\n"
        "Please reason step by step, and put your final answer within \\boxed{}."
    )


def test_a_choice_prompt_shows_the_options_and_asks_for_the_letter(write):
    task = resolve(f"gpqa_diamond:{write(GPQA[:1])}")
    (problem,) = task.problems()
    (message,) = task.prompt(problem).messages
    assert message.content.startswith("Which colour has gas 0?\n\nA) ")
    assert "letter of your final answer within \\boxed{}" in message.content
    assert problem.statement == "Which colour has gas 0?"


# --- lm-eval ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        (None, "aime_2026", [1.0, 0.0]),
        ({"aime_2026": ""}, "aime_2026", [1.0, 0.0]),
    ],
)
def test_lm_eval_loads_a_copy_and_scores_as_the_math_grader(write, path, name, expected):
    file = str(write(MATHARENA))
    metadata = {"path": file if path is None else dict.fromkeys(path, file)}
    task = lm_eval_tasks.build(data_dir("tasks") / name / f"{name}.yaml", metadata)
    doc = next(iter(task.eval_docs))
    scores = [task.process_results(doc, [t])["acc"] for t in ("so \\boxed{277}", "\\boxed{276}")]
    assert scores == expected
    assert task.process_results(doc, ["no idea"])["acc"] == 0


def test_lm_eval_takes_days_as_metadata(write):
    path = data_dir("tasks") / "aime_2026" / "aime_2026.yaml"
    metadata = {"path": str(write(MATHARENA)), "since": "2026-03-01"}
    with pytest.raises(TaskError, match="2 left out: other days were asked for"):
        lm_eval_tasks.build(path, metadata)


OWN = """
include: {folder}/public_math/template
task: own
metadata:
  version: 1.0
  path: {path}
  reasonbench:
    schema: matharena
    source: us/own
    split: train
    grader: math
    statement: question
    id: id
    target: answer
    grading: {{tolerance: 0.01}}
"""


def test_a_task_of_ones_own_has_a_schema_a_copy_and_options_of_the_grader(tmp_path, write):
    rows = [{**MATHARENA[0], "answer": "2.00"}]
    yaml = tmp_path / "own.yaml"
    yaml.write_text(OWN.format(folder=data_dir("tasks"), path=write(rows)))
    (problem,) = resolve(str(yaml)).problems()
    assert problem.metadata["lm_eval"]["grading"] == {"tolerance": 0.01}
    task = lm_eval_tasks.build(yaml)
    doc = next(iter(task.eval_docs))
    assert task.process_results(doc, ["\\boxed{2.01}"]) == {"acc": 1}
    assert task.process_results(doc, ["\\boxed{2.10}"]) == {"acc": 0}


def test_tests_are_decoded_and_count_in_the_content(write):
    row = ROWS["humaneval"][0]
    task = resolve(f"humaneval:{write([row])}")
    (problem,) = task.problems()
    assert problem.target is None
    assert problem.tests["entry_point"] == "total"
    assert "tests" not in problem.metadata
    other = write([{**row, "test": row["test"].replace("== 4", "== 5")}], "other.jsonl")
    assert resolve(f"humaneval:{other}").spec.content_digest != task.spec.content_digest


def test_provenance_of_other_tasks_is_unknown():
    assert resolve("countdown_public").left_out == {}
    assert public.provenance({"test": msgspec.UNSET}) is None


# --- The command line ------------------------------------------------------------------------


def test_tasks_are_shown_and_validated_from_a_local_copy(cli, write):
    path = write([*OLYMPIAD_BENCH, OLYMPIAD_BENCH[0] | {"id": 3, "error": "1"}])
    done = cli("tasks", "show", "olympiad_bench", "--data", path, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["left_out"] == {"its answer has a tolerance of its own": 1}
    done = cli("tasks", "validate", "olympiad_bench", "--data", path, "--format", "json")
    assert done.returncode == 0, done.stderr
    (check,) = json.loads(done.stdout)
    assert (check["n_problems"], check["n_gold"], check["complaints"]) == (2, 2, [])


def test_without_data_the_command_says_how_to_give_some(cli):
    done = cli("tasks", "validate", "aime_2026")
    assert done.returncode == 5
    assert "MathArena/aime_2026" in done.stderr
    assert "--data PATH" in " ".join(done.stderr.split())


FAKE = ("--engine", "fake")


def test_runs_and_audits_take_local_copies_and_keep_them_in_their_spec(cli, write):
    aime, months = write(MATHARENA, "aime.jsonl"), write(ARXIVMATH, "month.jsonl")
    run = cli("run", "m", "--task", "aime_2026", "--data", aime, "-n", 2, *FAKE, "--format", "json")
    assert run.returncode == 0, run.stderr
    (task,) = json.loads(run.stdout)["tasks"]
    assert task["spec"]["source"] == "aime.jsonl (local copy of MathArena/aime_2026)"
    assert len(task["problems"]) == 2
    tasks = ("--public", "aime_2026", "--heldout", "arxivmath_2026_04")
    data = ("--data", f"aime_2026={aime}", "--data", f"arxivmath_2026_04={months}")
    done = cli("audit", "m", *tasks, *data, "-n", 2, *FAKE, "--format", "json", "--out", "a")
    assert done.returncode == 0, done.stderr
    spec = json.loads(done.stdout)["spec"]
    assert spec["public"] == [f"aime_2026:{aime}"]
    assert spec["heldout"] == [f"arxivmath_2026_04:{months}"]


def test_data_of_which_it_is_not_said_of_what_ends_a_command_with_usage(cli, write):
    path = write(MATHARENA)
    done = cli("tasks", "validate", "aime_2026", "aime_2025", "--data", path)
    assert done.returncode == 2
    assert "write NAME=PATH (tasks: aime_2026, aime_2025)" in " ".join(done.stderr.split())


def test_the_page_on_tasks_names_every_public_task_and_every_field():
    page = (data_dir("tasks").parent / "docs" / "tasks.md").read_text()
    public_part, _, own_part = page.partition("## A task of your own")
    rows = re.findall(r"^\| `(\w+)` \| (\S+).* \| (\S.*) \| (.+) \|$", public_part, re.MULTILINE)
    expected = []
    for path, content in SHIPPED:
        fields = read_fields(content["metadata"], path)
        day = str(fields.published or "each problem")
        expected.append((path.stem, fields.source, day, fields.license))
    assert rows == expected
    keys = re.findall(r"^\| `(\w+)` \|", own_part, re.MULTILINE)
    assert sorted(keys) == sorted(TaskFields.__struct_fields__)
