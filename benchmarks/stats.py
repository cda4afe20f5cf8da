"""Time the pass@k curve of a benchmark against SciPy's BCa bootstrap of the same curve.

Both run in this process on one core, on the same counts (500 problems, 64
completions, k = 1..64) with the same number of draws; BCa is vectorised over k
with the batch that suits it best (its default holds 5 GB and is slower). Ours
gives the estimate and both intervals; BCa gives one interval, which covers worse
(see the notes of `gaffke_interval`). Run: `python benchmarks/stats.py`; exit
status 1 means that a target was missed.
"""

from __future__ import annotations

import os

# BLAS reads its number of threads when it is loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.stats

from reasonbench.stats import benchmark_pass_at_k, pass_at_k

PROBLEMS, COMPLETIONS = 500, 64
KS = np.arange(1, COMPLETIONS + 1)
TARGET_SECONDS, TARGET_RATIO = 0.250, 10.0


def seconds(call: Callable[[], object], repeats: int) -> list[float]:
    """Wall-clock time of each of `repeats` calls."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def bca(n: np.ndarray, c: np.ndarray, draws: int, batch: int) -> None:
    """SciPy's default interval at every k, resampling whole problems."""
    values = pass_at_k(n, c, KS)
    scipy.stats.bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=draws,
        batch=batch,
        method="BCa",
        rng=np.random.default_rng(0),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=7, help="timings of ours (median is shown)")
    parser.add_argument("--batch", type=int, default=20, help="resamples that BCa holds at a time")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    c = rng.binomial(COMPLETIONS, rng.beta(0.3, 0.4, PROBLEMS))
    n = np.full(PROBLEMS, COMPLETIONS)

    def ours() -> None:
        benchmark_pass_at_k(n, c, KS, draws=options.draws)

    ours()
    times = seconds(ours, options.repeats)
    median = statistics.median(times)
    peer = seconds(lambda: bca(n, c, options.draws, options.batch), 1)[0]
    ratio = peer / median
    print(f"python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(f"m={PROBLEMS} n={COMPLETIONS} k=1..{COMPLETIONS}, {options.draws} draws, one core")
    print(f"benchmark_pass_at_k   {median * 1e3:9.1f} ms  (best {min(times) * 1e3:.1f})")
    print(f"scipy bootstrap, BCa  {peer * 1e3:9.1f} ms")
    print(f"ratio                 {ratio:9.1f} x")
    return 0 if median <= TARGET_SECONDS and ratio >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
