"""Drawing again until parameters are worth asking about."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MAX_TRIES = 10_000
"""Draws after which a family is taken to ask for what does not exist."""


def redrawn(make: Callable[[], T], fine: Callable[[T], bool]) -> T:
    """Return the first made value that is fine.

    Raises:
        ValueError: none of very many is: a fault of the family.
    """
    for _ in range(MAX_TRIES):
        if fine(made := make()):
            return made
    raise ValueError(f"none of {MAX_TRIES} draws gave a problem: loosen the family's conditions")
