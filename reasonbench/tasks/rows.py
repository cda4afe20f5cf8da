"""Rows of public data sets: what reads one, and how it says that it cannot."""

from collections.abc import Callable, Mapping
from typing import Any

Reader = Callable[[Mapping[str, Any], int], dict[str, Any]]
"""Returns the document of a row, given the row and its number, counted from 1."""


class RowError(ValueError):
    """A row that is not what its schema says; one sentence, without where the row stands."""


class Unusable(RowError):  # noqa: N818 - it says nothing is wrong with the row
    """A good row that cannot be a problem here, and is left out and counted.

    Args:
        reason: why, in the words that rows are counted under.
        detail: what is particular to this row.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason
