"""A Ray cluster of two nodes on this machine, one CPU each: room for one replica on each.

``python ray_cluster.py ADDRESS FOLDER [CUT]`` draws with two frail replicas there and prints
lines of JSON: their process ids, then the number of completions; with CUT it kills one of
its replicas in between, without it waits there for ever.
"""

import contextlib
import json
import os
import signal
import sys
import time

import psutil

from reasonbench.engines import ray_cluster  # noqa: F401 - sets what Ray reads at import

import ray  # isort: skip
from ray.cluster_utils import Cluster  # isort: skip

NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 1024**2}
HEALTH = {"health_check_period_ms": 500, "health_check_timeout_ms": 1000}
"""So that the cluster knows of a node's death within seconds."""


@contextlib.contextmanager
def two_nodes():
    """Yield the cluster; this process is connected to it, on its head."""
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "_system_config": HEALTH})
    try:
        cluster.add_node(**NODE)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="CRITICAL")
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def raylet(pid):
    """Return the process of the node that a replica runs on."""
    return psutil.Process(pid).ppid()


def replicas(node):
    """Return the processes of a node's replicas."""
    (entry,) = node.all_processes["raylet"]
    below = psutil.Process(entry.process.pid).children()
    return [p.pid for p in below if p.name().startswith("ray::Replica")]


def alive(count, seconds=60):
    """Wait until the cluster knows how many nodes it has; whether it came to that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if sum(node["Alive"] for node in ray.nodes()) == count:
            return True
        time.sleep(0.1)
    return False


def gone(pids, seconds=60):
    """Wait until none of these processes is left; return those that are."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return psutil.wait_procs(found, timeout=seconds)[1]


def main(address, folder, cut=None):
    from reasonbench.engines.replicas import RayEngine
    from reasonbench.records import Message, Prompt, SampleRequest
    from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

    args = {"folder": folder}
    spec = EngineSpec(name="frail", args=args, ray=address, replicas=2, batch_size=2)
    engine = RayEngine(ModelSpec(id="m"), spec)
    sys.stdout.write(json.dumps(engine.process_ids) + "\n")
    sys.stdout.flush()
    asked = Prompt(problem_id="0", task="t", messages=(Message(role="user", content="?"),))
    requests = [SampleRequest(key=f"{i}", prompt=asked, sample_index=i, seed=i) for i in range(50)]
    drawn = []
    for outcome in engine.sample(requests, SamplingSpec(max_tokens=9)):
        drawn.append(outcome.key)
        if cut is None:
            signal.pause()
        if len(drawn) == 1:
            os.kill(engine.process_ids[0], signal.SIGKILL)
    engine.close()
    sys.stdout.write(json.dumps(sorted(map(int, drawn))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
