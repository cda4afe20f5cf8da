"""Traces without their question, found by what hardly any text says: couples and topics."""

import numpy as np
import pytest
from scan_world import World, write_jsonl

from reasonbench.corpus.background import count, new_counts
from reasonbench.corpus.calibrate import calibrate
from reasonbench.corpus.couples import (
    BITS,
    FEW,
    MOST,
    couple_matches,
    make_couples,
    new_couple_state,
    no_couples,
)
from reasonbench.corpus.index import make_units
from reasonbench.corpus.items import Item
from reasonbench.corpus.probe import REACH
from reasonbench.corpus.scan import scan
from reasonbench.corpus.search import Searcher
from reasonbench.corpus.sources import expand
from reasonbench.corpus.tokens import new_desk, padded, text_tokens

QUESTION = (
    "Odette paints 48 porcelain swans and 17 copper herons a week for the Lisbon opera. Each "
    "porcelain swan needs 3 silver buttons and each heron needs 5. How many are needed in 9 weeks?"
)
OWN_WORDS = (
    "Let me see how many silver buttons we use. At 5 for a heron, the copper herons, 17 of them, "
    "take 85. I double check that: 17 * 5 = 85, good. Now to the birds that take 3, the porcelain "
    "swans: as there are 48, that is 144. So the Lisbon opera asks for 85 + 144 = 229, and as it "
    "does so 9 times, 229 * 9 = 2062. The answer is 2062."
)
"""A trace that copies no run of four words, and is wrong."""


def words(text):
    return text_tokens(text, new_desk(3 * len(text.encode()))).words


def couples_of(items, background=""):
    units = make_units(items)
    parts = [
        units.tokens[low:high][~units.names[low:high]]
        for low, high in zip(units.starts, units.starts[1:], strict=False)
    ]
    counts = new_counts(parts, units.tokens)
    data = padded(background.encode())
    ends = np.array([len(background)], np.int64)
    count(
        data, np.zeros(1, np.int64), ends, False, np.zeros(1, np.bool_),
        new_desk(len(background)), counts,
    )  # fmt: skip
    return units, make_couples(units, counts)


def found(text, units, couples, base=0, state=None):
    tokens = words(text)
    state = state or new_couple_state(int(units.items.max()) + 1)
    n = couple_matches(tokens, tokens.size, couples, units.items, base, state)
    return sorted(zip(units.items[state.units[:n]].tolist(), state.most[:n].tolist(), strict=True))


def test_a_trace_in_other_words_is_found_without_its_question(tmp_path):
    world = World(3)
    item = Item("made", "1", QUESTION, answer="2061")
    records = world.records(300)
    records[17] = {"trace": OWN_WORDS}
    traces = write_jsonl(tmp_path / "t.jsonl", records)
    result = scan(expand([str(traces)]), [item, *world.items(40)])
    assert [(f.row, f.item.id) for f in result.findings] == [(17, "1")]
    assert result.findings[0].kind == "answer_only"
    assert result.findings[0].channel == "prompt-less trace"
    assert result.findings[0].hit.text in OWN_WORDS


def test_what_leads_there_is_the_couples_alone(tmp_path):
    world = World(3)
    item = Item("made", "1", QUESTION)
    traces = write_jsonl(tmp_path / "t.jsonl", [*world.records(100), {"trace": OWN_WORDS}])
    blocks = [block for shard in expand([str(traces)]) for block in shard.blocks()]
    calibration = calibrate([item, *world.items(20)], blocks)
    for couples, there in ((calibration.arrays.couples, True), (no_couples(), False)):
        arrays = calibration.arrays._replace(couples=couples)
        searcher = Searcher(arrays, calibration.units.kinds)
        pairs, _ = searcher.pairs(blocks[0])
        mine = (pairs.record == 100) & (arrays.items[pairs.unit] == 0)
        assert mine.any() == there
        assert (pairs.shared[mine] > 0).all()


@pytest.mark.parametrize("n", range(FEW + 2))
def test_few_couples_in_reach_make_a_candidate(n):
    units, couples = couples_of([Item("made", "1", QUESTION)])
    mine = ["porcelain swans", "copper herons", "Lisbon opera", "silver buttons"][:n]
    for gap in (3, REACH // 2):
        text = (" stone" * gap).join(f" {couple}" for couple in mine)
        assert found(text, units, couples) == ([(0, n)] if n >= FEW else [])
    text = (" stone" * (REACH + 1)).join(f" {couple}" for couple in mine)
    assert found(text, units, couples) == []


def test_a_couple_counts_once_however_often_it_comes():
    units, couples = couples_of([Item("made", "1", QUESTION, QUESTION)])
    assert found("porcelain swans " * 50, units, couples) == []
    assert found("porcelain swans, copper herons " * 50, units, couples) == []
    three = "porcelain swans, copper herons, Lisbon opera " * 50
    assert found(three, units, couples) == [(0, 3)]


def test_what_one_record_holds_is_not_counted_for_the_next():
    units, couples = couples_of([Item("made", "1", QUESTION)])
    state = new_couple_state(1)
    assert found("porcelain swans, copper herons", units, couples, 0, state) == []
    assert found("the Lisbon opera", units, couples, 10_004, state) == []


@pytest.mark.parametrize(("times", "is_rare"), [(MOST, True), (MOST + 1, False)])
def test_a_couple_of_the_background_is_none(times, is_rare):
    background = "silver buttons and copper herons. " * times
    units, couples = couples_of([Item("made", "1", QUESTION)], background)
    text = "porcelain swans, silver buttons, copper herons"
    assert found(text, units, couples) == ([(0, 3)] if is_rare else [])


def test_each_item_of_a_couple_is_found():
    items = [Item("made", str(n), QUESTION.replace("swan", "crane" * n + "swan")) for n in (0, 1)]
    units, couples = couples_of(items)
    text = "copper herons, silver buttons, Lisbon opera"
    assert found(text, units, couples) == [(0, 3), (1, 3)]
    assert found(f"{text}, porcelain swans", units, couples) == [(0, 4), (1, 3)]


def test_without_items_that_have_words_there_are_no_couples():
    units, couples = couples_of([Item("made", "1", "1 + 2 + 3 + 4 = x")])
    assert couples.places.size == 0
    assert found(QUESTION, units, couples) == []


def test_an_item_of_many_couples_tells_most_of_them_apart():
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = [f"{a}{b}{a}{b}" for a in letters[:12] for b in letters[12:24]]
    units, couples = couples_of([Item("made", "1", " ".join(made))])
    assert couples.places.size > BITS
    assert found(" ".join(made), units, couples) == [(0, BITS)]
