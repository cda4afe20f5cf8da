"""A tiny study from end to end: resumed after kills, with a failing arm, repeated, added to."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import killed_run
import msgspec
import pytest
import tiny_llama
import tiny_study

from reasonbench.errors import SpecError, StoreLockedError
from reasonbench.results.study import ArmWord
from reasonbench.store.lock import RunLock
from reasonbench.study import process, running
from reasonbench.study.counts import read_counts

KILLS = (
    ("begin", "bank"),
    ("begin", "pilot"),
    ("done", "pilot"),
    ("train", "tune/sft/0.002/train"),
    ("train", "arms/sft/1/train"),
    ("done", "arms/mixed/1/wise"),
    ("begin", "arms/mixed/1/samples/4"),
)
"""Moments of a study's stages, in their order: none can have passed when the one before it comes,
whatever the second worker is at."""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return tiny_llama.build(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def spec(student):
    return tiny_study.spec_of(student)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, spec):
    """Run the study with one worker; return its directory and report."""
    directory = tmp_path_factory.mktemp("unbroken") / "study"
    return directory, running.run_study(spec, directory, workers=1, command=("x",))


def numbers(report):
    """Return a report without what the day and the machine put into it."""
    plain = msgspec.to_builtins(report)
    for name in ("command", "finished"):
        del plain[name]
    for model in plain["models"]:
        for training in model["trainings"]:
            del training["seconds"]
    return plain


def test_a_study_ends_in_counts_and_reports(unbroken, spec):
    directory, report = unbroken
    assert [model.name for model in report.models] == ["base", "teacher", "sft", "mixed", "lost"]
    sft = report.models[2]
    assert [(t.seed, t.steps, t.failed) for t in sft.trainings] == [(0, 4, ""), (1, 4, "")]
    assert sum(rate.chosen for rate in sft.tuned) == 1
    assert len(sft.tuned) == 2
    steps = {(c.step, c.temperature, c.n) for c in sft.curves}
    assert steps == {(2, 1.0, 2), (4, 1.0, 4), (4, 0.5, 4)}
    rows = read_counts(directory / "counts.parquet")
    assert {row.problem_id for row in rows} <= {f"{i:03d}" for i in range(20, 28)}
    assert report.selection.kept == len({row.problem_id for row in rows})
    assert report.bank.rows == 12 * 4
    for name in ("report.json", "report.html", "report.md"):
        assert (directory / name).stat().st_size > 0


def test_a_failed_arm_is_shown_as_failed_and_the_others_go_on(unbroken):
    report = unbroken[1]
    lost = report.models[4]
    assert lost.verdict.word is ArmWord.FAILED
    assert all("is nan" in training.failed for training in lost.trainings)
    assert any(note.startswith("lost, seed 0, failed") for note in report.notes)
    assert report.models[2].verdict.word is not ArmWord.FAILED


def test_killed_in_each_stage_it_ends_in_the_same_tables(tmp_path, spec, unbroken):
    """Two workers here, one there: results depend neither on kills nor on their number."""
    file, directory = tmp_path / "spec.json", tmp_path / "study"
    file.write_bytes(msgspec.json.encode(spec))
    with contextlib.closing(killed_run.Forked(tiny_study.__file__)) as run:
        for kill in KILLS:
            assert run([str(file), str(directory), 2], kill) == -signal.SIGKILL, kill
            assert not (directory / "counts.parquet").exists()
    report = running.run_study(spec, directory, workers=2, command=("y",))
    whole, unbroken_report = unbroken
    assert numbers(report) == numbers(unbroken_report)
    assert read_counts(directory / "counts.parquet") == read_counts(whole / "counts.parquet")


def test_a_finished_study_is_not_worked_at_again(unbroken, spec, monkeypatch):
    directory, before = unbroken
    kept = without_the_lost_arm(spec)
    asked = []
    monkeypatch.setattr(process.WorkerProcess, "ask", lambda self, request: asked.append(request))
    with pytest.raises(SpecError, match=r"arms\.lost is missing"):
        running.run_study(kept, directory, workers=1)
    assert not asked
    assert running.read_report(directory / "report.json") == before


def without_the_lost_arm(spec):
    return msgspec.structs.replace(spec, arms=spec.arms[:2])


def test_seeds_and_temperatures_are_added_to_what_is_there(tmp_path, student, monkeypatch):
    small = tiny_study.spec_of(
        student, arms=[{"name": "sft"}], seeds=[0], temperatures=[1.0], select=None, tune=None
    )
    directory = tmp_path / "study"
    first = running.run_study(small, directory, workers=1)
    asked = []
    ask = process.WorkerProcess.ask
    monkeypatch.setattr(
        process.WorkerProcess,
        "ask",
        lambda self, request: asked.append(request) or ask(self, request),
    )
    again = running.run_study(small, directory, workers=1)
    assert again == first
    assert not asked
    more = msgspec.structs.replace(small, temperatures=(1.0, 0.5))
    grown = running.run_study(more, directory, workers=1)
    assert all(type(request).__name__ == "Sample" for request in asked)
    assert grown.models[2].curves[0].pass_at_k == first.models[2].curves[0].pass_at_k
    assert {c.temperature for c in grown.models[2].curves} == {1.0, 0.5}


def test_two_at_once_are_refused(tmp_path, spec):
    lock = RunLock.acquire(tmp_path)
    try:
        with pytest.raises(StoreLockedError, match="is being worked on"):
            running.run_study(spec, tmp_path)
    finally:
        lock.release()


def test_ctrl_c_ends_the_command_with_130_and_its_workers(tmp_path, spec):
    file = tmp_path / "study.toml"
    out = tmp_path / "out"
    file.write_text(SLOW.format(student=spec.student.id))
    code = (
        "from reasonbench.cli import main; "
        "main.COMMANDS['study'] = 'reasonbench.cli.study:study'; main.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "study", str(file), "--out", str(out)],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    ) as command:
        log = out / "logs" / "worker-0.log"
        while not (out / "bank").exists() and not log.exists():
            assert command.poll() is None, command.stderr.read()
        children = children_of(command.pid)
        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=60)[1]
    assert command.returncode == 130
    assert "the same command goes on" in said
    assert all(not alive(child) for child in children)


SLOW = """
name = "slow"
trace_tasks = ["sums:12,known,0"]
tasks = ["sums:8,asked,20"]
[teacher]
id = "knows-sums"
[student]
id = "{student}"
[hyper]
steps = 4
learning_rate = 1e-3
[bank]
n = 5000
engine = {{ name = "fake" }}
[engine]
name = "fake"
[[arms]]
name = "sft"
"""


def children_of(pid):
    task = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in task.read_text().split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
