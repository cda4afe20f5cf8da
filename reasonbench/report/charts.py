"""Blocks with a drawing: pass@k, budgets, lengths, diversity, the split by date, the gaps."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reasonbench.protocols import Block
from reasonbench.records import Interval
from reasonbench.report import svg
from reasonbench.report.blocks import Bullets, Chart, Heading, Paragraph, Table
from reasonbench.report.data import ModelView, Point, ReportData, TaskView
from reasonbench.report.svg import Mark, Range, Series, Stack
from reasonbench.report.text import (
    interval,
    level_name,
    one_line,
    percent,
    points,
    points_interval,
)
from reasonbench.results import Comparison, FreshGap, ModelCheck, PairedTask

CLAIM_COLOUR = 4
"""A cross, which no model's line has among the first four."""
MAX_MODELS = 4
"""Lines of one chart; tables hold all."""


def views_of(data: ReportData, task: str) -> list[tuple[ModelView, TaskView]]:
    """Return the models that were run on a task."""
    return [(m, t) for m in data.models for t in m.tasks if t.task == task]


def pass_at_k(data: ReportData, task: str, table: Table) -> list[Block]:
    """Return the curve of a task, claims and references beside it."""
    views = [(m, t) for m, t in views_of(data, task) if t.curve]
    if not views:
        return [table]
    first = views[0][1]
    series = [_curve(m.label, t.curve, i) for i, (m, t) in enumerate(views[:MAX_MODELS])]
    claims = [c.claim for c in data.audit.claims if c.task == task]
    for claim in claims:
        k = int(claim.metric[5:]) if claim.metric.startswith("pass@") and claim.metric[
            5:].isdigit() else 1  # fmt: skip
        told = f"claimed: {percent(claim.value)} {claim.metric}"
        series.append(Series(told, [Mark(max(k, 1), claim.value)], CLAIM_COLOUR, line=False))
    beyond = [
        Series(
            "extrapolated",
            [_mark(p) for p in t.beyond if p.value is not None],
            i,
            dashed=True,
            named=False,
        )
        for i, (_, t) in enumerate(views[:MAX_MODELS])
        if len(t.beyond) > 1
    ]
    xs = [m.x for s in (*series, *beyond) for m in s.marks] or [1.0]
    shade = (float(first.n), "k > n: extrapolation") if beyond and max(xs) > first.n else None
    level = level_name(first.level)
    title = f"pass@k of {one_line(task, 100)}"
    drawing = svg.lines(
        title,
        f"pass@k against k on a logarithmic scale. Bars: {level} interval at each k alone; shaded "
        f"band: {level} band for all k at once, both for other problems. "
        + "; ".join(
            f"{m.label}: {percent(t.curve[0].value)} at k = {t.curve[0].x}, "
            f"{percent(t.curve[-1].value)} at k = {t.curve[-1].x}"
            for m, t in views[:MAX_MODELS]
        ),
        [*series, *beyond],
        svg.log_axis("k (log scale)", xs),
        svg.share_axis("pass@k"),
        shaded_from=shade,
    )
    note = (
        f"Bars are {level} intervals at each k alone, the shaded band holds for all k at once. "
        "Both are for other problems of this kind."
    )
    chart = Chart(
        title, drawing, table, svg.sparkline([p.value for p in first.curve]), note, closed=False
    )
    return [chart, *_every_curve(views, task)]


def _every_curve(views: Sequence[tuple[ModelView, TaskView]], task: str) -> list[Block]:
    rows = [
        (m.label, str(p.x), percent(p.value), interval(p.interval), interval(p.band), "measured")
        for m, t in views
        for p in t.curve
    ]
    rows += [
        (m.label, str(p.x), percent(p.value), interval(p.interval), "-", "extrapolated")
        for m, t in views
        for p in t.beyond
        if p.x > t.n
    ]
    header = ("model", "k", "pass@k", "interval", "band for all k", "how")
    return [Table(header, tuple(rows), f"{task}: every model, with the band, and k beyond n")]


def _curve(label: str, curve: Sequence[Point], colour: int) -> Series:
    return Series(label, [_mark(p) for p in curve if p.value is not None], colour)


def _mark(point: Point) -> Mark:
    inside, band = point.interval, point.band
    return Mark(
        point.x,
        point.value or 0.0,
        inside.low if inside else None,
        inside.high if inside else None,
        band.low if band else None,
        band.high if band else None,
    )


