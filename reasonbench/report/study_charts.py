"""The curves of a study: over k, over training, over temperature, and how different they are."""

from collections.abc import Sequence

from markupsafe import Markup

from reasonbench.protocols import Block
from reasonbench.report import svg
from reasonbench.report.blocks import Bullets, Chart, Details, Paragraph, Table
from reasonbench.report.study_view import (
    arms_of,
    at,
    at_k,
    colour_of,
    largest_k,
    main_curve,
    mark,
    marks,
    reference_of,
    sweep_of,
    trail_of,
    with_interval,
)
from reasonbench.report.svg import Range, Series
from reasonbench.report.text import (
    level_name,
    one_line,
    percent,
    points,
    points_interval,
)
from reasonbench.results.study import (
    StudyCurve,
    StudyDiversity,
    StudyModel,
    StudyReport,
    StudyRole,
)

REFERENCES = (StudyRole.BASE, StudyRole.TEACHER)
FIRST, LAST = 0, 1
"""Colours of pass@1 and pass@K along training."""


def curves(report: StudyReport) -> list[Block]:
    """Return pass@k of all models, then of each arm between the base and the teacher."""
    known = [(m, c) for m in report.models if (c := main_curve(report, m)) and c.pass_at_k]
    if not known:
        return []
    blocks: list[Block] = [_overview(report, known)]
    references = [(m, c) for m, c in known if m.role in REFERENCES]
    blocks += [_arm(report, references, m, c) for m, c in known if m.role is StudyRole.ARM]
    return blocks


def _overview(report: StudyReport, known: Sequence[tuple[StudyModel, StudyCurve]]) -> Chart:
    ks = sorted({p.k for _, c in known for p in c.pass_at_k})
    rows = [(m.name, *(with_interval(at(c.pass_at_k, k)) for k in ks)) for m, c in known]
    level = level_name(report.spec.level)
    drawing = svg.lines(
        "pass@k of every model",
        "pass@k against k on a logarithmic scale. " + "; ".join(_ends(m.name, c) for m, c in known),
        [_series(report, m, c, bars=False) for m, c in known],
        svg.log_axis("k (log scale)", ks),
        svg.share_axis("pass@k"),
    )
    table = Table(
        ("model", *(f"k = {k}" for k in ks)),
        tuple(rows),
        f"pass@k of every model, with {level} intervals",
    )
    note = (
        f"At T = {report.spec.temperatures[0]:g}, after the last step, the mean over problems and "
        "seeds. The intervals stand in the table and in the charts by arm."
    )
    return Chart("pass@k of every model", drawing, table, "", note)


def _series(
    report: StudyReport, model: StudyModel, curve: StudyCurve, place: int = 0, *, bars: bool = True
) -> Series:
    drawn = marks(curve.pass_at_k, place)
    if not bars:
        drawn = [m._replace(low=None, high=None) for m in drawn]
    colour = colour_of(report, model)
    return Series(model.name, drawn, colour, dashed=colour >= svg.COLOURS)


def _ends(name: str, curve: StudyCurve) -> str:
    first, last = curve.pass_at_k[0], curve.pass_at_k[-1]
    return f"{name}: {percent(first.value)} at k = {first.k}, {percent(last.value)} at {last.k}"


