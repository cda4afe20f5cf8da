"""Isolated executions a second, against a plain subprocess and evalplus's own checker.

    python benchmarks/sandbox.py [--count N] [--evalplus PYTHON]

The same small programs (functions with ten calls each) run in the sandbox, in a plain
``python -I`` subprocess, and, where the path of an interpreter that has evalplus is given, in
its ``untrusted_check``.  The aim is 150 executions a second on two cores, and a p99 that is no
more than 15 ms above the subprocess's.  Then a program floods 1 GiB to its output: the harness may
grow by 32 MiB.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import deque

from reasonbench.sandbox import Limits, Program, SandboxPool, Status

WORKERS = 2
LIMITS = Limits(cpu_s=5)
FLOOD = "import sys\nfor _ in range(1024): sys.stdout.write('x' * 2**20)"
EVALPLUS = """
import json, sys, time
from evalplus.eval import PASS, untrusted_check
programs = json.load(sys.stdin)
times = []
for code, inputs, expected in programs:
    start = time.perf_counter()
    stat, _ = untrusted_check("humaneval", code, inputs, "f", expected, 0, [0.01] * len(inputs))
    times.append(time.perf_counter() - start)
    assert stat == PASS, stat
print(json.dumps(times))
"""


def programs(count):
    """Yield code, inputs and expected values."""
    for i in range(count):
        inputs = [[n] for n in range(10)]
        code = f"def f(n):\n    return sum(j * {i} for j in range(n * 10))\n"
        yield code, inputs, [sum(j * i for j in range(n * 10)) for (n,) in inputs]


def told(name, times, wall, count):
    cut = statistics.quantiles(times, n=100)
    median, p99 = 1000 * statistics.median(times), 1000 * cut[98]
    rate = f"{count / wall:.0f} executions/s with {WORKERS} at once"
    print(f"{name}: {rate}; median {median:.1f} ms, p99 {p99:.1f} ms")
    return count / wall, cut[98]


def in_sandbox(count):
    waiting, times = {}, []
    work = list(programs(count))
    with SandboxPool(workers=WORKERS) as pool:
        pool.run(Program.function("def f(n): return n", "f", (1,)), LIMITS)
        start = time.perf_counter()
        todo = deque(enumerate(work))
        while todo or waiting:
            while todo and len(waiting) < WORKERS:
                i, (code, inputs, _) = todo.popleft()
                future = pool.submit(Program.function(code, "f", *map(tuple, inputs)), LIMITS)
                waiting[i] = time.perf_counter(), future
            for i, (began, future) in list(waiting.items()):
                if future.done():
                    times.append(time.perf_counter() - began)
                    outcome = future.result()
                    assert [c.value for c in outcome.calls] == work[i][2], outcome
                    del waiting[i]
            time.sleep(0.0002)
        wall = time.perf_counter() - start
    return told("sandbox", times, wall, count)


def in_subprocess(count):
    """Run the same in ``python -I``, two at a time."""
    times, running = [], []
    todo = deque(programs(count))
    start = time.perf_counter()
    while todo or running:
        while todo and len(running) < WORKERS:
            code, inputs, expected = todo.popleft()
            code += f"\nimport json\nprint(json.dumps([f(*a) for a in {inputs!r}]))"
            process = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE)
            running.append((time.perf_counter(), process, expected))
        for entry in list(running):
            began, process, expected = entry
            if process.poll() is not None:
                times.append(time.perf_counter() - began)
                assert json.loads(process.stdout.read()) == expected
                process.stdout.close()
                running.remove(entry)
        time.sleep(0.0002)
    return told("subprocess -I", times, time.perf_counter() - start, count)


def in_evalplus(count, python):
    """Run the same through evalplus's checker, one at a time as it does."""
    done = subprocess.run(
        [python, "-c", EVALPLUS], input=json.dumps(list(programs(count))),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    times = json.loads(done.stdout.splitlines()[-1])
    print(f"evalplus: {len(times) / sum(times):.0f} executions/s, one at a time; median "
          f"{1000 * statistics.median(times):.1f} ms")  # fmt: skip
    return len(times) / sum(times)


def resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20


def flood():
    """Print how much this process grows while a program writes 1 GiB."""
    with SandboxPool(workers=1) as pool:
        pool.run(Program.stdio("print(1)"), LIMITS)
        before, peak = resident(), 0.0
        future = pool.submit(Program.stdio(FLOOD), LIMITS)
        while not future.done():
            peak = max(peak, resident())
            time.sleep(0.001)
        outcome = future.result()
    assert outcome.status == Status.OLE, outcome.status
    print(f"flood of 1 GiB: {outcome.status}; this process {before:.0f} MiB before, "
          f"{max(peak, resident()):.0f} at its peak (limit +32)")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--evalplus", metavar="PYTHON")
    arguments = parser.parse_args()
    ours, ours_p99 = in_sandbox(arguments.count)
    plain, plain_p99 = in_subprocess(arguments.count)
    more = 1000 * (ours_p99 - plain_p99)
    print(f"{ours / plain:.2f} times the subprocess's rate; p99 {more:+.1f} ms (limit +15)")
    if arguments.evalplus:
        theirs = in_evalplus(min(arguments.count, 100), arguments.evalplus)
        print(f"{ours / theirs:.1f} times evalplus's rate")
    flood()


if __name__ == "__main__":
    main()
