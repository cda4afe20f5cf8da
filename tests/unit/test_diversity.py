"""Measures of diversity: definitions, bias, edges."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from reasonbench.errors import MissingDependencyError
from reasonbench.stats import (
    answer_entropy,
    collision_probability,
    difficulty_variance,
    distinct_n,
    distinct_rarefied,
    intraclass_correlation,
    pass_at_k,
    self_bleu,
    share_unsolved,
    tail_ratio,
    vendi_score,
)


def test_distinct_answers_equal_the_mean_over_all_subsets():
    answers = [0, 0, 0, 1, 1, 2]
    for k in range(1, 7):
        sizes = [len(set(subset)) for subset in itertools.combinations(answers, k)]
        found = distinct_rarefied([3, 2, 1], [k])[0]
        assert found == pytest.approx(np.mean(sizes), rel=1e-13)


def test_distinct_answers_beyond_n_are_undefined():
    np.testing.assert_array_equal(np.isnan(distinct_rarefied([2, 1, 0], [3, 4])), [0, 1])
    assert np.isnan(distinct_rarefied([0], [1])[0])


@pytest.mark.parametrize(("n", "answers"), [(8, 4), (16, 2), (64, 10)])
def test_entropy_is_nearly_unbiased_where_the_plug_in_is_not(n, answers):
    counts = np.random.default_rng(0).multinomial(n, np.full(answers, 1 / answers), 2000)
    truth = np.log(answers)
    ours = np.mean([answer_entropy(row) for row in counts])
    share = counts / n
    plug_in = -np.mean(np.sum(share * np.log(np.where(share > 0, share, 1)), axis=1))
    assert ours == pytest.approx(truth, abs=0.015)
    assert truth - plug_in > 0.025


def test_entropy_of_one_answer_is_zero_and_of_none_undefined():
    assert answer_entropy([7, 0]) == 0
    assert np.isnan(answer_entropy([]))


def test_collision_probability_is_the_share_of_equal_pairs():
    answers = [0, 0, 0, 1, 1, 2]
    pairs = [a == b for a, b in itertools.combinations(answers, 2)]
    assert collision_probability([3, 2, 1]) == pytest.approx(np.mean(pairs), rel=1e-14)
    assert collision_probability([4]) == 1
    assert np.isnan(collision_probability([1]))


def test_difficulty_variance_is_unbiased_over_samples_and_problems():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        n = rng.integers(2, 9, 12)
        found.append(difficulty_variance(n, rng.binomial(n, rng.beta(0.5, 0.5, 12))))
    assert np.mean(found) == pytest.approx(1 / 8, abs=4 * np.std(found) / 3000**0.5)
    assert np.isnan(difficulty_variance([4, 1], [1, 1]))


def test_unsolved_share_is_what_pass_at_k_leaves():
    n, c = [4, 4, 8, 2], [0, 4, 2, 0]
    expected = 1 - np.nanmean(pass_at_k(n, c, [4])[:, 0])
    assert share_unsolved(n, c, 4) == pytest.approx(expected)
    assert share_unsolved([4, 4], [0, 1], 4) == 0.5
    assert np.isnan(share_unsolved([4], [1], 5))


def test_tail_ratio_is_one_where_more_completions_solve_nothing_more():
    assert tail_ratio([8, 8, 8], [0, 8, 0], 8) == 1
    assert tail_ratio([8, 8], [4, 4], 8) == 0
    expected = (1 - pass_at_k([8, 8], [1, 4], [4]).mean()) / (1 - 5 / 16)
    assert tail_ratio([8, 8, 2], [1, 4, 0], 4) == pytest.approx(expected)
    assert np.isnan(tail_ratio([8], [8], 4))


def test_intraclass_correlation_has_its_ends():
    assert intraclass_correlation([8] * 4, [0, 8, 8, 0]) == pytest.approx(1)
    assert abs(intraclass_correlation([1000] * 50, [500] * 50)) < 2e-3
    assert np.isnan(intraclass_correlation([8, 8], [0, 0]))
    rng = np.random.default_rng(0)
    found = intraclass_correlation([16] * 5000, rng.binomial(16, rng.beta(1, 2, 5000)))
    assert found == pytest.approx(1 / (1 + 2 + 1), abs=0.02)


def test_distinct_ngrams_of_one_length():
    texts = [["a", "b", "a", "b"], ["a", "b", "c", "d"], ["a"]]
    assert distinct_n(texts, 2, length=4) == pytest.approx(4 / 6)
    assert distinct_n(texts, 1, length=1) == pytest.approx(1 / 3)
    assert np.isnan(distinct_n(texts, 2, length=9))


def test_self_bleu_is_one_for_copies_and_low_for_unlike_texts():
    copies = ["the cat sat on the mat today"] * 3
    assert self_bleu(copies, length=7) == pytest.approx(1, abs=1e-9)
    unlike = ["a b c d e f g", "h i j k l m n", "o p q r s t u"]
    assert self_bleu(unlike, length=7) < 0.1
    assert np.isnan(self_bleu(["too short", copies[0]], length=7))


def test_self_bleu_reads_as_many_words_as_are_asked_for():
    texts = ["same words here but then other things", "same words here and more of them again"]
    assert self_bleu(texts, length=3) == pytest.approx(1, abs=1e-9)
    assert self_bleu(texts, length=7) < 0.7


def test_self_bleu_without_sacrebleu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingDependencyError, match="needs sacrebleu") as caught:
        self_bleu(["a", "b"], length=1)
    assert caught.value.hint == "pip install sacrebleu"


def test_vendi_score_counts_unlike_texts():
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_score(np.ones((5, 5))) == pytest.approx(1)
    two_kinds = np.kron(np.eye(2), np.ones((3, 3)))
    assert vendi_score(two_kinds) == pytest.approx(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distinct_rarefied([-1], [1]), r"'cluster_counts' .*Got -1"),
        (lambda: distinct_rarefied([1], [0]), r"'ks' parameter of distinct_rarefied"),
        (lambda: answer_entropy([np.nan]), r"'cluster_counts' parameter of answer_entropy"),
        (lambda: collision_probability([1.5]), r"'cluster_counts' .*Got 1\.5"),
        (lambda: difficulty_variance([4], [5]), r"'c' parameter of difficulty_variance"),
        (lambda: intraclass_correlation([4, 4], [1]), r"one entry for each problem"),
        (lambda: share_unsolved([4], [1], 0), r"'k' parameter of share_unsolved"),
        (lambda: tail_ratio([4], [1], 0), r"'k' parameter of tail_ratio"),
        (lambda: distinct_n([["a"]], 2, length=1), r"'length' parameter .*>= 2\. Got 1"),
        (lambda: self_bleu(["a"], length=0), r"'length' parameter of self_bleu"),
        (lambda: vendi_score([[1.0, 0.5]]), r"Got an array of shape \(1, 2\)"),
        (lambda: vendi_score([[1.0, 0.5], [0.4, 1.0]]), r"not symmetric"),
        (lambda: vendi_score([[2.0]]), r"another diagonal"),
        (lambda: vendi_score([[1.0, 2.0], [2.0, 1.0]]), r"an eigenvalue of -1"),
    ],
)
def test_impossible_input_raises_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
