"""The verdict: stated rules over the numbers of one public benchmark.

The first rule that holds decides:

1. INVALID: the public task or a held-out one has missing completions, nothing graded,
   more than 10 % of its completions without a verdict, or more than half cut off; or a
   check of the run found that their scores are none (``reasonbench.validity``).
2. Problems stand in the traces: INFLATED where pass@1 on them exceeds that on the other
   problems by more than chance; where all of them stand there, where it exceeds that on
   held-out problems by more than chance. INCONCLUSIVE otherwise, unless rule 3 holds.
3. UNSUPPORTED: a published score lies above the measured interval.
4. None was found, but pass@1 exceeds that on held-out problems by more than chance:
   INCONCLUSIVE, for something made the public problems easier.
5. The gap to fresh problems is larger than the reference's by more than chance: INCONCLUSIVE.
6. A check of the model is suspect (it completes the benchmark's items, or falls where their
   numbers change): INCONCLUSIVE.
7. SUPPORTED: pass@1 is at most 10 points above that on held-out problems, the whole
   interval included.
8. INCONCLUSIVE: anything else. Not having found a leak supports no score by itself: the
   search may have missed it.

"More than chance" is an interval with anchor 1 that lies above 0.  Names of models,
problems and traces play no part.
"""

from collections.abc import Sequence

from reasonbench.results import (
    BenchmarkAudit,
    ClaimCheck,
    Difference,
    FindingStatus,
    FreshGap,
    ModelCheck,
    RunResult,
    TaskResult,
    ValidityFinding,
    VerdictLine,
    VerdictWord,
)
from reasonbench.results.gap import GapKind

MAX_TRUNCATED = 0.5
"""Share of truncated completions above which a run measures the token limit."""
MAX_UNGRADED = 0.1
"""Share of completions without a verdict above which the others are a selection."""
MARGIN = 0.1
"""Largest excess over held-out problems, interval included, that supports a score."""

UNCLASSED = "unclassed"
"""Kind of a leak whose detector names none."""

Ruling = tuple[VerdictWord, str, str]


def decide(
    run: RunResult,
    task: TaskResult,
    benchmark: BenchmarkAudit,
    *,
    heldout: Sequence[TaskResult] = (),
    checks: Sequence[ModelCheck] = (),
    claims: Sequence[ClaimCheck] = (),
    gaps: Sequence[FreshGap] = (),
) -> VerdictLine:
    """Return the verdict on one public benchmark.

    Args:
        run: the run, for its token limit.
        task: the public benchmark's scores.
        benchmark: what was found and compared.
        heldout: scores of the held-out tasks that it was compared with.
        checks: what the detectors on the model's side saw of it.
        claims: what was published of it, beside what was measured.
        gaps: public tasks against fresh ones.
    """
    ruling: Ruling | None = None
    for part in (task, *heldout):
        ruling = ruling or _invalid(run, part) or _refuted(run, part)
    if ruling is None:
        found = benchmark.n_contaminated > 0
        ruling = (
            _leak_rule(task, benchmark)
            if found
            else _clean_rule(task, benchmark, checks, _doubt(task, gaps))
        )
        if ruling[0] is not VerdictWord.INFLATED:
            ruling = _claim_rule(claims) or ruling
    verdict, sentence, would_change = ruling
    return VerdictLine(
        task=task.spec.name, verdict=verdict, sentence=sentence, would_change=would_change
    )


def _invalid(run: RunResult, task: TaskResult) -> Ruling | None:
    name = task.spec.name
    graded = sum(counts.n for counts in task.problems)
    without = sum(task.ungraded.values())
    if task.n_owed:
        return (
            VerdictWord.INVALID,
            f"{name} is incomplete: {task.n_unsampled} completions are not sampled and "
            f"{task.n_ungraded} not graded.",
            "running the same command again, which makes what is missing",
        )
    if graded == 0 or without > MAX_UNGRADED * (graded + without):
        return (
            VerdictWord.INVALID,
            f"{without} of {graded + without} completions of {name} could not be judged "
            f"({', '.join(task.ungraded) or 'none'}): the others are a selection.",
            "gold answers and a grader that can judge them",
        )
    if task.n_truncated > MAX_TRUNCATED * graded:
        return (
            VerdictWord.INVALID,
            f"{task.n_truncated} of {graded} completions of {name} were cut off at "
            f"{run.sampling.max_tokens} tokens: this measures the limit, not the model.",
            "a larger --max-tokens",
        )
    return None


def _refuted(run: RunResult, task: TaskResult) -> Ruling | None:
    """Return the ruling of the first finding by which a task's scores are none."""
    found = invalid_for(run, task.spec.name)
    if not found:
        return None
    would_change = f"a run in which this is mended ({found[0].code})"
    return VerdictWord.INVALID, found[0].sentence, would_change


def _leak_rule(task: TaskResult, benchmark: BenchmarkAudit) -> Ruling:
    stand = _count(benchmark.n_contaminated, "problem stands", "problems stand") + _kinds(benchmark)
    if benchmark.n_contaminated == len(task.problems):
        return _all_leaked(stand, benchmark)
    leak, price = (pass_at_1(benchmark, name) for name in ("leaked - clean", "all - clean"))
    if leak is None or price is None:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{stand} in the traces, but on one side of the comparison nothing was graded.",
            "a graded completion of a leaked and of another problem",
        )
    numbers = (
        f"{stand} in the traces; pass@1 there is {_signed(leak)} than on the others, which moves "
        f"the whole score by {_points(price)}."
    )
    if leak.interval is not None and leak.interval.low > 0:
        return (
            VerdictWord.INFLATED,
            numbers,
            "no clear difference between the problems found and the others",
        )
    return VerdictWord.INCONCLUSIVE, numbers, "more samples a problem, or more problems"