def budgets(data: ReportData, task: str) -> list[Block]:
    """Return accuracy against the token budget."""
    views = [(m, t) for m, t in views_of(data, task) if t.budget]
    if not views:
        return []
    series = [_curve(m.label, t.budget, i) for i, (m, t) in enumerate(views[:MAX_MODELS])]
    xs = [m.x for s in series for m in s.marks]
    title = f"pass@1 of {one_line(task, 100)} against the token budget"
    rows = [
        (m.label, f"{p.x:,}", percent(p.value), interval(p.interval), percent(p.upper))
        for m, t in views
        for p in t.budget
    ]
    header = ("model", "tokens", "pass@1", "interval", "had what was cut off been right")
    drawing = svg.lines(
        title,
        "pass@1 had every completion been cut at the budget, on a logarithmic scale of tokens.",
        series,
        svg.log_axis("tokens a completion (log scale)", xs),
        svg.share_axis("pass@1"),
    )
    spark = svg.sparkline([p.value for p in views[0][1].budget])
    note = "What pass@1 would be had every completion been cut at so many tokens."
    return [Chart(title, drawing, Table(header, tuple(rows)), spark, note)]


def lengths(data: ReportData, task: str) -> list[Block]:
    """Return how long right, wrong and truncated completions are."""
    blocks: list[Block] = []
    for model, view in views_of(data, task):
        found = view.lengths
        if found is None or len(found.edges) < 2:
            continue
        title = f"Lengths of {one_line(model.label, 60)} on {one_line(task, 60)}"
        stacks = (
            Stack("right", found.right, 0),
            Stack("wrong", found.wrong, 1),
            Stack("wrong and cut off at the token limit", found.truncated, 4),
        )
        names = [f"{edge:,}" for edge in found.edges]
        drawing = svg.bars(
            title,
            "Completions by their length in tokens, right, wrong and truncated ones.",
            stacks,
            names,
            x="tokens",
            y="completions",
        )
        rows = tuple(
            (f"{names[i]} to {names[i + 1]}", *(str(s.values[i]) for s in stacks))
            for i in range(len(names) - 1)
        )
        total = [sum(s.values) for s in stacks]
        note = (
            f"{total[2]:,} of {sum(total):,} graded completions were cut off without a right "
            f"answer. Median length: {_tokens(found.median_right)} where right, "
            f"{_tokens(found.median_wrong)} otherwise."
        )
        spark = [sum(s.values[i] for s in stacks) for i in range(len(rows))]
        line = svg.sparkline(spark, 0.0, max(spark))
        header = ("tokens above, up to", "right", "wrong", "cut off")
        blocks.append(Chart(title, drawing, Table(header, rows), line, note))
    return blocks


def _tokens(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} tokens"


def diversity(data: ReportData, task: str) -> list[Block]:
    """Return how different the answers are, beside the references."""
    views = [(m, t.diversity) for m, t in views_of(data, task) if t.diversity is not None]
    if not views:
        return []
    rows = tuple(
        (
            m.label,
            *(f"{_at(d.distinct, k):.2f}" if _at(d.distinct, k) else "-" for k in (2, 8, 32)),
            percent(d.unsolved),
            "-" if d.spread is None else f"{d.spread:.3f}",
        )
        for m, d in views
    )
    header = (
        "model",
        "different answers of 2",
        "of 8",
        "of 32",
        "never solved",
        "variance of difficulty",
    )
    table = Table(header, rows, f"{task}: how different a problem's completions are")
    drawn = [(m, d) for m, d in views[:MAX_MODELS] if len(d.distinct) > 1]
    if not drawn:
        return [table]
    series = [
        Series(m.label, [Mark(p.x, p.value or 0.0) for p in d.distinct], i)
        for i, (m, d) in enumerate(drawn)
    ]
    xs = [mark.x for s in series for mark in s.marks]
    title = f"Different answers to a problem of {one_line(task, 100)}"
    drawing = svg.lines(
        title,
        "Mean number of different answers among k completions of a problem; all right answers "
        "count as one.",
        series,
        svg.log_axis("k (log scale)", xs),
        svg.number_axis("different answers", max(m.y for s in series for m in s.marks)),
    )
    return [Chart(title, drawing, table, "", "All right answers to a problem count as one.")]


def _at(curve: Sequence[Point], k: int) -> float | None:
    return next((p.value for p in curve if p.x == k), None)


def comparisons(data: ReportData) -> list[Block]:
    """Return the model under audit against each of the others, with the test for collapse."""
    blocks: list[Block] = []
    for comparison in data.comparisons:
        for task in comparison.tasks:
            blocks += _compared(comparison, task)
        if comparison.notes:
            blocks.append(Bullets(comparison.notes))
    return blocks


