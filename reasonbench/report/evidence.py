"""From findings to what is shown of them: both texts with what they share, and the doubts."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import PurePath

from reasonbench.report.data import ReportData, Surroundings
from reasonbench.report.panels import Evidence, Segment
from reasonbench.report.text import cut
from reasonbench.results import Finding, FindingStatus, Match

FOUND = (FindingStatus.CONTAMINATED, FindingStatus.SUSPECT)
MAX_TEXT = 3000
"""Characters of a statement and of a place that are shown."""
MAX_TOKENS = 500
"""Words up to which two texts are compared word by word."""
MIN_SHARED = 3
"""Words that a shared stretch must have to be marked."""
MAX_FURTHER = 5
"""Further places that are named."""
GRAVITY = (
    "verbatim", "code", "solution", "reformatted", "renumbered", "paraphrased", "partial",
    "answer_only",
)  # fmt: skip
"""Kinds, the one that leaves the least doubt first."""
DOUBTS = {
    "verbatim": "A classic exercise may stand in a trace without the benchmark being its source.",
    "reformatted": "A classic exercise may stand in a trace without the benchmark being its "
    "source, the more so in other words.",
    "renumbered": "Exercises of one template share their words: a sibling with other numbers need "
    "not come from this benchmark.",
    "paraphrased": "Two people can write of the same matter in like words.",
    "partial": "A part may be a common phrase, or a step that many problems share.",
    "solution": "Standard methods are written down in standard words.",
    "answer_only": "A short answer can agree by chance; the question itself does not stand there.",
    "code": "Short programs for the same purpose look alike.",
}
"""Why a finding of each kind may be none."""
Place = tuple[str, int, str, int]
"""Document, row, field and first byte."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


def found_of(data: ReportData) -> list[Finding]:
    """Return the findings that have a place in the traces, the strongest first."""
    found = [f for f in data.audit.findings if f.status in FOUND and f.matches]
    return sorted(found, key=_strength)


def _strength(finding: Finding) -> tuple[bool, int, float, float, int]:
    kind = finding.kind or ""
    return (
        finding.status is not FindingStatus.CONTAMINATED,
        GRAVITY.index(kind) if kind in GRAVITY else len(GRAVITY),
        1.0 if finding.q_value is None else finding.q_value,
        -(finding.score or 0.0),
        -len(finding.matches[0].text),
    )


def evidence_of(data: ReportData) -> tuple[Evidence, ...]:
    """Return every piece of evidence, numbered from 1."""
    numbers = {(p.task, p.id): i for i, p in enumerate(data.problems, 1)}
    around = around_of(data)
    return tuple(
        _evidence(
            data,
            finding,
            i,
            numbers.get((finding.task, finding.problem_id), 0),
            around.get(spot_of(finding.matches[0])),
        )
        for i, finding in enumerate(found_of(data), 1)
    )


def _evidence(
    data: ReportData, finding: Finding, number: int, problem: int, around: Surroundings | None
) -> Evidence:
    match = finding.matches[0]
    statement = data.audit.statements.get(f"{finding.task}/{finding.problem_id}", "")
    left, right = shared(statement[:MAX_TEXT], match.text[:MAX_TEXT])
    return Evidence(
        number=number,
        problem_number=problem,
        task=finding.task,
        problem_id=finding.problem_id,
        status=str(finding.status),
        kind=finding.kind or "",
        channel=finding.channel or "",
        q_value="-" if finding.q_value is None else f"{finding.q_value:.2g}",
        score="-" if finding.score is None else f"{finding.score:.3g}",
        detector=finding.detector,
        place=place_of(match),
        row=row_of(match),
        n_places=finding.n_matches,
        further=tuple(place_of(m) for m in finding.matches[1 : MAX_FURTHER + 1]),
        statement=statement,
        text=match.text,
        left=(*left, *_rest(statement)),
        right=(*right, *_rest(match.text)),
        before="" if around is None else around.before,
        after="" if around is None else around.after,
        doubt=_doubt(finding, statement),
    )


def around_of(data: ReportData) -> dict[Place, Surroundings]:
    """Return what stands around places, where that is known."""
    return {(s.document, s.row, s.field, s.start): s for s in data.surroundings}


def spot_of(match: Match) -> Place:
    """Return what ``around_of`` knows a match by."""
    return match.document, match.row, match.field, match.document_span[0]


def place_of(match: Match) -> str:
    """Return where a match stands, in words."""
    return (
        f"in {match.document}, line {match.row + 1}, {match.field}, bytes "
        f"{match.document_span[0]} to {match.document_span[1]}"
    )


def row_of(match: Match) -> str:
    """Return the document and the line alone."""
    return f"line {match.row + 1} of {PurePath(match.document).name}"


def _rest(text: str) -> tuple[Segment, ...]:
    more = cut(text, MAX_TEXT)[MAX_TEXT:] if len(text) > MAX_TEXT else ""
    return (Segment(more),) if more else ()


def _doubt(finding: Finding, statement: str) -> tuple[str, ...]:
    doubts = []
    if reason := DOUBTS.get(finding.kind or ""):
        doubts.append(reason)
    if finding.status is FindingStatus.SUSPECT:
        doubts.append("The detector itself calls it suspect, not contaminated.")
    if finding.q_value is not None:
        doubts.append(
            f"Of all findings at least as strong as this one, a share of {finding.q_value:.2g} is "
            f"expected to be false."
        )
    else:
        doubts.append("This detector's scores are not calibrated: it gives no chance of an error.")
    if len(statement.split()) < 12:
        doubts.append("The problem is short: few words can agree by chance.")
    doubts.append("It shows that the text stands there, not that it was trained on or remembered.")
    return tuple(doubts)


def shared(left: str, right: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return both texts in pieces; what both hold bears the same number."""
    if right and right in left:
        return _pieces(left, [(left.index(right), len(right))]), (Segment(right, 1),)
    if left and left in right:
        return (Segment(left, 1),), _pieces(right, [(right.index(left), len(left))])
    a, b = list(_TOKEN.finditer(left)), list(_TOKEN.finditer(right))
    if not a or not b or len(a) > MAX_TOKENS or len(b) > MAX_TOKENS:
        return _pieces(left, []), _pieces(right, [])
    one, other = ([m.group().casefold() for m in side] for side in (a, b))
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    kept = [block for block in blocks if block.size >= MIN_SHARED]
    spans = (
        [_span(a, block.a, block.size) for block in kept],
        [_span(b, block.b, block.size) for block in kept],
    )
    return _pieces(left, spans[0]), _pieces(right, spans[1])


def _span(tokens: Sequence[re.Match[str]], start: int, size: int) -> tuple[int, int]:
    first = tokens[start].start()
    return first, tokens[start + size - 1].end() - first


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    pieces, at = [], 0
    for number, (start, size) in enumerate(spans, 1):
        if start > at:
            pieces.append(Segment(text[at:start]))
        pieces.append(Segment(text[start : start + size], number))
        at = start + size
    if at < len(text):
        pieces.append(Segment(text[at:]))
    return tuple(pieces)
