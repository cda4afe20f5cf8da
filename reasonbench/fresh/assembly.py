"""A round and a choice of families to the files of a set."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from reasonbench.fresh.beacon import Beacon
from reasonbench.fresh.catalogue import Families
from reasonbench.fresh.commitment import Commitment, check_commitment, generator_of
from reasonbench.fresh.mint import MintConfig, mint
from reasonbench.fresh.receipt import Receipt, build_receipt
from reasonbench.fresh.sets import contents


class Assembled(NamedTuple):
    """A set that is not written yet."""

    files: dict[str, bytes]
    """Its files but the receipt."""
    receipt: Receipt
    """Its receipt."""
    kinds: Counter[str]
    """How many problems of each kind it holds."""


def assemble(
    beacon: Beacon,
    config: MintConfig,
    families: Families,
    *,
    commitment: Commitment | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Assembled:
    """Mint a set.

    Args:
        beacon: a verified round.
        config: what to mint.
        families: the families that are here.
        commitment: what was promised of a model before the round.
        advance: called after each problem.

    Raises:
        TamperedError: the commitment is to another set.
        SpecError: a family has not so many different problems.
        ReasonbenchError: a family made something unusable.
    """
    generator = generator_of(families, config.families)
    if commitment is not None:
        check_commitment(commitment, beacon, config, generator)
    minted = []
    for one in mint(beacon.randomness, config, families):
        minted.append(one)
        advance()
    problems = [one.problem for one in minted]
    files = contents(minted)
    receipt = build_receipt(
        beacon, config, generator, problems=problems, files=files, commitment=commitment
    )
    return Assembled(files, receipt, Counter(problem.kind for problem in problems))
