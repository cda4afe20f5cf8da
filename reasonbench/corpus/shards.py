"""One shard searched: its blocks, the evidence, and the account of its rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from reasonbench.corpus.align import Alignment, align
from reasonbench.corpus.blocks import Account, Block
from reasonbench.corpus.fields import UnsearchableError
from reasonbench.corpus.index import UNITS
from reasonbench.corpus.items import Item, Kind, Unit
from reasonbench.corpus.search import Searcher
from reasonbench.corpus.tail import Tail

LONG = 4096
"""Bytes from which a record is counted as long."""

Advance = Callable[[int], None]


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """A pair of a record and an item that may be a finding."""

    row: int
    """Row in the shard."""
    item: int
    """Number of the item; decoys come after the items."""
    score: float
    """How much of the item stands there."""
    p_value: float
    """Chance of as much in a record of its length."""
    is_long: bool
    """Whether the record is a long one."""
    kind: str = ""
    """How it relates to the item; empty where nothing could be aligned."""
    channel: str = ""
    """Where in the record it stands."""
    coverage: float = 0.0
    """Share of the unit's words."""
    agreement: float = 0.0
    """Share of its numbers."""
    longest: int = 0
    """Longest run of equal tokens."""
    spans: tuple[tuple[str, int, int, str, int, int], ...] = ()
    """Field, its bytes, unit, its bytes."""
    text: str = ""
    """The first of the matched text."""


class ShardResult(msgspec.Struct, frozen=True, array_like=True):
    """What came of one shard."""

    hits: tuple[Hit, ...]
    """In the order of rows and items."""
    lines: int
    blank: int
    rows_read: int
    rows_skipped: dict[str, int]
    rows_partial: dict[str, int]
    examples: tuple[tuple[int, str], ...]
    unread: tuple[str, ...]
    n_long: int
    """Records searched that are long."""

    def account(self) -> Account:
        """Return the account of its rows."""
        return Account(
            self.lines,
            self.blank,
            self.rows_read,
            Counter(self.rows_skipped),
            Counter(self.rows_partial),
            list(self.examples),
            list(self.unread),
        )


def search_blocks(
    blocks: Iterable[Block],
    account: Callable[[], Account],
    searcher: Searcher,
    tail: Tail,
    items: Sequence[Item],
    advance: Advance,
) -> ShardResult:
    """Search blocks of one shard.

    Args:
        blocks: in their order.
        account: gives the account of their rows once they were read.
        searcher: of the index.
        tail: of the index.
        items: the items, then the decoys.
        advance: told the bytes of each block when it is done.
    """
    hits: list[Hit] = []
    n_long = 0
    for block in blocks:
        hits.extend(_hits(block, searcher, tail, items))
        n_long += int((block.ends - block.starts >= LONG).sum())
        advance(block.n_bytes)
    found = account()
    return ShardResult(
        tuple(hits),
        found.lines,
        found.blank,
        found.rows_read,
        dict(found.rows_skipped),
        dict(found.rows_partial),
        tuple(found.examples),
        tuple(found.unread),
        n_long,
    )


def _hits(block: Block, searcher: Searcher, tail: Tail, items: Sequence[Item]) -> Iterable[Hit]:
    pairs, sizes = searcher.pairs(block)
    matches = searcher.matches(pairs)
    tokens = sizes[matches.record].astype(np.int64)
    by_score = tail.p_value(matches.score, tokens)
    by_whole = tail.whole_p_value(matches.whole, tokens)
    record, fields = -1, []
    for at in np.flatnonzero(np.minimum(by_score, by_whole) <= tail.keep):
        if matches.record[at] != record:
            record = int(matches.record[at])
            try:
                fields = block.fields(record)
            except UnsearchableError:
                fields = []
        number = int(matches.item[at])
        found = aligned(items[number], UNITS[int(searcher.kinds[matches.unit[at]])], fields)
        p_value = by_score[at]
        if found is not None and (found.kind in _SAME or found.form):
            p_value = min(p_value, by_whole[at])
        if p_value > tail.keep:
            continue
        size = int(block.ends[record] - block.starts[record])
        row = int(block.rows[record])
        hit = Hit(row, number, float(matches.score[at]), float(p_value), size >= LONG)
        yield hit if found is None else _with_evidence(hit, found, fields)


_SAME = frozenset((Kind.VERBATIM, Kind.REFORMATTED))


def aligned(item: Item, best: Unit, fields: Sequence[Any]) -> Alignment | None:
    """Return how the item stands in a record: its question if that does, else its best unit."""
    question = align(item, Unit.QUESTION, fields)
    if best is Unit.QUESTION or (question is not None and question.kind in _WHOLE):
        return question
    other = align(item, best, fields)
    return other if other is not None else question


_WHOLE = frozenset((Kind.VERBATIM, Kind.REFORMATTED, Kind.RENUMBERED))
SNIPPET = 200
"""Characters of the matched text that are kept."""


def _with_evidence(hit: Hit, found: Alignment, fields: Sequence[Any]) -> Hit:
    text = ""
    if found.spans:
        span = found.spans[0]
        whole = next(field.text for field in fields if field.path == span.field)
        piece = whole.encode("utf-8", "replace")[span.start : span.end]
        text = piece.decode("utf-8", "replace")[:SNIPPET]
    return msgspec.structs.replace(
        hit,
        kind=found.kind.value,
        channel=found.channel.value,
        coverage=found.coverage,
        agreement=found.agreement,
        longest=found.longest,
        text=text,
        spans=tuple(
            (s.field, s.start, s.end, s.unit.value, s.item_start, s.item_end) for s in found.spans
        ),
    )
