"""Several devices: the configuration of ``accelerate launch``, its command, and running it.

The keys are those of TRL's shipped configurations.  Two things differ: FSDP loads the weights in
every process, since accelerate does not pass them on to a teacher, and DeepSpeed's numbers are
written out, since they must equal the trainer's.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import yaml

from reasonbench import errors
from reasonbench.errors import EngineError, MissingDependencyError, ReasonbenchError, SpecError
from reasonbench.protocols import Reporter
from reasonbench.records import Record
from reasonbench.specs import LaunchSpec, TrainSpec
from reasonbench.store.lock import is_held
from reasonbench.training import checkpoints
from reasonbench.training.data import write_rows
from reasonbench.training.log import read_steps
from reasonbench.training.objectives import device_batch
from reasonbench.training.rows import TraceRow

FOLDER = "launch"
CONFIG_FILE = "accelerate.yaml"
ROWS_FILE = "rows.jsonl"
COMMAND_FILE = "command.json"
ERROR_FILE = "error.json"
OUTPUT_FILE = "output.txt"
WORKER = "reasonbench.training.worker"
PARENT = "REASONBENCH_TRAIN_PARENT"
"""Set for workers that must not outlive the command that started them."""
POLL_SECONDS = 0.2
STOP_SECONDS = 20.0
"""What the processes have to end in before they are killed."""
LAST_WORDS = 300
"""Characters shown of what a worker said last."""


class WorkerError(Record, frozen=True, kw_only=True):
    """An error of a worker, for the command that started it."""

    kind: str
    """Class of ``reasonbench.errors``."""
    message: str
    """Its sentence."""
    hint: str | None
    """What helps."""


def processes(spec: TrainSpec) -> int:
    """Return how many processes train."""
    return spec.launch.processes if spec.launch is not None else 1


def local_processes(spec: TrainSpec) -> int:
    """Return how many of them run on each machine."""
    return processes(spec) // spec.launch.machines if spec.launch is not None else 1


def rank() -> int:
    """Return this process's number among all that train, as ``accelerate launch`` tells it."""
    return int(os.environ.get("RANK", "0"))


def accelerated() -> bool:
    """Return whether there is a device other than the CPU."""
    import torch

    return bool(torch.accelerator.is_available())


def configuration(spec: TrainSpec, *, cpu: bool) -> dict[str, Any]:
    """Return the configuration of ``accelerate launch``.

    Args:
        spec: a training with ``launch``.
        cpu: whether there is no device but the CPU.

    Raises:
        SpecError: the processes cannot be shared out among the machines.
    """
    launch = _launch(spec)
    if launch.processes % launch.machines:
        raise SpecError(
            f"launch.processes = {launch.processes} is no multiple of "
            f"launch.machines = {launch.machines}",
            hint="processes counts those of all machines together",
        )
    half = spec.hyper.dtype == "bfloat16" and not cpu
    config: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": "MULTI_GPU",
        "downcast_bf16": "no",
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": "bf16" if half else "no",
        "num_machines": launch.machines,
        "num_processes": launch.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": cpu,
    }
    if launch.machines == 1:
        config["main_process_port"] = 0  # a free one
    if launch.strategy == "ddp":
        return config | ({"distributed_type": "NO"} if launch.processes == 1 else {})
    if launch.strategy.startswith("fsdp"):
        return config | {"distributed_type": "FSDP", "fsdp_config": _fsdp(launch.strategy)}
    return config | {"distributed_type": "DEEPSPEED", "deepspeed_config": _deepspeed(spec)}


def _fsdp(strategy: str) -> dict[str, Any]:
    common = {
        "fsdp_activation_checkpointing": False,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_cpu_ram_efficient_loading": False,
        "fsdp_offload_params": False,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
    }
    if strategy == "fsdp2":
        return common | {"fsdp_reshard_after_forward": True, "fsdp_version": 2}
    return common | {
        "fsdp_backward_prefetch": "BACKWARD_PRE",
        "fsdp_forward_prefetch": True,
        "fsdp_reshard_after_forward": "FULL_SHARD",
        "fsdp_sync_module_states": True,
        "fsdp_use_orig_params": True,
        "fsdp_version": 1,
    }


def _deepspeed(spec: TrainSpec) -> dict[str, Any]:
    hyper, launch = spec.hyper, _launch(spec)
    stage = int(launch.strategy.removeprefix("zero"))
    held = device_batch(hyper, launch.processes)
    config: dict[str, Any] = {
        "deepspeed_multinode_launcher": "standard",
        "gradient_accumulation_steps": max(1, hyper.batch_size // (held * launch.processes)),
        "gradient_clipping": hyper.max_grad_norm,
        "zero3_init_flag": False,
        "zero_stage": stage,
    }
    if stage > 1:
        config |= {"offload_optimizer_device": "none", "offload_param_device": "none"}
    return config | ({"zero3_save_16bit_model": True} if stage == 3 else {})


def _launch(spec: TrainSpec) -> LaunchSpec:
    if spec.launch is None:
        raise SpecError(
            "the spec has no [launch] table, so it trains in one process",
            hint="add [launch] with processes = 2 or more",
        )
    return spec.launch


def write(
    spec: TrainSpec,
    directory: Path,
    rows: Sequence[TraceRow],
    dropped: dict[str, int],
    command: Sequence[str],
) -> None:
    """Write what the launcher and its workers read.

    Raises:
        SpecError: there is no launch, or one that cannot be.
        OSError: it cannot be written.
    """
    # What is sharded is meant for a machine with devices, wherever it is written.
    cpu = _launch(spec).strategy == "ddp" and not accelerated()
    config = configuration(spec, cpu=cpu)
    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / COMMAND_FILE).write_bytes(msgspec.json.encode(list(command)) + b"\n")
    write_rows(folder / ROWS_FILE, rows, dropped)


