"""Planted items: what they add to the score, and who notices."""

from reasonbench.protocols import Block
from reasonbench.report import svg
from reasonbench.report.blocks import Chart, Details, Paragraph, Table
from reasonbench.report.study_view import mark
from reasonbench.report.svg import Mark, Series
from reasonbench.report.text import level_name, one_line, percent, points, points_interval
from reasonbench.results.study import StudyDose, StudyPoint, StudyReport

SEEN = (
    "What detectors that ask the students see. They are told which items were planted: shown is "
    "how far planted and other items come apart, not whether they could name them."
)
COPIES = "copies of each planted item (not to scale)"


def doses(report: StudyReport) -> list[Block]:
    """Return inflation against dose, what the scan finds, and what detectors see."""
    if not report.doses:
        return []
    failed = [f"Dose {d.dose:,} failed: {d.failed}" for d in report.doses if d.failed]
    return [
        *[Paragraph(text) for text in failed],
        *_inflation(report),
        *_recall(report),
        *_by_class(report),
        *_detectors(report),
    ]


def _axis(report: StudyReport) -> svg.Axis:
    return svg.step_axis(COPIES, [f"{d.dose:,}" for d in report.doses])


def _inflation(report: StudyReport) -> list[Block]:
    level = level_name(report.spec.level)
    header = ("dose", "rows", "of them planted", "planted items: points", f"{level} interval",
              "other items: points", f"{level} interval", "state")  # fmt: skip
    rows = tuple(
        (
            f"{d.dose:,}",
            f"{d.rows:,}",
            f"{d.planted_rows:,}",
            *_signed(d.planted),
            *_signed(d.others),
            "failed" if d.failed else "trained",
        )
        for d in report.doses
    )
    sides = (("planted items", [d.planted for d in report.doses]),
             ("other items", [d.others for d in report.doses]))  # fmt: skip
    series = [
        Series(
            name,
            [mark(i + 0.03 * side, p, 100) for i, p in enumerate(found) if p is not None],
            side,
        )
        for side, (name, found) in enumerate(sides)
    ]
    title = "pass@1 above that of dose 0"
    table = Table(header, rows, title)
    ends = [e for s in series for m in s.marks for e in (m.y, m.low, m.high) if e is not None]
    if not ends:
        return [table]
    drawing = svg.lines(
        title,
        "Points of pass@1 that each dose adds, on planted and on other items, with intervals.",
        series,
        _axis(report),
        svg.points_axis("points of pass@1", [*ends, 0.0]),
    )
    note = (
        "Points of pass@1 above the student that was trained without planted items, paired by "
        f"item, with {level} intervals. Without leakage from one item to another the other items "
        "stay at 0."
    )
    return [Chart(title, drawing, table, "", note), *_at_every_k(report)]


def _at_every_k(report: StudyReport) -> list[Block]:
    rows = tuple(
        (f"{d.dose:,}", name, str(p.k), *_signed(p))
        for d in report.doses
        for name, found in (("planted", d.planted_at_k), ("others", d.others_at_k))
        for p in found
    )
    if not rows:
        return []
    header = ("dose", "items", "k", "points", f"{level_name(report.spec.level)} interval")
    return [Details("The same at every k", (Table(header, rows),))]


def _classes(report: StudyReport) -> list[str]:
    return list(dict.fromkeys(c.name for d in report.doses for c in d.classes))


def _recall(report: StudyReport) -> list[Block]:
    names = _classes(report)
    shown = [(i, d) for i, d in enumerate(report.doses) if any(c.planted for c in d.classes)]
    if not shown:
        return []
    rows = tuple(
        (
            f"{d.dose:,}",
            *(_found(d, name) for name in names),
            _share(sum(c.found for c in d.classes), sum(c.planted for c in d.classes)),
            f"{d.found_wrongly:,}",
        )
        for _, d in shown
    )
    series = []
    for colour, name in enumerate(names):
        drawn = [
            Mark(i, c.found / c.planted)
            for i, d in shown
            for c in d.classes
            if c.name == name and c.planted
        ]
        series.append(Series(name, drawn, colour))
    title = "Planted items that the scan finds"
    drawing = svg.lines(
        title,
        "Share of the planted items that a scan of the training file finds, by class of plant.",
        series,
        _axis(report),
        svg.share_axis("found"),
    )
    table = Table(("dose", *names, "all", "found wrongly"), rows, title)
    note = (
        "The scan reads the training file and knows nothing of what was planted. Found wrongly: "
        "items that were not planted and that it names all the same."
    )
    return [Chart(title, drawing, table, "", note)]


def _found(dose: StudyDose, name: str) -> str:
    mine = [c for c in dose.classes if c.name == name]
    return _share(sum(c.found for c in mine), sum(c.planted for c in mine))


def _share(found: int, planted: int) -> str:
    return f"{found:,} of {planted:,} ({percent(found / planted)})" if planted else "-"


def _by_class(report: StudyReport) -> list[Block]:
    rows = tuple(
        (f"{d.dose:,}", c.name, f"{c.planted:,}", *_signed(c.inflation))
        for d in report.doses
        for c in d.classes
        if c.inflation is not None and c.planted
    )
    if not rows:
        return []
    header = ("dose", "class", "items", "points", f"{level_name(report.spec.level)} interval")
    return [Table(header, rows, "pass@1 above that of dose 0, by class of plant")]


def _detectors(report: StudyReport) -> list[Block]:
    rows = tuple(
        (
            f"{d.dose:,}",
            found.name.partition("/")[0],
            found.measure or "-",
            percent(found.planted),
            percent(found.others),
            *_signed(found.difference),
            "yes" if found.flagged else "no",
            one_line(found.sentence, 300) or "-",
        )
        for d in report.doses
        for found in d.detectors
    )
    if not rows:
        return []
    header = ("dose", "detector", "measure", "planted", "others", "points",
              f"{level_name(report.spec.level)} interval", "notices", "what it says")  # fmt: skip
    return [Table(header, rows, SEEN)]


def _signed(point: StudyPoint | None) -> tuple[str, str]:
    if point is None:
        return ("-", "-")
    return (points(point.value), points_interval(point.interval))
