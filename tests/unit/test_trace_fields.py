"""Which texts of a record are searched, and what they are."""

import json
from collections import Counter

import pytest
from trace_files import CHAT, account_of, written

from reasonbench.corpus.fields import MAX_PATH, Role, Selection, collect
from reasonbench.errors import SpecError

ROLES = {
    "id": "other",
    "messages[0].role": "other",
    "messages[0].content": "prompt",
    "messages[1].role": "other",
    "messages[1].content": "prompt",
    "messages[2].role": "other",
    "messages[2].content": "trace",
    "messages[2].reasoning_content": "trace",
    "conversations[0].from": "other",
    "conversations[0].value": "prompt",
    "conversations[1].from": "other",
    "conversations[1].value": "trace",
    "problem": "prompt",
    "Solution": "trace",
    "meta.prompt.deep": "prompt",
    "meta.source": "other",
}


def test_names_and_authors_give_the_roles():
    assert {f.path: str(f.role) for f in collect(CHAT)} == ROLES


def test_a_selection_names_what_is_searched_through_lists():
    chosen = Selection.parse("prompt=problem, trace=messages.content,prompt=meta.prompt")
    fields = collect(CHAT, chosen)
    assert [(f.path, f.role) for f in fields] == [
        ("problem", Role.PROMPT),
        ("messages[0].content", Role.TRACE),
        ("messages[1].content", Role.TRACE),
        ("messages[2].content", Role.TRACE),
        ("meta.prompt.deep", Role.PROMPT),
    ]


def test_in_a_chosen_list_of_turns_the_author_gives_the_role():
    fields = collect(CHAT, Selection.parse("trace=conversations"))
    roles = {f.path: f.role for f in fields}
    assert roles["conversations[0].value"] is Role.PROMPT
    assert roles["conversations[1].value"] is Role.TRACE


@pytest.mark.parametrize("text", ["", "q", "prompt=", "text=q", "prompt=q,trace=q", "prompt=a..b"])
def test_a_selection_that_names_nothing_is_refused(text):
    with pytest.raises(SpecError, match="does not name a field") as caught:
        Selection.parse(text)
    assert "prompt=question" in caught.value.hint


def test_long_paths_keep_their_two_ends():
    (field,) = collect({"k" * 500: {"l" * 500: "x"}})
    assert len(field.path) <= MAX_PATH
    assert field.path.startswith("k")
    assert field.path.endswith("l")


MIXED = [
    ({"q": "a", "t": "b"}, None, ()),
    ({"q": "a", "t": 5}, None, ("field t is a number, not text",)),
    ({"q": "a", "t": None}, None, ("field t is null, not text",)),
    ({"q": "a"}, None, ("field t is missing",)),
    ({"t": ["x", 1], "q": {"z": {"z": {"z": "deep"}}}}, None, ()),
    ({"t": True}, "field q is missing, field t is true or false, not text", ()),
    ({"t": {"a": 1}}, "field q is missing, field t is an object without text, not text", ()),
    ({"other": "text"}, "field q is missing, field t is missing", ()),
    (
        {"t": {"a": {"b": {"c": {"d": 1}}}}, "q": ""},
        None,
        ("field t is an object without text, not text",),
    ),
]


@pytest.mark.parametrize("repeats", [1, 3])
def test_chosen_fields_that_hold_no_text_are_counted_and_named(tmp_path, repeats):
    records = [record for _ in range(repeats) for record, _, _ in MIXED]
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    selection = Selection.parse("prompt=q,trace=t")
    account = account_of(written(tmp_path / "t.jsonl", data), selection=selection)
    skipped = Counter(skip for _, skip, _ in MIXED if skip)
    notes = Counter(note for _, _, notes in MIXED for note in notes)
    assert account.rows_skipped == Counter({k: v * repeats for k, v in skipped.items()})
    assert account.rows_partial == Counter({k: v * repeats for k, v in notes.items()})
    assert account.examples[:2] == [
        (1, "field t is a number, not text"),
        (2, "field t is null, not text"),
    ]
