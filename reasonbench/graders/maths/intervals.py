r"""Inequalities in one variable, as the intervals that they say."""

import re
from dataclasses import dataclass

from reasonbench.graders.maths.shapes import Kind, Shape, shape

_VARIABLE = re.compile(r"[a-zA-Z](?:_\{?\w\}?)?|\\(?:alpha|beta|theta|lambda|mu|phi)")
_SIZE = re.compile(r"\|([a-zA-Z])\|")
_TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", r"\ne": r"\ne"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval and the variable that lies in it."""

    name: str
    """The variable."""
    text: str
    """The interval as a text."""


def bounds(related: Shape) -> Bounds | None:
    r"""Return the interval of '-1 \le x < 2', 'x > 5' or 'x \in [0,1)'; else None."""
    if related.kind is not Kind.RELATION:
        return None
    parts, signs = related.parts, related.marks.split()
    if signs == [r"\in"] and _VARIABLE.fullmatch(parts[0]):
        return Bounds(parts[0], parts[1])
    if not all(sign in _TURNED for sign in signs):
        return None
    if len(parts) == 3 and _VARIABLE.fullmatch(parts[1]):
        return _between(parts, signs)
    if len(parts) != 2:
        return None
    if signs[0] != r"\ne" and (size := _SIZE.fullmatch(parts[0])) is not None:
        return Bounds(size[1], _around_zero(signs[0], parts[1]))
    if _VARIABLE.fullmatch(parts[0]) and not _VARIABLE.fullmatch(parts[1]):
        return Bounds(parts[0], _ray(signs[0], parts[1]))
    if _VARIABLE.fullmatch(parts[1]) and not _VARIABLE.fullmatch(parts[0]):
        return Bounds(parts[1], _ray(_TURNED[signs[0]], parts[0]))
    return None


def union(several: Shape) -> str | None:
    """Return the union that 'x < 1 or x > 3' says, as a text; else None."""
    if several.kind is not Kind.LIST or not several.hedged:
        return None
    found = [bounds(shape(part)) for part in several.parts]
    ranges = [said for said in found if said is not None]
    if len(ranges) != len(found) or len({said.name for said in ranges}) != 1:
        return None
    return r" \cup ".join(said.text for said in ranges)


def _between(parts: tuple[str, ...], signs: list[str]) -> Bounds | None:
    low, name, high = parts
    if all(sign in (">", r"\ge") for sign in signs):
        low, high = high, low
        signs = [_TURNED[sign] for sign in reversed(signs)]
    if not all(sign in ("<", r"\le") for sign in signs):
        return None
    opening = "(" if signs[0] == "<" else "["
    closing = ")" if signs[1] == "<" else "]"
    return Bounds(name, f"{opening}{low},{high}{closing}")


def _ray(sign: str, bound: str) -> str:
    if sign == r"\ne":
        return f"(-\\infty,{bound}) \\cup ({bound},\\infty)"
    if sign in (">", r"\ge"):
        return f"{'(' if sign == '>' else '['}{bound},\\infty)"
    return f"(-\\infty,{bound}{')' if sign == '<' else ']'}"


def _around_zero(sign: str, bound: str) -> str:
    r"""Return what '|x| \le 2' says: an interval, or a union of two."""
    if sign in ("<", r"\le"):
        opening, closing = ("(", ")") if sign == "<" else ("[", "]")
        return f"{opening}-({bound}),{bound}{closing}"
    return f"{_ray(_TURNED[sign], f'-({bound})')} \\cup {_ray(sign, bound)}"
