"""Run directories that exports and samples are tested on."""

import datetime

from validity_runs import Drawn, honest, make_run

from reasonbench.records import FinishReason, Session, Verdict

ENDED = datetime.datetime(2026, 3, 17, 12, 30, 5, tzinfo=datetime.UTC)


def session(plan_id):
    return Session(plan=plan_id, command=("r",), versions={}, platform="p", pid=1, started=ENDED)


def patchy(problem, index):
    """One of each kind: cut off, without a verdict, without a grade, not there."""
    drawn = honest(problem, index)
    if index == 3:
        drawn = Drawn(
            text="<think>\ncut \ud800 off",
            finish=FinishReason.LENGTH,
            verdict=Verdict.INCORRECT,
            reason="truncated",
            answer=None,
        )
    drawn.verdict = Verdict.UNGRADED if index == 5 else drawn.verdict
    drawn.reason = "timeout" if index == 5 else drawn.reason
    drawn.graded, drawn.exists = index != 6, index != 7
    return drawn


def make(directory, draw=honest, **more):
    """Store a run of four problems that has a date; return its directory."""
    return make_run(directory, draw, **{"count": 4, "sessions": (session,), **more})
