"""Run by root alone, as a script: show some folders to an unprivileged uid, become it, exec.

Root's Python often lies where others cannot follow a path (``/root/.pyenv``).  In a mount
namespace of our own each folder is bound below a place that everybody can reach.
"""

import ctypes
import json
import os
import sys

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MS_NOSUID, MS_NODEV = 2, 4
PLACES = ("/tmp", "/run", "/mnt")


def mount(libc: ctypes.CDLL, source: str, target: str, kind: str | None, flags: int) -> None:
    """Mount, and raise OSError where it fails."""
    kind_ = None if kind is None else kind.encode()
    if libc.mount(source.encode(), target.encode(), kind_, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), f"mount on {target}")


def show(sources: list[str]) -> list[str]:
    """Return paths to the sources that every uid can follow."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return sources  # no right to mount: they may be reachable as they are
    mount(libc, "none", "/", None, MS_REC | MS_PRIVATE)
    opened = [os.open(source, os.O_PATH) for source in sources]  # before a place may hide them
    place = next(path for path in PLACES if os.path.isdir(path))
    mount(libc, "tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV)
    os.chmod(place, 0o755)
    shown = []
    for descriptor in opened:
        target = f"{place}/{descriptor}"
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        mount(libc, f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)
        shown.append(target)
    for descriptor in opened:
        os.close(descriptor)
    return shown


def main(order_json: str) -> None:
    """Do it, and become the command."""
    order = json.loads(order_json)
    paths = dict(zip(order["sources"], show(order["sources"]), strict=True))
    command = [paths[word[0]] if isinstance(word, list) else word for word in order["command"]]
    uid = order["uid"]
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        sys.exit(f"the unprivileged uid {uid} cannot be taken: {error}")
    os.execve(command[0], command, {})


if __name__ == "__main__":
    main(sys.argv[1])