def _compared(comparison: Comparison, task: PairedTask) -> list[Block]:
    name = f"{task.task}: {comparison.model_b} less {comparison.model_a}"
    header = ("k", comparison.model_a, comparison.model_b, "points", "interval", "band for all k")
    rows = tuple(
        (
            str(d.k),
            percent(a.value),
            percent(b.value),
            points(d.value),
            points_interval(d.interval),
            points_interval(d.band),
        )
        for d, a, b in zip(task.deltas, task.a, task.b, strict=True)
    )
    series = [
        Series(
            f"less {comparison.model_a}",
            [
                Mark(d.k, 100 * d.value, *_ends(d.interval), *_ends(d.band))
                for d in task.deltas
                if d.value is not None
            ],
            0,
        )
    ]
    blocks: list[Block] = []
    marks = series[0].marks
    if len(marks) > 1:
        ends = [v for m in marks for v in (m.y, m.band_low, m.band_high) if v is not None]
        drawing = svg.lines(
            name,
            "pass@k of the model under audit less that of the other, in points, against k.",
            series,
            svg.log_axis("k (log scale)", [m.x for m in marks]),
            svg.points_axis("points", [*ends, 0.0]),
        )
        blocks.append(Chart(name, drawing, Table(header, rows)))
    else:
        blocks.append(Table(header, rows, name))
    blocks.append(Paragraph(_collapse(task, comparison)))
    return blocks


def _ends(inside: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if inside is None else (100 * inside.low, 100 * inside.high)


def _collapse(task: PairedTask, comparison: Comparison) -> str:
    found = task.collapse
    if found is None:
        return f"Collapse of diversity: {task.no_collapse or 'not tested'}."
    where = "" if found.crossing is None else f"; the curves cross at k = {found.crossing:g}"
    return (
        f"Collapse of diversity against {comparison.model_a} at K = {found.k}: {found.verdict} "
        f"(p = {found.p:.2g}; {points(found.delta_1)} points at 1, {points(found.delta_k)} at "
        f"{found.k}{where}). {len(task.lost):,} problems that it solved are never solved here, "
        f"{len(task.gained):,} the other way round."
    )


def dates(checks: Iterable[ModelCheck]) -> list[Block]:
    """Return the split by date of each task, as intervals on both sides of the cutoff."""
    blocks: list[Block] = []
    for check in checks:
        if not check.detector.startswith("cutoff/") or not check.contrasts:
            continue
        sides = [(side, i) for c in check.contrasts for i, side in enumerate((c.first, c.second))]
        rows = tuple((s.what, str(s.n), percent(s.value), interval(s.interval)) for s, _ in sides)
        title = f"Before and after the cutoff: {one_line(check.task, 100)}"
        drawing = svg.ranges(
            title,
            check.sentence,
            [
                Range(
                    s.what,
                    s.value,
                    s.interval.low if s.interval else None,
                    s.interval.high if s.interval else None,
                    i,
                )
                for s, i in sides[:8]
            ],
            svg.share_axis("pass@k"),
        )
        table = Table(("", "problems", "value", f"{level_name(check.level)} interval"), rows)
        blocks.append(Chart(title, drawing, table, "", f"{check.sentence} {check.cannot_show}"))
    return blocks


def gaps(found: Sequence[FreshGap]) -> list[Block]:
    """Return public against fresh, beside the reference and the control."""
    if not found:
        return []
    blocks: list[Block] = [Heading("Public against fresh problems")]
    for gap in found:
        for model in gap.models:
            rows = tuple(
                (r.kind.value, str(v.k), points(v.value), points_interval(v.interval), v.method)
                for r in model.rows
                for v in r.values
            )
            first = [(r, v) for r in model.rows for v in r.values if v.k == 1]
            ends = [
                100 * e for _, v in first if v.interval for e in (v.interval.low, v.interval.high)
            ]
            title = f"{model.model}: {gap.public} less {gap.fresh}"
            header = ("difference", "k", "points", f"{level_name(gap.level)} interval", "method")
            table = Table(header, rows)
            drawing = Markup("")
            if ends:
                drawing = svg.ranges(
                    title,
                    "Differences of pass@1 in points, with their intervals.",
                    [
                        Range(r.kind.value, None if v.value is None else 100 * v.value,
                              *_ends(v.interval), i)
                        for i, (r, v) in enumerate(first)
                    ],
                    svg.points_axis("points of pass@1", [*ends, 0.0]),
                )  # fmt: skip
            blocks.append(Chart(title, drawing, table))
            told = [f"{r.kind.value} shows {r.shows}. It does not show {r.cannot_show}."
                    for r in model.rows]  # fmt: skip
            blocks.append(Bullets((*told, *model.notes)))
    return blocks
