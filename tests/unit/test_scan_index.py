"""Index and background of the scan, against plain Python."""

import json
import random
from collections import Counter

import numpy as np
import pytest
import scan_reference as reference
from scan_world import World, write_jsonl

from reasonbench.corpus import index, saved
from reasonbench.corpus.background import LETTER_BITS, MOST_BITS, NAME_BITS, UNREAD, new_counts
from reasonbench.corpus.calibrate import (
    calibrate,
)
from reasonbench.corpus.decoys import FEWEST_ITEMS, make_decoys
from reasonbench.corpus.hashing import find, run_hashes
from reasonbench.corpus.index import (
    SEGMENT,
    SHARED,
    SHORT,
    SPARED,
    Bits,
    make_bits,
    make_seeds,
    make_units,
    plain,
    without_common,
)
from reasonbench.corpus.items import Item
from reasonbench.corpus.probe import Seeds
from reasonbench.corpus.scan import ScanOptions, scan
from reasonbench.corpus.search import Searcher
from reasonbench.corpus.sources import expand
from reasonbench.corpus.tokens import hash_of, text_tokens


def blocks_of(tmp_path, records, name="background.jsonl"):
    path = write_jsonl(tmp_path / name, records)
    return [block for shard in expand([str(path)]) for block in shard.blocks()]


def unit_tokens(units, number):
    return units.tokens[units.starts[number] : units.starts[number + 1]].tolist()


def hashed(text):
    return [int(hash_of(token)) for token in reference.tokenized(text)[1]]


def ones(units):
    one = np.ones(units.tokens.size, np.float32)
    return Bits(one, one, one)


def test_an_item_is_searched_for_by_each_of_its_texts():
    item = (
        World()
        .item("a")
        ._replace(
            code="def total(a, b):\n    rest = [n for n in range(a)]\n    return sum(rest) + b * 3"
        )
    )
    units = make_units([item])
    assert units.kinds.tolist() == [0, 1, 2]
    assert units.items.tolist() == [0, 0, 0]
    assert unit_tokens(units, 0) == hashed(item.question)
    assert unit_tokens(units, 1) == hashed(item.solution)


def test_figures_and_calculators_are_no_text_of_an_item():
    figure = "Find it. [asy] draw((0,0)--(1,1)); [/asy] Now add <<2+3=5>>5."
    assert plain(figure).split() == ["Find", "it.", "Now", "add", "5."]
    padded = World().item("a").question + " [asy] pair A; label(A); [/asy]"
    assert unit_tokens(make_units([Item("b", "x", padded)]), 0) == hashed(
        World().item("a").question
    )


def test_numbers_and_single_letters_are_names():
    units = make_units([Item("b", "x", "Let x be 12 times what the other boxes hold")])
    names = reference.tokenized("Let x be 12 times what the other boxes hold")[1]
    assert units.names.tolist() == [len(name) == 1 or name.isdigit() for name in names]


@pytest.mark.parametrize(("n_words", "short"), [(SHORT - 1, True), (SHORT, False)])
def test_a_unit_of_few_words_is_short(n_words, short):
    text = " ".join(f"{'ab' * (i + 1)}" for i in range(n_words))
    assert make_units([Item("b", "x", text)]).short.tolist() == [short]


def test_items_of_one_template_are_searched_for_with_their_numbers():
    item = "A shop sells {} red boxes and {} blue ones on every second day of the week, how many"
    units = make_units([Item("b", str(i), item.format(i + 10, 3 * i)) for i in range(SHARED + 2)])
    assert units.short.all()
    others = make_units([Item("b", str(i), item.format(i, i)) for i in range(SHARED)])
    assert not others.short.any()


def test_long_texts_are_cut_and_no_token_but_a_short_rest_is_lost():
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(2 * SEGMENT + 40)]
    units = make_units([Item("b", "x", " ".join(words))])
    assert np.diff(units.starts).tolist() == [SEGMENT, SEGMENT, 40]
    assert units.tokens.tolist() == hashed(" ".join(words))
    rest = make_units([Item("b", "x", " ".join(words[: SEGMENT + 2 * SHORT - 1]))])
    assert np.diff(rest.starts).tolist() == [SEGMENT]


@pytest.mark.parametrize("question", ["", "12", "Why so?", "x = 3"])
def test_an_item_of_fewer_tokens_than_a_run_has_no_unit_or_no_seed(question, tmp_path):
    world = World()
    items = [Item("b", "short", question), *world.items(3)]
    calibration = calibrate(items, blocks_of(tmp_path, world.records(20)))
    enough = len(reference.tokenized(question)[1]) >= index.FEWEST
    assert calibration.searchable.tolist() == [enough, True, True, True]


