"""Random draws that are the same on every machine and in every version of Python.

A draw is a stream of SHA-256 digests of (seed, counter).  Nothing else of a family may be random:
what a seed gives is what can be proven of a problem.
"""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of draws from one seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed = hashlib.sha256(seed).digest()
        self._counter = 0
        self._bits = 0
        self._n_bits = 0

    def _take(self, n_bits: int) -> int:
        while self._n_bits < n_bits:
            block = hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._bits = self._bits << 256 | int.from_bytes(block, "big")
            self._n_bits += 256
            self._counter += 1
        self._n_bits -= n_bits
        taken = self._bits >> self._n_bits
        self._bits &= (1 << self._n_bits) - 1
        return taken

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included, each equally likely.

        Raises:
            ValueError: there is none.
        """
        if low > high:
            raise ValueError(f"there is no whole number from {low} to {high}")
        span = high - low
        while (value := self._take(span.bit_length())) > span:
            pass
        return low + value

    def chance(self, share: Fraction | int) -> bool:
        """Return True with the chance of an exact fraction."""
        share = Fraction(share)
        return self.integer(1, share.denominator) <= share.numerator

    def choice(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return values[self.integer(0, len(values) - 1)]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return the values in a random order."""
        left = list(values)
        for last in range(len(left) - 1, 0, -1):
            other = self.integer(0, last)
            left[last], left[other] = left[other], left[last]
        return left

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        """Return ``count`` different places' values in a random order.

        Raises:
            ValueError: there are fewer.
        """
        if count > len(values):
            raise ValueError(f"{count} cannot be drawn from {len(values)}")
        return self.shuffled(values)[:count]

    def distinct(self, count: int, low: int, high: int) -> list[int]:
        """Return ``count`` different whole numbers from ``low`` to ``high``, in random order."""
        if count > high - low + 1:
            raise ValueError(f"there are no {count} different whole numbers from {low} to {high}")
        found: list[int] = []
        while len(found) < count:
            value = self.integer(low, high)
            if value not in found:
                found.append(value)
        return found
