"""The search of many shards: here, in other processes, or by whoever is given the job.

A job can be pickled.  An executor searches its shards and yields what came of each as it is
done, in any order; what it yields does not depend on which executor it is.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reasonbench.corpus.blocks import Block
from reasonbench.corpus.calibrate import Calibration
from reasonbench.corpus.items import Item
from reasonbench.corpus.search import Searcher
from reasonbench.corpus.semantic import Meaning, Reader, Searched
from reasonbench.corpus.shards import search_blocks
from reasonbench.corpus.sources_shards import Options, Shard

Progress = Callable[[int], None]
"""Told the bytes that were searched since it was told last."""


class Job(NamedTuple):
    """What shards are searched for, and how."""

    calibration: Calibration
    """The index."""
    items: Sequence[Item]
    """Items, then decoys."""
    read: Options
    """How shards are read."""
    meaning: Meaning | None = None
    """Embedded items, where paraphrases are asked for."""
    folder: Path | None = None
    """Folder on this machine in which the index is saved, where there is one."""


Executor = Callable[[Job, Mapping[int, Shard], Progress], Iterator[tuple[int, Searched]]]
"""Searches numbered shards and yields the number and result of each."""


class ShardSearch:
    """Searches shards one after another."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._searcher = Searcher(job.calibration.arrays, job.calibration.units.kinds)

    def search(
        self, shard: Shard, progress: Progress, first: Iterable[Block] = (), reading: Any = None
    ) -> Searched:
        """Search a shard.

        Args:
            shard: the shard.
            progress: told the bytes that are done.
            first: blocks of it that were read already.
            reading: what reads the others; None: the whole shard is read.
        """
        job = self._job
        reading = reading or shard.blocks(job.read)
        blocks: Iterable[Block] = itertools.chain(first, reading)
        reader = Reader(job.meaning, job.items) if job.meaning is not None else None
        if reader is not None:
            blocks, progress = reader.watch(blocks, progress), _silent
        found = search_blocks(
            blocks, lambda: reading.account, self._searcher, job.calibration.tail, job.items,
            progress,
        )  # fmt: skip
        values: dict[str, Any] = {name: getattr(found, name) for name in found.__struct_fields__}
        if reader is None:
            return Searched(**values)
        return Searched(**values, alike=tuple(reader.found), chance=tuple(reader.chance))


def _silent(_bytes: int) -> None:
    pass


def encode(result: Searched) -> bytes:
    """Return a result as it is kept and sent."""
    return msgspec.msgpack.encode(result)


def decode(data: bytes) -> Searched:
    """Return what ``encode`` wrote.

    Raises:
        msgspec.MsgspecError: it did not write that.
    """
    return msgspec.msgpack.decode(data, type=Searched)
