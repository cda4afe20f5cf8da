"""Bytes of a trace file, decompressed, with bounded memory.

What the magic bytes say counts, not the name.  A stream that is damaged or cut gives all
that stands before the damage, then raises ``DamagedError``.
"""

import abc
import zlib
from typing import IO, Any, Protocol

import zstandard

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))
GZIP_MAGIC = b"\x1f\x8b"


class DamagedError(Exception):
    """The rest of a stream cannot be read; the message says why."""


class Stream(Protocol):
    """Bytes to be read once, in their order."""

    @property
    def consumed(self) -> int:
        """Bytes of the file that were taken so far."""
        ...

    def readinto(self, buffer: memoryview) -> int:
        """Fill a part of ``buffer``; 0 at the end."""
        ...


class PlainStream:
    """The bytes of a file as they are."""

    def __init__(self, raw: IO[bytes], head: bytes = b"") -> None:
        self._raw: Any = raw
        self._head = head
        self.consumed = 0

    def readinto(self, buffer: memoryview) -> int:
        """Fill a part of ``buffer``; 0 at the end."""
        if self._head:
            size = min(len(buffer), len(self._head))
            buffer[:size] = self._head[:size]
            self._head = self._head[size:]
        else:
            try:
                size = self._raw.readinto(buffer) or 0
            except OSError as error:
                raise DamagedError(f"cannot be read: {error.strerror or error}") from error
        self.consumed += size
        return size


class _Unpacking(abc.ABC):
    """A compressed stream: frames one after another, each ending where it says."""

    STEP: int

    def __init__(self, source: PlainStream) -> None:
        self._source = source
        self._input = memoryview(bytearray(self.STEP))
        self._packed = b""
        self._plain = memoryview(b"")
        self._frame: Any = None

    @property
    def consumed(self) -> int:
        """Bytes of the file that were taken so far."""
        return self._source.consumed

    def readinto(self, buffer: memoryview) -> int:
        """Fill a part of ``buffer``; 0 at the end."""
        while not self._plain:
            if not self._fill():
                return 0
        size = min(len(buffer), len(self._plain))
        buffer[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _take(self) -> bytes:
        """Return packed bytes that were not unpacked yet; none at the end of the file."""
        if not self._packed:
            return bytes(self._input[: self._source.readinto(self._input)])
        packed, self._packed = self._packed, b""
        return packed

    @abc.abstractmethod
    def _fill(self) -> bool:
        """Unpack a little; return False at the end."""


class ZstdStream(_Unpacking):
    """Zstandard frames."""

    # A hostile frame can make 32,768 times as many bytes of these.
    STEP = 2048

    def _fill(self) -> bool:
        packed = self._take()
        if not packed:
            if self._frame is not None:
                raise DamagedError("ends in the middle of a Zstandard frame")
            return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            self._plain = memoryview(self._frame.decompress(packed))
        except zstandard.ZstdError as error:
            raise DamagedError(f"its compression is damaged ({error})") from error
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        return True


class GzipStream(_Unpacking):
    """Gzip members; zero bytes after one are padding."""

    STEP = 2**14
    LARGEST = 2**20
    """Bytes that are unpacked at a time."""

    _members = 0

    def _fill(self) -> bool:
        packed = self._take()
        if self._frame is None:
            packed = packed.lstrip(b"\0") if self._members else packed
            if not packed:
                # Padding may go on beyond what was taken; the end of the file may not.
                self._packed = bytes(self._input[: self._source.readinto(self._input)])
                return bool(self._packed)
            self._frame = zlib.decompressobj(wbits=31)
            self._members += 1
        try:
            self._plain = memoryview(self._frame.decompress(packed, self.LARGEST))
        except zlib.error as error:
            raise DamagedError(f"its compression is damaged ({error})") from error
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        elif not packed and not self._plain:
            raise DamagedError("ends in the middle of a gzip member")
        else:
            self._packed = self._frame.unconsumed_tail
        return True


def unpacked(source: IO[bytes], head: bytes) -> Stream:
    """Return the stream of a file of which ``head`` was read, by its magic bytes."""
    plain = PlainStream(source, head)
    if head.startswith((ZSTD_MAGIC, *ZSTD_SKIPPABLE)):
        return ZstdStream(plain)
    return GzipStream(plain) if head.startswith(GZIP_MAGIC) else plain


def is_packed(head: bytes) -> bool:
    """Tell whether a file that begins so is compressed."""
    return head.startswith((ZSTD_MAGIC, *ZSTD_SKIPPABLE, GZIP_MAGIC))


def read_head(raw: IO[bytes], size: int = 4) -> bytes:
    """Read the magic bytes; a pipe may hand them over one by one."""
    head = b""
    while len(head) < size and (more := raw.read(size - len(head))):
        head += more
    return head
