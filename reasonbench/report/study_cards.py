"""The answer of a study on one screen: a card an arm, and one of the planted items."""

from collections.abc import Sequence
from pathlib import PurePath

import msgspec
from markupsafe import Markup

from reasonbench.protocols import Block
from reasonbench.report.blocks import Bullets, Paragraph, Table
from reasonbench.report.study_view import (
    arms_of,
    at,
    at_k,
    largest_k,
    main_curve,
    reference_of,
    value_of,
)
from reasonbench.report.templating import render
from reasonbench.report.text import cut, level_name, points, points_interval
from reasonbench.results.study import (
    ArmVerdict,
    ArmWord,
    StudyDose,
    StudyModel,
    StudyPoint,
    StudyReport,
    StudyRole,
)

PLAIN = {
    ArmWord.COLLAPSE: "Right more often at the first try, but it solves fewer problems in {k} "
    "tries than the base.",
    ArmWord.EXPANSION: "Solves more problems in {k} tries than the base, and is not worse at the "
    "first.",
    ArmWord.DEGRADATION: "Worse than the base, and better at nothing: {first}, {last}.",
    ArmWord.INCONCLUSIVE: "Open: {first}, {last}.",
    ArmWord.FAILED: "No seed was trained to its end, so nothing is known of it.",
}
FIRST = ("right less often at the first try", "no clear change at the first try",
         "right more often at the first try")  # fmt: skip
LAST = ("fewer problems solved in {k} tries", "no clear change in {k} tries",
        "more problems solved in {k} tries")  # fmt: skip
MAX_WHY = 300
"""Characters of a failure on a card."""


class Line(msgspec.Struct, frozen=True):
    """One row of a card."""

    name: str
    base: str
    arm: str
    points: str
    interval: str


class StudyCard(msgspec.Struct, frozen=True, kw_only=True):
    """One arm against the student's beginning."""

    name: str
    recipe: str
    word: str
    plain: str
    """What the word means here."""
    lines: tuple[Line, ...]
    facts: tuple[str, ...]
    """k*, the temperature control, problems lost and gained, seeds that failed."""
    dominated: bool
    """Whether the base does as well at another temperature, which is shown as a flag."""
    sentence: str
    level: str

    @property
    def told(self) -> str:
        """The card as a line."""
        facts = " ".join(self.facts)
        return f"{self.name} ({self.recipe}): {self.word}. {self.plain} {facts} {self.sentence}"


class StudyCards(msgspec.Struct, frozen=True, kw_only=True):
    """All arms."""

    cards: tuple[StudyCard, ...]

    def markdown(self) -> str:
        """Return a table of the numbers, and a line an arm."""
        rows = tuple(
            (c.name, c.word, line.name, line.base, line.arm, line.points, line.interval)
            for c in self.cards
            for line in c.lines or (Line("-", "-", "-", "-", "-"),)
        )
        level = self.cards[0].level
        header = ("arm", "verdict", "metric", "base", "arm's", "points", f"{level} interval")
        told = Bullets(tuple(c.told for c in self.cards))
        return f"{Table(header, rows).markdown()}\n\n{told.markdown()}"

    def html(self) -> Markup:
        """Return an article an arm."""
        return render("study_cards", cards=self.cards)


def first_screen(report: StudyReport) -> list[Block]:
    """Return the answer: what was compared, the arms, the planted items and the notes."""
    arms = [arm for arm in arms_of(report) if arm.verdict is not None]
    cards: list[Block] = (
        [StudyCards(cards=tuple(_card(report, arm) for arm in arms))] if arms else []
    )
    doses = {dose.arm for dose in report.doses}
    leak_alone = bool(doses) and all(arm.name in doses for arm in arms)
    parts = [_leak(report), cards] if leak_alone else [cards, _leak(report)]
    blocks: list[Block] = [Paragraph(_lead(report, arms, "doses" if leak_alone else "arms"))]
    blocks += [block for part in parts for block in part]
    if report.notes:
        blocks += [Paragraph("To know beforehand:"), Bullets(report.notes)]
    return blocks


def _task(spec: str) -> str:
    """Return the name of a task that is given by its file."""
    path = PurePath(spec)
    return path.stem if path.suffix in {".yaml", ".yml", ".json", ".jsonl"} else spec


def _lead(report: StudyReport, arms: Sequence[StudyModel], called: str) -> str:
    spec = report.spec
    said = (
        f"Students of {spec.teacher.id}, all begun from {spec.student.id} (the base), on "
        f"{report.selection.kept:,} problems of {', '.join(map(_task, spec.tasks))}."
    )
    if arms:
        failed = sum(arm.verdict is not None and arm.verdict.word is ArmWord.FAILED for arm in arms)
        seeds = "1 seed" if len(spec.seeds) == 1 else f"{len(spec.seeds)} seeds"
        said += f" {len(arms)} {called}" + (f", {failed} of them failed" if failed else "")
        said += (
            f", {seeds} each; differences are in points, with {level_name(spec.level)} intervals "
            "over problems and seeds."
        )
    return said


