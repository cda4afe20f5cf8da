"""A commitment: model, problems, sampling and gate, fixed before the round that draws the problems.

What it proves hangs on its publication: only somebody who saw its digest before the round's time
knows that it was made before.  Put the digest where others keep the time (a signed tag, a public
post, a timestamp service).
"""

from typing import Annotated, Any, Literal

import msgspec

from reasonbench.errors import TamperedError
from reasonbench.fresh.beacon import CHAIN, Beacon, shown, time_of
from reasonbench.fresh.catalogue import Families, chosen
from reasonbench.fresh.generator import family_digests, rules_digest
from reasonbench.fresh.mint import MintConfig
from reasonbench.fresh.problems import Digest, sha256
from reasonbench.identity import canonical_json


class Generator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version of the generator made, or shall make, a set."""

    rules: Digest
    """Digest of what all families share."""
    families: dict[str, Digest]
    """Digest of each family that takes part."""


class Commitment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was promised before a round."""

    format: Literal["reasonbench-fresh-commitment/1"] = "reasonbench-fresh-commitment/1"
    """Version of this form."""
    chain: str = CHAIN
    """Chain whose round is meant."""
    round: int
    """Round that shall draw the problems."""
    round_time: str
    """When it is signed."""
    model: str
    """Id of the model, as it was asked for."""
    revision: str | None
    """Hub commit, where the Hub is where it came from."""
    weights_digest: str
    """Digest of the files that decide what it says."""
    config: MintConfig
    """What the set shall be made of."""
    generator: Generator
    """Version of the generator."""
    n: Annotated[int, msgspec.Meta(ge=1)]
    """Completions a problem."""
    sampling: dict[str, bool | int | float | str | list[str] | None]
    """How they shall be drawn."""
    policy: str | None
    """Digest of the gate's policy, where there is one."""
    made: str
    """When it was made, by the clock of the machine; nothing proves it."""
    digest: Digest
    """SHA-256 of all other fields: what is published."""


def generator_of(families: Families, names: tuple[str, ...]) -> Generator:
    """Return the version of the generator at hand, for the families of a set."""
    return Generator(rules=rules_digest(), families=family_digests(chosen(families, names)))


def digest_of(record: msgspec.Struct) -> str:
    """Return the SHA-256 of all fields but ``digest``."""
    fields = msgspec.to_builtins(record)
    fields.pop("digest", None)
    return sha256(canonical_json(fields).encode("utf-8", "surrogatepass"))


def check_commitment(
    commitment: Commitment, beacon: Beacon, config: MintConfig, generator: Generator
) -> None:
    """Refuse a commitment to anything else than this set.

    Raises:
        TamperedError: naming the first thing that differs.
    """
    pairs = (
        ("digest", digest_of(commitment), commitment.digest),
        ("chain", CHAIN, commitment.chain),
        ("round", beacon.round, commitment.round),
        ("time of the round", shown(time_of(beacon.round)), commitment.round_time),
        ("choice of families", config.families, commitment.config.families),
        ("choice of levels", config.levels, commitment.config.levels),
        ("count", config.count, commitment.config.count),
        ("rules of the generator", generator.rules, commitment.generator.rules),
        ("set of families", sorted(generator.families), sorted(commitment.generator.families)),
        *(
            (f"version of the family {name!r}", digest, commitment.generator.families.get(name))
            for name, digest in generator.families.items()
        ),
    )
    for name, expected, got in pairs:
        if expected != got:
            raise TamperedError(
                f"the commitment is not to this set: its {name} is {_short(got)}, "
                f"not {_short(expected)}",
                hint="a commitment holds for one round, choice of problems and generator",
            )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 64 else text[:60] + "..."
