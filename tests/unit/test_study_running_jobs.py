"""Jobs that need each other, and workers that fail, die and take another's place."""

import functools
import os
import signal

import msgspec
import pytest

from reasonbench.errors import SpecError
from reasonbench.run import Silent
from reasonbench.specs import (
    EngineSpec,
    Hyperparameters,
    ModelSpec,
    RunSpec,
    SamplingSpec,
    TraceView,
    TrainSpec,
)
from reasonbench.study import crew, requests, worker
from reasonbench.study.chosen import chosen_problems, chosen_tasks
from reasonbench.study.crew import Crew
from reasonbench.study.jobs import Job, State, Workers
from reasonbench.study.layout import MARKER, read_marker
from reasonbench.study.outcomes import SampledRun


class Heard(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.said, self.phases, self.steps = [], [], 0

    def say(self, sentence):
        self.said.append(sentence)

    def phase(self, name, *, total, done=0):
        self.phases.append((name, total, done))

    def advance(self, steps=1, *, tokens=0):
        self.steps += steps


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def staff(tmp_path, heard):
    with Workers(Crew(workers=2), tmp_path / "logs", heard) as workers:
        yield workers


def sample(folder, *, args=None, n=2, name="sums:4"):
    """Return a request that a worker meets without PyTorch."""
    run = RunSpec(
        model=ModelSpec(id="m"),
        tasks=(name,),
        engine=EngineSpec(name="fake", args=args or {}),
        sampling=SamplingSpec(max_tokens=20),
        n=n,
    )
    return requests.Sample(
        runs=(run,),
        directories=(str(folder),),
        problems={},
        markers=((str(folder / MARKER), "identity"),),
    )


def job(name, request=None, needs=(), **rest):
    return Job(name, name, lambda: request, tuple(needs), **rest)


def test_a_worker_does_what_it_is_asked_and_leaves_a_marker(tmp_path, staff, heard):
    came = []
    one = job("one", sample(tmp_path / "run"), finish=came.append)
    staff.run("work", [one])
    assert one.state is State.DONE
    (run,) = msgspec.json.decode(came[0], type=list[SampledRun])
    assert read_marker(tmp_path / "run" / MARKER, "identity", SampledRun) == run
    assert heard.phases == [("work", 1, 0)]
    assert heard.steps == 1


def test_what_is_done_already_starts_no_worker(staff, heard):
    first = job("first")
    staff.run("work", [first, job("second", needs=[first])])
    assert staff.pids == ()
    assert heard.phases == []


def test_a_failure_takes_along_what_needs_it_and_nothing_else(tmp_path, staff, heard):
    bad = job("bad", sample(tmp_path / "bad", name="no_such_task"))
    good = job("good", sample(tmp_path / "good"))
    after, waiting = job("after", needs=[bad]), job("waiting", needs=[bad], tolerant=True)
    staff.run("work", [bad, after, waiting, good])
    assert [j.state for j in (bad, after, waiting, good)] == [
        State.FAILED, State.FAILED, State.DONE, State.DONE,
    ]  # fmt: skip
    assert "no_such_task" in bad.why
    assert after.why == bad.why
    assert heard.steps == 4
    assert len(heard.said) == 1


def test_what_cannot_be_asked_fails_alone(staff):
    def refuse():
        raise SpecError("no choice", hint="another")

    bad = Job("bad", "bad", refuse)
    staff.run("work", [bad, job("good")])
    assert (bad.state, bad.why, bad.hint) == (State.FAILED, "no choice", "another")


def test_an_unexpected_error_is_a_failure_with_its_name(tmp_path, staff):
    bad = job("bad", sample(tmp_path / "bad", args={"raise_after": 1}))
    good = job("good", sample(tmp_path / "good"))
    staff.run("work", [bad, good])
    assert bad.state is State.FAILED
    assert good.state is State.DONE


def test_a_worker_that_is_killed_is_tried_once_more_and_the_rest_goes_on(tmp_path, staff, heard):
    dies = job("dies", sample(tmp_path / "dies", args={"kill_after": 1}))
    others = [job(f"good {i}", sample(tmp_path / f"good-{i}")) for i in range(3)]
    staff.run("work", [dies, *others])
    assert dies.state is State.FAILED
    assert dies.tries == 2
    assert "SIGKILL" in dies.why
    assert [s for s in heard.said if "tried again" in s] == [
        "dies: its process was ended by SIGKILL; it is tried again"
    ]
    assert all(other.state is State.DONE for other in others)


def test_a_job_whose_worker_was_killed_from_outside_is_done_by_another(tmp_path, staff, heard):
    folder = tmp_path / "run"
    killed = []

    class Killing(Heard):
        def advance(self, steps=1, *, tokens=0):
            if not killed:
                killed.append(staff.pids[0])
                os.kill(staff.pids[0], signal.SIGKILL)

    staff._reporter = Killing()
    jobs = [job(f"{i}", sample(folder / str(i), n=200)) for i in range(4)]
    staff.run("work", jobs)
    assert killed
    assert all(one.state is State.DONE for one in jobs)


def test_completions_that_stay_owed_fail_the_job_with_their_reason(tmp_path, staff):
    owed = job("owed", sample(tmp_path / "run", args={"fail_at": [1]}))
    staff.run("work", [owed])
    assert owed.state is State.FAILED
    assert "4 completions are not drawn" in owed.why
    assert "no answer" in owed.why
    assert not (tmp_path / "run" / MARKER).exists()


def test_no_worker_outlives_its_study(tmp_path, heard):
    with Workers(Crew(workers=1), tmp_path, heard) as workers:
        workers.run("work", [job("one", sample(tmp_path / "run"))])
        (pid,) = workers.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_view_without_traces_is_refused_with_what_it_dropped(tmp_path):
    file = tmp_path / "traces.jsonl"
    file.write_text('{"prompt": "no completion here"}\n')
    spec = TrainSpec(
        student=ModelSpec(id="embedded:base"),
        traces=("traces.jsonl",),
        hyper=Hyperparameters(steps=1, learning_rate=1e-3),
        view=TraceView(correct_only=False),
    )
    asked = requests.Train(spec=spec, traces=str(file), directory=str(tmp_path))
    with pytest.raises(SpecError, match=r"keeps no trace to train on: 1 "):
        worker._train(asked, Silent())


def test_chosen_problems_keep_the_order_of_the_task():
    chosen = {"sums": ("002", "000")}
    (task,) = chosen_tasks(("sums:4",), chosen)
    assert [p.id for p in chosen_problems(("sums:4",), chosen)] == ["000", "002"]
    assert task.spec.name == "sums"


def test_a_chosen_problem_that_is_gone_is_named():
    with pytest.raises(Exception, match="has no problem '009'"):
        chosen_problems(("sums:4",), {"sums": ("000", "009")})


no_gpu = functools.partial(crew.crew, environment={"CUDA_VISIBLE_DEVICES": ""})


def test_without_a_gpu_there_is_a_worker_for_each_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert no_gpu(None) == Crew(workers=8, threads=1)
    assert no_gpu(None, threads=4) == Crew(workers=2, threads=4)
    assert no_gpu(3) == Crew(workers=3, threads=1)


def test_more_workers_than_gpus_share_them_and_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    two = functools.partial(crew.crew, environment={"CUDA_VISIBLE_DEVICES": "0,1"})
    assert two(4) == Crew(workers=4, threads=2, devices=("0", "1", "0", "1"))
    assert two(1) == Crew(workers=1, threads=8, devices=("0",))


def test_only_workers_that_share_a_gpu_are_kept_between_jobs():
    assert Crew(workers=2, devices=("0", "1")).fresh
    assert not Crew(workers=2, devices=("0", "0")).fresh
    assert not Crew(workers=2).fresh


def test_with_gpus_there_is_a_worker_for_each_group_of_them(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    four = functools.partial(crew.crew, environment={"CUDA_VISIBLE_DEVICES": "0,1,2,3"})
    assert four(None).devices == ("0", "1", "2", "3")
    assert four(2).devices == ("0", "1")
    assert four(None, devices_each=2).devices == ("0,1", "2,3")
    assert four(None, devices_each=8).devices == ("0,1,2,3",)
    assert four(4, devices_each=2).devices == ("0,1", "2,3", "0,1", "2,3")
