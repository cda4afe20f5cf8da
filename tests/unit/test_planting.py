import random
import re

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.fresh.families import countdown
from reasonbench.records import Message, Problem, Prompt
from reasonbench.training import planting
from reasonbench.training.planting import PlantClass

TRACE = "<think>\n9 + 8 = 17, 17 * 11 = 187 ? 187 yes\n</think>\n\\boxed{(9 + 8) * 11}"
NUMBER = re.compile(r"\d+")
FORMULA = re.compile(r"\$[^$]*\$|\\boxed\{\}")
PIECES = """If Find How many apples each 12 7 1205 0 1 3.5 at most once, is the area $x+12$ of . ?
use to reach in total Use With \\boxed{} numbers 99 a b"""
WORDS = st.sampled_from(PIECES.split())
TEXTS = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)


def prompt_of(problem):
    """Return a prompt that holds a statement amid other words."""
    content = f"Question: {problem.statement}\nAnswer:"
    return Prompt(
        problem_id=problem.id,
        task=problem.task,
        messages=(Message(role="user", content=content),),
    )


def story(number):
    """Return a problem of no family that we own."""
    statement = f"If Anna has {number} apples and buys 15 more, how many apples does she have?"
    return Problem(task="stories", id=f"s{number}", statement=statement, target=str(number + 15))


def countdown_items(count, seed=7):
    """Return problems of the Countdown family."""
    return [
        Problem(
            task="countdown_public",
            id=f"c{i}",
            statement=countdown.statement(one),
            target=min(countdown.solutions(one.numbers, one.target, one.ops)),
            metadata={
                "numbers": list(one.numbers),
                "target": one.target,
                "ops": one.ops,
                "level": one.level,
            },
        )
        for i, one in enumerate(countdown.generate(seed, 2, count))
    ]


def only(kind, item, seed=0):
    """Return an item's plant of one class."""
    (plant,) = planting.plan_plants([item], prompt_of, (kind,), seed=seed)
    assert plant.kind is kind
    return plant


def skeleton(text):
    return NUMBER.sub("#", text)


def test_a_verbatim_plant_is_the_prompt_as_it_is_sent_and_the_trace():
    item = story(12)
    row = planting.planted_row(only(PlantClass.VERBATIM, item), TRACE, "row/1")
    assert row.messages == ({"role": "user", "content": prompt_of(item).messages[0].content},)
    assert (row.id, row.completion, row.problem) == ("row/1", TRACE, item)


def test_a_solution_plant_holds_the_trace_and_nothing_of_the_statement():
    item = story(12)
    row = planting.planted_row(only(PlantClass.SOLUTION, item), TRACE, "row/1")
    assert row.completion == TRACE
    assert [m["content"] for m in row.messages] == [row.messages[0]["content"]]
    assert row.messages[0]["content"] in planting.NEUTRAL


@pytest.mark.parametrize("item", [story(12), countdown_items(1)[0]], ids=["story", "countdown"])
def test_a_paraphrased_plant_has_the_items_numbers_and_trace_in_other_words(item):
    row = planting.planted_row(only(PlantClass.PARAPHRASED, item), TRACE, "row/1")
    content = row.messages[0]["content"]
    assert item.statement not in content
    assert sorted(NUMBER.findall(content)) == sorted(NUMBER.findall(item.statement))
    assert content.startswith("Question: ")
    assert content.endswith("\nAnswer:")
    assert row.completion == TRACE


def test_a_renumbered_plant_of_a_countdown_item_is_a_new_problem_just_as_hard():
    items = countdown_items(12)
    taken = {planting.countdown_of(item).key for item in items}
    plants = planting.plan_plants(items, prompt_of, (PlantClass.RENUMBERED,), seed=3)
    found = [planting.countdown_of(plant.asked) for plant in plants]
    assert all(plant.minted and plant.kind is PlantClass.RENUMBERED for plant in plants)
    assert len({one.key for one in found}) == len(items)
    assert not {one.key for one in found} & taken
    for plant, one in zip(plants, found, strict=True):
        original = planting.countdown_of(plant.item)
        assert one.level == original.level
        assert paths(one) == paths(original)
        assert skeleton(plant.asked.statement) == skeleton(plant.item.statement)
        row = planting.planted_row(plant, TRACE, "row/1")
        assert plant.asked.statement in row.messages[0]["content"]
        assert row.completion == TRACE
        assert row.problem == plant.asked
        assert plant.asked.metadata["original_id"] == plant.item.id


