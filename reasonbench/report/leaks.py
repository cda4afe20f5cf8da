"""Blocks of the contamination section: the price of each kind of leak, and the model's side."""

from collections.abc import Sequence
from pathlib import Path

from reasonbench.protocols import Block
from reasonbench.records import Estimate
from reasonbench.report.blocks import Bullets, Paragraph, Table, Verbatim
from reasonbench.report.text import (
    interval,
    level_name,
    marked,
    percent,
    points,
    points_interval,
)
from reasonbench.results import (
    Audit,
    BenchmarkAudit,
    Contrast,
    Difference,
    FindingStatus,
    ModelCheck,
    Sign,
    VerdictWord,
)

MAX_SIGNS = 3
"""Places in a model's completions that are printed for each check."""
SIGN_LENGTH = 600
"""Characters of each that are printed."""
PRICE = (
    "What a leak adds: the share of the problems that leaked so, times pass@k on them less pass@k "
    "on the clean ones. The kinds add up to all problems less the clean ones."
)


def prices(audit: Audit) -> list[Block]:
    """Return the table of pass@k with all problems and with the clean ones, by kind of leak."""
    invalid = {line.task for line in audit.verdicts if line.verdict is VerdictWord.INVALID}
    rows: list[tuple[str, ...]] = []
    for benchmark in audit.benchmarks:
        if benchmark.kinds:
            rows += _price_rows(audit, benchmark, marked(benchmark.task, benchmark.task in invalid))
    if not rows:
        return []
    header = (
        "task",
        "leak",
        "problems",
        "k",
        "pass@k on them",
        "all problems",
        "clean ones",
        "the leak adds",
        f"{level_name(audit.spec.level)} interval",
    )
    return [Table(header, tuple(rows), caption=PRICE)]


def _price_rows(audit: Audit, benchmark: BenchmarkAudit, task: str) -> list[tuple[str, ...]]:
    estimates = next(t.estimates for t in audit.run.tasks if t.spec.name == benchmark.task)
    parts: list[tuple[str, int, Sequence[Estimate], Sequence[Difference]]] = [
        (k.kind, k.n_problems, k.leaked, k.differences) for k in benchmark.kinds
    ]
    if len(parts) > 1:
        parts.append(
            ("any", benchmark.n_contaminated, benchmark.leaked, benchmark.differences),
        )
    rows: list[tuple[str, ...]] = []
    for name, n, leaked, differences in parts:
        for estimate in leaked:
            adds = next(
                (d for d in differences if d.name == "all - clean" and d.k == estimate.k), None
            )
            rows.append(
                (
                    task,
                    name,
                    str(n),
                    str(estimate.k),
                    percent(estimate.value),
                    percent(_at(estimates, estimate.k)),
                    percent(_at(benchmark.clean, estimate.k)),
                    points(adds.value if adds else None),
                    points_interval(adds.interval if adds else None),
                )
            )
    return rows


def _at(estimates: Sequence[Estimate], k: int) -> float | None:
    return next((e.value for e in estimates if e.k == k), None)


def checks(audit: Audit) -> list[Block]:
    """Return what the detectors on the model's side saw, each with what it cannot show."""
    if not audit.checks:
        return []
    made = [c for c in audit.checks if c.value is not None]
    rows = [_contrast_row(check, contrast) for check in made for contrast in check.contrasts]
    blocks: list[Block] = [
        Paragraph("On the model's side:"),
        Bullets(tuple(_told(check) for check in audit.checks)),
    ]
    if rows:
        header = (
            "task",
            "check",
            "value",
            "interval",
            "against",
            "value",
            "interval",
            "points",
            f"{level_name(audit.spec.level)} interval",
            "decides",
        )
        blocks.append(Table(header, tuple(rows), caption="Each check, and what it is held against"))
    for check in made:
        for sign in check.signs[:MAX_SIGNS]:
            blocks.append(Verbatim(_label(check, sign), sign.text[:SIGN_LENGTH]))
    return blocks


def _told(check: ModelCheck) -> str:
    name = check.detector.partition("/")[0]
    status = check.status.value.replace("_", " ")
    if check.status is FindingStatus.NOT_CHECKED and check.value is None:
        return check.sentence
    return f"{name}: {status}. {check.sentence} {check.cannot_show}"


def _contrast_row(check: ModelCheck, contrast: Contrast) -> tuple[str, ...]:
    return (
        check.task,
        f"{check.detector.partition('/')[0]}: {contrast.first.what}",
        percent(contrast.first.value),
        interval(contrast.first.interval),
        contrast.second.what,
        percent(contrast.second.value),
        interval(contrast.second.interval),
        points(contrast.value),
        points_interval(contrast.interval),
        "yes" if contrast.decides else "no",
    )


def _label(check: ModelCheck, sign: Sign) -> str:
    place = ""
    if sign.place is not None:
        document, row = sign.place
        place = f", as in line {row + 1} of {Path(document).name}"
    return (
        f"{check.detector.partition('/')[0]}: completion {sign.sample_index} of "
        f"{sign.problem_id}, {sign.note}{place}"
    )
