"""Markdown that GitHub renders, below 1 MiB whatever the evidence."""

from collections.abc import Sequence
from pathlib import Path

from reasonbench import plugins
from reasonbench.protocols import Section
from reasonbench.report.audits import document_of
from reasonbench.report.data import ReportData
from reasonbench.report.document import Document
from reasonbench.report.files import write_whole
from reasonbench.report.text import cell
from reasonbench.results import Audit

MAX_BYTES = 1_000_000
CUT = "\n\n*The report ends here: what follows does not fit into 1 MiB. The {} holds it.*\n"


def render(source: Audit | ReportData | Document, parts: Sequence[Section] | None = None) -> str:
    """Return a document as Markdown; an audit with its completions where they still are."""
    document = source if isinstance(source, Document) else document_of(source, parts)
    lines = [f"# {cell(document.title)}"]
    for part in document.parts:
        lines.append(f"## {cell(part.title)}")
        with plugins.attributed("section", part.title):
            lines += [block.markdown() for block in part.blocks]
    text = "\n\n".join(lines) + "\n"
    encoded = text.encode("utf-8")
    if len(encoded) <= MAX_BYTES:
        return text
    kept = encoded[:MAX_BYTES].decode("utf-8", "ignore").rsplit("\n\n", 1)[0]
    return kept + CUT.format(document.file)


def write(source: Audit | ReportData | Document, path: Path) -> Path:
    """Write the report whole or not at all.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    return write_whole(path, render(source))
