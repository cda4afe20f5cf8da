"""The pool: turns, back-pressure, faults of the infrastructure, and what is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from real_sandbox import require_sandbox

from reasonbench.sandbox import Outcome, Program, SandboxPool, Status
from reasonbench.sandbox import pool as pool_module

require_sandbox()

ADD = Program.stdio("print(int(input()) + 1)", "41")


@pytest.fixture(scope="module")
def pool():
    with SandboxPool(workers=2, backend="zygote") as pool:
        yield pool


def test_submitters_take_turns(pool):
    order = []

    def note(name):
        return lambda future: order.append(name)

    with SandboxPool(workers=1, backend="zygote") as single:
        release = threading.Event()
        first = single.submit(
            Program.function("def f(x): return x", "f", (1,)), go_on=lambda call: release.wait(60)
        )
        futures = [single.submit(ADD, submitter="greedy") for _ in range(6)]
        futures += [single.submit(ADD, submitter="modest") for _ in range(2)]
        for future, name in zip(futures, ["greedy"] * 6 + ["modest"] * 2, strict=True):
            future.add_done_callback(note(name))
        release.set()
        single.drain()
    assert first.result().status == Status.OK
    assert order[:4].count("modest") == 2


def test_a_full_queue_makes_submit_wait():
    with SandboxPool(workers=1, backend="zygote", max_queued=1) as single:
        release = threading.Event()
        taken = threading.Event()

        def hold(call):
            taken.set()
            return release.wait(60)

        single.submit(Program.function("def f(x): return x", "f", (1,)), go_on=hold)
        assert taken.wait(60)
        single.submit(ADD)
        with pytest.raises(TimeoutError, match="1 programs wait"):
            single.submit(ADD, timeout=0.05)
        release.set()
        assert single.submit(ADD, timeout=60).result().status == Status.OK


def test_closing_cancels_what_waits_and_leaves_no_process():
    single = SandboxPool(workers=1, backend="zygote")
    release, taken = threading.Event(), threading.Event()

    def hold(call):
        taken.set()
        return release.wait(60)

    running = single.submit(Program.function("def f(x): return x", "f", (1,)), go_on=hold)
    assert taken.wait(60)
    waiting = single.submit(ADD)
    (seat,) = single.seats
    closer = threading.Thread(target=single.close)
    closer.start()
    release.set()
    closer.join(60)
    assert running.result().status == Status.OK
    assert waiting.cancelled()
    assert seat.pid is None
    with pytest.raises(RuntimeError, match="closed"):
        single.submit(ADD)


def test_a_dead_worker_is_replaced_and_its_program_run_again(pool):
    with SandboxPool(workers=1, backend="zygote") as single:
        assert single.run(ADD).attempts == 1
        (seat,) = single.seats
        first = seat.pid

        lives = [first]

        def kill_once(call):
            return destroy(lives.pop()) if lives else True

        program = Program.function("def f(x): return x", "f", (1,), (2,))
        got = single.run(program, go_on=kill_once)
        assert (got.status, got.attempts, len(got.calls)) == (Status.OK, 2, 2)
        assert seat.pid != first


def test_a_worker_that_keeps_dying_is_a_fault_of_ours_and_never_a_score():
    with SandboxPool(workers=1, backend="zygote") as single:
        (seat,) = single.seats

        def kill(call):
            return destroy(seat.pid)

        program = Program.function("def f(x): return x", "f", (1,), (2,))
        got = single.run(program, go_on=kill)
        assert (got.status, got.attempts) == (Status.INTERNAL, 3)
        assert single.run(ADD).status == Status.OK


def destroy(pid: int) -> bool:
    """Kill a worker's process, and return True when all that hung on it is dead."""
    everybody = family(pid)
    os.kill(pid, signal.SIGKILL)
    return wait_for(lambda: not [each for each in everybody if alive(each)])


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_nothing_is_left_behind_by_many_programs():
    programs = [
        ADD,
        Program.function("def f(x): return x", "f", (1,), (2,)),
        Program.asserts("def f(x): return x", "f", "assert f(1) == 1"),
        Program.stdio("import os\nos.abort()"),
    ]
    with SandboxPool(workers=2, backend="zygote") as many:
        for future in [many.submit(p) for p in programs]:
            future.result()
        pids = [seat.pid for seat in many.seats]
        before, mounts = descriptors(), Path("/proc/self/mountinfo").read_text()
        for future in [many.submit(programs[i % 4]) for i in range(400)]:
            assert future.result().attempts == 1
        many.drain()
        assert [seat.pid for seat in many.seats] == pids
        assert descriptors() <= before + 4
        assert Path("/proc/self/mountinfo").read_text() == mounts
        assert wait_for(lambda: all(len(family(pid)) <= 3 for pid in pids))
    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


PARENT = """
import sys
from reasonbench.sandbox import Program, SandboxPool
pool = SandboxPool(workers=2, backend=sys.argv[1])
spin = "import time\\nprint('x', flush=True)\\nwhile True: time.sleep(0.01)"
for _ in range(2):
    pool.submit(Program.stdio(spin))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("backend", "n"), [("zygote", 11), ("bwrap", 9), ("unsafe_local", 7)])
def test_a_killed_parent_leaves_nothing_running(backend, n):
    """Itself, and for each worker: bubblewrap (twice), zygote, supervisor, program."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, backend],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert parent.stdout.readline() == b"ready\n"
        assert wait_for(lambda: len(family(parent.pid)) >= n)
        everybody = family(parent.pid)
    finally:
        parent.kill()
        parent.communicate()
    assert wait_for(lambda: not [pid for pid in everybody if alive(pid)])


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_many_threads_share_a_pool(pool):
    results = []

    def work(name):
        program = Program.stdio("print(input())", name)
        results.extend(pool.run(program, submitter=name).text == f"{name}\n" for _ in range(10))

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 60


@pytest.mark.parametrize(
    ("queued_s", "statuses", "attempts"),
    [
        (5.0, ["tle_wall", "ok"], 2),
        (5.0, ["tle_wall", "tle_wall"], 2),
        (0.1, ["tle_wall"], 1),
    ],
)
def test_a_time_out_that_the_load_may_have_caused_is_run_again_alone(
    monkeypatch, queued_s, statuses, attempts
):
    left = list(statuses)

    def execute(worker, program, limits, go_on):
        return Outcome(status=Status(left.pop(0)), wall_s=10.0, queued_s=queued_s)

    monkeypatch.setattr(pool_module, "execute", execute)
    with SandboxPool(workers=1, backend="zygote") as single:
        got = single.run(ADD)
    assert (got.status, got.attempts, left) == (statuses[-1], attempts, [])


def test_who_asked_to_be_alone_is_alone():
    gate = pool_module._Gate()
    inside, leave, alone, done = (threading.Event() for _ in range(4))

    def many():
        with gate.enter(alone=False):
            inside.set()
            assert leave.wait(60)

    def one():
        with gate.enter(alone=True):
            alone.set()
            assert done.wait(60)

    threads = [threading.Thread(target=many), threading.Thread(target=one)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    assert not alone.wait(0.05)
    leave.set()
    assert alone.wait(60)
    late = threading.Thread(target=many)
    inside.clear()
    late.start()
    assert not inside.wait(0.05)
    done.set()
    for thread in (*threads, late):
        thread.join(60)
    assert inside.is_set()
