"""What kind of copy of a unit stands at a place of a text, by stated rules."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from reasonbench.corpus.align_notation import MATHEMATICAL
from reasonbench.corpus.align_overlap import (
    Overlap,
    Profile,
    Run,
    bridged,
    equal_runs,
    find_exact,
    overlap,
    places,
)
from reasonbench.corpus.align_tokens import Tokens, layout, same_operators
from reasonbench.corpus.items import Kind

SHORT = 13
"""A unit of fewer tokens is found whole, or with other numbers, or not at all."""
SHORT_CONTENT = 4
"""Words that speak of it which a short unit needs to be found with other numbers, or"""
SHORT_RUN = 7
"""tokens that follow one another there."""
FORM_SIZE = 10
"""Tokens and operators of a question that is found by its form, with other numbers."""
CHANGED = 0.12
"""Share of the words that a reformatted or renumbered copy may change, two at least."""
MIN_CHANGED = 2
RENUMBERED_WORDS = 0.85
"""Share of the words that a renumbered copy keeps."""
PARTIAL_SHARE = 0.25
"""Least share of the unit that a part is, in tokens."""
PARTIAL_MOST = 0.88
"""Most of it: with more of it there, the whole has been reworded."""
PARTIAL_TOKENS = 8
"""Least tokens of a part."""
PARTIAL_CONTENT = 4
"""Least telling words, numbers and mathematical words of a part."""
FORMULA_SHARE = 0.6
"""Least share of a question's tokens that a paraphrase keeps which has few telling words."""
FORMULA_TOKENS = 12
"""Least tokens that such a paraphrase keeps."""
FORMULA_RUN = 5
"""Least of them in one run."""
DENSE = 0.85
"""Share of a part's tokens that are equal."""
OUTSIDE = 0.3
"""Most of the rest of the unit that is there too; with more the whole is a paraphrase."""
IN_ORDER = 0.4
"""Least share of the telling words that a paraphrase keeps in order."""
KEPT = 0.5
"""Least share of the telling words that a paraphrase keeps in any order."""
KEPT_WITH_NUMBERS = 0.35
"""The same where the numbers agree."""
AGREEMENT = 0.75
"""Share of the numbers that agree in such a paraphrase."""
MIN_CONTENT = 4
"""Least telling words that a paraphrase keeps."""
WORKED = 2
"""Equations more than the question has, in what resembles it: the trace works on it."""
SOLUTION_SHARE = 0.5
"""Least share of a solution's tokens that stands in runs."""
SOLUTION_RUN = 4
"""Tokens of a run that counts."""
SOLUTION_TOKENS = 12
"""Least tokens of a solution in runs."""
SOLUTION_CONTENT = 3
"""Least telling words of what is found of a solution."""
SOLUTION_LONGEST = 30
"""A run of so many tokens is a large part of any solution."""


class Judged(NamedTuple):
    """A unit found in a text; spans are first and last tokens in the unit and in the text."""

    kind: Kind
    spans: tuple[tuple[int, int, int, int], ...]
    coverage: float
    agreement: float
    longest: int
    worked: bool = False
    """It calculates, or asks nothing: a trace on the item, not a statement of it."""
    form: bool = False
    """Nothing but numbers differs, and every operator is the same."""


class _Counts(NamedTuple):
    words: int
    matched: int
    inserted: int
    numbers: int
    agreeing: int
    in_order: float
    content: int
    bag: float
    runs: list[Run]
    broken: bool
    """A number's operator is another one."""
    worked: bool

    @property
    def coverage(self) -> float:
        return self.matched / self.words if self.words else 0.0

    @property
    def agreement(self) -> float:
        return self.agreeing / self.numbers if self.numbers else 1.0


def judge_question(unit: Profile, text: Tokens, keys: list[str]) -> Judged | None:
    """Return how a question stands in a text, or None."""
    if not unit.keys:
        return None
    exact = _exact(unit.tokens, text)
    if exact and exact.kind is not Kind.RENUMBERED:
        return exact
    form = _form(unit, text, keys)
    if len(unit.keys) < SHORT:
        return form or _short(unit, text, keys)
    found = [judged for judged in (form, exact) if judged]
    for low, high in places(unit, keys, 2 * len(unit.keys) + 16):
        place = overlap(unit, keys, low, high)
        judged = place and _judge(unit, text, keys, place)
        if judged:
            found.append(judged)
    return max(found, key=lambda j: (-RANK[j.kind], j.coverage), default=None)


RANK = {kind: rank for rank, kind in enumerate(Kind)}
"""Order of the kinds: the less changed, the lower."""


