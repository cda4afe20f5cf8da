"""Checks of the draws themselves: copies among them, and a success that depends on the index.

Both rest on one fact.  Draws that are independent and alike are exchangeable: given which
texts a problem has, and how often, every way of giving them to the sample indices is equally
likely.  So no model, however sure of itself, makes one *pair* of indices agree more often
than another, or one half of the indices succeed more often.  With ``stop_after_successes``
the order of the successes decides what is drawn, and this holds only for problems that drew
all their n completions without being stopped; no other is used.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.signal import fftconvolve
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaln
from scipy.stats import binom, hypergeom

from reasonbench.results import Severity, ValidityFinding
from reasonbench.validity.collect import MAX_EXAMPLES, ProblemSeen, Run, TaskSeen, example
from reasonbench.validity.findings import finding, graded, percent, times

LEAST_ALIKE_PROBLEMS = 5
"""Problems with several completions, fewer than which show no rule."""
ALIKE = 0.9
"""Share of problems whose completions are all the same: 'most', with room for ties broken by
rounding."""
ALIKE_TEMPERATURE = 0.2
"""Below it, a sure model repeats itself at any length."""
ALIKE_WARNING, ALIKE_INVALID = 50, 200
"""Mean tokens of the copies.  A sampled text of L tokens recurs with probability exp(-H L), H
its entropy a token: at 200 tokens even H = 0.05 gives e^-10, while a sure answer of a few
tokens recurs always.  Shorter ones are a note."""
PAIRS = 1024
"""Sample indices whose pairs are compared; their number grows with the square."""
REUSE_CHANCE = 1e-6
"""Chance of accusing a task of it, all pairs and patterns of its indices together."""
COPIES_INVALID = 0.25
"""Share of the indices that are copies from which n, and each interval, is a fiction; below,
a warning: pass@1 stays unbiased."""
HALVES_CHANCE = 1e-4
"""Chance of accusing a task of depending on the index."""
LEAST_HALVES_PROBLEMS = 20
"""Problems that both succeed and fail, fewer than which decide nothing."""
HALVES_INVALID = 0.05
"""Difference of the halves' success from which pass@1 says mostly which n was chosen."""

_EXCHANGEABLE = "reasonbench: exchangeability of independent draws"


def duplicates(run: Run) -> Iterator[ValidityFinding]:
    """Completions of a problem that are the same beyond what a sure model does."""
    for task in run.tasks:
        yield from _silent_greedy(run, task)
        yield from _seed_reuse(run, task)


def _silent_greedy(run: Run, task: TaskSeen) -> Iterator[ValidityFinding]:
    sampling, told = run.plan.sampling, "temperature" not in run.plan.engine.not_told
    several = [p for p in task.problems.values() if len(p.hashes) > 1]
    if (
        run.plan.engine.settings.get("text_available") is False
        or len(several) < LEAST_ALIKE_PROBLEMS
        or (told and sampling.temperature < ALIKE_TEMPERATURE)
        or sampling.top_k == 1
    ):
        return
    alike = [p for p in several if len(set(p.hashes)) == 1]
    share = len(alike) / len(several)
    if share < ALIKE:
        return
    length = sum(p.n_tokens for p in alike) / sum(len(p.hashes) for p in alike)
    severity = graded(length, note=0, warning=ALIKE_WARNING, invalid=ALIKE_INVALID)
    greedy = (
        "the engine seems to ignore the temperature; find out what it does with it"
        if told
        else "decoding seems to have been greedy, so n is 1; ask the source"
    )
    cause = (
        greedy
        if severity is not Severity.NOTE
        else "texts this short a sure model repeats, and so does greedy decoding"
    )
    drawn = f"temperature {sampling.temperature:g}" if told else "a temperature that was not told"
    yield finding(
        "duplicates",
        severity or Severity.NOTE,
        task.name,
        f"On {len(alike):,} of {times(len(several), 'problem')} of {task.name} all completions are "
        f"the same text ({length:.0f} tokens on average) at {drawn}: {cause}.",
        "facts of engines: some servers ignore temperature and top_p",
        problems=len(several),
        problems_alike=len(alike),
        share=share,
        mean_tokens=length,
        temperature=sampling.temperature if told else None,
        examples=[example(task.name, p.id) for p in alike[:MAX_EXAMPLES]],
    )


