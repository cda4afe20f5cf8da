"""A small world of word problems and teacher traces, in which everything that leaked is known."""

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from reasonbench.corpus.items import Item


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# fmt: off
NAMES = _words(
    """
    Amara Bodil Cyrus Dalia Emeka Farah Goran Hanako Imre Jelena Kofi Leilani Marek Nadia Osman
    Priya Quentin Rosalind Sanjay Tomoko Ulrike Viktor Wanjiru Ximena Yusuf Zofia
    """
)
NOUNS = _words(
    """
    anchor apricot atlas axle badge bakery barrel basin beacon bell bench blanket bolt bottle
    brick bridge broom bucket cabin cactus candle canoe carpet carriage castle cellar chapel
    chimney cider cinema cliff clock coil compass copper cork crate cradle dairy dock drum easel
    engine fabric falcon farm feather fence ferry fiddle flask flour forge fountain garage
    garlic gate glacier glove goblet granite guitar hammer harbour harness hedge helmet hinge
    honey hostel inkwell island ivory jacket jar jetty kennel kettle kite ladder lantern latch
    ledger lemon lever library linen locker loom magnet mango maple market mast meadow medal
    melon mill mirror mosaic mule museum needle nest nozzle oar onion orchard oven paddle palace
    parcel pasture pebble pepper pigeon pillar pillow plank plough pond poster pottery prism
    pump quarry quilt raft railway ribbon rocket rope saddle sail satchel saucer school shelf
    ship sieve skate sleeve sponge spool stable statue stove studio table tanker tavern temple
    thimble ticket tile towel tractor tram trumpet tunnel turbine turnip valve vase velvet
    village violin wagon wallet walnut wheel whistle window zipper
    """
)
VERBS = _words(
    """
    assembled balanced bartered borrowed bundled carried catalogued collected counted crushed
    delivered donated emptied exchanged fastened filled folded gathered guarded hauled hoisted
    inspected installed labelled lifted loaded measured mended moved ordered packed painted
    piled planted polished pressed promised pulled recycled rented repaired returned rinsed
    sealed sewed shipped sketched sold sorted stacked stored stretched swapped trimmed unloaded
    varnished washed weighed wrapped
    """
)
ADJECTIVES = _words(
    """
    amber ancient blue bronze brittle broad broken bulky cheap clean coarse crooked damp deep
    dusty dry empty faded fancy fragile glossy golden green hollow heavy hidden jagged large
    lively loose mossy muddy narrow noisy northern oval pale patched plain purple rare rough
    round rusty scarlet shallow sharp shiny silver slender small smooth square steep striped
    sturdy tall thick thin tiny wide wooden woven yellow
    """
)
STOCK = (
    "Let me think about this step by step.", "Okay, so I need to find the total here.",
    "Wait, let me check that again.", "So the numbers have to add up in the end.",
    "First, I will write down what is given in the problem.", "Hmm, that does not look right yet.",
    "Now I can put this back into the equation.", "That makes sense, so let me go on from here.",
    "Let us double check the result before giving the final answer.",
    "Therefore the answer should be a whole number.",
)
# fmt: on

_NUMBER = re.compile(r"\d+")


class Planted(NamedTuple):
    """One item that was put into one record."""

    row: int
    """Row of the record, counted from 0."""
    item: str
    """Id of the item."""
    form: str
    """How it was put there."""


