"""What a set says of itself: its round, its generator, and the digest of every problem.

The receipt's bytes are one form of its content: a receipt that was written otherwise was changed.
"""

import importlib.metadata
import platform
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from reasonbench import __version__
from reasonbench.fresh.beacon import CHAIN, Beacon, shown
from reasonbench.fresh.commitment import Commitment, Generator, digest_of
from reasonbench.fresh.mint import MintConfig
from reasonbench.fresh.problems import Digest, MintedProblem, sha256
from reasonbench.fresh.seeds import PROTOCOL


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Round(_Part, frozen=True, kw_only=True):
    """The round of the beacon."""

    chain: str
    """Hash of drand's chain."""
    round: int
    """Number of the round."""
    time: str
    """When it became known, in UTC."""
    signature: str
    """Its signature."""
    randomness: str
    """SHA-256 of the signature."""


class Leaf(_Part, frozen=True, kw_only=True):
    """One problem."""

    id: str
    """Its id."""
    sha256: Digest
    """Digest of its line in ``problems.jsonl``."""


class Receipt(_Part, frozen=True, kw_only=True):
    """What ``receipt.json`` holds."""

    format: Literal["reasonbench-fresh-receipt/1"] = "reasonbench-fresh-receipt/1"
    """Version of this form."""
    protocol: str = PROTOCOL
    """How seeds are derived."""
    beacon: Round
    """The round."""
    config: MintConfig
    """What was minted."""
    generator: Generator
    """Version of the generator, by digests of its source."""
    versions: dict[str, str]
    """reasonbench, Python and libraries; nothing is decided by them."""
    merkle_root: Digest
    """Root of the tree over the problems' digests (RFC 9162), for proofs of single problems."""
    problems: tuple[Leaf, ...]
    """Every problem, in order."""
    files: dict[str, Digest]
    """Digest of each file beside this one."""
    commitment: Commitment | None
    """What was promised of a model before the round."""
    digest: Digest
    """SHA-256 of all other fields."""


def build_receipt(
    beacon: Beacon,
    config: MintConfig,
    generator: Generator,
    *,
    problems: Sequence[MintedProblem],
    files: dict[str, bytes],
    commitment: Commitment | None,
) -> Receipt:
    """Return the receipt of a set."""
    leaves = tuple(Leaf(id=p.id, sha256=p.digest()) for p in problems)
    receipt = Receipt(
        beacon=round_of(beacon),
        config=config,
        generator=generator,
        versions=_versions(),
        merkle_root=merkle_root([leaf.sha256 for leaf in leaves]),
        problems=leaves,
        files={name: sha256(content) for name, content in files.items()},
        commitment=commitment,
        digest="0" * 64,
    )
    return msgspec.structs.replace(receipt, digest=digest_of(receipt))


def round_of(beacon: Beacon) -> Round:
    """Return a verified round as a receipt has it."""
    return Round(
        chain=CHAIN,
        round=beacon.round,
        time=shown(beacon.time),
        signature=beacon.signature,
        randomness=beacon.randomness.hex(),
    )


def written(record: Any) -> bytes:
    """Return the bytes of a receipt or commitment."""
    text = msgspec.json.encode(record, order="deterministic")
    return msgspec.json.format(text, indent=1) + b"\n"


def merkle_root(digests: Sequence[str]) -> str:
    """Return the root of a Merkle tree as RFC 9162 has it: leaves and nodes are told apart."""
    if not digests:
        return sha256(b"")
    return _root([bytes.fromhex(sha256(b"\0" + bytes.fromhex(d))) for d in digests]).hex()


def _root(nodes: list[bytes]) -> bytes:
    if len(nodes) == 1:
        return nodes[0]
    split = 1 << (len(nodes) - 1).bit_length() - 1
    return bytes.fromhex(sha256(b"\1" + _root(nodes[:split]) + _root(nodes[split:])))


def _versions() -> dict[str, str]:
    return {
        "reasonbench": __version__,
        "python": platform.python_version(),
        "drand-verify": importlib.metadata.version("drand-verify"),
    }
