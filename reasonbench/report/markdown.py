"""Markdown that GitHub renders, below 1 MiB whatever the evidence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from reasonbench import plugins
from reasonbench.protocols import Block, Section
from reasonbench.report.collect import Source, collect
from reasonbench.report.data import ReportData
from reasonbench.report.files import write_whole
from reasonbench.report.text import cell
from reasonbench.results import Audit

BUILT_IN = ("verdict", "validity", "scores", "leaks", "evidence", "method")
"""Sections of a report, in order; a stranger's come after them."""
MAX_BYTES = 1_000_000
CUT = "\n\n*The report ends here: what follows does not fit into 1 MiB. The audit file holds it.*\n"


@runtime_checkable
class Drawn(Protocol):
    """A section that shows what the completions say, not the audit alone."""

    def draw(self, data: ReportData) -> Sequence[Block]:
        """Return the part's blocks."""
        ...


def sections() -> list[Section]:
    """Return the registered sections in the order of the report."""
    names = plugins.SECTIONS.names()
    ordered = [n for n in BUILT_IN if n in names] + [n for n in names if n not in BUILT_IN]
    return [plugins.SECTIONS.load(name) for name in ordered]


def blocks_of(section: Section, data: ReportData) -> Sequence[Block]:
    """Return a section's blocks; what a plugin raises becomes a sentence that names it."""
    with plugins.attributed("section", section.title):
        return section.draw(data) if isinstance(section, Drawn) else section.render(data.audit)


def title_of(audit: Audit) -> str:
    """Return the question that the report answers."""
    return f"Is the score of {audit.spec.model.id} real?"


def render(source: Audit | ReportData, parts: Sequence[Section] | None = None) -> str:
    """Return the report of an audit, with its completions where its run directory still is."""
    data = collect(Source.of(source)) if isinstance(source, Audit) else source
    lines = [f"# {cell(title_of(data.audit))}"]
    for section in parts if parts is not None else sections():
        blocks = blocks_of(section, data)
        if blocks:
            lines.append(f"## {cell(section.title)}")
            with plugins.attributed("section", section.title):
                lines += [block.markdown() for block in blocks]
    text = "\n\n".join(lines) + "\n"
    encoded = text.encode("utf-8")
    if len(encoded) <= MAX_BYTES:
        return text
    kept = encoded[:MAX_BYTES].decode("utf-8", "ignore").rsplit("\n\n", 1)[0]
    return kept + CUT


def write(source: Audit | ReportData, path: Path) -> Path:
    """Write the report whole or not at all.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    return write_whole(path, render(source))
