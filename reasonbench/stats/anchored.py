"""The anchored Dirichlet laws behind `gaffke`: checked input, closed forms, draws.

Invariants: draws belong to rows and to the seed, so that a quantity's law does not depend on
which others are asked for; a law that is a Beta is never drawn where its quantile is wanted.
Not covered: what is made of the laws.

Array names carry their axes as a suffix: D rows, each standing for one or more problems or
clusters, U distinct sets of row sizes, K quantities, B draws, S steps of the anchor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from reasonbench.stats.checks import (
    FloatArray,
    IntArray,
    check_anchor,
    check_count,
    check_probability,
)

BINARY_ANCHOR: Final = 2 / 3
"""What an anchor of 1/2 becomes for 0/1 data: coverage at 95 % is then .92 for any mean."""

_STEPS = 8
"""Steps in which it rises to that."""

_TAIL_DRAWS = 50
"""Fewer draws beyond a quantile than this would make it a matter of luck."""

_BLOCK = 2_560_000
"""Draws held at a time, by row and by quantity: about 20 MB each."""


class Rule(NamedTuple):
    """Settings of the draws."""

    level: float
    anchor: float
    draws: int
    seed: int

    @property
    def tail(self) -> float:
        """Chance beyond each bound of an interval."""
        return (1.0 - self.level) / 2

    @property
    def rank(self) -> int:
        """0-based rank of the draw that is the lower bound."""
        return max(1, math.floor(self.tail * (self.draws + 1))) - 1

    @property
    def outside(self) -> int:
        """Draws that a band may leave out."""
        return math.floor((1.0 - self.level) * self.draws)


class Sample(NamedTuple):
    """Rows with 0 in place of NaN, what each weighs for each quantity, and the means."""

    values: FloatArray
    counts: FloatArray
    weight: FloatArray
    mean: FloatArray
    size: FloatArray
    """Mean weight of the row of a problem that is defined."""

    def anchor_steps(self) -> IntArray:
        """How far, of `_STEPS`, the anchor of each quantity rises: the nearer the data to 0/1."""
        from_binary_K = self.counts @ (self.values * (1 - self.values))
        return np.asarray(np.rint(_STEPS * np.exp(-from_binary_K)), dtype=np.int64)


def check_rule(level: float, anchor: float, draws: int, seed: int, caller: str) -> Rule:
    """Return the settings, or raise ValueError if one is out of range."""
    check_probability(level, name="level", caller=caller)
    anchor = check_anchor(anchor, caller=caller)
    draws = check_count(draws, name="draws", caller=caller)
    seed = check_count(seed, name="seed", caller=caller, least=0)
    return Rule(level, anchor, max(draws, math.ceil(2 * _TAIL_DRAWS / (1.0 - level))), seed)


def check_sample(
    values: npt.ArrayLike,
    counts: npt.ArrayLike | None,
    sizes: npt.ArrayLike | None,
    caller: str,
) -> Sample:
    """Return the rows, or raise ValueError for what cannot be a sample on [0, 1]."""
    values_DK = np.asarray(values, dtype=np.float64)
    if values_DK.ndim != 2 or len(values_DK) == 0:
        raise ValueError(
            f"The 'values' parameter of {caller} must be an array of shape (D, K) with "
            f"D >= 1. Got an array of shape {values_DK.shape} instead."
        )
    outside = values_DK[(values_DK < 0) | (values_DK > 1)]
    if outside.size:
        raise ValueError(
            f"The 'values' parameter of {caller} must be in the range [0, 1]. "
            f"Got {outside[0]} instead."
        )
    counts_D = np.ones(len(values_DK)) if counts is None else np.asarray(counts, dtype=np.float64)
    if counts_D.shape != (len(values_DK),) or not np.all((counts_D >= 1) & np.isfinite(counts_D)):
        raise ValueError(
            f"The 'counts' parameter of {caller} must have one entry >= 1 for each of the "
            f"{len(values_DK)} rows of 'values'. Got {counts!r} instead."
        )
    defined_DK = ~np.isnan(values_DK)
    weight_DK = defined_DK.astype(np.float64)
    if sizes is not None:
        weight_DK = _check_sizes(sizes, defined_DK, caller)
    filled_DK = np.where(defined_DK, values_DK, 0.0)
    rows_K, total_K = counts_D @ defined_DK.astype(np.float64), counts_D @ weight_DK
    mean_K, size_K = np.full((2, rows_K.size), np.nan)
    np.divide(counts_D @ (filled_DK * weight_DK), total_K, out=mean_K, where=rows_K > 0)
    np.divide(counts_D @ weight_DK**2, total_K, out=size_K, where=rows_K > 0)
    return Sample(filled_DK, counts_D, weight_DK, mean_K, size_K)


def _check_sizes(
    sizes: npt.ArrayLike, defined_DK: npt.NDArray[np.bool_], caller: str
) -> FloatArray:
    size_DK = np.asarray(sizes, dtype=np.float64)
    if size_DK.shape != defined_DK.shape or not np.all(
        (size_DK > 0) & np.isfinite(size_DK) | ~defined_DK
    ):
        raise ValueError(
            f"The 'sizes' parameter of {caller} must have an entry > 0 for each of the "
            f"{defined_DK.shape} entries of 'values' that are not NaN. Got {sizes!r} instead."
        )
    return np.where(defined_DK, size_DK, 0.0)


def exact_tails(sample: Sample, tail: float, anchor: float) -> tuple[FloatArray, FloatArray]:
    """Lower bounds and negated upper ones where their laws are Betas, else NaN."""
    anchor_K = _anchors(sample, anchor)
    low_K = _BetaLaws.of(sample, sample.values).quantile(tail, anchor_K)
    high_K = 1.0 - _BetaLaws.of(sample, 1.0 - sample.values).quantile(tail, anchor_K)
    return low_K, -high_K


def exact_p_values(sample: Sample, null: float, anchor: float) -> FloatArray:
    """P-values of means of at most `null` where their laws are Betas, else NaN."""
    laws = _BetaLaws.of(sample, sample.values)
    anchor_K = _anchors(sample, anchor)
    p_K = np.full(laws.top.size, np.nan)
    p_K[laws.known & (laws.top <= null)] = 1.0
    rest_K = laws.known & (laws.top > null)
    p_K[rest_K] = special.betainc(
        laws.at_top[rest_K], laws.at_zero[rest_K] + anchor_K[rest_K], null / laws.top[rest_K]
    )
    return p_K


def _anchors(sample: Sample, anchor: float) -> FloatArray:
    """Anchor of each quantity: that asked for, or more where the values are almost all 0 or 1."""
    return np.asarray(anchor + sample.anchor_steps() * _step(anchor), dtype=np.float64)


def _step(anchor: float) -> float:
    """A third of the anchor at most in all, and none beyond `BINARY_ANCHOR`."""
    return max(0.0, min(anchor / 3, BINARY_ANCHOR - anchor)) / _STEPS


class _BetaLaws(NamedTuple):
    """Quantities whose values are 0 or one other, v: the lower law is v times a Beta."""

    top: FloatArray
    at_top: FloatArray
    at_zero: FloatArray
    known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, sample: Sample, values_DK: FloatArray) -> _BetaLaws:
        defined_DK = sample.weight > 0
        top_K = np.max(values_DK, axis=0, initial=0.0, where=defined_DK)
        at_top_K = sample.counts @ ((values_DK == top_K) & defined_DK)
        rows_K = sample.counts @ defined_DK
        at_zero_K = sample.counts @ ((values_DK == 0) & defined_DK)
        alike_K = np.all((sample.weight == sample.size) | ~defined_DK, axis=0)
        two_K = alike_K & (at_top_K + at_zero_K == rows_K)
        return cls(top_K, at_top_K, at_zero_K, (rows_K > 0) & (two_K | (top_K == 0)))

    def quantile(self, tail: float, anchor_K: FloatArray) -> FloatArray:
        quantile_K = np.full(self.top.size, np.nan)
        quantile_K[self.known & (self.top == 0)] = 0.0
        rest_K = self.known & (self.top > 0)
        quantile_K[rest_K] = self.top[rest_K] * special.betaincinv(
            self.at_top[rest_K], self.at_zero[rest_K] + anchor_K[rest_K], tail
        )
        return quantile_K


def draw_laws(
    sample: Sample, rule: Rule, wanted_K: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """For each wanted quantity, draws of the law of its lower bound and of minus its upper.

    The draws are the same whatever quantities are wanted. The arrays may be reordered.
    """
    wanted = np.flatnonzero(wanted_K & ~np.isnan(sample.mean))
    steps_K = sample.anchor_steps()
    anchor_SB = _draw_anchors(rule, int(steps_K[wanted].max(initial=0)))
    block = max(1, _BLOCK // rule.draws)
    for start in range(0, wanted.size, block):
        part = wanted[start : start + block]
        weighted_KB, total_UB, set_K = _draw_sums(sample, rule, part)
        for row, (k, in_set) in enumerate(zip(part.tolist(), set_K.tolist(), strict=True)):
            anchor_here_B = anchor_SB[min(int(steps_K[k]), len(anchor_SB) - 1)] * sample.size[k]
            all_B = total_UB[in_set] + anchor_here_B
            upper_B = np.negative((weighted_KB[row] + anchor_here_B) / all_B)
            yield k, weighted_KB[row] / all_B, upper_B


def _draw_sums(
    sample: Sample, rule: Rule, part: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.intp]]:
    """Draws of sum g s x by quantity, and of sum g s by set of sizes."""
    rng = np.random.default_rng(np.random.SeedSequence(rule.seed).spawn(1)[0])
    weight_DK = sample.weight[:, part]
    sets_UD, set_K = np.unique(weight_DK.T, axis=0, return_inverse=True)
    sums_KD = (sample.values[:, part] * weight_DK).T
    weighted_KB = np.zeros((part.size, rule.draws))
    total_UB = np.zeros((len(sets_UD), rule.draws))
    block = max(1, _BLOCK // rule.draws)
    for start in range(0, sample.counts.size, block):
        rows = slice(start, start + block)
        gamma_DB = np.empty((sample.counts[rows].size, rule.draws))
        for gamma_B, count in zip(gamma_DB, sample.counts[rows], strict=True):
            rng.standard_gamma(count, out=gamma_B)
        weighted_KB += sums_KD[:, rows] @ gamma_DB
        total_UB += sets_UD[:, rows] @ gamma_DB
    return weighted_KB, total_UB, set_K.reshape(-1)


def _draw_anchors(rule: Rule, steps: int) -> FloatArray:
    """Draws of the anchor after 0, 1, ... steps, each that before it and an independent gamma.

    Sums of gammas are gammas, so that quantities with different anchors share their draws.
    """
    _, anchor_seed, step_seed = np.random.SeedSequence(rule.seed).spawn(3)
    step = _step(rule.anchor)
    anchor_SB = np.empty((1 + (steps if step else 0), rule.draws))
    np.random.default_rng(anchor_seed).standard_gamma(rule.anchor, out=anchor_SB[0])
    rng = np.random.default_rng(step_seed)
    for row in range(1, len(anchor_SB)):
        rng.standard_gamma(step, out=anchor_SB[row])
        anchor_SB[row] += anchor_SB[row - 1]
    return anchor_SB
