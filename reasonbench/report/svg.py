"""Small charts as SVG: text stays text, colours are classes, shapes tell series apart too.

Our own rather than matplotlib's: some 20 ms and 3 KB a chart where matplotlib takes half a second
to import and 20 KB to draw, no style attribute (which the page's policy forbids), and colours that
follow light, dark and print.  Nothing here knows what is drawn.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from reasonbench.report.templating import render
from reasonbench.report.text import one_line

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 42, 10, 8, 34
LEGEND_ROW = 16
MAX_LABEL = 52
"""Characters of a series' name."""
COLOURS = 7
SHAPES = ("circle", "square", "triangle", "diamond", "cross")


class Mark(NamedTuple):
    """A point of a series."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    """Ends of its interval."""
    band_low: float | None = None
    band_high: float | None = None
    """Ends of the band for all points."""


class Series(NamedTuple):
    """One line, or points alone."""

    label: str
    marks: Sequence[Mark]
    colour: int
    """Number of the colour, and of the shape."""
    line: bool = True
    dashed: bool = False
    named: bool = True
    """Whether the legend names it."""
    names: Sequence[str] = ()
    """What stands beside each of the marks, where something does."""
    shaped: bool = True
    """Whether its points are marked; a level that others are held against is a line alone."""


class Axis(NamedTuple):
    """One axis."""

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log2(low), math.log2(high), math.log2(max(value, 1e-9))
        return (value - low) / (high - low) if high > low else 0.5


def log_axis(label: str, values: Sequence[float], most: int = 9) -> Axis:
    """Return an axis on log2 with ticks at powers of two."""
    low, high = min(values), max(values)
    first, last = math.floor(math.log2(low)), math.ceil(math.log2(high))
    step = max(1, math.ceil((last - first + 1) / most))
    ticks = [(2.0**i, _count(2**i)) for i in range(max(first, 0), last + 1, step)]
    return Axis(label, low, max(high, low * 2), [t for t in ticks if low <= t[0] <= high], log=True)


def share_axis(label: str) -> Axis:
    """Return an axis from 0 to 100%."""
    return Axis(label, 0.0, 1.0, [(i / 4, f"{25 * i}%") for i in range(5)])


def share_span(label: str, values: Sequence[float]) -> Axis:
    """Return an axis of proportions that holds the values and little more."""
    low, high = max(0.0, min(values)), min(1.0, max(values))
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / s <= 5), 0.25)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = [(i * step, f"{100 * i * step:.0f}%") for i in range(first, last + 1)]
    return Axis(label, ticks[0][0], ticks[-1][0], ticks)


def step_axis(label: str, names: Sequence[str]) -> Axis:
    """Return an axis of names at equal distances; the first lies at 0."""
    ticks = [(float(i), name) for i, name in enumerate(names)]
    return Axis(label, -0.25, len(names) - 0.75, ticks)


def points_axis(label: str, values: Sequence[float]) -> Axis:
    """Return an axis of signed points that holds the values, with round ticks."""
    low, high = min(values), max(values)
    step = next((s for s in (1, 2, 5, 10, 20, 50) if (high - low) / s <= 6), 50)
    first, last = int(low // step), int(-(-high // step))
    ticks = [(float(i * step), f"{i * step:+d}") for i in range(first, last + 1)]
    return Axis(label, ticks[0][0], max(ticks[-1][0], ticks[0][0] + step), ticks)


def number_axis(label: str, high: float) -> Axis:
    """Return an axis from 0 up, with round ticks."""
    high = max(high, 1e-9)
    step = 10 ** math.floor(math.log10(high / 2))
    step = next(step * m for m in (1, 2, 5, 10) if high / (step * m) <= 5)
    last = math.ceil(high / step)
    return Axis(label, 0.0, last * step, [(i * step, f"{i * step:g}") for i in range(last + 1)])


class _Frame:
    """Where values lie on the paper."""

    def __init__(self, x: Axis, y: Axis, legend: int) -> None:
        self.x_axis, self.y_axis = x, y
        self.top = TOP + LEGEND_ROW * legend
        self.height = HEIGHT + LEGEND_ROW * legend
        self.bottom = self.height - BOTTOM
        self.right = WIDTH - RIGHT

    def x(self, value: float) -> float:
        return round(LEFT + self.x_axis.at(value) * (self.right - LEFT), 1)

    def y(self, value: float) -> float:
        return round(self.bottom - self.y_axis.at(value) * (self.bottom - self.top), 1)

    def shared(self) -> dict[str, object]:
        return {
            "width": WIDTH,
            "height": self.height,
            "left": LEFT,
            "right": self.right,
            "top": self.top,
            "bottom": self.bottom,
            "x_ticks": [(self.x(v), text) for v, text in self.x_axis.ticks],
            "y_ticks": [(self.y(v), text) for v, text in self.y_axis.ticks],
            "x_label": self.x_axis.label,
            "y_label": self.y_axis.label,
        }


def lines(
    title: str,
    description: str,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    shaded_from: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart of series over x; what lies beyond ``shaded_from`` is marked as such."""
    named = [s for s in series if s.named]
    frame = _Frame(x, y, len(named))
    drawn = [_drawn(s, frame) for s in series]
    shade = None
    if shaded_from is not None:
        at = frame.x(shaded_from[0])
        shade = {"x": at, "width": round(frame.right - at, 1), "text": shaded_from[1]}
    return render(
        "chart_lines",
        title=one_line(title, 300),
        description=one_line(description),
        series=drawn,
        names=_names(series, frame),
        legend=_legend([(s.label, s.colour, s.dashed) for s in named], [s.shaped for s in named]),
        shade=shade,
        **frame.shared(),
    )


