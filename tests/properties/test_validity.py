"""Laws of the checks: how often they accuse the innocent, and that order plays no part.

The rates are simulated from fixed seeds.  The checks of the draws are run at a chance of 5 %
besides their own, since rates such as one in a million cannot be seen in a test.
"""

import random
from array import array

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validity_runs import ENGINE, SAMPLING, Drawn, honest, make_run, result_of

from reasonbench.records import FinishReason, Plan, Verdict
from reasonbench.results import Severity, TaskResult
from reasonbench.specs import ModelSpec, RunSpec, TaskSpec
from reasonbench.validity import draws
from reasonbench.validity.collect import RIGHT, WRONG, ProblemSeen, Run, TaskSeen
from reasonbench.validity.findings import graded
from reasonbench.validity.gold import Gold

LOOSE = 0.05
NO_GOLD = Gold("", "")


def run_of(texts, right=None, *, n_tokens=5, stop=None):
    """Return a Run of one task: texts (problems x samples; -1 is missing) and their successes."""
    n = texts.shape[1]
    plan = Plan(
        spec=RunSpec(
            model=ModelSpec(id="m"), tasks=("t",), n=n, sampling=SAMPLING, stop_after_successes=stop
        ),
        sampling=SAMPLING,
        engine=ENGINE,
        tasks=(TaskSpec(name="t"),),
        graders={"t": "exact"},
    )
    result = TaskResult(
        spec=TaskSpec(name="t"),
        role=None,
        n=n,
        problems=(),
        reasons={},
        ungraded={},
        n_truncated=0,
        n_unsampled=0,
        n_ungraded=0,
        failures={},
        estimates=(),
    )
    task = TaskSeen(result)
    for i, row in enumerate(texts):
        there = np.flatnonzero(row >= 0)
        codes = bytearray(n)
        for j in there:
            codes[j] = RIGHT if right is not None and right[i, j] else WRONG
        task.problems[str(i)] = ProblemSeen(
            id=str(i),
            gold=NO_GOLD,
            codes=codes,
            indices=array("L", there.tolist()),
            hashes=array("Q", row[there].tolist()),
            n_tokens=n_tokens * len(there),
        )
    return Run(plan, [task], [])


def accusations(found):
    return [f for f in found if f.severity is not Severity.NOTE]


def low_entropy_texts(rng, n_problems, n):
    """Draw from a model that gives each problem one of a few texts, one of them most often."""
    texts = np.empty((n_problems, n), dtype=np.int64)
    for row in texts:
        size = rng.integers(1, 6)
        row[:] = rng.choice(size, size=n, p=rng.dirichlet(np.full(size, 0.5)))
    return texts


def test_independent_draws_of_a_low_entropy_model_are_not_accused_of_being_copies():
    rng = np.random.default_rng(1)
    for _ in range(1500):
        n, n_problems = int(rng.choice([2, 3, 4, 8, 16, 64])), int(rng.integers(5, 80))
        texts = low_entropy_texts(rng, n_problems, n)
        assert accusations(draws.duplicates(run_of(texts))) == []


def test_the_rate_of_false_accusations_of_copies_is_below_the_chance_allowed(monkeypatch):
    monkeypatch.setattr(draws, "REUSE_CHANCE", LOOSE)
    rng, runs, accused = np.random.default_rng(2), 1500, 0
    for _ in range(runs):
        texts = low_entropy_texts(rng, int(rng.integers(5, 80)), int(rng.choice([3, 4, 8, 16])))
        accused += bool(accusations(draws.duplicates(run_of(texts))))
    assert accused / runs <= LOOSE


@pytest.mark.parametrize("n", [3, 8])
def test_stopping_at_a_success_does_not_raise_that_rate(monkeypatch, n):
    monkeypatch.setattr(draws, "REUSE_CHANCE", LOOSE)
    rng, runs, accused, naive = np.random.default_rng(3), 200, 0, 0
    for _ in range(runs):
        texts = rng.integers(0, 2, size=(60, n))
        right = texts == 0
        ends = np.where(right.any(axis=1), right.argmax(axis=1), n)
        texts[np.arange(n)[None, :] > ends[:, None]] = -1
        accused += bool(accusations(draws.duplicates(run_of(texts, right, stop=1))))
        naive += bool(accusations(draws.duplicates(run_of(texts, right))))
    assert accused / runs <= LOOSE
    assert naive / runs > LOOSE  # the rule is needed: taken as they are, stopped draws mislead


@pytest.mark.parametrize("n", [3, 4, 8, 64])
@pytest.mark.parametrize("size", [8, 10**12], ids=["8 texts", "texts of its own"])
def test_seeds_that_were_used_again_on_20_problems_are_always_caught(n, size):
    rng = np.random.default_rng(n)
    for _ in range(60):
        texts = rng.integers(0, size, size=(20, n))
        i, j = sorted(rng.choice(n, size=2, replace=False).tolist())
        texts[:, j] = texts[:, i]
        (found,) = accusations(draws.duplicates(run_of(texts)))
        assert found.evidence["copies"] == 1
        assert found.evidence["examples"][0].startswith(f"#{i} = #{j} on ")


