"""Datasets of the Hugging Face Hub, streamed through ``datasets``.

A name is ``ORGANISATION/DATASET[@REVISION][:CONFIG[:SPLIT]]``; without a split, all are read.
A revision is pinned when the shards are made, so that all of them read one and the same.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from reasonbench.corpus.blocks import Account
from reasonbench.corpus.sources_reading import Checked
from reasonbench.corpus.sources_rows import RowChecker
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.corpus.sources_streams import DamagedError
from reasonbench.corpus.sources_tables import columns_of, first_line, pieces
from reasonbench.errors import TraceError

BATCH_ROWS = 256
"""Rows that are taken from ``datasets`` at a time."""

_NAME = re.compile(
    r"(?P<id>[^@:]+)(?:@(?P<revision>[^:]+))?(?::(?P<config>[^:]*))?(?::(?P<split>[^:]+))?"
)


def hub_shards(name: str) -> list[Shard]:
    """Return a shard for each part of a dataset's splits.

    Raises:
        TraceError: it cannot be loaded.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise TraceError(
            f"hf:{name} does not name a dataset",
            hint="write hf:ORGANISATION/DATASET[@REVISION][:CONFIG[:SPLIT]]",
        )
    spec = {key: value or None for key, value in match.groupdict().items()}
    try:
        spec["revision"] = _pinned(spec["id"] or "", spec["revision"])
        splits = _load(spec)
        if spec["split"] is not None:
            splits = {spec["split"]: splits}
        return [shard for split, data in splits.items() for shard in _parts(spec, split, data)]
    except Exception as error:
        # What datasets raises is of many libraries: HTTP, files, pandas, its own.
        raise TraceError(
            f"the dataset hf:{name} cannot be loaded: {first_line(error)}",
            hint="where there is no network, give a local copy of it: "
            f"hf download {spec['id']} --repo-type dataset --local-dir DIRECTORY, then DIRECTORY",
        ) from error


def _parts(spec: dict[str, str | None], split: str, data: Any) -> Iterator[Shard]:
    n = max(1, data.num_shards)
    loaded_by = json.dumps({**spec, "split": split}, sort_keys=True)
    for i in range(n):
        document = f"hf:{spec['id']}:{split}" + (f" (part {i + 1} of {n})" if n > 1 else "")
        yield Shard("hub", document, loaded_by, 0, begin=i, end=n)


def _pinned(dataset: str, revision: str | None) -> str | None:
    """Return the commit that a revision names now; None for a directory."""
    if os.path.isdir(dataset):
        return None
    from huggingface_hub import HfApi

    return HfApi().dataset_info(dataset, revision=revision).sha


def _load(spec: dict[str, str | None]) -> Any:
    import datasets

    return datasets.load_dataset(
        spec["id"],
        spec["config"],
        split=spec["split"],
        revision=spec["revision"],
        streaming=True,
    )


def read_hub(shard: Shard, options: Options, account: Account) -> Checked:
    """Read one part of a dataset."""
    checker = RowChecker(shard, options, account)
    batches = _batches(shard)
    for table in batches:
        names = columns_of(table.schema, options)
        for batch in table.select(names).combine_chunks().to_batches():
            for piece in pieces(batch):
                yield checker.block(piece, 0)


def _batches(shard: Shard) -> Iterator[Any]:
    try:
        data = _load(json.loads(shard.path)).shard(shard.end, shard.begin)
        yield from data.with_format("arrow").iter(BATCH_ROWS)
    except Exception as error:
        raise DamagedError(f"cannot be read any further: {first_line(error)}") from error
