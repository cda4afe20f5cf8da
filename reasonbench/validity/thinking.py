"""Checks of completions that ended by themselves and whose thinking part looks wrong.

Each such task gets one finding: the marks were stripped, or stop strings were set, or the
model ended within its thought.
"""

from collections.abc import Iterator

from reasonbench.results import Severity, ValidityFinding
from reasonbench.validity.collect import Run, TaskSeen
from reasonbench.validity.findings import finding, graded, percent, times

LEAST_STOPPED = 10
"""Completions that ended by themselves, fewer than which show no pattern."""
MARKLESS = 0.9
"""Share without a closing mark that is a rule of the set-up and no lapse of the model."""
ANSWERED = 0.5
"""Share of those that end in an answer, or are too short for their tokens: unclosed thoughts
end anywhere."""
THIN = 0.5
"""Share of texts that hold less than was generated, where that is the rule."""
UNCLOSED_WARNING = 0.05
"""Five points of pass@1, for an unclosed thought never holds an answer."""
UNCLOSED_INVALID = 0.5
"""Most completions: no model is published that never ends its thought."""
STOPPED_WARNING = 0.01
"""With stop strings set a point of pass@1 already has its cause at hand."""

_TEMPLATES = (
    "facts of engines: R1-style chat templates put the opening mark into the prompt, so that "
    "outputs hold the closing mark only; servers may move the thinking into a field of its own"
)
_STOP = "reasonbench SamplingSpec.stop: never set a stop string that may occur in the thinking"


def thinking_stripped(run: Run) -> Iterator[ValidityFinding]:
    """Texts that somebody took the thinking, or its marks, out of."""
    for task in run.tasks:
        if _is_markless(task):
            yield finding(
                "thinking_stripped",
                Severity.INVALID,
                task.name,
                f"{_of(task, 'markless', 'prefilled')} lack the mark that closes the thinking "
                "which the prompt had opened, though most end in an answer: the marks were "
                "stripped, and graders see an endless thought; keep special tokens and the "
                "thinking in the text.",
                _TEMPLATES,
                prefilled=task.flags.count["prefilled"],
                without_marks=task.flags.count["markless"],
                of_these_answered=task.flags.count["markless_answer"],
                examples=task.flags.examples["markless_answer"],
            )
        elif _is_thin(task):
            yield finding(
                "thinking_stripped",
                Severity.WARNING,
                task.name,
                f"{_of(task, 'thin', 'stopped')} hold less than a byte for two generated tokens: "
                "what was thought is not in the text, so nothing about it can be checked; let the "
                "server return the thinking.",
                _TEMPLATES,
                stopped=task.flags.count["stopped"],
                thin=task.flags.count["thin"],
                examples=task.flags.examples["thin"],
            )


def stop_in_thinking(run: Run) -> Iterator[ValidityFinding]:
    """Thoughts that are unclosed where stop strings were set."""
    stops = run.plan.sampling.stop
    for task in run.tasks:
        share = task.flags.share("unclosed", of="stopped")
        severity = graded(share, warning=STOPPED_WARNING, invalid=UNCLOSED_INVALID)
        if not stops or severity is None or _is_markless(task):
            continue
        yield finding(
            "stop_in_thinking",
            _for_few(severity, task),
            task.name,
            f"{_of(task, 'unclosed', 'stopped')} ended within the thinking, and "
            f"{times(len(stops), 'stop string')} had been set: they may have cut the thought; "
            "sample without them.",
            _STOP,
            stop=list(stops),
            stopped=task.flags.count["stopped"],
            unclosed=task.flags.count["unclosed"],
            share=share,
            examples=task.flags.examples["unclosed"],
        )


def unclosed_thinking(run: Run) -> Iterator[ValidityFinding]:
    """Thoughts that the model itself seems to have ended in the middle."""
    if run.plan.sampling.stop:
        return
    for task in run.tasks:
        share = task.flags.share("unclosed", of="stopped")
        severity = graded(share, warning=UNCLOSED_WARNING, invalid=UNCLOSED_INVALID)
        if severity is None or _is_markless(task):
            continue
        yield finding(
            "unclosed_thinking",
            _for_few(severity, task),
            task.name,
            f"{_of(task, 'unclosed', 'stopped')} ended within the thinking and hold no "
            "answer: check the chat template and the end tokens.",
            "reasonbench.graders.extraction: an unclosed thought has no answer",
            stopped=task.flags.count["stopped"],
            unclosed=task.flags.count["unclosed"],
            share=share,
            examples=task.flags.examples["unclosed"],
        )


def _is_markless(task: TaskSeen) -> bool:
    flags = task.flags
    return (
        flags.count["prefilled"] >= LEAST_STOPPED
        and flags.share("markless", of="prefilled") >= MARKLESS
        and flags.share("markless_answer", of="markless") >= ANSWERED
    )


def _is_thin(task: TaskSeen) -> bool:
    enough = task.flags.count["stopped"] >= LEAST_STOPPED
    return enough and task.flags.share("thin", of="stopped") >= THIN


def _of(task: TaskSeen, flag: str, total: str) -> str:
    count, all_of_them = task.flags.count[flag], task.flags.count[total]
    return (
        f"{count:,} of {times(all_of_them, 'completion')} of {task.name} that ended by themselves "
        f"({percent(task.flags.share(flag, of=total))})"
    )


def _for_few(severity: Severity, task: TaskSeen) -> Severity:
    """Return at most a warning where few completions ended by themselves."""
    return severity if task.flags.count["stopped"] >= LEAST_STOPPED else Severity.WARNING
