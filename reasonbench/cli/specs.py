"""From MODEL-or-file and flags to a spec."""

from pathlib import Path
from typing import Any, TypeVar

from reasonbench import presets
from reasonbench.specfile import convert, read_toml
from reasonbench.specs import Spec

S = TypeVar("S", bound=Spec)


def build_spec(kind: type[S], model: str, flags: dict[str, Any]) -> S:
    """Return the spec of a command: a TOML file where ``model`` names one, flags over it.

    A preset fills the sampling fields that neither gave, and stderr says which.

    Raises:
        SpecError: one sentence with the file or flag, what was got and what is allowed.
    """
    from reasonbench.cli.output import say

    source = model if model.endswith(".toml") else "command line"
    if source == model:
        data = _merged(read_toml(Path(model)), flags)
    else:
        data = {**flags, "model": {"id": model, **flags.get("model", {})}}
    sentences: list[str] = []
    spec = convert(presets.apply(data, say=sentences.append), kind, source=source)
    for sentence in sentences:
        say(sentence)
    return spec


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return ``below`` with ``above`` laid over it, table by table."""
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = _merged(known, value)
        else:
            merged[name] = value
    return merged
