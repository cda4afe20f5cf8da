"""The families that are shipped, by name.  A package of families has a ``FAMILIES``."""

import functools
import importlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reasonbench.errors import UnknownNameError
from reasonbench.fresh.family import CodeFamily, MathFamily

Family = MathFamily | CodeFamily
Families = Mapping[str, Family]

PACKAGES = ("reasonbench.fresh.families.math", "reasonbench.fresh.families.code")


@functools.cache
def shipped() -> Families:
    """Return every shipped family."""
    found: list[Family] = []
    for package in PACKAGES:
        found += importlib.import_module(package).FAMILIES
    return indexed(found)


def indexed(families: Iterable[Family]) -> Families:
    """Return families by name: math before code, each by name.

    Raises:
        ValueError: two share a name.
    """
    ordered = sorted(families, key=lambda family: (kind_of(family) != "math", family.name))
    by_name = {family.name: family for family in ordered}
    if len(by_name) != len(ordered):
        names = [family.name for family in ordered]
        raise ValueError(f"two families are named {next(n for n in names if names.count(n) > 1)!r}")
    return MappingProxyType(by_name)


def kind_of(family: Family) -> str:
    """Return ``math`` or ``code``."""
    return "math" if isinstance(family, MathFamily) else "code"


def answers_of(family: Family) -> str:
    """Return what is answered: ``integer`` and the like, or ``function`` or ``stdio``."""
    return family.kind if isinstance(family, MathFamily) else family.style


def chosen(families: Families, names: Iterable[str]) -> Families:
    """Return the families of these names, in the catalogue's order.

    Raises:
        UnknownNameError: there is none of a name.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if name not in families:
            raise UnknownNameError.build("family", name, families)
    return MappingProxyType({name: f for name, f in families.items() if name in wanted})
