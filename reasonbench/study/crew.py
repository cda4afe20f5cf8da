"""How many workers a study has, and what each computes on."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Crew:
    """How many workers there are, and what each computes on."""

    workers: int
    """Processes at once."""
    threads: int = 1
    """Threads of each; they move the last bits of what is computed."""
    devices: tuple[str, ...] = ()
    """Value of CUDA_VISIBLE_DEVICES of each; empty: no GPU."""

    @property
    def fresh(self) -> bool:
        """Whether every job gets a new process, so that all memory of its GPU is given back.

        Not where workers share one: who asks for that has models that leave room, and a small job
        takes less time than the imports before it.
        """
        return bool(self.devices) and len({*self.devices}) == len(self.devices)


def crew(
    parallel: int | None,
    *,
    threads: int = 1,
    devices_each: int = 1,
    environment: Mapping[str, str] = os.environ,
) -> Crew:
    """Return the workers of this machine.

    Args:
        parallel: workers asked for; by default one for every ``devices_each`` GPUs, or as many as
            there are cores for.  More of them than GPUs share these: a small model does not fill
            one.
        threads: threads of a worker without a GPU.
        devices_each: GPUs of a worker.
        environment: where CUDA_VISIBLE_DEVICES may stand.
    """
    devices = _devices(environment)
    if devices:
        groups = [
            ",".join(devices[i : i + devices_each])
            for i in range(0, len(devices) - devices_each + 1, devices_each)
        ]
        groups = groups or [",".join(devices)]
        groups = [groups[i % len(groups)] for i in range(parallel or len(groups))]
        cores = max(1, len(os.sched_getaffinity(0)) // len(groups))
        return Crew(workers=len(groups), threads=cores, devices=tuple(groups))
    cores = len(os.sched_getaffinity(0))
    return Crew(workers=parallel or max(1, cores // threads), threads=threads)


def _devices(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of the GPUs that may be used; the driver is asked, not PyTorch."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        ids = [part.strip() for part in chosen.split(",")]
        return [part for part in ids if part and part != "-1"]
    with contextlib.suppress(OSError):
        return [str(i) for i, _ in enumerate(sorted(Path("/proc/driver/nvidia/gpus").iterdir()))]
    return []
