r"""The gold answer of a problem, and whether it can be graded against at all."""

import functools
import json

from reasonbench.graders.extraction import gold_answer
from reasonbench.graders.maths import shapes, symbolic, units
from reasonbench.graders.maths.arithmetic import TooBigError, value
from reasonbench.graders.maths.cost import too_big
from reasonbench.graders.maths.numbers import without_mixed
from reasonbench.graders.maths.shapes import Kind
from reasonbench.graders.maths.spelling import spelled, unbraced
from reasonbench.graders.maths.words import choice, words

MAX_LISTED = 50
"""Most accepted answers of one problem."""


def accepted(target: str) -> tuple[str, ...]:
    """Return the gold answers of a target, any of which is right.

    A task with several accepted answers has a JSON list of texts as its target; anything
    else is one answer, or a worked solution that ends in it.
    """
    if target.startswith('["') and target.endswith('"]'):
        try:
            several = json.loads(target)
        except (ValueError, RecursionError):
            several = None
        if isinstance(several, list) and all(isinstance(item, str) for item in several):
            return tuple(several[:MAX_LISTED])
    return (gold_answer(target),)


@functools.lru_cache(maxsize=8192)
def fault(gold: str) -> str | None:
    """Return why nothing but its own spelling could be graded against a gold answer.

    None means that it can be read: as words, a choice, numbers, or by math-verify.
    """
    text = spelled(gold)
    if not text:
        return "it is empty"
    return _fault(text, 0)


def _fault(text: str, depth: int) -> str | None:
    if words(text) is not None or choice(text) is not None or text == r"\ldots":
        return None
    found = shapes.shape(text)
    if found.kind is not Kind.SCALAR and depth < 6:
        faults = (_fault(part, depth + 1) for part in found.parts)
        inner = next((said for said in faults if said is not None), None)
        # Unions with complements and the like are read as a whole.
        return None if inner is None or symbolic.readable(text) else inner
    taken = units.quantity(text)
    body = unbraced(without_mixed(taken.body))
    try:
        if taken.value is not None or value(body) is not None:
            return None
    except TooBigError:
        return f"{text[:80]!r} is too large to be computed"
    if (reason := too_big(body)) is not None:
        return f"{text[:80]!r} is not given to SymPy: {reason}"
    return None if symbolic.readable(body) else f"{text[:80]!r} cannot be read"
