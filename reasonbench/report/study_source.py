"""Studies on disk: the finished one of a directory, or its JSON."""

from pathlib import Path, PurePath
from typing import Any

import msgspec

from reasonbench.errors import SpecError
from reasonbench.report.data import inside_text
from reasonbench.results.study import STUDY_SCHEMA, StudyReport

SPEC_FILE, REPORT_FILE = "study.json", "report.json"
"""What a study's directory holds: what was asked for, and what was found."""
KEPT = (SPEC_FILE, REPORT_FILE, "counts.parquet", "bank/bank.parquet")
"""Files of that directory that no report may be written over."""

PATHS = ("id", "recipe", "command")
"""Fields that are a path as a whole where they begin as one, blanks included."""


class _Kind(msgspec.Struct, frozen=True):
    selection: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    bank: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    models: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def is_study(path: Path) -> bool:
    """Return whether a path is a study's directory or the report.json of one."""
    if path.is_dir():
        return (path / SPEC_FILE).is_file()
    try:
        return is_study_json(path.read_bytes()) if path.suffix == ".json" else False
    except OSError:
        return False  # whoever reads it as something else says why it cannot be read


def is_study_json(text: bytes) -> bool:
    """Return whether JSON is that of a study's report, of whatever schema version."""
    try:
        found = msgspec.json.decode(text, type=_Kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return msgspec.UNSET not in (found.selection, found.bank, found.models)


def load_study(path: Path) -> StudyReport:
    """Read the report of a study's directory, or a report.json.

    Raises:
        SpecError: the study is not finished, or the file is not a study's report.
    """
    file = path / REPORT_FILE if path.is_dir() else path
    try:
        text = file.read_bytes()
    except FileNotFoundError as error:
        raise SpecError(
            f"the study in {path} is not finished: there is no {REPORT_FILE}",
            hint="repeat reasonbench study with its file; it goes on where it stopped",
        ) from error
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
    return decode_study(text, str(file))


def decode_study(text: bytes, name: str) -> StudyReport:
    """Take a study's report from JSON.

    Args:
        text: the JSON.
        name: what an error calls it.

    Raises:
        SpecError: it is no study's report of this schema version.
    """
    try:
        found = msgspec.json.decode(text, type=StudyReport)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SpecError(
            f"{name} is not a study's report of schema version {STUDY_SCHEMA}: {error}",
            hint="name what reasonbench study wrote",
        ) from error
    if found.schema_version != STUDY_SCHEMA:
        raise SpecError(
            f"{name} is a study's report of schema version {found.schema_version}, not "
            f"{STUDY_SCHEMA}",
            hint="read it with the reasonbench that wrote it",
        )
    return found


def portable_study(report: StudyReport) -> StudyReport:
    """Return a report that names files without the folders of the machine that made it."""
    return msgspec.convert(_bare(msgspec.to_builtins(report)), StudyReport)


def _bare(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        whole = key in PATHS and value.startswith("/")
        return PurePath(value).name or value if whole else inside_text(value)
    if isinstance(value, dict):
        return {_bare(name): _bare(each, str(name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(each, key) for each in value]
    return value
