"""Public benchmarks: rows of the Hub, or of a local copy of it, as the documents of a task.

What a task takes from where stands in its YAML file (see ``fields``); the code beside it calls
``load``, so that lm-eval gets the same documents.  An argument, ``NAME:PATH``, names a local
copy, and may keep the problems of some time only: ``NAME:PATH,since=2025-01-01``,
``NAME:until=2025-06-30``.

Invariants: every row becomes a document, or is counted under the reason why it cannot be one;
a row that is not what its schema says ends the load.  All documents have the same fields.
"""

import datetime
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import msgspec

from reasonbench.errors import SpecError, TaskError, UnknownNameError
from reasonbench.tasks.fields import TaskFields, read_fields
from reasonbench.tasks.hub_files import Found, Wanted, hub_files, local_files
from reasonbench.tasks.row_files import Row, read_rows
from reasonbench.tasks.rows import Reader, RowError, Unusable
from reasonbench.tasks.schemas import SCHEMAS

SPLIT = "test"
"""Under which lm-eval is given the documents, whatever the source's split is called."""


class Argument(NamedTuple):
    """What a task's argument asks for."""

    path: str | None = None
    """Local copy of the data set."""
    since: datetime.date | None = None
    """First day of publication."""
    until: datetime.date | None = None
    """Last day of publication."""

    @property
    def suffix(self) -> str:
        """What is added to the task's name, since other problems are another task."""
        words = [("since", self.since), ("until", self.until)]
        return "".join(f"_{word}_{day.isoformat()}" for word, day in words if day is not None)

    def takes(self, day: datetime.date | None) -> bool:
        """Return whether a problem of that day is asked for."""
        if day is None:
            return self.since is None and self.until is None
        return (self.since or day) <= day <= (self.until or day)


EVERYTHING = Argument()


class Provenance(msgspec.Struct, frozen=True):
    """Where documents came from; travels in the description of their ``datasets.Dataset``."""

    source: str
    """Data set, or the file that is its copy."""
    revision: str | None
    """Commit on the Hub; None for a copy."""
    left_out: dict[str, int]
    """Rows that are no problem here, by the reason."""


def read_argument(name: str, argument: str | None) -> Argument:
    """Return what follows the colon of ``NAME:PATH,since=DAY,until=DAY``.

    Raises:
        SpecError: a day is none, or the days exclude each other.
    """
    words = argument.split(",") if argument else []
    days: dict[str, datetime.date] = {}
    while words and (parts := words[-1].partition("="))[0] in ("since", "until"):
        word = words.pop()
        try:
            days[parts[0]] = datetime.date.fromisoformat(parts[2])
        except ValueError:
            raise SpecError(
                f"the task {name!r} cannot use {word!r}", hint="write a day, as since=2025-01-31"
            ) from None
    found = Argument(",".join(words) or None, **days)
    if found.since and found.until and found.since > found.until:
        raise SpecError(f"no day is since {found.since} and until {found.until}")
    return found


def load(
    fields: TaskFields, name: str, argument: Argument = EVERYTHING
) -> dict[str, datasets.Dataset]:
    """Return the documents of a public task, as lm-eval takes them.

    Args:
        fields: what its YAML file says.
        name: of the task.
        argument: a local copy, and the days that are asked for.

    Raises:
        TaskError: the data cannot be had, or a row is not what the schema says.
    """
    reader = SCHEMAS.get(fields.schema or "")
    if reader is None:
        raise UnknownNameError.build("schema of rows", str(fields.schema), SCHEMAS)
    if fields.source is None:
        raise SpecError(f"the task {name!r} has a schema and no source")
    wanted = Wanted(fields.source, fields.revision, fields.config, fields.split, fields.data_files)
    path = argument.path
    found = hub_files(wanted) if path is None else local_files(Path(path).expanduser(), wanted)
    rows = (row for file in found.files for row in read_rows(file))
    docs, left_out = _documents(rows, fields, reader, argument)
    if not docs:
        told = "; ".join(f"{n} left out: {reason}" for reason, n in left_out.items())
        raise TaskError(f"no problem of {name!r} is left ({told or 'there are no rows'})")
    return {SPLIT: _dataset(docs, _provenance(wanted, path, found, left_out))}


