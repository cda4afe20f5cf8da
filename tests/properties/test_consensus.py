"""pass^k, G-Pass@k, votes and best-of-k against all subsets, one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.stats import best_of_k, g_pass_at_k, maj_at_k, pass_hat_k

ROUNDING = 1e-13

unhurried = settings(deadline=None, max_examples=60)


def mean_over_subsets(items, k, value):
    chosen = [value(subset) for subset in itertools.combinations(items, k)]
    return float(sum(chosen, Fraction(0)) / len(chosen))


def vote(subset, right):
    """Chance that the vote is right: the share of right ones among the tied answers."""
    counts = Counter(answer for answer in subset if answer is not None)
    if not counts:
        return Fraction(0)
    top = [answer for answer, count in counts.items() if count == max(counts.values())]
    return Fraction(sum(right[answer] for answer in top), len(top))


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=5),
    st.integers(0, 2),
    st.data(),
)
@unhurried
def test_vote_equals_brute_force(counts, abstained, data):
    n = sum(counts) + abstained
    if n == 0 or n > 11:
        return
    right = data.draw(st.lists(st.booleans(), min_size=len(counts), max_size=len(counts)))
    k = data.draw(st.integers(1, n))
    items = [i for i, count in enumerate(counts) for _ in range(count)] + [None] * abstained
    expected = mean_over_subsets(items, k, lambda subset: vote(subset, right))
    found = maj_at_k(counts, right, k, abstained=abstained)
    assert abs(found - expected) <= ROUNDING


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.data())
@unhurried
def test_votes_for_all_answers_add_up_to_one(counts, data):
    k = data.draw(st.integers(1, sum(counts)))
    chances = [maj_at_k(counts, np.arange(len(counts)) == i, k) for i in range(len(counts))]
    assert abs(sum(chances) - 1) <= 1e-12
    together = maj_at_k(counts, np.arange(len(counts)) < 2, k)
    assert abs(sum(chances[:2]) - together) <= 1e-12


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=9), st.data())
@unhurried
def test_best_of_k_equals_brute_force(completions, data):
    k = data.draw(st.integers(1, len(completions)))

    def best(subset):
        top = max(score for score, _ in subset)
        tied = [right for score, right in subset if score == top]
        return Fraction(sum(tied), len(tied))

    expected = mean_over_subsets(completions, k, best)
    scores, right = zip(*completions, strict=True)
    assert abs(best_of_k(scores, right, k) - expected) <= ROUNDING


def test_all_correct_and_enough_correct_equal_enumeration_for_small_n():
    for n in range(1, 8):
        for c in range(n + 1):
            items = [i < c for i in range(n)]
            for k in range(1, n + 1):
                expected = mean_over_subsets(items, k, lambda s: Fraction(all(s)))
                assert abs(pass_hat_k([n], [c], [k])[0, 0] - expected) <= ROUNDING
                for tau in (Fraction(0), Fraction(1, 2), Fraction(2, 3)):
                    enough = max(1, -(-tau.numerator * k // tau.denominator))
                    expected = mean_over_subsets(
                        items, k, lambda s, enough=enough: Fraction(sum(s) >= enough)
                    )
                    assert abs(g_pass_at_k([n], [c], [k], tau)[0, 0] - expected) <= ROUNDING
