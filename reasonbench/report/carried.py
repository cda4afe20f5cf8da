"""The data that a page carries: written so that no text of it can end the script, and read back."""

import hashlib
import json
from pathlib import Path
from typing import TypeVar

import msgspec

from reasonbench.errors import SpecError
from reasonbench.report.data import DATA_SCHEMA, ReportData
from reasonbench.report.evidence import around_of, found_of, spot_of
from reasonbench.report.files import DATA_FILE
from reasonbench.report.text import visible
from reasonbench.results.study import STUDY_SCHEMA, StudyReport

MAX_READ = 400_000_000
"""Bytes of a file that is read back, at most."""
OPENING = b'<script type="application/json" id="data">'
CLOSING = b"</script>"
T = TypeVar("T")
HINT = "name the HTML file that reasonbench report --html wrote"


class Carried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an audit's page holds as JSON."""

    data: ReportData
    """All, or all but the texts of the evidence that went into the folder."""
    left_out: int = 0
    """Pieces of evidence that went there."""
    digest: str = ""
    """SHA-256 of the folder's data."""


class CarriedStudy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a study's page holds as JSON."""

    study: StudyReport
    """All of it."""


class _Kind(msgspec.Struct, frozen=True):
    study: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class AuditCargo:
    """An audit's data; evidence that does not fit leaves its texts to the folder."""

    divisible = True

    def __init__(self, data: ReportData) -> None:
        self._data = data

    def whole(self) -> str:
        """Return the data as JSON."""
        return msgspec.json.encode(self._data).decode()

    def embedded(self, kept: int | None = None, digest: str = "") -> str:
        """Return what a page holds, with the texts of the first ``kept`` pieces of evidence."""
        data, left_out = (self._data, 0) if kept is None else _without(self._data, kept)
        return _shown(Carried(data=data, left_out=left_out, digest=digest))

    def weights(self) -> list[int]:
        """Return about how many bytes of JSON each piece of evidence takes."""
        statements, around = self._data.audit.statements, around_of(self._data)
        return [
            len(msgspec.json.encode(f.matches))
            + len(msgspec.json.encode(around.get(spot_of(f.matches[0]))))
            + len(msgspec.json.encode(statements.get(f"{f.task}/{f.problem_id}", "")))
            for f in found_of(self._data)
        ]


class StudyCargo:
    """A study's report, which has no evidence to leave out."""

    divisible = False

    def __init__(self, report: StudyReport) -> None:
        self._report = report

    def whole(self) -> str:
        """Return the report as JSON."""
        return msgspec.json.encode(self._report).decode()

    def embedded(self, kept: int | None = None, digest: str = "") -> str:
        """Return what a page holds: all of it."""
        return _shown(CarriedStudy(study=self._report))

    def weights(self) -> list[int]:
        """Return nothing: there is no evidence."""
        return []


def folder_of(name: str) -> str:
    """Return the name of the folder beside a page, by the page's name without its ending."""
    return f"{name}.evidence"


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(value: msgspec.Struct) -> str:
    """Return JSON of which all shows, and in which nothing opens a tag."""
    text = msgspec.json.encode(value).decode()
    odd = {c for c in set(text) if c in "<>&" or visible(c) != c}
    return text.translate({ord(c): _escaped(c) for c in odd})


def _escaped(character: str) -> str:
    shown = json.dumps(character)[1:-1]
    return shown if shown != character else f"\\u{ord(character):04x}"


def _without(data: ReportData, kept: int) -> tuple[ReportData, int]:
    """Return the data without the texts of all but the first pieces of evidence."""
    replace = msgspec.structs.replace
    found = found_of(data)
    stay = {id(f) for f in found[:kept]}
    gone = {id(f) for f in found[kept:]}
    named = {f"{f.task}/{f.problem_id}" for f in found if id(f) in stay}
    audit = replace(
        data.audit,
        findings=tuple(replace(f, matches=()) if id(f) in gone else f for f in data.audit.findings),
        statements={k: v for k, v in data.audit.statements.items() if k in named},
    )
    known = around_of(data)
    places = (spot_of(f.matches[0]) for f in found if id(f) in stay)
    around = tuple(known[place] for place in dict.fromkeys(places) if place in known)
    return replace(data, audit=audit, surroundings=around), len(gone)


def read(path: Path) -> ReportData | StudyReport:
    """Read the data that a page carries, with its folder's where that is there.

    Raises:
        SpecError: it is no such page, or its data is not what it should be.
    """
    page = _bytes(path)
    if page.count(OPENING) != 1:
        raise SpecError(f"{path} holds no data of a report", hint=HINT)
    text = page.split(OPENING)[1].split(CLOSING)[0]
    if _decoded(path, text, _Kind).study is not msgspec.UNSET:
        study = _decoded(path, text, CarriedStudy).study
        _same(path, study.schema_version, STUDY_SCHEMA)
        return study
    found = _decoded(path, text, Carried)
    data = found.data
    if found.digest:
        file = path.with_name(folder_of(path.stem)) / DATA_FILE
        if file.is_file():
            whole = _bytes(file)
            if hashlib.sha256(whole).hexdigest() != found.digest:
                raise SpecError(
                    f"{file} is not the data that {path} was made with",
                    hint="take the page and its folder from the same report",
                )
            data = _decoded(file, whole, ReportData)
        else:
            note = (
                f"{found.left_out:,} pieces of evidence stood in the folder "
                f"{folder_of(path.stem)}, which is not there."
            )
            data = msgspec.structs.replace(data, notes=(*data.notes, note))
    _same(path, data.schema_version, DATA_SCHEMA)
    return data


def _same(path: Path, version: int, ours: int) -> None:
    if version != ours:
        raise SpecError(
            f"{path} holds data of schema version {version}, not {ours}",
            hint="read it with the reasonbench that wrote it",
        )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(MAX_READ + 1)
    except FileNotFoundError as error:
        raise SpecError(f"there is no file {path}", hint=HINT) from error
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(found) > MAX_READ:
        raise SpecError(f"{path} has more than {MAX_READ:,} bytes", hint=HINT)
    return found


def _decoded(path: Path, text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SpecError(f"the data in {path} is not a report's: {error}", hint=HINT) from error