def load_for_lm_eval(
    config_source: str,
    reasonbench: Mapping[str, Any],
    path: str | Mapping[str, str] | None = None,
    since: str | None = None,
    until: str | None = None,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """Return the documents of a YAML file; lm-eval passes its metadata as keywords.

    Args:
        config_source: the YAML file.
        reasonbench: our fields in it.
        path: local copy, or one for each task's name, as ``lm_eval run --metadata`` gives it.
        since: first day of publication.
        until: last day of publication.
    """
    file = Path(config_source)
    fields = read_fields({"reasonbench": dict(reasonbench)}, file)
    local = path if isinstance(path, str | None) else path.get(file.stem)
    words = [local or "", *(f"{k}={v}" for k, v in (("since", since), ("until", until)) if v)]
    return load(fields, file.stem, read_argument(file.stem, ",".join(filter(None, words))))


def provenance(splits: Mapping[str, Any]) -> Provenance | None:
    """Return where the documents of ``load`` came from; None for those of other loaders."""
    try:
        return msgspec.json.decode(splits[SPLIT].info.description, type=Provenance)
    except (KeyError, AttributeError, TypeError, msgspec.DecodeError):
        return None


def _provenance(
    wanted: Wanted, path: str | None, found: Found, left_out: dict[str, int]
) -> Provenance:
    if path is None:
        return Provenance(wanted.source, found.revision, left_out)
    return Provenance(f"{Path(path).name} (local copy of {wanted.source})", None, left_out)


def _documents(
    rows: Iterable[Row], fields: TaskFields, reader: Reader, argument: Argument
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the documents, and the rows that are none, by the reason."""
    docs: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for number, (where, row) in enumerate(rows, 1):
        try:
            doc = _encoded(reader(row, number), fields)
        except Unusable as error:
            left_out[error.reason] += 1
            continue
        except RowError as error:
            raise TaskError(
                f"{where}: {error}",
                hint=f"expected: a row of {fields.source} (schema {fields.schema})",
            ) from error
        day = published_of(doc, fields)
        if argument.takes(day):
            docs.append(doc)
        else:
            left_out["it has no date" if day is None else "other days were asked for"] += 1
    return docs, dict(left_out)


def published_of(doc: Mapping[str, Any], fields: TaskFields) -> datetime.date | None:
    """Return the day on which a document became public.

    Raises:
        TaskError: the field that has it holds no day.
    """
    day = doc.get(fields.date) if fields.date is not None else None
    if day is None:
        return fields.published
    try:
        return datetime.date.fromisoformat(str(day)[:10])
    except ValueError:
        raise TaskError(
            f"{fields.date!r} of document {doc.get('id')!r} is no day: {str(day)[:40]!r}",
            hint="write it as 2025-01-31",
        ) from None


def _encoded(doc: dict[str, Any], fields: TaskFields) -> dict[str, Any]:
    """Return a document as a table can hold it: its tests as JSON, all texts as UTF-8."""
    if fields.tests is not None:
        doc[fields.tests] = json.dumps(doc[fields.tests], allow_nan=False)
    if fields.grading is not None:
        doc["grading"] = json.dumps(fields.grading)
    for name, value in doc.items():
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise RowError(f"{name!r} holds half of a surrogate pair") from None
    return doc


def _dataset(docs: list[dict[str, Any]], origin: Provenance) -> datasets.Dataset:
    columns = {name: [doc[name] for doc in docs] for name in docs[0]}
    features = datasets.Features({name: _feature(values) for name, values in columns.items()})
    description = msgspec.json.encode(origin).decode()
    info = datasets.DatasetInfo(description=description, features=features)
    return datasets.Dataset.from_dict(columns, info=info)


def _feature(values: list[Any]) -> Any:
    """Return a column's type; the tests of one benchmark may be more than 2 GB of text."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return datasets.Value("bool")
    if kinds == {int}:
        return datasets.Value("int64")
    if kinds and kinds <= {int, float}:
        return datasets.Value("float64")
    return datasets.Value("large_string")
