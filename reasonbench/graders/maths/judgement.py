"""What a comparison came to, and what several come to together."""

from collections.abc import Sequence
from typing import NamedTuple

_LAYERS = ("text", "words", "number", "structure", "cost", "math-verify")
_WORSE = ("ok", "gold_unparsed", "too_big", "unparsed", "wrong")


class Judgement(NamedTuple):
    """What a comparison came to."""

    reason: str
    """``ok``, ``wrong``, ``ambiguous``, ``unparsed``, ``too_big`` or ``gold_unparsed``."""
    layer: str
    """Layer that decided."""


def all_of(found: Sequence[Judgement]) -> Judgement:
    """Return the verdict on parts that must all be right."""
    if not found:
        return Judgement("ok", "structure")
    failed = [judgement for judgement in found if judgement.reason != "ok"]
    if failed:
        return worst_of(failed)
    return max(found, key=lambda j: _LAYERS.index(j.layer) if j.layer in _LAYERS else 0)


def worst_of(found: Sequence[Judgement]) -> Judgement:
    """Return the verdict on parts none of which is right."""
    if not found:
        return Judgement("wrong", "structure")
    return max(found, key=lambda j: _WORSE.index(j.reason) if j.reason in _WORSE else 0)


def one_of(found: Sequence[Judgement]) -> Judgement:
    """Return the verdict on several answers to a question that has one."""
    right = [judgement for judgement in found if judgement.reason == "ok"]
    if len(right) == len(found):
        return all_of(found)
    if right:
        return Judgement("ambiguous", "structure")
    return worst_of(found)
