"""From a model's name to its family."""

import re
from collections.abc import Mapping
from typing import Any

from reasonbench.presets.table import PRESETS, Preset

_PACKAGING = (
    r"gguf|i1|imatrix|awq|gptq|bnb|hqq|mlx|onnx|exl[23]|marlin|autoround|unsloth|ud|dynamic|hf"
    r"|128k|quantized(?:\.w\d+a\d+)?|(?:int|fp|nvfp|mxfp|bf|f)\d+|\d+bit|w\d+a\d+|[\d.]+bpw"
    r"|i?q\d(?:-[a-z0-9]{1,2}){0,2}"
)
"""What a copy adds to the name of a model, and leaves the model what it is."""
_PATTERNS = [
    # Atomic groups: a hostile name costs no more than its length.
    (preset, re.compile(rf"(?:{preset.makers}-)?(?:{preset.match})(?>-(?:{_PACKAGING}))*"))
    for preset in PRESETS
]


def by_name(name: str) -> Preset | None:
    """Return the preset of a Hub id, a path, or the name of a folder or GGUF file."""
    last = name.rstrip("/").rpartition("/")[2].lower()
    if last.startswith("models--"):  # a folder of the Hub's cache
        last = last.rpartition("--")[2]
    plain = last.removesuffix(":free").removesuffix(".gguf").replace("_", "-")
    return next((preset for preset, pattern in _PATTERNS if pattern.fullmatch(plain)), None)


def by_config(config: Mapping[str, Any]) -> Preset | None:
    """Return the preset that a config.json leads to: what it was saved from, or its type."""
    origin = config.get("_name_or_path")
    if isinstance(origin, str) and (found := by_name(origin)):
        return found
    kind = config.get("model_type")
    return next((p for p in PRESETS if p.model_type is not None and p.model_type == kind), None)
