"""Stage 3: exactly what of an item stands in a record, where, and as what kind of copy.

``align`` is given one unit of an item and one decoded record that earlier stages believe to
overlap.  It looks at every field, decides the kind by the rules of ``align_kinds`` and
``align_code``, and gives spans in bytes of the field's and of the unit's UTF-8.  None says
that what they share is noise.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from reasonbench.corpus.align_code import code_profile, code_tokens, match_code
from reasonbench.corpus.align_kinds import RANK, Judged, judge_question, judge_solution
from reasonbench.corpus.align_overlap import Profile, places, profile, read_near
from reasonbench.corpus.align_overlap import read as read_all
from reasonbench.corpus.align_tokens import Tokens, canonical, is_number, tokenize
from reasonbench.corpus.align_trace import worked
from reasonbench.corpus.fields import Field, Role
from reasonbench.corpus.items import Channel, Item, Kind, Unit

__all__ = ["Alignment", "Span", "Tokens", "align", "canonical", "tokenize"]

ANSWER_CONTENT = 5
"""Least telling words of the question in a trace that speaks of the item."""
ANSWER_KEPT = 0.5
"""Least share of them."""
ANSWER_NUMBERS = 0.6
"""Least share of the question's numbers in such a trace."""
ANSWER_PLACE = 160
"""Tokens in which they stand, beside three times the question's."""
ANSWER_TAIL = 40
"""Last tokens of a trace, in which its final answer is looked for."""
_SAYS = re.compile(r"boxed\s*\{|####|answer\s*(?:is|:|=)|=\s*\**\$?\\?\(?", re.IGNORECASE)


class Span(NamedTuple):
    """Two places that are the same: bytes of the field's and of the unit's UTF-8."""

    field: str
    """Path of the field."""
    start: int
    end: int
    unit: Unit
    item_start: int
    item_end: int


class Alignment(NamedTuple):
    """A unit found in a record."""

    kind: Kind
    channel: Channel
    spans: tuple[Span, ...]
    coverage: float
    """Share of the unit's words that are matched."""
    agreement: float
    """Share of the unit's numbers that are matched; 1 where it has none."""
    longest: int
    """Longest run of equal tokens."""
    form: bool = False
    """A question of which nothing but numbers differs, operators included."""


class _Read(NamedTuple):
    """A field, or a part of one, as it is searched."""

    field: Field
    tokens: Tokens
    keys: list[str]


def align(
    item: Item, unit: Unit, fields: Sequence[Field], *, near: str | None = None
) -> Alignment | None:
    """Return how a unit of an item stands in a record, or None.

    Args:
        item: the item.
        unit: which of its texts.
        fields: the record's texts.
        near: path of the field in which earlier stages saw it; of two fields that hold it
            equally well this one is reported.
    """
    if unit is Unit.CODE:
        return _code(item, fields)
    text = item.text(unit)
    wanted = profile(text)
    judge = judge_question if unit is Unit.QUESTION else judge_solution
    record = _Record(fields)
    found: list[tuple[tuple[float, ...], _Read, Judged]] = []
    # Prompts first: nothing goes before a question that stands there word for word.
    for i in sorted(range(len(fields)), key=lambda i: fields[i].role is not Role.PROMPT):
        if any(j.kind is Kind.VERBATIM and r.field.role is Role.PROMPT for _, r, j in found):
            break
        for read in record.parts(wanted, i):
            judged = judge(wanted, read.tokens, read.keys)
            if judged:
                prompt = fields[i].role is Role.PROMPT
                order = (-RANK[judged.kind], prompt, judged.coverage, fields[i].path == near)
                found.append((order, read, judged))
    if not found:
        return _answer(item, unit, record)
    _, read, judged = max(found, key=lambda entry: entry[0])
    kind, channel = judged.kind, _channel(unit, read.field.role)
    if channel is Channel.PROMPTLESS and record.holds(item.question):
        channel = Channel.TRACE
    elif _is_trace_on(item, read, judged, channel):
        channel = Channel.PROMPTLESS
        kind = Kind.ANSWER_ONLY if judged.worked and kind is Kind.PARAPHRASED else kind
    return Alignment(
        kind,
        channel,
        _spans(read, unit, wanted.tokens, judged.spans),
        judged.coverage,
        judged.agreement,
        judged.longest,
        judged.form,
    )


def _is_trace_on(item: Item, read: _Read, judged: Judged, channel: Channel) -> bool:
    """Tell whether what resembles the question is a trace that works on it up to its answer."""
    return (
        channel is Channel.TRACE
        and judged.kind in (Kind.PARAPHRASED, Kind.PARTIAL)
        and (judged.worked or judged.kind is Kind.PARTIAL)
        and _says(tokenize(item.answer), _Read(read.field, *read_all(read.field.text))) is not None
    )


