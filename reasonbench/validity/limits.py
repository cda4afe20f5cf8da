"""Checks of what the token limit and the context did."""

from collections.abc import Iterator

from reasonbench.results import Severity, ValidityFinding
from reasonbench.validity.collect import Run, TaskSeen
from reasonbench.validity.findings import finding, graded, percent, times

TRUNCATED_NOTE = 0.01
"""A hundredth of the completions: a point of pass@1 at most, less than most intervals show."""
TRUNCATED_WARNING = 0.05
"""Five points of pass@1, which decide between models in many a published table."""
TRUNCATED_INVALID = 0.5
"""Most completions: what is measured is who finishes within the limit."""
TRUNCATION_GAP = 0.2
"""Difference of two tasks' shares from which the limit alone can make a gap of 20 points."""
LEAST_COMPLETIONS = 40
"""Completions of a task, fewer than which give no share worth comparing."""
CUT_NOTE, CUT_WARNING = 0.0, 0.01
"""A hidden cap is told from the first completion, and weighs from a point of pass@1."""

_SERVERS = (
    "facts of engines: some servers report finish_reason 'stop' at the cap, and prompt + "
    "max_tokens beyond max_model_len cuts the context, which is still scored"
)


def truncation(run: Run) -> Iterator[ValidityFinding]:
    """Completions that the limit cut off before a final answer; they count as wrong.

    One that answered and then ran on is judged on its answer and is not counted here.
    """
    for task in run.tasks:
        lost, total = task.flags.count["lost"], task.flags.count["all"]
        share = _lost(task)
        severity = graded(
            share, note=TRUNCATED_NOTE, warning=TRUNCATED_WARNING, invalid=TRUNCATED_INVALID
        )
        if severity is None:
            continue
        limit = run.plan.sampling.max_tokens
        yield finding(
            "truncation",
            severity,
            task.name,
            f"{lost:,} of {times(total, 'completion')} of {task.name} ({percent(share)}) were cut "
            f"off at {limit} tokens before a final answer and count as wrong: sample with a larger "
            "max_tokens.",
            "reasonbench: arithmetic; an answer that was never written cannot be right, so pass@1 "
            "may be too low by up to this share",
            completions=total,
            cut_before_an_answer=lost,
            share=share,
            cut_after_an_answer=task.flags.count["cut"] - lost,
            called_stop_at_the_limit=task.flags.count["called_stop"],
            max_tokens=limit,
            examples=task.flags.examples["lost"],
        )


def truncation_differs(run: Run) -> Iterator[ValidityFinding]:
    """Two tasks of which the limit cut very different shares cannot be compared."""
    tasks = [t for t in run.tasks if t.flags.count["all"] >= LEAST_COMPLETIONS]
    if len(tasks) < 2:
        return
    most, least = max(tasks, key=_lost), min(tasks, key=_lost)
    if _lost(most) - _lost(least) < TRUNCATION_GAP:
        return
    yield finding(
        "truncation_differs",
        Severity.WARNING,
        None,
        f"The token limit cut off {percent(_lost(most))} of {most.name} and "
        f"{percent(_lost(least))} of {least.name}: a difference of their scores may be the "
        "limit's; sample with a max_tokens that cuts neither.",
        shares={task.name: _lost(task) for task in tasks},
        max_tokens=run.plan.sampling.max_tokens,
    )


def context_cut(run: Run) -> Iterator[ValidityFinding]:
    """Completions that ended for their length below max_tokens, or that had no room for it."""
    for task in run.tasks:
        count, total = task.flags.count, task.flags.count["all"]
        ended, no_room = count["context_cut"], count["no_room"]
        if not ended + no_room:
            continue
        share = ended / total
        severity = graded(share, note=CUT_NOTE, warning=CUT_WARNING) or Severity.NOTE
        yield finding(
            "context_cut",
            severity,
            task.name,
            f"{times(ended, 'completion')} of {task.name} ended for their length before "
            f"max_tokens = {run.plan.sampling.max_tokens}, and {no_room:,} had no room for it in "
            "the context: a shorter limit than the one recorded was at work; set max_tokens to "
            "what the model and its server can give.",
            _SERVERS,
            completions=total,
            ended_early=ended,
            share=share,
            without_room=no_room,
            context_length=run.plan.context_length,
            examples=task.flags.examples.get("context_cut") or task.flags.examples["no_room"],
        )


def _lost(task: TaskSeen) -> float:
    return task.flags.share("lost", of="all")
