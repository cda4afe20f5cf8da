"""What runs in a replica: one engine in a process of its own, fed and emptied from afar.

One thread loads the engine and does all that is asked of it, in the order asked; the
methods that Ray calls only leave work for it and wait.  Requests are left in an inbox,
outcomes taken from an outbox, both in one call that waits until there is news: so the
engine reads on while its results travel, however far ahead it likes to read.

Nothing here imports Ray.
"""

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from reasonbench import plugins
from reasonbench.engines.rendering import one_line
from reasonbench.errors import EngineError, ReasonbenchError
from reasonbench.protocols import Engine
from reasonbench.records import Completion, EngineIdentity, Failure, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

MOST_UNREAD = 256
"""Requests that wait for the engine in a replica, at most; never more than a batch."""
CLOSING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a replica needs of the process that asked for it, as far as its node has it."""

    folder: str
    """Working folder: a model may be given by a relative path."""
    path: tuple[str, ...]
    """Where modules are looked for: an engine may be a plugin that stands there."""
    environment: Mapping[str, str]
    """Variables for libraries; those that the node sets itself stay."""

    def take_over(self) -> None:
        """Make this process's surroundings like that."""
        for name, value in self.environment.items():
            os.environ.setdefault(name, value)
        sys.path += [p for p in self.path if p and p not in sys.path and os.path.exists(p)]
        with contextlib.suppress(OSError):
            os.chdir(self.folder)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine that can be used."""

    identity: EngineIdentity
    """What draws."""
    context_length: int | None
    """Most tokens of prompt and completion together."""


@dataclass(frozen=True, slots=True)
class News:
    """What came of the work that a replica was given."""

    outcomes: tuple[Completion | Failure, ...]
    """What finished since the last call."""
    room: int
    """Requests that should be sent next."""
    ended: bool
    """Whether the engine has ended; what is still owed then does not come."""
    unread: tuple[str, ...] = ()
    """Keys that it had not read by then."""
    error: ReasonbenchError | None = None
    """Why it ended, if not in peace."""


@dataclass(slots=True)
class _Draw:
    """One call of the engine's ``sample``."""

    number: int
    sampling: SamplingSpec
    inbox: deque[SampleRequest] = field(default_factory=deque)
    outbox: list[Completion | Failure] = field(default_factory=list)
    last: bool = False
    stopped: bool = False
    ended: bool = False
    error: ReasonbenchError | None = None


class _StoppedError(Exception):
    """Ends a draw that nobody waits for, from within the requests that the engine reads."""


