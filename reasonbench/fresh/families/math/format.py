r"""How parameters become words and answers become LaTeX; what solvers of a family may share."""

import string
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isqrt

from reasonbench.fresh.family import Params

Template = Callable[[Params], str]
Number = int | Fraction


class _Text(string.Template):
    delimiter = "@"


def worded(
    forms: Mapping[str, Sequence[str]],
    values: Callable[[Params], Mapping[str, object]] | None = None,
) -> tuple[Template, ...]:
    """Return one template for each wording that all forms of a problem have.

    Args:
        forms: wordings by ``params["form"]``; ``@name`` or ``@{name}`` stands for a value.
        values: what is derived from the parameters, beside the parameters themselves.
    """

    def template(index: int) -> Template:
        def text(params: Params) -> str:
            filled = {**params, **(values(params) if values else {})}
            return _Text(forms[params["form"]][index]).substitute(filled)

        return text

    return tuple(template(index) for index in range(min(map(len, forms.values()))))


def listed(items: Sequence[object], word: str = "and") -> str:
    """Return 'a, b and c'."""
    if not items:
        return ""
    *most, last = map(str, items)
    return f"{', '.join(most)} {word} {last}" if most else last


def maths(items: Sequence[object]) -> list[str]:
    """Return each item in dollar signs."""
    return [f"${item}$" for item in items]


def fraction(value: Number) -> str:
    """Return a whole number, or a fraction in lowest terms with its sign in front."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def total(terms: Sequence[tuple[Number, str]]) -> str:
    """Return a sum of coefficients times symbols; zeros are left out, an empty symbol is 1."""
    text = ""
    for coefficient, symbol in terms:
        if not coefficient:
            continue
        sign = "-" if coefficient < 0 else "+" if text else ""
        size = fraction(abs(Fraction(coefficient)))
        text += sign + (symbol if size == "1" and symbol else size + symbol)
    return text or "0"


def power(symbol: str, exponent: int) -> str:
    """Return a power of a symbol; an exponent of 0 gives an empty symbol."""
    return "" if exponent == 0 else symbol if exponent == 1 else f"{symbol}^{{{exponent}}}"


def polynomial(coefficients: Sequence[Number], symbol: str = "x") -> str:
    """Return a polynomial; its constant coefficient comes first."""
    terms = [(value, power(symbol, degree)) for degree, value in enumerate(coefficients)]
    return total(terms[::-1])


def bracketed(text: str) -> str:
    """Return a sum in brackets; a single term stays as it is."""
    return f"({text})" if any(sign in text[1:] for sign in "+-") else text


def squarefree(number: int) -> tuple[int, int]:
    """Return (a, b) such that number is a*a*b and b has no square factor."""
    outer = inner = 1
    factor = 2
    while factor**3 <= number:
        times = 0
        while number % factor == 0:
            number, times = number // factor, times + 1
        outer, inner = outer * factor ** (times // 2), inner * factor ** (times % 2)
        factor += 1
    # What is left has at most two prime factors.
    if isqrt(number) ** 2 == number:
        return outer * isqrt(number), inner
    return outer, inner * number


def surd(rational: Number, *roots: tuple[Number, int]) -> str:
    """Return a rational number plus multiples of square roots of whole numbers, simplified."""
    found: dict[int, Fraction] = {1: Fraction(rational)}
    for coefficient, radicand in roots:
        outer, inner = squarefree(radicand)
        found[inner] = found.get(inner, Fraction(0)) + coefficient * outer
    parts = {inner: value for inner, value in found.items() if value}
    if len(parts) == 1:
        inner, value = parts.popitem()
        return _one_root(value, inner)
    first = [(parts.pop(1), "")] if 1 in parts else []
    rest = sorted(parts.items(), reverse=not first)
    return total(first + [(value, rf"\sqrt{{{inner}}}") for inner, value in rest])


def _one_root(value: Fraction, inner: int) -> str:
    if inner == 1:
        return fraction(value)
    top = total([(abs(value.numerator), rf"\sqrt{{{inner}}}")])
    sign = "-" if value < 0 else ""
    return sign + (top if value.denominator == 1 else rf"\frac{{{top}}}{{{value.denominator}}}")


def root(square: Number) -> str:
    """Return the square root of a rational number, simplified, with a whole denominator."""
    square = Fraction(square)
    bottom = square.denominator
    return surd(0, (Fraction(1, bottom), square.numerator * bottom))


def ordered(items: Sequence[object]) -> str:
    """Return a tuple."""
    return f"({', '.join(map(str, items))})"


def the_set(numbers: Sequence[int]) -> str:
    """Return a set in rising order."""
    return rf"\{{{', '.join(map(str, sorted(set(numbers))))}\}}"
