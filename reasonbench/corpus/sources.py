"""Where traces come from: names to shards.

A name is a file, a directory, a glob, ``-`` for standard input, or the id of a Hub dataset.
JSON Lines (plain, Zstandard, gzip: told by their magic bytes), Parquet and Arrow files.  A
shard is small, can be sent to another process, and is read there by itself: a byte range of
a plain file, a whole compressed file, a row group of a Parquet file.  What is read does not
depend on how a file is cut.

Every row is read or skipped with a reason; ``Options.strict`` refuses what would be skipped.
"""

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence

from reasonbench.corpus.blocks import Account, Block, by_document, first_rows
from reasonbench.corpus.fields import Field, Role, Selection
from reasonbench.corpus.sources_reading import Reading
from reasonbench.corpus.sources_shards import LEAST_RANGE, MOST_RANGE, RANGES, Options, Shard
from reasonbench.corpus.sources_streams import is_packed, read_head
from reasonbench.errors import TraceError

__all__ = [
    "Account",
    "Block",
    "Field",
    "Options",
    "Reading",
    "Role",
    "Selection",
    "Shard",
    "by_document",
    "expand",
    "first_rows",
]

STANDARD_INPUT = "-"
HUB_PREFIX = "hf:"
_PACKED = ("", ".zst", ".gz")
SUFFIXES = (
    *(f"{kind}{packed}" for kind in (".jsonl", ".ndjson") for packed in _PACKED),
    ".parquet",
    ".arrow",
)
"""Names of trace files, which a directory is searched for."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PARQUET_MAGIC = b"PAR1"
_ARROW_MAGICS = (b"ARROW1", b"\xff\xff\xff\xff")
_JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def expand(
    names: Sequence[str], *, strict: bool = False, range_bytes: int | None = None
) -> list[Shard]:
    """Return the shards of all names, in their order; a file that is named twice is read once.

    A file that cannot be opened is a shard whose reading says so.

    Raises:
        TraceError: a name that nothing stands behind, or not a kind of file that is read;
            with ``strict``, a file that cannot be opened.
    """
    if list(names).count(STANDARD_INPUT) > 1:
        raise TraceError("standard input is named twice", hint="give - once")
    shards: list[Shard] = []
    seen: set[str] = set()
    for name in names:
        for path in _files(name):
            real = path if path == STANDARD_INPUT else os.path.realpath(path)
            if path.startswith(HUB_PREFIX) and not os.path.exists(path):
                from reasonbench.corpus.sources_hub import hub_shards

                shards.extend(hub_shards(path.removeprefix(HUB_PREFIX)))
            elif real not in seen:
                shards.extend(_shards(path, strict, range_bytes))
            seen.add(real)
    return shards


def _files(name: str) -> Iterator[str]:
    """Yield the files behind a name; standard input and Hub datasets as they are."""
    if name == STANDARD_INPUT or (name.startswith(HUB_PREFIX) and not os.path.exists(name)):
        yield name
    elif os.path.isdir(name):
        yield from _directory(name)
    elif os.path.lexists(name):
        yield name
    elif glob.has_magic(name):
        yield from _matches(name)
    elif _HUB_ID.fullmatch(name) and not name.endswith(SUFFIXES):
        yield f"{HUB_PREFIX}{name}"
    else:
        raise TraceError(
            f"there are no traces at {name}",
            hint="give a file, a directory, a glob in quotes, - or hf:ORGANISATION/DATASET",
        )


def _directory(name: str) -> Iterator[str]:
    """Yield the trace files below a directory by name; hidden ones are left out."""
    found = []
    for folder, folders, files in os.walk(name):
        folders[:] = [f for f in folders if not f.startswith(".")]
        found += [os.path.join(folder, f) for f in files if _is_trace_file(f)]
    if not found:
        raise TraceError(
            f"the directory {name} holds no trace file",
            hint=f"trace files end in {', '.join(SUFFIXES)}",
        )
    yield from sorted(found)


def _matches(name: str) -> Iterator[str]:
    found = sorted(glob.glob(name, recursive=True))
    files = [path for path in found if not os.path.isdir(path)]
    if not files and not found:
        raise TraceError(f"no file matches {name}", hint="check the pattern: ls " + name)
    yield from files
    if not files:
        for path in found:
            yield from _directory(path)


def _is_trace_file(name: str) -> bool:
    return not name.startswith(".") and name.endswith(SUFFIXES)


def _shards(path: str, strict: bool, range_bytes: int | None) -> Iterator[Shard]:
    if path == STANDARD_INPUT:
        yield Shard("stream", "standard input", path, 0)
        return
    try:
        status = os.stat(path)
        if stat.S_ISFIFO(status.st_mode):
            yield Shard("stream", path, path, 0)
            return
        if not stat.S_ISREG(status.st_mode):
            raise TraceError(f"{path} is no file", hint="give a file, a directory or a pipe")
        with open(path, "rb") as raw:
            head = read_head(raw, 64)
    except OSError as error:
        if strict:
            raise TraceError(f"{path} cannot be read: {error.strerror or error}") from error
        yield Shard("packed", path, path, 0)
        return
    whole = Shard("packed", path, path, status.st_size, status.st_size, status.st_mtime_ns)
    yield from _parts(whole, head, range_bytes)


def _parts(whole: Shard, head: bytes, range_bytes: int | None) -> Iterator[Shard]:
    """Yield the shards of one regular file, told by its first bytes."""
    path, size = whole.path, whole.size
    if head.startswith(_PARQUET_MAGIC) or path.endswith(".parquet"):
        from reasonbench.corpus.sources_tables import parquet_shards

        yield from parquet_shards(whole)
    elif head.startswith(_ARROW_MAGICS) or path.endswith(".arrow"):
        yield _as(whole, "arrow", 0, None, size)
    elif is_packed(head):
        yield whole
    elif path.endswith(SUFFIXES) or _JSON_START.match(head):
        step = range_bytes or min(max(size // RANGES, LEAST_RANGE), MOST_RANGE)
        for begin in range(0, max(size, 1), step):
            end = min(begin + step, size)
            yield _as(whole, "lines", begin, end, end - begin)
    else:
        is_array = head.lstrip().startswith(b"[")
        raise TraceError(
            f"{path} is not a kind of trace file that can be read"
            + (", a JSON array" if is_array else ""),
            hint="write one record a line: jq -c '.[]' FILE > FILE.jsonl"
            if is_array
            else f"give JSON Lines, Parquet or Arrow: {', '.join(SUFFIXES)}",
        )


def _as(whole: Shard, kind: str, begin: int, end: int | None, size: int) -> Shard:
    return Shard(
        kind, whole.document, whole.path, size, whole.file_size, whole.mtime_ns, begin, end
    )
