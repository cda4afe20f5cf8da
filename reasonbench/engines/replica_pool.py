"""Which replica draws what: requests on loan, taken back from the dead.

A replica holds a lease: what it was given and has not finished.  It is given more as its
engine reads on, up to its fair share of what is left, so that none sits idle at the end
while another has a long way to go; a slow one reads, and so gets, less.  Consecutive
requests of one prompt stay together, for engines that draw them as one.

What was in flight when a replica died goes back to the front.  A request that was there
at ``DEATHS`` deaths is suspected of them: suspects are drawn apart from everything else, in
groups halved at each further death, until one that kills a replica alone becomes a
``Failure``.  So a fatal request costs about log2(batch) replicas, once.

No request is drawn by two replicas at once, although that would end a run sooner: where
rounding makes their draws differ, taking the first to finish would favour short ones.
"""

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reasonbench.engines.rendering import sampling_failure
from reasonbench.errors import EngineError
from reasonbench.records import Completion, Failure, SampleRequest

BATCHES = 6
"""Batches on loan to one replica at most; the vLLM engine reads three ahead, and up to two
wait in its replica.  An engine that reads further is told that there is no more, for now."""
DEATHS = 2
"""Deaths in whose flight a request may be before it is drawn apart."""


@dataclass(slots=True, eq=False)
class Lease:
    """What one replica has on loan."""

    owed: dict[str, SampleRequest] = field(default_factory=dict)
    """Given and not finished, by key, in the order given."""
    closed: bool = False
    """Whether nothing is added any more."""
    suspect: bool = False
    """Whether its requests are suspected of killing replicas."""


class Pool:
    """What is still to be drawn, and by whom it is being drawn."""

    def __init__(self, requests: Iterable[SampleRequest], batch_size: int) -> None:
        self._source = iter(requests)
        self._batch_size = batch_size
        self._waiting: deque[SampleRequest] = deque()
        self._suspects: deque[list[SampleRequest]] = deque()
        self._leases: set[Lease] = set()
        self._deaths: Counter[str] = Counter()

    def open(self, replicas: int) -> tuple[Lease, list[SampleRequest]] | None:
        """Return a new lease and its first requests, or None if nothing is left.

        Args:
            replicas: how many share the work.
        """
        lease = Lease()
        given = self.extend(lease, self._batch_size, replicas)
        if not given and self._suspects:
            given = self._suspects.popleft()
            lease = Lease({r.key: r for r in given}, closed=True, suspect=True)
        if not given:
            return None
        self._leases.add(lease)
        return lease, given

    def extend(self, lease: Lease, room: int, replicas: int) -> list[SampleRequest]:
        """Return what the replica draws next; an empty answer closes the lease.

        About ``room`` requests, and up to a batch more so as not to part those of one prompt.
        """
        share = BATCHES * self._batch_size
        self._look_ahead(share * replicas)
        left = len(self._waiting) + sum(len(other.owed) for other in self._leases | {lease})
        most = min(share, -(-left // replicas)) - len(lease.owed)
        given: list[SampleRequest] = []
        while self._waiting and not lease.closed and len(given) < most:
            request = self._waiting[0]
            over = len(given) - room
            if over >= self._batch_size or (over >= 0 and not follows(given[-1], request)):
                break
            given.append(self._waiting.popleft())
        lease.owed.update((r.key, r) for r in given)
        lease.closed = lease.closed or not given or self._drained()
        return given

    def settle(self, lease: Lease, outcome: Completion | Failure) -> None:
        """Take an outcome for the request that it answers.

        Raises:
            EngineError: the replica has no such request on loan.
        """
        if lease.owed.pop(outcome.key, None) is None:
            raise EngineError(
                f"a replica returned a sample that it was not asked for, or one twice: "
                f"{outcome.task}/{outcome.problem_id}, sample_index {outcome.sample_index}",
                hint="this is a fault of the engine; nothing of that sample was stored",
            )
        self._deaths.pop(outcome.key, None)

    def finish(self, lease: Lease, unread: Iterable[str]) -> None:
        """End a lease whose engine has ended; what it never read goes to others."""
        self._leases.discard(lease)
        back = [lease.owed[key] for key in unread if key in lease.owed]
        self._waiting.extendleft(reversed(back))

    def lose(self, lease: Lease) -> list[Failure]:
        """End the lease of a replica that died; return what can never be drawn."""
        self._leases.discard(lease)
        lost = list(lease.owed.values())
        self._deaths.update(r.key for r in lost)
        if lease.suspect:
            if len(lost) == 1:
                return [sampling_failure(lost[0], self._fatal(lost[0]))]
            self._suspect(lost)
            return []
        suspects = [r for r in lost if self._deaths[r.key] >= DEATHS]
        self._suspect(suspects)
        self._waiting.extendleft(r for r in reversed(lost) if self._deaths[r.key] < DEATHS)
        return []

    @property
    def empty(self) -> bool:
        """Whether nothing waits; what is on loan may come back."""
        self._look_ahead(1)
        return not self._waiting and not self._suspects

    def _suspect(self, requests: Sequence[SampleRequest]) -> None:
        middle = (len(requests) + 1) // 2
        halves = (list(requests[:middle]), list(requests[middle:]))
        self._suspects.extend(half for half in halves if half)

    def _fatal(self, request: SampleRequest) -> EngineError:
        return EngineError(
            f"{self._deaths[request.key]} replicas died while drawing it, "
            f"the last with nothing else in flight"
        )

    def _look_ahead(self, count: int) -> None:
        missing = count - len(self._waiting)
        if missing > 0:
            self._waiting.extend(itertools.islice(self._source, missing))

    def _drained(self) -> bool:
        self._look_ahead(1)
        return not self._waiting


def follows(before: SampleRequest, after: SampleRequest) -> bool:
    """Whether both can be drawn as one: one prompt, consecutive seeds."""
    return after.seed == before.seed + 1 and after.prompt == before.prompt
