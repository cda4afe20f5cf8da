"""The place of one replica: its actor, and the next one when that dies.

A dead actor is replaced by asking the cluster for another, not by Ray's ``max_restarts``: a
new actor cannot be mistaken for the old one, and is checked before it draws.
"""

import contextlib
import enum
import itertools
import time
from collections.abc import Callable
from typing import Any

from reasonbench.engines import ray_cluster  # noqa: F401 - sets what Ray reads at import
from reasonbench.engines.rendering import one_line
from reasonbench.engines.replica_actor import Loaded
from reasonbench.engines.replica_pool import Lease
from reasonbench.errors import ReasonbenchError
from reasonbench.records import SampleRequest
from reasonbench.specs import SamplingSpec

import ray  # isort: skip

RETRY_SECONDS = 1.0
"""A replica that died while it was being placed is placed again so much later: a cluster takes
up to 20 seconds to notice that a node died, and may choose that node."""
FRUITLESS_DEATHS = 3
"""A replica that dies so often without one outcome between is given up."""


class Phase(enum.Enum):
    """How far a replica is."""

    PLACING = "placing"
    """Waiting for a node."""
    LOADING = "loading"
    """Loading the model."""
    READY = "ready"
    """Able to draw."""
    GONE = "gone"
    """Given up."""


class Slot:
    """The place of one replica: its actor now, and the next one when that dies."""

    numbers = itertools.count(1)

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create
        self.deaths = 0
        self.reason = ""
        self.retry: float | None = None
        self.spent = False
        self.lease: Lease | None = None
        self.start()

    def start(self) -> None:
        """Ask the cluster for an actor."""
        self.actor = self._create()
        self.phase, self.retry = Phase.PLACING, None
        self.process_id: int | None = None
        self.ref: Any = self.actor.process_id.remote()

    def advance(self) -> Loaded | None:
        """Take the next step towards READY, which has been reached where it returns.

        Raises:
            RayError: the actor died.
            ReasonbenchError: the engine cannot be loaded.
        """
        if self.phase is Phase.PLACING:
            self.process_id = ray.get(self.ref)
            self.phase, self.ref = Phase.LOADING, self.actor.load.remote()
            return None
        loaded: Loaded | ReasonbenchError = ray.get(self.ref)
        if isinstance(loaded, ReasonbenchError):
            raise loaded
        self.phase, self.ref = Phase.READY, None
        return loaded

    def begin(self, lease: Lease, given: list[SampleRequest], sampling: SamplingSpec) -> None:
        """Begin a draw."""
        self.lease, self.draw = lease, next(self.numbers)
        self.exchange(given, sampling)

    def exchange(self, given: list[SampleRequest], sampling: SamplingSpec) -> None:
        """Send requests and ask for news."""
        closed = self.lease is not None and self.lease.closed
        self.ref = self.actor.exchange.remote(self.draw, sampling, given, closed)

    def end(self) -> None:
        """Forget the draw; one that is in flight is stopped."""
        if self.lease is not None and self.ref is not None:
            self.actor.stop.remote(self.draw)
        if self.lease is not None:
            self.lease = self.ref = None

    def die(self, error: Exception) -> None:
        """Put another actor in the place of a dead one, or give the place up."""
        blameless = self.lease is not None and self.lease.suspect
        self.reason = reason(error)
        self.lease = self.ref = self.process_id = None
        kill(self.actor)
        if self.phase is Phase.PLACING:
            self.retry = time.monotonic() + RETRY_SECONDS
            return
        self.deaths += 0 if blameless else 1
        if self.deaths < FRUITLESS_DEATHS:
            self.start()
        else:
            self.phase = Phase.GONE


def kill(actor: Any) -> None:
    """End an actor's process, dead or alive."""
    with contextlib.suppress(Exception):
        ray.kill(actor, no_restart=True)


def reason(error: Exception) -> str:
    """Return the part of Ray's long message that says why, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [
        n for n in lines if n.startswith(("The actor is dead because", "The actor died bec"))
    ]
    raised = [n for n in lines if n.split(":")[0].endswith(("Error", "Exception"))]
    found = [*raised[-1:], *telling[:1], *lines[:1]]
    return one_line(Exception(found[0])) if found else type(error).__name__
