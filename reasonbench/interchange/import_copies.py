"""Whether a log's samples are draws, or copies that only make n look larger.

Two rules, for each task.  Blocks: on every problem the samples repeat with one period, as
when a file of 8 samples was pasted 8 times.  Draws are exchangeable, so the chance of such an
order is exact: of all orders of the problem's texts, the share that has the period.  Long
texts: one of LONG characters is drawn twice by no sampling, so each repeat is a copy; a cache
that ignores the repeat index makes a whole log of them.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from reasonbench.interchange.imported import Item

CHANCE = 1e-6
"""Chance of accusing an honest task, all periods together."""
LONG = 2_000
"""Characters of a text, some 500 tokens, that no sampling gives twice."""
COPIED = 0.25
"""Share of such copies from which n is a fiction; as for copies in a run."""


class Copies(NamedTuple):
    """How far the samples of a task are draws."""

    n: int
    """Most samples a problem."""
    effective_n: float
    """Samples a problem that are no copies, on average."""
    copied: bool
    """Whether n is a fiction."""
    why: str
    """In what way."""


def copies_in(items: Sequence[Item], *, greedy: bool = False) -> Copies:
    """Return how many of a task's samples are draws.

    Args:
        items: the task's problems.
        greedy: whether the log says temperature 0, where all samples are one by right.
    """
    labelled = [_labels(item) for item in items if all(s.text is not None for s in item.samples)]
    n = max(len(item.samples) for item in items)
    if not labelled or greedy:
        return Copies(n, sum(len(item.samples) for item in items) / len(items), False, "")
    for period in (d for d in range(1, n) if n % d == 0):
        for in_turn in (True, False):
            if _is_copied(labelled, period, in_turn=in_turn, n=n):
                why = f"on every problem the same {period} texts come {n // period} times over"
                return Copies(n, float(period), True, why)
    repeated = sum(_long_repeats(item) for item in items)
    total = sum(len(item.samples) for item in items)
    why = f"{repeated:,} of {total:,} texts of more than {LONG:,} characters repeat another"
    return Copies(n, (total - repeated) / len(items), repeated >= COPIED * total, why)


def _labels(item: Item) -> list[int]:
    """Return each sample's text as the index at which it comes first."""
    first: dict[str | None, int] = {}
    return [first.setdefault(sample.text, i) for i, sample in enumerate(item.samples)]


def _is_copied(labelled: Sequence[list[int]], period: int, *, in_turn: bool, n: int) -> bool:
    """Whether every problem has the period, which chance does not do.

    Args:
        labelled: texts of each problem.
        period: different draws a problem, at most.
        in_turn: whether the copies stand as 0 1 0 1 and not as 0 0 1 1.
        n: samples a problem.
    """
    log_chance = 0.0
    times = n // period
    for labels in labelled:
        if len(labels) != n:
            return False
        for i, label in enumerate(labels):
            if label != labels[i % period if in_turn else i - i % times]:
                return False
        sizes = Counter(labels).values()
        # Orders of one block against orders of all samples; both are multinomial.
        log_chance += math.lgamma(period + 1) - sum(math.lgamma(s // times + 1) for s in sizes)
        log_chance -= math.lgamma(n + 1) - sum(math.lgamma(s + 1) for s in sizes)
    return log_chance < math.log(CHANCE / (2 * n))


def _long_repeats(item: Item) -> int:
    long = Counter(s.text for s in item.samples if s.text is not None and len(s.text) >= LONG)
    return sum(count - 1 for count in long.values())