class Stack(NamedTuple):
    """One kind of what bars are made of."""

    label: str
    values: Sequence[float]
    colour: int


def bars(
    title: str, description: str, stacks: Sequence[Stack], edges: Sequence[str], *, x: str, y: str
) -> Markup:
    """Return stacked bars; ``edges`` are the names of the bounds between them."""
    n = len(edges) - 1
    highest = max(sum(s.values[i] for s in stacks) for i in range(n))
    step = max(1, math.ceil(n / 6))
    ticks = [(float(i), edges[i]) for i in range(0, n + 1, step)]
    frame = _Frame(Axis(x, 0.0, float(n), ticks), number_axis(y, highest), len(stacks))
    boxes = []
    base = [0.0] * n
    for stack in stacks:
        for i, value in enumerate(stack.values):
            if value:
                left, right = frame.x(i) + 0.5, frame.x(i + 1) - 0.5
                top, bottom = frame.y(base[i] + value), frame.y(base[i])
                boxes.append((left, top, round(right - left, 1), round(bottom - top, 1),
                              stack.colour))  # fmt: skip
                base[i] += value
    return render(
        "chart_bars",
        title=one_line(title, 300),
        description=one_line(description),
        boxes=boxes,
        legend=_legend([(s.label, s.colour, False) for s in stacks]),
        **frame.shared(),
    )


