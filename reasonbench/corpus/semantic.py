"""Paraphrases by sentence embeddings: what says the same as an item's question in other words.

The question of every item and the prompts of every record (the beginning of the trace where a
record has no prompt) are embedded by an encoder that the caller brings.  A pair counts where the
text holds most of the item's numbers: a sibling of the problem has other ones.  Its score is how
far Fisher's transform of the cosine lies above the item's own null, the 90th percentile over one
half of a background, in units of how that item's cosines fall off from there.  The other half,
which the nulls have not seen, gives how often a score comes up by chance: an exponential tail,
one for items with numbers and one for those without.

These p-values are a family of their own for Benjamini and Hochberg, less the pairs that overlap
has found: asking for paraphrases changes no q-value of the overlap search, and the q-value of a
paraphrase speaks of those that only the embeddings see.

Not covered: what stands after the first words that the encoder reads (256 word pieces), a
question inside a trace, and paraphrases that change the numbers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.align_tokens import is_number, tokenize
from reasonbench.corpus.blocks import Block
from reasonbench.corpus.fields import Field, Role, UnsearchableError
from reasonbench.corpus.items import Channel, Item, Kind, Unit
from reasonbench.corpus.semantic_null import spread_above, tail
from reasonbench.corpus.shards import LONG, SNIPPET, Hit, ShardResult

KEPT = 0.05
"""Findings a record by chance, over all items, up to which a pair is looked at."""
VERSION = 2
"""Of this search; another one embeds anew."""
BATCH = 32
"""Texts that are embedded at once."""
MOST_TEXT = 4000
"""Characters of a prompt that are embedded at most; the encoder may read fewer."""
BEGINNING = 1000
"""Characters of a trace without a prompt that are embedded."""
MOST_PROMPTS = 8
"""Prompts of a record that are embedded."""
SAMPLE_TEXTS = 1024
"""Different texts of the background that the nulls and tails are taken from."""
LEAST_TEXTS = 20
"""Different texts below which there is no null."""
NULL = 0.9
"""Quantile of an item's cosines that is its null."""
AGREE = 0.6
"""Share of an item's numbers that a paraphrase holds."""
MOST_DECOYS = 256
"""Texts of the background that are looked for in the others, to count what is found by chance."""
SAME_WORDS = 0.7
"""Share of a decoy's words from which a text overlaps with it, and is no chance."""
HELD = 0.6
"""Overlap score from which a record of the background holds an item and is left out."""
REMEMBERED = 1 << 17
"""Texts whose matches are kept, so that a text that comes again is not embedded again."""

Vectors = NDArray[np.float32]
Advance = Callable[[int], None]


class Encoder(Protocol):
    """Embeds texts; it travels to other processes, and loads what it needs there."""

    @property
    def identity(self) -> str:
        """Model and version; another one embeds anew."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text; the same for the same texts."""


class Likeness(msgspec.Struct, frozen=True, array_like=True):
    """A record and an item that may say the same."""

    hit: Hit
    """Kind, place and p-value."""
    cosine: float
    """Of the two embeddings."""


class Chance(msgspec.Struct, frozen=True, array_like=True):
    """A record that resembles a text of the background which it does not hold."""

    p_value: float
    is_long: bool


class Searched(ShardResult, frozen=True, array_like=True):
    """What came of one shard, paraphrases too."""

    alike: tuple[Likeness, ...] = ()
    """In the order of rows and items; empty where nobody asked."""
    chance: tuple[Chance, ...] = ()
    """The same for decoys."""


