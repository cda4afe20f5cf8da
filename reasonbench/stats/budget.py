"""Accuracy against a budget of tokens, from completions that were sampled once.

Invariants: a completion counts as it would have ended under the budget, cut short
included; where that is not known, it is wrong in the headline and right in the upper
bound. Not covered: models that would have answered sooner had they known the budget.

Array names carry their axes as a suffix: S completions, P problems, L budgets, O
orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import (
    BoolArray,
    FloatArray,
    IntArray,
    check_booleans,
    check_count,
    check_groups,
)
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval
from reasonbench.stats.passk import check_ks

_BLOCK = 4_000_000
"""Completions, in all orders, that are held at a time: about 100 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetCurve:
    """A mean over problems at L budgets."""

    budgets: IntArray
    """The L budgets in tokens, as they were asked for."""
    estimate: FloatArray
    """Mean over the problems; NaN where none is defined."""
    interval: Interval
    """For other problems of the same kind."""
    upper: FloatArray
    """The estimate if what was cut short below the budget would have been right.

    In `pass_at_tokens` it is the estimate."""
    undefined: IntArray
    """Problems left out at each budget."""
    values: FloatArray
    """What the estimate is the mean of, shape (m, L)."""


def accuracy_at_budget(
    correct: npt.ArrayLike,
    n_tokens: npt.ArrayLike,
    budgets: npt.ArrayLike,
    *,
    problems: npt.ArrayLike | None = None,
    truncated: npt.ArrayLike | None = None,
    level: float = 0.95,
    anchor: float = 0.5,
    draws: int = 20_000,
    seed: int = 0,
) -> BudgetCurve:
    """Estimate pass@1 as it would be had completions been cut at each budget.

    Parameters:
        correct (array_like of bool, shape (S,)): Whether each completion is correct.
        n_tokens (array_like of int, shape (S,)): Its length in tokens, at least 0.
        budgets (array_like of int, shape (L,)): Tokens a completion, at least 0, in any order.
        problems (array_like of int or str, shape (S,), optional): Which problem each belongs
            to; one each by default.
        truncated (array_like of bool, shape (S,), optional): Which were cut short by the run
            itself, so that they would have gone on under a larger budget.
        level, anchor, draws, seed: As for `gaffke_interval`.

    Returns:
        BudgetCurve: Arrays of shape (L,); problems in the sorted order of their labels.

    Raises:
        ValueError: If a length or budget is not an integer >= 0, a label or flag of another
            kind, shapes differ, or there is no completion.

    Notes:
        c_i(L) counts the completions that are correct and no longer than L, and the value of a
        problem is c_i(L) / n_i: it never falls as L grows. Counts c_i(L) can be had as values *
        n and given to `pass_at_k`. `upper` counts a truncated completion as right at budgets
        above its length, even if it is wrong as it stands.

    References:
        Muennighoff et al. (2025). s1: Simple test-time scaling. arXiv:2501.19393.
    """
    caller = "accuracy_at_budget"
    right_S, length_S, budget_L, problem_S = _check(correct, n_tokens, budgets, problems, caller)
    cut_S = np.zeros(right_S.size, dtype=np.bool_)
    if truncated is not None:
        cut_S = check_booleans(truncated, right_S.size, name="truncated", caller=caller)
    n_P = np.bincount(problem_S)
    value_PL = _counts(right_S, length_S, budget_L, problem_S) / n_P[:, None]
    known_PL = _counts(right_S & ~cut_S, length_S, budget_L, problem_S)
    cut_PL = _counts(cut_S, length_S + 1, budget_L, problem_S)
    at_length_PL = _counts(right_S & cut_S, length_S, budget_L, problem_S) - _counts(
        right_S & cut_S, length_S + 1, budget_L, problem_S
    )
    upper_PL = (known_PL + cut_PL + at_length_PL) / n_P[:, None]
    return BudgetCurve(
        budgets=budget_L,
        estimate=value_PL.mean(axis=0),
        interval=gaffke_interval(value_PL, level=level, anchor=anchor, draws=draws, seed=seed),
        upper=upper_PL.mean(axis=0),
        undefined=np.zeros(budget_L.size, dtype=np.int64),
        values=value_PL,
    )


