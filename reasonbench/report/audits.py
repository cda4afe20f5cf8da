"""The document of an audit: the registered sections, those of strangers last."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from reasonbench import plugins
from reasonbench.protocols import Block, Section
from reasonbench.report.carried import AuditCargo
from reasonbench.report.collect import Source, collect
from reasonbench.report.data import ReportData
from reasonbench.report.document import Document, Part
from reasonbench.results import Audit

BUILT_IN = ("verdict", "validity", "scores", "leaks", "evidence", "method")
"""Sections of a report, in order; a stranger's come after them."""


@runtime_checkable
class Drawn(Protocol):
    """A section that shows what the completions say, not the audit alone."""

    def draw(self, data: ReportData) -> Sequence[Block]:
        """Return the part's blocks."""
        ...


def document_of(source: Audit | ReportData, parts: Iterable[Section] | None = None) -> Document:
    """Return an audit's document, with its completions where its run directory still is.

    Args:
        source: the audit, or what was collected of it.
        parts: the sections; by default the registered ones.
    """
    data = collect(Source.of(source)) if isinstance(source, Audit) else source
    chosen = sections() if parts is None else parts
    found = [Part(section.title, _blocks(section, data)) for section in chosen]
    return Document(
        title=f"Is the score of {data.audit.spec.model.id} real?",
        parts=tuple(part for part in found if part.blocks),
        cargo=AuditCargo(data),
        origin=f"an audit of {data.audit.created.isoformat(timespec='seconds')}",
        file="audit file",
    )


def sections() -> list[Section]:
    """Return the registered sections in the order of the report."""
    names = plugins.SECTIONS.names()
    ordered = [n for n in BUILT_IN if n in names] + [n for n in names if n not in BUILT_IN]
    return [plugins.SECTIONS.load(name) for name in ordered]


def _blocks(section: Section, data: ReportData) -> Sequence[Block]:
    """Return a section's blocks; what a plugin raises becomes a sentence that names it."""
    with plugins.attributed("section", section.title):
        return section.draw(data) if isinstance(section, Drawn) else section.render(data.audit)
