"""The public randomness of drand's quicknet: rounds, their times, and proof that one is genuine.

A round has one valid signature, and nobody knows it before the round's time.  It is verified
offline, by ``drand-verify``, against the network's public key.

Not covered: a conspiracy of a threshold of the network's members, who could know it earlier.
"""

import datetime
import hashlib
import re
from dataclasses import dataclass

import drand_verify  # type: ignore[import-untyped]

from reasonbench.errors import SpecError, TamperedError

CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
"""Hash of the chain's parameters, its public key among them: quicknet."""
GENESIS = 1692803367
"""Time of round 1, in Unix seconds."""
PERIOD = 3
"""Seconds from one round to the next."""
MAX_ROUND = 80_000_000_000
"""Last round that has a date: it lies in the ninety-seventh century."""

_SIGNATURE = re.compile(r"[0-9a-f]{96}")


@dataclass(frozen=True, slots=True)
class Beacon:
    """A round that was verified."""

    round: int
    """Its number."""
    signature: str
    """The network's signature of it: 96 lower-case hex digits."""
    randomness: bytes
    """SHA-256 of the signature."""

    @property
    def time(self) -> datetime.datetime:
        """When it became known, in UTC."""
        return time_of(self.round)


def verify(number: int, signature: str) -> Beacon:
    """Return the round, if the signature is its own.

    Raises:
        SpecError: there is no such round, or this cannot be a signature.
        TamperedError: the signature is not that round's.
    """
    check_round(number)
    signature = signature.strip().lower()
    if not _SIGNATURE.fullmatch(signature):
        raise SpecError(
            f"a signature has 96 hex digits, got {len(signature)} characters: {signature[:20]!r}",
            hint="copy the field 'signature' of the round, as a relay gives it",
        )
    try:
        said = drand_verify.verify_quicknet(number, signature)
    except ValueError as error:
        raise TamperedError(
            f"the signature {signature[:12]}... is not that of round {number} of drand quicknet",
            hint="a round's number and signature must come from the same answer of a relay",
        ) from error
    randomness = hashlib.sha256(bytes.fromhex(signature)).digest()
    if said != randomness.hex():
        raise TamperedError(f"drand-verify derives another randomness for round {number}: {said}")
    return Beacon(number, signature, randomness)


def check_round(number: int) -> None:
    """Refuse a number that no round has.

    Raises:
        SpecError: it is too small or too large.
    """
    if not 1 <= number <= MAX_ROUND:
        raise SpecError(f"a round is a number from 1 to {MAX_ROUND}, got {number}")


def time_of(number: int) -> datetime.datetime:
    """Return when a round is or was signed, in UTC."""
    seconds = GENESIS + (number - 1) * PERIOD
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def round_at(time: datetime.datetime) -> int:
    """Return the latest round at a time."""
    return int((time.timestamp() - GENESIS) // PERIOD) + 1


def shown(time: datetime.datetime) -> str:
    """Return a time as receipts write it, such as ``2026-10-10T00:45:03Z``."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
