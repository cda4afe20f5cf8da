"""Plain tables: one row a completion, as Parquet or JSON lines, and the scores in ``run.json``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.interchange.export_view import Exported, Row, Sample, encode, write_pretty

GROUP_ROWS = 1000
GROUP_CHARACTERS = 8_000_000
"""Most rows, and about the most text, that a row group of the Parquet file holds."""
TEXTS = (
    "task", "problem_id", "statement", "target", "text", "thought", "said", "thinking",
    "finish_reason", "verdict", "reason", "answer", "grader", "layer", "detail", "model", "key",
)  # fmt: skip
NUMBERS = ("sample_index", "n_prompt_tokens", "n_tokens", "seed")


def write_parquet(run: Exported, out: Path) -> list[Path]:
    """Write ``samples.parquet`` and ``run.json``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(name, pa.string()) for name in TEXTS] + [(name, pa.int64()) for name in NUMBERS]
    schema = pa.schema([*fields, ("correct", pa.bool_()), ("counted", pa.bool_())])
    path = out / "samples.parquet"
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(table_rows(run)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
    return [path, _write_scores(run, out)]


def write_jsonl(run: Exported, out: Path) -> list[Path]:
    """Write ``samples.jsonl`` and ``run.json``."""
    path = out / "samples.jsonl"
    with path.open("wb") as stream:
        for row in table_rows(run):
            stream.write(encode(row))
    return [path, _write_scores(run, out)]


def table_rows(run: Exported) -> Iterator[dict[str, Any]]:
    """Yield each completion as a flat row."""
    for row in run.rows():
        for sample in row.samples:
            yield flat(run, row, sample)


def flat(run: Exported, row: Row, sample: Sample) -> dict[str, Any]:
    """Return one completion as a row: None for a text, an end or a verdict that is not known."""
    drawn, grade = sample.completion, sample.grade
    has_text = run.has_text(drawn)
    judged = grade is not None and grade.verdict != "ungraded"
    return {
        "task": row.problem.task,
        "problem_id": row.problem.id,
        "sample_index": drawn.sample_index,
        "statement": row.problem.statement,
        "target": row.problem.target,
        "text": drawn.text if has_text else None,
        "thought": sample.thought,
        "said": sample.said if has_text else None,
        "thinking": sample.thinking,
        "finish_reason": drawn.finish_reason.value if has_text else None,
        "n_prompt_tokens": drawn.n_prompt_tokens,
        "n_tokens": drawn.n_tokens,
        "seed": drawn.seed,
        "verdict": grade.verdict.value if grade else None,
        "correct": sample.correct if judged else None,
        "reason": grade.reason if grade else None,
        "answer": grade.answer if grade else None,
        "grader": grade.grader if grade else None,
        "layer": grade.layer if grade else None,
        "detail": grade.detail if grade else None,
        "counted": sample.counted,
        "model": run.result.engine.model,
        "key": drawn.key,
    }


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row["text"] or "") + len(row["statement"])
        if len(group) == GROUP_ROWS or size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _write_scores(run: Exported, out: Path) -> Path:
    # Of the run's place only the folder's name: an export is made to be given away.
    result = msgspec.structs.replace(run.result, path=Path(run.result.path).name)
    return write_pretty(out / "run.json", run.wellformed(result))
