"""Math problems in a local JSONL file, under the field names of GSM8K and MATH.

A row has a question (``question``, ``problem`` or ``prompt``), an answer (``answer``,
``target`` or, as a worked solution, ``solution``) and perhaps an id (``id``,
``unique_id`` or ``problem_id``).  The prompt and the scoring are those of
``tasks/math_jsonl``, which lm-eval can run as well.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from reasonbench.errors import TaskError
from reasonbench.resources import data_dir
from reasonbench.tasks.lm_eval_task import LmEvalTask

QUESTION = ("question", "problem", "prompt")
ANSWER = ("answer", "target", "solution")
ID = ("id", "unique_id", "problem_id")

Row = dict[str, str]


def from_jsonl(argument: str | None) -> LmEvalTask:
    """Return a math task over the JSONL file ``argument``, named after the file.

    Raises:
        TaskError: the file or a line of it cannot be used.
    """
    if not argument:
        raise TaskError("a JSONL task needs a path", hint="write jsonl:PATH, or the path alone")
    path = Path(argument)
    return LmEvalTask(
        data_dir("tasks") / "math_jsonl" / "math_jsonl.yaml",
        reference="math_jsonl",
        name=path.stem,
        metadata={"path": argument},
        source=path.name,
    )


def read_rows(path: Path, final_answer: Callable[[str], str | None]) -> list[Row]:
    """Return the rows of a file as ``id``, ``question`` and ``answer``.

    Args:
        path: the JSONL file.
        final_answer: takes the final answer out of a worked solution; None if it has none.

    Raises:
        TaskError: naming the file and line that cannot be used.
    """
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for number, record in _records(path):
        row = _row(record, f"{path}, line {number}", len(rows), final_answer)
        if row["id"] in lines:
            raise TaskError(
                f"{path}, line {number}: the id {row['id']!r} was used in line {lines[row['id']]}",
                hint="give every problem an id of its own, or none at all",
            )
        lines[row["id"]] = number
        rows.append(row)
    if not rows:
        raise TaskError(f"{path} holds no problems", hint="write one JSON object a line")
    return rows


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(
            f"{path} cannot be read: {error.strerror or error}", hint="check the path"
        ) from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise TaskError(f"{where}: not UTF-8", hint="save the file as UTF-8") from error
        except ValueError as error:
            raise TaskError(
                f"{where}: not JSON: {error}", hint="write one JSON object a line"
            ) from error
        except RecursionError as error:
            raise TaskError(f"{where}: nested too deeply") from error
        if not isinstance(record, dict):
            raise TaskError(f"{where}: {type(record).__name__} found, JSON object expected")
        yield number, record


def _row(
    record: Mapping[str, Any],
    where: str,
    position: int,
    final_answer: Callable[[str], str | None],
) -> Row:
    question = _first(record, QUESTION, where)[1]
    field, answer = _first(record, ANSWER, where)
    final: str | None = _text(answer)
    if isinstance(answer, str) and (field == "solution" or "####" in answer):
        final = final_answer(answer)
    if not final:
        raise TaskError(
            f"{where}: no final answer in {field!r}",
            hint=r"end the solution in '#### 42' or \boxed{42}, or add a field 'answer'",
        )
    given = next((record[key] for key in ID if record.get(key) is not None), None)
    identity = f"{position:05d}" if given is None else str(given)
    return {"id": identity, "question": _text(question), "answer": final}


def _first(record: Mapping[str, Any], names: tuple[str, ...], where: str) -> tuple[str, Any]:
    for name in names:
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            if isinstance(value, float) and not math.isfinite(value):
                raise TaskError(
                    f"{where}: {name!r} is {value}, which is not a number",
                    hint="write a number or a text",
                )
            return name, value
    found = ", ".join(map(repr, list(record)[:8])) or "none"
    raise TaskError(
        f"{where}: no field {' or '.join(map(repr, names))} with a text or number",
        hint=f"the fields there are: {found}",
    )


def _text(value: str | int | float) -> str:
    """Return a value as text, a float without an exponent."""
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
