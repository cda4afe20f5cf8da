"""Difference of two independent proportions or means, from their own intervals."""

import math
from typing import NamedTuple


class Estimated(NamedTuple):
    """A value in [0, 1] with its confidence interval."""

    value: float
    low: float
    high: float


def difference_independent(first: Estimated, second: Estimated) -> Estimated:
    """Return first - second with an interval, for two disjoint groups.

    Parameters:
        first, second (Estimated): Values in [0, 1] with intervals of one level, made from
            disjoint problems.

    Returns:
        Estimated: The difference, in [-1, 1], and its interval of the same level.

    Notes:
        Square-and-add of the distances to the groups' own limits (MOVER): the difference
        inherits the asymmetry, and so the small-sample behaviour, of the groups' intervals,
        and is never of zero width where theirs are not. A group at 0 or 1 needs no
        correction. Two identical groups give an interval that holds 0.

    References:
        Newcombe (1998), Statistics in Medicine 17, 873-890 (method 10). Zou and Donner
        (2008), Statistics in Medicine 27, 1693-1702.
    """
    for name, group in (("first", first), ("second", second)):
        if not 0 <= group.low <= group.value <= group.high <= 1:
            raise ValueError(
                f"The {name!r} parameter of difference_independent must have "
                f"0 <= low <= value <= high <= 1. Got {tuple(group)!r} instead."
            )
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimated(value, max(-1.0, value - below), min(1.0, value + above))
