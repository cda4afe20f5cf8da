"""From a completion's text to its final answer."""

import pytest

from reasonbench.graders.extraction import (
    ThinkingState,
    bare_line,
    extract,
    final_line,
    gold_answer,
    last_boxed,
    last_boxes,
    split_thinking,
    stated_answer,
)


@pytest.mark.parametrize(
    ("text", "prefilled", "state", "thought", "answer"),
    [
        ("<think>a</think>b", False, ThinkingState.BOTH, "a", "b"),
        ("<think>a</think>b", True, ThinkingState.BOTH, "a", "b"),
        ("a</think>b", True, ThinkingState.CLOSE_ONLY, "a", "b"),
        ("a</think>b", False, ThinkingState.CLOSE_ONLY, "a", "b"),
        ("a", False, ThinkingState.NONE, "", "a"),
        ("a", True, ThinkingState.UNCLOSED, "a", ""),
        ("<think>a", False, ThinkingState.UNCLOSED, "a", ""),
        ("<think>a</think>b</think>c", False, ThinkingState.BOTH, "a</think>b", "c"),
        ("[THINK]a[/THINK]b", False, ThinkingState.BOTH, "a", "b"),
        ("◁think▷a◁/think▷b", False, ThinkingState.BOTH, "a", "b"),
    ],
)
def test_the_four_states_of_the_thinking_part(text, prefilled, state, thought, answer):
    thinking = split_thinking(text, prefilled)
    assert (thinking.state, thinking.thought, thinking.answer_text) == (state, thought, answer)


def test_a_thought_that_is_opened_again_and_not_closed_is_unclosed():
    thinking = split_thinking(r"<think>a</think>\boxed{1}<think>no")
    assert thinking.state is ThinkingState.UNCLOSED
    assert thinking.answer_text == ""


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{ 5 }", "5"),
        (r"\boxed {5}", "5"),
        (r"\fbox{5}", "5"),
        (r"\boxed 5", "5"),
        (r"\boxed 5.", "5"),
        (r"$\boxed5$ done", "5"),
        (r"\boxed \frac{1}{2} ok", r"\frac{1}{2}"),
        (r"\boxed\pi", r"\pi"),
        (r"\boxed\frac12", r"\frac12"),
        (r"so $\boxed\dfrac12$.", r"\dfrac12"),
        (r"\boxed \frac 1 2 ok", r"\frac 1 2"),
        (r"\boxed\frac{1}2", r"\frac{1}2"),
        (r"\boxed\sqrt{2}", r"\sqrt{2}"),
        (r"so $\boxed\sqrt2$.", r"\sqrt2"),
        (r"\boxed\sqrt[3]{2}", r"\sqrt[3]{2}"),
        (r"\boxed\text{no} ok", r"\text{no}"),
        (r"\\boxed{5}", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{[0,1\}}", r"[0,1\}"),
        (r"\boxed{3}, no: \boxed{5}", "5"),
        (r"\boxed{5} and put it in \boxed{}", "5"),
        (r"\boxed{5} and then \boxed{6", "5"),
        (r"\boxed{3 and \boxed{5}", "5"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{\text{a }b}", r"\text{a }b"),
        (r"\boxedthing{5}", None),
        (r"\boxed{}", None),
        (r"\boxed{5", None),
        ("boxed{5}", None),
        ("", None),
    ],
)
def test_the_last_complete_box_that_holds_something(text, box):
    assert last_boxed(text) == box


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        (r"\boxed{3} and \boxed{5}", ("3", "5")),
        (r"$\boxed{3}$, $\boxed{5}$", ("3", "5")),
        (r"\boxed{3}\text{ or }\boxed{5}", ("3", "5")),
        (r"\[x=\boxed{3},\quad y=\boxed{5}\]", ("3", "5")),
        ("a) \\boxed{3}\nb) \\boxed{5}", ("3", "5")),
        ("1. $\\boxed{3}$\n2. $\\boxed{5}$\n3. $\\boxed{7}$", ("3", "5", "7")),
        (r"\boxed 3, \boxed 5", ("3", "5")),
        (r"First \boxed{3}. No wait, \boxed{5}", ("5",)),
        (r"\boxed{3}, no: \boxed{5}", ("5",)),
        (r"\boxed{1}, then \boxed{3} and \boxed{5}", ("3", "5")),
        (r"\boxed{5}, \boxed{5}", ("5",)),
        (r"\boxed{\boxed{5}}", ("5",)),
        (r"\boxed{3} = \boxed{5}", ("5",)),
        (r"\boxed{3} and \boxed{}", ("3",)),
        ("none", ()),
    ],
)
def test_boxes_with_nothing_but_a_connection_between_them_are_meant_together(text, boxes):
    assert last_boxes(text) == boxes
    assert extract(text).boxes == boxes
    assert extract(text).whole == (", ".join(boxes) or None)


