"""Simulate sampling that stops a problem at its r-th success: coverage, bias, cost.

Per law of difficulty and number of problems: coverage of both 95 % intervals, for other
problems (all) and for this list of problems (list); bias of the estimate, and of Chen's
formula on the same counts, with problems of n < k left out; root mean squared error
over that of full sampling, of stopped sampling and (even) of as many completions spread
evenly over the problems, which have no estimate at k above that number. Then, per rule
for the size of the next wave, the share of n_max completions a problem that are drawn
and the waves that it takes. Run: `python benchmarks/stopped.py`; exit status 1 means
that an interval covers less than 90 %, the worst of full sampling, or that an estimate
is off by more than four standard errors.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from reasonbench.stats import Interval, benchmark_pass_at_k, pass_at_k

KS = np.array([1, 8, 64])
LAWS = {"U-shaped": (0.3, 0.3), "hard": (0.5, 4.0), "middling": (2.0, 2.0)}
WORST_COVERAGE, WORST_ERRORS = 0.90, 4.0

WaveRule = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""(successes, drawn, r) of unfinished problems to the sizes of their next waves."""


def minimal(s: np.ndarray, drawn: np.ndarray, r: int) -> np.ndarray:
    """As many as are missing: never one too many."""
    return r - s


def expected(s: np.ndarray, drawn: np.ndarray, r: int) -> np.ndarray:
    """As many as the missing successes are expected to take, at most doubling."""
    p = (s + 0.5) / (drawn + 1)
    return np.clip(np.ceil((r - s) / p).astype(int), r - s, drawn)


def half_expected(s: np.ndarray, drawn: np.ndarray, r: int) -> np.ndarray:
    """Half of what is expected, at most doubling."""
    p = (s + 0.5) / (drawn + 1)
    return np.clip(np.ceil((r - s) / (2 * p)).astype(int), r - s, drawn)


def doubling(s: np.ndarray, drawn: np.ndarray, r: int) -> np.ndarray:
    """As many again as there are, whatever was seen."""
    return drawn


RULES: tuple[WaveRule, ...] = (minimal, half_expected, expected, doubling)


