r"""Mathematical equality of the final answer and the target, in layers.

Extraction, then the layers of ``reasonbench.graders.maths``; ``Grade.layer`` names the one
that decided: ``extraction``, ``text``, ``words``, ``number``, ``unit``, ``structure``,
``cost`` or ``math-verify``.  ``Grade.reason`` is one of

``ok``; ``wrong``; ``no_answer`` and ``truncated`` (see ``judging``);
``ambiguous``
    several answers were given, and only some of them are right.
``unparsed``
    an answer that nothing can read.
``too_big``
    an answer that is not given to SymPy, since it could not be stopped.
``gold_unparsed``
    no verdict: the gold answer is missing or cannot be read.
``timeout``, ``memory``, ``crashed``
    the worker had to be given up (see ``pool``).

What the data set may say is in the problem's metadata (see ``maths.options``).  Not covered:
answers that need the problem's statement to be understood.
"""

import functools
import importlib.metadata

from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, Extraction, gold_answer, split_thinking
from reasonbench.graders.maths import gold as golds
from reasonbench.graders.maths import suspicion, symbolic
from reasonbench.graders.maths.compare import compare
from reasonbench.graders.maths.judgement import Judgement
from reasonbench.graders.maths.numbers import MAX_DIGITS
from reasonbench.graders.maths.options import DEFAULT, MathOptions, read_options
from reasonbench.graders.maths.spelling import spelled
from reasonbench.records import Completion, Grade, Problem

__all__ = ["MathGrader", "check_gold", "gold_answer", "judge"]

RULES = "rules-4"
"""Part of the identity; raised whenever any answer may be judged differently."""

MAX_ANSWER = 1_000
"""Longest answer that is looked into, unless the gold answer is long as well."""

_BEST = ("ok", "ambiguous", "wrong", "unparsed", "too_big", "gold_unparsed")


class MathGrader:
    """Judges answers in LaTeX or plain numbers; see the module for its layers."""

    def __init__(self) -> None:
        version = importlib.metadata.version("math-verify")
        self.identity = f"math/1+{RULES}+math-verify-{version}+{VERSION}"
        # Loaded now, so that no completion's time limit pays for it.
        symbolic.read("x")

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion.

        Raises:
            SpecError: the problem's grading options are wrong.
        """
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        options = read_options(problem.metadata)
        if problem.target is None:
            return judging.without_gold(completion, self.identity)
        found = judging.final_answer(completion, fallback="stated")
        answer = found.whole
        if answer is None:
            grade = judging.without_answer(completion, self.identity, found.state)
            told = self._suspicion(problem.target, completion, None, grade.reason)
            detail = "; ".join(part for part in (grade.detail, told) if part)
            return judging.incorrect(
                completion, self.identity, grade.reason, None, detail, layer="extraction"
            )
        return self._graded(problem.target, completion, found, answer, options)

    def check_gold(self, problem: Problem) -> str | None:
        """Return why a problem's gold answer cannot be graded against (see ``check_gold``)."""
        return check_gold(problem)

    def _graded(
        self,
        target: str,
        completion: Completion,
        found: Extraction,
        answer: str,
        options: MathOptions,
    ) -> Grade:
        reason, layer = judge(target, answer, options=options)
        if reason == "ok":
            return judging.correct(completion, self.identity, answer, found.how, layer=layer)
        if reason == judging.GOLD_UNPARSED:
            detail = f"{found.how}; the gold answer cannot be read"
            return judging.ungraded(completion, self.identity, reason, answer, detail, layer=layer)
        told = self._suspicion(target, completion, answer, reason)
        detail = f"{found.how}; {told}" if told else found.how
        return judging.incorrect(completion, self.identity, reason, answer, detail, layer=layer)

    def _suspicion(
        self, target: str, completion: Completion, answer: str | None, reason: str
    ) -> str:
        said = split_thinking(completion.text, completion.thinking_prefilled).answer_text
        told = (suspicion.suspected(g, said, answer, reason) for g in golds.accepted(target))
        return next((text for text in told if text), "")


def judge(
    target: str, answer: str, *, seconds: float | None = None, options: MathOptions = DEFAULT
) -> Judgement:
    """Compare an answer with a target.

    Args:
        target: the gold answer, a worked solution that ends in it, or a JSON list of accepted
            answers.
        answer: the extracted answer.
        seconds: time limit, by an alarm in the main thread; None where the process can be
            killed.
        options: what the data set says.

    Returns:
        the reason and the layer that decided.
    """
    found: list[Judgement] = []
    try:
        with symbolic.time_limit(seconds):
            for gold in golds.accepted(target):
                found.append(_judged(gold, answer, options))
                if found[-1].reason == "ok":
                    break
    except symbolic.OutOfTimeError:
        return Judgement("timeout", "math-verify")
    return min(found, key=lambda judgement: _BEST.index(judgement.reason))


@functools.lru_cache(maxsize=8192)
def _judged(gold: str, answer: str, options: MathOptions) -> Judgement:
    if gold.strip() and gold.strip() == answer.strip():
        return Judgement("ok", "text")
    if len(answer) > max(MAX_ANSWER, min(MAX_DIGITS, 2 * len(gold))) and not answer.isdecimal():
        return Judgement("too_big", "cost")
    if len(gold) > MAX_DIGITS or len(answer) > MAX_DIGITS:
        return Judgement("too_big" if len(answer) > MAX_DIGITS else "gold_unparsed", "cost")
    ours = spelled(gold)
    if not ours:
        return Judgement("gold_unparsed", "text")
    found = compare(ours, spelled(answer), options)
    if found.reason == "ok":
        return found
    # Only a gold answer that no layer can read is to blame.
    if golds.fault(gold) is not None:
        return Judgement("gold_unparsed", found.layer)
    return Judgement("wrong", found.layer) if found.reason == "gold_unparsed" else found


def check_gold(problem: Problem) -> str | None:
    """Return in one sentence why a problem's gold answer cannot be graded, or None.

    It must be readable, and right against itself.

    Raises:
        SpecError: the problem's grading options are wrong.
    """
    options = read_options(problem.metadata)
    if problem.target is None:
        return "the problem has no gold answer"
    for gold in golds.accepted(problem.target):
        if (said := golds.fault(gold)) is not None:
            return f"the gold answer {gold[:80]!r} cannot be graded: {said}"
        reason = judge(gold, f"{{{gold}}}", options=options).reason
        if reason != "ok":
            return f"the gold answer {gold[:80]!r} is {reason} against itself"
    return None
