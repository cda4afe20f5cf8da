"""Whether a trace works on an item whose question and answer it does not state.

The words of a question come in traces on many problems, and so does each of its numbers.  A trace
in which the question's numbers stand close together, beside some of the words that speak of it, is
on that question or on one made from it.
"""

from typing import NamedTuple

from reasonbench.corpus.align_overlap import Profile, places
from reasonbench.corpus.align_tokens import Tokens

PLACE = 160
"""Tokens in which words and numbers stand, beside three times the question's."""
NUMBERS = 2
"""Least different numbers of such a question."""
AGREEMENT = 0.75
"""Share of them that stand in the trace."""
CONTENT = 2
"""Least telling words of the question there."""
KEPT = 0.3
"""Least share of them."""


class Worked(NamedTuple):
    """A place where a trace works on a question."""

    kept: float
    """Share of the question's telling words."""
    agreement: float
    """Share of its numbers."""
    first: int
    """First token of the place that is the question's."""
    last: int
    """Last one."""


def worked(question: Profile, tokens: Tokens, keys: list[str]) -> Worked | None:
    """Return where a text works on a question, or None.

    Args:
        question: the question.
        tokens: of the text.
        keys: what they are aligned by.
    """
    if len(question.numbers) < NUMBERS:
        return None
    for low, high in places(question, keys, 3 * len(question.keys) + PLACE):
        here = set(tokens.words[low:high])
        kept = question.content.intersection(keys[low:high])
        agreement = len(question.numbers & here) / len(question.numbers)
        share = len(kept) / max(len(question.content), 1)
        if len(kept) >= CONTENT and share >= KEPT and agreement >= AGREEMENT:
            own = [
                i
                for i in range(low, high)
                if keys[i] in question.content or tokens.words[i] in question.numbers
            ]
            return Worked(share, agreement, own[0], own[-1])
    return None
