"""Values of other harnesses' logs in our terms: scores, gold answers, prompts, sampling."""

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from reasonbench.specs import SamplingSpec


def brief(value: Any) -> str:
    """Return a value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def score_of(value: Any) -> float | None:
    """Return a source's score: a truth value or a number in [0, 1]; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    return None


def target_of(value: Any) -> str | None:
    """Return a gold answer: text, a number, or the only one of a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value) if str(value).strip() else None


def conversation(value: Any) -> str | None:
    """Return the text of a prompt: itself, or the user's turns of a list of messages."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    said = [_said(m) for m in value if isinstance(m, Mapping) and m.get("role") == "user"]
    return "\n\n".join(said) or None


def _said(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        part["text"]
        for part in parts
        if isinstance(part, Mapping) and isinstance(part.get("text"), str)
    )


ALIASES = {"max_gen_toks": "max_tokens", "max_new_tokens": "max_tokens", "until": "stop",
           "stop_seqs": "stop"}  # fmt: skip
"""Fields of SamplingSpec by the names that harnesses give them."""


def sampling_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of SamplingSpec that a log tells, by whatever name, and that are usable."""
    told: dict[str, Any] = {}
    for key, value in given.items():
        name = ALIASES.get(key, key)
        if name in SamplingSpec.__struct_fields__ and value is not None:
            with contextlib.suppress(msgspec.ValidationError, OverflowError):
                spec = msgspec.convert({name: _usual(name, value)}, SamplingSpec)
                told[name] = getattr(spec, name)
    if given.get("do_sample") is False:
        told["temperature"] = 0.0
    return told


def _usual(name: str, value: Any) -> Any:
    """Return a value as SamplingSpec writes it."""
    if name == "stop" and isinstance(value, str):
        return [value]
    return 0 if name == "top_k" and value == -1 else value


def with_thought(thought: str | None, said: str) -> str:
    """Return a text with its thinking part, unless it stands in it already."""
    if not thought or "</think>" in said:
        return said
    return f"<think>\n{thought}\n</think>\n{said}"
