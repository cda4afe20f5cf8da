"""Short questions that are found with other numbers, by the order of letters and operators."""

import numpy as np
import pytest
from scan_world import World, write_jsonl

from reasonbench.corpus.align import align
from reasonbench.corpus.fields import Field, Role
from reasonbench.corpus.forms import mask
from reasonbench.corpus.items import Item, Kind, Unit
from reasonbench.corpus.scan import scan
from reasonbench.corpus.sources import expand
from reasonbench.corpus.tokens import text_tokens

FORMULAS = {
    "powers": (
        r"Simplify $(u+4)(u-1) - (u-3)(u+6)$.",
        r"Simplify $(u+7)(u-2) - (u-5)(u+9)$.",
        r"Simplify $(u+7)(u+2) - (u-5)(u+9)$.",
    ),
    "ceilings": (
        r"Evaluate $\lceil (3.6)^2 \rceil - ( \lceil 3.6 \rceil ) ^2$.",
        r"Evaluate $\lceil (8.2)^4 \rceil - ( \lceil 1.7 \rceil ) ^3$.",
        r"Evaluate $\lceil (8.2)^4 \rceil + ( \lceil 1.7 \rceil ) ^3$.",
    ),
    "logarithms": (
        r"If $\log_6 (x-y) + \log_6 (x+y) = 2$ and $\log_y 5x = 2$, then find $x$.",
        r"If $\log_3 (x-y) + \log_9 (x+y) = 7$ and $\log_y 8x = 4$, then find $x$.",
        r"If $\log_3 (x+y) + \log_9 (x+y) = 7$ and $\log_y 8x = 4$, then find $x$.",
    ),
}
"""A question, the same with other numbers, and that with another operator."""


def texts(prompt):
    return [Field("q", prompt, Role.PROMPT)]


@pytest.mark.parametrize("name", FORMULAS)
def test_other_numbers_are_the_same_form_and_another_operator_is_another(name):
    question, renumbered, other = FORMULAS[name]
    item = Item("made", "1", question)
    found = align(item, Unit.QUESTION, texts(f"Here is one. {renumbered} Good luck."))
    assert found is not None
    assert (found.kind, found.form) == (Kind.RENUMBERED, True)
    there = align(item, Unit.QUESTION, texts(f"Here is one. {other} Good luck."))
    assert there is None or not there.form


def test_a_copy_with_its_own_numbers_is_no_form_but_the_question_itself():
    question = FORMULAS["powers"][0]
    found = align(Item("made", "1", question), Unit.QUESTION, texts(question))
    assert found is not None
    assert (found.kind, found.form) == (Kind.VERBATIM, False)


def test_numbers_are_masked_and_letters_are_not():
    one, two = (text_tokens(t).all for t in ("add 12 to x, 7", "add 999 to x, 0"))
    assert not np.array_equal(one, two)
    assert np.array_equal(mask(one), mask(two))
    assert not np.array_equal(mask(one), mask(text_tokens("add 12 to y, 7").all))


@pytest.fixture
def world():
    return World(11)


def scanned(world, tmp_path, prompts):
    """Scan 300 clean records and these prompts for formulas among other items."""
    items = [Item("made", name, forms[0]) for name, forms in FORMULAS.items()]
    rows = [*world.records(300), *({"problem": p, "solution": "So it is."} for p in prompts)]
    traces = write_jsonl(tmp_path / "traces.jsonl", rows)
    result = scan(expand([str(traces)]), [*world.items(60), *items])
    return {(f.row - 300, f.item.id, f.kind) for f in result.findings}


def test_a_scan_finds_formulas_with_other_numbers_and_not_with_another_operator(world, tmp_path):
    right = [forms[1] for forms in FORMULAS.values()]
    wrong = [forms[2] for name, forms in FORMULAS.items() if name != "logarithms"]
    found = scanned(world, tmp_path, [*right, *wrong])
    assert found == {(row, name, "renumbered") for row, name in enumerate(FORMULAS)}


def test_a_form_that_the_traces_are_full_of_says_nothing(world, tmp_path):
    prompts = [rf"Simplify $(u+{n})(u-{n + 1}) - (u-{n + 5})(u+{2 * n})$." for n in range(5, 12)]
    assert scanned(world, tmp_path, prompts) == set()


def test_two_items_of_one_form_are_not_found_by_it(world, tmp_path):
    question, renumbered, _ = FORMULAS["powers"]
    twin = question.replace("4", "5")
    traces = [*world.records(300), {"problem": renumbered, "solution": "So it is."}]
    path = write_jsonl(tmp_path / "traces.jsonl", traces)
    items = [*world.items(60), Item("made", "1", question), Item("made", "2", twin)]
    assert scan(expand([str(path)]), items).findings == []
