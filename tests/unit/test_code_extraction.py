"""Which program a completion holds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.graders.code_extraction import extract_code, fenced_blocks
from reasonbench.graders.extraction import ThinkingState

PREFIX = 'def f(x):\n    """Return x + 1."""\n'
CODE = "def f(x):\n    return x + 1"


def code_of(text, **options):
    return extract_code(text, **options).code


def fenced(code, tag="python"):
    return f"```{tag}\n{code}\n```"


@pytest.mark.parametrize(
    "tag", ["python", "py", "python3", "Python", "", " python ", "{.python}", "python:main.py"]
)
def test_a_fenced_block_is_the_program(tag):
    assert code_of(f"Here:\n{fenced('x = 1', tag)}\nDone.") == "x = 1"


def test_tildes_longer_fences_and_indented_fences_are_understood():
    assert code_of("~~~python\nx = 1\n~~~\n") == "x = 1"
    assert code_of("````python\nx = '''\n```\n'''\n````") == "x = '''\n```\n'''"
    assert code_of("1. So:\n   ```python\n   if x:\n       y\n   ```") == "if x:\n    y"
    assert code_of("```python\r\nx = 1\r\n```\r\n") == "x = 1"


def test_only_what_follows_the_thinking_part_is_read():
    text = f"<think>{fenced('draft = 1')}</think>\n{fenced('final = 1')}"
    assert code_of(text) == "final = 1"
    thought = extract_code(f"<think>\n{fenced('draft = 1')}")
    assert (thought.code, thought.state) == (None, ThinkingState.UNCLOSED)
    assert code_of(fenced("draft = 1"), prefilled=True) is None


def test_the_last_block_wins_and_a_later_sample_of_output_does_not():
    assert code_of(f"{fenced('a = 1')} then\n{fenced('b = 1')}") == "b = 1"
    assert code_of(f"{fenced('a = 1')}\nprints\n{fenced('5', '')}") == "a = 1"
    assert code_of(f"{fenced('a = 1')}\nrun\n{fenced('python a.py', 'bash')}") == "a = 1"
    assert code_of(fenced("{}", "json")) == "{}"


def test_the_last_block_that_defines_the_entry_point_wins():
    usage = fenced("print(f(3))")
    assert code_of(f"{fenced(CODE)}\nUsage:\n{usage}", entry_point="f") == CODE
    assert code_of(f"{fenced(CODE, '')}\n{usage}", entry_point="f") == CODE
    assert code_of(f"{fenced(CODE)}\n{usage}", entry_point="g") == "print(f(3))"
    lambda_ = "f = lambda x: x"
    assert code_of(f"{fenced(lambda_)}\n{usage}", entry_point="f") == lambda_
    method = "class Solution:\n    def f(self): pass"
    assert code_of(f"{fenced(method)}\n{usage}", entry_point="Solution.f") == method
    nested = "def g():\n    def f(): pass"
    assert code_of(f"{fenced(CODE)}\n{fenced(nested)}", entry_point="f") == CODE


def test_a_fence_inside_a_string_does_not_end_the_block():
    code = 's = """\n```python\nx\n```\n"""\nprint(s)'
    assert code_of(fenced(code)) == code
    untagged = "def f():\n    '''Say\n    ```\n    f()\n    ```\n    '''"
    assert code_of(fenced(untagged)) == untagged
    inline = 'print("```")  # \'\'\' and """ in a comment\n'
    assert code_of(fenced(inline)) == inline


def test_a_string_that_never_ends_does_not_swallow_the_blocks_after_it():
    broken = "x = '''oops"
    text = f"{fenced(broken)}\nThen\n{fenced(CODE)}\nand\n{fenced('y = 2')}"
    assert [block.text for block in fenced_blocks(text)] == [broken, CODE, "y = 2"]
    assert code_of(fenced(broken) + "\nThat is all.") == broken


def test_an_unclosed_block_counts_only_where_the_model_stopped_by_itself():
    text = "So:\n```python\nx = 1"
    assert code_of(text) == "x = 1"
    assert code_of(text, truncated=True) is None
    assert code_of(f"{fenced('a = 1')}\nBetter:\n```python\nb =", truncated=True) == "a = 1"


def test_a_block_that_was_left_open_ends_where_the_next_begins():
    text = "```python\na = 1\n```python\nb = 1\n```"
    assert [block.text for block in fenced_blocks(text)] == ["a = 1", "b = 1"]
    prose = "```python\na = 1\n``` and that is it.\n```python\nb = 1\n```"
    assert [block.text for block in fenced_blocks(prose)] == ["a = 1", "b = 1"]


def test_a_wrapped_answer_is_read_through_its_wrapper():
    assert code_of(f"```markdown\n# Answer\n{fenced('x = 1')}\n```") == "x = 1"


@pytest.mark.parametrize(
    "text",
    [
        "[PYTHON]\nx = 1\n[/PYTHON]",
        "Answer: <code>\nx = 1\n</code> ok",
        '<pre><code class="language-python">\nx = 1\n</code></pre>',
        "[PYTHON]\nx = 1\n",
    ],
)
def test_other_marks_are_understood(text):
    found = extract_code(text)
    assert (found.code.strip(), found.how) == ("x = 1", "mark")


