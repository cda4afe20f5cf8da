"""Counts of correct completions to estimates; numpy and scipy only, usable alone.

`passk` knows single problems, `stopped` those that were sampled until their r-th
success, `intervals` means of anything in [0, 1]; `benchmark` joins them.
"""

from __future__ import annotations

from reasonbench.stats.benchmark import (
    FIXED_INTERVAL_NOT_IDENTIFIED,
    K_EXCEEDS_N,
    MISSING_PROBLEMS,
    SELECTED_BY_OUTCOME,
    BenchmarkPassAtK,
    BetaBinomial,
    benchmark_pass_at_k,
    fit_beta_binomial,
)
from reasonbench.stats.gaffke import gaffke_interval
from reasonbench.stats.intervals import Interval, wilson_interval
from reasonbench.stats.passk import pass_at_k, unbiased_variance, variance_given_p
from reasonbench.stats.stopped import stopped_pass_at_k

__all__ = [
    "FIXED_INTERVAL_NOT_IDENTIFIED",
    "K_EXCEEDS_N",
    "MISSING_PROBLEMS",
    "SELECTED_BY_OUTCOME",
    "BenchmarkPassAtK",
    "BetaBinomial",
    "Interval",
    "benchmark_pass_at_k",
    "fit_beta_binomial",
    "gaffke_interval",
    "pass_at_k",
    "stopped_pass_at_k",
    "unbiased_variance",
    "variance_given_p",
    "wilson_interval",
]
