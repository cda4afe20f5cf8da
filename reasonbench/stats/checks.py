"""What the functions of this package refuse, in one sentence each.

Every message names the parameter, the function, the rule, and what was got.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def check_count(value: SupportsIndex, *, name: str, caller: str, least: int = 1) -> int:
    """Return value as an int, or raise ValueError if it is not an integer >= least."""
    try:
        count = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = least - 1
    if count < least:
        raise ValueError(
            f"The {name!r} parameter of {caller} must be an integer >= {least}. "
            f"Got {value!r} instead."
        )
    return count


def check_probability(value: float, *, name: str, caller: str) -> float:
    """Return value as a float, or raise ValueError if it is not within (0, 1)."""
    return _check_within(value, name=name, caller=caller, least=0, most=1)


def check_alpha(alpha: float, *, caller: str) -> float:
    """Return alpha as a float, or raise ValueError if it is not within (0, 1/2)."""
    return _check_within(alpha, name="alpha", caller=caller, least=0, most=0.5)


def check_anchor(anchor: float, *, caller: str) -> float:
    """Return the anchor as a float, or raise ValueError if it is not within (0, inf)."""
    return _check_within(anchor, name="anchor", caller=caller, least=0, most=math.inf)


def _check_within(value: float, *, name: str, caller: str, least: float, most: float) -> float:
    if not (isinstance(value, numbers.Real) and least < value < most):
        raise ValueError(
            f"The {name!r} parameter of {caller} must be in the range ({least}, {most}). "
            f"Got {value!r} instead."
        )
    return float(value)


def check_number(
    value: float, *, name: str, caller: str, least: float = -math.inf, most: float = math.inf
) -> float:
    """Return value as a float, or raise ValueError if it is not finite within [least, most]."""
    real = isinstance(value, numbers.Real)
    if not (real and math.isfinite(value) and least <= value <= most):
        raise ValueError(
            f"The {name!r} parameter of {caller} must be a finite number in [{least}, {most}]. "
            f"Got {value!r} instead."
        )
    return float(value)


def check_numbers(
    values: npt.ArrayLike,
    *,
    name: str,
    caller: str,
    least: float = -math.inf,
    most: float = math.inf,
) -> FloatArray:
    """Return a 1-D float64 array, or raise ValueError for NaN or what is out of range."""
    rule = (
        f"The {name!r} parameter of {caller} must be a 1-D array of numbers in [{least}, {most}]."
    )
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{rule} Got an array of shape {array.shape} instead.")
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{rule} Got an array of dtype {array.dtype} instead.")
    array = array.astype(np.float64)
    bad = np.flatnonzero(~((array >= least) & (array <= most)))
    if bad.size:
        raise ValueError(f"{rule} Got {array[bad[0]]} at index {bad[0]} instead.")
    return array


def check_weights(counts: npt.ArrayLike | None, size: int, *, caller: str) -> FloatArray:
    """Return how many problems each entry stands for, 1 by default, or raise ValueError."""
    if counts is None:
        return np.ones(size)
    weight = check_numbers(counts, name="counts", caller=caller, least=0.0, most=float(2**53))
    if weight.size != size:
        raise ValueError(
            f"The 'counts' parameter of {caller} must have one entry for each of {size} problems. "
            f"Got {weight.size} entries instead."
        )
    return weight


def check_booleans(values: npt.ArrayLike, size: int, *, name: str, caller: str) -> BoolArray:
    """Return a bool array of the given size, or raise ValueError."""
    array = np.asarray(values)
    if array.shape != (size,) or (array.size and array.dtype.kind != "b"):
        raise ValueError(
            f"The {name!r} parameter of {caller} must be an array of {size} booleans. "
            f"Got an array of shape {array.shape} and dtype {array.dtype} instead."
        )
    return array.astype(np.bool_)


def check_groups(
    labels: npt.ArrayLike | None, size: int, *, caller: str, name: str = "clusters"
) -> npt.NDArray[np.intp] | None:
    """Return each entry's place among the distinct labels (None for none), or raise ValueError.

    Labels are strings or integers: two NaN are two groups to numpy and one to a reader.
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.shape != (size,) or (array.size and array.dtype.kind not in "iuU"):
        raise ValueError(
            f"The {name!r} parameter of {caller} must be an array of {size} integers or strings. "
            f"Got an array of shape {array.shape} and dtype {array.dtype} instead."
        )
    return np.unique(array, return_inverse=True)[1].reshape(-1)
