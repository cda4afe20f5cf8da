"""Which format a file has, by its content."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reasonbench.errors import SpecError
from reasonbench.interchange import (
    import_eee,
    import_evalplus,
    import_inspect,
    import_lighteval,
    import_lm_eval,
    import_tables,
)
from reasonbench.interchange.import_files import Log
from reasonbench.interchange.imported import Imported, Row


class Reader(NamedTuple):
    """How one format of rows is known and read."""

    matches: Callable[[Row], bool]
    """Whether a first row is of it."""
    read: Callable[[Log], Imported]
    """The importer."""


READERS = {
    "lm-eval": Reader(import_lm_eval.matches, import_lm_eval.read),
    "eee": Reader(import_eee.matches, import_eee.read),
    "lighteval": Reader(import_lighteval.matches, import_lighteval.read),
    "matharena": Reader(import_tables.is_matharena, import_tables.read_matharena),
    "nemo": Reader(import_tables.is_nemo, import_tables.read_nemo),
    "evalchemy": Reader(import_tables.is_evalchemy, import_tables.read_evalchemy),
    "evalplus": Reader(import_evalplus.matches, import_evalplus.read),
    "counts": Reader(import_tables.is_counts, import_tables.read_counts),
}
"""Formats of rows, in the order in which they are tried."""
FORMATS = ("inspect", *READERS)
"""All formats."""


def read_log(path: Path, form: str | None = None, model: str | None = None) -> Imported:
    """Return what a log holds.

    Args:
        path: the file.
        form: its format; by default it is recognised.
        model: the model to take, where a file holds several.

    Raises:
        ReasonbenchError: it cannot be read, or its format is not known.
    """
    with Log(path) as log:
        found = _recognised(log) if form is None else form
        if found == "inspect":
            if log.kind not in ("zip", "json"):
                raise log.bad("is no log of inspect_ai, which is a zip or a JSON document")
            return import_inspect.read(log)
        if log.kind == "zip":
            raise log.bad(f"is a zip, and a log of {found} is none")
        if found == "matharena":
            return import_tables.read_matharena(log, model)
        return READERS[found].read(log)


def _recognised(log: Log) -> str:
    if log.kind == "zip":
        return "inspect"
    if log.kind == "json":
        document = log.document()
        if import_inspect.matches(document):
            return "inspect"
        if import_evalplus.is_results(document):
            return "evalplus"
        if isinstance(document, dict) and {"results", "configs"} <= document.keys():
            raise log.bad(
                "holds lm-eval's results, and no samples",
                "give the samples_<task>_<time>.jsonl beside it; lm-eval writes them with "
                "--log_samples",
            )
        if isinstance(document, dict) and "evaluation_results" in document:
            raise log.bad(
                "is an aggregate of Every Eval Ever, and holds no samples",
                "give the _samples.jsonl that it names in detailed_evaluation_results",
            )
    first = next(log.rows(), None)
    if first is None:
        raise log.bad("holds no row")
    for name, reader in READERS.items():
        if reader.matches(first):
            return name
    fields = ", ".join(list(first.data)[:8])
    raise SpecError(
        f"the format of {log.path} is not known; its first row has the fields {fields:.200}",
        hint=f"known: {', '.join(FORMATS)}; or write problem_id,n,c as CSV",
    )


def check_form(form: str | None) -> None:
    """Refuse a name of no format."""
    if form is not None and form not in FORMATS:
        raise SpecError(f"there is no format {form!r}", hint=f"known: {', '.join(FORMATS)}")
