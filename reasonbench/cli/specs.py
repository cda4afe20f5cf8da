"""From MODEL-or-file and flags to a spec."""

from pathlib import Path
from typing import Any, TypeVar

from reasonbench.specfile import convert, read_toml
from reasonbench.specs import Spec

S = TypeVar("S", bound=Spec)


def build_spec(kind: type[S], model: str, flags: dict[str, Any]) -> S:
    """Return the spec of a command: a TOML file where ``model`` names one, flags over it.

    Raises:
        SpecError: one sentence with the file or flag, what was got and what is allowed.
    """
    if not model.endswith(".toml"):
        flags["model"] = {"id": model, **flags.get("model", {})}
        return convert(flags, kind, source="command line")
    data = read_toml(Path(model))
    for name, value in flags.items():
        known = data.get(name)
        data[name] = {**known, **value} if isinstance(known, dict) else value
    return convert(data, kind, source=model)
