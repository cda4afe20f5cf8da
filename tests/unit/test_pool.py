"""The pool with real processes: graders that hang, eat memory, crash, raise and print."""

import os
import select
import signal
import subprocess
import sys
import textwrap

import pytest

from reasonbench.errors import GraderError, UnknownNameError
from reasonbench.graders.pool import BOUND, GraderPool
from reasonbench.plugins import GRADERS
from reasonbench.records import Completion, Failure, FinishReason, Grade, Problem, Stage, Verdict

HOSTILE = '''
import ctypes, os, sys, time
from pathlib import Path
from reasonbench.graders import judging


class Hostile:
    """Does what the completion says."""

    identity = "hostile/1"

    def grade(self, problem, completion):
        act, _, argument = completion.text.partition(":")
        if act == "once":
            mark = Path(argument)
            if not mark.exists():
                mark.touch()
                act = "hang"
        if act == "hang":
            while True:
                time.sleep(3600)
        if act == "spin":
            while True:
                pass
        if act == "memory":
            held = []
            while True:
                held.append(bytearray(1 << 26))
        if act == "segfault":
            ctypes.string_at(0)
        if act == "exit":
            os._exit(3)
        if act == "raise":
            raise ValueError("I do not like this one")
        if act == "none":
            return None
        if act == "print":
            print("x" * 100_000)
            os.write(1, b"y" * 100_000)
        if act == "surrogate":
            return judging.correct(completion, self.identity, "\\ud800")
        if act == "environ":
            return judging.correct(completion, self.identity, os.environ[argument])
        return judging.correct(completion, self.identity, completion.text)


def broken():
    raise RuntimeError("no licence")


def dying():
    os._exit(9)
'''

PROBLEM = Problem(task="t", id="p", statement="s", target="5")


