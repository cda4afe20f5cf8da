"""Null and tail of the scan, against chance that is made."""

import math

import numpy as np
import pytest
from scan_world import World, write_jsonl

from reasonbench.corpus.calibrate import FLOOR, calibrate, item_block
from reasonbench.corpus.nulls import SOFT, TOPIC_FLOOR, TOPIC_SOFT, Nulls
from reasonbench.corpus.scan import scan
from reasonbench.corpus.search import Matches, Searcher, matched, new_pairs
from reasonbench.corpus.sources import expand
from reasonbench.corpus.tail import TAIL_FROM, TAIL_SCALE, TAIL_TO, Tail, fit_tail


def blocks_of(tmp_path, records, name="background.jsonl"):
    path = write_jsonl(tmp_path / name, records)
    return [block for shard in expand([str(path)]) for block in shard.blocks()]


@pytest.mark.parametrize("scale", [0.03, 0.065, 0.12])
def test_the_tail_finds_the_scale_and_rate_of_chance(scale):
    numbers = np.random.default_rng(int(scale * 1000))
    n, exposure = 40_000, 10**9
    scores = numbers.exponential(scale, n) + TAIL_FROM
    tail = fit_tail([matches_of(scores)], [], 1, exposure)
    assert tail.scale == pytest.approx(scale, rel=0.05)
    assert tail.rate == pytest.approx(n / exposure, rel=0.05)
    assert tail.n_pairs == ((scores >= TAIL_FROM) & (scores < TAIL_TO)).sum()


def matches_of(scores, whole=None):
    size = len(scores)
    number = np.arange(size, dtype=np.int64)
    none = np.zeros(size, np.int64)
    return Matches(number, none, none, scores, np.zeros(size) if whole is None else whole)


def test_hits_are_not_taken_for_chance():
    scores = np.random.default_rng(1).exponential(0.05, 2000) + TAIL_FROM
    hits = np.concatenate([scores, np.full(300, 0.9), np.full(200, 0.15)])
    whole = np.concatenate([np.zeros(2300), np.full(200, 80.0)])
    alone = fit_tail([matches_of(scores[scores < 0.6])], [], 1, 10**8)
    assert fit_tail([matches_of(hits, whole)], [], 1, 10**8) == alone


@pytest.mark.parametrize("known", [0, 0.25, 1])
def test_the_tail_is_that_of_seen_and_unseen_text_by_their_shares(known):
    numbers = np.random.default_rng(3)
    seen, unseen = (numbers.exponential(0.07, n) + TAIL_FROM for n in (10_000, 40_000))
    tail = fit_tail([matches_of(seen)], [matches_of(unseen)], known, 10**9)
    n = known * 10_000 + (1 - known) * 40_000
    assert tail.rate == pytest.approx(n / 10**9, rel=0.05)
    assert tail.scale == pytest.approx(0.07, rel=0.05)


def test_without_a_background_the_tail_is_that_of_other_traces():
    tail = fit_tail([], [], 1, 0)
    assert tail.scale == pytest.approx(TAIL_SCALE, rel=1e-6)
    assert tail.n_pairs == 0
    assert tail.rate > 0


def test_p_values_of_chance_are_as_small_as_they_say():
    numbers = np.random.default_rng(5)
    scale, rate, tokens = 0.06, 2e-4, 1000
    tail = Tail(rate=rate, scale=scale, n_pairs=0, keep=0.0)
    best = []
    for n in numbers.poisson(rate * tokens, 20_000):
        scores = TAIL_FROM + numbers.exponential(scale, n)
        best.append(scores.max(initial=0.0))
    p = tail.p_value(np.array(best), np.full(len(best), tokens))
    for bar in (0.1, 0.03, 0.01, 0.003):
        assert (p <= bar).mean() == pytest.approx(bar, abs=4 * math.sqrt(bar / len(best)))


def test_p_values_fall_with_the_score_and_rise_with_the_length():
    tail = Tail(rate=1e-7, scale=0.06, n_pairs=0, keep=0.0)
    scores = np.linspace(TAIL_FROM, 2, 50)
    p = tail.p_value(scores, np.full(50, 500))
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()
    long = tail.p_value(scores, np.full(50, 50_000))
    assert (long >= p).all()
    assert tail.p_value(np.array([TAIL_FROM - 1e-9]), np.array([10**6])) == 1
    whole = tail.whole_p_value(np.array([0.0, 10.0, 60.0, 5000.0]), np.full(4, 100))
    assert whole[0] == 1
    assert (np.diff(whole) <= 0).all()
    assert whole[-1] > 0


def test_the_null_of_a_unit_is_what_the_third_best_record_of_the_background_comes_to(tmp_path):
    world = World(6)
    items = world.items(12)
    half = items[0].question.split(". ")[0]
    records = world.records(150)
    base = calibrate(items, blocks_of(tmp_path, records, "base.jsonl"))
    for row in (10, 20):
        records[row]["trace"] += f" {half}."
    twice = calibrate(items, blocks_of(tmp_path, records, "twice.jsonl"))
    records[30]["trace"] += f" {half}."
    raised = calibrate(items, blocks_of(tmp_path, records))
    question = int(np.flatnonzero((raised.units.items == 0) & (raised.units.kinds == 0))[0])
    assert base.arrays.null[question] == twice.arrays.null[question] == FLOOR
    assert raised.arrays.null[question] > FLOOR
    others = raised.units.items != 0
    assert np.allclose(base.arrays.null[others], raised.arrays.null[others], atol=2.0)


