"""Frames over a stream socket: one byte of kind, four of length, the payload.

A reader never allocates for a length that a stranger announced: it buffers what has
arrived, and refuses a frame above its limit as soon as the header is there.
"""

import socket
import struct

HEADER = struct.Struct("!BI")
DATA = ord("D")
"""A request or a reply, carried through the supervisor unread."""
STOP = ord("S")
"""From outside: end the candidate now."""
END = ord("E")
"""From the supervisor: the report on a candidate that is gone."""
CHUNK = 1 << 16


class FrameError(Exception):
    """The other side sent what is no frame, or one that is too large."""


def pack(kind: int, payload: bytes) -> bytes:
    """Return the frame as bytes."""
    return HEADER.pack(kind, len(payload)) + payload


class Frames:
    """Bytes that arrive in any pieces, cut into frames."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take what arrived and return the frames that are now complete."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            if length > self._max_bytes:
                raise FrameError(f"a frame of {length} bytes, above the limit {self._max_bytes}")
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append((kind, bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
        return frames


def receive(sock: socket.socket, max_bytes: int) -> tuple[int, bytes] | None:
    """Return the next frame of a blocking socket, or None at its end."""
    header = _exactly(sock, HEADER.size)
    if header is None:
        return None
    kind, length = HEADER.unpack(header)
    if length > max_bytes:
        raise FrameError(f"a frame of {length} bytes, above the limit {max_bytes}")
    payload = _exactly(sock, length)
    return None if payload is None else (kind, payload)


def _exactly(sock: socket.socket, n: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < n:
        piece = sock.recv(min(CHUNK, n - len(parts)))
        if not piece:
            return None
        parts += piece
    return bytes(parts)


def join(note: bytes, payload: bytes) -> bytes:
    """Return the supervisor's note and the candidate's payload as one payload."""
    return struct.pack("!H", len(note)) + note + payload


def split(payload: bytes) -> tuple[bytes, bytes]:
    """Undo ``join``."""
    (length,) = struct.unpack_from("!H", payload)
    return payload[2 : 2 + length], payload[2 + length :]