def _seed_reuse(run: Run, task: TaskSeen) -> Iterator[ValidityFinding]:
    n = min(run.plan.spec.n, PAIRS)
    draws = _Draws(_exchangeable(run, task), n)
    first, second = np.nonzero(np.triu(draws.often_alike() | draws.alike_by_pattern(), 1))
    if not len(first):
        return
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    copies = n - int(connected_components(graph, directed=False)[0])
    counts = draws.agree[first, second]
    order = np.argsort(-counts, kind="stable")[:MAX_EXAMPLES]
    share = copies / n
    yield finding(
        "duplicates",
        graded(share, warning=0.0, invalid=COPIES_INVALID) or Severity.WARNING,
        task.name,
        f"{copies:,} of the {n:,} sample indices of {task.name} repeat the text of another, the "
        f"same ones on up to {counts.max():,} of {times(draws.used, 'problem')}, which chance does "
        f"not do (p < {REUSE_CHANCE:g}): seeds were used again, and n is less than it says; sample "
        "with a seed of its own for each.",
        f"{_EXCHANGEABLE}; Hoeffding 1956 for the bound",
        problems=draws.used,
        indices_compared=n,
        pairs_alike=len(first),
        copies=copies,
        share=share,
        chance=REUSE_CHANCE,
        agreements_by_chance=draws.expected,
        examples=[f"#{first[i]} = #{second[i]} on {counts[i]} problems" for i in order],
    )


class _Draws:
    """Which sample indices agree, over the problems that say something about it.

    A problem whose texts all differ, or are all the same, says nothing of a pair.
    """

    def __init__(self, problems: Sequence[ProblemSeen], n: int) -> None:
        self.n = n
        self.agree = np.zeros((n, n), dtype=np.int32)
        """Problems on which each pair of indices agrees."""
        self.expected = 0.0
        """What chance makes of that, for any pair."""
        self.used = 0
        """Problems that say something."""
        self._patterns: Counter[tuple[bytes, bytes, bytes]] = Counter()
        for problem in problems:
            self._add(problem)

    def _add(self, problem: ProblemSeen) -> None:
        indices = np.frombuffer(problem.indices, dtype=f"u{problem.indices.itemsize}")
        hashes = np.frombuffer(problem.hashes, dtype=np.uint64)[indices < self.n]
        indices = indices[indices < self.n].astype(np.int64)
        _, first, labels, sizes = np.unique(
            hashes, return_index=True, return_inverse=True, return_counts=True
        )
        if len(sizes) in (0, 1, len(hashes)):
            return
        self.used += 1
        self.agree[np.ix_(indices, indices)] += labels[:, None] == labels[None, :]
        pairs = float((sizes.astype(float) * (sizes - 1)).sum())
        self.expected += pairs / (len(hashes) * (len(hashes) - 1))
        # Each text is named by where it comes first, so equal patterns are equal bytes.
        parts = (indices, np.sort(sizes), first[labels])
        there, kind, pattern = (part.astype(np.uint16).tobytes() for part in parts)
        self._patterns[there, kind, pattern] += 1

    def often_alike(self) -> Any:
        """Return the pairs that agree more often than chance lets any pair (n x n).

        Hoeffding (1956): a sum of unlike Bernoulli variables has no heavier upper tail than
        the binomial with their mean, so the binomial bounds the chance from above.
        """
        pairs = self.n * (self.n - 1) // 2
        if not self.used:
            return self.agree > 0
        chance = REUSE_CHANCE / 2 / pairs
        return self.agree > binom.isf(chance, self.used, self.expected / self.used)

    def alike_by_pattern(self) -> Any:
        """Return the pairs within patterns that recur more often than chance lets any (n x n).

        A pattern says which indices agree with which.  All M patterns of the same sizes are
        equally likely, so with P problems the chance that any of them comes x times is at most
        M times that of a binomial(P, 1/M).  Of the patterns that do, a pair must be in each:
        what agrees in some of them alone may do so by chance.
        """
        within, beside = np.zeros_like(self.agree), np.zeros_like(self.agree)
        kinds: Counter[tuple[bytes, bytes]] = Counter()
        for (there, sizes, _), count in self._patterns.items():
            kinds[there, sizes] += count
        for (there, sizes, pattern), count in self._patterns.items():
            log_m = _log_patterns(np.frombuffer(sizes, dtype=np.uint16).astype(float))
            law = binom.logsf(count - 1, kinds[there, sizes], np.exp(-log_m))
            if count > 1 and log_m + law < np.log(REUSE_CHANCE / 2 / len(kinds)):
                indices = np.frombuffer(there, dtype=np.uint16)
                named = np.frombuffer(pattern, dtype=np.uint16)
                within[np.ix_(indices, indices)] += named[:, None] == named[None, :]
                beside[np.ix_(indices, indices)] += 1
        return (within > 0) & (within == beside)


