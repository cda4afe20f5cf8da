"""The one Parquet file of all counts of a study.

A row is a model, seed, step, temperature and problem.  Everything that a report says can be
computed again from it.  The file is written whole or not at all, and what is read is checked: it
may come from a stranger.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from reasonbench.errors import ReasonbenchError
from reasonbench.results.study import StudyRole
from reasonbench.stats import distinct_n, self_bleu
from reasonbench.study.measure import TEXTS, ProblemRow

LEAST_WORDS = 4
"""Shortest length that texts are cut to: BLEU reads four words at a time."""
LONG_ENOUGH = 0.25
"""Share of a model's texts that may be shorter than the length that all are cut to."""
MOST_ROWS = 20_000_000
"""Rows of the largest file that is read."""
BATCH_ROWS = 8192
"""Rows that are checked at once."""


@dataclass(frozen=True, slots=True)
class CountRow:
    """One problem, as one model answered it; the columns of the file, in their order."""

    model: str
    """``base``, ``teacher`` or the arm's name."""
    role: StudyRole
    """What it stands for."""
    seed: int | None
    """Training seed; None for what was not trained."""
    step: int | None
    """Optimizer step of the checkpoint; None for what was not trained."""
    temperature: float
    """Temperature that it was sampled at."""
    task: str
    """Task of the problem."""
    problem_id: str
    """Its id."""
    n: int
    """Graded completions."""
    c: int
    """Correct ones."""
    truncated: int
    """Those of n that the token limit cut off."""
    tokens: int
    """Tokens of the n together."""
    solutions: tuple[int, ...] | None
    """Completions of each different correct solution; None where the grader names none."""
    answers: tuple[int, ...]
    """Completions of each different answer."""
    distinct_2: float | None = None
    """Different pairs of words as a share of all, in the first correct completions, equally many
    and cut to one length for all models; None where there are too few."""
    self_bleu: float | None = None
    """Likeness of the same texts to each other."""
    cluster: str | None = None
    """Problems that share it are variants of one another."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one model, at one step and temperature, came to."""

    model: str
    """``base``, ``teacher`` or the arm's name."""
    role: StudyRole
    """What it stands for."""
    seed: int | None
    """Training seed; None for what was not trained."""
    step: int | None
    """Optimizer step; None for what was not trained."""
    temperature: float
    """Temperature."""
    rows: Sequence[ProblemRow]
    """Of ``measure``."""


def count_rows(measurements: Sequence[Measurement]) -> list[CountRow]:
    """Return the rows of the file; pass all measurements of the study at once.

    Texts are compared at a length that models share, so one needs to know all of them: at each
    temperature, the longest that three quarters of the texts of every model have at its last
    step.  Earlier steps have no measures of words.
    """
    last = _last_steps(measurements)
    spoken = [m for m in measurements if m.step == last[m.model]]
    length = {t: _length([m for m in spoken if m.temperature == t]) for t in _temperatures(spoken)}
    rows = []
    for m in measurements:
        words = length[m.temperature] if m.step == last[m.model] else 0
        rows += [_count_row(m, row, words) for row in m.rows]
    return rows


def write_counts(path: Path, rows: Iterable[CountRow]) -> None:
    """Write the file, whole or not at all; equal rows in equal order give equal bytes.

    Raises:
        ReasonbenchError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    names = [f.name for f in fields(CountRow)]
    columns = list(zip(*(astuple(row) for row in rows), strict=True)) or [() for _ in names]
    pairs = zip(names, columns, strict=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        arrays = [pa.array(column, type=schema.field(name).type) for name, column in pairs]
        with partial.open("wb") as stream:
            pq.write_table(pa.Table.from_arrays(arrays, schema=schema), stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReasonbenchError(
            f"the counts cannot be written to {path}: {error.strerror or error}",
            hint="free some space, or give another directory",
        ) from error
    except (pa.ArrowException, ValueError) as error:
        raise ReasonbenchError(
            f"the counts have no form in {path}: {' '.join(str(error).split())[:200]}",
            hint="look at the names and ids of the tasks' problems",
        ) from error


def read_counts(path: Path) -> list[CountRow]:
    """Read the file that ``write_counts`` wrote.

    Raises:
        ReasonbenchError: it is no such file, or a row of it cannot be true.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_schema(path, file.schema_arrow)
            if file.metadata.num_rows > MOST_ROWS:
                raise _unusable(path, f"{file.metadata.num_rows:,} rows, more than {MOST_ROWS:,}")
            batches = (batch.to_pylist() for batch in file.iter_batches(BATCH_ROWS))
            return list(_checked(path, (row for batch in batches for row in batch)))
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise _unusable(path, " ".join(str(error).split())[:200]) from error


def _schema() -> Any:
    import pyarrow as pa

    kinds = {
        "seed": pa.int64(),
        "step": pa.int64(),
        "temperature": pa.float64(),
        **dict.fromkeys(("n", "c", "truncated"), pa.int32()),
        "tokens": pa.int64(),
        **dict.fromkeys(("solutions", "answers"), pa.list_(pa.int32())),
        **dict.fromkeys(("distinct_2", "self_bleu"), pa.float64()),
    }
    return pa.schema([(f.name, kinds.get(f.name, pa.string())) for f in fields(CountRow)])


