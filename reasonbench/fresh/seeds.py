"""From a round's randomness to the seed of each problem, and to the draws that it takes.

A seed is HMAC-SHA256 under the randomness of (protocol, family, level, index), so no seed tells
anything about another, and a problem does not depend on what else is in its set.
"""

import hashlib
import hmac
from typing import Literal

from reasonbench.fresh.draw import Draw

PROTOCOL = "reasonbench-fresh/1"
"""Named in every seed; raised whenever a seed may give another problem for all families."""

Purpose = Literal["parameters", "statement", "inputs"]
"""What is drawn; each has a stream of its own, so that none moves another."""


def seed_of(randomness: bytes, family: str, level: int, index: int) -> bytes:
    """Return the seed of one problem."""
    message = "\0".join((PROTOCOL, family, str(level), str(index)))
    return hmac.new(randomness, message.encode(), hashlib.sha256).digest()


def draw_of(seed: bytes, purpose: Purpose) -> Draw:
    """Return a stream of draws from a seed."""
    return Draw(seed + purpose.encode())
