"""Simulate the coverage of the 95 % intervals of the fresh gap's three rows.

`gap`: two independent sets of 15 to 150 problems, single ones and in clusters of 6.
`difference_in_differences`: two models on both sets, whose difference varies from problem to
problem. `gap_of_strata`: two draws of the same families at several levels, where a family's
difficulty varies and, in half of the cells, the shift between the draws does too. Four laws of
difficulty, n = 16, k = 1 and 8. The share of intervals that exclude 0 is printed where the
truth is 0 (`false`) and where it is not (`power`). By default 300 runs a cell, in about four
minutes. Run: `python benchmarks/gap.py`; exit status 1 means that a
floor was missed by more than three standard errors.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import sys

import numpy as np

from reasonbench.stats.gap import (
    Gap,
    Pair,
    Sampled,
    Stratified,
    difference_in_differences,
    gap,
    gap_of_strata,
)

N = 16
KS = np.array([1, 8])
LAWS = {"U-shaped": (-0.5, 3.0), "hard": (-2.5, 1.0), "middling": (0.0, 1.0), "easy": (2.5, 1.5)}
"""Mean and spread of the logit of a problem's difficulty."""
FLOOR = 0.92
TRUTH_DRAWS = 200_000


def chance(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def at_k(p: np.ndarray) -> np.ndarray:
    return 1 - (1 - p[..., None]) ** KS


def logits(law: str, m: int, cluster: int, rng: np.random.Generator) -> np.ndarray:
    """Difficulties, half of whose variance is shared within a cluster."""
    mean, spread = LAWS[law]
    shared = np.repeat(rng.normal(size=-(-m // cluster)), cluster)[:m]
    own = rng.normal(size=m)
    return mean + spread * (own if cluster == 1 else (shared + own) / 2**0.5)


def sampled(p: np.ndarray, cluster: int, rng: np.random.Generator) -> Sampled:
    labels = None if cluster == 1 else np.arange(p.size) // cluster
    return Sampled(np.full(p.size, N), rng.binomial(N, p), labels)


class Tally:
    """How often intervals held the truth, and how often they excluded 0."""

    def __init__(self, truth: np.ndarray) -> None:
        self.truth, self.hits, self.beyond, self.runs = truth, 0, 0, 0

    def add(self, found: Gap) -> None:
        """Count one interval."""
        low, high = found.interval
        self.hits = self.hits + ((low <= self.truth) & (self.truth <= high))
        self.beyond = self.beyond + ((low > 0) | (high < 0))
        self.runs += 1

    def report(self, name: str) -> float:
        """Print the shares; return the smaller coverage."""
        share = self.hits / self.runs
        word = "false" if np.all(self.truth == 0) else "power"
        beyond = ", ".join(f"{x / self.runs:.3f}" for x in self.beyond)
        print(f"{name:58} covered {share[0]:.3f}, {share[1]:.3f}   {word} {beyond}", flush=True)
        return float(share.min())


def gaps(law: str, m: int, cluster: int, shift: float, options: argparse.Namespace) -> float:
    rng = np.random.default_rng([m, cluster, len(law), 1])
    wide = logits(law, TRUTH_DRAWS, 1, rng)
    truth = at_k(chance(wide + shift)).mean(axis=0) - at_k(chance(wide)).mean(axis=0)
    tally = Tally(truth)
    for _ in range(options.runs):
        sides = [chance(logits(law, m, cluster, rng) + s) for s in (shift, 0.0)]
        tally.add(gap(*(sampled(p, cluster, rng) for p in sides), KS, draws=options.draws))
    return tally.report(f"gap, {law}, m {m}, clusters of {cluster}, shift {shift:g}")


def doubles(law: str, m: int, cluster: int, leak: float, options: argparse.Namespace) -> float:
    """The first set is easier for both; a share ``leak`` of it is known to the model alone."""
    rng = np.random.default_rng([m, cluster, len(law), 2])

    def both(count: int, shift: float, leaked: float) -> tuple[np.ndarray, np.ndarray]:
        base = logits(law, count, cluster if count < TRUTH_DRAWS else 1, rng) + shift
        model = chance(base + rng.normal(0, 1, count))
        known = rng.random(count) < leaked
        return np.where(known, 0.98, model), chance(base + rng.normal(0, 1, count))

    def truth() -> np.ndarray:
        (a, b), (c, d) = both(TRUTH_DRAWS, 1.0, leak), both(TRUTH_DRAWS, 0.0, 0.0)
        return (at_k(a) - at_k(b)).mean(axis=0) - (at_k(c) - at_k(d)).mean(axis=0)

    tally = Tally(truth() if leak else np.zeros(KS.size))
    for _ in range(options.runs):
        pairs = [
            Pair(*(sampled(p, cluster, rng) for p in both(m, shift, known)))
            for shift, known in ((1.0, leak), (0.0, 0.0))
        ]
        tally.add(difference_in_differences(*pairs, KS, draws=options.draws))
    return tally.report(f"difference in differences, {law}, m {m}, cl. {cluster}, leak {leak:g}")


def controls(
    law: str, families: int, vary: float, shift: float, options: argparse.Namespace
) -> float:
    """Three levels, three problems of each and draw; ``vary`` moves families between the draws."""
    levels, each = 3, 3
    rng = np.random.default_rng([families, len(law), 3])
    mean, spread = LAWS[law]

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        base = np.repeat(mean + spread * rng.normal(size=count), levels)
        base = base - np.tile(np.arange(levels), count)
        moved = shift + vary * np.repeat(rng.normal(size=count), levels)
        sides = []
        for extra in (moved, np.zeros(base.size)):
            logit = np.repeat(base + extra, each)
            sides.append(chance(logit + rng.normal(0, 0.5, logit.size)))
        return sides[0], sides[1]

    if shift or vary:
        old, new = draw(TRUTH_DRAWS // 9)
        truth = at_k(old).mean(axis=0) - at_k(new).mean(axis=0)
    else:
        truth = np.zeros(KS.size)
    tally = Tally(truth)
    label = np.repeat(np.arange(families * levels), each)
    for _ in range(options.runs):
        sides = [
            Stratified(np.full(p.size, N), rng.binomial(N, p), label, label // levels)
            for p in draw(families)
        ]
        tally.add(gap_of_strata(*sides, KS, draws=options.draws))
    return tally.report(f"control, {law}, {families} families, vary {vary:g}, shift {shift:g}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="of each cell")
    parser.add_argument("--draws", type=int, default=2000, help="of Gaffke's interval")
    options = parser.parse_args()
    error = (FLOOR * (1 - FLOOR) / options.runs) ** 0.5
    print(f"{options.runs} runs a cell; at k = 1 and 8; floor {FLOOR} less {3 * error:.3f}")
    worst = {"gap": 1.0, "difference in differences": 1.0, "control": 1.0}
    for law in LAWS:
        for m in (15, 40, 150):
            for cluster in (1, 6):
                if m // cluster < 5:
                    continue
                for shift in (0.0, 1.0):
                    found = gaps(law, m, cluster, shift, options)
                    worst["gap"] = min(worst["gap"], found)
                for leak in (0.0, 0.3):
                    found = doubles(law, m, cluster, leak, options)
                    name = "difference in differences"
                    worst[name] = min(worst[name], found)
        for families in (6, 16, 37):
            for vary, shift in ((0.0, 0.0), (0.0, 0.5), (0.5, 0.5)):
                found = controls(law, families, vary, shift, options)
                worst["control"] = min(worst["control"], found)
    for name, share in worst.items():
        print(f"worst of {name}: {share:.3f}")
    return 0 if min(worst.values()) >= FLOOR - 3 * error else 1


if __name__ == "__main__":
    sys.exit(main())
