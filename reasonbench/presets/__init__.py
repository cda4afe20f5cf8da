"""Sampling presets: what the makers of a model say about how to sample it.

A preset fills the sampling fields that neither a file nor a flag gave.  It is found by
the model's name: a quantised or repackaged copy is the model, a fine-tune of it is
another one, which its card does not speak for.  ``auto`` falls back on the model's own
generation_config.json, and refuses to guess where that says nothing.

Not covered: what only a chat template can set (gpt-oss's reasoning effort, Qwen3's
``enable_thinking``), s1's budget forcing, and the tags of Ollama, whose names differ.
Whether max_tokens fits the model's context is for the engine to say.
"""

from reasonbench.presets.choice import (
    AUTO,
    GENERATION_CONFIG,
    Resolved,
    apply,
    family_of,
    preset_named,
    refuse_system_prompt,
    resolve,
)
from reasonbench.presets.table import PRESETS, Preset

__all__ = [
    "AUTO",
    "GENERATION_CONFIG",
    "PRESETS",
    "Preset",
    "Resolved",
    "apply",
    "family_of",
    "preset_named",
    "refuse_system_prompt",
    "resolve",
]
