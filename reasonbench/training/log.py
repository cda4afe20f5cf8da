"""``log.jsonl``: one line an optimizer step, each step once.

Lines are written as steps are taken.  A session that goes on from an earlier state cuts the log
back to it first, so the file never holds a step twice, nor one that the weights have forgotten.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec

from reasonbench.errors import ReasonbenchError

LOG_FILE = "log.jsonl"
OWN = ("loss", "learning_rate", "loss_tokens")
LEFT_OUT = ("epoch", "total_flos")
"""What trainers log that says nothing of a step."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What is read back of a line; there may be more in it."""

    step: int
    """Optimizer step, from 1."""
    loss: float
    """Mean over its loss tokens."""
    learning_rate: float
    """Rate that it was taken with."""
    loss_tokens: int
    """Tokens that the loss was taken on, over all devices."""
    seconds: float
    """Time since the step before, saving included."""


def read_steps(directory: Path) -> list[Step]:
    """Return the steps from 1 on that the log holds without a gap."""
    try:
        raw = (directory / LOG_FILE).read_bytes()
    except FileNotFoundError:
        return []
    decoder = msgspec.json.Decoder(Step)
    steps: list[Step] = []
    for line in raw.split(b"\n")[:-1]:  # what follows the last line break was cut off
        try:
            step = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            break
        if step.step != len(steps) + 1:
            break
        steps.append(step)
    return steps


def cut_log(directory: Path, last: int) -> None:
    """Keep the lines up to a step.

    Raises:
        OSError: it cannot be written.
    """
    path = directory / LOG_FILE
    kept = path.read_bytes().split(b"\n")[:last] if path.exists() else []
    part = path.with_name(f".{LOG_FILE}.part")
    part.write_bytes(b"".join(line + b"\n" for line in kept))
    os.replace(part, path)


class Log:
    """The log, open for more."""

    def __init__(self, directory: Path) -> None:
        self._stream: IO[bytes] = (directory / LOG_FILE).open("ab")

    def add(self, step: int, logs: Mapping[str, object], seconds: float) -> Step:
        """Write a step.

        Raises:
            ReasonbenchError: its loss is no number, so all later weights would be none.
            OSError: it cannot be written.
        """
        line = Step(
            step=step,
            loss=_number(logs["loss"]),
            learning_rate=_number(logs["learning_rate"]),
            loss_tokens=int(_number(logs["loss_tokens"])),
            seconds=seconds,
        )
        if not math.isfinite(line.loss):
            raise ReasonbenchError(
                f"the loss of step {step:,} is {line.loss}, so the weights are lost",
                hint="lower hyper.learning_rate, or raise hyper.warmup_steps",
            )
        more = {
            name: value
            for name, value in logs.items()
            if name not in (*OWN, *LEFT_OUT)
            and isinstance(value, int | float)
            and math.isfinite(value)
        }
        self._stream.write(msgspec.json.encode(msgspec.to_builtins(line) | more) + b"\n")
        self._stream.flush()
        return line

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