def arguments(spec: TrainSpec, directory: Path) -> list[str]:
    """Return the arguments of ``accelerate launch``."""
    given = ["--config_file", str(directory / FOLDER / CONFIG_FILE)]
    return [*given, "--module", WORKER, str(directory)]


def printed(spec: TrainSpec, directory: Path) -> str:
    """Return the command to start by hand, one on each machine."""
    launch = _launch(spec)
    words = [shlex.quote(word) for word in arguments(spec, directory.resolve())]
    if launch.machines > 1:
        # The shell of each machine fills these in.
        words[2:2] = [
            "--machine_rank", '"$RANK"', "--main_process_ip", '"$MASTER_ADDR"',
            "--main_process_port", '"${MASTER_PORT:-29500}"',
        ]  # fmt: skip
    return " ".join(["accelerate", "launch", *words])


def refuse_machine(launch: LaunchSpec) -> None:
    """Refuse a launch that this machine cannot do by itself.

    Raises:
        SpecError: several machines, or too few devices.
        MissingDependencyError: see ``refuse_strategy``.
    """
    import torch

    if launch.machines > 1:
        raise SpecError(
            f"launch.machines = {launch.machines}, and a command can start only its own machine",
            hint="--print-launch prints the command to start on each",
        )
    devices = torch.accelerator.device_count() if accelerated() else 0
    if devices and launch.processes > devices:
        raise SpecError(
            f"launch.processes = {launch.processes}, and this machine has {devices} devices",
            hint=f"set it to at most {devices}, or use --print-launch on the machine meant",
        )
    refuse_strategy(launch)


def refuse_strategy(launch: LaunchSpec) -> None:
    """Refuse to shard where it cannot be done: accelerate would train unsharded and not say so.

    Raises:
        SpecError: there is no device but the CPU.
        MissingDependencyError: DeepSpeed is not installed.
    """
    if not accelerated() and launch.strategy != "ddp":
        raise SpecError(
            f"launch.strategy = {launch.strategy!r} needs devices other than the CPU, and there "
            "are none",
            hint="set it to 'ddp', or use --print-launch for the machine meant",
        )
    if launch.strategy.startswith("zero") and find_spec("deepspeed") is None:
        raise MissingDependencyError(
            f"launch.strategy = {launch.strategy!r} needs deepspeed, which is not installed",
            hint="pip install deepspeed, or set launch.strategy = 'fsdp2'",
        )


def join(spec: TrainSpec) -> None:
    """Join the other processes, so that the weights are loaded on each one's own device."""
    if processes(spec) > 1:
        from accelerate import PartialState

        PartialState(cpu=not accelerated())


def run(spec: TrainSpec, directory: Path, reporter: Reporter) -> None:
    """Start the processes, and follow the log until they end.

    Raises:
        ReasonbenchError: what one of them raised.
        EngineError: they ended otherwise than well.
    """
    folder = directory / FOLDER
    (folder / ERROR_FILE).unlink(missing_ok=True)
    if is_held(directory / checkpoints.STATES):
        raise EngineError(
            f"processes of an earlier command still train in {directory}",
            hint="they end at their next step: give the command again",
        )
    reporter.say(f"starting {processes(spec)} processes")
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments(spec, directory)]
    with (folder / OUTPUT_FILE).open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, PARENT: str(directory.resolve())},
        )
        try:
            _follow(child, spec, directory, reporter)
        finally:
            _end(child)
    if child.returncode:
        raise ended(directory, child.returncode)


def _follow(
    child: "subprocess.Popen[bytes]", spec: TrainSpec, directory: Path, reporter: Reporter
) -> None:
    done: int | None = None
    ended = False
    while not ended:
        ended = child.poll() is not None
        if not ended:
            time.sleep(POLL_SECONDS)
        steps = read_steps(directory)
        if done is None or len(steps) < done:  # the log was cut back to where it goes on
            if not steps:
                continue
            done = len(steps) - 1
            reporter.phase("training", total=spec.hyper.steps, done=done)
        for step in steps[done:]:
            reporter.advance(tokens=step.loss_tokens)
        done = len(steps)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def ended(directory: Path, code: int) -> ReasonbenchError:
    """Return the error that processes left which ended with an exit code."""
    folder = directory / FOLDER
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        said = msgspec.json.decode((folder / ERROR_FILE).read_bytes(), type=WorkerError)
        kind = getattr(errors, said.kind, None)
        if isinstance(kind, type) and issubclass(kind, ReasonbenchError):
            return kind(said.message, hint=said.hint)
    text = (folder / OUTPUT_FILE).read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if "Error" in line] or text.splitlines()
    last = f": {lines[0][:LAST_WORDS]}" if lines else ""
    return EngineError(
        f"a process of the training ended with exit code {code}{last}",
        hint=f"all that they said stands in {folder / OUTPUT_FILE}; the same command goes on",
    )


def write_error(directory: Path, error: ReasonbenchError) -> None:
    """Leave a worker's error for the command that started it; the first one counts."""
    said = WorkerError(kind=type(error).__name__, message=error.message, hint=error.hint)
    with contextlib.suppress(OSError), (directory / FOLDER / ERROR_FILE).open("xb") as stream:
        stream.write(msgspec.json.encode(said))