def _claim_rule(claims: Sequence[ClaimCheck]) -> Ruling | None:
    refuted = sorted((c for c in claims if c.holds is False), key=lambda c: -c.claim.value)
    if not refuted:
        return None
    return (
        VerdictWord.UNSUPPORTED,
        refuted[0].sentence,
        "the sampling, prompt and grader that the claim was made with, which may differ from these",
    )


def _all_leaked(stand: str, benchmark: BenchmarkAudit) -> Ruling:
    gap = pass_at_1(benchmark, "public - heldout")
    if gap is None or gap.interval is None:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{stand} in the traces: all of them, and there is nothing to compare them with.",
            "held-out problems of the same kind",
        )
    numbers = (
        f"{stand} in the traces: all of them; pass@1 is {_signed(gap)} than on held-out problems."
    )
    if gap.interval.low > 0:
        return VerdictWord.INFLATED, numbers, "a held-out score as high, within chance"
    return VerdictWord.INCONCLUSIVE, numbers, "more held-out problems, or more samples"


def _clean_rule(
    task: TaskResult, benchmark: BenchmarkAudit, checks: Sequence[ModelCheck], doubt: str
) -> Ruling:
    searched = _searched(task, benchmark)
    gap = pass_at_1(benchmark, "public - heldout")
    if gap is None or gap.interval is None:
        dropped = benchmark.n_heldout_dropped
        why = (
            f"all {dropped} held-out problems stand in the traces themselves"
            if dropped
            else "there is no held-out set"
        )
        return (
            VerdictWord.INCONCLUSIVE,
            f"{searched}, and {why}: a leak that the search cannot see is not excluded.",
            "held-out problems of the same kind, or a found leak",
        )
    numbers = f"{searched}, and pass@1 is {_signed(gap)} than on held-out problems"
    low, high = gap.interval.low, gap.interval.high
    if low > 0:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{numbers}: more than chance, from a cause that was not found.",
            "finding what makes the public problems easier for this model",
        )
    if doubt:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{numbers}, but {doubt}.",
            "finding what makes the public problems easier for this model than for the reference",
        )
    if suspect := [c for c in checks if c.status is FindingStatus.SUSPECT]:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{numbers}, but the model gives reason to doubt. {suspect[0].sentence}",
            "finding how the model came to know the benchmark",
        )
    if high <= MARGIN:
        easier = " (the held-out problems are easier)" if high < 0 else ""
        return (
            VerdictWord.SUPPORTED,
            f"{numbers}{easier}: an inflation of more than {100 * MARGIN:.0f} points is excluded.",
            f"a leaked problem, or an interval that reaches beyond +{100 * MARGIN:.0f} points",
        )
    return (
        VerdictWord.INCONCLUSIVE,
        f"{numbers}: an inflation of up to {100 * high:.1f} points is not excluded.",
        "more problems, or more samples a problem",
    )


def _doubt(task: TaskResult, gaps: Sequence[FreshGap]) -> str:
    """Return what a gap to fresh problems, beyond the reference's, says; an empty text if none."""
    for gap in gaps:
        rows = [r for m in gap.models for r in m.rows if r.kind is GapKind.REFERENCE]
        values = [v for row in rows for v in row.values if v.k == 1 and v.interval is not None]
        for value in values:
            if gap.public == task.spec.name and value.interval and value.interval.low > 0:
                return (
                    f"its gap to the fresh problems of {gap.fresh} is "
                    f"{100 * (value.value or 0):.1f} points larger than that of {gap.reference} "
                    f"({gap.level:.0%} interval {100 * value.interval.low:+.1f} to "
                    f"{100 * value.interval.high:+.1f})"
                )
    return ""


def _searched(task: TaskResult, benchmark: BenchmarkAudit) -> str:
    total = len(task.problems)
    if benchmark.n_checked == 0:
        return "No problem was searched for in traces"
    if benchmark.n_checked < total:
        return (
            f"Only {benchmark.n_checked} of {total} problems could be searched for; none was found"
        )
    sentence = f"None of {_count(total, 'problem', 'problems')} stands in the traces"
    if skipped := benchmark.n_rows_skipped:
        sentence += f" ({_count(skipped, 'row', 'rows')} of them could not be read)"
    return sentence


def invalid_for(run: RunResult, task: str) -> tuple[ValidityFinding, ...]:
    """Return the findings by which a task's scores are none; those of the whole run are its too."""
    return tuple(f for f in run.invalid if f.task in (None, task))


def pass_at_1(benchmark: BenchmarkAudit, name: str) -> Difference | None:
    """Return a named difference of pass@1, or None where it has no value."""
    return next(
        (d for d in benchmark.differences if d.name == name and d.k == 1 and d.value is not None),
        None,
    )


def _kinds(benchmark: BenchmarkAudit) -> str:
    """Return how many problems leaked in which way, where a detector says it."""
    classed = [k for k in benchmark.kinds if k.kind != UNCLASSED]
    if not classed:
        return ""
    return f" ({', '.join(f'{k.n_problems} {k.kind}' for k in benchmark.kinds)})"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _signed(difference: Difference) -> str:
    value = difference.value or 0.0
    word = "higher" if value >= 0 else "lower"
    return f"{100 * abs(value):.1f} points {word} {_range(difference)}"


def _points(difference: Difference) -> str:
    return f"{100 * (difference.value or 0.0):+.1f} points {_range(difference)}"


def _range(difference: Difference) -> str:
    interval = difference.interval
    if interval is None:
        return "(no interval)"
    low, high = 100 * interval.low, 100 * interval.high
    return f"({difference.level:.0%} interval {low:+.1f} to {high:+.1f})"
