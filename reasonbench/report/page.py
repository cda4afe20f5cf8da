"""One HTML file that loads nothing, and carries the data that it was made of.

The page's own policy allows this style and this script, by their digests, and nothing else.
Evidence that would make the file larger than 20 MB goes into pages of a folder beside it.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from reasonbench import __version__, plugins
from reasonbench.protocols import Section
from reasonbench.report import carried
from reasonbench.report.audits import document_of
from reasonbench.report.blocks import html_of
from reasonbench.report.data import ReportData
from reasonbench.report.document import Cargo, Document, Part
from reasonbench.report.files import DATA_FILE, clear_pages, write_whole
from reasonbench.report.panels import EvidenceList
from reasonbench.report.templating import render as fill
from reasonbench.report.templating import source as file_of
from reasonbench.report.text import cut

MAX_PAGE = 20_000_000
"""Bytes beyond which evidence goes into a folder."""
MAX_PART = 4_000_000
"""Bytes of evidence on one page of that folder, about."""
SCRIPT = "page.js"
FRAME = 10_000
"""Bytes of a page beside its sections, style, script and data, at most about."""


class Page(NamedTuple):
    """A report's HTML, and the files of the folder beside it."""

    html: str
    further: dict[str, str]
    """Name and text of each file of the folder; empty where all fits on the page."""


class Drawn(NamedTuple):
    """A section as HTML."""

    number: int
    title: str
    parts: list[Markup]


def render(
    source: ReportData | Document,
    name: str = "report",
    parts: Sequence[Section] | None = None,
    *,
    limit: int = MAX_PAGE,
) -> Page:
    """Return a report as HTML.

    Args:
        source: a document, or what was collected of an audit.
        name: the file's name without its ending, which the folder beside it is named by.
        parts: the sections of an audit; by default the registered ones.
        limit: bytes beyond which evidence goes into the folder.
    """
    document = source if isinstance(source, Document) else document_of(source, parts)
    cargo, pieces = document.cargo, _pieces(document.parts)
    drawn = [
        Drawn(number, cut(part.title, 200), _drawn(part))
        for number, part in enumerate(document.parts, 1)
    ]
    others = FRAME + sum(len(part.encode()) for section in drawn for part in section.parts)
    others += sum(len(file_of(name).encode()) for name in (*document.style, SCRIPT))
    kept, embedded = len(pieces), cargo.embedded()
    further: dict[str, str] = {}
    size = others + len(embedded) + sum(len(p.encode()) for p in pieces)
    if size > limit and cargo.divisible:
        whole = cargo.whole()
        kept = _fitting(cargo, pieces, limit - others)
        embedded = cargo.embedded(kept, carried.digest_of(whole))
        further = _further(document, pieces, kept)
        further[DATA_FILE] = whole
    if pieces:
        folder = carried.folder_of(name)
        _place(drawn, document.parts, pieces, kept=kept, files=list(further), folder=folder)
    return Page(_page(document, drawn, embedded), further)


def write(source: ReportData | Document, path: Path, *, limit: int = MAX_PAGE) -> Path:
    """Write the report, each file whole or not at all, and the page last.

    Raises:
        StoreWriteError: a file cannot be written.
    """
    page = render(source, path.stem, limit=limit)
    folder = path.with_name(carried.folder_of(path.stem))
    for name, text in page.further.items():
        write_whole(folder / name, text)
    clear_pages(folder, set(page.further))
    return write_whole(path, page.html)


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with this style and script alone."""
    allowed = [f"style-src {_hash(style)}"]
    allowed += [f"script-src {_hash(script)}"] if script else []
    return "; ".join(
        ["default-src 'none'", *allowed, "img-src data:", "base-uri 'none'", "form-action 'none'"]
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _pieces(parts: Sequence[Part]) -> list[Markup]:
    """Return the evidence one by one."""
    lists = [b for part in parts for b in part.blocks if isinstance(b, EvidenceList)]
    return [piece for one in lists for piece in one.pieces()]


def _drawn(part: Part) -> list[Markup]:
    """Return a part's blocks, but for the evidence, whose place is left empty."""
    with plugins.attributed("section", part.title):
        return [Markup() if isinstance(b, EvidenceList) else html_of(b) for b in part.blocks]


def _fitting(cargo: Cargo, pieces: Sequence[Markup], room: int) -> int:
    """Return how many pieces of evidence fit, their data included."""
    room -= len(cargo.embedded(0, "0" * 64))
    weights = cargo.weights()
    for kept, (piece, weight) in enumerate(zip(pieces, weights, strict=True)):
        room -= len(piece.encode()) + weight
        if room < 0:
            return kept
    return len(pieces)


def _further(document: Document, pieces: Sequence[Markup], kept: int) -> dict[str, str]:
    """Return the pages of the evidence that does not fit."""
    pages: dict[str, str] = {}
    first, size = kept, 0
    for at in range(kept, len(pieces)):
        size += len(pieces[at].encode())
        if size >= MAX_PART or at == len(pieces) - 1:
            style = _style(document)
            html = fill(
                "evidence_page",
                policy=policy(style, ""),
                title=cut(document.title, 300),
                style=Markup(style),
                first=first + 1,
                last=at + 1,
                parts=pieces[first : at + 1],
            )
            pages[f"evidence-{first + 1}-{at + 1}.html"] = str(html)
            first, size = at + 1, 0
    return pages


def _place(
    drawn: Sequence[Drawn],
    found: Sequence[Part],
    pieces: Sequence[Markup],
    *,
    kept: int,
    files: Sequence[str],
    folder: str,
) -> None:
    """Put the evidence where its list stands."""
    pages = [(f, f"{folder}/{f}") for f in files if f != DATA_FILE]
    for section, (_, blocks) in zip(drawn, found, strict=True):
        for at, block in enumerate(blocks):
            if isinstance(block, EvidenceList):
                section.parts[at] = fill(
                    "evidence_list",
                    parts=pieces[:kept],
                    spilled=len(pieces) - kept,
                    folder=folder,
                    pages=pages,
                )
                return


def _style(document: Document) -> str:
    return "".join(file_of(name) for name in document.style)


def _page(document: Document, drawn: Sequence[Drawn], embedded: str) -> str:
    style, script = _style(document), file_of(SCRIPT)
    html = fill(
        "page",
        policy=policy(style, script),
        version=__version__,
        title=cut(document.title, 300),
        style=Markup(style),
        script=Markup(script),
        sections=drawn,
        origin=document.origin,
        data=Markup(embedded),
    )
    return str(html)
