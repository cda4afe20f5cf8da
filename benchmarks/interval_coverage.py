"""Simulate the coverage of the 95 % intervals for pass@k of a benchmark.

Four numbers of problems, ten pairs (n, k) and five laws of difficulty: 200 cells. Per
cell, coverage of the superpopulation interval with anchors 1/2 and 1, of Student's t on
the same values (for comparison), and of the fixed interval for this very list; per n, of
the band over k = 1..n. Where every value is 0 or 1 (k = n), the coverage of the
superpopulation intervals is computed from the binomial law, without error; so is the
worst that 0/1 data can do. By default 200 runs of the cells with few problems, in about
a minute; `--full` is the whole table with 1,000 runs, in about half an hour. Run:
`python benchmarks/interval_coverage.py [--full]`; exit status 1 means that a floor was missed by
more than three standard errors.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import sys
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from reasonbench.stats import (
    Interval,
    benchmark_pass_at_k,
    gaffke_interval,
    pass_at_k,
)

PROBLEMS = (15, 30, 164, 500)
KS_BY_N = {1: (1,), 4: (1, 4), 16: (1, 4, 16), 64: (1, 8, 32, 64)}
LAWS = {
    "U-shaped": (0.3, 0.4),
    "hard": (0.5, 4.0),
    "middling": (2.0, 2.0),
    "easy": (4.0, 0.5),
    "two spikes": None,
}
SPIKES = np.array([0.01, 0.99])
METHODS = ("half", "one", "t", "fixed")
WANTED = {"half": 0.92, "one": 0.93, "fixed": 0.90, "band": 0.93}
"""Cells below are printed."""
FLOORS = {"half": 0.92, "one": 0.93, "fixed": 0.85, "band": 0.93}
LEVEL = 0.95


class Cell(NamedTuple):
    """Coverage of each method in one cell, its standard error, and which are exact."""

    name: str
    covered: dict[str, float]
    error: dict[str, float]
    exact: tuple[str, ...]


def draw(law: str, m: int, rng: np.random.Generator) -> np.ndarray:
    shape = LAWS[law]
    return rng.choice(SPIKES, m) if shape is None else rng.beta(*shape, m)


def value_of_all(law: str, ks: np.ndarray) -> np.ndarray:
    shape = LAWS[law]
    if shape is None:
        return np.mean(1 - (1 - SPIKES[:, None]) ** ks, axis=0)
    return 1 - np.exp(special.betaln(shape[0], shape[1] + ks) - special.betaln(*shape))


def binary_bounds(m: int, anchor: float) -> Interval:
    """Gaffke's interval for 0, 1, ..., m ones among m values of 0 and 1."""
    ones_KM = np.arange(m) < np.arange(m + 1)[:, None]
    return gaffke_interval(ones_KM.T.astype(float), level=LEVEL, anchor=anchor)


def exact_coverage(m: int, theta_T: np.ndarray, anchor: float) -> np.ndarray:
    """Coverage of Gaffke's interval on m values of 0 and 1, at each true mean."""
    low, high = binary_bounds(m, anchor)
    first_T = np.searchsorted(high, theta_T, side="left")
    last_T = np.searchsorted(low, theta_T, side="right") - 1
    return stats.binom.cdf(last_T, m, theta_T) - stats.binom.cdf(first_T - 1, m, theta_T)


def students_t(values_PK: np.ndarray) -> Interval:
    m = len(values_PK)
    half = stats.t.ppf((1 + LEVEL) / 2, m - 1) * values_PK.std(axis=0, ddof=1) / m**0.5
    return Interval(values_PK.mean(axis=0) - half, values_PK.mean(axis=0) + half)


def inside(interval: Interval, value_K: np.ndarray) -> np.ndarray:
    slack = 1e-12
    return (interval.low <= value_K + slack) & (value_K <= interval.high + slack)


def simulate(law: str, m: int, n: int, options: argparse.Namespace) -> tuple[np.ndarray, float]:
    """Return the coverage of each method at each k of this n, and of the band."""
    ks = np.arange(1, n + 1)
    shown = np.array(KS_BY_N[n]) - 1
    of_all_K = value_of_all(law, ks)
    covered, bands = [], []
    for run in range(options.runs):
        rng = np.random.default_rng([run, m, n, list(LAWS).index(law)])
        p_P = draw(law, m, rng)
        c_P = rng.binomial(n, p_P)
        found = benchmark_pass_at_k(np.full(m, n), c_P, ks, draws=options.draws, seed=run)
        distinct, counts = np.unique(c_P, return_counts=True)
        values = pass_at_k(np.full(distinct.size, n), distinct, ks[shown])
        one = gaffke_interval(values, counts=counts, anchor=1.0, draws=options.draws, seed=run)
        of_list_K = np.mean(1 - (1 - p_P[:, None]) ** ks, axis=0)
        covered.append(
            (
                inside(found.superpopulation, of_all_K)[shown],
                inside(one, of_all_K[shown]),
                inside(students_t(np.repeat(values, counts, axis=0)), of_all_K[shown]),
                inside(found.fixed, of_list_K)[shown] if n > 1 else np.full(1, np.nan),
            )
        )
        bands.append(bool(np.all(inside(found.band, of_all_K))))
    return np.mean(covered, axis=0), float(np.mean(bands))


