"""Checks of the grades: missing ones, missing answers, and answers that graders missed."""

from collections.abc import Iterator

from scipy.stats import binom

from reasonbench.results import Severity, ValidityFinding
from reasonbench.validity.collect import MAX_EXAMPLES, Run, TaskSeen, example
from reasonbench.validity.findings import ARITHMETIC, finding, graded, percent, times

OWED_WARNING, OWED_INVALID = 0.0, 0.05
"""What fails to be sampled or graded is seldom a random share; from 5 % on it can hide more
points of pass@1 than tables are read for.  (A verdict wants a run that owes nothing.)"""
UNGRADED_WARNING, UNGRADED_INVALID = 0.01, 0.1
"""A point of pass@1; a tenth, above which the judged ones are a selection (as in verdicts)."""
NO_ANSWER_WARNING = 0.1
"""Answerless completions are the model's own more often than not, so many are only a warning."""
MISSED_WARNING, MISSED_INVALID = 0.01, 0.1
"""By how much pass@1 could rise: a point, and the margin that a verdict allows to inflation."""
CHANCE = 1e-3
"""Largest chance of so many gold answers in the tails of answerless texts that counts."""


def n_mismatch(run: Run) -> Iterator[ValidityFinding]:
    """Problems with another number of graded completions than was asked for.

    One that its successes stopped is complete with fewer; completions that a grader could not
    judge are there, and ``ungraded`` counts them.
    """
    for task in run.tasks:
        result = task.result
        asked = result.n * len(result.problems)
        short = [c for c in result.problems if not c.stopped and c.owed > 0]
        over = [c for c in result.problems if c.n + sum(c.ungraded.values()) > result.n]
        if not short and not over:
            continue
        owed = sum(c.owed for c in short)
        severity = graded(owed / asked, warning=OWED_WARNING, invalid=OWED_INVALID)
        if run.plan.engine.engine == "import":
            # A log may hold another n for each problem; nothing of it is owed.
            severity = Severity.WARNING
        bound = "at most " if result.stop_after_successes is not None else ""
        extra = f"; {times(len(over), 'problem')} have more than {result.n}" if over else ""
        yield finding(
            "n_mismatch",
            Severity.INVALID if over else severity or Severity.WARNING,
            task.name,
            f"{times(len(short), 'problem')} of {task.name} have fewer than the {result.n} graded "
            f"completions asked for ({bound}{owed:,} of {asked:,} are missing){extra}: problems do "
            "not count alike; the command that sampled them goes on with what is missing.",
            ARITHMETIC,
            n=result.n,
            problems=len(result.problems),
            problems_short=len(short),
            problems_over=len(over),
            missing=owed,
            share=owed / asked,
            examples=[
                f"{example(task.name, c.problem_id)}: {c.n} of {result.n}"
                for c in [*short, *over][:MAX_EXAMPLES]
            ],
        )


def ungraded(run: Run) -> Iterator[ValidityFinding]:
    """Completions that exist and have no verdict."""
    for task in run.tasks:
        share = task.flags.share("ungraded", of="all")
        severity = graded(share, warning=UNGRADED_WARNING, invalid=UNGRADED_INVALID)
        if severity is None:
            continue
        reasons = ", ".join(f"{n:,} {why}" for why, n in task.result.ungraded.items())
        yield finding(
            "ungraded",
            severity,
            task.name,
            f"{task.flags.count['ungraded']:,} of {times(task.flags.count['all'], 'completion')} "
            f"of {task.name} ({percent(share)}) have no verdict ({reasons or 'the grader failed'}) "
            "and count for nothing: the others are a selection; see what the grader lacks.",
            ARITHMETIC,
            completions=task.flags.count["all"],
            without_verdict=task.flags.count["ungraded"],
            share=share,
            reasons=dict(task.result.ungraded),
            examples=task.flags.examples["ungraded"],
        )


def no_answer(run: Run) -> Iterator[ValidityFinding]:
    """Completions that ended, closed their thinking, and hold no answer that was found."""
    for task in run.tasks:
        share = task.flags.share("no_answer", of="stopped")
        severity = graded(share, warning=NO_ANSWER_WARNING)
        if severity is None:
            continue
        yield finding(
            "no_answer",
            severity,
            task.name,
            f"No answer was found in {task.flags.count['no_answer']:,} of "
            f"{times(task.flags.count['stopped'], 'completion')} of {task.name} that ended by "
            f"themselves ({percent(share)}): the score may measure the form of answers; read some, "
            "and ask for the form that the grader looks for.",
            "reasonbench.graders.extraction: where a final answer is looked for",
            stopped=task.flags.count["stopped"],
            no_answer=task.flags.count["no_answer"],
            share=share,
            examples=task.flags.examples["no_answer"],
        )


def answer_not_extracted(run: Run) -> Iterator[ValidityFinding]:
    """Completions judged incorrect in which the gold answer stands.

    Two measures.  ``missed``: the final answer, read in our own way, is spelled as the gold
    one; that is seldom chance.  ``in_tail``: no answer was found, and the gold one stands at
    the end of what was said after the thinking, in excess of how often another problem's does.
    """
    for task in run.tasks:
        judged = sum(counts.n for counts in task.result.problems)
        excess = _tail_excess(task)
        if judged == 0 or task.flags.count["missed"] + excess == 0:
            continue
        moved = _points_missed(task) + excess / judged
        severity = graded(moved, note=0.0, warning=MISSED_WARNING, invalid=MISSED_INVALID)
        examples = task.flags.examples
        yield finding(
            "answer_not_extracted",
            severity or Severity.NOTE,
            task.name,
            f"{times(task.flags.count['missed'], 'completion')} of {task.name} were judged "
            "incorrect though their final answer reads as the gold one, and in "
            f"{excess:,} more it stands beyond chance where no answer was found: pass@1 could rise "
            f"by {100 * moved:.1f} points; check the grader on the examples.",
            "facts of grading: most disagreements of graders are extraction",
            judged=judged,
            missed=task.flags.count["missed"],
            in_tail=task.flags.count["gold_in_tail"],
            in_tail_by_chance=task.flags.count["control_in_tail"],
            pass_at_1_could_rise_by=moved,
            examples=[*examples.get("missed", []), *examples.get("gold_in_tail", [])][
                :MAX_EXAMPLES
            ],
        )


def _tail_excess(task: TaskSeen) -> int:
    """Return how many more own than foreign gold answers stand in answerless texts, or 0.

    Of texts that hold just one of the two, chance alone has half hold the own one.
    """
    own, foreign = task.flags.count["gold_in_tail"], task.flags.count["control_in_tail"]
    if own <= foreign or binom.sf(own - 1, own + foreign, 0.5) > CHANCE:
        return 0
    return own - foreign


def _points_missed(task: TaskSeen) -> float:
    """Return the rise of pass@1, a mean over problems, if all missed answers were right."""
    judged = {c.problem_id: c.n for c in task.result.problems if c.n}
    shares = [min(1.0, task.problems[p].misses / n) for p, n in judged.items()]
    return sum(shares) / len(shares)