class Replica:
    """One engine.  Every method may be called from any thread and waits for its answer."""

    def __init__(self, model: ModelSpec, engine: EngineSpec, around: Surroundings) -> None:
        around.take_over()
        self._spec = engine
        self._most_unread = min(engine.batch_size, MOST_UNREAD)
        self._changed = threading.Condition()
        self._asked: deque[tuple[Callable[[Engine], Any], Future[Any]]] = deque()
        self._draw: _Draw | None = None
        self._closing = False
        self._loaded: Future[Loaded | ReasonbenchError] = Future()
        self._thread = threading.Thread(target=self._work, args=(model,), daemon=True)
        self._thread.start()

    def process_id(self) -> int:
        """Return the process that holds the engine; answers as soon as there is one."""
        return os.getpid()

    def load(self) -> Loaded | ReasonbenchError:
        """Return what was loaded, or why nothing can be."""
        return self._loaded.result()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return what a method of the engine returns, or the error that it raises."""
        answer: Future[Any] = Future()
        with self._changed:
            self._asked.append((lambda engine: getattr(engine, method)(*arguments), answer))
            self._changed.notify_all()
        return answer.result()

    def exchange(
        self, number: int, sampling: SamplingSpec, requests: list[SampleRequest], last: bool
    ) -> News:
        """Leave requests of draw ``number``; return its news, once there is some.

        A number that was not seen yet begins a draw and stops the one before.

        Args:
            number: the draw.
            sampling: how it is drawn.
            requests: what to draw beside what was left before.
            last: whether nothing more will come.
        """
        with self._changed:
            draw = self._draw
            if draw is not None and draw.number > number:  # calls may overtake one another
                return News(outcomes=(), room=0, ended=True)
            if draw is None or draw.number < number:
                if draw is not None:
                    draw.stopped = True
                draw = self._draw = _Draw(number, sampling)
            draw.inbox.extend(requests)
            draw.last = draw.last or last
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: draw.outbox or draw.ended or draw.stopped or self._hungry(draw)
            )
            outcomes, draw.outbox = tuple(draw.outbox), []
            return News(
                outcomes=outcomes,
                room=0 if draw.last else max(0, self._most_unread - len(draw.inbox)),
                ended=draw.ended,
                unread=tuple(r.key for r in draw.inbox) if draw.ended else (),
                error=draw.error,
            )

    def stop(self, number: int) -> None:
        """End draw ``number`` at its next request or outcome."""
        with self._changed:
            if self._draw is not None and self._draw.number == number:
                self._draw.stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close the engine, or give up waiting for that."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(CLOSING_SECONDS)

    def _hungry(self, draw: _Draw) -> bool:
        return not draw.last and len(draw.inbox) <= self._most_unread // 2

    def _work(self, model: ModelSpec) -> None:
        try:
            engine: Engine = plugins.ENGINES.load(self._spec.name, model, self._spec)
            loaded = Loaded(engine.identity, engine.context_length)
        except BaseException as error:
            self._loaded.set_result(self._sentence(error))
            return
        self._loaded.set_result(loaded)
        while (draw := self._next_draw(engine)) is not None:
            self._sample(engine, draw)
        engine.close()

    def _next_draw(self, engine: Engine) -> _Draw | None:
        """Answer what is asked until there is something to draw; None at the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._closing or self._waiting())
                if self._closing:
                    return None
                if not self._asked:
                    return self._waiting()
            self._answer(engine)

    def _waiting(self) -> _Draw | None:
        draw = self._draw
        return None if draw is None or draw.ended or draw.stopped else draw

    def _sample(self, engine: Engine, draw: _Draw) -> None:
        stream = None
        try:
            stream = engine.sample(self._read(engine, draw), draw.sampling)
            for outcome in stream:
                self._answer(engine)
                with self._changed:
                    draw.outbox.append(outcome)
                    self._changed.notify_all()
                    if draw.stopped or self._closing:
                        break
        except _StoppedError:
            pass
        except BaseException as error:
            draw.error = self._sentence(error)
        with contextlib.suppress(Exception):
            getattr(stream, "close", lambda: None)()
        with self._changed:
            draw.ended = True
            self._changed.notify_all()

    def _read(self, engine: Engine, draw: _Draw) -> Iterator[SampleRequest]:
        """Yield what is left in the inbox; while that is empty, answer what is asked."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: draw.inbox or draw.last or draw.stopped or self._closing or self._asked
                )
                if draw.stopped or self._closing:
                    raise _StoppedError
                request = draw.inbox.popleft() if draw.inbox else None
                if self._hungry(draw):
                    self._changed.notify_all()
                ended = request is None and not self._asked
            if request is not None:
                yield request
            elif ended:
                return
            else:
                self._answer(engine)

    def _answer(self, engine: Engine) -> None:
        while True:
            with self._changed:
                if not self._asked:
                    return
                call, answer = self._asked.popleft()
            try:
                answer.set_result(call(engine))
            except BaseException as error:
                answer.set_result(self._sentence(error))

    def _sentence(self, error: BaseException) -> ReasonbenchError:
        """Return an error that can travel and says what happened in one sentence."""
        if isinstance(error, ReasonbenchError):
            error.__cause__ = error.__context__ = None  # these may not travel
            return error
        return EngineError(
            f"the engine {self._spec.name!r} failed: {type(error).__name__}: {one_line(error)}"
        )
