"""The ``ray`` engine on two real Ray nodes: same draws, whoever draws and whoever dies."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import psutil
import pytest
import ray_cluster
import tiny_llama

from reasonbench import plugins
from reasonbench.engines import ray_cluster as connecting
from reasonbench.engines import replicas as engines
from reasonbench.engines.ray_cluster import Share, connect, share
from reasonbench.errors import EngineError, SpecError
from reasonbench.records import Failure, Message, Prompt, SampleRequest
from reasonbench.run import Silent, execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store

SAMPLING = SamplingSpec(max_tokens=24)


@pytest.fixture(scope="module")
def cluster():
    with ray_cluster.two_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return ModelSpec(id=str(tiny_llama.build(tmp_path_factory.mktemp("models") / "tiny")))


@contextlib.contextmanager
def opened(name="frail", model=None, *, replicas=2, batch_size=4, dtype="auto", **args):
    model = model or ModelSpec(id="m")
    spec = EngineSpec(
        name=name, args=args, batch_size=batch_size, dtype=dtype, ray="auto", replicas=replicas
    )
    with contextlib.closing(plugins.ENGINES.load("ray", model, spec)) as engine:
        yield engine


def prompt(problem):
    content = f"What do you get when you add {problem} to 22?"
    return Prompt(
        problem_id=str(problem), task="t", messages=(Message(role="user", content=content),)
    )


def requests(problems, n):
    asked = [prompt(p) for p in range(problems)]
    return [
        SampleRequest(key=f"{p}-{i}", prompt=asked[p], sample_index=i, seed=1000 * p + i)
        for p in range(problems)
        for i in range(n)
    ]


def drawn(engine, asked, sampling=SAMPLING):
    outcomes = list(engine.sample(asked, sampling))
    assert len(outcomes) == len({o.key for o in outcomes})
    return {o.key: o for o in outcomes}


def refuse(*given, **fields):
    """Open an engine that cannot be opened; return why."""
    with pytest.raises(EngineError) as refused, opened(*given, **fields):
        pass
    assert "\n" not in refused.value.message
    return refused.value


def log(folder):
    """Return what every process drew."""
    return {p.name: p.read_text().split() for p in folder.iterdir() if p.name.isdigit()}


@pytest.mark.slow
def test_a_real_model_draws_what_it_draws_alone_even_if_a_replica_is_killed(cluster, tiny):
    asked = requests(20, 6)
    alone = plugins.ENGINES.load("transformers", tiny, EngineSpec(batch_size=4, dtype="float64"))
    expected = drawn(alone, asked)
    with opened("transformers", tiny, dtype="float64") as engine:
        assert engine.identity == alone.identity
        assert engine.context_length == alone.context_length
        assert engine.render(asked[0].prompt) == alone.render(asked[0].prompt)
        assert engine.count_tokens(asked[0].prompt) == alone.count_tokens(asked[0].prompt)
        before = engine.process_ids
        assert len({ray_cluster.raylet(pid) for pid in before}) == 2
        got = {}
        for outcome in engine.sample(iter(asked), SAMPLING):
            assert outcome.key not in got
            got[outcome.key] = outcome
            if len(got) == 7:
                os.kill(before[0], signal.SIGKILL)
        assert got == expected
        too_long = SamplingSpec(max_tokens=10_000)
        with pytest.raises(EngineError) as refused:
            alone.check([asked[0].prompt], too_long)
        with pytest.raises(EngineError, match="beyond the context") as refused_there:
            engine.check([asked[0].prompt], too_long)
        assert (refused_there.value.message, refused_there.value.hint) == (
            refused.value.message,
            refused.value.hint,
        )
        assert drawn(engine, asked) == expected
        assert before[0] not in engine.process_ids
    alone.close()


class Killing(Silent):
    """Takes a node with a replica off the cluster after so many completions."""

    def __init__(self, cluster, after):
        self.cluster, self.left, self.killed = cluster, after, []

    def advance(self, steps=1, *, tokens=0):
        self.left -= steps
        if self.left == 0:
            nodes = [n for n in self.cluster.worker_nodes if ray_cluster.replicas(n)]
            self.killed = ray_cluster.replicas(nodes[0])
            self.cluster.remove_node(nodes[0], allow_graceful=False)


def stored(out):
    with Store.read(out) as store:
        pairs = store.completions(store.latest_plan().digest())
        return [((p.id, c.sample_index), c.text) for p, c in pairs]


@pytest.mark.slow
def test_a_run_whose_node_dies_ends_complete_with_n_a_problem_and_the_same_texts(
    cluster, tiny, tmp_path
):
    cluster.add_node(**ray_cluster.NODE)
    engine = EngineSpec(dtype="float64", batch_size=4)
    spec = RunSpec(model=tiny, tasks=("sums:20",), n=6, sampling=SAMPLING, engine=engine)
    execute(spec, tmp_path / "alone")
    engine = EngineSpec(dtype="float64", batch_size=4, ray="auto", replicas=2)
    spec = RunSpec(model=tiny, tasks=("sums:20",), n=6, sampling=SAMPLING, engine=engine)
    killing = Killing(cluster, 15)
    result = execute(spec, tmp_path / "run", reporter=killing)
    assert len(killing.killed) == 1
    (task,) = result.tasks
    assert task.n_owed == 0
    assert [c.n for c in task.problems] == [6] * 20
    texts = stored(tmp_path / "run")
    assert max(Counter(key for key, _ in texts).values()) == 1
    assert dict(texts) == dict(stored(tmp_path / "alone"))
    assert ray_cluster.alive(2)


def test_the_samples_of_the_plain_engine_are_reused(cluster, tmp_path):
    spec = RunSpec(
        model=ModelSpec(id="m"), tasks=("sums:5",), n=2, sampling=SAMPLING,
        engine=EngineSpec(name="fake"),
    )  # fmt: skip
    execute(spec, tmp_path)
    args = {"raise_after": 4}
    engine = EngineSpec(name="fake", ray="auto", replicas=2, args=args)
    spec = RunSpec(
        model=ModelSpec(id="m"), tasks=("sums:5",), n=3, sampling=SAMPLING, engine=engine
    )
    result = execute(spec, tmp_path)
    assert [c.n for c in result.tasks[0].problems] == [3] * 5


def test_a_request_that_kills_every_replica_becomes_one_failure(cluster, tmp_path):
    asked = requests(8, 1)
    with opened(folder=str(tmp_path), poison=["5"], batch_size=1) as engine:
        outcomes = drawn(engine, asked)
    assert sorted(outcomes) == sorted(r.key for r in asked)
    failed = {key: o for key, o in outcomes.items() if isinstance(o, Failure)}
    assert list(failed) == ["5-0"]
    assert "replicas died while drawing it" in failed["5-0"].message
    deaths = sum(keys[-1] == "5-0" for keys in log(tmp_path).values())
    assert 3 <= deaths <= 6


def test_replicas_that_only_die_are_given_up(cluster):
    with opened("fake", kill_after=0) as engine, pytest.raises(EngineError) as failed:
        list(engine.sample(requests(8, 2), SAMPLING))
    assert failed.value.message.startswith("all 2 replicas died and none came back: ")
    assert "\n" not in failed.value.message


def test_a_replica_that_died_idle_is_replaced_when_it_is_asked(cluster, tmp_path):
    with opened(folder=str(tmp_path), replicas=1) as engine:
        (pid,) = engine.process_ids
        os.kill(pid, signal.SIGKILL)
        assert engine.count_tokens(prompt(1)) == 5
        assert engine.process_ids != (pid,)


def test_an_error_of_the_engine_comes_out_as_it_is(cluster):
    missing = refuse("fake", ModelSpec(id="missing"))
    assert (missing.message, missing.hint) == ("there is no model 'missing'", "name another")
    with opened("fake", raise_after=3) as engine:
        with pytest.raises(EngineError) as failed:
            list(engine.sample(requests(8, 2), SAMPLING))
        assert failed.value.message == (
            "the engine 'fake' failed: RuntimeError: the engine broke down"
        )
        with pytest.raises(EngineError, match="do not fit") as failed:
            engine.check([prompt(1)], SamplingSpec(max_tokens=5000))
        assert failed.value.hint == "lower --max-tokens"


def test_failures_pass_through_and_an_engine_that_ends_early_ends_the_draw(cluster):
    with opened("fake", fail_at=[1]) as engine:
        outcomes = drawn(engine, requests(8, 3))
        assert {k for k, o in outcomes.items() if isinstance(o, Failure)} == {
            f"{p}-1" for p in range(8)
        }
        assert len(outcomes) == 24
    with opened("fake", end_after=3) as engine:
        assert 3 <= len(drawn(engine, requests(8, 3))) <= 6


def test_replicas_of_different_identity_are_refused(cluster, tmp_path):
    refused = refuse(folder=str(tmp_path), version="pid")
    assert refused.message.startswith("the replicas differ in versions ({'frail': ")


def test_a_replica_that_comes_back_different_is_refused(cluster, tmp_path):
    version = tmp_path / "version"
    version.write_text("1")
    with opened(folder=str(tmp_path), version=str(version), replicas=1) as engine:
        version.write_text("2")
        os.kill(engine.process_ids[0], signal.SIGKILL)
        with pytest.raises(EngineError, match="the replicas differ in versions"):
            list(engine.sample(requests(8, 2), SAMPLING))


def test_a_plugin_on_the_drivers_path_is_found_by_the_replicas(cluster, tmp_path, monkeypatch):
    (tmp_path / "late_engine.py").write_text("from reasonbench_fakes import FakeEngine\n")
    info = tmp_path / "late_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[reasonbench.engines]\nlate = late_engine:FakeEngine\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with opened("late", replicas=1) as engine:
        assert len(drawn(engine, requests(2, 2))) == 4


def test_a_slow_replica_gets_less(cluster, tmp_path):
    with opened(folder=str(tmp_path), seconds=0.1, batch_size=2) as engine:
        drawn(engine, requests(50, 2))
    less, more = sorted(len(keys) for keys in log(tmp_path).values())
    assert 0 < less < more / 2
    assert less + more == 100


def test_requests_are_read_lazily_and_an_early_end_leaves_the_engine_usable(cluster, tmp_path):
    read = itertools.count()
    endless = (SampleRequest(key=f"{i}", prompt=prompt(1), sample_index=i, seed=i) for i in read)
    with opened(folder=str(tmp_path), batch_size=2) as engine:
        draw = engine.sample(endless, SAMPLING)
        assert len({next(draw).key for _ in range(30)}) == 30
        with pytest.raises(EngineError, match="sampling already"):
            next(engine.sample(requests(1, 1), SAMPLING))
        assert engine.count_tokens(prompt(1)) == 5
        draw.close()
        assert next(read) < 200
        assert len(drawn(engine, requests(8, 2))) == 16


def test_what_the_cluster_cannot_hold_is_refused(cluster, monkeypatch, tmp_path):
    refused = refuse(folder=str(tmp_path), replicas=3)
    assert refused.message.startswith("3 replicas with 1 CPU and 0 GPUs each do not fit")
    assert refused.hint.startswith("at most 2 fit")
    with opened(folder=str(tmp_path), replicas=2):
        monkeypatch.setattr(engines, "PLACING_SECONDS", 3.0)
        refused = refuse(folder=str(tmp_path), replicas=1)
    assert refused.message == "the cluster had room for 0 of 1 replicas within 3 seconds"


GPU_NODE = {"CPU": 16.0, "GPU": 4.0}
CPU_NODE = {"CPU": 6.0}


@pytest.mark.parametrize(
    ("engine", "nodes", "expected"),
    [
        ({"name": "transformers", "replicas": 1}, [CPU_NODE], Share(6, 0)),
        ({"name": "transformers", "replicas": 3}, [CPU_NODE, CPU_NODE], Share(3, 0)),
        ({"name": "transformers", "replicas": 2, "args": {"threads": 4}}, [CPU_NODE] * 2, (4, 0)),
        ({"name": "transformers", "replicas": 8}, [GPU_NODE] * 2, Share(1, 1)),
        ({"name": "transformers", "args": {"device": "cpu"}}, [GPU_NODE], Share(16, 0)),
        (
            {"name": "vllm", "replicas": 2, "args": {"tensor_parallel_size": 4}},
            [GPU_NODE] * 2,
            Share(1, 4),
        ),
        (
            {"name": "vllm", "replicas": 3, "args": {"tensor_parallel_size": 4}},
            [GPU_NODE] * 2,
            None,
        ),
        ({"name": "vllm", "replicas": 2, "args": {"tensor_parallel_size": 3}}, [GPU_NODE], None),
    ],
)
def test_a_replica_takes_the_gpus_that_its_engine_needs_or_its_part_of_the_cpus(
    engine, nodes, expected
):
    spec = EngineSpec(**engine)
    if expected is None:
        with pytest.raises(EngineError, match="do not fit the cluster"):
            share(spec, nodes)
    else:
        assert share(spec, nodes) == expected


def test_ray_is_no_engine_by_itself():
    for spec in (EngineSpec(name="ray"), EngineSpec(name="ray", ray="auto"), EngineSpec()):
        with pytest.raises(SpecError, match="none by itself"):
            plugins.ENGINES.load("ray", ModelSpec(id="m"), spec)


UNREACHABLE = """
import sys
from reasonbench.engines import ray_cluster
from reasonbench.errors import EngineError
ray_cluster.CONNECT_SECONDS = 4.0
try:
    ray_cluster.connect(sys.argv[1])
