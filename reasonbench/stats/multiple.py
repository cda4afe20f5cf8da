"""Several tests at once: p-values adjusted so that each can be held against one level.

Invariant: adjusted p-values keep the order given and are never below the raw ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reasonbench.stats.checks import FloatArray, check_numbers


def holm(p: npt.ArrayLike) -> FloatArray:
    """Adjust p-values so that the chance of any false rejection is held (Holm).

    Parameters:
        p (array_like of float, shape (T,)): P-values of T tests, in [0, 1].

    Returns:
        ndarray of float64, shape (T,): Reject where it is at most alpha.

    Raises:
        ValueError: If an entry is NaN or outside [0, 1]. A test that could not be made is left
            out by the caller, not passed as 1.

    Notes:
        max_{j<=i} min(1, (T - j + 1) p_(j)), for any dependence between the tests.

    References:
        Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p_T = check_numbers(p, name="p", caller="holm", least=0.0, most=1.0)
    order = np.argsort(p_T, kind="stable")
    adjusted_T = np.empty(p_T.size)
    factor = np.arange(p_T.size, 0, -1)
    adjusted_T[order] = np.minimum(np.maximum.accumulate(factor * p_T[order]), 1.0)
    return adjusted_T


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Adjust p-values so that the expected share of false rejections is held.

    Parameters:
        p (array_like of float, shape (T,)): P-values of T tests, in [0, 1].

    Returns:
        ndarray of float64, shape (T,): Reject where it is at most the wished share.

    Raises:
        ValueError: If an entry is NaN or outside [0, 1].

    Notes:
        min_{j>=i} min(1, T p_(j) / j), for tests that are independent or positively dependent.

    References:
        Benjamini and Hochberg (1995), JRSS B 57, 289-300.
    """
    p_T = check_numbers(p, name="p", caller="benjamini_hochberg", least=0.0, most=1.0)
    order = np.argsort(p_T, kind="stable")[::-1]
    adjusted_T = np.empty(p_T.size)
    factor = p_T.size / np.arange(p_T.size, 0, -1)
    adjusted_T[order] = np.minimum(np.minimum.accumulate(factor * p_T[order]), 1.0)
    return adjusted_T
