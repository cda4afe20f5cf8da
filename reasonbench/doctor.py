"""What is installed, and what can run here.  Looks; changes nothing."""

import contextlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import msgspec

from reasonbench import __version__, plugins
from reasonbench.errors import PluginError, ReasonbenchError
from reasonbench.run import library_versions
from reasonbench.sandbox import probe_all, remedy

LOW_DISK_GIB = 5.0
GIB = 2**30


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    """What was looked at."""
    ok: bool
    """Whether it can be used."""
    found: str
    """What was found."""
    hint: str = ""
    """What helps, where it cannot be used."""


class PluginState(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin."""

    kind: str
    """task, engine, grader, detector or section."""
    name: str
    """Name that it is reached by."""
    origin: str
    """Where it comes from."""
    state: str
    """``not loaded``, ``ok``, or why it cannot be used."""
    broken: bool
    """Whether it can be used by nobody: not for a missing extra."""


def plugin_states(*, load: bool) -> list[PluginState]:
    """Return every registered plugin; with ``load`` also whether each can be loaded."""
    states = []
    for registry in plugins.REGISTRIES:
        for listed in registry.listing():
            name, origin = listed.name, " and ".join(p.origin for p in listed.plugins)
            state, broken = "not loaded", False
            if listed.clash:
                state, broken = f"claimed by {listed.clash}", True
            elif load:
                state = "ok"
                try:
                    registry.get(name)
                except ReasonbenchError as error:
                    state, broken = error.message, isinstance(error, PluginError)
            states.append(
                PluginState(
                    kind=registry.kind, name=name, origin=origin, state=state, broken=broken
                )
            )
    return states


def examine() -> list[Finding]:
    """Return what this machine has, engine by engine."""
    return [
        Finding(
            what="reasonbench", ok=True, found=f"{__version__}, Python {platform.python_version()}"
        ),
        Finding(what="machine", ok=True, found=_machine()),
        *_engines(),
        _gpu(),
        *_sandbox(),
        _disk(Path.cwd()),
        Finding(
            what="libraries",
            ok=True,
            found=", ".join(f"{k} {v}" for k, v in library_versions().items()),
        ),
    ]


def _machine() -> str:
    memory = "unknown memory"
    with contextlib.suppress(ValueError, OSError):
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.1f} GiB"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores, {memory}"


def _engines() -> list[Finding]:
    findings = []
    for name in plugins.ENGINES.names():
        try:
            plugins.ENGINES.get(name)
        except ReasonbenchError as error:
            findings.append(
                Finding(what=f"engine {name}", ok=False, found=error.message, hint=error.hint or "")
            )
        else:
            findings.append(Finding(what=f"engine {name}", ok=True, found="can be loaded"))
    return findings


def _gpu() -> Finding:
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return Finding(what="GPU", ok=False, found="no nvidia-smi", hint="the CPU is used")
    try:
        done = subprocess.run(
            [smi, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            what="GPU", ok=False, found=f"nvidia-smi failed: {error}", hint="check the driver"
        )
    return Finding(what="GPU", ok=True, found="; ".join(done.stdout.strip().splitlines()) or "none")


def _sandbox() -> list[Finding]:
    """Return what each way of isolating untrusted code came to, tried for real."""
    probes = probe_all()
    help_ = "" if any(probe.ok for probe in probes) else remedy()
    return [
        Finding(
            what=f"sandbox {probe.backend}",
            ok=probe.ok,
            found=f"passes its self-test ({probe.seconds:.1f} s)" if probe.ok else probe.why,
            hint="" if probe.ok else help_,
        )
        for probe in probes
    ]


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / GIB
    return Finding(
        what="disk",
        ok=free >= LOW_DISK_GIB,
        found=f"{free:.1f} GiB free in {folder}",
        hint="" if free >= LOW_DISK_GIB else "long runs need more",
    )