@pytest.mark.parametrize("n", [4, 8, 16, 64, 1024])
@pytest.mark.parametrize("period", [2, 3])
def test_seeds_that_repeat_with_a_short_period_are_caught_for_any_n(n, period):
    texts = np.random.default_rng(n).integers(0, 8, size=(20, n))
    (found,) = accusations(draws.duplicates(run_of(texts[:, np.arange(n) % period])))
    assert found.evidence["copies"] == n - period
    assert found.severity is Severity.INVALID or n - period < n / 4


@given(st.permutations(range(8)), st.integers(0, 2**32))
def test_the_number_of_copies_does_not_depend_on_which_indices_they_are(order, seed):
    texts = np.random.default_rng(seed).integers(0, 10**9, size=(25, 8))
    texts[:, 4:] = texts[:, :4]
    (plain,) = draws.duplicates(run_of(texts))
    (shuffled,) = draws.duplicates(run_of(texts[:, order]))
    assert plain.evidence["copies"] == shuffled.evidence["copies"] == 4
    assert plain.evidence["pairs_alike"] == shuffled.evidence["pairs_alike"]


def test_stopping_at_a_success_is_not_taken_for_dependence_on_n():
    right = np.random.default_rng(6).random((300, 8)) < 0.2
    ends = np.where(right.any(axis=1), right.argmax(axis=1), 8)
    texts = np.where(np.arange(8)[None, :] > ends[:, None], -1, np.arange(8)[None, :])
    assert list(draws.depends_on_n(run_of(texts, right, stop=1))) == []
    assert list(draws.depends_on_n(run_of(texts, right))) != []  # which is why it is skipped


def binary_draws(rng, n_problems, n):
    chance = rng.beta(0.5, 0.5, size=n_problems)
    return rng.random((n_problems, n)) < chance[:, None]


def test_independent_draws_do_not_depend_on_n():
    rng = np.random.default_rng(4)
    for _ in range(500):
        right = binary_draws(rng, int(rng.integers(20, 120)), int(rng.choice([2, 5, 16, 64])))
        texts = np.arange(right.size).reshape(right.shape)
        assert list(draws.depends_on_n(run_of(texts, right))) == []


def test_the_rate_of_false_accusations_of_depending_on_n_is_below_the_chance_allowed(monkeypatch):
    monkeypatch.setattr(draws, "HALVES_CHANCE", LOOSE)
    rng, runs, accused = np.random.default_rng(5), 600, 0
    for _ in range(runs):
        right = binary_draws(rng, int(rng.integers(30, 120)), int(rng.choice([4, 5, 16])))
        texts = np.arange(right.size).reshape(right.shape)
        accused += bool(list(draws.depends_on_n(run_of(texts, right))))
    assert 0 < accused / runs <= LOOSE + 0.01


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
            lambda sizes: st.tuples(
                st.just(sizes[0]),
                st.integers(0, sizes[0]),
                st.just(sizes[1]),
                st.integers(0, sizes[1]),
            )
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_p_value_of_the_halves_is_that_of_all_arrangements(halves):
    law = np.ones(1)
    for m, c, rest, more in halves:
        arrangements = [
            sum(bits >> k & 1 for k in range(m))
            for bits in range(2 ** (m + rest))
            if bits.bit_count() == c + more
        ]
        law = np.convolve(law, np.bincount(arrangements, minlength=m + 1) / len(arrangements))
    seen = sum(c for _, c, _, _ in halves)
    exact = min(1.0, 2 * min(law[: seen + 1].sum(), law[seen:].sum()))
    p_value, deciding = draws._halves_test(halves)
    assert p_value == pytest.approx(exact if deciding else 1.0)


def faulty(problem, index):
    """Draw what several checks have something to say about."""
    rng = random.Random(f"{problem.id}, {index}")
    if rng.random() < 0.3:
        return Drawn(
            text="<think>\nand",
            finish=FinishReason.LENGTH,
            n_tokens=1000,
            verdict=Verdict.INCORRECT,
            reason="truncated",
            answer=None,
        )
    if rng.random() < 0.2:
        return Drawn(text="none", verdict=Verdict.INCORRECT, reason="no_answer", answer=None)
    return honest(problem, index % 4)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False), st.sampled_from([honest, faulty]))
def test_the_order_in_which_completions_came_plays_no_part(tmp_path_factory, rng, draw):
    folder = tmp_path_factory.mktemp("orders")

    def shuffled(records):
        return rng.sample(records, len(records))

    plain = result_of(make_run(folder / "plain", draw)).validity
    mixed = result_of(make_run(folder / "mixed", draw, order=shuffled)).validity
    assert plain == mixed == result_of(folder / "mixed").validity
    assert bool(plain) == (draw is faulty)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_is_never_less_grave(a, b):
    ranks = {None: 0, Severity.NOTE: 1, Severity.WARNING: 2, Severity.INVALID: 3}
    low, high = sorted((a, b))
    kinds = [graded(share, note=0.01, warning=0.05, invalid=0.5) for share in (low, high)]
    assert ranks[kinds[0]] <= ranks[kinds[1]]
