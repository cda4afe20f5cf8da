"""Start the zygote from this folder alone, without importing the package around it."""

import sys
import types
from pathlib import Path

GUEST = "reasonbench.sandbox.guest"


def stand_in(name: str, path: list[str]) -> None:
    """Put an empty package where the real one would import everything else."""
    package = types.ModuleType(name)
    package.__path__ = path
    sys.modules[name] = package


if __name__ == "__main__":
    stand_in("reasonbench", [])
    stand_in("reasonbench.sandbox", [])
    stand_in(GUEST, [str(Path(__file__).parent)])
    from reasonbench.sandbox.guest.zygote import main

    main(sys.argv[1], sys.argv[2])