def stop(correct_PN: np.ndarray, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n, c and stopped of problems whose draws would be `correct_PN`."""
    successes_PN = np.cumsum(correct_PN, axis=1)
    stopped_P = successes_PN[:, -1] >= r
    first_P = np.argmax(successes_PN >= r, axis=1) + 1
    n_P = np.where(stopped_P, first_P, correct_PN.shape[1])
    return n_P, np.minimum(successes_PN[:, -1], r), stopped_P


def waves(correct_PN: np.ndarray, r: int, rule: WaveRule) -> tuple[np.ndarray, np.ndarray]:
    """Return the completions drawn and the waves made for each problem; the first is r."""
    n_max = correct_PN.shape[1]
    none_P1 = np.zeros((len(correct_PN), 1), dtype=int)
    successes_PN = np.concatenate((none_P1, np.cumsum(correct_PN, axis=1)), axis=1)
    drawn_P = np.full(len(correct_PN), min(r, n_max))
    waves_P = np.ones(len(correct_PN), dtype=int)
    while True:
        s_P = np.take_along_axis(successes_PN, drawn_P[:, None], axis=1)[:, 0]
        going = np.flatnonzero((s_P < r) & (drawn_P < n_max))
        if going.size == 0:
            return drawn_P, waves_P
        size = rule(s_P[going], drawn_P[going], r)
        drawn_P[going] = np.minimum(drawn_P[going] + size, n_max)
        waves_P[going] += 1


class Runs(NamedTuple):
    """What each run gave at each k, and what was to be estimated."""

    covered: list[tuple[np.ndarray, np.ndarray]]
    ours: list[np.ndarray]
    chens: list[np.ndarray]
    full: list[np.ndarray]
    even: list[np.ndarray]
    of_list: list[np.ndarray]


def simulate(law: tuple[float, float], m: int, options: argparse.Namespace) -> Runs:
    runs = Runs(*([] for _ in Runs._fields))
    of_all = value_of_all(law)
    for run in range(options.runs):
        rng = np.random.default_rng([run, m])
        p_P = rng.beta(*law, m)
        correct_PN = rng.random((m, options.n_max)) < p_P[:, None]
        n_P, c_P, stopped_P = stop(correct_PN, options.r)
        found = benchmark_pass_at_k(
            n_P, c_P, KS, draws=options.draws, stopped=stopped_P, n_max=options.n_max
        )
        of_list = np.mean(1 - (1 - p_P[:, None]) ** KS, axis=0)
        runs.of_list.append(of_list)
        runs.covered.append((inside(found.superpopulation, of_all), inside(found.fixed, of_list)))
        runs.ours.append(found.estimate)
        runs.chens.append(benchmark_pass_at_k(n_P, c_P, KS, draws=1).estimate)
        runs.full.append(chen(correct_PN))
        runs.even.append(chen(correct_PN[:, : round(n_P.mean())]))
    return runs


def value_of_all(law: tuple[float, float]) -> np.ndarray:
    return 1 - np.exp(special.betaln(law[0], law[1] + KS) - special.betaln(*law))


def inside(interval: Interval, value: np.ndarray) -> np.ndarray:
    return (interval.low <= value) & (value <= interval.high)


def chen(correct_PN: np.ndarray) -> np.ndarray:
    """pass@k where every problem has the same n; NaN for k > n."""
    m, n = correct_PN.shape
    return pass_at_k(np.full(m, n), correct_PN.sum(axis=1), KS).mean(axis=0)


def cell(law: tuple[float, float], m: int, options: argparse.Namespace) -> bool:
    """Print one law and number of problems; return whether the targets were met."""
    runs = simulate(law, m, options)
    of_all, of_list = value_of_all(law), np.array(runs.of_list)
    coverage_2K = np.mean(runs.covered, axis=0)
    error_RK = runs.ours - of_list
    bias_K = error_RK.mean(axis=0)
    noise_K = np.maximum(error_RK.std(axis=0), 1e-12) / options.runs**0.5
    chen_K = np.mean(runs.chens - of_list, axis=0)
    ratios = [
        rms(values - truth) / rms(runs.full - truth)
        for truth in (of_all, of_list)
        for values in (np.array(runs.ours), np.array(runs.even))
    ]
    for i, k in enumerate(KS):
        all_ours, all_even, list_ours, list_even = (f"{ratio[i]:.2f}" for ratio in ratios)
        line = (
            f"  m={m:<4} k={k:<3} coverage {coverage_2K[0, i]:.3f} all, {coverage_2K[1, i]:.3f} "
            f"list   bias {100 * bias_K[i]:+.2f} points (Chen's {100 * chen_K[i]:+.2f})   "
            f"error x{all_ours} (even x{all_even}) all, x{list_ours} (even x{list_even}) list"
        )
        print(line.replace("+nan", "none").replace("xnan", "none"))
    unbiased = np.abs(bias_K) <= WORST_ERRORS * noise_K
    return bool(np.all(coverage_2K >= WORST_COVERAGE) and np.all(unbiased))


def rms(error_RK: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(error_RK**2, axis=0))


def cost(law: tuple[float, float], options: argparse.Namespace) -> None:
    """Print what each rule for waves draws of 20,000 problems."""
    rng = np.random.default_rng(0)
    correct_PN = rng.random((20_000, options.n_max)) < rng.beta(*law, 20_000)[:, None]
    n_P, _, _ = stop(correct_PN, options.r)
    print(f"  used: {n_P.mean() / options.n_max:.1%} of the completions of full sampling")
    for rule in RULES:
        drawn_P, waves_P = waves(correct_PN, options.r, rule)
        print(
            f"  {rule.__name__:<14} drawn {drawn_P.mean() / options.n_max:6.1%}   "
            f"waves {waves_P.mean():5.2f} on average, {waves_P.max():3} at most"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--n-max", type=int, default=64, help="at least 64")
    parser.add_argument("--r", type=int, default=4)
    parser.add_argument("--draws", type=int, default=4000)
    options = parser.parse_args()
    print(f"r={options.r} n_max={options.n_max}, {options.runs} runs, {options.draws} draws")
    met = []
    for name, law in LAWS.items():
        print(f"{name}, Beta{law}")
        met += [cell(law, m, options) for m in (30, 200)]
        cost(law, options)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
