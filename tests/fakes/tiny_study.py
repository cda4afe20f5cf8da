"""A tiny study over sums: sampled by the fake engine, trained for real on a tiny Llama.

``python tiny_study.py serve`` runs one in forks of one process (see killed_run.py) with the
arguments SPEC.json, DIRECTORY and WORKERS.  Its workers are forks too: only the imports are spared.
To die at EVENT, JOB is to end with SIGKILL: at ``begin`` when a worker was given the job whose name
starts with JOB, at ``train`` when such a job has begun to train, at ``done`` when it is done.
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


class ForkedWorker:
    """What ``subprocess.Popen`` is to a study, of a worker that has imported everything."""

    def __init__(self, log, environment):
        parent, asked, answers = os.getpid(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for own, standard in ((asked[0], 0), (answers[1], 1), (log, 2)):
                os.dup2(own, standard)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.environ.update(environment)
            sys.argv = ["worker", str(parent)]
            worker.main()
        os.close(asked[0])
        os.close(answers[1])
        self.stdin = open(asked[1], "wb")  # noqa: SIM115
        self.stdout = open(answers[0], "rb")  # noqa: SIM115

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout=None):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def launch(self):
    self._log.parent.mkdir(parents=True, exist_ok=True)
    with self._log.open("wb") as log:
        environment = process._environment(self._threads, self._devices)
        self._process = ForkedWorker(log.fileno(), environment)


def run(arguments, die):
    file, directory, workers = arguments
    if die is not None:
        die_at(*die)
    process.WorkerProcess._launch = launch
    spec = msgspec.json.decode(Path(file).read_bytes(), type=StudySpec)
    running.run_study(spec, Path(directory), workers=workers)
    sys.exit(0)


if __name__ == "__main__":
    import killed_run

    import reasonbench.engines.transformers
    import reasonbench.graders.countdown
    import reasonbench.run
    import reasonbench.scanning
    import reasonbench.tasks.public
    import reasonbench.training.adapter
    import reasonbench.training.bank
    import reasonbench.training.running
    import reasonbench.training.wise  # noqa: F401
    from reasonbench.study import process, running, worker

    killed_run.serve(run)
