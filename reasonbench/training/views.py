"""Views of traces: which rows of a bank, or of other trace files, a student is trained on.

Invariants: rows keep the order of their files; rows kept + rows dropped = rows of the files, each
dropped one counted once, under the first reason that applies in the order of ``REASONS``.  A view
copies nothing and is the same for the same files.

A contaminated row is one in which the search of ``reasonbench scan`` finds an item.  All rows of
a bank are searched, whatever else the view asks for, so that arms that differ in the rest lose
the same ones.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reasonbench.corpus import sources
from reasonbench.corpus.scan import ScanOptions, scan
from reasonbench.errors import SpecError
from reasonbench.graders.extraction import TAGS
from reasonbench.identity import digest
from reasonbench.records import Verdict
from reasonbench.scanning import load_items
from reasonbench.specs import TraceView
from reasonbench.training.bank_file import is_bank, read_bank
from reasonbench.training.foreign import NO_COMPLETION, NO_PROMPT, UNREADABLE, records
from reasonbench.training.rows import TraceRow
from reasonbench.training.traces import Trace

REASONS = (
    UNREADABLE,
    NO_PROMPT,
    NO_COMPLETION,
    "problems",
    "temperature",
    "ungraded",
    "incorrect",
    "contaminated",
    "duplicate",
    "per_problem",
)
"""Why a row is left out, in the order in which it is asked."""
FIELDS = "prompt=messages.content,trace=completion"
"""What of a bank is searched: what is trained on."""

Places = set[tuple[str, int]]
"""Document and row."""


class _Row(NamedTuple):
    """One row of a file, before anything is left out."""

    group: str
    """Problem that it answers; in a file that is no bank, its prompt."""
    order: int
    """sample_index; in a file that is no bank, its place."""
    trace: TraceRow | None
    """None where it is no trace."""
    lacks: str | None
    """Why it is none."""
    place: tuple[str, int]
    """Document and row."""
    temperature: float | None = None
    """What it was drawn at."""
    verdict: Verdict | None = None
    """What the grader says."""


def rows_of(paths: Sequence[str | Path], view: TraceView) -> tuple[list[TraceRow], dict[str, int]]:
    """Return the rows that a view keeps, and how many it drops, by reason.

    Args:
        paths: banks, or trace files that ``reasonbench scan`` reads: files, directories, globs,
            Hub datasets.
        view: which rows.

    Raises:
        SpecError: the view asks what a file that is no bank cannot know.
        TraceError: a file that cannot be read.
        ReasonbenchError: a benchmark in ``clean_against`` that cannot be loaded.
    """
    files = _files(paths)
    for file in files:
        if not file.is_bank:
            _refuse_unknown(file.name, view)
    contaminated = _contaminated(files, view.clean_against)
    dropped: Counter[str] = Counter()
    groups: dict[str, list[tuple[int, int, TraceRow]]] = {}
    position = 0
    for file in files:
        for row in _bank_rows(file) if file.is_bank else _foreign_rows(file):
            position += 1
            reason = _reason(row, view, contaminated, groups)
            if reason is not None or row.trace is None:
                dropped[reason or UNREADABLE] += 1
            else:
                groups[row.group].append((row.order, position, row.trace))
    kept: list[tuple[int, TraceRow]] = []
    for rows in groups.values():
        kept += _picked(rows, view, dropped)
    kept.sort(key=lambda pair: pair[0])
    return [trace for _, trace in kept], {r: dropped[r] for r in REASONS if dropped[r]}


class _File(NamedTuple):
    """One file, with all its parts."""

    name: str
    shards: list[sources.Shard]
    is_bank: bool


def _files(paths: Sequence[str | Path]) -> list[_File]:
    parts: dict[str, list[sources.Shard]] = {}
    for shard in sources.expand([str(path) for path in paths], strict=True):
        if shard.is_stream:
            raise SpecError(
                f"{shard.document} can be read once only, and a training reads its traces again",
                hint="write it to a file first",
            )
        name = shard.path if shard.kind == "hub" else os.path.realpath(shard.path)
        parts.setdefault(shard.document if shard.kind == "hub" else name, []).append(shard)
    return [
        _File(shards[0].document, shards, shards[0].kind == "parquet" and is_bank(Path(name)))
        for name, shards in parts.items()
    ]


def _refuse_unknown(name: str, view: TraceView) -> None:
    if view.correct_only:
        raise SpecError(
            f"view.correct_only is true, and {name} is no bank of traces, so nobody graded what "
            "stands in it",
            hint="set view.correct_only = false, or sample a bank: reasonbench traces MODEL "
            "--task TASK --out BANK.parquet",
        )
    if view.temperature is not None:
        raise SpecError(
            f"view.temperature is {view.temperature:g}, and {name} is no bank of traces, so it "
            "does not say at which temperature its traces were drawn",
            hint="leave view.temperature out",
        )


def _bank_rows(file: _File) -> Iterator[_Row]:
    for row, trace in enumerate(read_bank(Path(file.shards[0].path)).traces()):
        yield _Row(
            f"{trace.problem.task}/{trace.problem.id}/{trace.problem.digest()}",
            trace.sample_index,
            row_of(trace),
            None,
            (file.name, row),
            trace.temperature,
            trace.verdict,
        )


def row_of(trace: Trace) -> TraceRow:
    """Return a row of a bank as a student is trained on it.

    Where the teacher's chat template had opened the thinking part, the opening mark is put back
    before the text: what the teacher wrote is a thought, whatever template the student has.
    """
    problem, text = trace.problem, trace.completion
    if trace.thinking_prefilled:
        opening = next((o for o, closing in TAGS if closing in text), TAGS[0][0])
        text = text if text.lstrip().startswith(opening) else f"{opening}\n{text}"
    place = f"T{trace.temperature!r}/{trace.sample_index}/{trace.key[:12]}"
    return TraceRow(
        id=f"{problem.task}/{problem.id}/{place}",
        messages=tuple({"role": m.role, "content": m.content} for m in trace.messages),
        completion=text,
        problem=problem,
    )


def _foreign_rows(file: _File) -> Iterator[_Row]:
    name = Path(file.name).name
    for record in records(file.shards):
        place = record.document, record.row
        if record.lacks is not None:
            yield _Row("", 0, None, record.lacks, place)
            continue
        row = TraceRow(
            id=f"{name}:{record.row}", messages=record.messages, completion=record.completion
        )
        yield _Row(f"prompt/{digest(record.messages)}", 0, row, None, place)


def _reason(
    row: _Row,
    view: TraceView,
    contaminated: Places,
    groups: dict[str, list[tuple[int, int, TraceRow]]],
) -> str | None:
    """Return why a row is left out for what it is itself; None where it may be kept."""
    if row.lacks is not None:
        return row.lacks
    if row.group not in groups:
        if view.problems is not None and len(groups) >= view.problems:
            return "problems"
        groups[row.group] = []
    if view.temperature is not None and row.temperature != view.temperature:
        return "temperature"
    if view.correct_only and row.verdict is not Verdict.CORRECT:
        return "ungraded" if row.verdict is Verdict.UNGRADED else "incorrect"
    return "contaminated" if row.place in contaminated else None


def _picked(
    rows: list[tuple[int, int, TraceRow]], view: TraceView, dropped: Counter[str]
) -> Iterator[tuple[int, TraceRow]]:
    """Yield one problem's rows that stay, with their positions, the lowest sample_index first."""
    seen: set[tuple[str, str]] = set()
    n = 0
    for _, position, row in sorted(rows, key=lambda found: found[:2]):
        text = digest(row.messages), row.completion
        if view.deduplicate and text in seen:
            dropped["duplicate"] += 1
        elif view.per_problem is not None and n >= view.per_problem:
            dropped["per_problem"] += 1
        else:
            n += 1
            yield position, row
        seen.add(text)


def _contaminated(files: Sequence[_File], against: Sequence[str]) -> Places:
    """Return the rows in which an item of ``against`` is found."""
    if not against:
        return set()
    items = load_items(against)
    found: Places = set()
    selections = ((True, sources.Selection.parse(FIELDS)), (False, None))
    for is_bank_of_ours, selection in selections:
        shards = [s for f in files if f.is_bank is is_bank_of_ours for s in f.shards]
        if shards:
            # One process: more of them would run a caller's main module again in each, and in
            # every rank of a training over several devices.
            result = scan(shards, items, ScanOptions(selection=selection))
            found |= {(f.document, f.row) for f in result.findings if f.status == "contaminated"}
    return found