def cells_of(law: str, m: int, n: int, options: argparse.Namespace) -> list[Cell]:
    covered_MK, band = simulate(law, m, n, options)
    cells = []
    for column, k in enumerate(KS_BY_N[n]):
        covered = dict(zip(METHODS, covered_MK[:, column].tolist(), strict=True))
        error = {name: (p * (1 - p) / options.runs) ** 0.5 for name, p in covered.items()}
        if k == n:
            theta_1 = value_of_all(law, np.array([k]))
            for name, anchor in (("half", 0.5), ("one", 1.0)):
                covered[name] = float(exact_coverage(m, theta_1, anchor)[0])
            error |= {"half": 0.0, "one": 0.0}
        if k == n > 1:
            covered["band"], error["band"] = band, (band * (1 - band) / options.runs) ** 0.5
        exact = ("half", "one") if k == n else ()
        cells.append(Cell(f"{law}, m={m}, n={n}, k={k}", covered, error, exact))
    return cells


def show(cell: Cell) -> None:
    parts = [
        f"{name} {cell.covered[name]:.3f}" + ("*" if name in cell.exact else " ")
        for name in (*METHODS, "band")
        if not np.isnan(cell.covered.get(name, np.nan))
    ]
    print(f"  {cell.name:<32}{'  '.join(parts)}", flush=True)


def summarise(cells: list[Cell]) -> bool:
    """Print mean and worst of each method; return whether no floor was missed."""
    met = True
    for name in (*METHODS, "band"):
        those = [cell for cell in cells if not np.isnan(cell.covered.get(name, np.nan))]
        worst = min(those, key=lambda cell: cell.covered[name])
        mean = np.mean([cell.covered[name] for cell in those])
        print(
            f"{name:<6} mean {mean:.4f}  worst {worst.covered[name]:.3f} "
            f"+- {worst.error[name]:.3f} ({worst.name}), {len(those)} cells"
        )
        for cell in those:
            bound = cell.covered[name] + 3 * cell.error[name]
            met &= bound >= FLOORS.get(name, 0.0)
            if bound < WANTED.get(name, 0.0):
                print(f"       below {WANTED[name]}: {cell.name}: {cell.covered[name]:.4f}")
    return bool(met)


def worst_of_binary() -> bool:
    """Print the worst coverage that 0/1 data allow, over all true means; whether it is enough."""
    met = True
    for name, anchor in (("half", 0.5), ("one", 1.0)):
        worst = []
        for m in sorted({*range(1, 101), *PROBLEMS}):
            # Coverage falls where a bound is passed, so it is least beside one.
            bounds = np.concatenate(binary_bounds(m, anchor))
            beside = (bounds[:, None] + [-1e-10, 1e-10]).ravel()
            theta = beside[(beside > 0) & (beside < 1)]
            covered = exact_coverage(m, theta, anchor)
            worst.append((float(covered.min()), m, float(theta[covered.argmin()])))
        least = min(worst)
        shown = ", ".join(f"m={m}: {c:.4f} at {t:.3f}" for c, m, t in worst if m in PROBLEMS)
        print(f"0/1 data, anchor {anchor}, worst over all means: {shown}")
        print(f"  and of m = 1 to 100: m={least[1]}: {least[0]:.4f} at {least[2]:.3f}")
        met &= least[0] >= FLOORS[name]
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all cells, 1,000 runs each")
    parser.add_argument("--runs", type=int, help="of each cell")
    parser.add_argument("--draws", type=int, default=2000, help="of Gaffke's interval")
    options = parser.parse_args()
    problems = PROBLEMS if options.full else PROBLEMS[:2]
    options.runs = options.runs or (1000 if options.full else 200)
    print(
        f"{options.runs} runs a cell (standard error at .95: {(0.0475 / options.runs) ** 0.5:.4f})"
    )
    print(f"{options.draws} draws; half, one: superpopulation by anchor; * exact")
    met = worst_of_binary()
    cells: list[Cell] = []
    for law in LAWS:
        for m in problems:
            for n in KS_BY_N:
                found = cells_of(law, m, n, options)
                for cell in found:
                    show(cell)
                cells += found
    return 0 if summarise(cells) and met else 1


if __name__ == "__main__":
    sys.exit(main())
