"""A training that is killed at any moment ends as an unbroken one, bit for bit."""

import json
import os
import signal

import pytest
import train_specs
from killed_train import DIES, ROOM
from warm_cli import LIGHT, Warm

from reasonbench.store.lock import RunLock

MODULES = (
    *LIGHT,
    "reasonbench.cli.train",
    "reasonbench.training.adapter",
    "reasonbench.training.callbacks",
    "reasonbench.training.drawing",
    "reasonbench.training.dryrun",
    "reasonbench.training.traces",
    "reasonbench.training.views",
    "killed_train",
)
STEPS = 12
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def trained():
    warm = Warm(MODULES)
    yield warm
    warm.close()


@pytest.fixture
def train(trained, tmp_path):
    def run(spec, out, *flags, dies=None, room=None, code=0):
        env = {**ONE_THREAD, DIES: dies or "", ROOM: str(room or "")}
        done = trained(
            "train", spec, "--out", out, "--format", "json", *flags, cwd=tmp_path, env=env
        )
        assert done.returncode == (-signal.SIGKILL if dies else code), done.stderr
        return json.loads(done.stdout) if done.returncode == 0 else done

    return run


def weights(directory, result):
    return {
        step: (directory / folder / "model.safetensors").read_bytes()
        for step, folder in result["checkpoints"].items()
    }


def lines(directory):
    found = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if "second" not in k and "time" not in k} for line in found
    ]


@pytest.mark.parametrize(
    ("objective", "deaths"),
    [
        ("sft", ["saving 2", "exporting 4", "logged 5", "saved 6", "saved 12", "ended 1"]),
        ("on_policy", ["logged 7", "saving 10"]),
    ],
)
def test_a_killed_training_goes_on_with_the_losses_and_weights_of_an_unbroken_one(
    tmp_path, train, objective, deaths
):
    spec = train_specs.write(tmp_path, objective, steps=STEPS)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = train(spec, whole)
    assert expected["steps"] == STEPS
    assert list(expected["checkpoints"]) == ["4", "12"]
    for death in deaths:
        train(spec, broken, dies=death)
        assert not (broken / "train.json").exists()
        kept = [line["step"] for line in lines(broken)]
        assert kept == list(range(1, len(kept) + 1))
    found = train(spec, broken)
    assert found["losses"] == expected["losses"]
    assert lines(broken) == lines(whole)
    assert weights(broken, found) == weights(whole, expected)
    assert sorted(p.name for p in broken.iterdir()) == sorted(p.name for p in whole.iterdir())
    assert train(spec, broken) == found


def test_what_a_directory_holds_is_not_trained_with_another_spec_or_other_traces(tmp_path, train):
    spec, out = train_specs.write(tmp_path, "sft", steps=1), tmp_path / "out"
    train(spec, out)
    other = train_specs.write(tmp_path, "sft", steps=2, name="other")
    refused = train(other, out, code=2)
    assert "holds another training: hyper.steps was 1 and is now 2" in refused.stderr
    assert "hint: name another directory with --out" in refused.stderr
    traces = train_specs.traces(tmp_path)
    traces.write_text("".join(traces.read_text().splitlines(keepends=True)[1:]))
    refused = train(spec, out, code=2)
    assert "was begun with other traces" in refused.stderr


def test_a_second_process_in_the_same_directory_is_refused(tmp_path, train):
    spec, out = train_specs.write(tmp_path, "sft", steps=1), tmp_path / "out"
    out.mkdir()
    lock = RunLock.acquire(out)
    try:
        refused = train(spec, out, code=5)
    finally:
        lock.release()
    assert f"is being written by process {os.getpid()}" in refused.stderr
    assert refused.stderr.count("\n") == 2
    assert train(spec, out)["steps"] == 1


@pytest.mark.parametrize("room", [100_000, 2_500_000])
def test_a_full_disk_ends_in_one_sentence_and_the_training_goes_on_after(tmp_path, train, room):
    # The weights do not fit, or they do and the optimizer's state does not.
    spec, out = train_specs.write(tmp_path, "sft", steps=2), tmp_path / "out"
    refused = train(spec, out, room=room, code=5)
    sentence, hint = refused.stderr.splitlines()[-2:]
    assert sentence.startswith(f"error: {out} cannot be written: ")
    assert hint == ("hint: make room or give the right to write there; the same command goes on")
    assert not (out / "train.json").exists()
    assert train(spec, out)["steps"] == 2


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(tmp_path, train):
    spec, out = train_specs.write(tmp_path, "forward_kl", steps=30), tmp_path / "out"
    plan = train(spec, out, "--dry-run")
    assert not out.exists()
    assert plan["objective"] == "forward KL on the teacher's traces"
    assert plan["teacher"] == "embedded:teacher"
    assert plan["rows"] == train_specs.ROWS - plan["dropped"]["duplicate"]
    assert plan["checkpoints"] == [10, 30]
    assert plan["epochs"] == pytest.approx(30 * 4 / plan["rows"])
    assert plan["memory"]["weights"] == 4 * plan["memory"]["parameters"]
    assert plan["fits"]


def test_what_a_person_is_told_are_the_checkpoints(tmp_path, trained):
    spec = train_specs.write(tmp_path, "sft", steps=1)
    done = trained("train", spec, cwd=tmp_path, env=ONE_THREAD)
    assert done.returncode == 0
    assert "runs/train-spec/checkpoints/step-000001" in done.stdout
    assert done.stderr.splitlines()[-1] == "training: runs/train-spec"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dry-run", "--print-launch"], "both stop: give one of them"),
        (["--print-launch"], "has no [launch] table"),
    ],
)
def test_flags_that_mean_nothing_are_refused(tmp_path, train, flags, said):
    spec = train_specs.write(tmp_path, "sft", steps=1)
    assert said in train(spec, tmp_path / "out", *flags, code=2).stderr
    assert not (tmp_path / "out").exists()
