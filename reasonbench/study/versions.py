"""Libraries whose versions a study records; asked without importing any of them."""

import contextlib
import importlib.metadata

from reasonbench.run import library_versions

LIBRARIES = ("trl", "accelerate", "peft", "datasets", "pyarrow")


def versions() -> dict[str, str]:
    """Return the versions of reasonbench, Python and the libraries that train and sample."""
    found = library_versions()
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