def _arm(
    report: StudyReport,
    references: Sequence[tuple[StudyModel, StudyCurve]],
    arm: StudyModel,
    curve: StudyCurve,
) -> Chart:
    shown = [*references, (arm, curve)]
    series = [_series(report, m, c, place - len(shown) // 2) for place, (m, c) in enumerate(shown)]
    base = main_curve(report, reference_of(report, StudyRole.BASE))
    deltas = () if arm.verdict is None else arm.verdict.deltas
    title = f"pass@k of {one_line(arm.name, 80)}"
    level = level_name(report.spec.level)
    seeds = sorted(curve.by_seed)
    rows = []
    for i, point in enumerate(curve.pass_at_k):
        delta = at(deltas, point.k)
        rows.append(
            (
                str(point.k),
                with_interval(at_k(base, point.k)),
                with_interval(point),
                points(None if delta is None else delta.value),
                points_interval(None if delta is None else delta.interval),
                *(_of_seed(curve, seed, i) for seed in seeds),
            )
        )
    header = ("k", "base", arm.name, "points", f"{level} interval", *(f"seed {s}" for s in seeds))
    drawing = svg.lines(
        title,
        f"pass@k against k on a logarithmic scale. Bars: {level} intervals. "
        + "; ".join(_ends(m.name, c) for m, c in shown),
        series,
        svg.log_axis("k (log scale)", [m.x for s in series for m in s.marks]),
        svg.share_axis("pass@k"),
    )
    return Chart(
        title, drawing, Table(header, tuple(rows), title), svg.sparkline([p.value for p in
        curve.pass_at_k]), f"{arm.recipe}. Bars are {level} intervals, moved apart to be seen."
    )  # fmt: skip


def _of_seed(curve: StudyCurve, seed: str, place: int) -> str:
    values = curve.by_seed[seed]
    return percent(values[place]) if place < len(values) else "-"


def trajectory(report: StudyReport) -> list[Block]:
    """Return pass@1 and pass@K of every arm against the optimizer step."""
    blocks: list[Block] = []
    base = main_curve(report, reference_of(report, StudyRole.BASE))
    for arm in arms_of(report):
        trail = [c for c in trail_of(report, arm) if c.step and c.pass_at_k]
        if len(trail) > 1:
            blocks.append(_trail(report, arm, trail, base))
    return blocks


def _trail(
    report: StudyReport, arm: StudyModel, trail: Sequence[StudyCurve], base: StudyCurve | None
) -> Chart:
    k = min(c.pass_at_k[-1].k for c in trail)
    steps = [c.step or 1 for c in trail]
    series = []
    for name, one, colour in (("pass@1", 1, FIRST), (f"pass@{k}", k, LAST)):
        found = [(step, p) for step, c in zip(steps, trail, strict=True) if (p := at_k(c, one))]
        series.append(Series(name, [mark(float(step), p) for step, p in found], colour))
        if level := at_k(base, one):
            ends = [svg.Mark(float(x), level.value) for x in (steps[0], steps[-1])]
            series.append(Series(f"base, {name}", ends, colour, dashed=True, shaped=False))
        if k == 1:
            break
    title = f"{one_line(arm.name, 80)} along its training"
    rows = tuple(
        (
            f"{c.step:,}",
            with_interval(at_k(c, 1)),
            with_interval(at_k(c, k)),
            str(c.n),
            percent(c.truncated),
            f"{c.tokens:,.0f}",
        )
        for c in trail
    )
    header = ("step", "pass@1", f"pass@{k}", "n", "cut off", "mean tokens")
    drawing = svg.lines(
        title,
        f"pass@1 and pass@{k} against the optimizer step on a logarithmic scale; dashed: the "
        "student's beginning.",
        series,
        svg.log_axis("optimizer step (log scale)", [float(s) for s in steps]),
        svg.share_axis("pass@k"),
    )
    line = svg.sparkline([p.value if (p := at_k(c, k)) else None for c in trail])
    note = (
        f"k = {k} is the largest that every checkpoint has completions for. Dashed: the student's "
        f"beginning. Bars are {level_name(report.spec.level)} intervals."
    )
    return Chart(title, drawing, Table(header, rows, title), line, note)


def temperatures(report: StudyReport) -> list[Block]:
    """Return pass@1 against pass@K of the base and every arm at every temperature."""
    k = largest_k(report)
    swept = [(m, sweep_of(report, m)) for m in report.models]
    rows = tuple(
        (m.name, f"{c.temperature:g}", with_interval(at_k(c, 1)), with_interval(at_k(c, k)),
         percent(c.truncated), f"{c.tokens:,.0f}")
        for m, sweep in swept
        for c in sweep
    )  # fmt: skip
    if not rows or k == 1:
        return []
    header = ("model", "T", "pass@1", f"pass@{k}", "cut off", "mean tokens")
    level = level_name(report.spec.level)
    table = Table(header, rows, f"Every model at every temperature, with {level} intervals")
    blocks: list[Block] = [_plane(report, swept, k, table)]
    told = [
        f"{m.name}: the base at "
        + ("another temperature" if v.dominating_temperature is None
           else f"T = {v.dominating_temperature:g}")
        + f" does as well at 1 and at {k}."
        for m in arms_of(report)
        if (v := m.verdict) is not None and v.temperature_dominated
    ]  # fmt: skip
    if told:
        return [*blocks, Bullets(tuple(told))]
    none = "No arm is temperature-dominated: the base does as well at none of these temperatures."
    alone = "One temperature alone was sampled, so nothing is said of this control."
    return [*blocks, Paragraph(none if len(report.spec.temperatures) > 1 else alone)]


def _plane(
    report: StudyReport,
    swept: Sequence[tuple[StudyModel, Sequence[StudyCurve]]],
    k: int,
    table: Table,
) -> Chart:
    series, xs, ys = [], [], []
    for model, sweep in swept:
        ends = [(c.temperature, at_k(c, 1), at_k(c, k)) for c in sweep]
        found = [(t, a, b) for t, a, b in ends if a is not None and b is not None]
        if not found or model.role is StudyRole.TEACHER:
            continue
        xs += [a.value for _, a, _ in found]
        ys += [b.value for _, _, b in found]
        base = model.role is StudyRole.BASE
        colour = colour_of(report, model)
        drawn = [svg.Mark(a.value, b.value) for _, a, b in found]
        names = [f"T {t:g}" for t, _, _ in found] if base else ()
        series.append(Series(model.name, drawn, colour, dashed=not base, names=names))
    title = f"pass@1 against pass@{k} at every temperature"
    if not series:
        return Chart(title, Markup(""), table)
    across = svg.share_span("pass@1", xs)
    drawing = svg.lines(
        title,
        f"pass@1 to the right, pass@{k} upwards, a point a temperature. What lies to the left of "
        "and below the base's line is reached by its temperature alone.",
        series,
        across._replace(high=across.high + 0.04 * (across.high - across.low)),
        svg.share_span(f"pass@{k}", ys),
    )
    note = (
        f"A point a temperature ({', '.join(f'{t:g}' for t in report.spec.temperatures)}), "
        "joined in this order; the base's are named. An arm to the left of and below the base's "
        "line does nothing that the base's own temperature would not do. The teacher stands in "
        "the table alone."
    )
    return Chart(title, drawing, table, "", note)


def diversity(report: StudyReport) -> list[Block]:
    """Return how different the correct completions of each model are."""
    found = [(m, d) for m in report.models for d in m.diversity]
    if not found:
        return []
    first = report.spec.temperatures[0]
    shown = [(m, d) for m, d in found if d.temperature == first and d.distinct_correct is not None]
    header = (
        "model", "T", "different, rarefied", "to", "on problems", "different, of all n",
        "never solved", "entropy of answers", "collision", "variance of difficulty",
        "distinct-2", "self-BLEU",
    )  # fmt: skip
    title = "Different correct solutions of a problem"
    table = Table(header, tuple(_different(m, d) for m, d in found), title)
    blocks: list[Block] = []
    if shown:
        one = shown[0][1]
        high = max(d.distinct_correct or 0.0 for _, d in shown)
        drawing = svg.ranges(
            title,
            "; ".join(f"{m.name}: {d.distinct_correct:.2f}" for m, d in shown),
            [
                Range(f"{m.name}: {d.distinct_correct:.2f}", d.distinct_correct, None, None,
                      colour_of(report, m))
                for m, d in shown
            ],
            svg.number_axis(f"different solutions among {one.rarefied} correct completions", high),
        )  # fmt: skip
        note = (
            f"Mean number of different correct solutions among {one.rarefied} correct completions "
            f"of a problem at T = {first:g}, over the {one.n_problems:,} problems where every "
            "model has as many. A model that is right more often is given no advantage by it."
        )
        blocks.append(Chart(title, drawing, table, "", note))
    else:
        blocks.append(table)
    return [*blocks, Details("What the columns are", (Paragraph(COLUMNS),))]


COLUMNS = (
    "Different, rarefied: different correct solutions among as many correct completions (to) for "
    "every model, on the problems where each has as many. Of all n: the same among all "
    "completions, which grows with how often a model is right. Never solved: problems without any "
    "correct completion. Entropy of answers: mean entropy in nats of the answers of a problem, "
    "right and wrong. Collision: chance that two completions of a problem give the same answer. "
    "Variance of difficulty: variance over problems of the chance of a correct completion. "
    "Distinct-2 (different pairs of words) and self-BLEU (likeness of completions) are of correct "
    "completions cut to one length; they are surface measures and can rise while the different "
    "solutions get fewer, so they decide nothing here."
)


def _different(model: StudyModel, found: StudyDiversity) -> tuple[str, ...]:
    return (
        model.name,
        f"{found.temperature:g}",
        number(found.distinct_correct),
        *(f"{n:,}" if n else "-" for n in (found.rarefied, found.n_problems)),
        number(found.distinct_solved),
        percent(found.unsolved),
        number(found.answer_entropy),
        number(found.collision),
        number(found.spread, 4),
        number(found.distinct_2, 3),
        number(found.self_bleu, 3),
    )


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
