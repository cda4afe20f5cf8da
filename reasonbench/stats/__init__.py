"""Counts of correct completions to estimates; numpy and scipy only, usable alone.

`passk` knows single problems, `intervals` means of anything in [0, 1],
`benchmark` joins the two.
"""

from __future__ import annotations

from reasonbench.stats.benchmark import (
    FIXED_INTERVAL_NOT_IDENTIFIED,
    K_EXCEEDS_N,
    MISSING_PROBLEMS,
    BenchmarkPassAtK,
    BetaBinomial,
    benchmark_pass_at_k,
    fit_beta_binomial,
)
from reasonbench.stats.intervals import Interval, gaffke_interval, wilson_interval
from reasonbench.stats.passk import pass_at_k, unbiased_variance, variance_given_p

__all__ = [
    "FIXED_INTERVAL_NOT_IDENTIFIED",
    "K_EXCEEDS_N",
    "MISSING_PROBLEMS",
    "BenchmarkPassAtK",
    "BetaBinomial",
    "Interval",
    "benchmark_pass_at_k",
    "fit_beta_binomial",
    "gaffke_interval",
    "pass_at_k",
    "unbiased_variance",
    "variance_given_p",
    "wilson_interval",
]
