"""Simulate the intervals and the words of a study: two seeds, few problems, several arms.

Problems have Beta difficulties; an arm moves each problem's logit by what it does (nothing; a
collapse: some problems lost for good, the others raised), by something of its own for each
problem, by a seed's part that all problems share, and by a seed's part for each problem alone.
n = K = 64. `covered` is the share of 95 % intervals of pass@1, @8 and @64 of the arms minus the
base that hold the truth; `words` are how often the arms were called collapsed, expanded and
degraded. Cells in which neither pass@1 nor pass@64 differs say how often a word is false; cells at
the edge of collapse (pass@1 equal, pass@64 .1 down; pass@1 .1 up, pass@64 equal) how often a
collapse is. `single` leaves the pooling out: each arm's two seeds alone.

By default 100 runs a cell (300 with one arm), in about 20 minutes of a busy core. Run: `python
benchmarks/study_coverage.py`; exit status 1 means that an interval covered less than .92, or that a
collapse was false in more than .035, by more than three standard errors.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import functools
import itertools
import sys
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from reasonbench.results.study import ArmWord
from reasonbench.stats.seeds import Student, seed_variance
from reasonbench.stats.study import compare_seeds
from reasonbench.study.verdicts import word_of

N = 64
KS = np.array([1, 8, 64])
LAWS = {"weak base": (0.4, 4.0), "middling": (0.8, 1.5), "strong base": (2.0, 1.0)}
"""Beta laws of the base's difficulties."""
OWN = 0.4
"""What an arm does to single problems: standard deviation on logits."""
WORDS = (ArmWord.COLLAPSE, ArmWord.EXPANSION, ArmWord.DEGRADATION)
FLOOR, CEILING = 0.92, 0.035
GRID = 2001
NODES = 24


class World(NamedTuple):
    """One cell."""

    law: str
    problems: int
    arms: int
    seeds: int
    shared: float
    """Standard deviation of a seed's part on the logits of all problems."""
    single: float
    """And on those of single problems."""


class Effect(NamedTuple):
    """What an arm does."""

    lost: float
    """Share of problems lost for good."""
    shift: float
    """Logits added to the others."""


def expected(world: World, effect: Effect) -> np.ndarray:
    """pass@k of an arm minus the base's, over all problems and seeds."""
    base, arm = (_mean_pass(world, e) for e in (None, effect))
    return arm - base


def _mean_pass(world: World, effect: Effect | None) -> np.ndarray:
    """By quantiles of the difficulties and Gauss-Hermite nodes of all that is normal."""
    logit = _difficulties(world.law)
    spread = OWN**2 if effect is None else OWN**2 + world.shared**2 + world.single**2
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    shift = 0.0 if effect is None else effect.shift
    p = special.expit(logit[:, None] + shift + spread**0.5 * node)
    kept = 1.0 if effect is None else 1 - effect.lost
    mean_K = np.einsum("gnk,n->k", 1 - (1 - p[..., None]) ** KS, weight / weight.sum()) / GRID
    return kept * mean_K


@functools.cache
def _difficulties(law: str) -> np.ndarray:
    share = (np.arange(GRID) + 0.5) / GRID
    return special.logit(np.clip(special.betaincinv(*LAWS[law], share), 1e-12, 1 - 1e-12))


def effect_for(world: World, first: float, last: float) -> Effect:
    """Return the effect with these differences at 1 and at 64."""

    def shift(lost: float) -> float:
        def miss(shift: float) -> float:
            return float(expected(world, Effect(lost, shift))[0] - first)

        return float(optimize.brentq(miss, -12, 12, xtol=1e-4))

    def miss(lost: float) -> float:
        return float(expected(world, Effect(lost, shift(lost)))[-1] - last)

    most = 0.98 - first - float(_mean_pass(world, None)[0])
    lost = float(optimize.brentq(miss, 0.0, most, xtol=1e-4))
    return Effect(lost, shift(lost))


def drawn(world: World, effect: Effect, rng: np.random.Generator) -> tuple[Student, list[Student]]:
    """Return the counts of a base and of the arms."""
    m, s = world.problems, world.seeds
    logit = special.logit(np.clip(rng.beta(*LAWS[world.law], m), 1e-12, 1 - 1e-12))
    base = special.expit(logit + rng.normal(0, OWN, m))
    arms = []
    for _ in range(world.arms):
        arm = logit + effect.shift + rng.normal(0, OWN, m)
        arm = arm + rng.normal(0, world.shared, (s, 1)) + rng.normal(0, world.single, (s, m))
        p = np.where(rng.random(m) < effect.lost, 0.0, special.expit(arm))
        arms.append(Student(np.full((s, m), N), rng.binomial(N, p)))
    return Student(np.full(m, N), rng.binomial(N, base)), arms


class Cell(NamedTuple):
    """What a cell came to."""

    covered: np.ndarray
    words: np.ndarray
    width: np.ndarray


def run(world: World, effect: Effect, runs: int, *, pool: bool, draws: int) -> Cell:
    """Simulate one cell."""
    rng = np.random.default_rng([world.problems, world.arms, int(1e3 * effect.lost), 7])
    truth = expected(world, effect)
    covered, width, words = np.zeros(KS.size), np.zeros(KS.size), np.zeros(len(WORDS))
    for _ in range(runs):
        base, arms = drawn(world, effect, rng)
        pooled = seed_variance(arms, KS) if pool else None
        for arm in arms:
            found = compare_seeds(base, arm, KS, seeds=pooled, draws=draws)
            low, high = found.interval
            covered += (low <= truth) & (truth <= high)
            width += high - low
            word = word_of((low[0], high[0]), (low[-1], high[-1]))
            words += [word is w for w in WORDS]
    total = runs * world.arms
    return Cell(covered / total, words / total, width / total)


def show(name: str, world: World, cell: Cell) -> None:
    """Print one line."""
    place = f"{world.law}, m {world.problems}, {world.arms} arms, seeds {world.shared:g}"
    print(
        f"{name:24} {place:44} covered {', '.join(f'{x:.3f}' for x in cell.covered)}"
        f"   width {', '.join(f'{x:.3f}' for x in cell.width)}"
        f"   words {', '.join(f'{x:.3f}' for x in cell.words)}",
        flush=True,
    )


EFFECTS = {
    "null": None,
    "edge: @1 0, @64 -.10": (0.0, -0.10),
    "edge: @1 +.10, @64 0": (0.10, 0.0),
    "collapse .05": (0.05, -0.05),
    "collapse .10": (0.10, -0.10),
}


def main(options: argparse.Namespace) -> int:
    """Run all cells; return the exit status."""
    missed = 0
    worlds = [
        World(law, m, arms, 2, shared, 0.3 if shared else 0.0)
        for law, m, arms, shared in itertools.product(options.laws, (96, 160), (1, 5), (0.0, 0.2))
    ]
    for name, pair in EFFECTS.items():
        for world in worlds:
            effect = Effect(0.0, 0.0) if pair is None else effect_for(world, *pair)
            runs = options.runs if world.arms > 1 else 3 * options.runs
            cell = run(world, effect, runs, pool=not options.single, draws=options.draws)
            show(name, world, cell)
            error = 3 / runs**0.5
            missed += bool(np.any(cell.covered < FLOOR - error * 0.27))
            false = name == "null" or name.startswith("edge")
            missed += bool(false and cell.words[0] > CEILING + error * 0.18)
    return int(missed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--laws", nargs="*", default=list(LAWS))
    parser.add_argument("--single", action="store_true", help="no pooling of seeds over arms")
    sys.exit(main(parser.parse_args()))
