"""The pieces that sections are made of; each knows its own Markdown."""

from collections.abc import Sequence

import msgspec

from reasonbench.report.text import cell, fenced


class Paragraph(msgspec.Struct, frozen=True):
    """One paragraph of literal text."""

    text: str

    def markdown(self) -> str:
        """Return the text, escaped."""
        return cell(self.text, limit=4000)


class Bullets(msgspec.Struct, frozen=True):
    """A list of literal texts."""

    items: tuple[str, ...]

    def markdown(self) -> str:
        """Return one bullet an item."""
        return "\n".join(f"- {cell(item, limit=2000)}" for item in self.items)


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


class Verbatim(msgspec.Struct, frozen=True):
    """Text that is shown exactly as it is, under a label."""

    label: str
    text: str

    def markdown(self) -> str:
        """Return the label and a literal block."""
        return f"{cell(self.label)}\n\n{fenced(self.text)}"


def _row(cells: Sequence[str], *, literal: bool = True) -> str:
    return "| " + " | ".join(cell(c) if literal else c for c in cells) + " |"