def test_seeds_are_all_different_runs_of_the_units_words():
    world = World()
    items = world.items(8)
    units = make_units(items)
    seeds = make_seeds(units, ones(units), short=False, least=0.0)
    expected = {}
    for number in range(len(units)):
        words = units.tokens[units.starts[number] : units.starts[number + 1]]
        words = words[~units.names[units.starts[number] : units.starts[number + 1]]]
        for at, key in enumerate(run_hashes(words, 4).tolist()):
            expected.setdefault(key, {}).setdefault(number, at + 3)
    assert set(seeds.table.keys.tolist()) - {0} == set(expected)
    for key, places in expected.items():
        number = find(seeds.table.keys, seeds.table.numbers, np.uint64(key))
        low, high = seeds.starts[number], seeds.starts[number + 1]
        found = dict(zip(seeds.units[low:high].tolist(), seeds.at[low:high].tolist(), strict=True))
        assert found == places


def test_a_seed_knows_its_last_token_in_its_unit():
    units = make_units(World().items(4))
    seeds = make_seeds(units, ones(units), short=False, least=0.0)
    for place in range(seeds.units.size):
        start = units.starts[seeds.units[place]]
        words = np.flatnonzero(~units.names[start : units.starts[seeds.units[place] + 1]])
        assert words[seeds.at[place]] == seeds.token_at[place]


def test_runs_that_say_little_or_that_many_units_hold_are_no_seeds_but_for_a_units_best():
    stock = "let us now think about this whole problem"
    items = [Item("b", str(i), f"{World(i).sentence()} {stock}") for i in range(SHARED + 1)]
    units = make_units(items)
    falling = (
        1 / (1 + np.arange(units.tokens.size) - units.starts[:-1].repeat(np.diff(units.starts)))
    ).astype(np.float32)
    bits = Bits(falling, falling, falling)
    seeds = make_seeds(units, bits, short=False, least=0.0)
    common = run_hashes(text_tokens(stock).words, 4)
    assert all(find(seeds.table.keys, seeds.table.numbers, key) < 0 for key in common)
    assert seeds.units.size > SPARED * len(units)
    few = make_seeds(units, bits, short=False, least=9.0)
    assert np.bincount(few.units).tolist() == [SPARED] * len(units)
    assert sorted(set(few.at.tolist())) == [3, 4, 5]