def _log_patterns(sizes: Any) -> float:
    """Return the log of the number of ways to part indices into groups of these sizes."""
    alike = np.unique(sizes, return_counts=True)[1]
    groups = gammaln(sizes + 1).sum() + gammaln(alike + 1).sum()
    return float(gammaln(sizes.sum() + 1) - groups)


def _exchangeable(run: Run, task: TaskSeen) -> list[ProblemSeen]:
    """Return the problems whose sample indices no rule of stopping has ordered."""
    stop = run.plan.spec.stop_after_successes
    if stop is None:
        return list(task.problems.values())
    whole = (p for p in task.problems.values() if len(p.indices) == run.plan.spec.n)
    return [p for p in whole if sum(right for _, right in p.judged()) < stop]


def depends_on_n(run: Run) -> Iterator[ValidityFinding]:
    """A success that differs between the first and the second half of the indices.

    Such a score changes with n alone.  Skipped with ``stop_after_successes``: what is drawn
    late is then drawn of the problems that fail, by design.
    """
    n = run.plan.spec.n
    if n < 2 or run.plan.spec.stop_after_successes is not None:
        return
    for task in run.tasks:
        halves = [_halves(p, n) for p in task.problems.values()]
        both = [h for h in halves if h[0] and h[2]]
        p_value, n_deciding = _halves_test(both)
        if n_deciding < LEAST_HALVES_PROBLEMS or p_value >= HALVES_CHANCE:
            continue
        first = sum(c / m for m, c, _, _ in both) / len(both)
        second = sum(c / m for _, _, m, c in both) / len(both)
        yield finding(
            "depends_on_n",
            graded(abs(second - first), warning=0.0, invalid=HALVES_INVALID) or Severity.WARNING,
            task.name,
            f"pass@1 of {task.name} is {percent(first)} on the first half of the sample indices "
            f"and {percent(second)} on the second (p = {p_value:.1e}): the draws are not alike, so "
            "the score depends on n; find out what differs between early and late completions.",
            _EXCHANGEABLE,
            problems=len(both),
            problems_deciding=n_deciding,
            first_half=first,
            second_half=second,
            p_value=p_value,
        )


def _halves(problem: ProblemSeen, n: int) -> tuple[int, int, int, int]:
    """Return verdicts and successes of the first half, and of the second."""
    first = [right for index, right in problem.judged() if index < n // 2]
    second = [right for index, right in problem.judged() if index >= n // 2]
    return len(first), sum(first), len(second), sum(second)


def _halves_test(halves: Sequence[tuple[int, int, int, int]]) -> tuple[float, int]:
    """Return the exact two-sided p-value of the successes in the first halves, and how many decide.

    Given each problem's successes, those in its first half are hypergeometric.
    """
    deciding = [h for h in halves if 0 < h[1] + h[3] < h[0] + h[2]]
    if not deciding:
        return 1.0, 0
    laws = [hypergeom.pmf(np.arange(m + 1), m + rest, c + more, m) for m, c, rest, more in deciding]
    while len(laws) > 1:
        joined = [fftconvolve(a, b) for a, b in zip(laws[::2], laws[1::2], strict=False)]
        laws = [*joined, *laws[len(laws) - len(laws) % 2 :]]
    law = np.clip(laws[0], 0.0, None)
    seen = sum(c for _, c, _, _ in deciding)
    tail = min(law[: seen + 1].sum(), law[seen:].sum())
    return min(1.0, 2 * float(tail)), len(deciding)