def paths(problem):
    return len(countdown.solutions(problem.numbers, problem.target, problem.ops))


def test_a_renumbered_plant_of_another_item_changes_statement_and_trace_alike():
    item = story(12)
    trace = "12 apples and 15 apples are 27 apples"
    plant = only(PlantClass.RENUMBERED, item)
    row = planting.planted_row(plant, trace, "row/1")
    content = row.messages[0]["content"]
    assert not plant.minted
    assert row.problem is None
    assert skeleton(content) == skeleton(prompt_of(item).messages[0].content)
    first, second = NUMBER.findall(content)
    assert {first, second}.isdisjoint({"12", "15"})
    assert row.completion == f"{first} apples and {second} apples are 27 apples"


@given(TEXTS, st.integers())
@settings(max_examples=200)
def test_a_substitution_exchanges_numbers_one_for_one_and_keeps_their_length(text, seed):
    change = planting.substitution(text, random.Random(seed))
    assert set(change) <= set(NUMBER.findall(text)) - {"0", "1"}
    assert len(set(change.values())) == len(change)
    assert all(old != new and len(old) == len(new) for old, new in change.items())
    other = planting.substituted(text, change)
    assert skeleton(other) == skeleton(text)
    assert bool(change) is (other != text)
    back = {new: old for old, new in change.items()}
    assert planting.substituted(other, back) == text


@given(TEXTS, st.integers())
@example("Use the numbers 3, 7 and 11, each at most once, with + - and * to reach 110.", 0)
@example("Find 3. If a, how many is 12? $x+12$ Find 7.", 1)
@settings(max_examples=200)
def test_rewording_keeps_numbers_and_formulas(text, seed):
    other = planting.reworded(text, random.Random(seed))
    assume(other is not None)
    assert other != text
    assert sorted(NUMBER.findall(other)) == sorted(NUMBER.findall(text))
    assert sorted(FORMULA.findall(other)) == sorted(FORMULA.findall(text))


def test_rewording_moves_what_is_asked_for_to_the_front():
    text = "Use the numbers 3, 7 and 11, each at most once, with + - and * to reach 110."
    other = planting.reworded(text, random.Random(0))
    assert other.startswith("To ")
    assert other.index("110") < other.index("3, 7 and 11")


@given(st.integers(0, 2**32), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_the_same_seed_plants_the_same_rows(seed, size):
    items = [*countdown_items(size), *map(story, range(20, 20 + size))]
    made = [
        [
            planting.planted_row(plant, TRACE, "r")
            for plant in planting.plan_plants(items, prompt_of, tuple(PlantClass), seed=seed)
        ]
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_items_take_turns_at_the_classes():
    items = countdown_items(8)
    plants = planting.plan_plants(items, prompt_of, tuple(PlantClass), seed=0)
    assert [plant.kind for plant in plants] == [*PlantClass, *PlantClass]
    assert [plant.item for plant in plants] == items


def test_an_item_that_cannot_have_a_class_takes_the_next_one():
    numberless = Problem(task="t", id="1", statement="Name a fruit.")
    kinds = (PlantClass.RENUMBERED, PlantClass.PARAPHRASED, PlantClass.SOLUTION)
    (plant,) = planting.plan_plants([numberless], prompt_of, kinds, seed=0)
    assert plant.kind is PlantClass.SOLUTION


def test_a_statement_that_the_prompt_does_not_hold_is_neither_renumbered_nor_reworded():
    def elsewhere(problem):
        return msgspec.structs.replace(prompt_of(problem), messages=(), text="Say something.")

    kinds = (PlantClass.RENUMBERED, PlantClass.PARAPHRASED)
    with pytest.raises(SpecError, match="'s12' of stories cannot be planted as renumbered, para"):
        planting.plan_plants([story(12)], elsewhere, kinds, seed=0)
    kinds = (*kinds, PlantClass.VERBATIM)
    (plant,) = planting.plan_plants([story(12)], elsewhere, kinds, seed=0)
    assert plant.kind is PlantClass.VERBATIM
    row = planting.planted_row(plant, TRACE, "row/1")
    assert row.messages == ({"role": "user", "content": "Say something."},)


def test_a_class_that_does_not_exist_is_refused_with_a_near_one():
    with pytest.raises(UnknownNameError) as caught:
        planting.classes_of(("verbatim", "renumberd"))
    assert "'renumberd'" in caught.value.message
    assert "renumbered" in caught.value.hint
