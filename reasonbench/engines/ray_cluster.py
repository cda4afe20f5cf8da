"""Connecting to a Ray cluster, and what a replica takes of it.

An address that nothing answers makes ``ray.init`` retry for minutes, with Ray's log on
standard error, so every address is tried first by a process that can be killed.  Ray
prints reports of dead workers on standard output, which is for data: they are suppressed.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from reasonbench.errors import EngineError
from reasonbench.specs import EngineSpec

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")  # read when Ray is first imported

import ray

CONNECT_SECONDS = 20.0
"""A cluster that has not answered by then is not there."""
OBJECT_STORE_BYTES = 128 * 1024**2
"""Shared memory of a cluster started here; only prompts and completions pass through it."""
NO_CLUSTER = 3
_PROBE = f"""
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except ConnectionError as error:
    sys.exit({NO_CLUSTER} if "Could not find any running Ray" in str(error) else str(error))
except Exception as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
ray.shutdown()
"""


class Share(NamedTuple):
    """What one replica takes of the cluster."""

    cpus: int
    """CPUs."""
    gpus: int
    """GPUs."""


def connect(address: str) -> bool:
    """Connect this process to the cluster; True if it must be disconnected again.

    Args:
        address: ``HOST:PORT``, ``local`` for a cluster that is started here, or ``auto`` for
            the one that runs here and else a local one.  A process that is connected
            already stays so.

    Raises:
        EngineError: there is no such cluster, or it cannot be used from here.
    """
    if ray.is_initialized():
        return False
    if address.startswith("ray://"):
        raise EngineError(
            f"the address {address!r} is one of Ray Client, which is not supported",
            hint="run reasonbench on a node of the cluster with --ray auto",
        )
    if address != "local" and _answers(address):
        _init(address=address)
    else:
        _init(address="local", include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES)
    return True


def _answers(address: str) -> bool:
    """Whether there is a cluster; False only where a local one may be started instead.

    Raises:
        EngineError: an address was given, here or in RAY_ADDRESS, and nothing answers there.
    """
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=CONNECT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"nothing answered within {CONNECT_SECONDS:.0f} seconds"
    else:
        if probe.returncode == 0:
            return True
        if probe.returncode == NO_CLUSTER and address == "auto":
            return False
        lines = probe.stderr.strip().splitlines()
        reason = lines[-1][:300] if lines else f"exit status {probe.returncode}"
    named = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    raise EngineError(
        f"the Ray cluster at {named!r} cannot be used: {reason}",
        hint="ray status shows whether it runs; this machine must be one of its nodes "
        "(ray start --address=HOST:PORT)",
    )


def _init(**options: Any) -> None:
    main = threading.current_thread() is threading.main_thread()
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except Exception as error:
        ray.shutdown()
        raise EngineError(f"Ray cannot be started: {error}".splitlines()[0]) from error
    finally:
        if main and on_terminate is not None:
            signal.signal(signal.SIGTERM, on_terminate)  # Ray takes it for itself


def share(engine: EngineSpec, nodes: Sequence[Mapping[str, float]]) -> Share:
    """Return what each replica takes of a cluster with these nodes.

    GPUs go by vLLM's parallelism.  Without GPUs the replicas divide the CPUs among them,
    or take ``engine.args.threads`` each.

    Raises:
        EngineError: so many replicas do not fit.
    """
    gpus = _gpus(engine) if any(node.get("GPU", 0) >= 1 for node in nodes) else 0
    cpus = int(engine.args.get("threads", 0)) or 1
    if not gpus and "threads" not in engine.args:
        largest = max((int(node.get("CPU", 0)) for node in nodes), default=0)
        fitting = (n for n in range(largest, 1, -1) if _fit(Share(n, 0), nodes) >= engine.replicas)
        cpus = next(fitting, 1)
    wanted = Share(cpus, gpus)
    if _fit(wanted, nodes) < engine.replicas:
        has = "; ".join(
            f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes
        )
        raise EngineError(
            f"{_count(engine.replicas, 'replica')} with {_count(cpus, 'CPU')} and "
            f"{_count(gpus, 'GPU')} each do not fit the cluster, whose nodes have: {has or 'none'}",
            hint=f"at most {_fit(wanted, nodes)} fit; lower --replicas, or add nodes",
        )
    return wanted


def _gpus(engine: EngineSpec) -> int:
    if str(engine.args.get("device", "")).startswith("cpu"):
        return 0
    if engine.name != "vllm":
        return 1
    parallel = ("tensor_parallel_size", "pipeline_parallel_size")
    return int(engine.args.get(parallel[0], 1)) * int(engine.args.get(parallel[1], 1))


def _fit(wanted: Share, nodes: Sequence[Mapping[str, float]]) -> int:
    """Return how many replicas the nodes can hold."""
    total = 0
    for node in nodes:
        by_gpu = int(node.get("GPU", 0)) // wanted.gpus if wanted.gpus else sys.maxsize
        total += min(by_gpu, int(node.get("CPU", 0)) // wanted.cpus)
    return total


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
