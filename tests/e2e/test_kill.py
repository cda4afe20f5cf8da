"""kill -9 at any moment loses at most what is in flight; the same command goes on."""

import json
import signal
import subprocess
import sys
from collections import Counter

import killed_run
import pytest

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
        "run", "embedded:teacher", "--task", str(problems),
        "-n", str(N), "--engine", engine, "--dtype", dtype, "--max-tokens", str(MAX_TOKENS),
        "--batch-size", "4", "--out", str(out), "--format", "json",
    ]  # fmt: skip


def run(arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "reasonbench", *arguments],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def kill_at(arguments, out, count):
    """Run until ``count`` completions more are stored, then kill -9; return what is there."""
    done = subprocess.run(
        [sys.executable, killed_run.__file__, str(count), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    return texts(out)


def texts(out):
    with Store.read(out) as store:
        pairs = store.completions(store.latest_plan().digest())
        return {(c.problem_id, c.sample_index): c.text for _, c in pairs}


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_a_run_killed_twice_ends_with_exactly_n_a_problem_none_twice(
    tmp_path, problems, engine, dtype
):
    out = tmp_path / "run"
    arguments = command(problems, engine, dtype, out)
    first = kill_at(arguments, out, 5)
    kept = kill_at(arguments, out, 35)
    assert (len(first), len(kept)) == (5, 40)
    assert first.items() <= kept.items()
    done = run(arguments)
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
        assert run(command(problems, engine, dtype, fresh)).returncode == 0
        assert texts(fresh) == after


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_a_score_of_nothing_has_an_interval_that_is_not_nothing(tmp_path, problems, engine, dtype):
    done = run(command(problems, engine, dtype, tmp_path / "run"))
    (task,) = json.loads(done.stdout)["tasks"]
    first = task["estimates"][0]
    assert first["value"] < 0.2
    interval = first["superpopulation"]
    assert interval["low"] <= first["value"] < interval["high"] < 0.6
    if first["value"] == 0:
        assert interval["low"] == 0
