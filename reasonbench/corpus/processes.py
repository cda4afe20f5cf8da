"""Shards searched in other processes of this machine.

The processes are forked from one that is warm (``warm.py``) while the index is made; then they
map the saved index.  They end with the process that started them, also where that is killed.
"""

import contextlib
import os
import pickle
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver, get_context
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import mkdtemp
from typing import Any, Self

from reasonbench.corpus import saved
from reasonbench.corpus.items import Item
from reasonbench.corpus.jobs import Job, Progress, ShardSearch
from reasonbench.corpus.semantic import Searched
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.errors import TraceError

_START_SECONDS = 60.0
"""For which a process waits until the others are there too; after it, it works."""


class Processes:
    """Searches shards for some items in so many processes, as an ``Executor``.

    A context manager: the processes start with it, and end with it.
    """

    def __init__(self, workers: int, items: Sequence[Item], read: Options) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(["reasonbench.corpus.warm"])
        self._folder: Path | None = None
        self._failure: Exception | None = None
        try:
            forkserver.ensure_running()
            self._done = context.Value("q", 0)
            # a pipe that nothing is written to: its end tells a process that this one is gone
            there, self._here = context.Pipe(duplex=False)
            self._all_there = context.Event()
            shared = there, self._done, self._all_there, list(items), read
            self._pool = ProcessPoolExecutor(workers, context, _start, shared)
            # Forking waits until the warm process is warm, and the index need not wait for it.
            self._starter = threading.Thread(target=self._fork, args=(workers,), daemon=True)
            self._starter.start()
        except (OSError, RuntimeError) as error:
            raise _not_started(error) from error

    def _fork(self, workers: int) -> None:
        try:
            for _ in range(workers):  # the pool starts one wherever none is idle
                self._pool.submit(_meet)
        except (OSError, RuntimeError, EOFError) as error:  # none to be had, or the pool is closed
            self._failure = error
        finally:
            self._all_there.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._starter.join()
        else:
            self._here.close()  # what they are at is not wanted any more
        # one that is still forking is not waited for: what it forks ends by itself
        if not self._starter.is_alive():
            with contextlib.suppress(RuntimeError):  # its thread could not be started
                self._pool.shutdown(cancel_futures=True)
        self._here.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __call__(
        self, job: Job, shards: Mapping[int, Shard], progress: Progress
    ) -> Iterator[tuple[int, Searched]]:
        """Search the shards and yield what came of each, in any order.

        Raises:
            TraceError: traces that cannot be read; a process that was killed, or cannot be had.
        """
        try:
            self._folder = Path(mkdtemp(prefix="reasonbench-scan-"))
            index = job.folder or self._folder
            if job.folder is None:
                saved.save(job.calibration, index)
            (self._folder / "job.pickle").write_bytes(pickle.dumps((job.meaning, index)))
        except OSError as error:
            raise TraceError(
                f"the index cannot be kept in {self._folder or 'TMPDIR'}: "
                f"{error.strerror or error}",
                hint="free space there, or name another folder in TMPDIR",
            ) from error
        self._starter.join()
        if self._failure is not None and not isinstance(self._failure, BrokenProcessPool):
            raise _not_started(self._failure) from self._failure
        try:
            yield from self._gathered(self._folder, shards, progress)
        except BrokenProcessPool as error:
            raise TraceError(
                "a process of the scan was killed, as the system does where memory runs out",
                hint="take fewer --workers; the same command goes on",
            ) from error

    def _gathered(
        self, folder: Path, shards: Mapping[int, Shard], progress: Progress
    ) -> Iterator[tuple[int, Searched]]:
        done: SimpleQueue[tuple[int, Future[Searched]]] = SimpleQueue()
        for number, shard in shards.items():
            future = self._pool.submit(_work, folder, shard)
            future.add_done_callback(partial(_put, done, number))
        told, left = 0, len(shards)
        while left:
            with contextlib.suppress(Empty):
                number, future = done.get(timeout=0.25)
                left -= 1
                yield number, future.result()
            # without its lock, which a process that was killed may hold
            now = self._done.get_obj().value
            progress(now - told)
            told = now


def _not_started(error: Exception) -> TraceError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return TraceError(
        f"the processes of the scan cannot be started: {reason}",
        hint="take --workers 1, or free processes, memory or space in TMPDIR",
    )


def _put(
    done: SimpleQueue[tuple[int, Future[Searched]]], number: int, future: Future[Searched]
) -> None:
    done.put((number, future))


class _Worker:
    """What a process of the pool keeps."""

    done: Any
    all_there: Any
    items: list[Item]
    read: Options
    folder: Path | None = None
    search: ShardSearch | None = None


_worker = _Worker()


def _start(there: Any, *shared: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started us
    _worker.done, _worker.all_there, _worker.items, _worker.read = shared
    threading.Thread(target=_end_with, args=(there,), daemon=True).start()


def _end_with(there: Any) -> None:
    there.poll(None)
    if _worker.folder is not None:
        shutil.rmtree(_worker.folder, ignore_errors=True)
    os._exit(1)


def _meet() -> None:
    _worker.all_there.wait(_START_SECONDS)


def _work(folder: Path, shard: Shard) -> Searched:
    if _worker.search is None:
        _worker.folder = folder
        meaning, index = pickle.loads((folder / "job.pickle").read_bytes())
        calibration = saved.load(index)
        if calibration is None:
            raise TraceError(f"the scan's index in {index} is gone", hint="start the scan again")
        _worker.search = ShardSearch(Job(calibration, _worker.items, _worker.read, meaning))
    return _worker.search.search(shard, _advance)


def _advance(size: int) -> None:
    with _worker.done.get_lock():
        _worker.done.value += size