def plain_seeds(numbers, n_units):
    """Return seeds of which every one has a place in random units."""
    starts = [0]
    owners: list[int] = []
    for _ in range(40):
        owners += sorted(numbers.sample(range(n_units), numbers.randint(1, 3)))
        starts.append(len(owners))
    size = len(owners)
    keys = np.array(sorted(numbers.sample(range(1, 10**6, 2), 40)), np.uint64)
    return Seeds(
        index.make_table(keys), np.array(starts, np.int32), np.array(owners, np.int32),
        np.arange(size, dtype=np.int32), np.arange(size, dtype=np.int32) + 5,
        np.ones(size, np.float32), np.ones(size, np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_common_runs_go_but_for_a_units_rarest(seed):
    numbers = random.Random(seed)
    seeds = plain_seeds(numbers, 6)
    counts = np.array([numbers.randint(0, 8) for _ in range(40)], np.int64)
    kept = without_common(seeds, counts, 3)
    run = np.repeat(np.arange(40), np.diff(seeds.starts))
    wanted = []
    for unit in range(6):
        mine = np.flatnonzero(seeds.units == unit).tolist()
        rarest = sorted(mine, key=lambda place: (counts[run[place]], place))[:SPARED]
        wanted += [place for place in mine if counts[run[place]] <= 3 or place in rarest]
    assert kept.at.tolist() == sorted(wanted)
    held = {int(n): int(k) for n, k in zip(seeds.table.numbers, seeds.table.keys, strict=True) if k}
    for key in {held[int(run[place])] for place in wanted}:
        number = find(kept.table.keys, kept.table.numbers, np.uint64(key))
        low, high = kept.starts[number], kept.starts[number + 1]
        assert {held[int(run[place])] for place in kept.at[low:high]} == {key}
    assert (kept.table.keys != 0).sum() == len({run[place] for place in wanted})


def test_the_background_is_counted_as_it_is(tmp_path):
    world = World(3)
    items, records = world.items(10), world.records(30)
    units = make_units(items)
    blocks = blocks_of(tmp_path, records)
    counts = counted(units, blocks)
    lines = [reference.tokenized(json.dumps(r), escaped=True) for r in records]
    singles = Counter(token for _, both, _ in lines for token in both)
    assert counts.sizes.tolist() == [
        UNREAD + sum(len(words) for words, _, _ in lines),
        UNREAD + sum(len(both) for _, both, _ in lines),
    ]
    for token in ("let", "answer", "12", "the", "a"):
        number = find(
            counts.tokens.keys, counts.tokens.numbers, run_hashes(np.array([hash_of(token)]), 1)[0]
        )
        assert number < 0 or counts.n_tokens[number] == singles[token]
    words = reference.tokenized(items[0].question)[0]
    for n in (1, 2, 3):
        runs = Counter(tuple(w[i : i + n]) for w, _, _ in lines for i in range(len(w) - n + 1))
        for i in range(len(words) - n + 1):
            run = tuple(words[i : i + n])
            key = run_hashes(np.array([hash_of(w) for w in run]), n)[0]
            number = find(counts.runs.keys, counts.runs.numbers, key)
            assert counts.n_runs[number] == runs[run]


def counted(units, blocks):
    from reasonbench.corpus.background import count
    from reasonbench.corpus.tokens import new_desk

    words = [
        units.tokens[s:e][~units.names[s:e]]
        for s, e in zip(units.starts, units.starts[1:], strict=False)
    ]
    counts = new_counts(words, np.unique(units.tokens))
    for block in blocks:
        desk = new_desk(int((block.ends - block.starts).max()))
        none = np.zeros(len(block), np.bool_)
        count(block.data, block.starts, block.ends, block.escaped, none, desk, counts)
    return counts


def test_a_rare_word_says_more_than_a_common_one_and_a_stock_phrase_little(tmp_path):
    world = World(4)
    phrase = "so the numbers have to add up in the end"
    item = Item("b", "x", f"The zygote unwinds a quixotic fjord of brown jumbled umlauts {phrase}")
    units = make_units([item])
    counts = counted(units, blocks_of(tmp_path, world.records(200)))
    bits = make_bits(units, counts)
    words = reference.tokenized(item.question)[1]
    n = len(phrase.split())
    assert bits.first[words.index("zygote")] > bits.first[0]
    assert bits.follow[-n + 1 :].sum() < bits.follow[1:-n].sum() / 2
    assert bits.follow[-n + 2 :].max() < 4
    assert (bits.first <= MOST_BITS).all()
    assert (bits.follow <= MOST_BITS).all()


def test_a_number_and_a_letter_are_worth_little_and_less_the_second_time(tmp_path):
    item = Item("b", "x", "Let x be 48611 parts, and let 48611 x parts be sold by the tall vendor")
    units = make_units([item])
    bits = make_bits(units, counted(units, blocks_of(tmp_path, World().records(100))))
    tokens = reference.tokenized(item.question)[1]
    number = [i for i, token in enumerate(tokens) if token == "48611"]
    letter = [i for i, token in enumerate(tokens) if token == "x"]
    assert bits.first[number].tolist() == [NAME_BITS, NAME_BITS / 2]
    assert bits.first[letter].tolist() == [LETTER_BITS, LETTER_BITS / 2]


def test_a_saved_index_finds_the_same(tmp_path):
    world = World(9)
    items = world.items(20)
    records = world.records(80)
    world.plant(records[7], items[2], "verbatim")
    blocks = blocks_of(tmp_path, records)
    calibration = calibrate(items, blocks)
    saved.save(calibration, tmp_path / "index")
    again = saved.load(tmp_path / "index")
    assert again is not None
    assert again.tail == calibration.tail
    assert again[4:] == calibration[4:]
    for first, second in zip(flat(calibration.arrays), flat(again.arrays), strict=True):
        assert first.dtype == second.dtype
        assert np.array_equal(first, second)
    found = [Searcher(c.arrays, c.units.kinds).pairs(blocks[0])[0] for c in (calibration, again)]
    assert found[0].record.size > 0
    for first, second in zip(*found, strict=True):
        assert np.array_equal(first, second)


def flat(value):
    if isinstance(value, tuple):
        return [part for field in value for part in flat(field)]
    return [value]


def test_what_is_no_whole_index_is_none(tmp_path):
    assert saved.load(tmp_path / "nothing") is None
    calibration = calibrate(World().items(3), [])
    folder = tmp_path / "index"
    saved.save(calibration, folder)
    about = folder / "about.json"
    text = about.read_text()
    about.write_text(text[: len(text) // 2])
    assert saved.load(folder) is None
    about.write_text(json.dumps({**json.loads(text), "version": saved.VERSION + 1}))
    assert saved.load(folder) is None
    about.write_text(text)
    assert saved.load(folder) is not None
    about.write_text(json.dumps({"version": saved.VERSION}))
    assert saved.load(folder) is None
    about.write_text(text)
    part = folder / "arrays.bin"
    part.write_bytes(part.read_bytes()[:-3])
    assert saved.load(folder) is None
    part.unlink()
    assert saved.load(folder) is None


def test_decoys_are_made_of_pieces_and_no_item_stands_in_them(tmp_path):
    items = World(10).items(40)
    decoys = make_decoys(items)
    assert len(decoys) == len(items)
    assert decoys == make_decoys(items)
    assert decoys != make_decoys(items, seed=1)
    words = {word for item in items for word in item.question.split()}
    assert {word for decoy in decoys for word in decoy.question.split()} <= words
    rows = [{"q": d.question, "solution": d.solution} for d in decoys]
    path = write_jsonl(tmp_path / "decoys.jsonl", rows)
    background = tuple(expand([str(write_jsonl(tmp_path / "b.jsonl", World(11).records(100)))]))
    result = scan(expand([str(path)]), items, ScanOptions(decoys=(), background=background))
    assert [f.kind for f in result.findings if f.kind != "partial"] == []


def test_few_items_make_no_decoys():
    assert make_decoys(World().items(FEWEST_ITEMS - 1)) == []
    assert len(make_decoys(World().items(FEWEST_ITEMS))) == FEWEST_ITEMS
    assert len(make_decoys(World().items(FEWEST_ITEMS), most=5)) == 5
