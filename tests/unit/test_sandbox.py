"""What a caller of the sandbox sees: programs in, outcomes out, a pool that lasts."""

from pathlib import Path

import pytest
from real_sandbox import require_sandbox

from reasonbench.sandbox import Limits, Opaque, Program, SandboxPool, Status
from reasonbench.sandbox.execution import execute
from reasonbench.sandbox.worker import Worker

require_sandbox()

ADD = Program.stdio("print(int(input()) + 1)", "41")
SLEEPY = Limits(cpu_s=1, wall_s=1)


@pytest.fixture(scope="module")
def pool():
    with SandboxPool(workers=2, backend="zygote") as pool:
        yield pool


def test_an_outcome_tells_what_the_program_did(pool):
    got = pool.run(ADD)
    assert (got.status, got.text, got.exit_code, got.stderr) == (Status.OK, "42\n", 0, "")
    assert (got.backend, got.unsafe, got.attempts) == ("zygote", False, 1)
    assert 0 < got.cpu_s < got.wall_s + 1
    assert got.max_rss_mb > 1


def test_a_traceback_shows_the_program_and_not_the_harness(pool):
    got = pool.run(Program.stdio("def f():\n    return 1 / 0\nf()"))
    assert (got.status, got.exit_code) == (Status.EXCEPTION, 1)
    assert got.detail == "ZeroDivisionError: division by zero"
    assert "return 1 / 0" in got.stderr
    assert "harness" not in got.stderr


def test_calls_bring_back_values_exceptions_and_their_cost(pool):
    code = "def f(x, y):\n    return (x // y, {x: y})"
    got = pool.run(Program.function(code, "f", (7, 2), (1, 0), (10**40, 1)))
    assert got.status == Status.EXCEPTION
    assert [call.value for call in got.calls] == [(3, {7: 2}), None, (10**40, {10**40: 1})]
    assert [call.raised and call.raised.type_name for call in got.calls] == [
        None,
        "ZeroDivisionError",
        None,
    ]


def test_a_caller_can_stop_between_calls_and_later_calls_are_never_made(pool):
    seen = []

    def go_on(call):
        seen.append(call.value)
        return call.value < 2

    got = pool.run(Program.function("def f(x): return x", "f", (1,), (2,), (3,)), go_on=go_on)
    assert (seen, len(got.calls), got.stopped, got.status) == ([1, 2], 2, True, Status.OK)


def test_an_error_of_the_callers_own_reaches_the_caller(pool):
    program = Program.function("def f(x): return x", "f", (1,))
    with pytest.raises(ZeroDivisionError):
        pool.run(program, go_on=lambda call: 1 / 0)
    assert pool.run(ADD).status == Status.OK


def test_the_time_limit_holds_for_each_call_not_for_their_sum(pool):
    code = """
import time
def f(x):
    end = time.process_time() + x
    while time.process_time() < end: pass
    return x
"""
    calls = [(0.2,)] * 4 + [(30,)]
    got = pool.run(Program.function(code, "f", *calls), Limits(cpu_s=0.5, wall_s=60))
    assert (got.status, len(got.calls)) == (Status.TLE_CPU, 4)


def test_a_busy_machine_makes_no_time_out():
    """Eight programs that need 0.4 s of a processor each, and have 0.5 s of wall time."""
    code = "import time\nwhile time.process_time() < 0.4: pass\nprint('done')"
    with SandboxPool(workers=8, backend="zygote") as crowd:
        futures = [crowd.submit(Program.stdio(code), Limits(cpu_s=5, wall_s=0.5)) for _ in range(8)]
        outcomes = [future.result() for future in futures]
    assert [got.status for got in outcomes] == ["ok"] * 8, outcomes
    assert max(got.wall_s for got in outcomes) > 0.5


def test_each_call_of_a_method_has_an_object_of_its_own(pool):
    code = """
class Solution:
    def __init__(self): self.seen = []
    def add(self, x):
        self.seen.append(x)
        return self.seen
"""
    got = pool.run(Program.function(code, "Solution.add", (1,), (2,)))
    assert [call.value for call in got.calls] == [[1], [2]]


def test_arguments_changed_in_place_can_be_asked_for(pool):
    program = Program.function("def f(x): x.sort()", "f", ([3, 1],), args_after=True)
    (call,) = pool.run(program).calls
    assert (call.value, call.args) == (None, [[1, 3]])


