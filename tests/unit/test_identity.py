"""Digests: one text for equal data, another for other data."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench import errors
from reasonbench.identity import SEED_BOUND, base_seed, canonical_json, completion_key, digest
from reasonbench.records import Problem
from reasonbench.specs import SamplingSpec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_the_order_of_keys_makes_no_difference(value):
    def reverse(v):
        if isinstance(v, dict):
            return {k: reverse(v[k]) for k in reversed(v)}
        return [reverse(x) for x in v] if isinstance(v, list) else v

    assert digest(reverse(value)) == digest(value)


@given(JSON, JSON)
def test_one_text_means_equal_data(left, right):
    if canonical_json(left) == canonical_json(right):
        assert left == right


def test_a_whole_number_is_itself_however_written():
    assert digest(SamplingSpec(temperature=1)) == digest(SamplingSpec(temperature=1.0))
    assert digest(0.5) != digest(1)
    assert digest(True) != digest(1)


def test_parts_do_not_run_into_each_other():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(["a"], "b") != digest(["a", "b"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"a": float("-inf")}]])
def test_a_number_that_json_has_not_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        digest(value)


def test_every_part_of_a_completions_key_counts():
    parts = {"problem": "p", "prompt": "q", "engine": "e", "sampling": "s", "sample_index": 0}
    keys = {completion_key(**parts)}
    keys |= {completion_key(**{**parts, name: "other"}) for name in parts if name != "sample_index"}
    keys.add(completion_key(**{**parts, "sample_index": 1}))
    assert len(keys) == 6


def test_a_corrected_target_keeps_the_samples_and_changes_the_grade():
    old = Problem(task="t", id="1", statement="2 + 2?", target="5")
    new = Problem(task="t", id="1", statement="2 + 2?", target="4")
    assert old.digest() == new.digest()
    assert old.full_digest() != new.full_digest()


@given(st.integers(0, 2**40), st.text(), st.text())
def test_seeds_fit_every_engine_and_differ_by_problem(seed, task, problem):
    base = base_seed(seed, task, problem)
    assert 0 <= base < SEED_BOUND
    assert base == base_seed(seed, task, problem)


def test_base_seeds_of_a_thousand_problems_are_spread():
    seeds = sorted(base_seed(0, "t", f"{i:05d}") for i in range(1000))
    assert len(set(seeds)) == 1000
    assert seeds[100] > SEED_BOUND // 50
    assert seeds[-100] < SEED_BOUND - SEED_BOUND // 50


def test_a_lone_surrogate_has_a_digest():
    assert digest("\ud800") != digest("?")


def test_every_error_survives_a_process_border_with_its_hint():
    error = pickle.loads(pickle.dumps(errors.StoreLockedError("locked by 3", hint="wait")))
    assert type(error) is errors.StoreLockedError
    assert (error.message, error.hint, error.exit_code) == ("locked by 3", "wait", 5)


def test_every_error_carries_an_exit_code_and_stands_in_the_tree():
    kinds = [v for v in vars(errors).values() if isinstance(v, type)]
    kinds = [k for k in kinds if issubclass(k, errors.ReasonbenchError)]
    assert len(kinds) >= 12
    for kind in kinds:
        assert kind.__name__ in errors.__doc__
        assert kind.exit_code in (2, 3, 5)


def test_an_unknown_name_says_what_was_meant():
    error = errors.UnknownNameError.build("engine", "vlm", ["vllm", "transformers"])
    assert error.message == "there is no engine named 'vlm'"
    assert error.hint == "did you mean 'vllm'?"
    far = errors.UnknownNameError.build("engine", "zzz", ["vllm", "transformers"])
    assert far.hint == "known: transformers, vllm"
