"""Time the pass@k curve of a benchmark against SciPy's BCa bootstrap of the same curve.

Both run in this process on one core, on the same counts (500 problems, 64
completions, k = 1..64). Ours makes 20,000 draws and gives the estimate, both intervals and
the simultaneous band; BCa makes 10,000 resamples and gives one interval, which covers worse
(see `interval_coverage.py`). BCa is vectorised over k; it is timed as SciPy calls it by default,
which holds 2.7 GB, and with the batch that suits it best. Then 128 problems of 10,000
completions: the whole curve, k = 1..10,000, and intervals and band at 57 log-spaced k up
to 10,000. Run: `python benchmarks/stats.py`; exit status 1 means that a target was missed.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.stats

from reasonbench.stats import benchmark_pass_at_k, pass_at_k

PROBLEMS, COMPLETIONS = 500, 64
KS = np.arange(1, COMPLETIONS + 1)
FEW_PROBLEMS, MANY_COMPLETIONS = 128, 10_000
MANY_KS = np.unique(np.rint(np.geomspace(1, MANY_COMPLETIONS, 64)).astype(np.int64))
TARGET_SECONDS, TARGET_RATIO, TARGET_MANY, TARGET_MB = 0.250, 10.0, 2.0, 200.0


def seconds(call: Callable[[], object], repeats: int) -> list[float]:
    """Processor time of each of `repeats` calls: one thread, whatever else runs."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return taken


def megabytes() -> float:
    """The most memory that this process has held so far, libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bca(n: np.ndarray, c: np.ndarray, resamples: int, batch: int | None) -> None:
    """SciPy's default interval at every k, resampling whole problems."""
    values = pass_at_k(n, c, KS)
    scipy.stats.bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=resamples,
        batch=batch,
        method="BCa",
        rng=np.random.default_rng(0),
    )


def many_completions(rng: np.random.Generator) -> float:
    """Seconds for the whole curve and for the intervals of few problems sampled often."""
    n = np.full(FEW_PROBLEMS, MANY_COMPLETIONS)
    c = rng.binomial(n, rng.beta(0.3, 0.4, FEW_PROBLEMS))
    curve = seconds(lambda: pass_at_k(n, c, np.arange(1, MANY_COMPLETIONS + 1)), 3)
    bounds = seconds(lambda: benchmark_pass_at_k(n, c, MANY_KS), 3)
    print(f"m={FEW_PROBLEMS} n={MANY_COMPLETIONS}: k=1..{MANY_COMPLETIONS} estimates, and")
    print(f"intervals and band at {MANY_KS.size} values of k up to {MANY_KS[-1]}")
    print(f"pass_at_k             {statistics.median(curve) * 1e3:9.1f} ms")
    print(f"benchmark_pass_at_k   {statistics.median(bounds) * 1e3:9.1f} ms")
    return statistics.median(curve) + statistics.median(bounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--resamples", type=int, default=10_000, help="of BCa")
    parser.add_argument("--repeats", type=int, default=7, help="timings of ours (median is shown)")
    parser.add_argument("--batch", type=int, default=20, help="for the tuned BCa")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    c = rng.binomial(COMPLETIONS, rng.beta(0.3, 0.4, PROBLEMS))
    n = np.full(PROBLEMS, COMPLETIONS)

    def ours() -> None:
        benchmark_pass_at_k(n, c, KS, draws=options.draws)

    ours()
    times = seconds(ours, options.repeats)
    median = statistics.median(times)
    many = many_completions(rng)
    held = megabytes()
    tuned = statistics.median(seconds(lambda: bca(n, c, options.resamples, options.batch), 3))
    peer = seconds(lambda: bca(n, c, options.resamples, None), 1)[0]
    ratio = peer / median
    print(f"most memory held      {held:9.1f} MB, libraries included")
    print(f"python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(f"m={PROBLEMS} n={COMPLETIONS} k=1..{COMPLETIONS}, processor time of one thread")
    print(
        f"benchmark_pass_at_k   {median * 1e3:9.1f} ms  (best {min(times) * 1e3:.1f}), "
        f"{options.draws} draws, two intervals and the band"
    )
    print(f"scipy bootstrap, BCa  {peer * 1e3:9.1f} ms, {options.resamples} resamples, as called")
    print(f"the same, batch {options.batch:<6}{tuned * 1e3:9.1f} ms")
    print(f"ratio                 {ratio:9.1f} x, {tuned / median:.1f} x with that batch")
    reached = (
        (f"{PROBLEMS} x {COMPLETIONS}, at most {TARGET_SECONDS} s", median <= TARGET_SECONDS),
        (f"{TARGET_RATIO:g} x BCa as it is called", ratio >= TARGET_RATIO),
        (f"{FEW_PROBLEMS} x {MANY_COMPLETIONS}, at most {TARGET_MANY} s", many <= TARGET_MANY),
        (f"at most {TARGET_MB:g} MB", held <= TARGET_MB),
    )
    print("targets: " + "; ".join(f"{name}: {'met' if met else 'MISSED'}" for name, met in reached))
    return 0 if all(met for _, met in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
