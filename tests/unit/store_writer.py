"""A process that writes to a run directory, for the tests that kill or starve it.

    python store_writer.py MODE DIRECTORY

It speaks JSON lines on stdout and waits on stdin, so that its tests never sleep.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from reasonbench.errors import ReasonbenchError
from reasonbench.records import (
    Completion,
    EngineIdentity,
    FinishReason,
    Plan,
    PlanItem,
    Problem,
    Session,
)
from reasonbench.specs import ModelSpec, RunSpec, SamplingSpec, TaskSpec
from reasonbench.store import Store

N_ITEMS = 3000
BATCH = 5
FILE_LIMIT = 1_500_000
NOBODY = 65534


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def begin(store):
    plan = Plan(
        spec=RunSpec(model=ModelSpec(id="m"), tasks=("t",), n=N_ITEMS),
        sampling=SamplingSpec(),
        engine=EngineIdentity(
            engine="fake", model="m", revision=None, weights_digest="w", dtype="d", versions={}
        ),
        tasks=(TaskSpec(name="t"),),
        graders={"t": "exact"},
    )
    problem = Problem(task="t", id="p", statement="?")
    items = [PlanItem(f"k{i}", "t", "p", i, problem.full_digest()) for i in range(N_ITEMS)]
    plan_id = store.add_plan(plan, [problem], items)
    session = Session(
        plan=plan_id,
        command=(),
        versions={},
        platform="",
        pid=os.getpid(),
        started=datetime.now(UTC),
    )
    return store.begin_session(session)


def completion(index):
    return Completion(
        key=f"k{index}",
        task="t",
        problem_id="p",
        sample_index=index,
        text="x" * 400,
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=index,
        engine="e",
    )


def write(store, start=0, stop=N_ITEMS):
    for first in range(start, stop, BATCH):
        batch = [completion(index) for index in range(first, first + BATCH)]
        store.add_completions(batch)
        say(committed=[c.key for c in batch])


def writing(directory):
    with Store.create(directory) as store:
        begin(store)
        write(store)
        sys.stdin.read()


def stepping(directory):
    with Store.create(directory) as store:
        begin(store)
        for step, _ in enumerate(sys.stdin):
            write(store, step * BATCH, (step + 1) * BATCH)


def starved(directory):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Store.create(directory) as store:
        session = begin(store)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, resource.RLIM_INFINITY))
        try:
            write(store)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            store.end_session(session, "failed")


def without_rights(directory):
    if os.getuid() == 0:
        os.setuid(NOBODY)
    with Store.read(directory) as store:
        plan = store.latest_plan()
        say(read=len(list(store.completions(plan.digest()))))
    with Store.create(directory):
        say(created=True)


def forking(directory):
    with Store.create(directory) as store:
        begin(store)
        if os.fork() == 0:
            say(ready=os.getpid())
            sys.stdin.read()
            os._exit(0)
        signal.pause()


def closing_in_a_child(directory):
    with Store.create(directory) as store:
        begin(store)
        child = os.fork()
        if child == 0:
            store.close()
            os._exit(0)
        os.waitpid(child, 0)
        write(store, 0, BATCH)
        sys.stdin.read()


def spawning(directory):
    with Store.create(directory) as store:
        begin(store)
        program = "import sys; print('{}', flush=True); sys.stdin.read()"
        subprocess.run([sys.executable, "-c", program], close_fds=False, check=True)


MODES = {
    mode.__name__: mode
    for mode in (
        writing,
        stepping,
        starved,
        without_rights,
        forking,
        closing_in_a_child,
        spawning,
    )
}

if __name__ == "__main__":
    try:
        MODES[sys.argv[1]](Path(sys.argv[2]))
    except ReasonbenchError as error:
        say(error=type(error).__name__, message=error.message, hint=error.hint)
