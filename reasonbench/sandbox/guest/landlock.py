"""Landlock: without namespaces, what a process may open, connect to and signal."""

import ctypes
import os
import struct

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH = 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
WRITE_FILE = 1 << 1
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
MIN_ABI = 3
"""Truncation is covered from here on; without it a file could be emptied."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(number: int, *args: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return result


def abi() -> int:
    """Return the kernel's Landlock version; raise OSError where it has none."""
    return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))


def restrict(listed: list[str], read: list[str]) -> None:
    """Allow names and files to be read below these, and the harmless devices; nothing else.

    Names can be listed where files cannot be read, for that is how Python looks for modules.
    Files that are open already, such as standard output, stay as they are.
    """
    version = abi()
    if version < MIN_ABI:
        raise OSError(0, f"landlock: version {version} of the kernel's is older than {MIN_ABI}")
    # Unnamed bits of a newer kernel stay unhandled; network and scope came with 4 and 6.
    files = (1 << (16 if version >= 5 else 15)) - 1
    network = 3 if version >= 4 else 0
    scope = 3 if version >= 6 else 0
    attributes = struct.pack("=QQQ", files, network, scope)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _call(_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    try:
        for path in listed:
            _allow(ruleset, path, READ_DIR)
        for path in read:
            _allow(ruleset, path, READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE)
        for path in DEVICES:
            _allow(ruleset, path, READ_FILE | WRITE_FILE)
        _call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    try:
        rule = struct.pack("=Qi", rights, opened)
        _call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH), rule, ctypes.c_uint(0))
    finally:
        os.close(opened)
