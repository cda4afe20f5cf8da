"""The pieces that sections are made of; each knows its own Markdown and its own HTML.

A stranger's block may know Markdown alone: the page then shows that, as it is.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
from markupsafe import Markup

from reasonbench.protocols import Block
from reasonbench.report.templating import render
from reasonbench.report.text import cell, cut, fenced

MAX_VERBATIM = 4000
"""Characters of a literal text on the page."""


@runtime_checkable
class Drawable(Protocol):
    """A block that knows its HTML."""

    def html(self) -> Markup:
        """Return a fragment of HTML in which everything is escaped."""
        ...


def html_of(block: Block) -> Markup:
    """Return a block's HTML: its own, or its Markdown as preformatted text."""
    if isinstance(block, Drawable):
        return block.html()
    return render("verbatim", label="", text=cut(block.markdown(), MAX_VERBATIM))


class Paragraph(msgspec.Struct, frozen=True):
    """One paragraph of literal text."""

    text: str

    def markdown(self) -> str:
        """Return the text, escaped."""
        return cell(self.text, limit=4000)

    def html(self) -> Markup:
        """Return a paragraph."""
        return render("paragraph", text=cut(self.text, MAX_VERBATIM))


class Heading(msgspec.Struct, frozen=True):
    """A heading within a section."""

    text: str

    def markdown(self) -> str:
        """Return a heading of the third level."""
        return f"### {cell(self.text)}"

    def html(self) -> Markup:
        """Return a heading of the third level."""
        return render("heading", text=cut(self.text, 400))


class Bullets(msgspec.Struct, frozen=True):
    """A list of literal texts."""

    items: tuple[str, ...]

    def markdown(self) -> str:
        """Return one bullet an item."""
        return "\n".join(f"- {cell(item, limit=2000)}" for item in self.items)

    def html(self) -> Markup:
        """Return a list."""
        return render("bullets", items=[cut(item, 2000) for item in self.items])


class Table(msgspec.Struct, frozen=True):
    """A table; every cell is literal text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    def markdown(self) -> str:
        """Return a GitHub table with its caption above it."""
        lines = [_row(self.header), _row(["---"] * len(self.header), literal=False)]
        lines += [_row(row) for row in self.rows]
        caption = [f"*{cell(self.caption)}*", ""] if self.caption else []
        return "\n".join(caption + lines)

    def html(self) -> Markup:
        """Return a table that scrolls in a box of its own."""
        return render(
            "table",
            caption=cut(self.caption, 2000),
            header=self.header if any(self.header) else (),
            rows=[[cut(c, 2000) for c in row] for row in self.rows],
        )


class Verbatim(msgspec.Struct, frozen=True):
    """Text that is shown exactly as it is, under a label."""

    label: str
    text: str

    def markdown(self) -> str:
        """Return the label and a literal block."""
        return f"{cell(self.label)}\n\n{fenced(self.text)}"

    def html(self) -> Markup:
        """Return the label and the preformatted text."""
        text = cut(self.text, MAX_VERBATIM)
        return render("verbatim", label=cut(self.label, 400), text=text)


class Chart(msgspec.Struct, frozen=True):
    """A drawing, the table of what is drawn, and a line of text that stands for it."""

    title: str
    svg: Markup
    """Made by ``reasonbench.report.svg``; empty where there is nothing to draw."""
    table: Table
    sparkline: str = ""
    note: str = ""
    """How to read it."""
    closed: bool = True
    """Whether the table is folded on the page."""

    def markdown(self) -> str:
        """Return the table, with the line of text below it."""
        lines = [self.table.markdown()]
        if self.sparkline:
            lines += ["", f"{cell(self.title)}: {self.sparkline}"]
        if self.note:
            lines += ["", cell(self.note, 2000)]
        return "\n".join(lines)

    def html(self) -> Markup:
        """Return a figure with the drawing and its table."""
        return render(
            "chart",
            title=cut(self.title, 400),
            svg=self.svg,
            table=self.table.html(),
            note=cut(self.note, 2000),
            closed=self.closed,
        )


class Details(msgspec.Struct, frozen=True):
    """Blocks that are folded on the page, under a line that says what they are."""

    summary: str
    blocks: tuple[Block, ...]

    def markdown(self) -> str:
        """Return the blocks under their summary."""
        return "\n\n".join([cell(self.summary), *(block.markdown() for block in self.blocks)])

    def html(self) -> Markup:
        """Return a details element."""
        parts = [html_of(block) for block in self.blocks]
        return render("details", summary=cut(self.summary, 400), parts=parts)


def _row(cells: Sequence[str], *, literal: bool = True) -> str:
    return "| " + " | ".join(cell(c) if literal else c for c in cells) + " |"
