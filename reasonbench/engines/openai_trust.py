"""When to stop trusting a server, or to stop trying it."""

from reasonbench.engines.openai_args import ServerArgs
from reasonbench.engines.openai_preflight import Served, trouble_error
from reasonbench.engines.openai_replies import Answer
from reasonbench.engines.openai_transport import Trouble
from reasonbench.errors import EngineError
from reasonbench.records import Completion, SampleRequest

GONE_AFTER = 3
"""Requests one after the other that no try could connect for."""
HOPELESS_AFTER = 16
"""Requests one after the other that failed, ..."""
HOPELESS_PROBLEMS = 3
"""... of at least so many problems: one problem may be to blame for its own."""


class Witness:
    """Compares what replies say of the server: its model, its fingerprint, their ids."""

    def __init__(self, served: Served, args: ServerArgs) -> None:
        self._args = args
        known = served.model is not None or served.fingerprint is not None
        self._first = (served.model, served.fingerprint) if known else None
        self._ids: set[int] = set()

    def objection(self, answer: Answer) -> Trouble | None:
        """Return why this answer cannot stand beside those before it, or None."""
        now = (answer.model, answer.fingerprint if self._args.pin_fingerprint else None)
        if self._first is None:
            self._first = now
        was = (self._first[0], self._first[1] if self._args.pin_fingerprint else None)
        if now != was:
            return Trouble(
                "ServerChanged",
                f"what the server serves changed during the run, from {_name(was)} to {_name(now)}",
                fatal=True,
                hint="run again to draw anew from what is served now; where a fingerprint "
                "changes by itself: --engine-arg pin_fingerprint=false",
            )
        return self._repeated(answer) if self._args.unique_ids and answer.id else None

    def _repeated(self, answer: Answer) -> Trouble | None:
        mark = hash(answer.id)
        if mark in self._ids:
            return Trouble(
                "RepeatedReply",
                f"the server gave two requests a reply of one id, {answer.id!r}, as a cache does; "
                f"their texts would be copies, not draws",
                fatal=True,
                hint="switch the cache off; where all replies have one id: "
                "--engine-arg unique_ids=false",
            )
        self._ids.add(mark)
        return None


class Breaker:
    """Ends a run that would only collect failures."""

    def __init__(self) -> None:
        self._unreachable = 0
        self._failed = 0
        self._problems: set[tuple[str, str]] = set()

    def stop(self, request: SampleRequest, outcome: Completion | Trouble) -> EngineError | None:
        """Return the error that ends the run after this outcome, or None."""
        if isinstance(outcome, Completion):
            self._unreachable = self._failed = 0
            self._problems.clear()
            return None
        if outcome.fatal:
            return trouble_error(outcome)
        self._unreachable = self._unreachable + 1 if outcome.unreachable else 0
        self._failed += 1
        self._problems.add((request.prompt.task, request.prompt.problem_id))
        if self._unreachable >= GONE_AFTER:
            return EngineError(
                f"the server is gone: {self._unreachable} requests one after the other could not "
                f"reach it; {outcome.message}",
                hint="start it again and run the same command: it goes on where it stopped",
            )
        if self._failed >= HOPELESS_AFTER and len(self._problems) >= HOPELESS_PROBLEMS:
            return EngineError(
                f"{self._failed} requests one after the other failed, the last because "
                f"{outcome.message}",
                hint="what was sampled is safe; the same command goes on",
            )
        return None


def _name(served: tuple[str | None, str | None]) -> str:
    model, fingerprint = served
    return repr(model) + (f" ({fingerprint})" if fingerprint else "")
