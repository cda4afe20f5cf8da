"""The wider base's guesses: their form, their shares, their habits, and a training of two steps."""

from collections import Counter

import numpy as np
import pytest
import torch

from reasonbench.embedded import wide, world
from reasonbench.embedded.build import is_right
from reasonbench.embedded.problems import make_sets
from reasonbench.embedded.train import IGNORED, Recipe, Shape, chat, load
from reasonbench.fresh.families.countdown import statement

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool():
    return make_sets().pool[:8]


@pytest.fixture(scope="module")
def tokenizer():
    return world.build_tokenizer()


def drawn(pool, tokenizer, n, **habits):
    """Return (problem, completion) pairs."""
    guesses = wide.Guesses(pool, tokenizer, wide.Habits(**habits), CPU)
    rows, labels = guesses.draw(np.random.default_rng(0), n)
    prompts = {chat(tokenizer, statement(one)): one for one in pool}
    for row, label in zip(rows, labels, strict=True):
        told = label != IGNORED
        assert torch.equal(row[told], label[told])
        begin = int(told.nonzero()[0])
        assert not told[:begin].any()
        text = tokenizer.decode(row[told])
        assert text.endswith(world.EOS)
        yield prompts[tokenizer.decode(row[:begin])], text.removesuffix(world.EOS)


def test_a_row_is_a_prompt_and_a_guess_of_the_world(pool, tokenizer):
    for problem, text in drawn(pool, tokenizer, 64):
        ways = world.attempts(problem.numbers)
        forms = {world.head(a, problem.target) + world.tail(b) for a in ways for b in ways}
        assert text in forms


def test_the_right_way_is_named_as_often_as_asked(pool, tokenizer):
    assert all(is_right(*pair) for pair in drawn(pool, tokenizer, 64, named=1.0))
    assert all(" yes\n" in text for _, text in drawn(pool, tokenizer, 64, seen=1.0))
    right = [is_right(*pair) for pair in drawn(pool, tokenizer, 512, named=0.2)]
    assert 0.2 < np.mean(right) < 0.4  # the share, and what chance adds


def test_a_habit_decides_which_way_is_named(pool, tokenizer):
    only = {"+": 1.0, "-": 0.0, "*": 0.0}
    texts = [text for _, text in drawn(pool, tokenizer, 32, operations=only, named=0.0)]
    signs = Counter(sign for text in texts for sign in "+-*" if sign in text.split("boxed")[1])
    assert set(signs) == {"+"}


def test_a_base_is_made_alike_twice_and_never_over_another(tmp_path, capsys):
    small = {"shape": Shape(1, 32, 32), "device": CPU}
    recipe = {"batch": 4, "learning_rate": 1e-3, "warmup": 1, "seed": 3}
    for name, steps in (("one", 2), ("again", 2), ("short", 1)):
        wide.make(tmp_path / name, recipe=Recipe(steps=steps, **recipe), **small)
    one, again, short = (
        load(tmp_path / name / "model")[0].state_dict() for name in ("one", "again", "short")
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], short[name]) for name in one)
    with pytest.raises(SystemExit):
        wide.main([str(tmp_path / "one")])
    assert "model is there already: remove it, or name another folder" in capsys.readouterr().err
