"""The ``ray`` engine: another engine, in several processes of a Ray cluster.

Every replica loads the model; ``replica_pool`` deals the requests out and takes back what a
dead one had in flight.  A replica that died is started anew, on whatever node has room,
and must have the identity of the others.  Seeds make a draw independent of who draws it,
so the identity is that of the engine inside: samples made with and without Ray are the
same samples.

Not covered: the loss of the cluster's head, which ends this process; the same command goes
on where it stopped.  A draw that was closed early ends in a replica at its next request or
outcome; only then does that replica begin another.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from reasonbench.engines.ray_cluster import connect, share
from reasonbench.engines.replica_actor import CLOSING_SECONDS, Loaded, News, Replica, Surroundings
from reasonbench.engines.replica_pool import Lease, Pool
from reasonbench.engines.replica_slot import Phase, Slot, kill, reason
from reasonbench.errors import EngineError, ReasonbenchError, SpecError
from reasonbench.records import Completion, EngineIdentity, Failure, Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

import ray  # isort: skip - ray_cluster sets what Ray reads at import
from ray.exceptions import RayError  # isort: skip

PLACING_SECONDS = 60.0
"""A replica that no node has taken by then is not waited for, if there is no other."""
PASSED_ON = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "VLLM_", "CUBLAS_")
"""Environment variables that a replica gets where its node does not set them."""
CONCURRENCY = 8
"""Calls that wait in a replica at once; few do."""


class RayEngine:
    """Draws completions with several engines on a Ray cluster."""

    def __init__(self, model: ModelSpec, engine: EngineSpec) -> None:
        if engine.ray is None or engine.name == "ray":
            raise SpecError(
                "'ray' runs another engine on a cluster, and is none by itself",
                hint="set engine.ray to an address or 'auto', and engine.name to an engine",
            )
        self._batch_size = engine.batch_size
        self._busy = False
        self._slots: list[Slot] = []
        self._identity: EngineIdentity | None = None
        self._alive = time.monotonic()
        self._ours = connect(engine.ray)
        try:
            create = _creator(model, engine)
            self._slots = [Slot(create) for _ in range(engine.replicas)]
            loaded = self._load()
        except BaseException:
            self.close()
            raise
        self._identity, self._context = loaded.identity, loaded.context_length

    @property
    def identity(self) -> EngineIdentity:
        """Everything that changes the draws: the identity of the engine inside."""
        assert self._identity is not None  # loaded before anybody can ask
        return self._identity

    @property
    def context_length(self) -> int | None:
        """Most tokens of prompt and completion together."""
        return self._context

    @property
    def process_ids(self) -> tuple[int | None, ...]:
        """Process of each replica on its node; None where it is being placed."""
        return tuple(slot.process_id for slot in self._slots)

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model sees, chat template applied."""
        return str(self._ask("render", prompt))

    def count_tokens(self, prompt: Prompt) -> int | None:
        """Return the tokens of a rendered prompt."""
        tokens: int | None = self._ask("count_tokens", prompt)
        return tokens

    def check(self, prompts: Sequence[Prompt], sampling: SamplingSpec) -> None:
        """Refuse, before sampling, what cannot be sampled."""
        self._ask("check", list(prompts), sampling)

    def sample(
        self, requests: Iterable[SampleRequest], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield one Completion or Failure for each request, as each finishes.

        Raises:
            EngineError: as a replica's engine raised it, or no replica is left.
        """
        if self._busy:
            raise EngineError("this Ray engine is sampling already; finish or close that first")
        pool = Pool(requests, self._batch_size)
        self._busy = True
        try:
            while self._deal(pool, sampling):
                slot = self._heard()
                if slot.lease is None:
                    self._advance(slot)
                else:
                    yield from self._receive(slot, slot.lease, pool, sampling)
        finally:
            self._busy = False
            for slot in self._slots:
                slot.spent = False
                slot.end()

    def close(self) -> None:
        """End the replicas, and the connection or cluster that was made for them."""
        slots, self._slots = self._slots, []
        if ray.is_initialized():
            closing = [s.actor.close.remote() for s in slots if s.phase is Phase.READY]
            if closing:
                ray.wait(closing, num_returns=len(closing), timeout=CLOSING_SECONDS)
            for slot in slots:
                kill(slot.actor)
        if self._ours:
            self._ours = False
            ray.shutdown()

    def _load(self) -> Loaded:
        """Wait until every replica is ready; return what they all loaded."""
        first: Loaded | None = None
        limit = time.monotonic() + PLACING_SECONDS
        while any(slot.phase is not Phase.READY for slot in self._slots):
            placing = sum(slot.phase is Phase.PLACING for slot in self._slots)
            slot = self._next(limit if placing else None)
            if slot is None:
                raise self._no_room(placing)
            loaded = self._advance(slot)
            if slot.phase is Phase.GONE:
                raise EngineError(
                    f"a replica died {slot.deaths} times while it was loading: {slot.reason}",
                    hint="every node needs reasonbench, the engine and memory for the model",
                )
            if loaded is not None:
                first = first or loaded
                refuse_differences(first.identity, loaded.identity)
        assert first is not None  # there is at least one slot
        return first

    def _no_room(self, placing: int) -> EngineError:
        total = len(self._slots)
        reasons = [slot.reason for slot in self._slots if slot.reason]
        return EngineError(
            f"the cluster had room for {total - placing} of {total} replicas within "
            f"{PLACING_SECONDS:.0f} seconds" + "".join(f": {why}" for why in reasons[-1:]),
            hint="ray status shows who holds its CPUs and GPUs; lower --replicas, or wait",
        )

    def _deal(self, pool: Pool, sampling: SamplingSpec) -> bool:
        """Give every idle replica work; False when all is drawn, or no engine goes on."""
        ready = [s for s in self._slots if s.phase is Phase.READY and not s.spent]
        for slot in ready:
            if slot.lease is None and (opened := pool.open(len(ready))) is not None:
                slot.begin(*opened, sampling)
        if any(slot.lease is not None for slot in self._slots):
            return True
        return not pool.empty and not any(slot.spent for slot in self._slots)

    def _heard(self) -> Slot:
        """Return a replica that has something to say.

        Raises:
            EngineError: none is left, or none found a node in time.
        """
        if any(slot.phase in (Phase.LOADING, Phase.READY) for slot in self._slots):
            self._alive = time.monotonic()
            slot = self._next(None)
        else:
            slot = self._next(self._alive + PLACING_SECONDS)
        if slot is not None:
            return slot
        reasons = [slot.reason for slot in self._slots if slot.reason]
        if not reasons:
            raise EngineError("the Ray engine is closed and cannot sample")
        raise EngineError(
            f"all {len(self._slots)} replicas died and none came back: {reasons[-1]}",
            hint="what was sampled is safe; the same command goes on once the cluster is well",
        )

    def _next(self, limit: float | None) -> Slot | None:
        """Return a replica that has something to say; None if none has, or not by ``limit``."""
        while True:
            now = time.monotonic()
            for slot in self._slots:
                if slot.retry is not None and slot.retry <= now:
                    slot.start()
            times = [slot.retry for slot in self._slots if slot.retry is not None]
            waiting = {slot.ref: slot for slot in self._slots if slot.ref is not None}
            if (not times and not waiting) or (limit is not None and limit <= now):
                return None
            until = min([*times, *([] if limit is None else [limit])], default=None)
            seconds = None if until is None else until - now
            if not waiting:
                time.sleep(seconds or 0)
                continue
            done, _ = ray.wait(list(waiting), timeout=seconds)
            if done:
                return waiting[done[0]]

    def _advance(self, slot: Slot) -> Loaded | None:
        """Bring a replica that is being started a step further."""
        try:
            loaded = slot.advance()
        except RayError as error:
            slot.die(error)
            return None
        if loaded is not None and self._identity is not None:
            refuse_differences(self._identity, loaded.identity)
        return loaded

    def _receive(
        self, slot: Slot, lease: Lease, pool: Pool, sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Take a replica's news, and send it more to do before anybody waits."""
        try:
            news: News = ray.get(slot.ref)
        except RayError as error:
            slot.die(error)
            yield from pool.lose(lease)
            return
        for outcome in news.outcomes:
            pool.settle(lease, outcome)
        slot.deaths = 0 if news.outcomes else slot.deaths
        if news.ended:
            slot.spent = bool(news.unread) or not lease.closed
            slot.ref = None
            slot.end()
            pool.finish(lease, news.unread)
        else:
            sharing = sum(s.phase is Phase.READY and not s.spent for s in self._slots)
            more = pool.extend(lease, news.room, sharing) if news.room else []
            slot.exchange(more, sampling)
        yield from news.outcomes
        if news.error is not None:
            raise news.error

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Return what a replica answers, whichever lives.

        Raises:
            ReasonbenchError: as the engine raised it.
        """
        while True:
            slot = next((s for s in self._slots if s.phase is Phase.READY), None)
            if slot is None:
                self._advance(self._heard())
                continue
            try:
                answer = ray.get(slot.actor.ask.remote(method, *arguments))
            except RayError as error:
                if self._busy:
                    raise EngineError(f"a replica died: {reason(error)}") from error
                slot.die(error)
                continue
            if isinstance(answer, ReasonbenchError):
                raise answer
            return answer


def refuse_differences(one: EngineIdentity, other: EngineIdentity) -> None:
    """Refuse replicas that would not draw the same completions.

    Raises:
        EngineError: the identities differ; it names the fields.
    """
    left, right = msgspec.to_builtins(one), msgspec.to_builtins(other)
    differing = [
        f"{name} ({left[name]!r} and {right[name]!r})" for name in left if left[name] != right[name]
    ]
    if differing:
        raise EngineError(
            f"the replicas differ in {', '.join(differing)}",
            hint="every node needs the same model files, and the same versions of libraries",
        )


def _creator(model: ModelSpec, engine: EngineSpec) -> Callable[[], Any]:
    """Return what asks the cluster for one replica."""
    taken = share(engine, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    inner = msgspec.structs.replace(engine, ray=None, replicas=1)
    environment = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
    around = Surroundings(os.getcwd(), tuple(map(os.path.abspath, sys.path)), environment)
    kind = ray.remote(Replica).options(
        num_cpus=taken.cpus,
        num_gpus=taken.gpus,
        scheduling_strategy="SPREAD",
        max_concurrency=CONCURRENCY,
        max_restarts=0,
    )
    return lambda: kind.remote(model, inner, around)
