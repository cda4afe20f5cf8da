"""The whole search: traces and items in, findings with their error rates out.

A scan is calibrated on a sample of the traces, or on a background; then each shard is searched
by itself, in as many processes as wanted, and what came of it is a file in the scan's folder; at
the end all p-values together give the q-values.  A scan that was killed goes on with the shards
that have no file.  The result does not depend on the number of processes, nor on the order in
which the traces are named.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus import jobs, saved, semantic
from reasonbench.corpus.blocks import Block
from reasonbench.corpus.calibrate import Calibration, calibrate
from reasonbench.corpus.decoys import make_decoys
from reasonbench.corpus.fields import Selection
from reasonbench.corpus.findings import (
    FOUND,
    SUSPECT,
    Finding,
    Rates,
    ScanResult,
    concluded,
    q_values_of,
)
from reasonbench.corpus.items import Item
from reasonbench.corpus.jobs import Executor, Job, Progress, ShardSearch
from reasonbench.corpus.processes import Processes
from reasonbench.corpus.search import Searcher, search
from reasonbench.corpus.semantic import Encoder, Meaning, Searched
from reasonbench.corpus.simd import is_kept
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.errors import SpecError, TraceError
from reasonbench.identity import digest

__all__ = [
    "FOUND",
    "SUSPECT",
    "Finding",
    "Progress",
    "Rates",
    "ScanOptions",
    "ScanResult",
    "q_values_of",
    "read_options",
    "scan",
]

VERSION = 3
"""Of the search; another one starts scans anew."""
SAMPLE_BYTES = 8 * 2**20
"""Bytes of the traces that a scan is calibrated on, unpacked."""
SAMPLE_SHARDS = 8
"""Shards that they come from at most."""
DEEP = 8
"""Times as much is read of a packed file: it cannot be entered in the middle."""


class ScanOptions(NamedTuple):
    """How a scan is done."""

    selection: Selection | None = None
    """Fields that are searched; None: every text."""
    strict: bool = False
    """Refuse rows that cannot be searched."""
    workers: int = 1
    """Processes."""
    background: tuple[Shard, ...] = ()
    """What it is calibrated on; empty: a sample of the traces."""
    decoys: tuple[Item, ...] | None = None
    """Items that cannot be in the traces; None: they are made."""
    found: float = FOUND
    """q-value up to which a pair is a finding."""
    state: Path | None = None
    """Folder in which a scan that is cut short goes on; None: none."""
    executor: Executor | None = None
    """What searches the shards; None: ``workers`` processes here."""
    encoder: Encoder | None = None
    """Embeds texts, to find paraphrases; None: they are not searched for."""
    tell: Callable[[str], None] = lambda _said: None
    """Told what is done where no bytes are counted."""


def scan(
    shards: Sequence[Shard],
    items: Sequence[Item],
    options: ScanOptions | None = None,
    progress: Progress = lambda _bytes: None,
) -> ScanResult:
    """Search the traces for the items.

    Raises:
        SpecError: no items.
        TraceError: traces that cannot be read; with ``strict``, a row that cannot be searched.
    """
    options = options or ScanOptions()
    if not items:
        raise SpecError("there are no items to search for", hint="name a task or a file of items")
    if not is_kept(search):
        options.tell("compiling the search: about 20 s, and kept for the next one where it can be")
    shards = sorted(shards, key=lambda shard: (shard.document, shard.begin, shard.key))
    decoys = make_decoys(items) if options.decoys is None else list(options.decoys)
    everything = [*items, *decoys]
    work = _Work(shards, items, everything, options, progress)
    with work.folder(), work.executor() as executor:
        job = work.prepared()
        results = work.results(job, executor)
    return concluded(
        shards, items, len(decoys), job.calibration, results, most=options.found,
        n_embedded=None if job.meaning is None else job.meaning.n_texts,
        n_alike_decoys=0 if job.meaning is None else len(job.meaning.decoys),
    )  # fmt: skip


def read_options(options: ScanOptions) -> Options:
    """Return how the shards of a scan are read."""
    return Options(selection=options.selection, strict=options.strict)


class _Work:
    """A scan on its way."""

    def __init__(
        self,
        shards: Sequence[Shard],
        real: Sequence[Item],
        items: Sequence[Item],
        options: ScanOptions,
        progress: Progress,
    ) -> None:
        self._shards = shards
        self._real = real
        self._items = items
        self._options = options
        self._progress = progress
        self._read = read_options(options)
        self._streams: dict[int, tuple[list[Block], Any]] = {}
        key = digest(
            VERSION,
            saved.VERSION,
            [list(item) for item in items],
            [s.key for s in shards],
            [s.key for s in options.background],
            repr(options.selection),
            options.strict,
            *([semantic.VERSION, options.encoder.identity] if options.encoder else []),
        )
        kept = options.state is not None and not any(shard.is_stream for shard in shards)
        self._folder = options.state / key if kept and options.state is not None else None

    @contextlib.contextmanager
    def folder(self) -> Iterator[None]:
        """Keep the scan's folder while it runs; what was finished needs it no longer."""
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise TraceError(
                    f"the scan's state cannot be kept in {self._folder}: {error.strerror}",
                    hint="name another place with --state",
                ) from error
        yield
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor | None]:
        """Start the workers, where there will be some; they get ready while the index is made."""
        options = self._options
        owed = (n for n, shard in enumerate(self._shards) if not shard.is_stream)
        workers = min(options.workers, sum(not self._is_kept(n) for n in owed))
        if options.executor is not None or workers < 2:
            yield options.executor
        else:
            with Processes(workers, self._items, self._read) as executor:
                yield executor

    def prepared(self) -> Job:
        """Return the job: index and embedded items, from the scan's folder where they are."""
        index = self._folder / "index" if self._folder is not None else None
        kept = self._folder / "semantic.npz" if self._folder is not None else None
        encoder = self._options.encoder
        calibration = saved.load(index) if index is not None else None
        meaning = semantic.load(kept, self._real, encoder) if kept and encoder else None
        if calibration is None or (encoder and meaning is None):
            blocks = self._sample()
            if calibration is None:
                known = 0.0
                if not self._options.background:
                    known = known_share(self._shards, blocks, whole=self._whole)
                calibration = calibrate(self._items, blocks, known)
                if index is not None:
                    with self._keeping():
                        saved.save(calibration, index)
            if encoder:
                meaning = self._meaning(encoder, calibration, blocks)
                if kept is not None:
                    with self._keeping():
                        meaning.save(kept)
        return Job(calibration, self._items, self._read, meaning, index)

    def _meaning(
        self, encoder: Encoder, calibration: Calibration, blocks: Sequence[Block]
    ) -> Meaning:
        searcher = Searcher(calibration.arrays, calibration.units.kinds)
        holds = [_holds(block, searcher) for block in blocks]
        meaning = semantic.learn(self._real, blocks, holds, encoder, self._options.tell)
        if meaning is None:
            raise TraceError(
                f"fewer than {semantic.LEAST_TEXTS} different texts are there to tell a "
                "paraphrase from chance",
                hint="name more text of the genre with --background, or leave out --semantic",
            )
        return meaning

    def _sample(self) -> list[Block]:
        """Return the background: blocks of shards that lie evenly among all."""
        wanted = self._options.background or self._shards
        count = min(SAMPLE_SHARDS, len(wanted))
        numbers = sorted({i * len(wanted) // count for i in range(count)}) if count else []
        read = self._read._replace(block_bytes=SAMPLE_BYTES // SAMPLE_SHARDS)
        blocks: list[Block] = []
        self._whole = len(numbers) == len(wanted)
        for number in numbers:
            shard = wanted[number]
            reading = shard.blocks(read)
            size = SAMPLE_BYTES / len(numbers)
            part, whole = spread(reading, size, DEEP * size if shard.kind == "packed" else size)
            self._whole = self._whole and whole
            if shard.is_stream and not self._options.background:
                self._streams[number] = part, reading
            else:
                reading.close()
            blocks.extend(part)
        return blocks

    def results(self, job: Job, executor: Executor | None) -> list[Searched]:
        """Return what came of every shard."""
        results: dict[int, Searched] = {}
        for number in range(len(self._shards)):
            known = self._known(number)
            if known is not None:
                results[number] = known
                self._progress(self._shards[number].size)
        owed = {n: shard for n, shard in enumerate(self._shards) if n not in results}
        sent = {n: shard for n, shard in owed.items() if not shard.is_stream}
        if executor is not None and sent:
            for number, result in executor(job, sent, self._progress):
                self._keep(number, result)
                results[number] = result
        here = ShardSearch(job)
        for number in (n for n in owed if n not in results):
            first, reading = self._streams.get(number, ([], None))
            result = here.search(self._shards[number], self._progress, first, reading)
            self._keep(number, result)
            results[number] = result
        return [results[number] for number in range(len(self._shards))]

    def _is_kept(self, number: int) -> bool:
        return self._folder is not None and (self._folder / f"{number}.msgpack").exists()

    def _known(self, number: int) -> Searched | None:
        if self._folder is None:
            return None
        try:
            raw = (self._folder / f"{number}.msgpack").read_bytes()
            return jobs.decode(raw)
        except (OSError, msgspec.MsgspecError):
            return None

    def _keep(self, number: int, result: Searched) -> None:
        if self._folder is None:
            return
        partial = self._folder / f"{number}.partial"
        with self._keeping():
            partial.write_bytes(jobs.encode(result))
            os.replace(partial, self._folder / f"{number}.msgpack")

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TraceError(
                f"the scan's state cannot be written to {self._folder}: {error.strerror or error}",
                hint="free space, or name another place with --state",
            ) from error


def known_share(shards: Sequence[Shard], blocks: Sequence[Block], *, whole: bool) -> float:
    """Return the share of all shards that some blocks are; 0 where nobody can know.

    Args:
        shards: the traces.
        blocks: what was read of them.
        whole: whether that is all.
    """
    if whole:
        return 1.0
    if any(shard.kind in ("hub", "stream") for shard in shards):
        return 0.0
    size = sum(shard.size for shard in shards)
    return min(sum(block.n_bytes for block in blocks) / size, 1.0) if size else 0.0


def spread(blocks: Iterable[Block], size: float, deep: float) -> tuple[list[Block], bool]:
    """Return blocks that lie evenly among the first, and whether these are all.

    Args:
        blocks: in their order; read no further than needed.
        size: bytes of text that are wanted, about.
        deep: bytes of text that are read, about.
    """
    kept: list[Block] = []
    step, n_bytes = 1, 0
    for number, block in enumerate(blocks):
        if number % step == 0:
            kept.append(block)
        if len(kept) > 1 and sum(b.data.size for b in kept) > 1.25 * size:
            kept, step = kept[::2], step * 2
        n_bytes += block.data.size
        if n_bytes > 0.9 * deep:  # a block ends with a line, a little short of its size
            return kept, False
    return kept, step == 1


def _holds(block: Block, searcher: Searcher) -> NDArray[np.bool_]:
    """Tell which records of the background hold an item."""
    pairs, _ = searcher.pairs(block)
    matches = searcher.matches(pairs)
    result = np.zeros(len(block), np.bool_)
    result[matches.record[matches.score >= semantic.HELD]] = True
    return result
