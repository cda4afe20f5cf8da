"""kill -9 at any moment loses at most what is in flight; the same command goes on."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from reasonbench.errors import ReasonbenchError
from reasonbench.store import Store

N, PROBLEMS, MAX_TOKENS = 4, 40, 96
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


def command(problems, engine, dtype, out):
    return [
        sys.executable, "-m", "reasonbench", "run", "embedded:teacher", "--task", str(problems),
        "-n", str(N), "--engine", engine, "--dtype", dtype, "--max-tokens", str(MAX_TOKENS),
        "--batch-size", "4", "--out", str(out), "--format", "json",
    ]  # fmt: skip


def kill_after(arguments, out, count):
    """Run until the store holds ``count`` completions, then kill -9 the process and wait."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and stored(out) < count:
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return stored(out)


def stored(out):
    return len(texts(out))


def texts(out):
    try:
        with Store.read(out) as store:
            plan = store.latest_plan()
            if plan is None:
                return {}
            pairs = store.completions(plan.digest())
            return {(c.problem_id, c.sample_index): c.text for _, c in pairs}
    except ReasonbenchError:
        return {}


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_a_run_killed_twice_ends_with_exactly_n_a_problem_none_twice(
    tmp_path, problems, engine, dtype
):
    out = tmp_path / "run"
    arguments = command(problems, engine, dtype, out)
    first = kill_after(arguments, out, 5)
    second = kill_after(arguments, out, 40)
    assert 5 <= first <= second < N * PROBLEMS
    kept = texts(out)
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (task,) = json.loads(done.stdout)["tasks"]
    assert [p["n"] for p in task["problems"]] == [N] * PROBLEMS
    after = texts(out)
    assert Counter(p for p, _ in after) == dict.fromkeys({p for p, _ in after}, N)
    assert kept.items() <= after.items()
    with Store.read(out) as store:
        assert [s.status for s in store.sessions()] == ["killed", "killed", "complete"]
    if dtype == "float64":
        fresh = tmp_path / "fresh"
        subprocess.run(command(problems, engine, dtype, fresh), capture_output=True, check=True)
        assert texts(fresh) == after


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_a_score_of_nothing_has_an_interval_that_is_not_nothing(tmp_path, problems, engine, dtype):
    done = subprocess.run(
        command(problems, engine, dtype, tmp_path / "run"),
        capture_output=True,
        text=True,
        check=False,
    )
    (task,) = json.loads(done.stdout)["tasks"]
    first = task["estimates"][0]
    assert first["value"] < 0.2
    interval = first["superpopulation"]
    assert interval["low"] <= first["value"] < interval["high"] < 0.6
    if first["value"] == 0:
        assert interval["low"] == 0