def nulls_of(values, folds):
    """Return nulls of one unit that comes to these bits, one after another."""
    arrays = calibrate(World(17).items(1), []).arrays
    pairs = new_pairs(len(values))
    pairs.record[:], pairs.aligned[:] = np.arange(len(values)), values
    pairs.shared[:] = TOPIC_FLOOR
    n = arrays.null.size
    return Nulls(
        arrays, np.full(n, FLOOR, np.float32), np.full(n, 300, np.float32),
        np.full(1, 100, np.float32), [pairs], np.ones(len(values), np.bool_),
        [np.array(folds, np.int64)], np.zeros((max(folds) + 1, 1, 3), np.float32),
    )  # fmt: skip


def test_what_stands_side_by_side_is_no_chance_that_the_rest_of_the_traces_knows():
    values = [90, 100, 95, 92, 40, 60, 50]
    nulls = nulls_of(values, [2, 2, 2, 2, 3, 4, 5])
    assert nulls.fitted().null[0] == 92
    assert nulls.fitted(without=2).null[0] == 40
    assert nulls.fitted(without=5).null[0] == 92
    seen = matched(nulls.fitted(), nulls.pairs[0])
    assert seen.score.max() < 0.05
    unseen = {int(m.record[i]): m.score[i] for m in nulls.unseen() for i in range(len(m.record))}
    scale = 300 - 40 + SOFT
    wanted = [(value - 40) / scale for value in values[:4]]
    assert [unseen[row] for row in range(4)] == pytest.approx(wanted)
    assert [unseen[row] for row in (4, 5, 6)] == [0, 0, 0]


def test_a_topic_that_one_stretch_knows_is_none_to_the_others():
    nulls = nulls_of([0, 0], [0, 1])
    nulls.topics[0, 0] = 70, 60, 50
    nulls.topics[1, 0] = 55, 30, 0
    assert nulls.fitted().topic_null[0] == 55
    assert nulls.fitted(without=0).topic_null[0] == TOPIC_FLOOR
    assert nulls.fitted(without=1).topic_null[0] == 50
    assert nulls.fitted(without=1).topic_scale[0] == 100 - 50 + TOPIC_SOFT


def test_nulls_and_topics_have_a_floor_and_scales_are_more_than_nothing(tmp_path):
    world = World(7)
    arrays = calibrate(world.items(20), blocks_of(tmp_path, world.records(100))).arrays
    assert (arrays.null >= FLOOR).all()
    assert (arrays.topic_null >= TOPIC_FLOOR).all()
    assert (arrays.scale > 0).all()
    assert (arrays.topic_scale > 0).all()
    for part in (arrays.first, arrays.follow, arrays.need, arrays.null, arrays.scale):
        assert np.isfinite(part).all()


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_an_item_that_stands_in_many_records_of_the_background_is_still_found(tmp_path, share):
    world = World(8)
    items, records = world.items(30), world.records(200)
    rows = list(range(0, 200, int(1 / share)))
    for row in rows:
        world.plant(records[row], items[3], "mid-trace" if row % 40 else "verbatim")
    blocks = blocks_of(tmp_path, records)
    calibration = calibrate(items, blocks)
    assert calibration.n_held_out >= len(rows)
    searcher = Searcher(calibration.arrays, calibration.units.kinds)
    pairs, sizes = searcher.pairs(blocks[0])
    found = searcher.matches(pairs)
    p = calibration.tail.p_value(found.score, sizes[found.record].astype(np.int64))
    sure = {
        (int(r), int(i)) for r, i, v in zip(found.record, found.item, p, strict=True) if v < 1e-6
    }
    assert sure == {(row, 3) for row in rows}
    result = scan(expand([str(tmp_path / "background.jsonl")]), items)
    assert {(f.row, f.item.id) for f in result.findings} == {(row, "i3") for row in rows}


def test_an_item_that_leaked_does_not_become_common_by_that(tmp_path):
    world = World(13)
    items, records = world.items(20), world.records(200)
    clean = calibrate(items, blocks_of(tmp_path, records, "clean.jsonl"))
    for row in range(0, 200, 10):
        records[row]["trace"] += f" {items[3].question} {items[3].solution}"
    leaked = calibrate(items, blocks_of(tmp_path, records))
    assert (clean.n_held_out, leaked.n_held_out) == (0, 20)
    mine = np.repeat(leaked.units.items == 3, np.diff(leaked.units.starts))
    assert leaked.arrays.follow[mine].sum() > 0.95 * clean.arrays.follow[mine].sum()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_background_may_be_a_few_records(tmp_path, n):
    records = World(3).records(n)
    calibration = calibrate(World().items(5), blocks_of(tmp_path, records), 0.0)
    assert calibration.n_records == n


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_the_background_may_hold_nothing(known):
    calibration = calibrate(World().items(5), [], known)
    assert calibration.searchable.all()
    assert (calibration.n_records, calibration.n_held_out) == (0, 0)


def test_items_own_texts_are_records_that_do_not_run_into_each_other():
    items = World().items(5)
    block = item_block(items)
    texts = [
        block.data[s:e].tobytes().decode() for s, e in zip(block.starts, block.ends, strict=True)
    ]
    assert texts == [f"{item.question}\n{item.solution}\n" for item in items]
