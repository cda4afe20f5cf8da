r"""Rows of public data sets as documents; ``SCHEMAS`` names the readers, the coding ones included.

A reader takes one row as its makers publish it and returns a document.  Every document has
``id``, ``question``, ``published`` (ISO date or None), ``cluster`` and ``solution`` (or None), and
``answer`` or ``tests``; all documents of a schema have the same fields.

Not covered: problems that cannot be judged by their final answer alone (proofs, pictures).
"""

import re
from collections.abc import Mapping
from typing import Any

from reasonbench.identity import digest
from reasonbench.tasks import code_schemas, row_fields
from reasonbench.tasks.rows import Reader, RowError, Unusable

LETTERS = "ABCDEFGHIJ"


def _doc(name: str, question: str, answer: str, **beside: Any) -> dict[str, Any]:
    if not question.strip():
        raise RowError("its question is empty")
    if not answer.strip():
        raise RowError("its answer is empty")
    common = {"id": name, "question": question, "answer": answer}
    return {**common, "published": None, "cluster": None, "solution": None, **beside}


def _scalar(row: Mapping[str, Any], *names: str) -> str:
    """Return a text or a number as text; a float that is whole loses its ``.0``."""
    value = row_fields.first(row, names, (str, int, float))
    if isinstance(value, float):
        if not value.is_integer():
            raise RowError(f"{names[0]!r} must be a text or a whole number, got {value!r}")
        return str(int(value))
    return str(value).strip()


def _position(number: int) -> str:
    """Return the id of a row that has none, as lm-eval numbers documents."""
    return f"{number - 1:05d}"


# --- Contests --------------------------------------------------------------------------------


def matharena(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read a contest of MathArena: ``problem_idx, problem, answer`` and perhaps a type."""
    return _doc(
        _scalar(row, "problem_idx"),
        row_fields.text(row, "problem"),
        _scalar(row, "answer"),
        topic=", ".join(row_fields.texts(row, "problem_type", [])),
    )


def arxivmath(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read a month of ArXivMath: as ``matharena``, with the paper as ``source``.

    Questions about one paper are one cluster.  Some months have the paper's id as a number,
    which lost the zeros at its end.
    """
    source = row.get("source")
    if isinstance(source, float):
        source = f"{source:010.5f}" if 0 < source < 10_000 else None
    if not isinstance(source, str | None):
        raise RowError(f"'source' must be an arXiv id, got {row_fields.found(row, 'source')}")
    title = row_fields.text(row, "title", "")
    return {**matharena(row, number), "cluster": source or None, "title": title}


def aime_2024(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``HuggingFaceH4/aime_2024``: ``id, problem, solution, answer, url``."""
    answer = _scalar(row, "answer")
    return _doc(
        _scalar(row, "id"),
        row_fields.text(row, "problem"),
        str(int(answer)) if re.fullmatch(r"[0-9]{1,3}", answer) else answer,
        solution=row_fields.text(row, "solution"),
        url=row_fields.text(row, "url", ""),
    )


# --- School mathematics ----------------------------------------------------------------------


def math_500(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``HuggingFaceH4/MATH-500``."""
    level = row.get("level")
    if isinstance(level, bool) or not isinstance(level, int | str):
        raise RowError(f"'level' must be a number, got {row_fields.found(row, 'level')}")
    return _doc(
        row_fields.text(row, "unique_id"),
        row_fields.text(row, "problem"),
        row_fields.text(row, "answer"),
        solution=row_fields.text(row, "solution"),
        subject=row_fields.text(row, "subject"),
        level=str(level),
    )


def gsm8k(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``openai/gsm8k``; rows have no id, so it is their position."""
    worked = row_fields.text(row, "answer")
    return _doc(
        _position(number), row_fields.text(row, "question"), _after_marks(worked), solution=worked
    )


def gsm_symbolic(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``apple/GSM-Symbolic``; the instances of one template are one cluster."""
    worked = row_fields.text(row, "answer")
    return _doc(
        f"{_scalar(row, 'id')}-{_scalar(row, 'instance')}",
        row_fields.text(row, "question"),
        _after_marks(worked),
        solution=worked,
        cluster=_scalar(row, "original_id"),
    )


def _after_marks(worked: str) -> str:
    """Return what follows the last ``####``, without the commas between thousands."""
    _, marks, final = worked.rpartition("####")
    if not marks or not final.strip():
        raise RowError(f"'answer' must end in '#### 42', got {worked[-60:]!r}")
    return final.strip().replace(",", "")


# --- Olympiads -------------------------------------------------------------------------------


def olympiad_bench(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``Hothan/OlympiadBench``, its text-only problems with a final answer.

    Several answers are one list.  A problem whose answer may be off by a number of its own, or
    that people must judge, is unusable.
    """
    answers = row_fields.texts(row, "final_answer", [])
    if not answers:
        raise Unusable("it has no final answer")
    if (kind := row_fields.text(row, "answer_type", "")) == "Need_human_evaluate":
        raise Unusable("people must judge it")
    if (error := _nothing_as_empty(row, "error")).strip():
        raise Unusable("its answer has a tolerance of its own", f"{error:.40}")
    question, context = row_fields.text(row, "question"), _nothing_as_empty(row, "context")
    return _doc(
        _scalar(row, "id"),
        f"{context.strip()}\n\n{question}" if context.strip() else question,
        ", ".join(answer.strip().strip("$").strip() for answer in answers),
        solution="\n\n".join(row_fields.texts(row, "solution", [])) or None,
        unit=_nothing_as_empty(row, "unit"),
        answer_type=kind,
        subject=row_fields.text(row, "subfield", ""),
    )


def _nothing_as_empty(row: Mapping[str, Any], name: str) -> str:
    """Return a text; null and the NaN that pandas makes of it are empty."""
    value = row.get(name)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN
        return ""
    return str(value) if isinstance(value, int | float) else row_fields.text(row, name, "")


# --- Multiple choice -------------------------------------------------------------------------


def gpqa(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``Idavidrein/gpqa``, which puts the right answer first.

    The options are lettered in the order of a digest of the id and the option: fixed, and the
    same for everyone, while the right one stands anywhere.
    """
    name = row_fields.text(row, "Record ID")
    right = row_fields.text(row, "Correct Answer").strip()
    wrong = [row_fields.text(row, f"Incorrect Answer {i}").strip() for i in (1, 2, 3)]
    if right in wrong:
        raise Unusable("a wrong option is the right one as well", right[:40])
    options = sorted({right, *wrong}, key=lambda option: digest(name, option))
    return _doc(
        name,
        row_fields.text(row, "Question").strip(),
        LETTERS[options.index(right)],
        options="\n".join(
            f"{letter}) {option}" for letter, option in zip(LETTERS, options, strict=False)
        ),
        solution=_nothing_as_empty(row, "Explanation") or None,
        subject=_nothing_as_empty(row, "Subdomain"),
    )


SCHEMAS: dict[str, Reader] = {
    "aime_2024": aime_2024,
    "arxivmath": arxivmath,
    "gpqa": gpqa,
    "gsm8k": gsm8k,
    "gsm_symbolic": gsm_symbolic,
    "math_500": math_500,
    "matharena": matharena,
    "olympiad_bench": olympiad_bench,
    **code_schemas.SCHEMAS,
}
"""Readers by the name that ``metadata.reasonbench.schema`` gives."""
