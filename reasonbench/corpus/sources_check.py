"""Lines to blocks of usable records: every other line is counted, with its reason.

The compiled check looks at every line.  What a record holds is found out by decoding one of
each signature; a verdict on it is shared by its like only where the signature covers it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reasonbench.corpus.blocks import (
    MAX_LINE_BYTES,
    NO_TEXT,
    Account,
    Block,
    Found,
    Places,
    Remark,
    decode,
    gathered_skips,
)
from reasonbench.corpus.fields import (
    MAX_DEPTH,
    MAX_FIELDS,
    Selection,
    UnsearchableError,
    collect,
    missing,
    values_below,
)
from reasonbench.corpus.jsoncheck import SIGNATURE_KEYS, UNKNOWN, Status, check_lines
from reasonbench.corpus.sources_lines import Lines

MAX_VERDICTS = 100_000
"""Signatures whose verdict is remembered."""
TOO_LONG = f"line longer than {MAX_LINE_BYTES // 2**20} MiB"
CUT_OFF = "last line is cut off"
NUL = "NUL bytes"
REASONS = {
    Status.BROKEN: "not JSON",
    Status.NOT_UTF8: "not UTF-8",
    Status.NOT_OBJECT: "not a JSON object",
    Status.TOO_DEEP: f"nested deeper than {MAX_DEPTH}",
    Status.TOO_LONG: TOO_LONG,
}

_LARGE = 3 * MAX_FIELDS
"""Bytes from which a record can hold more texts than are searched: each takes three."""
_BOM = b"\xef\xbb\xbf"


class Verdict(NamedTuple):
    """What a record is worth."""

    skip: str | None
    """Why it cannot be searched."""
    notes: tuple[str, ...] = ()
    """What it lacks though it can."""
    shared: bool = False
    """True where each record of the same signature has this verdict."""


def judge(record: Mapping[str, Any], selection: Selection | None) -> Verdict:
    """Find out whether a record can be searched."""
    try:
        texts = collect(record, selection)
    except UnsearchableError as error:
        return Verdict(str(error))
    lacks = tuple(missing(record, selection)) if selection else ()
    if not texts:
        return Verdict(", ".join(lacks) or NO_TEXT, shared=_is_covered(record, SIGNATURE_KEYS))
    shared = _is_covered(record, SIGNATURE_KEYS) or (not lacks and _shows(record, selection))
    return Verdict(None, lacks, shared)


def _is_covered(value: Any, keys: int) -> bool:
    """Tell whether no value lies more than ``keys`` keys deep."""
    if isinstance(value, Mapping):
        return not value or (keys > 0 and all(_is_covered(v, keys - 1) for v in value.values()))
    if isinstance(value, list):
        return all(_is_covered(item, keys) for item in value)
    return True


def _shows(record: Mapping[str, Any], selection: Selection | None) -> bool:
    """Tell whether the signature alone says that all that is asked for is text."""
    if selection is None:
        return _has_text(record, SIGNATURE_KEYS)
    return all(
        any(_has_text(v, SIGNATURE_KEYS - len(keys)) for v in values_below(record, keys))
        for keys, _ in selection.paths
    )


def _has_text(value: Any, keys: int) -> bool:
    if keys < 0:
        return False
    if isinstance(value, Mapping):
        return any(_has_text(item, keys - 1) for item in value.values())
    if isinstance(value, list):
        return any(_has_text(item, keys) for item in value)
    return isinstance(value, str)


class Checker:
    """Makes blocks of lines, and keeps the account."""

    def __init__(self, document: str, selection: Selection | None, account: Account) -> None:
        self._document = document
        self._selection = selection
        self._account = account
        self._verdicts: dict[int, Verdict] = {}

    def block(self, lines: Lines) -> tuple[Block, list[Remark]]:
        """Check lines and account for each; also return what is remarked on them."""
        if lines.too_long:
            count, status = 1, np.array([Status.TOO_LONG], np.uint8)
            lines = lines._replace(starts=np.zeros(1, np.int64), ends=np.zeros(1, np.int64))
            signatures = np.zeros(1, np.uint64)
        else:
            count = len(lines.starts)
            if lines.is_first and lines.data[lines.starts[0] :][:3].tobytes() == _BOM:
                lines.starts[0] += min(3, lines.ends[0] - lines.starts[0])
            status, signatures = check_lines(lines.data, lines.starts, lines.ends)
        usable = status == Status.OK
        found = _by_status(lines, status)
        found += self._by_content(lines, signatures, usable)
        remarks = [Remark(reason, lines.row + at, is_skip) for reason, at, is_skip in found]
        account = self._account
        account.lines += count
        account.blank += int((status == Status.BLANK).sum())
        account.rows_read += int(usable.sum())
        account.enter(remarks)
        return self._built(lines, usable, found), remarks

    def _built(self, lines: Lines, usable: npt.NDArray[np.bool_], found: list[Found]) -> Block:
        kept = slice(None) if usable.all() else usable
        rows = np.arange(lines.row, lines.row + len(usable), dtype=np.int64)
        return Block(
            document=self._document,
            data=lines.data,
            starts=lines.starts[kept],
            ends=lines.ends[kept],
            rows=rows[kept],
            escaped=True,
            n_bytes=lines.n_bytes,
            selection=self._selection,
            skips=gathered_skips(found, rows, lines.starts, lines.ends),
        )

    def _by_content(
        self, lines: Lines, signatures: npt.NDArray[np.uint64], usable: npt.NDArray[np.bool_]
    ) -> list[Found]:
        """Take out the records without text; name what is missing in others."""
        found: dict[tuple[str, bool], list[Places]] = {}
        places = np.flatnonzero(usable)
        kinds, members = np.unique(signatures[places], return_inverse=True)
        large = lines.ends - lines.starts >= _LARGE
        for k, signature in enumerate(kinds.tolist()):
            mine = places if len(kinds) == 1 else places[members == k]
            for verdict, at in self._verdicts_on(lines, mine, signature, large):
                if verdict.skip is not None:
                    usable[at] = False
                    found.setdefault((verdict.skip, True), []).append(at)
                for note in verdict.notes:
                    found.setdefault((note, False), []).append(at)
        return [
            (reason, np.sort(np.concatenate(at)), is_skip)
            for (reason, is_skip), at in sorted(found.items(), key=lambda item: item[0])
        ]

    def _verdicts_on(
        self, lines: Lines, mine: Places, signature: int, large: npt.NDArray[np.bool_]
    ) -> list[tuple[Verdict, Places]]:
        """Return verdicts on records of one signature that are not simply usable."""
        alone = large[mine]
        verdict = self._verdicts.get(signature)
        if verdict is None and not alone.all():
            verdict = self._look(lines, int(mine[~alone][0]))
            if verdict.shared and signature != UNKNOWN and len(self._verdicts) < MAX_VERDICTS:
                self._verdicts[signature] = verdict
        if verdict is None or not verdict.shared or signature == UNKNOWN:
            alone[:] = True
        found = [] if verdict is None else [(verdict, mine[~alone])]
        found += [(self._look(lines, i), np.array([i])) for i in mine[alone].tolist()]
        return [(v, at) for v, at in found if len(at) and (v.skip is not None or v.notes)]

    def _look(self, lines: Lines, i: int) -> Verdict:
        line = lines.data[lines.starts[i] : lines.ends[i]]
        return judge(decode(line.data), self._selection)


def _by_status(lines: Lines, status: npt.NDArray[np.uint8]) -> list[Found]:
    """Return the lines that hold no record, by reason."""
    found = []
    for code in Status:
        at = np.flatnonzero(status == code)
        if code not in REASONS or not len(at):
            continue
        if code in (Status.BROKEN, Status.NOT_UTF8):
            if not lines.complete and at[-1] == len(status) - 1:
                found.append((CUT_OFF, at[-1:], True))
                at = at[:-1]
            has_nul = _holds_nul(lines, at)
            found.append((NUL, at[has_nul], True))
            at = at[~has_nul]
        found.append((REASONS[code], at, True))
    return [remark for remark in found if len(remark[1])]


def _holds_nul(lines: Lines, at: Places) -> npt.NDArray[np.bool_]:
    if not len(at):
        return np.zeros(0, np.bool_)
    zeros = np.flatnonzero(lines.data == 0)
    before = np.searchsorted(zeros, lines.starts[at])
    return np.asarray(np.searchsorted(zeros, lines.ends[at]) > before)
