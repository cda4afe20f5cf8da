"""The larger blocks: the verdict's card, the grid of problems, the evidence."""

from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from reasonbench.report.blocks import Bullets, Paragraph, Table, Verbatim
from reasonbench.report.templating import render
from reasonbench.report.text import cell, cut

MAX_MARKDOWN_ROWS = 40
"""Problems of a grid that Markdown shows."""
MAX_MARKDOWN_EVIDENCE = 50
"""Problems whose evidence Markdown prints in full; the audit file holds all."""


class Strongest(msgspec.Struct, frozen=True):
    """The strongest piece of evidence, in a few lines."""

    href: str
    """Where it stands on the page."""
    problem: str
    place: str
    text: str
    """What stands in the traces."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one benchmark, on one screen."""

    task: str
    verdict: str
    sentence: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """A name, problems, value and two intervals each."""
    caption: str
    explained: str
    rule: str
    """The rule that decided."""
    would_change: str
    claims: tuple[str, ...]
    repeat: str
    """Command that makes the audit again."""
    strongest: Strongest | None
    nothing: str
    """What stands in the place of evidence where there is none."""

    def markdown(self) -> str:
        """Return sentences and the table."""
        parts = [
            Paragraph(f"{self.task}: {self.verdict}. {self.sentence}").markdown(),
            Table(self.header, self.rows, self.caption).markdown(),
            Paragraph(self.explained).markdown(),
            Paragraph(f"Decided by {self.rule}").markdown(),
            Paragraph(f"What would change this verdict: {self.would_change}.").markdown(),
        ]
        if self.claims:
            parts += [Paragraph("What was claimed:").markdown(), Bullets(self.claims).markdown()]
        return "\n\n".join(parts)

    def html(self) -> Markup:
        """Return an article; what matters stands first."""
        return render(
            "card",
            task=cut(self.task, 200),
            verdict=self.verdict,
            kind=self.verdict.lower(),
            sentence=cut(self.sentence, 2000),
            header=["n" if name == "problems" else name for name in self.header],
            rows=self.rows,
            caption=self.caption,
            explained=self.explained,
            rule=self.rule,
            would_change=cut(self.would_change, 1000),
            claims=[cut(claim, 1000) for claim in self.claims],
            repeat=cut(self.repeat, 4000),
            strongest=self.strongest,
            nothing=self.nothing,
        )


class GridCell(msgspec.Struct, frozen=True):
    """One model on one problem."""

    n: int
    c: int
    truncated: int
    no_answer: int

    @property
    def level(self) -> str:
        """Rate in tenths, as a class; ``x`` where nothing was graded."""
        return str(round(10 * self.c / self.n)) if self.n else "x"

    @property
    def glyph(self) -> str:
        """Rate as a shape."""
        if not self.n:
            return "-"
        if self.c in (0, self.n):
            return "●" if self.c else "○"
        return "◔◑◕"[min(2, int(3 * self.c / self.n))]

    @property
    def text(self) -> str:
        """The numbers."""
        return f"{self.c}/{self.n}" if self.n else "none"

    @property
    def quarters(self) -> int:
        """Truncated share in quarters, rounded up."""
        return -(-4 * self.truncated // self.n) if self.n else 0

    @property
    def silent(self) -> int:
        """Share without an answer in quarters, rounded up."""
        return -(-4 * self.no_answer // self.n) if self.n else 0


class GridRow(msgspec.Struct, frozen=True, kw_only=True):
    """One problem."""

    number: int
    task: str
    id: str
    statement: str
    date: str
    family: str
    difficulty: float | None
    """One less the rate of the model under audit."""
    found: str
    """Status of what was found of it in the traces; empty where nothing was."""
    evidence: str
    """Where its evidence stands on the page, such as ``#ev-3``; empty where nowhere."""
    cells: tuple[GridCell | None, ...]


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Problems by models."""

    models: tuple[str, ...]
    rows: tuple[GridRow, ...]
    several_tasks: bool
    dated: bool
    families: bool

    def markdown(self) -> str:
        """Return the hardest problems as a table."""
        hardest = sorted(self.rows, key=lambda r: -1.0 if r.difficulty is None else -r.difficulty)
        header = ("task", "problem", "found", *self.models)
        rows = tuple(
            (r.task, r.id, r.found or "-", *(c.text if c else "-" for c in r.cells))
            for r in hardest[:MAX_MARKDOWN_ROWS]
        )
        parts = [Table(header, rows, "Right of graded completions, the hardest first").markdown()]
        if len(self.rows) > MAX_MARKDOWN_ROWS:
            left = len(self.rows) - MAX_MARKDOWN_ROWS
            parts.append(cell(f"{left:,} more problems stand in the audit file."))
        return "\n\n".join(parts)

    def html(self) -> Markup:
        """Return the grid, and the problems below it."""
        return render("grid", grid=self)


class Segment(msgspec.Struct, frozen=True):
    """A stretch of a text; marked where it has a number."""

    text: str
    mark: int = 0


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One problem beside the place where it stands in the traces."""

    number: int
    problem_number: int
    """Number of the problem in the grid; 0 where it is not there."""
    task: str
    problem_id: str
    status: str
    kind: str
    channel: str
    q_value: str
    score: str
    detector: str
    place: str
    """Document, row, field and characters of the first place."""
    row: str
    """Document and row in short."""
    n_places: int
    further: tuple[str, ...]
    """Other places."""
    statement: str
    text: str
    left: tuple[Segment, ...]
    """The statement, in pieces."""
    right: tuple[Segment, ...]
    """What the document has, in pieces."""
    before: str
    """Some words before it there, where they are at hand."""
    after: str
    """Some words after it."""
    doubt: tuple[str, ...]
    """Why it may be a false positive."""

    def markdown(self) -> str:
        """Return both texts."""
        problem = Verbatim(f"Problem {self.problem_id} of {self.task}", self.statement)
        parts = [problem.markdown(), Verbatim(self.place, self.text).markdown()]
        if self.before or self.after:
            around = (
                f"Around it: {self.before or '(the beginning)'} [...] {self.after or '(the end)'}"
            )
            parts.append(cell(around, 1000))
        return "\n\n".join(parts)

    def html(self) -> Markup:
        """Return an article with both texts side by side."""
        return render("evidence", e=self)


class EvidenceList(msgspec.Struct, frozen=True):
    """All the evidence, the strongest first."""

    items: tuple[Evidence, ...]

    def markdown(self) -> str:
        """Return a table of all, and the first in full."""
        header = ("task", "problem", "status", "kind", "q", "places", "first place", "found by")
        rows = tuple(
            (
                e.task,
                e.problem_id,
                e.status,
                ", ".join(part for part in (e.kind, e.channel) if part) or "-",
                e.q_value,
                str(e.n_places),
                e.row,
                e.detector,
            )
            for e in self.items
        )
        parts = [Table(header, rows).markdown()]
        parts += [e.markdown() for e in self.items[:MAX_MARKDOWN_EVIDENCE]]
        if len(self.items) > MAX_MARKDOWN_EVIDENCE:
            left = len(self.items) - MAX_MARKDOWN_EVIDENCE
            parts.append(cell(f"{left} more stand in the audit file."))
        return "\n\n".join(parts)

    def html(self) -> Markup:
        """Return every piece of evidence."""
        return render("evidence_list", parts=self.pieces(), spilled=0, folder="", pages=())

    def pieces(self) -> Sequence[Markup]:
        """Return the pieces one by one."""
        return [e.html() for e in self.items]