def _exact(unit: Tokens, text: Tokens) -> Judged | None:
    n = len(unit)
    others: list[Judged] = []
    for at in find_exact(unit, text):
        span = ((0, n - 1, at, at + n - 1),)
        same = _same_formula(unit, text, at)
        if same and not _goes_on(text, at, n):
            plain = layout(unit.slice(0, n - 1)) == layout(text.slice(at, at + n - 1))
            kind = Kind.VERBATIM if plain else Kind.REFORMATTED
            return Judged(kind, span, 1.0, 1.0, n)
        others.append(Judged(Kind.RENUMBERED, span, 1.0, 1.0, n))
    return others[0] if others else None


def _form(unit: Profile, text: Tokens, keys: list[str]) -> Judged | None:
    """Return a question of which nothing but numbers differs, or None."""
    n = len(unit.keys)
    if not unit.numbers or n + unit.tokens.signs < FORM_SIZE:
        return None
    for at in _standing(unit, keys):
        if _goes_on(text, at, n):
            continue
        if _same_formula(unit.tokens, text, at):
            numbers = [i for i in range(n) if unit.is_number[i]]
            agreeing = sum(unit.tokens.words[i] == text.words[at + i] for i in numbers)
            span = ((0, n - 1, at, at + n - 1),)
            return Judged(Kind.RENUMBERED, span, 1.0, agreeing / len(numbers), n, form=True)
    return None


def _same_formula(unit: Tokens, text: Tokens, at: int) -> bool:
    """Tell whether all operators of a unit stand between the tokens that begin at a place."""
    n = len(unit)
    if unit.operators[1:n] == text.operators[at + 1 : at + n]:
        return True
    return all(same_operators(unit, i, text, at + i) for i in range(1, n))


def _standing(unit: Profile, keys: list[str]) -> Iterator[int]:
    """Yield where all keys of a unit follow one another."""
    n, wanted, at = len(unit.keys), unit.keys, -1
    with contextlib.suppress(ValueError):
        while True:
            at = keys.index(wanted[0], at + 1, max(len(keys) - n + 1, 0))
            if keys[at : at + n] == wanted:
                yield at


def _goes_on(text: Tokens, at: int, n: int) -> bool:
    """Tell whether a formula at the end or the start is a part of a longer one."""
    return any(
        0 < i < len(text)
        and bool(text.operators[i].strip("(){}"))
        and not any(c in text.raw_gaps[i] for c in ".?!\n$:]")
        for i in (at, at + n)
    )


def _short(unit: Profile, text: Tokens, keys: list[str]) -> Judged | None:
    """Return a short question with other numbers: every word is there, in one run."""
    n = len(unit.keys)
    if not unit.numbers or (len(unit.content) < SHORT_CONTENT and n < SHORT_RUN):
        return None
    for at in _standing(unit, keys):
        run = Overlap((Run(0, at, n),), tuple((i, at + i) for i in range(n)), at, at + n)
        counts = _count(unit, text, keys, run)
        if counts.coverage == 1.0:
            return _judged(Kind.RENUMBERED, counts, run)
    return None


def _judge(unit: Profile, text: Tokens, keys: list[str], place: Overlap) -> Judged | None:
    counts = _count(unit, text, keys, place)
    changed = max(counts.words - counts.matched, counts.inserted)
    light = changed <= max(MIN_CHANGED, CHANGED * counts.words)
    told = counts.content >= MIN_CONTENT or counts.in_order >= DENSE
    if light and told:
        same = counts.agreement == 1.0 and not counts.broken
        return _judged(Kind.REFORMATTED if same else Kind.RENUMBERED, counts, place)
    part = _part(unit, counts)
    if part:
        return part
    if counts.coverage >= RENUMBERED_WORDS and counts.agreement < 1.0 and told:
        return _judged(Kind.RENUMBERED, counts, place)
    kept = sum(run.size for run in counts.runs)
    longest = max((run.size for run in counts.runs), default=0)
    if (
        kept >= max(FORMULA_TOKENS, FORMULA_SHARE * len(unit.keys))
        and longest >= FORMULA_RUN
        and counts.inserted <= len(unit.keys)
    ):
        return _judged(Kind.PARAPHRASED, counts, place)
    if counts.content < MIN_CONTENT or counts.in_order < KEPT_WITH_NUMBERS / 2:
        return None
    numbers_agree = counts.numbers >= 2 and counts.agreement >= AGREEMENT
    if (counts.in_order >= IN_ORDER and counts.bag >= KEPT) or (
        numbers_agree and counts.bag >= KEPT_WITH_NUMBERS
    ):
        return _judged(Kind.PARAPHRASED, counts, place)
    return None


