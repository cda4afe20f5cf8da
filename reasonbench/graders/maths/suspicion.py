r"""Verdicts of 'incorrect' that a reader should look at: the gold answer may stand there.

A suspicion is told, and changes no verdict.
"""

import re

from reasonbench.graders.maths.spelling import spelled, tight

MARK = "suspected_false_negative"
"""What a grade's detail begins a suspicion with."""
TAIL = 300
"""Characters at the end of the answer part in which a final answer stands."""
MAX_GOLD = 100
"""Longest gold answer that is looked for."""
_WORD = re.compile(r"[^\W\d_]{3}|_")


def suspected(gold: str, said: str, answer: str | None, reason: str) -> str:
    """Return what makes an incorrect verdict suspect, as a text for its detail, or nothing.

    Args:
        gold: the gold answer.
        said: the answer part of the completion.
        answer: what was extracted from it.
        reason: why it was judged incorrect.
    """
    if reason == "truncated" or len(gold) > MAX_GOLD:
        return ""
    if reason == "wrong" and answer is not None:
        at = said.rfind(answer)
        behind = said[at + len(answer) :] if at >= 0 else ""
        if _stands_in(gold, behind[-TAIL:]):
            return f"{MARK}: the gold answer stands behind the answer"
        if len(answer) <= TAIL and _WORD.search(answer) and _stands_in(gold, answer):
            return f"{MARK}: the gold answer stands in the answer"
        return ""
    if _stands_in(gold, said[-TAIL:]):
        return f"{MARK}: the gold answer stands near the end"
    return ""


def _stands_in(gold: str, text: str) -> bool:
    """Return whether the gold answer stands in a text, as no part of something longer."""
    wanted, place = spelled(gold).casefold(), spelled(text).casefold()
    if not wanted:
        return False
    before, after = r"(?<![\w/^.\-+*\\])", r"(?![A-Za-z0-9/^*+\-]|[.,]\d)"
    if re.search(before + re.escape(wanted) + after, place) is not None:
        return True
    return (
        " " in place
        and re.search(before + re.escape(tight(wanted)) + after, tight(place)) is not None
    )