class _Record:
    """A record's fields, each read once for a unit."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = fields
        self._parts: dict[tuple[str, int], list[_Read]] = {}

    def parts(self, wanted: Profile, i: int) -> list[_Read]:
        """Return the parts of a field in which a unit may stand."""
        key = (wanted.tokens.text, i)
        if key not in self._parts:
            field = self.fields[i]
            self._parts[key] = [_Read(field, *part) for part in read_near(wanted, field.text)]
        return self._parts[key]

    def holds(self, question: str) -> bool:
        """Tell whether any field holds a question."""
        wanted = profile(question)
        return any(
            judge_question(wanted, read.tokens, read.keys)
            for i in range(len(self.fields))
            for read in self.parts(wanted, i)
        )


def _channel(unit: Unit, role: Role) -> Channel:
    if role is Role.PROMPT:
        return Channel.PROMPT
    return Channel.TRACE if unit is Unit.QUESTION else Channel.PROMPTLESS


def _spans(
    read: _Read, unit: Unit, wanted: Tokens, spans: Sequence[tuple[int, int, int, int]]
) -> tuple[Span, ...]:
    return tuple(
        Span(read.field.path, *read.tokens.span(b0, b1), unit, *wanted.span(a0, a1))
        for a0, a1, b0, b1 in spans
    )


def _code(item: Item, fields: Sequence[Field]) -> Alignment | None:
    wanted = code_profile(item.code)
    best: Alignment | None = None
    for field in fields:
        there = code_tokens(field.text)
        match = match_code(wanted, there)
        if not match or (best and best.coverage >= match.coverage):
            continue
        spans = tuple(
            Span(
                field.path,
                *_bytes(field.text, there.starts[b0], there.ends[b1]),
                Unit.CODE,
                *_bytes(item.code, wanted.starts[a0], wanted.ends[a1]),
            )
            for a0, a1, b0, b1 in match.spans
        )
        channel = _channel(Unit.CODE, field.role)
        best = Alignment(Kind.CODE, channel, spans, match.coverage, 1.0, match.longest)
    if best and best.channel is Channel.PROMPTLESS and _Record(fields).holds(item.question):
        return best._replace(channel=Channel.TRACE)
    return best


def _bytes(text: str, start: int, end: int) -> tuple[int, int]:
    if text.isascii():
        return start, end
    offset = len(text[:start].encode("utf-8", "surrogatepass"))
    return offset, offset + len(text[start:end].encode("utf-8", "surrogatepass"))


def _answer(item: Item, unit: Unit, record: _Record) -> Alignment | None:
    """Return a trace that works on the item, with its answer or with its numbers, or None."""
    question = profile(item.question)
    best: Alignment | None = None
    for i, field in enumerate(record.fields):
        if field.role is Role.PROMPT:
            continue
        found = _given(question, item, unit, i, record) or _worked(question, unit, i, record)
        if found and not (best and best.coverage >= found.coverage):
            best = found
    if best and unit is not Unit.QUESTION and record.holds(item.question):
        return None
    return best


def _given(question: Profile, item: Item, unit: Unit, i: int, record: _Record) -> Alignment | None:
    """Return a field that speaks of the question and gives the item's answer, or None."""
    answer = tokenize(item.answer)
    if not len(answer) or len(question.content) < ANSWER_CONTENT:
        return None
    field, parts = record.fields[i], record.parts(question, i)
    place = next(filter(None, (_speaks(question, part) for part in parts)), None)
    read = _Read(field, *read_all(field.text)) if place else parts[0]
    where = _says(answer, read) if place else None
    if not place or where is None:
        return None
    span = read.tokens.span(where, where + len(answer) - 1)
    spans = (Span(field.path, *span, unit, 0, 0),)
    return Alignment(Kind.ANSWER_ONLY, Channel.PROMPTLESS, spans, place[0], place[1], len(answer))


def _worked(question: Profile, unit: Unit, i: int, record: _Record) -> Alignment | None:
    """Return a field that works on the question with its numbers, or None."""
    for read in record.parts(question, i):
        place = worked(question, read.tokens, read.keys)
        if place:
            span = read.tokens.span(place.first, place.last)
            spans = (Span(read.field.path, *span, unit, 0, 0),)
            return Alignment(
                Kind.ANSWER_ONLY, Channel.PROMPTLESS, spans, place.kept, place.agreement, 1
            )
    return None


def _speaks(question: Profile, read: _Read) -> tuple[float, float] | None:
    """Return which shares of the question's telling words and numbers stand close together."""
    length = 3 * len(question.keys) + ANSWER_PLACE
    for low, high in places(question, read.keys, length):
        kept = len(question.content.intersection(read.keys[low:high]))
        numbers = len(question.numbers.intersection(read.tokens.words[low:high]))
        agreement = numbers / len(question.numbers) if question.numbers else 1.0
        share = kept / len(question.content)
        if kept >= ANSWER_CONTENT and share >= ANSWER_KEPT and agreement >= ANSWER_NUMBERS:
            return share, agreement
    return None


def _says(answer: Tokens, read: _Read) -> int | None:
    """Return where the trace gives the answer: at its end, or where it says that it does."""
    tokens, n = read.tokens, len(answer)
    if not n:
        return None
    tail = len(tokens) - max(ANSWER_TAIL, n)
    found: int | None = None
    at = token = counted = 0
    wanted, joined = answer.joined, tokens.joined
    while (at := joined.find(wanted, at)) >= 0:
        token += joined.count(" ", counted, at)
        counted = at
        at += 1
        said = _SAYS.search(tokens.raw_gaps[token]) or token >= tail
        if said and is_number(answer.words[0]) | (n > 1) | (token >= tail):
            found = token
    return found