def test_a_box_without_braces_at_the_end_of_a_truncated_text_may_lack_digits():
    assert last_boxed(r"\boxed 12", truncated=True) is None
    assert last_boxed(r"\boxed 12 ", truncated=True) == "12"
    assert last_boxed(r"\boxed{12}", truncated=True) == "12"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 18.", "18"),
        ("Answer: **18**", "18"),
        ("the final answer is $x^2$.", "x^2"),
        ("the answer is not 5, the answer is 7", "7"),
        ("so\n#### 1,234\n", "1,234"),
        ("#### Step 2: done", None),
        ("#### 42\n#### Step 2: done", "42"),
        ("#### Step 2: done\nThe answer is 7.", "7"),
        (r"#### $\text{five}$", r"\text{five}"),
        (r"#### \frac12", r"\frac12"),
        ("####\nthe answer is 3", "3"),
        ("The answer is 18 dollars. She has 3 left.", "18 dollars"),
        (r"The answer is $\frac12$ and that's it.", r"\frac12"),
        ("The answer is $5$ and $7$.", "$5$ and $7$"),
        ("The answer is $0.5. 3$ since it is.", "0.5. 3"),
        ("The answer is Alice and Bob.", "Alice and Bob"),
        ("**Final Answer**: **42**", "42"),
        ("**Final Answer:** **42**", "42"),
        ("The answer is 42 because 6 * 7 = 42.", "42"),
        ("The answer is 42, since 6 * 7 = 42.", "42"),
        ("The answer is therefore 42.", "42"),
        ("The answer is 18 U.S. dollars.", "18 U.S. dollars"),
        ("The answer is, as ever, 1.5", ", as ever, 1.5"),
        ("The correct option is (C).", "(C)"),
        ("The correct choice is **C**", "C"),
        ("Another option is (C).", None),
        ("nothing", None),
        ("the answer is", None),
        ("I thought the answer is 5 but that was wrong.", None),
        ("I thought that the answer is 5.", None),
        ("If the answer is 5, x is even.", None),
        ("I don't think the answer is 5.", None),
        ("The answer is 5. Wait, that's wrong.", None),
        ("The answer is 5. Hmm, I made an arithmetic error.", None),
        ("The answer is 5. Wait, that is wrong. The answer is 7.", "7"),
        ("The answer is 7. I thought the answer is 5.", "7"),
        ("The answer is 5. I checked, and this is correct.", "5"),
        ("The answer is 5. At first I thought that is wrong, but it is correct.", "5"),
        ("The answer is 5. I hope it is correct.", "5"),
        ("I think the answer is 5.", "5"),
    ],
)
def test_an_answer_that_is_stated_in_words(text, answer):
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{5}. Wait, that is wrong.", None),
        (r"\boxed{5}. I made a mistake.", None),
        (r"\boxed{5}. I made a mistake: \boxed{7}", "7"),
        (r"\boxed{5}. Checking again, this is correct.", "5"),
        ("\\boxed{5}\n\nThe answer of the book is wrong.", "5"),
    ],
)
def test_a_box_may_be_taken_back(text, answer):
    assert extract(text).answer == answer


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|endoftext|>", "</s>", "<eos>\n"])
def test_marks_of_the_end_are_no_part_of_the_answer(mark):
    assert extract(f"The answer is 42.{mark}", fallback="stated").answer == "42"


def test_a_heading_leaves_the_last_line_to_be_read():
    found = extract("#### Step 2: done\n\n42", fallback="stated")
    assert (found.answer, found.how) == ("42", "line")


def test_last_lines():
    assert final_line("a\n b \n\n") == "b"
    assert final_line("  \n") is None
    assert bare_line("so\n**18**") == "18"
    assert bare_line("so\n$$x+1$$") == "x+1"
    assert bare_line("so\n**(C)**") == "(C)"
    assert bare_line("So she makes 18 dollars.") is None


def test_boxes_in_the_thinking_part_do_not_count():
    found = extract(r"<think>\boxed{3}</think>I do not know.")
    assert found.answer is None
    assert found.how == "nothing"


def test_fallbacks_are_tried_only_where_asked_for_and_never_on_a_truncated_text():
    text = "<think>x</think>The answer is 4"
    assert extract(text).answer is None
    assert extract(text, fallback="stated").answer == "4"
    assert extract(text, fallback="line").answer == "The answer is 4"
    assert extract(text, fallback="stated", truncated=True).answer is None


@pytest.mark.parametrize(
    ("target", "gold"),
    [
        ("16 - 3 = 13 eggs\n#### 1,018", "1018"),
        (r"Therefore $x = \boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("so\n#### 1,234,567", "1234567"),
        ("so\n#### (1,2)", "(1,2)"),
        ("so\n#### 1,2", "1,2"),
        (" 42 ", "42"),
        ("[0,2]", "[0,2]"),
    ],
)
def test_the_final_answer_of_a_worked_solution(target, gold):
    assert gold_answer(target) == gold
