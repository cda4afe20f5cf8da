"""How the pool and its workers talk: length-prefixed msgpack over pipes.

The parent sends batches; the worker first says that it is ready, or why it is not, and
then answers each job as it finishes it, in order.  Jobs are numbered by the parent.
"""

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from reasonbench.records import Completion, Failure, Grade, Problem

_LENGTH = struct.Struct(">I")


class Job(msgspec.Struct, frozen=True, array_like=True):
    """One completion to grade."""

    number: int
    problem: Problem
    completion: Completion


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker has loaded its grader."""

    identity: str
    seconds: float | None = None
    """Longest that it may take over a completion; None for the pool's own limit."""
    isolated: bool = False
    """Whether it runs what it judges elsewhere: then its own death is no verdict."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The worker cannot load its grader."""

    error_type: str
    message: str
    hint: str | None = None


class Graded(msgspec.Struct, frozen=True, tag="graded"):
    """A verdict."""

    number: int
    grade: Grade


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The grader raised."""

    number: int
    failure: Failure


Reply = Ready | Broken | Graded | Failed

_encoder = msgspec.msgpack.Encoder()
_replies = msgspec.msgpack.Decoder(Reply)
_jobs = msgspec.msgpack.Decoder(list[Job])


def pack(message: Any) -> bytes:
    """Return a message as a frame.

    Raises:
        ValueError, OverflowError, TypeError: it holds what msgpack has no form for, such
            as a lone surrogate or a whole number beyond 64 bits.
    """
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def jobs_of(body: bytes) -> list[Job]:
    """Return the batch in the body of a frame."""
    return _jobs.decode(body)


def reply_of(body: bytes) -> Reply:
    """Return the reply in the body of a frame."""
    reply: Reply = _replies.decode(body)
    return reply


class Frames:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more bytes; yield every body that is complete by now."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            if len(self._buffer) - at - _LENGTH.size < length:
                break
            start = at + _LENGTH.size
            yield bytes(self._buffer[start : start + length])
            at = start + length
        del self._buffer[:at]
