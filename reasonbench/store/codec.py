"""Records to bytes and back, whatever text they hold.

A model may emit anything, and Python strings may hold lone surrogates, which UTF-8 has
no form for.  Such a record is stored as JSON in UTF-8 with the surrogates passed
through (what Python calls ``surrogatepass``), so it comes back as it was; all others
are plain JSON.
"""

import json
from typing import TypeVar

import msgspec

from reasonbench.errors import StoreCorruptError

S = TypeVar("S", bound=msgspec.Struct)


def encode(record: msgspec.Struct) -> bytes:
    """Return the bytes that ``record`` is stored as."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(record), ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")


def decode(blob: bytes, kind: type[S]) -> S:
    """Return the record that ``encode`` made ``blob`` from.

    Raises:
        StoreCorruptError: it is no such record.
    """
    try:
        return msgspec.json.decode(blob, type=kind)
    except (UnicodeDecodeError, msgspec.DecodeError):
        pass
    try:
        return msgspec.convert(json.loads(blob.decode("utf-8", "surrogatepass")), kind)
    except (ValueError, TypeError, AttributeError) as exc:
        raise StoreCorruptError(
            f"the store holds a {kind.__name__} that cannot be read: {exc}",
            hint="open it with the version of reasonbench that wrote it, or restore a backup",
        ) from exc


def column(text: str) -> str:
    """Return ``text`` in a form that SQLite can hold; different texts stay different."""
    return text.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode()
