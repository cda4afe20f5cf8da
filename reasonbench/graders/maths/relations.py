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
    r"|d(?: ?\^ ?\{?\d\}?)? ?[A-Za-z] ?/ ?d ?[A-Za-z](?: ?\^ ?\{?\d\}?)?"
    r"|\\frac\{ ?d(?: ?\^ ?\{?\d\}?)? ?[A-Za-z] ?\}\{ ?d ?[A-Za-z](?: ?\^ ?\{?\d\}?)? ?\}"
    r"|\( ?[A-Za-z](?:_\d)?(?: ?, ?[A-Za-z](?:_\d)?)+ ?\)"
    r"|\\text\{[^{}]*\})(?: ?_ ?(?:\{[^{}]*\}|\w))?'*(?: ?\^\{-1\})?(?: ?\([^()=]*\))?"
)
_COMMAND = re.compile(r"\\(?:(?P<known>frac|sqrt|cdot|times|left|right|div)|[A-Za-z]+)(?![A-Za-z])")
_LABEL = re.compile(
    r"(?:\\text\{ ?\(?(?P<a>[a-j])\)[.:]? ?\}|\(?(?P<b>[a-j])\)) ?(?P<rest>.*[^\s.,;:)].*)",
    re.DOTALL,
)
_UNKNOWN = re.compile(r"[A-Za-z]+")
_UNDER = re.compile(r"/ ?\(?[^()]*[A-Za-z]|\\frac\{[^{}]*\}\{[^{}]*[A-Za-z]")


def contradicts_itself(answer: Shape) -> bool:
    """Return whether an answer equates different numbers; math-verify reads the last one."""
    if not set(answer.marks.split()) <= {"="}:
        return False
    try:
        values = {exact(units.quantity(part), strict=True) for part in answer.parts}
    except TooBigError:
        return False
    return len(values - {None}) > 1


def is_solvable(answer: Shape) -> bool:
    """Return whether the left side of an equation says what to solve, and not what is sought.

    So it is where one letter alone is in it, beside numbers: 'x + 1 = 6'.  'a + b = 6' may
    well be what was asked for, and so may 'sin x' and 'x + 1/x'.
    """
    left = answer.parts[0]
    if NAME.fullmatch(left) or _UNDER.search(left):
        return False
    if any(found["known"] is None for found in _COMMAND.finditer(left)):
        return False
    letters = _UNKNOWN.findall(_COMMAND.sub(" ", left))
    return bool(letters) and len(set(letters)) == 1 and len(letters[0]) == 1


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


def in_order(gold: Shape, answer: Shape) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the values of two answers whose names, labels or brackets give them an order."""
    if (inner := _parts_of_question(gold, answer)) is not None:
        return inner
    if gold.kind in (Kind.LIST, Kind.SET) and answer.kind is Kind.LIST:
        values = _values_named(gold, answer)
        return None if values is None else (values, answer.parts)
    return _points(gold, answer)


def _values_named(gold: Shape, answer: Shape) -> tuple[str, ...] | None:
    """Return the values of 'x = 1, y = 2' in their order, where an answer names none of them."""
    sides = [shapes.shape(part) for part in gold.parts]
    if any(s.kind is not Kind.RELATION or s.marks != "=" for s in sides):
        return None
    names = {s.parts[0] for s in sides}
    if len(names) != len(sides) or not all(NAME.fullmatch(name) for name in names):
        return None
    if any(shapes.shape(part).kind is Kind.RELATION for part in answer.parts):
        return None
    return tuple(s.parts[1] for s in sides)


def _parts_of_question(gold: Shape, answer: Shape) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the answers to the parts (a), (b) ... of a question, if one side has such labels."""
    if gold.kind is not Kind.LIST or answer.kind is not Kind.LIST:
        return None
    sides = [_unlabelled(one.parts) for one in (gold, answer)]
    if sides[0] is None and sides[1] is None:
        return None
    return sides[0] or gold.parts, sides[1] or answer.parts


def _unlabelled(parts: Sequence[str]) -> tuple[str, ...] | None:
    found = [_LABEL.fullmatch(part) for part in parts]
    labels = "".join((one["a"] or one["b"]).lower() for one in found if one is not None)
    if len(labels) != len(parts) or labels != "abcdefghij"[: len(labels)]:
        return None
    return tuple(one["rest"].strip() for one in found if one is not None)


def _points(gold: Shape, answer: Shape) -> tuple[Sequence[str], Sequence[str]] | None:
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
