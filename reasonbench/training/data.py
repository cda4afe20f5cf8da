"""The rows of a training: how long they are, which are left out, and what they are known by.

A row is never cut.  One that is longer than ``max_length`` or than the student's context is left
out under ``too_long``; where the student writes its own completions, the room that these need is
part of the length.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reasonbench.errors import SpecError, StoreCorruptError, TraceError
from reasonbench.identity import DIGEST_LENGTH
from reasonbench.specs import Prefix, TrainSpec
from reasonbench.training.encoding import Encoded, encode
from reasonbench.training.rows import TraceRow

EMPTY = "empty"
"""A completion without a character to learn."""
TOO_LONG = "too_long"
"""Longer than ``hyper.max_length`` or the student's context."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Prepared(NamedTuple):
    """The rows that are trained on, and what they come to."""

    rows: tuple[TraceRow, ...]
    """Rows, in order."""
    prompt_tokens: tuple[int, ...]
    """Tokens of each prompt."""
    completion_tokens: tuple[int, ...]
    """Tokens of each completion, end token included."""
    dropped: dict[str, int]
    """Reason -> rows that were left out."""
    digest: str
    """Digest of the rows, in order."""

    @property
    def problems(self) -> int:
        """Different prompts."""
        return len({tuple((m["role"], m["content"]) for m in row.messages) for row in self.rows})

    def longest(self, spec: TrainSpec) -> int:
        """Return the tokens of the longest sequence that is trained on."""
        drawn = 0 if spec.objective.prefix is Prefix.TRACE else spec.objective.max_new_tokens
        written = drawn if spec.objective.prefix is Prefix.STUDENT else 0
        pairs = zip(self.prompt_tokens, self.completion_tokens, strict=True)
        return max(prompt + (written or max(drawn, completion)) for prompt, completion in pairs)


def rows_digest(rows: Sequence[TraceRow]) -> str:
    """Return the digest of rows, in order: equal data give one digest on any machine."""
    found = hashlib.sha256()
    for row in rows:
        found.update(_encoded(row) + b"\n")
    return found.hexdigest()[:DIGEST_LENGTH]


def load_rows(spec: TrainSpec) -> tuple[list[TraceRow], dict[str, int]]:
    """Return what a spec's view keeps of its traces, and what it drops, by reason.

    Raises:
        ReasonbenchError: the traces cannot be read, or the view asks what they do not say.
    """
    from reasonbench.training.views import rows_of

    return rows_of(spec.traces, spec.view)


def prepare(
    spec: TrainSpec,
    rows: Sequence[TraceRow],
    dropped: dict[str, int],
    tokenizer: Any,
    context: int,
) -> Prepared:
    """Measure the rows and leave out those that cannot be trained on whole.

    Args:
        spec: the training.
        rows: what the view kept.
        dropped: what it dropped, by reason.
        tokenizer: the student's, with a chat template.
        context: most tokens that the student takes.

    Raises:
        SpecError: no row is left.
    """
    limit = min(spec.hyper.max_length, context)
    counts = Counter(dropped)
    kept: list[tuple[TraceRow, Encoded]] = []
    for row in rows:
        encoded = encode(tokenizer, row)
        if spec.objective.prefix is Prefix.TRACE and len(encoded.completion) < 2:
            counts[EMPTY] += 1
        elif len(encoded.prompt) + longest_completion(spec, encoded) > limit:
            counts[TOO_LONG] += 1
        else:
            kept.append((row, encoded))
    found = {reason: count for reason, count in counts.items() if count}
    refuse_none(spec, len(kept), found, context)
    return Prepared(
        rows=tuple(row for row, _ in kept),
        prompt_tokens=tuple(len(encoded.prompt) for _, encoded in kept),
        completion_tokens=tuple(len(encoded.completion) for _, encoded in kept),
        dropped=found,
        digest=rows_digest([row for row, _ in kept]),
    )


def longest_completion(spec: TrainSpec, encoded: Encoded) -> int:
    """Return the tokens of the longest completion that a row is trained with."""
    written, drawn = len(encoded.completion), spec.objective.max_new_tokens
    if spec.objective.prefix is Prefix.TRACE:
        return written
    return drawn if spec.objective.prefix is Prefix.STUDENT else max(written, drawn)


def refuse_none(spec: TrainSpec, kept: int, dropped: dict[str, int], context: int) -> None:
    """Refuse a training without rows, saying where they went.

    Raises:
        SpecError: there are none.
    """
    if kept:
        return
    total = sum(dropped.values())
    if not total:
        raise SpecError(
            f"there are no traces to train on in {', '.join(spec.traces)}",
            hint="name a bank of reasonbench traces, or trace files with prompts and completions",
        )
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(dropped.items()))
    hint = "let the view keep more, or sample more traces"
    if max(dropped, key=lambda reason: dropped[reason]) == TOO_LONG:
        hint = (
            f"raise hyper.max_length, now {spec.hyper.max_length:,}"
            if spec.hyper.max_length < context
            else f"take shorter traces, or a student whose context is longer than {context:,}"
        )
    raise SpecError(
        f"no trace is left to train on: of {total:,}, these were left out: {reasons}", hint=hint
    )


def write_rows(path: Path, rows: Sequence[TraceRow], dropped: dict[str, int]) -> None:
    """Write rows for a worker to read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as stream:
        stream.write(_ENCODER.encode(dropped) + b"\n")
        for row in rows:
            stream.write(_encoded(row) + b"\n")
    os.replace(part, path)


def read_rows(path: Path) -> tuple[list[TraceRow], dict[str, int]]:
    """Return what ``write_rows`` wrote.

    Raises:
        TraceError: it is not there.
        StoreCorruptError: it holds something else.
    """
    decoder = msgspec.json.Decoder(TraceRow)
    try:
        with path.open("rb") as stream:
            dropped = msgspec.json.decode(stream.readline(), type=dict[str, int])
            return [decoder.decode(line) for line in stream], dropped
    except OSError as error:
        raise TraceError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="reasonbench train --print-launch writes it",
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreCorruptError(
            f"{path} is damaged: {error}", hint="reasonbench train --print-launch writes it anew"
        ) from error


def _encoded(row: TraceRow) -> bytes:
    try:
        return _ENCODER.encode(row)
    except UnicodeEncodeError as error:
        raise TraceError(
            f"row {row.id!r} holds a lone surrogate, which is no text",
            hint="leave it out, or make the bank again",
        ) from error
