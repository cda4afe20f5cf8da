"""What the families of coding problems are written with.

Statements and programs are texts in which ``@name`` stands for a parameter, so that neither
LaTeX nor Python braces need escapes.
"""

import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.family import Params

_NAME = re.compile(r"@([a-z]+)")
_WRAP = re.compile(r"(?<!\n)\n(?!\n|- |Input:|Output:|Constraints:)")
"""End of a line within a paragraph."""

View = Callable[[Params], Mapping[str, Any]]


def filled(text: str, view: View = dict) -> Callable[[Params], str]:
    """Return what puts parameters, or what a view makes of them, into a text."""

    def render(p: Params) -> str:
        values = view(p)
        return _NAME.sub(lambda found: str(values[found.group(1)]), text)

    return render


def told(tail: str, *stories: str, view: View = dict) -> tuple[Callable[[Params], str], ...]:
    """Return statements: each story, as one paragraph, and what all of them share."""
    return tuple(
        filled(f"{' '.join(story.split())}\n\n{_WRAP.sub(' ', tail.strip())}", view)
        for story in stories
    )


def mutants(
    source: str, *changes: tuple[str, str], view: View = dict
) -> Callable[[Params], list[str]]:
    """Return what makes wrong programs of a right one, by one replacement each.

    Raises:
        ValueError: a change names what does not occur exactly once.
    """
    for old, _ in changes:
        if source.count(old) != 1:
            raise ValueError(f"{old!r} occurs {source.count(old)} times in the program")
    renders = [filled(source.replace(old, new), view) for old, new in changes]
    return lambda p: [render(p) for render in renders]


def bulk(draw: Draw, count: int, low: int, high: int) -> list[int]:
    """Return many whole numbers from ``low`` to ``high``, quickly, from one draw.

    The bias of the remainder is below the span over 2**64.
    """
    key = draw.integer(0, 2**128 - 1).to_bytes(16, "big")
    words = struct.unpack(f">{count}Q", hashlib.shake_256(key).digest(8 * count))
    span = high - low + 1
    return [low + word % span for word in words]


def rows(*lines: Iterable[Any] | int | str) -> str:
    """Return lines of standard input: a text, a number, or values joined by spaces."""
    return "".join(
        f"{line if isinstance(line, int | str) else ' '.join(map(str, line))}\n" for line in lines
    )