class Meaning(NamedTuple):
    """The embedded items and decoys with their null."""

    encoder: Encoder
    """What embedded them."""
    decoys: tuple[str, ...]
    """Texts of the background that are looked for in the others, and change nothing."""
    vectors: Vectors
    """A row for each item, then for each decoy."""
    numbers: tuple[frozenset[str], ...]
    """Of each item."""
    null: NDArray[np.float64]
    """Of each item, in Fisher's transform."""
    spread: NDArray[np.float64]
    """Of each item: a score of 1."""
    rate: NDArray[np.float64]
    """Chance of a score above 0, for items without numbers and with them."""
    scale: NDArray[np.float64]
    """Score over which chance falls by the factor e, for both."""
    n_texts: int
    """Texts of the background."""

    @property
    def n_items(self) -> int:
        """Items, decoys left out."""
        return len(self.vectors) - len(self.decoys)

    def p_values(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the chance of each item's cosine, in one text that holds its numbers.

        Args:
            cosines: texts x items.
        """
        score = (_fisher(cosines) - self.null) / self.spread
        has = np.array([bool(numbers) for numbers in self.numbers], np.int64)
        tail = self.rate[has] * np.exp(-np.maximum(score, 0.0) / self.scale[has])
        return np.clip(np.where(score > 0, tail, 1.0), 1e-300, 1.0)

    def matches(self, texts: Sequence[str]) -> list[list["Match"]]:
        """Return for each text the items that it may paraphrase."""
        cosines = _cosines(self.encoder.encode(texts), self.vectors)
        p_values = self.p_values(cosines)
        found: list[list[Match]] = []
        for text, row, p_row in zip(texts, cosines, p_values, strict=True):
            near = np.flatnonzero(p_row <= KEPT / self.n_items)
            theirs = _numbers(text) if near.size else frozenset[str]()
            pairs = ((int(at), _agreement(self.numbers[at], theirs)) for at in near)
            found.append(
                [
                    Match(at, float(row[at]), float(p_row[at]), agreement)
                    for at, agreement in pairs
                    if agreement >= AGREE
                ]
            )
        return found

    def save(self, path: Path) -> None:
        """Write what was learned of the background."""
        partial = path.with_suffix(".partial")
        with open(partial, "wb") as file:
            np.savez(
                file, vectors=self.vectors, null=self.null, spread=self.spread, rate=self.rate,
                scale=self.scale, n_texts=self.n_texts,
                decoys=np.frombuffer(json.dumps(self.decoys).encode(), np.uint8),
            )  # fmt: skip
        partial.replace(path)


class Match(NamedTuple):
    """An item that a text may paraphrase."""

    item: int
    """Its number."""
    cosine: float
    """Of the two embeddings, to four digits."""
    p_value: float
    """Chance of as much in one text."""
    agreement: float
    """Share of the item's numbers in the text."""


def load(path: Path, items: Sequence[Item], encoder: Encoder) -> Meaning | None:
    """Return what ``Meaning.save`` wrote, or None where there is nothing whole."""
    try:
        with np.load(path) as held:
            arrays = [held[k] for k in ("vectors", "null", "spread", "rate", "scale")]
            n_texts = int(held["n_texts"])
            decoys = tuple(json.loads(held["decoys"].tobytes()))
    except (OSError, ValueError, KeyError):
        return None
    vectors, null, spread, rate, scale = arrays
    numbers = _all_numbers([*(item.question for item in items), *decoys])
    return Meaning(encoder, decoys, vectors, numbers, null, spread, rate, scale, n_texts)


def learn(
    items: Sequence[Item],
    blocks: Sequence[Block],
    holds: Sequence[NDArray[np.bool_]],
    encoder: Encoder,
    tell: Callable[[str], None] = lambda _said: None,
) -> Meaning | None:
    """Return the embedded items with the null of a background; None where that is too small.

    Args:
        items: what is searched for.
        blocks: the background.
        holds: for each block, the records that hold an item and are in no null.
        encoder: embeds.
        tell: told what is done.
    """
    texts = _sample(blocks, holds)
    if len(texts) < LEAST_TEXTS:
        return None
    tell(f"embedding {len(items):,} items and {len(texts):,} texts of the background")
    questions = [item.question for item in items]
    count = min(MOST_DECOYS, len(texts))
    chosen = [i * len(texts) // count for i in range(count)]
    decoys = tuple(texts[i] for i in chosen)
    others = embedded(encoder, texts)
    vectors = np.concatenate(
        [embedded(encoder, [question[:MOST_TEXT] for question in questions]), others[chosen]]
    )
    numbers = _all_numbers([*questions, *decoys])
    score = _fisher(_cosines(others, vectors))
    ours, theirs = score[::2], score[1::2]
    null = np.quantile(ours, NULL, axis=0)
    spread = spread_above(ours, null, len(items))
    beyond = (theirs - null) / spread
    there = [_numbers(text) for text in texts[1::2]]
    agree = np.array([[_agreement(n, t) >= AGREE for n in numbers] for t in there])
    has = np.array([bool(n) for n in numbers[: len(items)]])
    theirs, agree = beyond[:, : len(items)], agree[:, : len(items)]
    tails = [tail(theirs[:, has == kind], agree[:, has == kind]) for kind in (False, True)]
    rate, scale = np.array(tails).T
    return Meaning(encoder, decoys, vectors, numbers, null, spread, rate, scale, len(texts))


def embedded(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Return a row for each text; texts of about one length are embedded together."""
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
    parts = [
        encoder.encode([texts[i] for i in order[at : at + BATCH]])
        for at in range(0, len(order), BATCH)
    ]
    rows = np.concatenate(parts)
    result = np.empty_like(rows)
    result[order] = rows
    return result


def _sample(blocks: Sequence[Block], holds: Sequence[NDArray[np.bool_]]) -> list[str]:
    """Return different texts that lie evenly in the background, in its order."""
    texts: dict[str, None] = {}
    for block, held in zip(blocks, holds, strict=True):
        for i in np.flatnonzero(~held):
            texts.update((_read(field), None) for field in _texts(block, int(i)))
    known = list(texts)
    count = min(SAMPLE_TEXTS, len(known))
    return [known[i * len(known) // count] for i in range(count)]


def _cosines(texts: Vectors, items: Vectors) -> NDArray[np.float64]:
    # four digits: the last bits depend on which texts are embedded together, and on the processor
    cosines: NDArray[Any] = np.round((texts @ items.T).astype(np.float64), 4)
    return cosines


def _fisher(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arctanh(np.clip(cosines, -0.999, 0.999))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in tokenize(text).words if is_number(word))


def _all_numbers(questions: Sequence[str]) -> tuple[frozenset[str], ...]:
    return tuple(_numbers(question) for question in questions)


def _agreement(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / len(ours) if ours else 1.0


def _texts(block: Block, record: int) -> list[Field]:
    """Return what of a record is embedded: its prompts, or its trace or first text."""
    try:
        fields = [field for field in block.fields(record) if field.text.strip()]
    except UnsearchableError:
        return []
    prompts = [field for field in fields if field.role is Role.PROMPT]
    traces = [field for field in fields if field.role is Role.TRACE]
    return prompts[:MOST_PROMPTS] or traces[:1] or fields[:1]


def _read(field: Field) -> str:
    return field.text[: MOST_TEXT if field.role is Role.PROMPT else BEGINNING]


class Reader:
    """Looks for paraphrases in the blocks of one shard."""

    def __init__(self, meaning: Meaning, items: Sequence[Item]) -> None:
        self._meaning = meaning
        self._items = items
        self._known: dict[str, list[Match]] = {}
        self.found: list[Likeness] = []
        self.chance: list[Chance] = []

    def watch(self, blocks: Iterable[Block], advance: Advance) -> Iterator[Block]:
        """Yield the blocks, each when it was searched; ``advance`` is told its bytes."""
        for block in blocks:
            texts = [_texts(block, record) for record in range(len(block))]
            self._embed({_read(field) for fields in texts for field in fields}, block, advance)
            for record, fields in enumerate(texts):
                self._add(block, record, fields)
            yield block

    def _embed(self, texts: set[str], block: Block, advance: Advance) -> None:
        """Search the texts that were not seen before; tell the bytes of the block in parts."""
        if len(self._known) > REMEMBERED:
            self._known.clear()
        new = sorted(texts.difference(self._known), key=lambda text: (len(text), text))
        told = 0
        for at in range(0, len(new), BATCH):
            part = new[at : at + BATCH]
            self._known.update(zip(part, self._meaning.matches(part), strict=True))
            now = block.n_bytes * (at + len(part)) // len(new)
            advance(now - told)
            told = now
        advance(block.n_bytes - told)

    def _add(self, block: Block, record: int, fields: Sequence[Field]) -> None:
        best: dict[int, tuple[Match, Field]] = {}
        for field in fields:
            for match in self._known[_read(field)]:
                if match.item not in best or match.p_value < best[match.item][0].p_value:
                    best[match.item] = match, field
        size = int(block.ends[record] - block.starts[record])
        row = int(block.rows[record])
        for number in sorted(best):
            match, field = best[number]
            # the smallest of several p-values
            p_value = min(match.p_value * len(fields), 1.0)
            if number >= self._meaning.n_items:
                decoy = self._meaning.decoys[number - self._meaning.n_items]
                if _shared(decoy, _read(field)) < SAME_WORDS:
                    self.chance.append(Chance(p_value, size >= LONG))
                continue
            hit = Hit(row, number, match.cosine, p_value, size >= LONG)
            evidence = _with_evidence(hit, match, field, self._items[number])
            self.found.append(Likeness(evidence, match.cosine))


def _shared(question: str, text: str) -> float:
    """Return the share of a question's words that stand in a text."""
    ours, theirs = set(tokenize(question).words), set(tokenize(text).words)
    return len(ours & theirs) / max(len(ours), 1)


def _with_evidence(hit: Hit, match: Match, field: Field, item: Item) -> Hit:
    """Add what a reader wants to see: all that was compared stands for the paraphrase."""
    text = _read(field)
    ends = len(text.encode("utf-8", "replace")), len(item.question.encode("utf-8", "replace"))
    channel = Channel.PROMPT if field.role is Role.PROMPT else Channel.TRACE
    return msgspec.structs.replace(
        hit, kind=Kind.PARAPHRASED.value, channel=channel.value,
        coverage=_shared(item.question, text), agreement=match.agreement,
        text=text[:SNIPPET],
        spans=((field.path, 0, ends[0], Unit.QUESTION.value, 0, ends[1]),),
    )  # fmt: skip
