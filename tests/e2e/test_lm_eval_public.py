"""lm-eval's own command line runs the public tasks, from local copies of their data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from public_rows import GSM_SYMBOLIC, MATHARENA, ROWS

from reasonbench.tasks import resolve

TASKS = Path(__file__).parents[2] / "tasks"
GIVEN = {"aime_2026": MATHARENA, "gsm_symbolic_p1": GSM_SYMBOLIC, "mbpp": ROWS["mbpp"]}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Local copies of the data, by the task's name."""
    folder = tmp_path_factory.mktemp("data")
    for name, rows in GIVEN.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {name: str(folder / f"{name}.jsonl") for name in GIVEN}


@pytest.fixture(scope="module")
def logged(copies, tmp_path_factory):
    """The samples that ``lm_eval run`` logged, by task."""
    out = tmp_path_factory.mktemp("lm_eval")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "dummy"),
            *("--include_path", str(TASKS), "--tasks", ",".join(GIVEN)),
            *("--metadata", json.dumps({"path": copies})),
            *("--log_samples", "--output_path", str(out)),
        ],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    samples = {}
    for name in GIVEN:
        (file,) = out.glob(f"**/samples_{name}_*.jsonl")
        with file.open(encoding="utf-8") as lines:
            samples[name] = [json.loads(line) for line in lines]
    return samples


@pytest.mark.parametrize("name", GIVEN)
def test_lm_eval_sends_our_prompts_and_scores_what_the_model_said(name, copies, logged):
    task = resolve(f"{name}:{copies[name]}")
    problems = list(task.problems())
    assert len(logged[name]) == len(problems) == len(GIVEN[name])
    for sample, problem in zip(logged[name], problems, strict=True):
        (message,) = task.prompt(problem).messages
        assert sample["arguments"]["gen_args_0"]["arg_0"] == message.content
        assert sample["doc"]["id"] == problem.id
        assert sample["acc"] == 0  # the dummy model says "lol"
