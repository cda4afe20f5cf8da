"""Does a set follow from its round?  Everything is derived again, offline.

The order of the checks: the receipt's form, the round, every problem against the receipt, the
generator's version, every problem against what the round gives, tests, commitment.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reasonbench.errors import SpecError, TamperedError, UnknownNameError
from reasonbench.fresh.beacon import shown
from reasonbench.fresh.catalogue import Families
from reasonbench.fresh.commitment import Commitment, check_commitment, generator_of
from reasonbench.fresh.mint import Minted, mint
from reasonbench.fresh.packing import pack
from reasonbench.fresh.problems import MintedProblem, encoded
from reasonbench.fresh.receipt import Receipt, written
from reasonbench.fresh.sets import FreshSet, check_digests, decoded, open_set

MAX_COMMITMENT_BYTES = 1_000_000


class Verified(NamedTuple):
    """A set that follows from its round."""

    set: FreshSet
    """The set."""
    commitment: Commitment | None
    """What was promised before the round, in the receipt or beside it."""

    @property
    def sentence(self) -> str:
        """What is proven, and what is not."""
        beacon, promised = self.set.beacon, self.commitment
        proven = (
            f"proven: all {len(self.set.problems):,} problems follow from drand quicknet round "
            f"{beacon.round}, so none of them was drawn before {shown(beacon.time)}"
        )
        if promised is None:
            return (
                f"{proven}; not proven: that their families are new, that the generator was "
                "fixed by then, that a small family did not give one of them earlier by chance, or "
                "that a model was trained before then"
            )
        return (
            f"{proven}, and the commitment {promised.digest[:16]}... names this set and the "
            f"weights {promised.weights_digest[:16]}...; not proven: that the commitment was "
            "published before then, which makes any claim of a cutoff needless, that the families "
            "are new, or that a small one did not give a problem earlier by chance"
        )


def verify_set(
    path: Path,
    families: Families,
    *,
    commitment: Path | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Verified:
    """Derive a set again.

    Args:
        path: its folder or receipt.
        families: the families that are here.
        commitment: file of a commitment that stands beside the set.
        advance: called after each problem.

    Raises:
        SpecError: there is no set, or no commitment.
        TamperedError: naming the first thing that differs.
    """
    found = open_set(path)
    receipt = found.receipt
    check_generator(receipt, families)
    _check_problems(found, families, advance)
    check_digests(found)
    promised = [receipt.commitment] if receipt.commitment is not None else []
    if commitment is not None:
        promised.append(read_commitment(commitment))
    for one in promised:
        check_commitment(one, found.beacon, receipt.config, receipt.generator)
    return Verified(found, promised[-1] if promised else None)


def check_generator(receipt: Receipt, families: Families) -> None:
    """Refuse a set of another version of the generator.

    Raises:
        TamperedError: naming the rules or the family that differ.
    """
    version = receipt.versions.get("reasonbench", "unknown")
    hint = f"verify it with the version that minted it: it says reasonbench {version:.40}"
    try:
        here = generator_of(families, receipt.config.families)
    except UnknownNameError as error:
        raise TamperedError(
            f"the set is of another generator version: {error.message}", hint=hint
        ) from error
    given = receipt.generator
    pairs = [("the rules of minting", given.rules, here.rules)]
    for name in sorted(here.families.keys() | given.families.keys()):
        pairs.append(
            (f"the family {name!r}", given.families.get(name, "-"), here.families.get(name, "-"))
        )
    for what, theirs, ours in pairs:
        if theirs != ours:
            raise TamperedError(
                f"the set is of another generator version: {what} has the digest "
                f"{theirs[:16]}, here {ours[:16]}",
                hint=hint,
            )


def read_commitment(path: Path) -> Commitment:
    """Return the commitment of a file.

    Raises:
        TamperedError: it is none, or was changed.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_COMMITMENT_BYTES)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"the commitment {str(path)!r} cannot be read: {said}") from error
    commitment = decoded(raw, Commitment, f"the commitment {path}")
    if written(commitment) != raw:
        raise TamperedError(f"the commitment {path} is not as it was written")
    return commitment


def _check_problems(found: FreshSet, families: Families, advance: Callable[[], None]) -> None:
    derived = mint(found.beacon.randomness, found.receipt.config, families)
    stored = iter(found.problems)
    for minted in derived:
        problem = next(stored, None)
        if problem is None:
            raise TamperedError(f"the set lacks {minted.problem.id}, which its round gives")
        _check_problem(found, problem, minted)
        advance()
    if (extra := next(stored, None)) is not None:
        raise TamperedError(f"the set holds {extra.id}, which its round does not give")


def _check_problem(found: FreshSet, problem: MintedProblem, minted: Minted) -> None:
    for field in problem.__struct_fields__:
        stored, derived = getattr(problem, field), getattr(minted.problem, field)
        if stored != derived:
            raise TamperedError(
                f"{problem.id} differs from what round {found.beacon.round} gives: its {field} "
                f"is {stored!r:.80}, not {derived!r:.80}"
            )
    if minted.tests is not None and encoded(pack(minted.tests)) != encoded(
        found.packed[problem.id]
    ):
        raise TamperedError(f"the stored tests of {problem.id} are not those that its round gives")