def _judged(kind: Kind, counts: _Counts, place: Overlap) -> Judged:
    runs = list(place.runs) if kind is Kind.RENUMBERED else counts.runs
    spans = tuple(bridged(runs)) or tuple(bridged(list(place.runs)))
    longest = max((run.size for run in counts.runs), default=0)
    return Judged(kind, spans, counts.coverage, counts.agreement, longest, counts.worked)


def _count(unit: Profile, text: Tokens, keys: list[str], place: Overlap) -> _Counts:
    words, others, numeric = unit.tokens.words, text.words, unit.is_number
    n_numbers = sum(numeric)
    matched = agreeing = telling = 0
    for a, b in place.pairs:
        equal = words[a] == others[b]
        if numeric[a]:
            agreeing += equal
        else:
            matched += equal
            telling += unit.tells[a]
    broken = any(
        numeric[a]
        and numeric[a - 1]
        and not same_operators(unit.tokens, a, text, a + run.b - run.a)
        for run in place.runs
        for a in range(run.a + 1, run.a + run.size)
    )
    content = sum(unit.tells)
    here = unit.content.intersection(keys[place.low : place.high])
    return _Counts(
        words=len(words) - n_numbers,
        matched=matched,
        inserted=place.high - place.low - len(place.pairs),
        numbers=n_numbers,
        agreeing=agreeing,
        in_order=telling / content if content else 0.0,
        content=len(here),
        bag=len(here) / len(unit.content) if unit.content else 0.0,
        runs=equal_runs(unit.tokens, text, place),
        broken=broken,
        worked=_is_worked(unit.tokens, text, place),
    )


def _is_worked(unit: Tokens, text: Tokens, place: Overlap) -> bool:
    """Tell whether a place resembles a question because it answers it."""
    if "?" in unit.text and "?" not in "".join(text.raw_gaps[place.low : place.high + 1]):
        return True
    equations = _equations(text, place.low, place.high)
    return equations >= _equations(unit, 0, len(unit)) + WORKED


def _equations(tokens: Tokens, low: int, high: int) -> int:
    return sum("=" in tokens.operators[i] for i in range(low, high) if "=" in tokens.raw_gaps[i])


def _part(unit: Profile, counts: _Counts) -> Judged | None:
    """Return the part of the unit that is copied where the rest of it is not."""
    spans = bridged(counts.runs)
    if not spans:
        return None
    span = max(spans, key=lambda s: s[1] - s[0])
    first, last = span[:2]
    size, n = last - first + 1, len(unit.keys)
    inside = sum(run.size for run in counts.runs if first <= run.a <= last)
    outside = sum(run.size for run in counts.runs) - inside
    here = set(unit.tokens.words[first : last + 1])
    content = len(set(unit.keys[first : last + 1]) & unit.content - MATHEMATICAL)
    content += len(here & (unit.numbers | MATHEMATICAL))
    if (
        not max(PARTIAL_TOKENS, PARTIAL_SHARE * n) <= size <= PARTIAL_MOST * n
        or content < PARTIAL_CONTENT
        or inside < DENSE * size
        or outside > OUTSIDE * (n - size)
    ):
        return None
    longest = max(run.size for run in counts.runs)
    return Judged(Kind.PARTIAL, (span,), counts.coverage, counts.agreement, longest)


def judge_solution(unit: Profile, text: Tokens, keys: list[str]) -> Judged | None:
    """Return how a worked solution stands in a text, or None."""
    n = len(unit.keys)
    if not n:
        return None
    found: list[Judged] = []
    exact = _exact(unit.tokens, text) if n >= SOLUTION_TOKENS else None
    if exact:
        return exact._replace(kind=Kind.SOLUTION)
    for low, high in places(unit, keys, 2 * n + 32):
        place = overlap(unit, keys, low, high)
        if not place:
            continue
        counts = _count(unit, text, keys, place)
        runs = [run for run in counts.runs if run.size >= SOLUTION_RUN]
        size = sum(run.size for run in runs)
        longest = max((run.size for run in runs), default=0)
        telling = {unit.keys[run.a + k] for run in runs for k in range(run.size)} & unit.content
        if len(telling) >= SOLUTION_CONTENT and (
            size >= max(SOLUTION_TOKENS, SOLUTION_SHARE * n) or longest >= SOLUTION_LONGEST
        ):
            spans = tuple(bridged(runs))
            found.append(Judged(Kind.SOLUTION, spans, counts.coverage, counts.agreement, longest))
    return max(found, key=lambda j: j.coverage, default=None)
