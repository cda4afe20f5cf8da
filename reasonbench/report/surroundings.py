"""What stands before and after a piece of evidence, read from the trace file where that is there.

Only files that the audit searched, that have a trace file's name and that still hold the very
text at the very place are read: an audit names its files itself, and a report is sent to others.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reasonbench.corpus.sources import SUFFIXES, expand
from reasonbench.corpus.sources_reading import first_row
from reasonbench.errors import ReasonbenchError
from reasonbench.report.data import Surroundings
from reasonbench.results import Match

MAX_CHARACTERS = 160
"""Characters before and after a place that are shown."""
MAX_BYTES = 128 * 2**20
"""Bytes of trace files that are read for it, at most."""
ONE_RANGE = 2**62
"""Bytes of a range that no file exceeds: a plain file is one shard."""


class Place(NamedTuple):
    """A match, by what its document calls it and by what the report calls it."""

    match: Match
    named: Match


def read_surroundings(
    matches: Sequence[Match], named: Sequence[Match], searched: Sequence[str]
) -> tuple[Surroundings, ...]:
    """Return what stands around matches, in their order; those that cannot be read are left out.

    Args:
        matches: places, with their documents' paths.
        named: the same, with the documents' names in the report.
        searched: documents that the audit searched.
    """
    wanted: defaultdict[str, list[Place]] = defaultdict(list)
    for match, name in zip(matches, named, strict=True):
        wanted[match.document].append(Place(match, name))
    found: dict[int, Surroundings] = {}
    left = MAX_BYTES
    for document, places in wanted.items():
        size = _size(document) if document in searched else None
        if size is None or size > left:
            continue
        left -= size
        texts = _texts(document, places)
        for place in places:
            around = _around(place, texts.get((place.match.row, place.match.field)))
            if around is not None:
                found[id(place.named)] = around
    return tuple(found[id(name)] for name in named if id(name) in found)


def _size(document: str) -> int | None:
    """Return the bytes of a trace file; None where there is none."""
    if not document.endswith(SUFFIXES):
        return None
    try:
        return os.stat(document).st_size if os.path.isfile(document) else None
    except OSError:
        return None


def _texts(document: str, places: Sequence[Place]) -> Mapping[tuple[int, str], str]:
    """Return the texts of the fields that hold the places, by row and field."""
    rows = {place.match.row for place in places}
    fields = {(place.match.row, place.match.field) for place in places}
    found: dict[tuple[int, str], str] = {}
    try:
        for row, path, text in _fields(document, rows):
            if (row, path) in fields:
                found[row, path] = text
    except (ReasonbenchError, OSError):  # gone, damaged or changed: its places stand alone
        pass
    return found


def _fields(document: str, rows: set[int]) -> Iterator[tuple[int, str, str]]:
    wanted, last = np.array(sorted(rows)), max(rows)
    for shard in expand([document], range_bytes=ONE_RANGE):
        base = first_row(shard)
        if base > last:
            return
        with contextlib.closing(shard.blocks()) as reading:
            for block in reading:
                for i in np.flatnonzero(np.isin(block.rows, wanted - base)):
                    for field in block.fields(int(i)):
                        yield base + int(block.rows[i]), field.path, field.text
                if len(block) and base + int(block.rows[-1]) >= last:
                    return


def _around(place: Place, text: str | None) -> Surroundings | None:
    """Return what stands around a place, where its text still stands there."""
    if text is None:
        return None
    data = text.encode("utf-8", "surrogatepass")
    start, end = place.match.document_span
    there = data[start:end].decode("utf-8", "replace")
    if not place.match.text or not there.startswith(place.match.text):
        return None
    before = data[:start].decode("utf-8", "replace")[-MAX_CHARACTERS - 1 :]
    after = data[end:].decode("utf-8", "replace")[: MAX_CHARACTERS + 1]
    return Surroundings(
        document=place.named.document,
        row=place.named.row,
        field=place.named.field,
        start=start,
        before=_whole_words(before[::-1])[::-1],
        after=_whole_words(after),
    )


def _whole_words(text: str) -> str:
    """Return a text cut behind a whole word, where it is too long."""
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text[:MAX_CHARACTERS]
    words = cut.rpartition(" ")[0]
    return f"{words if len(words) > MAX_CHARACTERS // 2 else cut} …"
