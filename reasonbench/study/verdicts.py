"""What an arm did to the student's beginning: one word, and the sentence that shows why.

k = 1, K and the temperature are named by the spec, never by the data.  Each of the four
comparisons (pass@1 up or down, pass@K up or down) is one-sided at (1 - level) / 2: the two-sided
interval that is printed lies above or below 0.  So an arm is falsely called

- a collapse with chance (1 - level) / 2, as both comparisons must reject (an intersection-union
  test), and far more rarely where neither has changed,
- an expansion with (1 - level) / 2,
- a degradation with 1 - level where neither has changed: either of two may reject.

Simulated at level .95 (``benchmarks/study_coverage.py``): a false collapse in at most .021 of
1,000 single arms at the edge of the hypothesis and .054 of 500 that share 100 bases, .000 where
neither has changed; there a false expansion in at most .034, a false degradation in at most .046
with five arms of two seeds.  One arm of two seeds has one degree of freedom: .073.

No correction is made for the number of arms: a study of 20 arms that do nothing may show one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reasonbench.records import Interval
from reasonbench.results.study import ArmVerdict, ArmWord, StudyDiversity, StudyPoint
from reasonbench.stats.seed_crossing import crossing_seeds
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import SeedEstimate, compare_seeds

Bounds = tuple[float, float]
"""Lower and upper bound of a difference."""


@dataclass(frozen=True, slots=True)
class Question:
    """One arm and what it is held against, on the same problems."""

    base: Student
    """The beginning at the first temperature."""
    arm: Student
    """The arm's last step at the first temperature."""
    temperatures: dict[float, Student]
    """The beginning at every temperature that it was sampled at."""
    pool: Sequence[Student]
    """Trained arms that tell what a seed does."""
    first: float
    """The first temperature."""
    ks: tuple[int, ...]
    """Values of k; 1 and K are added."""
    k: int
    """K."""
    level: float
    """Confidence level."""
    clusters: Sequence[str] | None = None
    """Problems of one label may depend on each other."""
    failed: Sequence[str] = ()
    """Why seeds of the arm came to nothing."""
    diversity: tuple[StudyDiversity | None, StudyDiversity | None] = (None, None)
    """Of the beginning and of the arm, at the first temperature."""
    solutions_named: bool = True
    """Whether the grader tells different right solutions apart."""
    source: tuple[str, Student] | None = None
    """Name and counts of the arm that this one is interpolated from, seed by seed the same."""


def word_of(first: Bounds, last: Bounds) -> ArmWord:
    """Return the word for the intervals of the differences at 1 and at K."""
    up_1, down_1 = first[0] > 0, first[1] < 0
    up_k, down_k = last[0] > 0, last[1] < 0
    if up_1 and down_k:
        return ArmWord.COLLAPSE
    if up_k and not down_1:
        return ArmWord.EXPANSION
    if (down_1 and not up_k) or (down_k and not up_1):
        return ArmWord.DEGRADATION
    return ArmWord.INCONCLUSIVE


def failed_verdict(reasons: Sequence[str]) -> ArmVerdict:
    """Return the verdict of an arm of which nothing was sampled."""
    said = "; ".join(dict.fromkeys(reasons)) or "nothing of it was sampled"
    return ArmVerdict(word=ArmWord.FAILED, sentence=f"failed: {said}.")


def verdict(question: Question) -> ArmVerdict:
    """Compare an arm with its beginning."""
    ks = tuple(sorted({1, *(k for k in question.ks if k <= question.k), question.k}))
    found = _compare(question, question.base, ks)
    if math.isnan(found.value[0]) or math.isnan(found.value[-1]):
        return ArmVerdict(
            word=ArmWord.INCONCLUSIVE,
            sentence=f"inconclusive: no problem has {question.k} completions of the beginning and "
            f"of every seed, so pass@{question.k} is not known.",
            deltas=points(found),
        )
    word = word_of(_bounds(found, 0), _bounds(found, -1))
    crossing = crossing_seeds(
        question.base,
        question.arm,
        question.k,
        pool=question.pool,
        level=question.level,
        clusters=question.clusters,
    )
    dominating = _dominating(question)
    lost, gained = _exchanged(question)
    regained = _regained(question)
    parts = [
        _numbers(word, found, question),
        _crossing_words(crossing, question.k),
        f"{_many(lost, 'problem')} lost, {gained} gained",
        _solutions_words(question),
        _regained_words(question, regained),
        _temperature_words(question, dominating),
        _seeds_words(found, question),
    ]
    return ArmVerdict(
        word=word,
        sentence="; ".join(part for part in parts if part) + ".",
        deltas=points(found),
        crossing=crossing.k,
        crossing_interval=(crossing.low, crossing.high),
        temperature_dominated=dominating is not None,
        dominating_temperature=None if dominating is None else dominating[0],
        lost=lost,
        gained=gained,
        source="" if question.source is None else question.source[0],
        regained=() if regained is None else points(regained),
    )


def points(found: SeedEstimate) -> tuple[StudyPoint, ...]:
    """Return an estimate's values of k that are defined."""
    low, high = found.interval
    return tuple(
        StudyPoint(
            k=int(k),
            value=float(found.value[i]),
            interval=None
            if math.isnan(low[i]) or math.isnan(high[i])
            else Interval(low=float(low[i]), high=float(high[i])),
        )
        for i, k in enumerate(found.ks)
        if not math.isnan(found.value[i])
    )


def _compare(question: Question, base: Student, ks: Sequence[int]) -> SeedEstimate:
    return compare_seeds(
        base,
        question.arm,
        list(ks),
        seeds=seed_variance(question.pool, list(ks)) if question.pool else None,
        level=question.level,
        clusters=question.clusters,
    )


