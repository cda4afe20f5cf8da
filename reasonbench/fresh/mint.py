"""Minting: the problems that follow from a round's randomness and a choice of families.

For each family and level the indices are gone through from 0; a problem that was made before in
this set (same family and parameters, or the same words) is dropped for the next index.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.fresh.catalogue import Families, Family, chosen
from reasonbench.fresh.family import MathFamily
from reasonbench.fresh.problems import MintedProblem, encoded, math_problem
from reasonbench.fresh.programs import Tests, code_problem
from reasonbench.fresh.seeds import draw_of, seed_of

MAX_REPEATS = 200
"""Problems in a row that were made before, after which a level counts as exhausted."""


class MintConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a set is made of."""

    families: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Names of the families, in the set's order."""
    levels: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] | None = None
    """Levels that are taken; None takes all that a family has."""
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    """Problems of each family and level."""

    def size(self, families: Families) -> int:
        """Return how many problems that is."""
        return self.count * sum(len(levels_of(families[n], self.levels)) for n in self.families)


class Minted(NamedTuple):
    """A problem, and the tests of a coding problem."""

    problem: MintedProblem
    """What is asked."""
    tests: Tests | None
    """How a program is tested."""


def configured(
    families: Families, names: tuple[str, ...], levels: tuple[int, ...], count: int
) -> MintConfig:
    """Return the configuration of a choice; no names choose all families, no levels all levels.

    Raises:
        UnknownNameError: there is no such family.
        SpecError: no family has such a level, or there is nothing to mint.
    """
    taken = chosen(families, names) if names else families
    if not taken:
        raise SpecError("there are no families to mint from", hint="name one with --family")
    for level in sorted(set(levels)):
        if not any(level < family.levels for family in taken.values()):
            most = max(family.levels for family in taken.values()) - 1
            raise SpecError(
                f"none of the families has level {level}", hint=f"levels go from 0 to {most}"
            )
    names = tuple(n for n, f in taken.items() if levels_of(f, levels or None))
    return MintConfig(families=names, levels=tuple(sorted(set(levels))) or None, count=count)


def levels_of(family: Family, levels: tuple[int, ...] | None) -> list[int]:
    """Return the levels of a family that are taken."""
    return [level for level in range(family.levels) if levels is None or level in levels]


def mint(randomness: bytes, config: MintConfig, families: Families) -> Iterator[Minted]:
    """Yield the problems of a set, in its order.

    Raises:
        UnknownNameError: there is no family of a name.
        SpecError: a family and level have not so many different problems.
        ReasonbenchError: a family made something that nobody can be asked.
    """
    chosen(families, config.families)
    seen: set[bytes] = set()
    for name in config.families:
        for level in levels_of(families[name], config.levels):
            yield from _level(randomness, families[name], level, config.count, seen)


def _level(
    randomness: bytes, family: Family, level: int, count: int, seen: set[bytes]
) -> Iterator[Minted]:
    index = made = repeats = 0
    while made < count:
        minted = _one(randomness, family, level, index, seen)
        index += 1
        if minted is not None:
            made, repeats = made + 1, 0
            yield minted
        elif (repeats := repeats + 1) >= MAX_REPEATS:
            raise SpecError(
                f"level {level} of {family.name!r} gave only {made} different problems, "
                f"but {count} are asked for",
                hint=f"mint at most --count {max(made, 1)}, or leave that level out",
            )


def _one(
    randomness: bytes, family: Family, level: int, index: int, seen: set[bytes]
) -> Minted | None:
    """Return the problem of an index, or None where the set has it already."""
    seed = seed_of(randomness, family.name, level, index)
    try:
        params = family.draw(draw_of(seed, "parameters"), level)
        key = family.name.encode() + b"\0" + encoded(params)
        if key in seen:
            return None
        if isinstance(family, MathFamily):
            minted = Minted(math_problem(family, params, seed, level, index), None)
        else:
            minted = Minted(*code_problem(family, params, seed, level, index))
    except ReasonbenchError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise ReasonbenchError(
            f"the family {family.name!r} failed at level {level}, index {index}: "
            f"{type(error).__name__}: {said}",
            hint="report it, with the round; --family chooses other families",
        ) from error
    words = b"\0" + " ".join(minted.problem.statement.split()).encode()
    if words in seen:
        return None
    seen.update((key, words))
    return minted