def test_a_cut_off_mark_does_not_count():
    assert code_of("[PYTHON]\nx = 1\n", truncated=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "I cannot solve this.",
        "The answer is 7, since f(3) = 7 for all of them.",
        "First, import the data. Then for each item we sum.",
        "```python\n```",
        "import of goods is low",
        "class of problems",
    ],
)
def test_prose_holds_no_program(text):
    assert extract_code(text).how == "nothing"
    assert code_of(text, entry_point="f", prefix=PREFIX) is None


def test_bare_code_is_taken_up_to_the_prose_after_it():
    code = "import sys\n\nn = int(input())\nif n:\n    print(n)\nelse:\n    print(0)\n"
    assert code_of(code) == code
    assert code_of(f"{code}\nThis reads n and prints it.") == code
    assert code_of(code, truncated=True) is None


def test_bare_code_after_prose_needs_an_entry_point():
    text = f"Sure, here it is.\n\n{CODE}\n\nIt adds one."
    assert code_of(text, entry_point="f") == CODE + "\n"
    assert code_of(text) is None


class TestContinuation:
    def found(self, text, **options):
        return extract_code(text, entry_point="f", prefix=PREFIX, **options)

    def test_the_body_is_cut_where_it_leaves_the_function(self):
        found = self.found("    y = x\n\n    return y + 1\n\n\ndef g():\n    pass\n")
        assert found.continues
        assert found.code == "    y = x\n\n    return y + 1\n"

    @pytest.mark.parametrize("after", ["print(f(1))", "if x:\n    y", "class A: pass", "</s>"])
    def test_any_line_at_the_margin_leaves_it(self, after):
        assert self.found(f"    return 1\n{after}").code == "    return 1\n"

    def test_strings_brackets_and_comments_at_the_margin_do_not(self):
        body = '    s = """\nabc\n"""\n    t = [\n1,\n]\n# note\n    return s\n'
        assert self.found(body).code == body

    def test_a_cut_off_body_counts_only_where_a_line_ends_it(self):
        assert self.found("    return 1\ndef g():\n   ", truncated=True).continues
        assert self.found("    return 1", truncated=True).code is None

    def test_a_lost_first_indentation_is_put_back(self):
        assert self.found("y = x\n    return y").code == "    y = x\n    return y\n"
        assert self.found("return x + 1").code == "    return x + 1\n"

    def test_a_prefix_that_ends_within_a_line_goes_on_there(self):
        found = extract_code(" x + 1\nprint(2)", entry_point="f", prefix="def f(x):\n    return")
        assert (found.code, found.continues) == (" x + 1\n", True)

    def test_a_program_is_preferred_where_there_is_one(self):
        assert self.found(fenced(CODE)).how == "fence"
        assert self.found(CODE).how == "bare"
        assert self.found("    return 1\n\nThat is:\n" + fenced("f(1)")).continues


HOSTILE = [
    "```python\n" * 100_000,
    "```\n'''\n" * 100_000,
    "~~~\n```\n" * 100_000,
    "`" * 1_000_000,
    "```python\n" + "(" * 1_000_000,
    "```python\n" + "'''" * 300_000 + "\n```",
    "```python\n" + '"' + "\\" * 1_000_000,
    "```python\nx = '''\n" + "```\n```py\n" * 100_000,
    "[PYTHON]" * 100_000,
    "<code " * 100_000,
    "f = [" * 200_000,
    "a, " * 300_000,
    "def f(" * 200_000,
    " " * 1_000_000 + "```",
    "    x\n" * 200_000,
    "#\n" * 300_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    extract_code(text, entry_point="f", prefix=PREFIX)
    extract_code(text, truncated=True)
    assert time.process_time() - started < 20


@given(st.text(alphabet="`~'\"#\\\n\r ()[]dpyf:=a\x00\ud800", max_size=200), st.booleans())
def test_no_text_raises(text, truncated):
    found = extract_code(text, truncated=truncated, entry_point="f", prefix=PREFIX)
    assert (found.code is None) == (found.how == "nothing")


LINES = st.lists(
    st.sampled_from(["x = 1", "    y", "", 'print("```")', "# '''", "s = '''a'''", "(", '"a']),
    min_size=1,
    max_size=8,
)


@given(LINES, st.sampled_from(["python", "py", ""]), st.sampled_from(["```", "~~~~"]))
def test_what_is_fenced_comes_back_unchanged(lines, tag, fence):
    code = "\n".join(lines)
    text = f"Prose.\n{fence}{tag}\n{code}\n{fence}\nMore prose."
    assert code_of(text) == (code if code.strip() else None)


@given(st.lists(LINES, min_size=1, max_size=4))
def test_of_many_blocks_each_is_found_in_its_order(blocks):
    codes = ["\n".join(lines) for lines in blocks]
    text = "\nand\n".join(fenced(code) for code in codes)
    assert [block.text for block in fenced_blocks(text)] == codes
