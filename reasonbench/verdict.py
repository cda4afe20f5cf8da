"""The verdict: stated rules over the numbers of one public benchmark.

The first rule that holds decides:

1. completions are missing -> INVALID
2. nothing graded, or more than half cut off by the token limit -> INVALID
3. problems stand in the traces, and pass@1 on them exceeds that on the others by more
   than chance -> INFLATED; otherwise -> INCONCLUSIVE
4. nothing found, but pass@1 exceeds that on held-out problems by more than chance
   -> INCONCLUSIVE
5. traces were searched, or held-out problems agree -> SUPPORTED; neither -> INCONCLUSIVE

"More than chance" is an interval with anchor 1 that lies above 0.  Names of models,
problems and traces play no part.
"""

from reasonbench.results import (
    BenchmarkAudit,
    Difference,
    RunResult,
    TaskResult,
    VerdictLine,
    VerdictWord,
)

MAX_TRUNCATED = 0.5
"""Share of truncated completions above which a run measures the token limit."""


def decide(
    run: RunResult, task: TaskResult, benchmark: BenchmarkAudit, *, scanned: bool
) -> VerdictLine:
    """Return the verdict on one public benchmark."""
    name = task.spec.name

    def line(verdict: VerdictWord, sentence: str, would_change: str) -> VerdictLine:
        return VerdictLine(task=name, verdict=verdict, sentence=sentence, would_change=would_change)

    if task.n_owed:
        return line(
            VerdictWord.INVALID,
            f"{task.n_owed} completions are missing, so the score is not of all problems.",
            "running the same command again, which samples what is missing",
        )
    n_truncated = task.reasons.get("truncated", 0)
    n_graded = sum(c.n for c in task.problems)
    if n_graded == 0 or n_truncated > MAX_TRUNCATED * n_graded:
        return line(
            VerdictWord.INVALID,
            f"{n_truncated} of {n_graded} graded completions were cut off at "
            f"{run.sampling.max_tokens} tokens: this measures the limit, not the model.",
            "a larger --max-tokens",
        )
    if benchmark.n_contaminated:
        return line(*_leak_rule(benchmark))
    return line(*_clean_rule(benchmark, scanned=scanned))


def _leak_rule(benchmark: BenchmarkAudit) -> tuple[VerdictWord, str, str]:
    leak, price = (_pass_at_1(benchmark, name) for name in ("leaked - clean", "all - clean"))
    n = benchmark.n_contaminated
    if leak is None or price is None:
        return (
            VerdictWord.INCONCLUSIVE,
            f"All {n} problems stand in the traces: nothing is left to compare them with.",
            "problems of the same kind that are not in the traces",
        )
    numbers = (
        f"{n} problems stand in the traces; pass@1 on them is {_signed(leak)} than on the "
        f"others, which moves the whole score by {_amount(price)}."
    )
    if leak.interval is not None and leak.interval.low > 0:
        return (
            VerdictWord.INFLATED,
            numbers,
            "leaked problems scoring no higher than clean ones, beyond chance",
        )
    return VerdictWord.INCONCLUSIVE, numbers, "more samples a problem, or more problems"


def _clean_rule(benchmark: BenchmarkAudit, *, scanned: bool) -> tuple[VerdictWord, str, str]:
    gap = _pass_at_1(benchmark, "public - heldout")
    searched = (
        f"None of {benchmark.n_checked} problems stands in the traces"
        if scanned
        else "No traces were searched"
    )
    if gap is None or gap.interval is None:
        return (
            VerdictWord.SUPPORTED if scanned else VerdictWord.INCONCLUSIVE,
            f"{searched}, and there is no held-out set to compare with.",
            "a held-out set on which the model does worse"
            if scanned
            else "traces, or a held-out set",
        )
    if gap.interval.low > 0:
        return (
            VerdictWord.INCONCLUSIVE,
            f"{searched}, yet pass@1 is {_signed(gap)} than on held-out problems.",
            "finding what makes the public problems easier for this model",
        )
    return (
        VerdictWord.SUPPORTED,
        f"{searched}, and pass@1 is {_signed(gap)} than on held-out problems: no more than chance.",
        "a leaked problem, or a held-out score that is lower beyond chance",
    )


def _pass_at_1(benchmark: BenchmarkAudit, name: str) -> Difference | None:
    return next(
        (d for d in benchmark.differences if d.name == name and d.k == 1 and d.value is not None),
        None,
    )


def _signed(difference: Difference) -> str:
    assert difference.value is not None
    word = "higher" if difference.value >= 0 else "lower"
    return f"{100 * abs(difference.value):.1f} points {word} {_range(difference)}"


def _amount(difference: Difference) -> str:
    assert difference.value is not None
    return f"{100 * difference.value:+.1f} points {_range(difference)}"


def _range(difference: Difference) -> str:
    interval = difference.interval
    if interval is None:
        return "(no interval)"
    low, high = 100 * interval.low, 100 * interval.high
    return f"({difference.level:.0%} interval {low:+.1f} to {high:+.1f})"
