"""What our trainings do at each of the trainer's steps: log, keep weights, keep its state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reasonbench.engines.weights import ModelFiles
from reasonbench.protocols import Reporter
from reasonbench.specs import TrainSpec
from reasonbench.training import checkpoints
from reasonbench.training.log import Log


class Keeper(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Writes the log and the checkpoints of one training."""

    trainer: Any = None
    """The trainer, once it is made."""

    def __init__(
        self,
        spec: TrainSpec,
        directory: Path,
        files: ModelFiles,
        reporter: Reporter,
        alive: Callable[[], None],
    ) -> None:
        self._spec, self._directory, self._files = spec, directory, files
        self._reporter, self._alive = reporter, alive
        self._planned = frozenset(checkpoints.planned_checkpoints(spec))
        self._log: Log | None = None
        self._last = time.perf_counter()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Open the log."""
        if state.is_world_process_zero:
            self._log = Log(self._directory)
        total = self._spec.hyper.steps
        self._reporter.phase("training", total=total, done=state.global_step)
        self._last = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Keep the weights of a planned step."""
        self._alive()
        if state.global_step in self._planned:
            folder = self._directory / checkpoints.checkpoint_name(state.global_step)
            checkpoints.export(self.trainer, self._spec, self._files, folder)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, object] | None = None,
        **_: object,
    ) -> None:
        """Write the step's line; what is logged at the end is no step."""
        if self._log is None or logs is None or "loss" not in logs:
            return
        now = time.perf_counter()
        step = self._log.add(state.global_step, logs, now - self._last)
        self._last = now
        self._reporter.advance(tokens=step.loss_tokens)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Call the state whole once every process has written its part."""
        self.trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            checkpoints.mark(self._directory / checkpoints.STATES, state.global_step)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None
