r"""Exact values of sums, products, powers and roots of rational numbers; nothing else.

A descent over tokens with bounds on depth and on the size of every value, so it ends soon
whatever it is given.  What it cannot read, or what is irrational, has no value here.
"""

import math
import re
from fractions import Fraction

MAX_BITS = 40_000
"""Largest numerator or denominator of any value on the way."""
MAX_DEPTH = 40
"""Deepest nesting."""
MAX_FACTORIAL = 2_000
"""Largest number whose factorial is taken."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<word>\\(?:frac|sqrt|binom|cdot|times|div)(?![A-Za-z]))|(?P<sign>[-+*/^!(){}\[\]]))",
    re.ASCII,
)
_OPENS = {"(": ")", "{": "}", "[": "]"}
_PRODUCT = ("*", "\\cdot", "\\times")
_QUOTIENT = ("/", "\\div")


class TooBigError(Exception):
    """A value would be larger than ``MAX_BITS`` allows."""


class _UnreadableError(Exception):
    """No sum of rational numbers."""


def value(text: str) -> Fraction | None:
    """Return the exact value of an expression in rational numbers, or None.

    Raises:
        TooBigError: the value, or one on the way to it, is too large to be computed.
    """
    try:
        tokens = _tokens(text)
        reader = _Reader(tokens)
        result = reader.sum(0)
        return result if reader.at == len(tokens) else None
    except (_UnreadableError, ZeroDivisionError):
        return None


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _UnreadableError
        if found["number"] and tokens and _is_number(tokens[-1]):
            raise _UnreadableError
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


def _is_number(token: str) -> bool:
    return token[0].isdigit() or token[0] == "."


def _bounded(number: Fraction) -> Fraction:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > MAX_BITS:
        raise TooBigError
    return number


class _Reader:
    """One descent over the tokens of an expression."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self.at = 0

    @property
    def _next(self) -> str:
        return self._tokens[self.at] if self.at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next
        self.at += 1
        return token

    def sum(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise _UnreadableError
        total = self._product(depth)
        while self._next in ("+", "-"):
            sign = self._take()
            term = self._product(depth)
            total = _bounded(total + term if sign == "+" else total - term)
        return total

    def _product(self, depth: int) -> Fraction:
        total = self._signed(depth)
        while token := self._next:
            if token in _PRODUCT:
                self.at += 1
                total *= self._signed(depth)
            elif token in _QUOTIENT:
                self.at += 1
                total /= self._signed(depth)
            elif token in ("(", "{", "\\frac", "\\sqrt", "\\binom"):
                # A fraction after a whole number may be a mixed number: not ours to tell.
                if token == "\\frac" and _is_number(self._tokens[self.at - 1]):
                    raise _UnreadableError
                total *= self._power(depth)
            else:
                break
            _bounded(total)
        return total

    def _signed(self, depth: int) -> Fraction:
        negative = False
        while self._next in ("+", "-"):
            negative ^= self._take() == "-"
        result = self._power(depth)
        return -result if negative else result

    def _power(self, depth: int) -> Fraction:
        base = self._factorial(depth)
        if self._next != "^":
            return base
        self.at += 1
        return _raised(base, self._exponent(depth + 1))

    def _exponent(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise _UnreadableError
        negative = self._next == "-"
        self.at += negative
        result = self._power(depth)
        return -result if negative else result

    def _factorial(self, depth: int) -> Fraction:
        result = self._atom(depth)
        if self._next == "!":
            self.at += 1
            if result.denominator != 1 or result < 0 or self._next == "!":
                raise _UnreadableError
            if result > MAX_FACTORIAL:
                raise TooBigError
            result = Fraction(math.factorial(int(result)))
        return result

    def _atom(self, depth: int) -> Fraction:
        token = self._take()
        if token in _OPENS:
            result = self.sum(depth + 1)
            if self._take() != _OPENS[token]:
                raise _UnreadableError
            return result
        if token in ("\\frac", "\\binom"):
            top, bottom = self._group(depth), self._group(depth)
            return top / bottom if token == "\\frac" else _binomial(top, bottom)
        if token == "\\sqrt":
            index = self._atom(depth + 1) if self._next == "[" else Fraction(2)
            return _root(self._group(depth), index)
        if not token or not _is_number(token):
            raise _UnreadableError
        return Fraction(token)

    def _group(self, depth: int) -> Fraction:
        if self._next != "{":
            raise _UnreadableError
        return self._atom(depth)


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        if exponent.denominator > 64:
            raise _UnreadableError
        base = _root(base, Fraction(exponent.denominator))
    power = exponent.numerator
    if base == 0 and power <= 0:
        raise _UnreadableError
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and base != 0 and bits * abs(power) > MAX_BITS:
        raise TooBigError
    return base ** (power if abs(base) != 1 else power % 2)


def _binomial(top: Fraction, bottom: Fraction) -> Fraction:
    if top.denominator != 1 or bottom.denominator != 1 or not 0 <= bottom <= top:
        raise _UnreadableError
    if top > 2 * MAX_FACTORIAL:
        raise TooBigError
    return Fraction(math.comb(int(top), int(bottom)))


def _root(number: Fraction, index: Fraction) -> Fraction:
    """Return a root that is rational."""
    if index.denominator != 1 or not 2 <= index <= 64 or number < 0:
        raise _UnreadableError
    return Fraction(
        _whole_root(number.numerator, int(index)), _whole_root(number.denominator, int(index))
    )


def _whole_root(number: int, index: int) -> int:
    if index == 2:
        root = math.isqrt(number)
    else:
        low, high = 0, 1 << (number.bit_length() // index + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**index <= number else (low, middle - 1)
        root = low
    if root**index != number:
        raise _UnreadableError
    return root
