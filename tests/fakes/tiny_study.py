"""A tiny study over sums: sampled by the fake engine, trained for real on a tiny Llama.

``python tiny_study.py SPEC.json DIRECTORY WORKERS [EVENT JOB]`` runs it in a process of its own.
With EVENT it ends itself with SIGKILL there: ``begin`` when a worker was given the job whose name
starts with JOB, ``train`` when such a job has begun to train, ``done`` when it is done.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from reasonbench.specfile import convert
from reasonbench.specs import StudySpec


def spec_of(student, **changes):
    data = {
        "name": "sums",
        "teacher": {"id": "knows-sums"},
        "student": {"id": str(student)},
        "trace_tasks": ["sums:12,known,0"],
        "tasks": ["sums:8,asked,20"],
        "hyper": {
            "steps": 4, "learning_rate": 1e-3, "batch_size": 2, "max_length": 250,
        },
        "bank": {"temperatures": [1.0, 0], "n": 3, "engine": {"name": "fake"}},
        "arms": [
            {"name": "sft", "learning_rates": [1e-3, 2e-3]},
            {"name": "mixed", "wise": {"arm": "sft", "alpha": 0.5}},
            {"name": "lost", "learning_rates": [1e30], "view": {"temperature": 0}},
        ],
        "tune": {"tasks": ["sums:4,tried,50"], "n": 2, "steps": 2},
        "select": {"k": 4, "low": 0.2, "high": 0.95},
        "n": 4,
        "checkpoint_n": 2,
        "checkpoints": [2],
        "temperatures": [1.0, 0.5],
        "engine": {"name": "fake"},
    }  # fmt: skip
    return convert(data | changes, StudySpec, source="test")


def die():
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(event, name):
    from reasonbench.study.jobs import Workers, _Board

    begin, heard, done = Workers._begin, Workers._heard, _Board.done

    def begin_and_die(self, worker, job, request):
        begin(self, worker, job, request)
        if event == "begin" and job.name.startswith(name):
            die()

    def hear_and_die(self, worker, reply, board):
        training = event == "train" and getattr(reply, "phase", "") == "training"
        if training and worker.job.name.startswith(name):
            die()
        heard(self, worker, reply, board)

    def be_done_and_die(self, job, value):
        done(self, job, value)
        if event == "done" and job.name.startswith(name):
            die()

    Workers._begin, Workers._heard, _Board.done = begin_and_die, hear_and_die, be_done_and_die


if __name__ == "__main__":
    from reasonbench.study.running import run_study

    if len(sys.argv) > 4:
        die_at(*sys.argv[4:])
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=StudySpec)
    run_study(spec, Path(sys.argv[2]), workers=int(sys.argv[3]))
