"""What a task's YAML file may say under ``metadata.reasonbench``.

lm-eval ignores it, so one file serves both.  Every key is optional::

    metadata:
      version: 1.0
      reasonbench:
        grader: math            # registered grader; without it lm-eval's own scoring
        license: MIT
        published: 2021-10-27   # day on which the problems became public
        source: openai/gsm8k
        statement: question     # field of a document that is the bare problem
        id: unique_id           # field that identifies a document; without it its position
        target: answer          # field that is the gold answer; without it doc_to_target
        cluster: template       # field that variants of one problem share
        filter: strict-match    # filter and metric that decide under the lm_eval grader
        metric: exact_match
        grading: {tolerance: 1e-6, percent: value, unit: required, order: any}
                                # options of the grader; the math grader's are in graders/maths
        tests: tests            # field with a coding problem's tests, as JSON or a table
        date: published         # field with the day of each problem; ``published`` where null

A public benchmark also says what its documents are made of (see ``public``)::

        schema: matharena       # reader of its rows; with it, ``source`` is the Hub's id
        config: main            # configuration; without it the default one
        revision: 0123abc...    # commit; without it ``main``, and what that is is recorded
        split: train            # split of the source; without it ``test``
        data_files: [test6.jsonl]  # files of the source, where its card names none
"""

import datetime
import difflib
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import SpecError
from reasonbench.specs import Spec


class TaskFields(Spec, frozen=True, kw_only=True):
    """The keys of ``metadata.reasonbench``."""

    grader: str = "lm_eval"
    """Registered grader; ``lm_eval`` is the task's own filters and ``process_results``."""
    license: str | None = None
    """Licence of the problems."""
    published: datetime.date | None = None
    """Day on which the problems became public."""
    source: str | None = None
    """Where the problems came from, if not from the data set that the task names."""
    statement: str | None = None
    """Field with the bare problem; without it, what ``doc_to_text`` gives."""
    id: str | None = None
    """Field that identifies a document; without it, its position."""
    target: str | None = None
    """Field with the gold answer; without it, what ``doc_to_target`` gives."""
    cluster: str | None = None
    """Field that variants of one problem share."""
    filter: str | None = None
    """Filter that decides under the ``lm_eval`` grader."""
    metric: str | None = None
    """Metric that decides under the ``lm_eval`` grader."""
    grading: dict[str, Any] | None = None
    """Options of the grader, such as ``tolerance``."""
    tests: str | None = None
    """Field with the tests of a coding problem, as JSON or a table; it then has no target."""
    date: str | None = None
    """Field with the day on which each problem became public."""
    schema: str | None = None
    """Reader of the source's rows, for a public benchmark."""
    config: str | None = None
    """Configuration of the source."""
    revision: str | None = None
    """Commit of the source; without it, what ``main`` is at when it is loaded."""
    split: str = "test"
    """Split of the source."""
    data_files: tuple[str, ...] = ()
    """Files of the source that hold the split, where its card does not say."""


def read_fields(metadata: Any, path: Path) -> TaskFields:
    """Return our fields of a task's metadata.

    Raises:
        SpecError: a key that does not exist, or a value of the wrong kind.
    """
    given = metadata.get("reasonbench") if isinstance(metadata, dict) else None
    given = {} if given is None else given
    where = f"metadata.reasonbench in {path}"
    if not isinstance(given, dict):
        raise SpecError(f"{where} must be a table, got {given!r:.80}")
    known = TaskFields.__struct_fields__
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            raise SpecError(
                f"{where} has the unknown key {key!r}",
                hint=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}",
            )
    try:
        return msgspec.convert(given, TaskFields)
    except msgspec.ValidationError as error:
        raise SpecError(f"{where} cannot be used: {error}") from error
