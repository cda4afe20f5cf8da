"""The file of a trace bank: one Parquet, a row a trace, its header in the file's metadata.

What no student is trained on (the problem, the engine, the sampling) is JSON in binary columns,
which a scan does not search.

Reading trusts nothing: a file that is cut short, of another schema, or whose rows are not what
its digest stands for ends in one sentence with the file and the row.
"""

import contextlib
import itertools
import math
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from reasonbench.corpus.sources_tables import FAULTS, first_line, pieces
from reasonbench.errors import TraceError
from reasonbench.records import EngineIdentity, Problem
from reasonbench.specs import SamplingSpec
from reasonbench.training.traces import (
    BANK_SCHEMA,
    ENCODER,
    Account,
    BankHeader,
    BankSummary,
    Trace,
    wellformed,
)

HEADER = b"reasonbench.bank"
"""Key of the header in the file's metadata."""
GROUP_ROWS = 4096
GROUP_CHARACTERS = 32_000_000
"""Most rows, and about the most text, of a row group."""
BATCH_ROWS = 256
"""Rows that are decoded at once."""
_AGAIN = "make the bank again from its run directories: the same command, which draws nothing anew"

_TEXT, _BYTES = pa.string(), pa.binary()
# fmt: off
SCHEMA = pa.schema([
    ("messages", pa.list_(pa.struct([("role", _TEXT), ("content", _TEXT)]))),
    ("completion", _TEXT), ("task", _TEXT), ("problem_id", _TEXT), ("statement", _TEXT),
    ("target", _TEXT), ("sample_index", pa.int64()), ("temperature", pa.float64()),
    ("verdict", _TEXT), ("reason", _TEXT), ("answer", _TEXT), ("detail", _TEXT),
    ("grader", _TEXT), ("finish_reason", _TEXT), ("n_prompt_tokens", pa.int64()),
    ("n_tokens", pa.int64()), ("thinking_prefilled", pa.bool_()), ("seed", pa.int64()),
    ("key", _TEXT), ("teacher", _TEXT), ("weights_digest", _TEXT),
    ("drawn_at", pa.timestamp("us", "UTC")), ("published", pa.date32()), ("license", _TEXT),
    ("problem", _BYTES), ("engine", _BYTES), ("sampling", _BYTES),
])
# fmt: on
"""Columns; what is trained on stands first, which is where a scan's evidence then points."""

Advance = Callable[[int], None]


def write_bank(
    path: Path, header: BankHeader, traces: Iterable[Trace], advance: Advance = lambda _rows: None
) -> BankSummary:
    """Write a bank; the file appears under its name when it is complete.

    Args:
        path: the file.
        header: what stands beside the rows; its summary is filled here.
        traces: the rows, in their order.
        advance: told how many rows more are written.

    Raises:
        TraceError: it cannot be written.
    """
    account = Account()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with _writing(path), contextlib.closing(_Writer(temporary)) as writer:
            for group in _groups(traces, account):
                writer.add(group)
                advance(len(group))
            summary = account.summary(path)
            # The bank may be moved, so what is kept inside is the file's name alone.
            kept = msgspec.structs.replace(summary, path=path.name)
            writer.finish(msgspec.structs.replace(header, summary=kept))
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return summary


