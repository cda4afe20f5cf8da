"""The shards of a scan searched on a Ray cluster, through Ray Data.

Each actor takes one processor and loads the index once.  The index travels through Ray's object
store, once to a node: it is 10 MB for 1,800 items, and a folder that every node sees would be
one thing more to set up.  The traces do not travel: every node must see the files under the same
paths, or reach the Hub, and a node that does not see a file, or sees another one, ends the scan.

A shard is one row.  Its result comes back to the process that asked, which keeps it in the
scan's folder, so a scan that was cut short goes on with what is left, on Ray or without it.
"""

import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reasonbench.corpus import jobs
from reasonbench.corpus.jobs import Executor, Job, Progress, ShardSearch
from reasonbench.corpus.semantic import Searched
from reasonbench.corpus.sources_shards import Shard
from reasonbench.engines.ray_cluster import connect
from reasonbench.errors import ReasonbenchError, TraceError

import ray  # isort: skip - ray_cluster sets what Ray reads at import
import ray.data  # isort: skip
from ray.exceptions import RayError  # isort: skip

LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"
RETRIES = 3
"""Times that a shard is tried again after its process or node died."""

Batch = dict[str, Any]


def on_ray(address: str, workers: int | None = None) -> Executor:
    """Return what searches shards on a Ray cluster.

    Args:
        address: ``HOST:PORT``, ``auto`` or ``local``.
        workers: actors at most; None: one for each processor of the cluster.
    """

    def execute(
        job: Job, shards: Mapping[int, Shard], progress: Progress
    ) -> Iterator[tuple[int, Searched]]:
        # Ray Data starts its actors in a way that Ray's core complains of on standard error.
        named = LOG_LEVEL in os.environ
        os.environ.setdefault(LOG_LEVEL, "fatal")
        ours = False
        try:
            ours = connect(address)
            for number, result in _searched(job, shards, workers):
                progress(shards[number].size)
                yield number, result
        except RayError as error:
            raise TraceError(
                f"the search on Ray ended: {_reason(error)}",
                hint="every node needs this version of reasonbench, and memory for the index; "
                "the same command goes on where it stopped",
            ) from error
        finally:
            if ours:
                ray.shutdown()
            if not named:
                del os.environ[LOG_LEVEL]

    return execute


def _searched(
    job: Job, shards: Mapping[int, Shard], workers: int | None
) -> Iterator[tuple[int, Searched]]:
    rows = [{"number": n, "shard": pickle.dumps(_anywhere(s))} for n, s in shards.items()]
    processors = int(ray.cluster_resources().get("CPU", 1))
    most = max(1, min(workers or processors, processors, len(rows)))
    # as bytes: arrays that are mapped from the object store cannot be written to, and the
    # compiled search is compiled for arrays that can
    index = ray.put(pickle.dumps(job._replace(folder=None)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray Data warns of its own settings
        _keep_quiet()
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Actor,
            fn_constructor_args=(index,),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
            num_cpus=1,
            max_task_retries=RETRIES,
        )
    for row in done.iter_rows():
        if row["error"]:
            error = pickle.loads(row["error"])
            assert isinstance(error, ReasonbenchError)
            raise error
        yield int(row["number"]), jobs.decode(row["result"])


class Actor:
    """Searches one shard after another on some node."""

    def __init__(self, index: Any) -> None:
        self._search = ShardSearch(pickle.loads(ray.get(index)))

    def __call__(self, batch: Batch) -> Batch:
        """Search the shard of a row."""
        shard: Shard = pickle.loads(batch["shard"][0])
        result, refused = b"", b""
        try:
            _see(shard)
            result = jobs.encode(self._search.search(shard, lambda _bytes: None))
        except ReasonbenchError as error:
            refused = pickle.dumps(error)
        return {
            "number": batch["number"],
            "result": np.array([result], object),
            "error": np.array([refused], object),
        }


def _anywhere(shard: Shard) -> Shard:
    """Return a shard whose path does not depend on the working folder."""
    return shard if shard.kind == "hub" else replace(shard, path=os.path.abspath(shard.path))


def _see(shard: Shard) -> None:
    """Refuse a file that this node sees otherwise than the process that asked.

    Raises:
        TraceError: it is not there, or another one.
    """
    if shard.kind == "hub" or not shard.mtime_ns:
        return
    node = ray.util.get_node_ip_address()
    try:
        size = os.stat(shard.path).st_size
    except OSError as error:
        raise TraceError(
            f"the node {node} does not see {shard.path}: {error.strerror}",
            hint="put the traces where every node sees them under the same path",
        ) from None
    if size != shard.file_size:
        raise TraceError(
            f"the node {node} sees another file at {shard.path}: it has {size:,} bytes, and "
            f"{shard.file_size:,} where the scan was started",
            hint="put the traces where every node sees them under the same path",
        )


def _reason(error: RayError) -> str:
    """Return the last line of what Ray says, which names the error; the others say where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def _keep_quiet() -> None:
    """Leave standard output to data and the progress to us."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
