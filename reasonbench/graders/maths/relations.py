r"""Equations and inequalities as texts: names, sides, points and contradictions."""

import re
from collections.abc import Sequence

from reasonbench.graders.maths import shapes, units
from reasonbench.graders.maths.arithmetic import TooBigError
from reasonbench.graders.maths.scalars import exact
from reasonbench.graders.maths.shapes import Kind, Shape

NAME = re.compile(
    r"(?:[A-Za-z']+|\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|phi|omega)"
    r"|\\(?:angle|triangle) ?[A-Z]+|\\(?:vec|hat|bar|overline|tilde) ?\{?[A-Za-z]+\}?|\|[A-Za-z]+\|"
    r"|\\text\{[^{}]*\})(?: ?_ ?(?:\{[^{}]*\}|\w))?'*(?: ?\^\{-1\})?(?: ?\([^()=]*\))?"
)
COEFFICIENT = re.compile(r"[-+]?[\d.]+ ?[a-zA-Z](?: ?\^ ?\{?\d+\}?)?")


def contradicts_itself(answer: Shape) -> bool:
    """Return whether an answer equates different numbers; math-verify reads the last one."""
    if not set(answer.marks.split()) <= {"="}:
        return False
    try:
        values = {exact(units.quantity(part), strict=True) for part in answer.parts}
    except TooBigError:
        return False
    return len(values - {None}) > 1


def greater(related: Shape) -> tuple[str, str, str]:
    """Return an inequality with the larger side first."""
    left, right = related.parts
    flipped = {"<": ">", r"\le": r"\ge"}
    if related.marks in flipped:
        return flipped[related.marks], right, left
    return related.marks, left, right


def _assigned(parts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values of 'x = 1, y = 2', where the names come in their order."""
    sides = [shapes.shape(part) for part in parts]
    if not all(s.kind is Kind.RELATION and s.marks == "=" for s in sides):
        return None
    names = [s.parts[0] for s in sides]
    if names != sorted(set(names)) or not all(NAME.fullmatch(name) for name in names):
        return None
    return tuple(s.parts[1] for s in sides)


def points(gold: Shape, answer: Shape) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the values of a point and of 'x = 1, y = 2', whichever side has which."""
    sides: list[Sequence[str]] = []
    for one in (gold, answer):
        if one.kind is Kind.LIST:
            values = _assigned(one.parts)
            if values is None:
                return None
            sides.append(values)
        elif one.kind in (Kind.SEQUENCE, Kind.MATRIX) and one.marks in ("()", "1"):
            sides.append(one.parts)
    if len(sides) != 2 or gold.kind is answer.kind:
        return None
    return sides[0], sides[1]