def _check_schema(path: Path, found: Any) -> None:
    wanted = _schema()
    for field in wanted:
        if field.name not in found.names:
            raise _unusable(path, f"the column {field.name!r} is missing")
    if list(found.names) != list(wanted.names):
        raise _unusable(path, f"other columns than {', '.join(wanted.names)}")
    for field in wanted:
        got = found.field(field.name).type
        if not _same_type(got, field.type):
            raise _unusable(path, f"the column {field.name!r} holds {got}, not {field.type}")


def _same_type(got: Any, wanted: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_list(wanted):
        return bool(pa.types.is_list(got) and got.value_type == wanted.value_type)
    return bool(got == wanted)


def _checked(path: Path, raw: Iterable[dict[str, Any]]) -> Iterator[CountRow]:
    seen: set[tuple[Any, ...]] = set()
    for number, row in enumerate(raw, 1):
        wrong = _fault(row)
        key = tuple(row[name] for name in KEY)
        if not wrong and key in seen:
            wrong = "the same model, seed, step, temperature and problem as a row before"
        if wrong:
            raise _unusable(path, f"row {number}: {wrong}")
        seen.add(key)
        solutions = row["solutions"]
        yield CountRow(
            **{
                **row,
                "role": StudyRole(row["role"]),
                "solutions": None if solutions is None else tuple(solutions),
                "answers": tuple(row["answers"]),
            }
        )


KEY: Final = ("model", "seed", "step", "temperature", "task", "problem_id")
"""Columns that no two rows share."""
_OPTIONAL: Final = frozenset({"seed", "step", "solutions", "distinct_2", "self_bleu", "cluster"})


def _fault(row: dict[str, Any]) -> str:
    """Return why a row cannot be true; empty if it can."""
    missing = [name for name, value in row.items() if value is None and name not in _OPTIONAL]
    if missing:
        return f"no value for {missing[0]!r}"
    if row["role"] not in {role.value for role in StudyRole}:
        return f"the role {row['role']!r}"
    return _number_fault(row) or _sizes_fault(row)


def _number_fault(row: dict[str, Any]) -> str:
    if not (math.isfinite(row["temperature"]) and row["temperature"] >= 0):
        return f"a temperature of {row['temperature']}"
    for name in ("n", "c", "truncated", "tokens", "seed", "step"):
        if row[name] is not None and row[name] < 0:
            return f"{name} = {row[name]}"
    if max(row["c"], row["truncated"]) > row["n"]:
        return f"c = {row['c']} and truncated = {row['truncated']} of n = {row['n']}"
    for name in ("distinct_2", "self_bleu"):
        if row[name] is not None and not 0 <= row[name] <= 1 + 1e-9:
            return f"{name} = {row[name]}"
    return ""


def _sizes_fault(row: dict[str, Any]) -> str:
    for name, most in (("solutions", row["c"]), ("answers", row["n"])):
        sizes = row[name] or ()
        if any(size is None or size < 1 for size in sizes) or sum(sizes) > most:
            return f"{name} that are not counts within {most}"
    if row["solutions"] is not None and sum(row["solutions"]) != row["c"]:
        return f"solutions of {sum(row['solutions'])} completions, where c = {row['c']}"
    return ""


def _unusable(path: Path, why: str) -> ReasonbenchError:
    return ReasonbenchError(
        f"{path} cannot be read as the counts of a study: {why}",
        hint="delete it and repeat the command: it is made again from the run directories",
    )


def _last_steps(measurements: Iterable[Measurement]) -> dict[str, int | None]:
    last: dict[str, int | None] = {}
    for m in measurements:
        before = last.setdefault(m.model, m.step)
        if m.step is not None and (before is None or m.step > before):
            last[m.model] = m.step
    return last


def _temperatures(measurements: Iterable[Measurement]) -> set[float]:
    return {m.temperature for m in measurements}


def _length(measurements: Sequence[Measurement]) -> int:
    """Words that the texts of one temperature are cut to; 0 where some model's are too short."""
    lengths: dict[str, list[int]] = {}
    for m in measurements:
        words = lengths.setdefault(m.model, [])
        words += [len(text.split()) for row in m.rows for text in row.texts]
    shortest = [
        int(np.quantile(words, LONG_ENOUGH, method="lower")) for words in lengths.values() if words
    ]
    return min(shortest, default=0)


def _count_row(m: Measurement, row: ProblemRow, words: int) -> CountRow:
    distinct, alike = _word_measures(row.texts, words)
    return CountRow(
        model=m.model,
        role=m.role,
        seed=m.seed,
        step=m.step,
        temperature=m.temperature,
        task=row.task,
        problem_id=row.problem_id,
        n=row.n,
        c=row.c,
        truncated=row.truncated,
        tokens=row.tokens,
        solutions=row.solutions,
        answers=row.answers,
        distinct_2=distinct,
        self_bleu=alike,
        cluster=row.cluster,
    )


def _word_measures(texts: Sequence[str], words: int) -> tuple[float | None, float | None]:
    """distinct-2 and self-BLEU of ``TEXTS`` texts of a length; None for fewer."""
    if words < LEAST_WORDS:
        return None, None
    kept = [text for text in texts if len(text.split()) >= words]
    if len(kept) < TEXTS:
        return None, None
    kept = kept[:TEXTS]
    return (
        distinct_n([text.split() for text in kept], 2, length=words),
        self_bleu(kept, length=words),
    )
