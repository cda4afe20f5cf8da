r"""Values at 60 digits: whether two things that SymPy holds are the same.

Decimals are taken as the fractions that they are, so nothing is rounded before the end.
An expression with variables is the same as another if the two agree at several points, which
are fixed, so that a verdict can be repeated.
"""

from collections.abc import Iterable, Sequence
from typing import Any

DIGITS = 60
"""Digits to which values are computed."""
_SLACK = 15
"""Last digits in which two equal values may differ."""
_NOTHING = 40
"""Digits beyond the last in which a value is as good as 0."""
_POINTS = (
    ("1.3719", "0.4271", "2.1173", "0.8317", "1.7391", "0.2917"),
    ("0.3137", "1.9171", "0.5519", "2.3717", "0.1973", "1.1119"),
    ("2.7193", "3.1373", "1.0331", "0.6173", "2.9171", "3.3719"),
    ("-1.2371", "0.7193", "-0.3911", "1.5173", "-2.0719", "0.4513"),
    ("-0.6173", "-2.3191", "1.4713", "-0.2719", "0.9137", "-1.8371"),
)
"""Values of variables, in the order of their names."""


def exact(item: Any) -> Any:
    """Return an expression with its decimals as fractions and i as the imaginary unit."""
    import sympy  # type: ignore[import-untyped]

    if not isinstance(item, sympy.Basic | sympy.MatrixBase):
        return item
    decimals = {f: sympy.Rational(str(f)) for f in item.atoms(sympy.Float)}
    units = {s: sympy.I for s in item.free_symbols if s.name == "i"}
    try:
        return item.xreplace({**decimals, **units}) if decimals or units else item
    except (AttributeError, TypeError, ValueError):
        return item


def same(
    gold: Any, answer: Any, tolerance: float | None = None, digits: int = DIGITS
) -> bool | None:
    """Return whether two expressions have the same value; None if that cannot be told."""
    import sympy

    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return None
    names = _names((gold, answer))
    if names is None or len(names) > len(_POINTS[0]):
        return None
    points = _POINTS if names else _POINTS[:1]
    seen = 0
    for point in points:
        ours, theirs = (_value(item, names, point, digits) for item in (gold, answer))
        if ours is None and theirs is None:
            continue
        if ours is None or theirs is None:
            return None
        # 'ln a + ln b' is 'ln ab' where it is real; but 'ln |x|' is meant for all x.
        negative = point[0].startswith("-") and not (gold.has(sympy.Abs) or answer.has(sympy.Abs))
        if negative and any(_undefined(item, names, point) for item in (gold, answer)):
            continue
        if not _agree(ours, theirs, tolerance, digits):
            return False
        seen += 1
    return True if seen >= min(2, len(points)) else None


def proportional(gold: Any, answer: Any, positive: bool) -> bool | None:
    """Return whether one expression is a constant times the other; None if untold."""
    names = _names((gold, answer))
    if names is None or _free(gold) != _free(answer) or len(names) > len(_POINTS[0]):
        return None if names is None else False
    ratios = []
    for point in _POINTS:
        ours, theirs = (_value(item, names, point) for item in (gold, answer))
        if ours is None or theirs is None or not ours:
            continue
        ratios.append(theirs / ours)
    if len(ratios) < 2:
        return None
    if not ratios[0] or not all(_agree(ratios[0], ratio, None) for ratio in ratios[1:]):
        return False
    return not positive or ratios[0].as_real_imag()[0] > 0


def alike(gold: Any, answer: Any) -> bool:
    """Return False where two structures of one shape hold values that differ.

    Looks into tuples, sets, intervals, equations and matrices.
    """
    import sympy

    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase):
        return gold.shape == answer.shape and _all_alike(gold.flat(), answer.flat())
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet):
        return all(any(alike(g, a) for a in answer.args) for g in gold.args)
    if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
        return same(gold, answer) is not False
    both = isinstance(gold, sympy.Basic) and isinstance(answer, sympy.Basic)
    if both and gold.func == answer.func and len(gold.args) == len(answer.args):
        return _all_alike(gold.args, answer.args)
    return True


def _all_alike(golds: Sequence[Any], answers: Sequence[Any]) -> bool:
    return len(golds) == len(answers) and all(map(alike, golds, answers))


def _free(item: Any) -> frozenset[str]:
    return frozenset(symbol.name for symbol in item.free_symbols)


def _names(items: Iterable[Any]) -> list[str] | None:
    """Return the names of all variables; None where functions or commands are unknown."""
    from sympy.core.function import AppliedUndef  # type: ignore[import-untyped]

    names: set[str] = set()
    for item in items:
        if item.atoms(AppliedUndef):
            return None
        names |= _free(item)
    return sorted(names)


def _value(item: Any, names: Sequence[str], point: Sequence[str], digits: int = DIGITS) -> Any:
    """Return the value at a point, to so many digits; None if it has none."""
    import sympy

    # As decimals of more digits: powers and roots of fractions would be computed exactly.
    at = {n: sympy.Float(value, 2 * digits) for n, value in zip(names, point, strict=False)}
    try:
        placed = item.xreplace({s: at[s.name] for s in item.free_symbols})
        value = sympy.N(placed, digits)
        if value.is_infinite:
            return value
        real, imaginary = value.as_real_imag()
        if not (real.is_Number and imaginary.is_Number) or value is sympy.nan:
            return None
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError):
        return None
    return value


def _undefined(item: Any, names: Sequence[str], point: Sequence[str]) -> bool:
    """Return whether a real expression has a root or a logarithm of a negative number."""
    import sympy

    if item.has(sympy.I):
        return False
    for part in item.atoms(sympy.Pow, sympy.log):
        if isinstance(part, sympy.Pow) and (part.exp.is_Integer or part.base is sympy.E):
            continue
        inside = _value(part.args[0], names, point)
        if inside is not None and inside.as_real_imag()[0] < 0:
            return True
    return False


def _agree(ours: Any, theirs: Any, tolerance: float | None, digits: int = DIGITS) -> bool:
    import sympy

    if ours.is_infinite or theirs.is_infinite:
        return bool(ours == theirs)
    distance = abs(ours - theirs)
    size = max(abs(ours), abs(theirs)) if tolerance is None else abs(ours)
    share = sympy.Float(f"1e-{digits - _SLACK}", digits) if tolerance is None else tolerance
    return bool(
        distance <= size * share or distance <= sympy.Float(f"1e-{digits + _NOTHING}", digits)
    )
