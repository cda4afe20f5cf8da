"""Counts of correct completions to estimates; numpy and scipy only, usable alone.

`passk` knows single problems, `stopped` those that were sampled until their r-th
success, `consensus` what k completions give together, `gaffke` means of anything in
[0, 1]; `benchmark` joins them. `compare` and `collapse` set two models side by side,
`sequential` decides early, `extrapolate` looks beyond n, `design` plans, `budget` counts
tokens, `diversity` describes, `multiple` adjusts p-values.
"""

from __future__ import annotations

from reasonbench.stats.benchmark import (
    FIXED_INTERVAL_NOT_IDENTIFIED,
    K_EXCEEDS_N,
    MISSING_PROBLEMS,
    SELECTED_BY_OUTCOME,
    BenchmarkPassAtK,
    benchmark_pass_at_k,
)
from reasonbench.stats.betabinomial import (
    BetaBinomial,
    DifficultyMixture,
    fit_beta_binomial,
    fit_mixture,
)
from reasonbench.stats.budget import BudgetCurve, accuracy_at_budget, pass_at_tokens
from reasonbench.stats.collapse import DiversityCollapse, diversity_collapse
from reasonbench.stats.compare import GateResult, PairedComparison, compare_paired, gate_paired
from reasonbench.stats.consensus import (
    best_of_k,
    g_pass_at_k,
    maj_at_k,
    mg_pass_at_k,
    pass_hat_k,
)
from reasonbench.stats.design import (
    LEAST_PROBLEMS,
    MOST_PROBLEMS,
    DifficultyLaw,
    Plan,
    law_from_counts,
    law_from_pair,
    mean_pass_at_k,
    plan,
    power,
    variance_parts,
)
from reasonbench.stats.diversity import (
    answer_entropy,
    collision_probability,
    difficulty_variance,
    distinct_n,
    distinct_rarefied,
    intraclass_correlation,
    self_bleu,
    share_unsolved,
    tail_ratio,
    vendi_score,
)
from reasonbench.stats.extrapolate import Extrapolation, extrapolate_pass_at_k
from reasonbench.stats.gaffke import (
    IntervalAndBand,
    gaffke_band,
    gaffke_interval,
    gaffke_p_value,
)
from reasonbench.stats.intervals import Interval, beta_interval, wilson_interval
from reasonbench.stats.multiple import benjamini_hochberg, holm
from reasonbench.stats.passk import pass_at_k, unbiased_variance, variance_given_p
from reasonbench.stats.seed_crossing import crossing_seeds
from reasonbench.stats.seeds import SeedVariance, Student, seed_variance
from reasonbench.stats.sequential import SequentialGate, gate_sequential
from reasonbench.stats.stopped import pass_at_k_stopped
from reasonbench.stats.study import SeedEstimate, compare_seeds, estimate_seeds

__all__ = [
    "FIXED_INTERVAL_NOT_IDENTIFIED",
    "K_EXCEEDS_N",
    "LEAST_PROBLEMS",
    "MISSING_PROBLEMS",
    "MOST_PROBLEMS",
    "SELECTED_BY_OUTCOME",
    "BenchmarkPassAtK",
    "BetaBinomial",
    "BudgetCurve",
    "DifficultyLaw",
    "DifficultyMixture",
    "DiversityCollapse",
    "Extrapolation",
    "GateResult",
    "Interval",
    "IntervalAndBand",
    "PairedComparison",
    "Plan",
    "SeedEstimate",
    "SeedVariance",
    "SequentialGate",
    "Student",
    "accuracy_at_budget",
    "answer_entropy",
    "benchmark_pass_at_k",
    "benjamini_hochberg",
    "best_of_k",
    "beta_interval",
    "collision_probability",
    "compare_paired",
    "compare_seeds",
    "crossing_seeds",
    "difficulty_variance",
    "distinct_n",
    "distinct_rarefied",
    "diversity_collapse",
    "estimate_seeds",
    "extrapolate_pass_at_k",
    "fit_beta_binomial",
    "fit_mixture",
    "g_pass_at_k",
    "gaffke_band",
    "gaffke_interval",
    "gaffke_p_value",
    "gate_paired",
    "gate_sequential",
    "holm",
    "intraclass_correlation",
    "law_from_counts",
    "law_from_pair",
    "maj_at_k",
    "mean_pass_at_k",
    "mg_pass_at_k",
    "pass_at_k",
    "pass_at_k_stopped",
    "pass_at_tokens",
    "pass_hat_k",
    "plan",
    "power",
    "seed_variance",
    "self_bleu",
    "share_unsolved",
    "tail_ratio",
    "unbiased_variance",
    "variance_given_p",
    "variance_parts",
    "vendi_score",
    "wilson_interval",
]
