"""kill -9 at any moment loses at most what is in flight; the same command goes on."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import killed_run
import pytest

from reasonbench.store import Store
from reasonbench.summary import grader_identities, summarize

PROBLEMS, MAX_TOKENS = 20, 48
ROUNDS = {"transformers": 23, "vllm": 2}
"""Kills, each followed by a run to the end; 25 in all."""
ENGINES = [
    pytest.param("transformers", "float64", id="transformers"),
    pytest.param("vllm", "float32", id="vllm", marks=[pytest.mark.vllm, pytest.mark.slow]),
]


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "sums.jsonl"
    rows = [
        {
            "question": f"Anna has {i} apples and buys {i + 3} more. How many has she now?",
            "answer": f"She has {i} + {i + 3} apples.\n#### {2 * i + 3}",
        }
        for i in range(PROBLEMS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(problems, engine, dtype, out, n):
    return [
        "run", "embedded:teacher", "--task", str(problems), "-n", str(n), "--engine", engine,
        "--dtype", dtype, "--max-tokens", str(MAX_TOKENS), "--batch-size", "16",
        "--grader", "exact", "--out", str(out), "--format", "json",
    ]  # fmt: skip


class Forked:
    """Runs in children of a process that has imported everything already."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, killed_run.__file__, "serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, arguments, die=None, seconds=None):
        asked = {"arguments": arguments, "die": die, "seconds": seconds}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        self._process.communicate(timeout=60)


class Spawned:
    """Runs in processes of their own: vLLM is not to be forked."""

    def __call__(self, arguments, die=None, seconds=None):
        start = [killed_run.__file__, *die] if die else ["-m", "reasonbench"]
        process = subprocess.Popen(
            [sys.executable, *map(str, start), *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self):
        pass


def texts(out):
    if not (out / "run.sqlite").exists():
        return {}
    with Store.read(out) as store:
        plan = store.latest_plan()
        pairs = store.completions(plan.digest()) if plan else ()
        return {(c.problem_id, c.sample_index): c.text for _, c in pairs}


def moments(rng, rounds, n, duration):
    """Yield how each round's run dies: at a commit of one kind, or after some seconds."""
    for i in range(rounds):
        new = PROBLEMS * n
        if i % 3 == 2:
            yield {"seconds": rng.uniform(0, duration)}
        else:
            yield {"die": (("completions", "grades")[i % 3], str(rng.randrange(1, new)))}


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_after_a_kill_at_any_moment_a_run_ends_with_exactly_n_a_problem(
    tmp_path, problems, engine, dtype
):
    n, rng = 2, random.Random(20261125)
    run = Forked() if engine == "transformers" else Spawned()
    start = time.monotonic()
    assert run(command(problems, engine, dtype, tmp_path / "whole", n)) == 0
    duration = time.monotonic() - start
    whole = texts(tmp_path / "whole")
    killed = 0
    for i, moment in enumerate(moments(rng, ROUNDS[engine], n, duration)):
        out = tmp_path / f"run{i}"
        arguments = command(problems, engine, dtype, out, n)
        died = run(arguments, **moment) == -signal.SIGKILL
        assert died or "seconds" in moment
        killed += died
        kept = texts(out)
        assert run(arguments) == 0
        after = texts(out)
        assert Counter(p for p, _ in after) == dict.fromkeys({p for p, _ in whole}, n)
        assert kept.items() <= after.items()
        if dtype == "float64":
            assert after == whole
        check_grades(out)
    assert killed >= ROUNDS[engine] * 2 // 3
    run.close()
    check_score_of_nothing(tmp_path / "whole")


def check_score_of_nothing(out):
    """The model knows no such sums; the interval says what that is worth."""
    with Store.read(out) as store:
        (task,) = summarize(store).tasks
    first = task.estimates[0]
    assert first.value < 0.2
    assert first.superpopulation.low <= first.value < first.superpopulation.high < 0.6


def check_grades(out):
    """Every completion has its grade, and the sessions tell of the kill."""
    with Store.read(out) as store:
        plan = store.latest_plan()
        identities = grader_identities(plan)
        assert list(store.ungraded(plan.digest(), identities)) == []
        statuses = [s.status for s in store.sessions()]
    assert statuses[-1] == "complete"
    assert set(statuses[:-1]) <= {"killed", "complete"}
