"""What every worker of a scan needs, imported and its kernels loaded: workers are forked from it.

The process that imports this is there for nothing else; it takes about a second for it, while the
index is made.
"""

import contextlib
import gc
import json
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from reasonbench.corpus import sources
from reasonbench.corpus.calibrate import calibrate
from reasonbench.corpus.items import Item
from reasonbench.corpus.jobs import Job, ShardSearch
from reasonbench.corpus.sources_shards import Options

_ITEM = "A farmer plants 12 rows of 7 apple trees and 5 pear trees; how many trees grow there?"


def _load() -> None:
    """Search a file of two rows, one of them beyond ASCII, so that all kernels are loaded."""
    rows = [{"text": _ITEM}, {"text": f"“{_ITEM}” — naïve"}]
    with TemporaryDirectory(prefix="reasonbench-warm-") as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        (shard,) = sources.expand([str(path)])
        items = [Item("warm", "1", _ITEM)]
        read = Options()
        calibration = calibrate(items, list(shard.blocks(read)))
        ShardSearch(Job(calibration, items, read)).search(shard, lambda _bytes: None)


# Ctrl-C is for the process that scans, and this may take 20 s where it compiles
signal.signal(signal.SIGINT, signal.SIG_IGN)
# What cannot be loaded beforehand is loaded when it is used.
with contextlib.suppress(Exception):
    _load()
# glibc gives back to the system, and asks for again at every block, what is larger than the
# largest array that was freed so far
np.empty(24 * 2**20, np.uint8)
# what is here stays, and a worker that looked for garbage in it would copy all its pages
gc.collect()
gc.freeze()