class _Writer:
    """A Parquet file on its way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def add(self, rows: list[dict[str, Any]]) -> None:
        self._writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))

    def finish(self, header: BankHeader) -> None:
        """Write the header and bring the file to the disk."""
        self._writer.add_key_value_metadata({HEADER: ENCODER.encode(header)})
        self._writer.close()
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        self._writer.close()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TraceError(
            f"the bank {path} cannot be written: {said}",
            hint="free space or name another place; what was sampled is kept",
        ) from error


def _groups(traces: Iterable[Trace], account: Account) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for trace in map(wellformed, traces):
        account.add(trace)
        group.append(_flat(trace))
        size += len(trace.completion)
        if len(group) == GROUP_ROWS or size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _flat(trace: Trace) -> dict[str, Any]:
    """Return a trace as a row of the table."""
    problem = trace.problem
    row = {name: getattr(trace, name) for name in Trace.__struct_fields__}
    return row | {
        "messages": [{"role": m.role, "content": m.content} for m in trace.messages],
        "task": problem.task,
        "problem_id": problem.id,
        "statement": problem.statement,
        "target": problem.target,
        "verdict": trace.verdict.value,
        "finish_reason": trace.finish_reason.value,
        "problem": ENCODER.encode(problem),
        "engine": ENCODER.encode(trace.engine),
        "sampling": ENCODER.encode(trace.sampling),
    }


def is_bank(path: Path) -> bool:
    """Tell whether a Parquet file calls itself a bank.

    Raises:
        TraceError: it cannot be read as Parquet.
    """
    with _reading(path, hint="fetch the file again"), pq.ParquetFile(path) as file:
        return HEADER in (file.metadata.metadata or {})


def read_bank(path: Path) -> "Bank":
    """Open a bank; its rows are read, and checked, as they are asked for.

    Raises:
        TraceError: it is no bank, of another schema, or cannot be read.
    """
    with _reading(path), pq.ParquetFile(path) as file:
        found = (file.metadata.metadata or {}).get(HEADER)
        if found is None:
            raise TraceError(
                f"{path} is no bank of traces: its metadata has no {HEADER.decode()}",
                hint="make one: reasonbench traces MODEL --task TASK --out BANK.parquet",
            )
        header = _header(path, found)
        _check_columns(path, file.schema_arrow)
        rows = file.metadata.num_rows
    summary = header.summary
    if summary is None or summary.rows != rows:
        said = "no rows" if summary is None else f"{summary.rows:,} rows"
        raise TraceError(
            f"{path} holds {rows:,} rows, and its header speaks of {said}", hint=_AGAIN
        )
    return Bank(path, header, msgspec.structs.replace(summary, path=str(path)))


class Bank:
    """A bank, open for reading."""

    def __init__(self, path: Path, header: BankHeader, summary: BankSummary) -> None:
        self.path = path
        self.header = header
        """What stands beside the rows."""
        self.summary = summary
        """What the rows come to, as the header says."""

    def traces(self) -> Iterator[Trace]:
        """Yield all rows, in their order.

        Raises:
            TraceError: a row that is none, or, at the end, rows that the header's digest does
                not stand for.
        """
        account = Account()
        for row, found in enumerate(self._rows()):
            trace = _trace(self.path, row, found)
            account.add(trace)
            yield trace
        found_digest = account.summary(self.path).digest
        if found_digest != self.summary.digest:
            raise TraceError(
                f"the rows of {self.path} were changed after it was written: their digest is "
                f"{found_digest}, and the header says {self.summary.digest}",
                hint=_AGAIN,
            )

    def _rows(self) -> Iterator[dict[str, Any]]:
        # Read as dictionaries, a text that stands for many rows takes the room of one.
        coded = [field.name for field in SCHEMA if field.type.equals(_TEXT)]
        first = 0
        with _reading(self.path), pq.ParquetFile(self.path, read_dictionary=coded) as file:
            batches = file.iter_batches(BATCH_ROWS, columns=SCHEMA.names, use_threads=False)
            for piece in itertools.chain.from_iterable(map(pieces, batches)):
                yield from _plain(self.path, first, piece)
                first += piece.num_rows


@contextlib.contextmanager
def _reading(path: Path, hint: str = _AGAIN) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TraceError(f"there is no bank at {path}") from error
    except FAULTS as error:
        raise TraceError(
            f"{path} cannot be read as Parquet: {first_line(error)}", hint=hint
        ) from error


def _plain(path: Path, first: int, batch: Any) -> list[dict[str, Any]]:
    """Return a batch's rows; one whose text is no UTF-8 is named."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = []
        for i in range(batch.num_rows):
            try:
                rows += batch.slice(i, 1).to_pylist()
            except UnicodeDecodeError as error:
                said = f"{path}, row {first + i:,}: holds text that is not UTF-8"
                raise TraceError(said, hint=_AGAIN) from error
    return rows


class _Version(msgspec.Struct):
    schema_version: int


def _header(path: Path, found: bytes) -> BankHeader:
    try:
        version = msgspec.json.decode(found, type=_Version).schema_version
        if version == BANK_SCHEMA:
            return msgspec.json.decode(found, type=BankHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(
            f"the header of {path} cannot be read: {first_line(error)}", hint=_AGAIN
        ) from error
    raise TraceError(
        f"{path} is a bank of schema {version}, and this reasonbench reads schema {BANK_SCHEMA}",
        hint="use the version of reasonbench that wrote it, or make the bank again with this one",
    )


def _check_columns(path: Path, schema: Any) -> None:
    for field in SCHEMA:
        at = schema.get_field_index(field.name)
        if at < 0:
            raise TraceError(f"{path} has no column {field.name}", hint=_AGAIN)
        kind = schema.field(at).type
        if not kind.equals(field.type):
            raise TraceError(
                f"the column {field.name} of {path} is {str(kind)[:80]}, not {field.type}",
                hint=_AGAIN,
            )


_PLACE = re.compile(r" - at `\$\.?(?P<column>[^`]*)`$")
_NULL = re.compile(r"Expected `.*`, got `null`")
_NAMED = ("task", "problem_id", "statement", "target")
"""Columns that say of the problem what its JSON says too, for those who read the table."""
T = TypeVar("T")


def _trace(path: Path, row: int, found: dict[str, Any]) -> Trace:
    """Return a row as a trace.

    Raises:
        TraceError: it is none.
    """
    named = {name: found.pop(name) for name in _NAMED}
    try:
        problem = _decoded(found["problem"], "problem", Problem)
        fields: dict[str, Any] = found | {
            "problem": problem,
            "engine": _decoded(found["engine"], "engine", EngineIdentity),
            "sampling": _decoded(found["sampling"], "sampling", SamplingSpec),
        }
        trace = msgspec.convert(fields, Trace)
        if not math.isfinite(trace.temperature):
            raise ValueError(f"the temperature is {trace.temperature}")
        said = (problem.task, problem.id, problem.statement, problem.target)
        for (name, value), own in zip(named.items(), said, strict=True):
            if value != own:
                raise ValueError(f"the column {name} is not what the problem's JSON says")
    except ValueError as error:
        raise TraceError(f"{path}, row {row:,}: {_said(error)}", hint=_AGAIN) from error
    return trace


def _decoded(value: bytes | None, column: str, kind: type[T]) -> T:
    if value is None:
        raise ValueError(f"the column {column} is null")
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the column {column} holds no {kind.__name__}: {error}") from error


def _said(error: ValueError) -> str:
    """Return what is wrong with a row, with the name of the column."""
    text = str(error)
    place = _PLACE.search(text) if isinstance(error, msgspec.ValidationError) else None
    if place is None:
        return first_line(error)
    what = text[: place.start()]
    column = place["column"]
    return f"the column {column} is null" if _NULL.fullmatch(what) else f"{column}: {what}"