@pytest.fixture(autouse=True)
def hostile(tmp_path, monkeypatch):
    """Install a distribution that brings the graders above."""
    folder = tmp_path / "site"
    info = folder / "hostile-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[reasonbench.graders]\n"
        "hostile = rb_hostile:Hostile\nbroken = rb_hostile:broken\ndying = rb_hostile:dying\n"
    )
    (folder / "rb_hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(GRADERS, "_found", None)
    return folder


def completion(index, text="ok", **changes):
    fields = {
        "key": f"k{index}",
        "task": "t",
        "problem_id": "p",
        "sample_index": index,
        "text": text,
        "finish_reason": FinishReason.STOP,
        "n_prompt_tokens": 1,
        "n_tokens": 1,
        "seed": 0,
        "engine": "e",
    }
    return Completion(**(fields | changes))


def grade(texts, *, workers=2, seconds=30.0, memory_mb=512):
    with GraderPool("hostile", workers=workers, seconds=seconds, memory_mb=memory_mb) as pool:
        pairs = [(PROBLEM, completion(i, text)) for i, text in enumerate(texts)]
        outcomes = {o.sample_index: o for o in pool.grade_all(pairs)}
        assert pool.pending == 0
    assert sorted(outcomes) == list(range(len(texts)))
    return outcomes


def test_every_completion_gets_exactly_one_grade_under_its_own_key():
    outcomes = grade([f"text {i}" for i in range(500)])
    assert all(o.verdict is Verdict.CORRECT for o in outcomes.values())
    assert all(o.answer == f"text {i}" and o.key == f"k{i}" for i, o in outcomes.items())


def test_the_pool_says_the_graders_identity():
    with GraderPool("exact", workers=1) as pool:
        assert pool.identity.startswith("exact/")


@pytest.mark.parametrize("act", ["hang", "spin"])
def test_a_grader_that_hangs_is_killed_and_its_neighbours_are_graded(act):
    texts = ["ok"] * 40
    texts[7] = act
    outcomes = grade(texts, seconds=1.0)
    hung = outcomes.pop(7)
    assert (hung.verdict, hung.reason) == (Verdict.INCORRECT, "timeout")
    assert hung.grader == "hostile/1"
    assert all(o.verdict is Verdict.CORRECT for o in outcomes.values())


def test_a_completion_that_hangs_once_is_graded_on_its_second_try(tmp_path):
    outcomes = grade(["ok", f"once:{tmp_path / 'mark'}", "ok"], workers=1, seconds=1.0)
    assert [outcomes[i].verdict for i in range(3)] == [Verdict.CORRECT] * 3


@pytest.mark.parametrize(
    ("act", "reason", "detail"),
    [("memory", "memory", "memory"), ("segfault", "crashed", "SIGSEGV"), ("exit", "crashed", "3")],
)
def test_a_worker_that_dies_gives_a_grade_that_says_how(act, reason, detail):
    outcomes = grade(["ok", act, "ok", "ok"], workers=1)
    assert (outcomes[1].verdict, outcomes[1].reason) == (Verdict.INCORRECT, reason)
    assert detail in outcomes[1].detail
    assert all(outcomes[i].verdict is Verdict.CORRECT for i in (0, 2, 3))


def test_a_grader_that_raises_leaves_the_grade_owed():
    outcomes = grade(["raise", "ok", "none"])
    assert isinstance(outcomes[0], Failure)
    assert outcomes[0].stage is Stage.GRADE
    assert outcomes[0].error_type == "ValueError"
    assert outcomes[0].message == "I do not like this one"
    assert isinstance(outcomes[1], Grade)
    assert outcomes[2].error_type == "TypeError"


def test_what_a_grader_prints_does_not_reach_the_answers():
    outcomes = grade(["print", "ok", "print", "ok"], workers=1)
    assert all(o.verdict is Verdict.CORRECT for o in outcomes.values())


def test_text_that_cannot_be_sent_is_a_failure_of_that_completion_alone():
    outcomes = grade(["ok", "\ud800", "surrogate", "ok"], workers=1)
    assert isinstance(outcomes[1], Failure)
    assert isinstance(outcomes[2], Failure)
    assert outcomes[0].verdict is outcomes[3].verdict is Verdict.CORRECT


def test_large_completions_pass_through_the_pipes():
    outcomes = grade(["z" * 3_000_000 + str(i) for i in range(12)], workers=2)
    assert len(outcomes) == 12


def test_sympy_in_a_worker_uses_pythons_integers():
    assert grade(["environ:SYMPY_GROUND_TYPES"])[0].answer == "python"


def test_submit_waits_while_the_pool_is_full_and_goes_on_when_it_is_not():
    with GraderPool("hostile", workers=1, seconds=1.0) as pool:
        pool.submit(PROBLEM, completion(0, "hang"))
        for i in range(1, BOUND):
            pool.submit(PROBLEM, completion(i))
        assert pool.full
        pool.submit(PROBLEM, completion(BOUND))
        outcomes = []
        while pool.pending:
            outcomes += pool.drain(block=True)
        assert len(outcomes) == BOUND + 1


def test_draining_an_idle_pool_returns_at_once():
    with GraderPool("hostile", workers=1) as pool:
        assert pool.drain(block=True) == []
        assert pool.drain(block=False) == []
        assert not pool.full


def test_unknown_and_broken_graders_are_one_sentence():
    with pytest.raises(UnknownNameError, match="no grader named 'exat'"):
        GraderPool("exat", workers=1)
    with pytest.raises(GraderError, match=r"'broken' cannot be loaded.*no licence"):
        GraderPool("broken", workers=2)
    with pytest.raises(GraderError, match="die at start"):
        GraderPool("dying", workers=2)
    with pytest.raises(ValueError, match="at least 1"):
        GraderPool("exact", workers=0)


def test_closing_kills_hanging_workers_leaves_no_zombie_and_may_be_repeated():
    pool = GraderPool("hostile", workers=3)
    pids = pool.pids
    for i in range(6):
        pool.submit(PROBLEM, completion(i, "hang"))
    pool.close()
    pool.close()
    assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(GraderError, match="closed"):
        pool.submit(PROBLEM, completion(9))


SCRIPT = textwrap.dedent(
    """
    import sys
    from reasonbench.graders.pool import GraderPool
    from reasonbench.records import Completion, Problem
    # No __main__ guard: workers must not import this file.
    pool = GraderPool("hostile", workers=2)
    problem = Problem(task="t", id="p", statement="s")
    for i in range(2):
        pool.submit(problem, Completion(
            key=str(i), task="t", problem_id="p", sample_index=i, text="hang",
            finish_reason="stop", n_prompt_tokens=1, n_tokens=1, seed=0, engine="e"))
    print(*pool.pids, flush=True)
    try:
        pool.drain(block=True)
    finally:
        pool.close()
    """
)


@pytest.fixture
def caller(tmp_path, hostile):
    """A process with a pool whose graders hang, in a process group of its own."""
    script = tmp_path / "caller.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(hostile), *sys.path])},
    )
    with process:
        yield process
        process.kill()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
def test_workers_die_with_a_caller_that_is_killed(caller):
    workers = [os.pidfd_open(int(pid)) for pid in caller.stdout.readline().split()]
    assert len(workers) == 2
    caller.kill()
    for worker in workers:
        # A pidfd is readable once its process has ended.
        assert select.select([worker], [], [], 60)[0]
        os.close(worker)


def test_ctrl_c_ends_the_caller_without_a_word_from_the_workers(caller):
    assert len(caller.stdout.readline().split()) == 2
    os.killpg(caller.pid, signal.SIGINT)
    _, said = caller.communicate(timeout=60)
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert "worker" not in said
