"""kill -9 at any moment loses at most what is in flight; the same command goes on."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import killed_run
import psutil
import pytest
import tiny_llama
from real_vllm import vllm_engine

from reasonbench.store import Store
from reasonbench.summary import grader_identities, summarize

PROBLEMS, MAX_TOKENS = 20, 48
PARTS = ("early", "midway", "late")
ORPHANS_GONE_WITHIN = 30


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_llama.build(tmp_path_factory.mktemp("models") / "tiny"))


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


DTYPES = {"transformers": "float64", "vllm": "float32"}


def command(model, problems, engine, out, n):
    return [
        "run", model, "--task", str(problems), "-n", str(n), "--engine", engine,
        "--dtype", DTYPES[engine], "--max-tokens", str(MAX_TOKENS), "--batch-size", "16",
        "--grader", "exact", "--out", str(out), "--format", "json",
    ]  # fmt: skip


@pytest.fixture
def run():
    run = killed_run.Forked()
    yield run
    run.close()


def spawned(arguments, die=()):
    """Run in a process of its own: vLLM is not to be forked.  Return it and its children."""
    start = [killed_run.__file__, *die] if die else ["-m", "reasonbench"]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    return done, json.loads(done.stdout.partition("\n")[0]) if die else []


def texts(out):
    if not (out / "run.sqlite").exists():
        return {}
    with Store.read(out) as store:
        plan = store.latest_plan()
        pairs = store.completions(plan.digest()) if plan else ()
        return {(c.problem_id, c.sample_index): c.text for _, c in pairs}


def moments(rng, n, duration):
    """Yield how each run dies: at a commit of one kind, or by a kill of its process group."""
    for part in range(len(PARTS)):
        for kind in ("completions", "grades", "group"):
            share = rng.uniform(part, part + 1) / len(PARTS)
            if kind == "group":
                yield {"seconds": share * duration}
            else:
                yield {"die": (kind, str(max(1, int(share * PROBLEMS * n))), "run")}


def test_after_a_kill_at_any_moment_a_run_ends_with_exactly_n_a_problem(
    tmp_path, run, model, problems
):
    n, rng = 2, random.Random(20261125)
    start = time.monotonic()
    assert run(command(model, problems, "transformers", tmp_path / "whole", n)) == 0
    duration = time.monotonic() - start
    whole = texts(tmp_path / "whole")
    assert sorted(Counter(p for p, _ in whole).values()) == [n] * PROBLEMS
    for i, moment in enumerate(moments(rng, n, duration)):
        out = tmp_path / f"run{i}"
        arguments = command(model, problems, "transformers", out, n)
        while run(arguments, **moment) != -signal.SIGKILL:
            moment["seconds"] /= 2  # it had ended by then
            shutil.rmtree(out)
        kept = texts(out)
        assert kept.items() <= whole.items()
        what, count, _ = moment.get("die", ("", "", ""))
        assert what != "completions" or len(kept) == int(count)
        assert run(arguments) == 0
        assert texts(out) == whole
        check_grades(out)
    check_score_of_nothing(tmp_path / "whole")


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vllm"])
def test_a_run_goes_on_after_a_kill_of_itself_and_of_its_engine(tmp_path, model, problems, engine):
    vllm_engine()
    n, out = 8, tmp_path / "run"
    arguments = command(model, problems, engine, out, n)
    died, below = spawned(arguments, die=("completions", "25", "run"))
    assert died.returncode == -signal.SIGKILL
    assert (died.stdout.count("\n"), died.stderr) == (1, f"loading {model} with vllm\n")
    assert len(below) >= 2
    check_gone(below)
    first = texts(out)
    assert len(first) == 25
    failed, below = spawned(arguments, die=("completions", "25", "EngineCore"))
    assert failed.returncode == 5
    assert "error: vLLM died while sampling" in failed.stderr
    check_gone(below)
    second = texts(out)
    assert 50 <= len(second) < PROBLEMS * n
    assert first.items() <= second.items()
    ended, _ = spawned(arguments)
    assert ended.returncode == 0, ended.stderr
    after = texts(out)
    assert second.items() <= after.items()
    assert sorted(Counter(p for p, _ in after).values()) == [n] * PROBLEMS
    check_grades(out, ends={"killed", "failed"})


def check_gone(pids):
    """No child outlives a run, killed or not."""
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(alive, timeout=ORPHANS_GONE_WITHIN)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def check_score_of_nothing(out):
    """The model knows no such sums; the interval says what that is worth."""
    with Store.read(out) as store:
        (task,) = summarize(store).tasks
    first = task.estimates[0]
    assert first.value < 0.2
    assert first.superpopulation.low <= first.value < first.superpopulation.high < 0.6


def check_grades(out, ends=frozenset({"killed", "complete"})):
    """Every completion has its grade, and the sessions tell of the kill."""
    with Store.read(out) as store:
        plan = store.latest_plan()
        identities = grader_identities(plan)
        assert list(store.ungraded(plan.digest(), identities)) == []
        statuses = [s.status for s in store.sessions()]
    assert statuses[-1] == "complete"
    assert set(statuses[:-1]) <= ends