def test_a_value_without_a_plain_form_comes_back_as_its_types_name(pool):
    (call,) = pool.run(Program.function("def f(x): return [open]", "f", (1,))).calls
    assert isinstance(call.value[0], Opaque)
    assert call.value[0].type_name == "builtin_function_or_method"


def test_an_argument_without_a_plain_form_is_refused(pool):
    with pytest.raises(ValueError, match="no plain form: object"):
        pool.run(Program.function("def f(x): return x", "f", (object(),)))


def test_a_suite_tells_its_own_failures_from_the_candidates(pool):
    failed = pool.run(Program.asserts("def f(x): return 0", "f", "\nassert f(1) == 7"))
    assert (failed.status, failed.raised.by_candidate, failed.raised.line) == (
        Status.EXCEPTION,
        False,
        2,
    )
    raised = pool.run(Program.asserts("def f(x): return [][x]", "f", "assert f(1) == 7"))
    assert (raised.raised.type_name, raised.raised.by_candidate) == ("IndexError", True)


def test_limits_of_a_tested_function_are_its_own(pool):
    spin = pool.run(
        Program.asserts("def f(x):\n    while True: pass", "f", "f(1)"), Limits(cpu_s=0.3)
    )
    assert spin.status == Status.TLE_CPU
    sleep = "import time\ndef f(x): time.sleep(99)"
    assert pool.run(Program.asserts(sleep, "f", "f(1)"), SLEEPY).status == Status.TLE_WALL
    gone = pool.run(Program.asserts("import os\ndef f(x): os._exit(0)", "f", "f(1)"))
    assert gone.status == Status.EXIT
    spins = pool.run(
        Program.asserts("def f(x): return 0", "f", "while True: pass"), Limits(cpu_s=0.3)
    )
    assert (spins.status, "suite" in spins.detail) == (Status.TLE_CPU, True)


def test_numpy_can_be_imported_where_it_is_installed(pool):
    pytest.importorskip("numpy")
    code = "import numpy as np\ndef f(x): return np.arange(x).sum()"
    got = pool.run(Program.function(code, "f", (10,)), Limits(memory_mb=512))
    assert got.calls[0].value == 45, got


def test_the_least_memory_that_can_be_asked_for_is_enough_to_run(pool):
    assert pool.run(ADD, Limits(memory_mb=64)).text == "42\n"
    more = Program.stdio("x = bytearray(80 << 20)")
    assert pool.run(more, Limits(memory_mb=64)).status == Status.MLE


def test_runs_do_not_differ_from_each_other(pool):
    program = Program.stdio("print({'a', 'b', 'c', 'd', 'e'}, hash('x'))")
    assert len({pool.run(program).text for _ in range(6)}) == 1


def test_random_numbers_differ_between_runs(pool):
    program = Program.stdio("import random\nprint(random.random())")
    assert len({pool.run(program).text for _ in range(6)}) == 6


def test_a_flood_of_output_costs_the_harness_no_memory(pool):
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = peak_kb()
    flood = Program.stdio("import os\nwhile True: os.write(1, b'x' * (1 << 20))")
    got = pool.run(flood, Limits(output_kb=1 << 18))
    assert (got.status, got.stdout_bytes > 1 << 28, len(got.stdout)) == (Status.OLE, True, 1 << 16)
    assert peak_kb() - before < 32 << 10


def peak_kb() -> int:
    (line,) = [
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    ]
    return int(line.split()[1])


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda: Limits(cpu_s=0), "cpu_s"),
        (lambda: Limits(memory_mb=1), "memory_mb"),
        (lambda: Limits(wall_s=-1.0), "wall_s"),
        (lambda: Limits(cpu_s=float("nan")), "cpu_s"),
        (lambda: Program.function("", "f()"), "entry_point"),
        (lambda: Program(code="", mode="shell"), "mode"),
        (lambda: Program.stdio("x" * (9 << 20)), "code"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(build, what):
    with pytest.raises(ValueError, match=what):
        build()


def test_a_worker_can_be_used_without_a_pool():
    from reasonbench.sandbox import backends, selftest

    worker = Worker(backends.BACKENDS["zygote"], selftest.setting_for(None, (), ()))
    try:
        assert execute(worker, ADD, Limits()).text == "42\n"
    finally:
        worker.close()