def pass_at_tokens(
    correct: npt.ArrayLike,
    n_tokens: npt.ArrayLike,
    budgets: npt.ArrayLike,
    *,
    problems: npt.ArrayLike | None = None,
    orders: SupportsIndex = 2000,
    level: float = 0.95,
    anchor: float = 0.5,
    draws: int = 20_000,
    seed: int = 0,
) -> BudgetCurve:
    """Estimate the chance of a correct completion within T tokens of sampling, pass@T.

    Parameters:
        correct (array_like of bool, shape (S,)): Whether each completion is correct.
        n_tokens (array_like of int, shape (S,)): Its length in tokens, at least 0.
        budgets (array_like of int, shape (L,)): Tokens a problem, at least 0, in any order.
        problems (array_like of int or str, shape (S,), optional): Which problem each belongs
            to; one each by default.
        orders (int): Random orders of each problem's completions.
        level, anchor, draws: As for `gaffke_interval`.
        seed (int): Seed of the orders and of the interval.

    Returns:
        BudgetCurve: Arrays of shape (L,); problems in the sorted order of their labels.

    Raises:
        ValueError: As for `accuracy_at_budget`.

    Notes:
        Completions are drawn one after another without replacement; a success counts if it
        ends within T tokens, those of the failures before it included. The orders are random:
        with 2,000 a problem's value has a standard error of .011 at most, and the mean over 30
        problems one of .002. A problem whose completions have fewer than T tokens in all shows
        nothing of T and is left out there, as one with n < k is of pass@k, whatever its c.

        Two models compared at equal T are compared at equal cost, which equal k is not.

    References:
        Chen et al. (2021), arXiv:2107.03374 (the estimate for equal lengths).
    """
    caller = "pass_at_tokens"
    right_S, length_S, budget_L, problem_S = _check(correct, n_tokens, budgets, problems, caller)
    times = check_count(orders, name="orders", caller=caller)
    seed = check_count(seed, name="seed", caller=caller, least=0)
    value_PL = np.full((int(problem_S.max()) + 1, budget_L.size), np.nan)
    seeds = np.random.SeedSequence(seed).spawn(len(value_PL))
    for problem, own_seed in enumerate(seeds):
        own = problem_S == problem
        first_O = np.sort(_first_successes(right_S[own], length_S[own], times, own_seed))
        reached_L = np.searchsorted(first_O, budget_L, side="right") / times
        value_PL[problem] = np.where(budget_L <= length_S[own].sum(), reached_L, np.nan)
    undefined_L = np.isnan(value_PL).sum(axis=0)
    total_L = np.nansum(value_PL, axis=0)
    estimate_L = np.full(budget_L.size, np.nan)
    defined_L = len(value_PL) - undefined_L
    np.divide(total_L, defined_L, out=estimate_L, where=defined_L > 0)
    return BudgetCurve(
        budgets=budget_L,
        estimate=estimate_L,
        interval=gaffke_interval(value_PL, level=level, anchor=anchor, draws=draws, seed=seed),
        upper=estimate_L.copy(),
        undefined=undefined_L.astype(np.int64),
        values=value_PL,
    )


def _counts(
    counted_S: BoolArray, length_S: IntArray, budget_L: IntArray, problem_S: npt.NDArray[np.intp]
) -> FloatArray:
    """For each problem and budget, the counted completions that are no longer."""
    order = np.argsort(budget_L, kind="stable")
    place_S = np.searchsorted(budget_L[order], length_S, side="left")
    count = np.zeros((int(problem_S.max()) + 1, budget_L.size + 1))
    np.add.at(count, (problem_S[counted_S], place_S[counted_S]), 1.0)
    sorted_PL = np.cumsum(count, axis=1)[:, :-1]
    count_PL = np.empty_like(sorted_PL)
    count_PL[:, order] = sorted_PL
    return count_PL


def _first_successes(
    right_N: BoolArray, length_N: IntArray, orders: int, seed: np.random.SeedSequence
) -> FloatArray:
    """Tokens until the first success is complete, in each random order; inf for none."""
    if not right_N.any():
        return np.full(orders, np.inf)
    rng = np.random.default_rng(seed)
    first_O = np.empty(orders)
    block = max(1, _BLOCK // right_N.size)
    for start in range(0, orders, block):
        part = slice(start, min(start + block, orders))
        order_ON = rng.permuted(
            np.tile(np.arange(right_N.size), (part.stop - part.start, 1)), axis=1
        )
        tokens_ON = np.cumsum(length_N[order_ON], axis=1)
        at_O1 = right_N[order_ON].argmax(axis=1)[:, None]
        first_O[part] = np.take_along_axis(tokens_ON, at_O1, axis=1)[:, 0]
    return first_O


def _check(
    correct: npt.ArrayLike,
    n_tokens: npt.ArrayLike,
    budgets: npt.ArrayLike,
    problems: npt.ArrayLike | None,
    caller: str,
) -> tuple[BoolArray, IntArray, IntArray, npt.NDArray[np.intp]]:
    length_S = check_ks(n_tokens, caller=caller, name="n_tokens", least=0)
    if length_S.size == 0:
        raise ValueError(
            f"The 'n_tokens' parameter of {caller} must have at least one completion. "
            "Got an empty array instead."
        )
    right_S = check_booleans(correct, length_S.size, name="correct", caller=caller)
    budget_L = check_ks(budgets, caller=caller, name="budgets", least=0)
    problem_S = check_groups(problems, length_S.size, caller=caller, name="problems")
    return right_S, length_S, budget_L, np.arange(length_S.size) if problem_S is None else problem_S
