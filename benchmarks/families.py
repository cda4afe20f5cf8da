"""Families of fresh problems: how many there are, how fast, and whether two solvers agree.

    python benchmarks/families.py [--draws 6000] [--seeds 1000] [--family NAME ...]

For each math family and level: different problems among so many draws (in one wording, so that
only parameters count), the share of the most common answer of 500, and the agreement of its two
solvers on 1,000 seeds in all.  For each coding family: the largest CPU time of the reference on a
test, as a share of the limit, and that of the naive program on the top level, as a multiple of it;
it is stopped at three times the limit.  Then 1,000 problems are minted over all families and
levels on one core.  Exit status 1 means that a target was missed.
"""

import argparse
import dataclasses
import os
import resource
import sys
import time
from collections import Counter

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code import FAMILIES as CODE
from reasonbench.fresh.families.math import FAMILIES as MATH
from reasonbench.fresh.problems import encoded
from reasonbench.fresh.programs import code_problem, inputs_of, run_reference
from reasonbench.fresh.seeds import draw_of

SEEDS = (300, 250, 200, 150, 100)
"""Shares of the levels in the seeds of the two solvers, in thousandths."""
POOL, SMALL_POOL, TOP_SHARE, MINT_S = 5_000, 500, 0.10, 30.0
FEW = {("groupings", 0), ("necklaces", 0)}
"""Families and levels that say in their module why there are fewer problems."""
N_ANSWERS, SPARE = 500, 3


def drawn(family, level, purpose, count):
    for number in range(count):
        yield family.draw(Draw(f"{purpose}/{family.name}/{level}/{number}".encode()), level)


def pool(family, level, draws):
    """Different problems, the share of the commonest answer, and milliseconds a problem."""
    start = time.process_time()
    params = list(drawn(family, level, "fresh", draws))
    different = len({family.templates[0](p) for p in params})
    answers = Counter(family.solve(p) for p in params[:N_ANSWERS])
    spent = time.process_time() - start
    return different, max(answers.values()) / answers.total(), 1000 * spent / draws


def disagreements(family, level, count):
    return sum(family.solve(p) != family.check(p) for p in drawn(family, level, "check", count))


def math_rows(families, draws, seeds):
    """Print a line for each math family, and yield what misses a target."""
    print(f"different problems in {draws:,} draws and share of the commonest answer, by level")
    for family in families:
        cells, slowest, wrong = [], 0.0, 0
        for level in range(family.levels):
            different, share, spent = pool(family, level, draws)
            slowest = max(slowest, spent)
            wrong += disagreements(family, level, seeds * SEEDS[level] // 1000)
            cells.append(f"{different:6,} {share:6.1%}")
            few = different < (SMALL_POOL if level < 2 else POOL) * min(1, draws / 6000)
            if few and (family.name, level) not in FEW:
                yield f"{family.name}, level {level}: {different:,} problems"
            if level > 1 and share > TOP_SHARE:
                yield f"{family.name}, level {level}: one answer has {share:.1%}"
        agree = f"{seeds - wrong:,}/{seeds:,} agree"
        print(f"{family.name:22}{'  '.join(cells)}  {slowest:5.2f} ms  {agree}", flush=True)
        if wrong:
            yield f"{family.name}: {wrong} disagreements"


def cpu_s(family, source, params, given, stop):
    """CPU seconds of a program on one input, in a process of its own; infinite if stopped."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        other = dataclasses.replace(family, reference=lambda _: source)
        resource.setrlimit(resource.RLIMIT_CPU, (int(stop) + 1, int(stop) + 1))
        start = time.process_time()
        try:
            run_reference(other, params, given)
            os.write(write, str(time.process_time() - start).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        written = pipe.read()
    os.waitpid(child, 0)
    return float(written) if written else float("inf")


def code_rows(families):
    """Print a line for each coding family, and yield what misses a target."""
    for family in families:
        limit = family.cpu_s or 10.0
        most, naive = 0.0, 0.0
        for level in range(family.levels):
            seed = f"time/{family.name}/{level}".encode()
            params = family.draw(draw_of(seed, "parameters"), level)
            inputs = sorted(inputs_of(family, params, seed, level), key=lambda x: -len(encoded(x)))
            times = (cpu_s(family, family.reference(params), params, x, limit) for x in inputs)
            most = max(most, *times)
            for given in inputs if level == family.levels - 1 else []:
                if naive < SPARE * limit:
                    spent = cpu_s(family, family.slow(params), params, given, SPARE * limit)
                    naive = max(naive, spent)
        said = f"{naive / limit:.1f} times" if naive < float("inf") else f"over {SPARE} times"
        print(
            f"{family.name:22}limit {limit:g} s, reference {most:.3f} s, naive {said}", flush=True
        )
        if most > limit / 4 or naive < SPARE * limit:
            yield f"{family.name}: reference {most:.2f} s, naive {naive:.2f} s of {limit:g} s"


def minting(families):
    """Mint 1,000 problems over all families and levels; print how long it took."""
    cells = [(family, level) for family in families for level in range(family.levels)]
    start = time.process_time()
    for number in range(1000):
        family, level = cells[number % len(cells)]
        seed = f"mint/{family.name}/{level}/{number}".encode()
        params = family.draw(draw_of(seed, "parameters"), level)
        if hasattr(family, "solve"):
            family.solve(params)
            draw_of(seed, "statement").choice(family.templates)(params)
        else:
            code_problem(family, params, seed, level, number)
    spent = time.process_time() - start
    print(f"1,000 problems over {len(cells)} families and levels: {spent:.1f} s")
    if spent > MINT_S:
        yield f"minting takes {spent:.1f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--family", action="append", help="only these")
    options = parser.parse_args()
    math = [f for f in MATH if not options.family or f.name in options.family]
    code = [f for f in CODE if not options.family or f.name in options.family]
    missed = [*math_rows(math, options.draws, options.seeds), *code_rows(code)]
    missed += [] if options.family else minting([*math, *code])
    print(*[f"MISSED {what}" for what in missed] or ["all targets met"], sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