class Range(NamedTuple):
    """One row of a chart of intervals."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    colour: int


def ranges(title: str, description: str, rows: Sequence[Range], x: Axis) -> Markup:
    """Return a row for each value with its interval, all on one axis."""
    height = 2 * 18
    bottom = TOP + height * len(rows)
    left, right = 12, WIDTH - 22

    def at(value: float) -> float:
        share = min(1.0, max(0.0, x.at(value)))
        return round(left + share * (right - left), 1)

    drawn = [
        {
            "label": one_line(row.label, MAX_LABEL),
            "y": TOP + height * i + 12,
            "at": None if row.value is None else at(row.value),
            "low": None if row.low is None else at(row.low),
            "high": None if row.high is None else at(row.high),
            "colour": row.colour % COLOURS,
            "shape": shape(
                row.colour, 0 if row.value is None else at(row.value), TOP + height * i + 24
            ),
        }
        for i, row in enumerate(rows)
    ]
    return render(
        "chart_ranges",
        title=one_line(title, 300),
        description=one_line(description),
        rows=drawn,
        width=WIDTH,
        height=bottom + BOTTOM,
        left=left,
        right=right,
        top=TOP,
        bottom=bottom,
        zero=at(0.0) if x.low < 0 < x.high else None,
        x_ticks=[(at(v), text) for v, text in x.ticks],
        x_label=x.label,
    )


def shape(number: int, x: float, y: float, size: float = 3.6) -> dict[str, str]:
    """Return the path of a marker."""
    kind = SHAPES[number % len(SHAPES)]
    s = size
    paths = {
        "circle": f"M{x - s:.1f} {y:.1f}a{s} {s} 0 1 0 {2 * s} 0a{s} {s} 0 1 0 {-2 * s} 0z",
        "square": f"M{x - s:.1f} {y - s:.1f}h{2 * s}v{2 * s}h{-2 * s}z",
        "triangle": f"M{x:.1f} {y - s * 1.2:.1f}l{s * 1.2:.1f} {2.1 * s:.1f}h{-2.4 * s:.1f}z",
        "diamond": f"M{x:.1f} {y - 1.4 * s:.1f}l{1.4 * s:.1f} {1.4 * s:.1f}l{-1.4 * s:.1f} "
        f"{1.4 * s:.1f}l{-1.4 * s:.1f} {-1.4 * s:.1f}z",
        "cross": f"M{x - s:.1f} {y - s:.1f}l{2 * s} {2 * s}m0 {-2 * s}l{-2 * s} {2 * s}",
    }
    return {"kind": kind, "path": paths[kind]}


def _legend(
    names: Sequence[tuple[str, int, bool]], shaped: Sequence[bool] = ()
) -> list[dict[str, object]]:
    return [
        {
            "label": one_line(label, MAX_LABEL),
            "y": TOP + LEGEND_ROW * i + 4,
            "colour": colour % COLOURS,
            "dashed": dashed,
            "shape": shape(colour, LEFT + 10, TOP + LEGEND_ROW * i + 4)
            if i >= len(shaped) or shaped[i]
            else None,
        }
        for i, (label, colour, dashed) in enumerate(names)
    ]


def _names(series: Sequence[Series], frame: _Frame) -> list[tuple[float, float, str, str]]:
    """Return where the names of points stand: the corner that is farthest from other points."""
    spots = [(frame.x(m.x), frame.y(m.y)) for s in series for m in s.marks]
    found = []
    for one in series:
        for mark, name in zip(one.marks, one.names, strict=False):
            x, y = frame.x(mark.x), frame.y(mark.y)
            corners = [(x + i * 22, y + j * 10, i) for j in (-1, 1) for i in (1, -1)]
            inside = [c for c in corners if LEFT < c[0] < frame.right] or corners
            at = max(inside, key=lambda c: min(math.dist(c[:2], spot) for spot in spots))
            shown = one_line(name, MAX_LABEL)
            found.append((round(x + 6 * at[2], 1), round(at[1] + 4, 1), "end" * (at[2] < 0), shown))
    return found


def _drawn(series: Series, frame: _Frame) -> dict[str, object]:
    marks = series.marks
    spots = [(frame.x(m.x), frame.y(m.y)) for m in marks]

    def outline(low: Sequence[float | None], high: Sequence[float | None]) -> str:
        pairs = [
            (frame.x(m.x), one, other)
            for m, one, other in zip(marks, low, high, strict=True)
            if one is not None and other is not None
        ]
        if len(pairs) < 2:
            return ""
        there = [f"{x},{frame.y(one)}" for x, one, _ in pairs]
        back = [f"{x},{frame.y(other)}" for x, _, other in reversed(pairs)]
        return " ".join(there + back)

    return {
        "colour": series.colour % COLOURS,
        "dashed": series.dashed,
        "line": " ".join(f"{x},{y}" for x, y in spots) if series.line and len(spots) > 1 else "",
        "band": outline([m.band_low for m in marks], [m.band_high for m in marks]),
        "bars": [
            (x, frame.y(m.low), frame.y(m.high))
            for m, (x, _) in zip(marks, spots, strict=True)
            if m.low is not None and m.high is not None
        ],
        "shapes": [shape(series.colour, x, y) for x, y in spots] if series.shaped else [],
    }


def _count(value: int) -> str:
    for size, letter in ((2**20, "M"), (2**10, "K")):
        if value >= size and value % size == 0 and value > 2048:
            return f"{value // size}{letter}"
    return str(value)


def sparkline(values: Sequence[float | None], low: float = 0.0, high: float = 1.0) -> str:
    """Return values as a line of text; a gap is a space."""
    steps = "▁▂▃▄▅▆▇█"
    span = high - low or 1.0
    return "".join(
        " " if v is None else steps[min(7, max(0, int((v - low) / span * 8)))] for v in values
    )
