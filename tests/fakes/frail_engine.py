"""A stranger's engine whose process dies, dawdles or differs as it is told."""

import os
import signal
import time
from pathlib import Path

import msgspec
from reasonbench_fakes import FakeEngine


class FrailEngine(FakeEngine):
    """The fake engine, with further args.

    ``poison``: problems whose requests kill the process; ``folder``: where every draw leaves
    a line in a file named by the process id, and where the first process to load becomes the
    slow one if ``seconds`` (a draw) are given; ``version``: ``pid``, or a file that holds it.
    """

    def __init__(self, model, engine):
        super().__init__(model, engine)
        self.pid = os.getpid()
        self.folder = Path(self.args["folder"])
        version = self.args.get("version", "1")
        if version == "pid":
            version = str(self.pid)
        elif os.path.exists(version):
            version = Path(version).read_text()
        self.identity = msgspec.structs.replace(self.identity, versions={"frail": version})
        self.seconds = 0 if self._second() else self.args.get("seconds", 0)

    def sample(self, requests, sampling):
        return super().sample(self._read(requests), sampling)

    def _read(self, requests):
        for request in requests:
            with open(self.folder / str(self.pid), "a") as log:
                log.write(request.key + "\n")
            if request.prompt.problem_id in self.args.get("poison", ()):
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(self.seconds)
            yield request

    def _second(self):
        try:
            os.close(os.open(self.folder / "slow", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return True
        return False
