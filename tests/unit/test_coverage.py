"""A short version of benchmarks/interval_coverage.py, with bounds that broken intervals fail."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy import special, stats

from reasonbench.stats import benchmark_pass_at_k, beta_interval, gaffke_interval, pass_at_k

RUNS = 150
WORST, MEAN = 0.89, 0.945
"""Three standard errors below the worst cell of the full table, and its mean less one point."""

LAWS = {"U-shaped": (0.3, 0.4), "hard": (0.5, 4.0), "middling": (2.0, 2.0), "spikes": None}
SPIKES = np.array([0.01, 0.99])
CELLS = [(law, m, n, k) for law in LAWS for m in (15, 60) for n, k in ((4, 1), (16, 4), (16, 16))]


def draw(law, m, rng):
    return rng.choice(SPIKES, m) if LAWS[law] is None else rng.beta(*LAWS[law], m)


def value_of_all(law, k):
    if LAWS[law] is None:
        return float(np.mean(1 - (1 - SPIKES) ** k))
    alpha, beta = LAWS[law]
    return float(1 - np.exp(special.betaln(alpha, beta + k) - special.betaln(alpha, beta)))


@functools.cache
def samples(law, m, n):
    runs = []
    for run in range(RUNS):
        rng = np.random.default_rng([run, m, n, list(LAWS).index(law)])
        p = draw(law, m, rng)
        runs.append((p, rng.binomial(n, p)))
    return runs


def covers(interval, truth):
    low, high = interval
    return (low <= truth + 1e-12) & (truth <= high + 1e-12)


def coverage(interval):
    """Share of runs in which the interval covers, in each cell."""
    found = []
    for law, m, n, k in CELLS:
        truth = value_of_all(law, k)
        hits = [
            covers(interval(np.full(m, n), c, k, run), truth)
            for run, (_, c) in enumerate(samples(law, m, n))
        ]
        found.append(np.mean(hits))
    return found


def holds(found):
    return min(found) >= WORST and np.mean(found) >= MEAN


def superpopulation(anchor, n, c, k, run):
    distinct, counts = np.unique(c, return_counts=True)
    values = pass_at_k(np.full(distinct.size, n[0]), distinct, [k])
    low, high = gaffke_interval(values, counts=counts, anchor=anchor, draws=2000, seed=run)
    return low[0], high[0]


def students_t(n, c, k, run):
    values = pass_at_k(n, c, [k])[:, 0]
    half = stats.t.ppf(0.975, c.size - 1) * values.std(ddof=1) / c.size**0.5
    return values.mean() - half, values.mean() + half


def without_anchor(n, c, k, run):
    """Gaffke's interval with its anchor all but gone: the Bayesian bootstrap."""
    return superpopulation(1e-6, n, c, k, run)


def pooled(n, c, k, run):
    """As if all completions were of one problem."""
    value = float(pass_at_k(n, c, [k]).mean())
    low, high = beta_interval([value], [float(n.sum())])
    return low[0], high[0]


@pytest.mark.parametrize("anchor", [0.5, 1.0])
def test_superpopulation_interval_covers_in_every_cell(anchor):
    assert holds(coverage(functools.partial(superpopulation, anchor)))


@pytest.mark.parametrize("broken", [students_t, without_anchor, pooled])
def test_broken_intervals_fail_the_same_bounds(broken):
    assert not holds(coverage(broken))


def test_fixed_interval_and_band_cover_where_the_interval_as_a_band_does_not():
    ks = np.arange(1, 17)
    fixed, bands, intervals = {}, [], []
    for law in LAWS:
        truth = np.array([value_of_all(law, k) for k in ks])
        hits = []
        for p, c in samples(law, 60, 16)[:100]:
            found = benchmark_pass_at_k(np.full(60, 16), c, ks, draws=1000)
            hits.append(covers(found.fixed, np.mean(1 - (1 - p[:, None]) ** ks, axis=0)))
            bands.append(np.all(covers(found.band, truth)))
            intervals.append(np.all(covers(found.superpopulation, truth)))
        fixed[law] = np.mean(hits, axis=0)
    assert holds(np.concatenate([fixed[law] for law in LAWS if law != "spikes"]))
    assert fixed["spikes"].min() >= 0.75
    assert np.mean(bands) >= 0.935
    assert np.mean(intervals) < 0.935
