"""The candidate's process: confine itself, then run the code that arrives.

What is here shares its process with hostile code, which can forge any value that it
returns.  It never learns what was expected, and cannot speak out of turn.
"""

import builtins
import contextlib
import fcntl
import io
import os
import signal
import socket
import sys
import threading
import types
from typing import Any

from reasonbench.sandbox.guest import codec, confine, landlock, objects, seccomp, suite, wire

READY = b"ready"
COMPILE_ERROR, OUT_OF_MEMORY, UNCAUGHT = 97, 98, 99
"""Exit codes that name what ended a program; Python's own would be 1 for each."""
MAIN = "/tmp/main.py"
CHANNEL = 3
_exit = os._exit


def main(
    channel: socket.socket,
    report: int,
    standard: list[int],
    job: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Confine this process and run the program; never returns."""
    code = UNCAUGHT
    try:
        try:
            channel = arrange(channel, report, standard)
            report = CHANNEL + 1
            restrict(job, options)
            os.write(report, READY)
        except BaseException as error:
            os.write(report, f"{type(error).__name__}: {error}".encode()[:500])
            _exit(UNCAUGHT)
        os.close(report)
        code = serve(channel, job["max_request"], options["folder"])
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        _exit(code)


def arrange(channel: socket.socket, report: int, standard: list[int]) -> socket.socket:
    """Leave open standard input, output and error, the channel, and the report; nothing else."""
    sources = (*standard, channel.fileno(), report)
    keep = [fcntl.fcntl(source, fcntl.F_DUPFD, 64) for source in sources]
    channel.detach()
    for target, descriptor in enumerate(keep):
        os.dup2(descriptor, target, inheritable=False)
    os.closerange(len(keep), 1 << 16)
    return socket.socket(fileno=CHANNEL)


def restrict(job: dict[str, Any], options: dict[str, Any]) -> None:
    """Give up every right that the program does not need."""
    os.setsid()
    confine.prctl(confine.PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if memory runs out, this process is the one to go
    confine.prctl(confine.PR_SET_DUMPABLE, 1)  # or /dev/stdin could not be opened again
    with contextlib.suppress(OSError):
        os.chdir(options["folder"])
    confine.set_limits(job["rlimits"])
    confine.drop_capabilities()
    confine.prctl(confine.PR_SET_NO_NEW_PRIVS, 1)
    if options["landlock"] is not None:
        landlock.restrict(options["landlock"]["listed"], options["landlock"]["read"])
    if options["seccomp"]:
        rules = options.get("filter") or seccomp.build(seccomp.machine(), own_pid=os.getpid())
        seccomp.load(rules)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    open_standard()
    for name in [name for name in sys.modules if name.partition(".")[0] == "reasonbench"]:
        del sys.modules[name]


def open_standard() -> None:
    """Give Python's standard streams the descriptors that are there now."""
    sys.stdin = sys.__stdin__ = _text(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", "backslashreplace")  # type: ignore[misc]


def _text(descriptor: int, mode: str, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, mode, closefd=False)
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    stream = io.TextIOWrapper(
        buffer, encoding="utf-8", errors=errors, newline=None, line_buffering=descriptor == 2
    )
    stream.mode = mode  # type: ignore[misc]
    return stream


def serve(channel: socket.socket, max_request: int, folder: str) -> int:
    """Run what the first frame says; return the exit code."""
    first = wire.receive(channel, max_request)
    if first is None:
        return UNCAUGHT
    order = codec.loads(first[1])
    if order["mode"] == "stdio":
        channel.close()
        return run_main(order["code"], keep=folder == "/tmp")
    if order["mode"] == "suite":
        return suite.run(order, channel, max_request)
    return answer(order, channel, max_request)


def new_module(name: str, file: str) -> types.ModuleType:
    """Return an empty module, registered under its name."""
    module = types.ModuleType(name)
    module.__file__ = file
    module.__dict__["__builtins__"] = builtins
    sys.modules[name] = module
    return module


def run_main(code: str, *, keep: bool) -> int:
    """Run a program as ``__main__``, to the end that the interpreter would give it."""
    sys.argv = [MAIN]
    if keep:  # for its tracebacks, and for programs that read themselves
        with contextlib.suppress(OSError, ValueError), open(MAIN, "w", encoding="utf-8") as file:
            file.write(code)
    module = new_module("__main__", MAIN)
    try:
        program = compile(code, MAIN, "exec", dont_inherit=True)
    except MemoryError:
        return OUT_OF_MEMORY
    except BaseException:
        show_uncaught()
        return COMPILE_ERROR
    try:
        exec(program, module.__dict__)
        status = 0
    except BaseException as error:
        status = uncaught(error)
    return finish(module, status)


def uncaught(error: BaseException) -> int:
    """Do what the interpreter does at the top of a stack; return the exit code."""
    if isinstance(error, SystemExit):
        return system_exit(error.code)
    show_uncaught()
    return OUT_OF_MEMORY if isinstance(error, MemoryError) else UNCAUGHT


def system_exit(code: object) -> int:
    """Return the exit code that ``sys.exit(code)`` comes to."""
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{code}\n")
    return 1


def show_uncaught() -> None:
    """Write the traceback to standard error, without the frame of this module."""
    kind, error, trace = sys.exc_info()
    if kind is None or error is None:
        return
    error.__traceback__ = trace.tb_next if trace is not None else None
    with contextlib.suppress(BaseException):
        sys.excepthook(kind, error, error.__traceback__)


def finish(module: types.ModuleType, status: int) -> int:
    """Wait for threads, call what asked to be called, clear the module, flush."""
    import atexit
    import threading

    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    with contextlib.suppress(BaseException):
        names = [name for name in module.__dict__ if not name.startswith("__")]
        for name in names:
            module.__dict__[name] = None
    failed = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            failed = True
    return 120 if failed and status == 0 else status


class Talk:
    """The candidate's side of the conversation: one frame for one, each with the token given."""

    def __init__(self, channel: socket.socket, token: str, max_request: int) -> None:
        self._channel, self._token, self._max_request = channel, token.encode(), max_request
        self._lock = threading.RLock()
        self.table = objects.Table(types.ModuleType("solution"))
        self.table.call_back = self.call_back

    def say(self, reply: dict[str, Any]) -> None:
        """Send a reply; the token stands only in the request that it answers."""
        self._channel.sendall(wire.pack(wire.DATA, self._token + objects.pack(reply, self.table)))

    def hear(self) -> Any:
        """Return the tree of the next request; the process ends where there is none."""
        request = wire.receive(self._channel, self._max_request)
        if request is None:
            _exit(0)
        self._token, body = request[1][:16], request[1][16:]
        return codec.parse(body)

    def call_back(self, question: list[Any]) -> Any:
        """Ask the suite to use a function of its own; meanwhile it may ask in turn."""
        with self._lock:
            self.say({"callback": question})
            while True:
                tree = self.hear()
                if type(tree) is dict and tree.keys() == {"resume"}:
                    return codec.decode(tree["resume"], self.table.find, exact=True)
                if type(tree) is dict and tree.keys() == {"raise"}:
                    raise _exception(tree["raise"])
                self.say(objects.perform(tree, self.table))


def _exception(told: dict[str, Any]) -> BaseException:
    kind = getattr(builtins, told["builtin"])
    try:
        error: BaseException = kind(told["message"])
    except TypeError:  # UnicodeDecodeError, say, cannot be made of a message
        error = RuntimeError(told["message"])
    return error


def answer(order: dict[str, Any], channel: socket.socket, max_request: int) -> int:
    """Define the code, then answer one request after another with what calls return."""
    talk = Talk(channel, order["token"], max_request)
    reply: dict[str, Any]
    try:
        module = new_module("solution", "/tmp/solution.py")
        program = compile(order["code"], module.__file__ or "", "exec", dont_inherit=True)
        exec(program, module.__dict__)
        talk.table.module = module
        reply = {"value": None}
    except BaseException as error:
        reply = {"raised": objects.describe(error)}
    while True:
        talk.say(reply)
        reply = objects.perform(talk.hear(), talk.table)
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
