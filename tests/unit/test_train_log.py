"""The log holds every step once, and two specs are told apart by what differs."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.errors import ReasonbenchError, SpecError, StoreCorruptError
from reasonbench.specs import Hyperparameters, ModelSpec, TrainSpec
from reasonbench.training import folder
from reasonbench.training.log import LOG_FILE, Log, cut_log, read_steps

LOGS = {"loss": 1.5, "learning_rate": 1e-3, "loss_tokens": 7, "grad_norm": 2.0, "epoch": 0.1}


def logged(directory, count):
    log = Log(directory)
    for step in range(1, count + 1):
        log.add(step, LOGS, 0.5)
    log.close()
    return directory / LOG_FILE


@given(st.integers(1, 6), st.data())
def test_a_log_that_was_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path_factory, n, data):
    directory = tmp_path_factory.mktemp("log")
    path = logged(directory, n)
    raw = path.read_bytes()
    at = data.draw(st.integers(0, len(raw)))
    path.write_bytes(raw[:at])
    steps = read_steps(directory)
    assert [s.step for s in steps] == list(range(1, raw[:at].count(b"\n") + 1))
    last = data.draw(st.integers(0, len(steps)))
    cut_log(directory, last)
    more = Log(directory)
    for step in range(last + 1, n + 1):
        more.add(step, LOGS, 0.5)
    more.close()
    assert path.read_bytes() == raw


def test_a_line_holds_what_the_trainer_logged_of_the_step(tmp_path):
    (line,) = logged(tmp_path, 1).read_text().splitlines()
    assert json.loads(line) == {
        "step": 1, "loss": 1.5, "learning_rate": 1e-3, "loss_tokens": 7, "seconds": 0.5,
        "grad_norm": 2.0,
    }  # fmt: skip


def test_steps_after_a_gap_are_not_read(tmp_path):
    path = logged(tmp_path, 3)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    assert [s.step for s in read_steps(tmp_path)] == [1]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_not_logged(tmp_path, loss):
    log = Log(tmp_path)
    with pytest.raises(ReasonbenchError, match=f"the loss of step 3 is {loss}"):
        log.add(3, LOGS | {"loss": loss}, 0.5)
    log.close()
    assert read_steps(tmp_path) == []


def spec_of(**hyper):
    return TrainSpec(
        student=ModelSpec(id="embedded:base"),
        traces=("t.jsonl",),
        hyper=Hyperparameters(**{"steps": 2, "learning_rate": 1e-3} | hyper),
    )


def test_another_spec_is_refused_with_the_first_differences(tmp_path):
    job = folder.Job(spec=spec_of(), rows="r", versions={})
    assert folder.claim(tmp_path, job) == job
    assert folder.claim(tmp_path, job) == job
    other = folder.Job(
        spec=spec_of(steps=3, batch_size=2, max_length=9, warmup_steps=1), rows="r", versions={}
    )
    with pytest.raises(SpecError) as raised:
        folder.claim(tmp_path, other)
    assert raised.value.message.endswith(
        "holds another training: hyper.steps was 2 and is now 3, hyper.batch_size was 16 and is "
        "now 2, hyper.warmup_steps was 0 and is now 1 and 1 more"
    )


def test_other_rows_are_refused(tmp_path):
    folder.claim(tmp_path, folder.Job(spec=spec_of(), rows="a", versions={}))
    with pytest.raises(SpecError, match="their digest was a and is now b"):
        folder.claim(tmp_path, folder.Job(spec=spec_of(), rows="b", versions={}))


@pytest.mark.parametrize("text", ["", "{", '{"spec": 1}', "[]"])
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / folder.SPEC_FILE).write_text(text)
    with pytest.raises(StoreCorruptError, match=r"spec\.json cannot be read"):
        folder.begun(tmp_path)