def _bounds(found: SeedEstimate, i: int) -> Bounds:
    return float(found.interval.low[i]), float(found.interval.high[i])


def _dominating(question: Question) -> tuple[float, SeedEstimate] | None:
    """Find the temperature at which the beginning does as well as the arm, at 1 and at K.

    It does where the arm is better beyond chance at neither, and the beginning's estimate is at
    least the arm's at one of them.  Of several, the one whose worse side is best.
    """
    best: tuple[float, float, SeedEstimate] | None = None
    for temperature, base in question.temperatures.items():
        found = _compare(question, base, (1, question.k))
        if np.isnan(found.value).any() or np.any(found.interval.low > 0):
            continue
        worse = float(found.value.max())
        if found.value.min() <= 0 and (best is None or worse < best[0]):
            best = worse, temperature, found
    return None if best is None else best[1:]


def _exchanged(question: Question) -> tuple[int, int]:
    """Count the problems that only the beginning, and only the arm, ever solved."""
    (n_base, c_base), (n_arm, c_arm) = (
        (np.atleast_2d(np.asarray(s.n)).sum(axis=0), np.atleast_2d(np.asarray(s.c)).sum(axis=0))
        for s in (question.base, question.arm)
    )
    asked = (n_base > 0) & (n_arm > 0)
    lost = asked & (c_base > 0) & (c_arm == 0)
    gained = asked & (c_base == 0) & (c_arm > 0)
    return int(lost.sum()), int(gained.sum())


def _regained(question: Question) -> SeedEstimate | None:
    """Hold an interpolation against its source, which was trained with the same seeds."""
    if question.source is None:
        return None
    return compare_seeds(
        question.source[1],
        question.arm,
        sorted({1, question.k}),
        paired=True,
        level=question.level,
        clusters=question.clusters,
    )


def _regained_words(question: Question, regained: SeedEstimate | None) -> str:
    if question.source is None or regained is None:
        return ""
    shown = [_difference(regained, i) for i in range(len(regained.ks))]
    return f"against {question.source[0]}: {', '.join(shown)}"


def _numbers(word: ArmWord, found: SeedEstimate, question: Question) -> str:
    last = len(found.ks) - 1
    shown = ", ".join(_difference(found, i) for i in sorted({0, last}))
    counted = found.n_problems - int(found.undefined[last])
    seeds = np.shape(question.arm.n)[0] if np.ndim(question.arm.n) == 2 else 0
    over = f"over {_many(counted, 'problem')}"
    if seeds:
        over += f" and {_many(seeds, 'seed')}"
    left_out = f" ({found.undefined[last]} of too few completions left out)"
    return (
        f"{word}: {shown} {over}{left_out if found.undefined[last] else ''}{_why_open(word, found)}"
    )


def _why_open(word: ArmWord, found: SeedEstimate) -> str:
    if word is not ArmWord.INCONCLUSIVE:
        return ""
    (low_1, high_1), (low_k, _) = _bounds(found, 0), _bounds(found, -1)
    k = int(found.ks[-1])
    if high_1 < 0 < low_k:
        return f", pass@1 given for pass@{k}"
    if low_1 > 0:
        return f", pass@1 up and pass@{k} open"
    return ", no difference beyond chance"


def _difference(found: SeedEstimate, i: int) -> str:
    low, high = _bounds(found, i)
    return f"pass@{found.ks[i]} {_signed(float(found.value[i]))} [{_plain(low)}, {_plain(high)}]"


def _crossing_words(crossing: tuple[float | None, float | None, float | None], k: int) -> str:
    point, low, high = crossing
    if point is not None and point <= 1:
        return ""
    if point is None and low is None:
        return f"no crossing up to k = {k}"
    bounds = [f"above {k}" if bound is None else f"{bound:.0f}" for bound in (low, high)]
    if point is None:
        return f"no crossing up to k = {k} [{bounds[0]}, {bounds[1]}]"
    return f"k* = {point:.0f} [{bounds[0]}, {bounds[1]}]"


def _solutions_words(question: Question) -> str:
    if not question.solutions_named:
        return "different right solutions are not counted, as the grader gives them no names"
    base, arm = question.diversity
    if base is None or arm is None or base.distinct_correct is None or arm.distinct_correct is None:
        return ""
    return (
        f"{arm.distinct_correct:.2f} different solutions in {arm.rarefied} correct completions of "
        f"{_many(arm.n_problems, 'problem')}, {base.distinct_correct:.2f} of the beginning"
    )


def _temperature_words(question: Question, found: tuple[float, SeedEstimate] | None) -> str:
    if found is None:
        if len(question.temperatures) < 2:
            return "no other temperature of the beginning to hold against it"
        return "no one temperature of the beginning does as well at both"
    temperature, delta = found
    if temperature == question.first:
        return f"temperature-dominated by the beginning as it is, at T = {temperature:g}"
    shown = ", ".join(_difference(delta, i) for i in range(1 if question.k == 1 else 2))
    return f"temperature-dominated: against the beginning at T = {temperature:g}, {shown}"


def _seeds_words(found: SeedEstimate, question: Question) -> str:
    said = []
    if question.failed:
        why = "; ".join(dict.fromkeys(question.failed))
        said.append(f"{_many(len(question.failed), 'seed')} failed ({why})")
    if not found.seeds_known:
        said.append(
            "one seed: the intervals are over problems alone, and say nothing of another training"
        )
    return "; ".join(said)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "-") + _plain(abs(value))


def _plain(value: float) -> str:
    """Two decimals without the leading zero; three where two would hide a sign."""
    text = f"{value:.2f}"
    if value and float(text) == 0:
        text = f"{value:.3f}"
    return text.replace("0.", ".", 1).replace("-.000", ".000") if abs(value) < 1 else text
