"""The command line in children of a process that has imported already what it needs.

``python warm_cli.py SOCKET MODULE...`` imports the modules and serves on a Unix socket until
its standard input ends.  Each call is a process of its own, with its arguments, folder,
environment and the caller's descriptors 0 to 2; only the imports are not made anew.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

COMMANDS = tuple(f"reasonbench.cli.{name}" for name in ("main", "run", "audit", "report", "scan"))
LIGHT = (
    *COMMANDS,
    "reasonbench.audit",
    "reasonbench.graders.countdown",
    "reasonbench.graders.math",
    "reasonbench.report",
    "reasonbench.scanning",
    "reasonbench.tasks.public",
    "lm_eval.tasks",
    "rich.progress",
)
WITH_MODELS = (*LIGHT, "reasonbench.engines.transformers")


class Warm:
    """Calls the command line in forks of one process."""

    def __init__(self, modules=LIGHT):
        self._folder = tempfile.TemporaryDirectory(prefix="warm")
        self.path = f"{self._folder.name}/socket"
        self._server = subprocess.Popen(
            [sys.executable, __file__, self.path, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._server.stdout.readline() != b"ready\n":
            raise RuntimeError("the command line could not be imported")

    def __call__(self, *arguments, cwd, timeout=300, env=None):
        """Return what ``subprocess.run`` would, with the output as text."""
        asked = [str(a) for a in arguments]
        with contextlib.ExitStack() as stack:
            nowhere = stack.enter_context(open(os.devnull, "rb"))
            out, err = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
            code = call(self.path, asked, (nowhere, out, err), cwd=cwd, timeout=timeout, env=env)
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(asked, code, out.read(), err.read())

    def close(self):
        self._server.communicate(timeout=60)
        self._folder.cleanup()


def call(path, arguments, files, *, cwd, timeout=None, env=None):
    """Run one command with these files as its descriptors 0 to 2; return its exit code."""
    asked = {"arguments": arguments, "cwd": str(cwd), "env": {**os.environ, **(env or {})}}
    data = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [struct.pack("!I", len(data))], [f.fileno() for f in files])
        server.sendall(data)
        with server.makefile("r") as replies:
            child = int(replies.readline())
            server.settimeout(timeout)
            try:
                return int(replies.readline())
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, timeout) from None


def serve(path, modules):
    """Answer calls; return the arguments of one in the process that is to run them."""
    for module in modules:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        gc.collect()
        gc.freeze()  # a child's last collection would copy every page
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if listener not in ready:
                os._exit(0)
            caller, _ = listener.accept()
            if os.fork() == 0:
                break
            caller.close()
    return answer(caller)


def answer(caller):
    """Wait for the child that runs the command; only the child returns."""
    with caller:
        head, files, _, _ = socket.recv_fds(caller, 4, 3)
        (left,) = struct.unpack("!I", head)
        data = caller.recv(left, socket.MSG_WAITALL)
        child = os.fork()
        if child:
            with contextlib.suppress(BrokenPipeError):
                caller.sendall(f"{child}\n".encode())
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                caller.sendall(f"{code}\n".encode())
            os._exit(0)
    asked = json.loads(data)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    open_streams()
    os.chdir(asked["cwd"])
    for name in set(os.environ) - set(asked["env"]):
        del os.environ[name]
    os.environ.update(asked["env"])
    sys.path[0] = asked["cwd"]
    return asked["arguments"]


def open_streams():
    """Make the standard streams anew: those of the server know what its own files could do."""
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    lines = {"buffering": 1, "errors": "backslashreplace"}
    sys.stderr = open(2, "w", encoding=encoding, closefd=False, **lines)  # noqa: SIM115


def end(code):
    """End this process as an interpreter does, but for the last collection.

    That one copies every page, and finds what torch's libraries leave behind at any exit.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def shim(folder, path, first):
    """Write a ``reasonbench`` that runs the commands named in ``first`` warm, the rest cold."""
    script = Path(folder) / "reasonbench"
    script.write_text(
        f"#!{sys.executable} -IS\n"
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"if sys.argv[1] not in {first!r}:\n"
        f"    cold = [{sys.executable!r}, '-m', 'reasonbench', *sys.argv[1:]]\n"
        "    os.execv(cold[0], cold)\n"
        "import warm_cli\n"
        "files = (sys.stdin, sys.stdout, sys.stderr)\n"
        f"sys.exit(warm_cli.call({path!r}, sys.argv[1:], files, cwd=os.getcwd()))\n"
    )
    script.chmod(0o755)


if __name__ == "__main__":
    arguments = serve(sys.argv[1], sys.argv[2:])
    from reasonbench.cli.main import main

    sys.argv = ["reasonbench", *arguments]
    try:
        main(arguments)
    except SystemExit as ended:
        end(ended.code)
