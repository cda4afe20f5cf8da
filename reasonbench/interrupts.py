"""Ctrl-C: the first stops cleanly, the second at once.

``installed`` is for the command line.  ``held`` is for what must not be cut in two: a
Ctrl-C that comes inside of it is delivered at its end.  Both do nothing outside of the
main thread, where no signal arrives.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended."""

_pressed = 0
_holding = 0
_waiting = False


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _pressed, _waiting  # noqa: PLW0603 - a signal handler has no other place
    _pressed += 1
    if _pressed > 1:
        with contextlib.suppress(OSError, ValueError):
            cursor = b"\x1b[?25h" if os.isatty(2) else b""  # a progress bar had hidden it
            os.write(2, b"\nstopped at once; what was committed is safe\n" + cursor)
        os._exit(INTERRUPTED)
    with contextlib.suppress(OSError, ValueError):
        os.write(2, b"\nstopping; Ctrl-C again stops at once\n")
    if _holding:
        _waiting = True
        return
    raise KeyboardInterrupt


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Take Ctrl-C for the time of a command."""
    global _pressed  # noqa: PLW0603
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else's handler, or SIGINT ignored under nohup: theirs stays
        return
    _pressed = 0
    signal.signal(signal.SIGINT, _on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Keep a Ctrl-C until the end of the block."""
    global _holding, _waiting  # noqa: PLW0603
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _holding += 1
    try:
        yield
    finally:
        _holding -= 1
        if _waiting and not _holding:
            _waiting = False
            raise KeyboardInterrupt
