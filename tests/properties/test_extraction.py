"""Extraction finds the last complete box, in linear time, and never raises."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.graders import extraction
from reasonbench.graders.extraction import ThinkingState, extract, last_boxed, split_thinking

PIECES = (r"\boxed{", r"\fbox{", "{", "}", r"\{", r"\}", r"\\", "a", "7", " ", "$", "\n")
MARKS = ("<think>", "</think>", r"\boxed{5}", r"\boxed{", "}", "so ", "[THINK]", "[/THINK]")

box_texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
marked_texts = st.lists(st.sampled_from(MARKS), max_size=12).map("".join)
any_text = st.one_of(st.text(max_size=200), box_texts, marked_texts)


def brute_force(text):
    """The last box whose braces close, found by trying every opening brace."""
    opened, i = [], 0
    while i < len(text):
        for command in (r"\\boxed", r"\\fbox", r"\boxed", r"\fbox"):
            if text.startswith(command, i):
                after = i + len(command)
                if text[after : after + 1].isalpha():
                    continue
                brace = after + len(text[after:]) - len(text[after:].lstrip())
                if text.startswith("{", brace):
                    opened.append(brace + 1)
                    i = brace
                break
        i += 2 if text[i] == "\\" else 1
    for start in reversed(opened):
        depth, i = 1, start
        while i < len(text) and depth:
            if text[i] == "\\":
                i += 2
                continue
            depth += {"{": 1, "}": -1}.get(text[i], 0)
            i += 1
        if not depth and text[start : i - 1].strip():
            return text[start : i - 1].strip()
    return None


@given(box_texts)
def test_the_last_complete_box_is_found_as_by_brute_force(text):
    spaced = text.replace(r"\\", "")  # a double backslash may belong to a box or stand alone
    assert last_boxed(spaced) == brute_force(spaced)


@given(any_text, st.booleans(), st.booleans(), st.sampled_from(["none", "stated", "line"]))
def test_extraction_never_raises_and_answers_are_in_the_text(text, prefilled, truncated, fallback):
    found = extract(text, prefilled=prefilled, truncated=truncated, fallback=fallback)
    assert (found.answer is None) == (found.how == "nothing")
    if found.answer is not None:
        assert found.answer
        assert found.answer in text


@given(any_text)
def test_an_unclosed_thought_never_gives_an_answer(text):
    thought = "<think>" + text.replace("think>", "").replace("THINK]", "")
    assert extract(thought, fallback="line").answer is None


@given(marked_texts, st.booleans())
def test_the_parts_of_a_split_come_from_the_text(text, prefilled):
    thinking = split_thinking(text, prefilled)
    assert thinking.thought in text
    assert text.endswith(thinking.answer_text)
    if thinking.state is ThinkingState.NONE:
        assert thinking.answer_text == text


@given(st.text(alphabet="0123456789+-*/() ", min_size=1).filter(str.strip), any_text)
def test_a_box_after_the_thought_wins_over_everything_before(answer, thought):
    text = f"<think>{thought.replace('think>', '')}</think>\\boxed{{{answer}}}"
    if "THINK]" not in text:
        assert extract(text).answer == answer.strip()


@given(any_text)
def test_truncation_only_takes_answers_away(text):
    cut = extract(text, truncated=True, fallback="stated")
    whole = extract(text, fallback="stated")
    assert cut.answer in (None, whole.answer) or whole.how == "boxed"


@pytest.mark.parametrize(
    "piece",
    [
        r"\boxed{",
        r"\boxed ",
        r"\boxed",
        "{",
        "}",
        "\\",
        r"\{",
        "<think>",
        "</think>",
        "answer is ",
        "answer:",
        "final ",
        "####",
        " ",
        "\n",
        r"\boxed \frac{",
        r"\boxed\frac1",
        "#### 4 ",
        "answer is $",
        "answer is , ",
        "#",
        r"\boxed{\boxed 5",
        "$",
        "1,",
    ],
)
def test_a_megabyte_of_anything_takes_linear_time(piece):
    text = r"\boxed{" + piece * (1_000_000 // len(piece))
    started = time.perf_counter()
    for fallback in ("none", "stated", "line"):
        extract(text, fallback=fallback)
    extraction.gold_answer(text)
    assert time.perf_counter() - started < 20
