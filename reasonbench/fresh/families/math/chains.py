"""What the composed families share: a first problem whose answer the second one uses."""

from collections.abc import Callable
from types import MappingProxyType

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math import (
    coprime_pairs,
    lattice_paths,
    lattice_polygons,
    vieta,
)
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.family import MathFamily, Params

_MODULES = (coprime_pairs, lattice_paths, lattice_polygons, vieta)
FAMILIES = MappingProxyType({module.FAMILY.name: module.FAMILY for module in _MODULES})
_QUANTITIES: MappingProxyType[str, Callable[[Params], str]] = MappingProxyType(
    {module.FAMILY.name: module.quantity for module in _MODULES}
)


def source(draw: Draw, level: int, high: int) -> dict[str, object]:
    """Return a first problem of a level, with a whole answer from 4 to ``high``."""

    def make() -> dict[str, object]:
        family = FAMILIES[draw.choice(sorted(FAMILIES))]
        return {"family": family.name, "params": family.draw(draw, level)}

    return redrawn(make, lambda made: 4 <= int(_family(made).solve(_params(made))) <= high)


def _family(made: Params) -> MathFamily:
    family: MathFamily = FAMILIES[made["family"]]
    return family


def _params(made: Params) -> Params:
    params: Params = made["params"]
    return params


def quantity(made: Params) -> str:
    """Return the noun phrase of a first problem."""
    return _QUANTITIES[made["family"]](made["params"])


def solved(made: Params) -> int:
    """Return its answer by the family's solver."""
    return int(_family(made).solve(_params(made)))


def checked(made: Params) -> int:
    """Return its answer by the family's second, independent solver."""
    return int(_family(made).check(_params(made)))