except EngineError as error:
    print(error.message, error.hint, sep="\\n")
"""


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "ray://127.0.0.1:10001"])
def test_an_address_that_leads_nowhere_is_one_sentence(address):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", UNREACHABLE, address],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    message, hint = done.stdout.splitlines()
    assert address in message
    assert hint
    assert done.stderr == ""


def test_a_connected_process_stays_connected(cluster):
    assert connect("127.0.0.1:1") is False
    assert connecting.ray.is_initialized()


def start(address, folder, *cut):
    return subprocess.Popen(
        [sys.executable, ray_cluster.__file__, address, str(folder), *cut],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_cluster_started_for_a_run_ends_with_it_and_ray_stays_silent(tmp_path):
    with start("local", tmp_path, "cut") as process:
        pids = json.loads(process.stdout.readline())
        raylet = ray_cluster.raylet(pids[0])
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output) == list(range(50))
    assert errors == ""
    assert ray_cluster.gone([*pids, raylet]) == []


@pytest.mark.parametrize("where", ["cluster", pytest.param("local", marks=pytest.mark.slow)])
def test_kill_9_of_the_driver_leaves_no_replica_behind(cluster, tmp_path, where):
    address = cluster.address if where == "cluster" else "local"
    with start(address, tmp_path) as process:
        pids = json.loads(process.stdout.readline())
        raylets = {ray_cluster.raylet(pid) for pid in pids}
        process.kill()
    assert ray_cluster.gone(pids) == []
    if where == "cluster":
        assert len(raylets) == 2
        assert all(psutil.pid_exists(raylet) for raylet in raylets)
    else:
        assert ray_cluster.gone(raylets) == []
