"""Trace files that are no banks: every schema of the field to a prompt and a completion."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.corpus import sources
from reasonbench.errors import TraceError
from reasonbench.specs import TraceView
from reasonbench.training import views
from reasonbench.training.foreign import parted, records
from reasonbench.training.views import rows_of

ALL = TraceView(correct_only=False, deduplicate=False)
USER, TEACHER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}
THOUGHT = "<think>\nr\n</think>\n\na"


@pytest.mark.parametrize(
    ("record", "messages", "completion"),
    [
        ({"messages": [USER, TEACHER]}, [USER], "a"),
        ({"messages": [SYSTEM, USER, TEACHER]}, [SYSTEM, USER], "a"),
        ({"messages": [USER, TEACHER, USER, TEACHER]}, [USER, TEACHER, USER], "a"),
        ({"messages": [USER], "completion": "a"}, [USER], "a"),
        ({"messages": [USER, TEACHER | {"reasoning_content": "r"}]}, [USER], THOUGHT),
        ({"messages": [USER, TEACHER | {"content": THOUGHT, "thinking": "r"}]}, [USER], THOUGHT),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, TEACHER]},
            [USER],
            "a",
        ),
        (
            {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
            [USER],
            "a",
        ),
        ({"system": "s", "conversations": [USER, TEACHER]}, [SYSTEM, USER], "a"),
        ({"prompt": "q", "completion": "a"}, [USER], "a"),
        ({"prompt": [USER], "completion": [TEACHER]}, [USER], "a"),
        ({"problem": "q", "solution": "a", "answer": "4"}, [USER], "a"),
        ({"question": "q", "answer": "a", "reasoning": "r"}, [USER], THOUGHT),
        (
            {"instruction": "do", "input": "it", "output": "a"},
            [{"role": "user", "content": "do\n\nit"}],
            "a",
        ),
        ({"instruction": "q", "input": "", "output": "a"}, [USER], "a"),
        ({"problem": "q", "solution": "reference", "messages": [USER, TEACHER]}, [USER], "a"),
        ({"messages": [USER | {"role": "robot"}], "prompt": "q", "completion": "a"}, [USER], "a"),
        ({"q": "q", "completion": "a"}, [], "a"),
        ({"prompt": "q"}, [USER], ""),
        ({"prompt": 4, "completion": ["a"]}, [], ""),
    ],
)  # fmt: skip
def test_records_of_the_field_are_parted_into_prompt_and_completion(record, messages, completion):
    assert parted(record) == (tuple(messages), completion)


LINES = [
    {"prompt": "one", "completion": "1"},
    {"messages": [{"role": "user", "content": "two"}]},
    {"completion": "3"},
    {"prompt": "four", "completion": "4"},
]


def write(path, data):
    packing = {".zst": zstandard.compress, ".gz": gzip.compress}
    path.write_bytes(packing.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst", "t.jsonl.gz"])
def test_lines_that_are_no_traces_are_counted_by_reason(tmp_path, name):
    lines = [json.dumps(line) for line in LINES]
    text = "\n".join([*lines[:2], "{broken", "", *lines[2:], "[]"]) + "\n"
    path = write(tmp_path / name, text.encode())
    rows, dropped = rows_of([path], ALL)
    assert [(row.id, row.completion) for row in rows] == [(f"{name}:0", "1"), (f"{name}:5", "4")]
    assert dropped == {"unreadable": 2, "no_prompt": 1, "no_completion": 1}


def test_a_table_is_read_as_lines_are(tmp_path):
    path = tmp_path / "t.parquet"
    kept = [{"messages": None} | line for line in LINES]
    pq.write_table(pa.Table.from_pylist(kept), path, row_group_size=3)
    rows, dropped = rows_of([path], ALL)
    assert [(row.id, row.completion) for row in rows] == [
        ("t.parquet:0", "1"),
        ("t.parquet:3", "4"),
    ]
    assert dropped == {"no_prompt": 1, "no_completion": 1}


def test_rows_are_counted_over_the_ranges_of_a_large_file(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(LINES[0] | {"n": i}) + "\n" for i in range(50)))
    shards = sources.expand([str(path)], range_bytes=97)
    assert len(shards) > 10
    assert [record.row for record in records(shards)] == list(range(50))


def test_equal_prompts_are_one_problem(tmp_path):
    path = tmp_path / "t.jsonl"
    lines = [{"prompt": p, "completion": c} for p, c in ("ax", "ay", "bx", "ax", "az")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    spec = TraceView(correct_only=False, per_problem=2)
    rows, dropped = rows_of([path], spec)
    assert [row.id for row in rows] == ["t.jsonl:0", "t.jsonl:1", "t.jsonl:2"]
    assert dropped == {"duplicate": 1, "per_problem": 1}


@pytest.mark.parametrize("name", ["t.jsonl.zst", "t.jsonl.gz"])
def test_a_file_that_is_cut_short_is_refused_and_not_trained_on_in_part(tmp_path, name):
    text = "".join(
        json.dumps({"prompt": f"{i * 7919}", "completion": "1"}) + "\n" for i in range(500)
    )
    path = write(tmp_path / name, text.encode())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(TraceError, match=name):
        rows_of([path], ALL)


def test_a_lone_surrogate_becomes_a_replacement_character(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"prompt": "q\\ud800", "completion": "a\\udfff"}\n')
    ((row,), _) = rows_of([path], ALL)
    assert (row.messages[0]["content"], row.completion) == ("q\ufffd", "a\ufffd")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "prompt", "completion", "role", "content", "from", "x"]),
            inner | st.sampled_from(["user", "assistant"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(json_values | st.sampled_from(LINES), max_size=12))
def test_whatever_stands_in_a_file_each_row_is_kept_or_dropped(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("any") / "t.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    rows, dropped = rows_of([path], ALL)
    assert len(rows) + sum(dropped.values()) == len(values)
    assert set(dropped) <= set(views.REASONS)
    for row in rows:
        assert row.messages[-1]["role"] == "user"
        assert row.completion