def _card(report: StudyReport, arm: StudyModel) -> StudyCard:
    verdict = arm.verdict
    if verdict is None:
        raise ValueError(f"{arm.name} has no verdict")
    k = largest_k(report)
    known = verdict.word is not ArmWord.FAILED
    return StudyCard(
        name=cut(arm.name, 80),
        recipe=cut(arm.recipe, 200),
        word=str(verdict.word).upper(),
        plain=PLAIN[verdict.word].format(
            k=k,
            first=FIRST[1 + _sign(at(verdict.deltas, 1))],
            last=LAST[1 + _sign(at(verdict.deltas, k))].format(k=k),
        ),
        lines=tuple(_line(report, arm, verdict, one) for one in dict.fromkeys((1, k)))
        if known
        else (),
        facts=tuple(_facts(report, arm, verdict, k)),
        dominated=verdict.temperature_dominated,
        sentence=cut(verdict.sentence.removeprefix(f"{verdict.word}: "), 600),
        level=level_name(report.spec.level),
    )


def _sign(delta: StudyPoint | None) -> int:
    """Return whether a difference is above (1) or below (-1) chance, or neither (0)."""
    if delta is None or delta.interval is None:
        return 0
    return (delta.interval.low > 0) - (delta.interval.high < 0)


def _line(report: StudyReport, arm: StudyModel, verdict: ArmVerdict, k: int) -> Line:
    base = main_curve(report, reference_of(report, StudyRole.BASE))
    delta = at(verdict.deltas, k)
    return Line(
        name=f"pass@{k}",
        base=value_of(at_k(base, k)),
        arm=value_of(at_k(main_curve(report, arm), k)),
        points=points(None if delta is None else delta.value),
        interval=points_interval(None if delta is None else delta.interval),
    )


def _facts(report: StudyReport, arm: StudyModel, verdict: ArmVerdict, k: int) -> list[str]:
    failed = [t for t in arm.trainings if t.failed]
    told = [f"{len(failed)} of {len(arm.trainings)} trainings failed."] if failed else []
    if verdict.word is ArmWord.FAILED:
        return [*told, *dict.fromkeys(cut(t.failed, MAX_WHY) for t in failed)]
    told.append(crossing_of(verdict, k))
    told.append(temperature_of(report, verdict, k))
    if verdict.regained:
        told.append(regained_of(verdict))
    if verdict.lost or verdict.gained:
        told.append(
            f"Problems solved by the base and never by it: {verdict.lost:,}; the other way "
            f"round: {verdict.gained:,}."
        )
    return told


def regained_of(verdict: ArmVerdict) -> str:
    """Return in words what an interpolation has above the arm that it is made of."""
    parts = (
        f"{points(point.value)} points at pass@{point.k}"
        + ("" if point.interval is None else f" ({points_interval(point.interval)})")
        for point in verdict.regained
    )
    return f"Against {cut(verdict.source, 80)}: {', '.join(parts)}."


def crossing_of(verdict: ArmVerdict, k: int) -> str:
    """Return k* in words."""
    low, high = (f"above {k}" if b is None else f"{b:.3g}" for b in verdict.crossing_interval)
    if verdict.crossing is None:
        inside = "" if verdict.crossing_interval == (None, None) else f" ({low} to {high})"
        return f"k*: none, better than the base at every k up to {k}{inside}."
    return f"k* = {verdict.crossing:.3g} ({low} to {high}): no better than the base from there on."


def temperature_of(report: StudyReport, verdict: ArmVerdict, k: int) -> str:
    """Return the temperature control in words."""
    if verdict.temperature_dominated:
        where = verdict.dominating_temperature
        named = "another temperature" if where is None else f"T = {where:g}"
        return f"Temperature-dominated: the base at {named} does as well, at 1 and at {k}."
    if len(report.spec.temperatures) == 1:
        return "No temperature control: the base was sampled at one temperature."
    return "Not temperature-dominated: no temperature of the base does as well at both."


def _leak(report: StudyReport) -> list[Block]:
    if not report.doses:
        return []
    ended = [d for d in report.doses if not d.failed and d.dose]
    if not ended:
        return [Paragraph("Planted items: no dose was trained to its end.")]
    last = ended[-1]
    planted = sum(c.planted for c in last.classes)
    told = (
        f"Planted items, {last.dose:,} copies each: pass@1 {_signed(last.planted)} on them, "
        f"{_signed(last.others)} on the others, against dose 0."
    )
    if planted:
        told += f" The scan found {last.found:,} of {planted:,}"
        told += (
            f", and {last.found_wrongly:,} that were not planted." if last.found_wrongly else "."
        )
    header = ("dose", "planted items", "other items", "found by the scan", "noticed by")
    caption = "pass@1 above that of dose 0, in points, and who notices"
    rows = tuple(_dose(dose) for dose in report.doses)
    return [Paragraph(told), Table(header, rows, caption)]


def _dose(dose: StudyDose) -> tuple[str, ...]:
    if dose.failed:
        return (f"{dose.dose:,}", "failed", "-", "-", "-")
    planted = sum(c.planted for c in dose.classes)
    noticed = [found.name.partition("/")[0] for found in dose.detectors if found.flagged]
    return (
        f"{dose.dose:,}",
        _signed(dose.planted, ""),
        _signed(dose.others, ""),
        f"{dose.found:,} of {planted:,}" if planted else "-",
        ", ".join(noticed) or "none",
    )


def _signed(point: StudyPoint | None, unit: str = " points") -> str:
    if point is None:
        return "not known"
    inside = "" if point.interval is None else f" ({points_interval(point.interval)})"
    return f"{points(point.value)}{unit}{inside}"
