"""What is left of drawn tokens, which thinking marks are known, and which tokens end a text."""

import json

import pytest
import tiny_llama
from tokenizers import AddedToken

from reasonbench.engines.rendering import TAGS, Rendered, Renderer, end_ids, hidden_ids
from reasonbench.engines.stopping import StopWatch
from reasonbench.graders import extraction

MARKS = [tag for pair in TAGS for tag in pair]


@pytest.fixture
def folder(tmp_path):
    """A tokenizer whose thinking marks are all special tokens."""
    words = tiny_llama.tokenizer()
    marks = [AddedToken(tag, special=True, normalized=False) for tag in MARKS]
    words.add_tokens(marks, special_tokens=True)
    words.save_pretrained(tmp_path)
    return tmp_path


def encode(words, text):
    return words(text, add_special_tokens=False).input_ids


def test_engines_keep_the_marks_that_graders_look_for():
    assert TAGS == extraction.TAGS


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_thinking_marks_that_are_special_tokens_are_kept(folder, opening, closing):
    renderer = Renderer(folder, "tiny")
    words = renderer.tokenizer
    ids = encode(words, f"{opening}a b{closing}\n<|im_start|>c<|end|>")
    assert words.decode(ids, skip_special_tokens=True) == "a b\nc"
    kept = f"{opening}a b{closing}\nc"
    assert renderer.text([*ids, words.eos_token_id], True, ()) == (kept, False)


def test_a_mark_named_as_an_additional_special_token_is_kept(tmp_path):
    words = tiny_llama.tokenizer()
    words.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]", "[MASKED]"]})
    words.save_pretrained(tmp_path)
    renderer = Renderer(tmp_path, "tiny")
    ids = encode(renderer.tokenizer, "[THINK]a[/THINK]b[MASKED]c")
    assert renderer.text(ids, False, ()) == ("[THINK]a[/THINK]bc", False)


def test_a_tokenizer_need_not_list_its_added_tokens():
    class Mistral:
        all_special_ids = (0, 1)

        @property
        def added_tokens_decoder(self):
            raise NotImplementedError

        def convert_ids_to_tokens(self, token):
            return ("</s>", "[THINK]")[token]

    assert hidden_ids(Mistral()) == {0}


@pytest.mark.parametrize("stop", ["</think>", "a</think>b"])
def test_a_stop_string_is_found_across_a_special_thinking_mark(folder, stop):
    renderer = Renderer(folder, "tiny")
    ids = encode(renderer.tokenizer, "<think>a</think><|im_start|>b")
    watch = StopWatch(renderer.tokenizer, (stop,), 1)
    assert any(watch.hit(0, token) for token in ids)
    assert renderer.text(ids, False, (stop,))[1]


def test_a_stop_string_is_not_found_where_a_thinking_mark_is_between(folder):
    renderer = Renderer(folder, "tiny")
    ids = encode(renderer.tokenizer, "a</think>b<|im_start|>c")
    hits = {}
    for stop in ("ab", "bc"):
        watch = StopWatch(renderer.tokenizer, (stop,), 1)
        hits[stop] = any(watch.hit(0, token) for token in ids)
        assert hits[stop] == renderer.text(ids, False, (stop,))[1]
    assert hits == {"ab": False, "bc": True}


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_every_opened_thinking_part_is_noticed(opening, closing):
    assert Rendered(text=f"assistant\n{opening}\n", ids=(1,)).thinking_prefilled
    assert not Rendered(text=f"{opening}a{closing}\n", ids=(1,)).thinking_prefilled


@pytest.mark.parametrize(
    ("generation", "config", "expected"),
    [
        ({"eos_token_id": [7, 8]}, {"eos_token_id": 9}, {7, 8}),
        ({"eos_token_id": None}, {"eos_token_id": 9}, {9}),
        ({}, {"eos_token_id": 9}, {9}),
        (None, {"eos_token_id": [9, 10]}, {9, 10}),
        (None, {"eos_token_id": None, "text_config": {"eos_token_id": 11}}, {11}),
        ({"temperature": 1}, {"text_config": {"eos_token_id": 11}}, {11}),
        (None, {"text_config": None}, set()),
        (None, {"text_config": {"eos_token_id": None}}, set()),
        (None, None, set()),
    ],
)
def test_end_tokens_are_looked_for_until_some_are_named(tmp_path, generation, config, expected):
    for name, content in (("generation_config", generation), ("config", config)):
        if content is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
    words = tiny_llama.tokenizer()
    assert set(end_ids(tmp_path, words)) == expected | {words.eos_token_id}