class World:
    """Draws problems and traces; the same seed draws the same."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def sentence(self) -> str:
        """Return a statement with a number, of words that seldom meet twice."""
        draw = self._random.choice
        return draw(
            (
                "{name} {verb} {n} {adjective} {nouns} behind the {adjective2} {noun2}",
                "The {adjective} {noun} near the {noun2} {verb} {n} {nouns} every {noun3}",
                "In the {noun}, {name} {verb} {n} {nouns} and {verb2} the {adjective} {noun2}",
                "Each {adjective} {noun} of the {noun2} holds {n} {adjective2} {nouns}",
                "After {n} days {name} {verb} the {noun} with a {adjective} {noun2}",
            )
        ).format(
            name=draw(NAMES), verb=draw(VERBS), verb2=draw(VERBS), n=self._random.randint(11, 970),
            adjective=draw(ADJECTIVES), adjective2=draw(ADJECTIVES), noun=draw(NOUNS),
            noun2=draw(NOUNS), noun3=draw(NOUNS), nouns=draw(NOUNS) + "s",
        )  # fmt: skip

    def item(self, id: str) -> Item:
        """Return a problem with a worked solution."""
        draw = self._random.choice
        facts = [self.sentence() for _ in range(3)]
        a, b = self._random.randint(11, 99), self._random.randint(11, 99)
        question = (
            f"{'. '.join(facts)}. How many {draw(ADJECTIVES)} {draw(NOUNS)}s does {draw(NAMES)} "
            f"need for the {draw(NOUNS)}?"
        )
        solution = (
            f"The {draw(NOUNS)} {draw(VERBS)} {a} {draw(ADJECTIVES)} {draw(NOUNS)}s. "
            f"{self.sentence()}, which leaves {b} {draw(NOUNS)}s for the {draw(ADJECTIVES)} "
            f"{draw(NOUNS)}. {self.sentence()}, and {a} + {b} = {a + b} {draw(NOUNS)}s remain."
        )
        return Item("bench", id, question, solution, str(a + b))

    def items(self, n: int) -> list[Item]:
        """Return ``n`` problems."""
        return [self.item(f"i{i}") for i in range(n)]

    def trace(self, n_sentences: int) -> str:
        """Return what a teacher might write on some other problem."""
        parts = []
        for _ in range(n_sentences):
            parts.append(self._random.choice(STOCK))
            a, b = self._random.randint(2, 400), self._random.randint(2, 400)
            parts.append(f"{self.sentence()}, so {a} + {b} = {a + b}.")
        return " ".join([*parts, f"The answer is \\boxed{{{self._random.randint(1, 999)}}}."])

    def record(self, n_sentences: int | None = None) -> dict[str, Any]:
        """Return a record that holds no item."""
        size = n_sentences or self._random.choice((4, 6, 8, 12, 40))
        question = f"{self.sentence()}. {self.sentence()}. How many are left?"
        return {"prompt": question, "trace": self.trace(size)}

    def records(self, n: int) -> list[dict[str, Any]]:
        """Return ``n`` records that hold no item."""
        return [self.record() for _ in range(n)]

    def plant(self, record: dict[str, Any], item: Item, form: str) -> None:
        """Put an item into a record."""
        if form in PROMPTS:
            record["prompt"] = PROMPTS[form](item.question)
            return
        text = item.solution if form == "solution" else item.question
        before, after = self.trace(3), self.trace(3)
        record["trace"] = f"{before} {text} {after}"

    def planted(
        self, n: int, items: Iterable[Item], forms: Iterable[str]
    ) -> tuple[list[dict[str, Any]], list[Planted]]:
        """Return ``n`` records, and what of ``items`` stands in which, one form after another."""
        records = self.records(n)
        planted = []
        pairs = list(zip(items, forms, strict=True))
        for row, (item, form) in zip(
            sorted(self._random.sample(range(n), len(pairs))), pairs, strict=True
        ):
            self.plant(records[row], item, form)
            planted.append(Planted(row, item.id, form))
        return records, planted


def reformatted(text: str) -> str:
    """Return a text in the notation of another site, its words and numbers kept."""
    marked = _NUMBER.sub(lambda found: f"\\({found[0]}\\)", text)
    return "**Problem.**\n\n" + marked.replace(". ", ".\n\n").replace("How many", "*How many*")


def renumbered(text: str) -> str:
    """Return a text with every number another one."""
    return _NUMBER.sub(lambda found: str(int(found[0]) * 2 + 13), text)


def first_half(text: str) -> str:
    """Return the first half of a text's words."""
    words = text.split()
    return " ".join(words[: len(words) // 2 + 1])


PROMPTS = {
    "verbatim": lambda text: text,
    "reformatted": reformatted,
    "renumbered": renumbered,
    "half": first_half,
}
"""Forms of a question as a prompt."""
FORMS = (*PROMPTS, "mid-trace", "solution")
"""All forms."""


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Write rows as JSON Lines; a text is written as it is."""
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_items(path: Path, items: Iterable[Item]) -> Path:
    """Write items as ``reasonbench scan --against`` reads them."""
    rows = (
        {"id": i.id, "question": i.question, "solution": i.solution, "answer": i.answer}
        for i in items
    )
    return write_jsonl(path, rows)
