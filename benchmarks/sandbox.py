"""Isolated executions a second, against a plain subprocess and evalplus's own checker.

    python benchmarks/sandbox.py [--count N] [--evalplus PYTHON]
    python benchmarks/sandbox.py --leaks 10000
    python benchmarks/sandbox.py --corpus 3 [--load 4]

The same small programs (functions with ten calls each) run in the sandbox, in a plain
``python -I`` subprocess, and, where the path of an interpreter that has evalplus is given, in
its ``untrusted_check``.  The aim is 150 executions a second on two cores, and a p99 that is no
more than 15 ms above the subprocess's.  Then a program floods 1 GiB to its output: the harness may
grow by 32 MiB.

``--leaks`` runs that many programs, of which some crash, sleep or fill /tmp, and then counts what
is left of them: processes, zombies, mounts, namespaces, files and uids of this harness; then it
kills a harness at work with SIGKILL, and counts again.  ``--corpus`` runs the hostile corpus
(``tests/hostile``) that often, ``--load`` beside so many processes that spin, and prints each
program that came to what it may not.
"""

import argparse
import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from reasonbench.sandbox import Limits, Program, SandboxPool, Status, backends

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


LEFT = [
    Program.stdio("print(int(input()) + 1)", "41"),
    Program.function("def f(x): return x", "f", (1,), (2,)),
    Program.asserts("def f(x): return x", "f", "assert f(1) == 1"),
    Program.stdio("import os\nos.abort()"),
    Program.stdio("open('/tmp/x', 'w').write('x' * 100_000)\nraise SystemExit(3)"),
    Program.stdio("import threading, time, os\nthreading.Thread(target=time.sleep, args=(9,))"
                  ".start()\nos._exit(0)"),
]  # fmt: skip


def family(pid):
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def spaces_of(pids):
    """Return the mount, PID and IPC namespaces of processes."""
    found = set()
    for pid in pids:
        for name in ("mnt", "pid", "ipc", "user", "net"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/ns/{name}"))
    return found


def census(pid, known, spaces):
    """Return what is there of a harness: of its process, of those seen with it, of its uids."""
    uids = {backends.FIRST_UID + (pid * 61 + slot) % backends.N_UIDS for slot in range(WORKERS)}
    counts = {"processes": 0, "zombies": 0, "of its uids": 0, "in its namespaces": 0}
    below = set(family(pid)) - {pid} if pid == os.getpid() else set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            counts["processes"] += int(folder.name) in below | known
            counts["zombies"] += state == "Z" and int(folder.name) in below | known
            counts["of its uids"] += os.geteuid() == 0 and folder.stat().st_uid in uids
            counts["in its namespaces"] += bool(spaces_of([folder.name]) & spaces)
    counts["mounts"] = len(Path("/proc/self/mountinfo").read_text().splitlines())
    counts["descriptors"] = len(os.listdir("/proc/self/fd"))
    counts["its files"] = 0
    for file in (file for top in ("/tmp", "/dev/shm") for file in os.scandir(top)):
        with contextlib.suppress(OSError):  # others make and remove files too
            counts["its files"] += file.stat(follow_symlinks=False).st_uid in uids
    return counts


def leaks(count):
    """Print what is left of many programs, and of a harness that was killed."""
    with SandboxPool(workers=1) as pool:
        pool.run(LEFT[0])
    outer = spaces_of([os.getpid()])
    me, known, spaces = os.getpid(), set(), set()
    idle = {**census(me, known, spaces), "processes": 0, "zombies": 0, "of its uids": 0}
    before = settled(me, known, spaces, idle)
    began = time.perf_counter()
    with SandboxPool(workers=WORKERS) as pool:
        waiting = deque()
        for i in range(count):
            waiting.append(pool.submit(LEFT[i % len(LEFT)], LIMITS))
            while len(waiting) > 8:
                waiting.popleft().result()
            if i % 100 == 50:
                known |= set(family(me)) - {me}
                spaces |= spaces_of(known) - outer
        for future in waiting:
            future.result()
        print(f"{count} programs in {time.perf_counter() - began:.0f} s")
        print(f"before: {before}\nwith the pool open: {census(me, known, spaces)}")
    after = settled(me, known, spaces, before)
    harness = subprocess.Popen(
        [sys.executable, __file__, "--at-work"], stdout=subprocess.PIPE, text=True
    )
    harness.stdout.readline()
    known = set(family(harness.pid))
    spaces = spaces_of(known) - outer
    print(f"after: {after}\na harness at work: {census(harness.pid, known, spaces)}")
    harness.kill()
    harness.communicate()
    killed = settled(harness.pid, known, spaces, before)
    print(f"after it was killed: {killed}")
    print("nothing is left" if before == after == killed else "SOMETHING IS LEFT")


def settled(pid, known, spaces, wanted):
    """Return the census once it is what it should be, or that of ten seconds later."""
    end = time.monotonic() + 10
    while (found := census(pid, known, spaces)) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return found


def at_work():
    """Run sleepers until somebody kills this process."""
    with SandboxPool(workers=WORKERS) as pool:
        futures = [
            pool.submit(Program.stdio("import time\ntime.sleep(99)")) for _ in range(WORKERS)
        ]
        pool.submit(LEFT[0])
        time.sleep(1.0)
        print("ready", flush=True)
        futures[0].result()


def corpus(times, load):
    """Run the hostile corpus, and print what came to what it may not."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hostile"))
    judge = importlib.import_module("judge")
    spin = [sys.executable, "-c", "while True: pass"]
    spinning = [subprocess.Popen(spin) for _ in range(load)]
    faults = n_run = 0
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, SandboxPool(workers=WORKERS) as pool:
            canary = Path(folder, "canary")
            canary.write_text(judge.SECRET)
            for _ in range(times):
                cases = [case for family in judge.FAMILIES for case in judge.cases(family)]
                asked = [
                    (case, pool.submit(judge.program(case, str(canary)), case.limits))
                    for case in cases
                ]
                for case, future in asked:
                    n_run += 1
                    if said := judge.fault(case, future.result()):
                        faults += 1
                        print(f"    {case.name}: {said}")
    finally:
        for process in spinning:
            process.kill()
            process.wait()
    seconds = time.perf_counter() - began
    print(f"{n_run} runs of the corpus beside {load} that spin: {faults} faults, {seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--evalplus", metavar="PYTHON")
    parser.add_argument("--leaks", type=int, metavar="N")
    parser.add_argument("--corpus", type=int, metavar="TIMES")
    parser.add_argument("--load", type=int, default=0, metavar="N")
    parser.add_argument("--at-work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.at_work:
        at_work()
    if arguments.leaks:
        leaks(arguments.leaks)
    if arguments.corpus:
        corpus(arguments.corpus, arguments.load)
    if arguments.leaks or arguments.corpus:
        return
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
