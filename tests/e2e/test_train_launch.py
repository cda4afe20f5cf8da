"""Two real processes on the CPU train as one does."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import train_specs

from reasonbench.specfile import load_toml
from reasonbench.specs import TrainSpec
from reasonbench.store.lock import is_held
from reasonbench.training.running import print_launch, train

STEPS = 12
WITHIN = 240
ENV = {"OMP_NUM_THREADS": "1", "PATH": f"{train_specs.SCRIPTS}{os.pathsep}{os.environ['PATH']}"}


def command(*arguments):
    return [sys.executable, "-m", "reasonbench", "train", *map(str, arguments)]


def wait_for(condition):
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def logged(out):
    log = out / "log.jsonl"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.slow
def test_two_processes_train_as_one_does_even_if_their_command_is_killed(tmp_path):
    alone = train(
        load_toml(train_specs.write(tmp_path, steps=STEPS, name="one"), TrainSpec), tmp_path / "one"
    )
    spec, out = train_specs.write(tmp_path, steps=STEPS, processes=2), tmp_path / "two"
    env = os.environ | ENV
    with (tmp_path / "said").open("wb") as said:
        first = subprocess.Popen(command(spec, "--out", out), stdout=said, stderr=said, env=env)
        try:
            wait_for(lambda: len(logged(out)) > 1 or first.poll() is not None)
            workers = psutil.Process(first.pid).children(recursive=True)
        finally:
            first.kill()
            first.wait()
    assert first.returncode == -signal.SIGKILL, (tmp_path / "said").read_text()
    psutil.wait_procs(workers, timeout=WITHIN)
    assert not is_held(out / "trainer")
    assert len(logged(out)) < STEPS
    by_hand = print_launch(load_toml(spec, TrainSpec), out)
    assert by_hand.startswith("accelerate launch --config_file ")
    subprocess.run(by_hand, shell=True, check=True, capture_output=True, env=env, timeout=WITHIN)
    result = json.loads((out / "train.json").read_text())
    assert [json.loads(line)["step"] for line in logged(out)] == list(range(1, STEPS + 1))
    assert result["loss_tokens"] == alone.loss_tokens
    for (step, loss), (same, shared) in zip(alone.losses, result["losses"], strict=True):
        assert step == same
        assert shared == pytest.approx(loss, rel=1e-3)
    assert (out / "checkpoints" / "step-000012" / "tokenizer.json").exists()


@pytest.mark.slow
def test_what_a_process_refuses_is_what_the_command_says(tmp_path):
    spec = train_specs.write(tmp_path, processes=2, hyper={"max_length": 8})
    done = subprocess.run(
        command(spec, "--out", tmp_path / "out"),
        capture_output=True, text=True, env=os.environ | ENV, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    sentence, hint = done.stderr.splitlines()[-2:]
    assert sentence.startswith("error: no trace is left to train on: of 24, these were left out: ")
    assert hint == "hint: raise hyper.max_length, now 8"
