"""What every grader says in the same way: grades, and the rule for missing answers.

A complete final answer after the thinking part is graded on its merits, however the
completion ended.  Without one, a completion that hit the token limit is ``truncated`` and
any other is ``no_answer``; both are incorrect.  What the engine withheld is ungraded.
"""

from reasonbench.graders.extraction import Extraction, ThinkingState, extract
from reasonbench.records import Completion, FinishReason, Grade, Verdict

DETAIL_LIMIT = 500
"""Most characters of a grade's detail."""
GOLD_UNPARSED = "gold_unparsed"
"""Reason of a grade without a verdict: the gold answer is missing or cannot be read."""
ANSWER_LIMIT = 2_000
"""Most characters of an answer that are kept in its grade."""


def grade_as(
    completion: Completion,
    grader: str,
    *,
    verdict: Verdict,
    reason: str,
    answer: str | None,
    detail: str,
    layer: str = "",
) -> Grade:
    """Return a grade of ``completion``."""
    return Grade(
        key=completion.key,
        task=completion.task,
        problem_id=completion.problem_id,
        sample_index=completion.sample_index,
        verdict=verdict,
        reason=reason,
        answer=answer if answer is None else answer[:ANSWER_LIMIT],
        grader=grader,
        layer=layer,
        detail=detail[:DETAIL_LIMIT],
    )


def correct(
    completion: Completion, grader: str, answer: str, detail: str = "", *, layer: str = ""
) -> Grade:
    """Return the grade of a right answer."""
    return grade_as(
        completion,
        grader,
        verdict=Verdict.CORRECT,
        reason="ok",
        answer=answer,
        detail=detail,
        layer=layer,
    )


def incorrect(
    completion: Completion,
    grader: str,
    reason: str,
    answer: str | None,
    detail: str = "",
    *,
    layer: str = "",
) -> Grade:
    """Return the grade of an answer that is wrong, for ``reason``."""
    return grade_as(
        completion,
        grader,
        verdict=Verdict.INCORRECT,
        reason=reason,
        answer=answer,
        detail=detail,
        layer=layer,
    )


def ungraded(
    completion: Completion,
    grader: str,
    reason: str,
    answer: str | None = None,
    detail: str = "",
    *,
    layer: str = "",
) -> Grade:
    """Return the grade of a completion about which nothing can be said."""
    return grade_as(
        completion,
        grader,
        verdict=Verdict.UNGRADED,
        reason=reason,
        answer=answer,
        detail=detail,
        layer=layer,
    )


def filtered(completion: Completion, grader: str) -> Grade | None:
    """Return the grade of a completion that the engine withheld; None for any other."""
    if completion.finish_reason is not FinishReason.FILTER:
        return None
    return ungraded(completion, grader, "filtered", detail="the engine withheld the text")


def without_gold(completion: Completion, grader: str) -> Grade:
    """Return the grade of a completion of a problem that has no gold answer."""
    return ungraded(completion, grader, GOLD_UNPARSED, detail="the problem has no gold answer")


def without_answer(completion: Completion, grader: str, state: ThinkingState) -> Grade:
    """Return the grade of a completion that holds no final answer."""
    reason = "truncated" if completion.finish_reason is FinishReason.LENGTH else "no_answer"
    detail = "the thinking part is not closed" if state is ThinkingState.UNCLOSED else ""
    return incorrect(completion, grader, reason, None, detail, layer="extraction")


def final_answer(completion: Completion, fallback: str = "none") -> Extraction:
    """Return the final answer of a completion (see ``extraction.extract``)."""
    return extract(
        completion.text,
        prefilled=completion.thinking_prefilled,
        truncated=completion.finish_reason is FinishReason.LENGTH,
        fallback=fallback,
    )
