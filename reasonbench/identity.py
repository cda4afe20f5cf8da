"""Canonical JSON and digests: the only place where a key or a seed is made.

Two values that are equal as data give one text, whatever their key order and
whether a whole number was written ``1`` or ``1.0``; a value that has no such text
(NaN, infinity, a set, an arbitrary object) is an error.
"""

import hashlib
import json
import math
from typing import Any

import msgspec

DIGEST_LENGTH = 32
"""Hex characters kept of a SHA-256: 128 bits."""

SEED_BOUND = 2**31
"""Base seeds lie in [0, 2**31): ``base + sample_index`` then fits every engine's field."""


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value`` (specs, records, dicts, lists, scalars).

    Raises:
        ValueError: a float that is NaN or infinite.
        TypeError: a value that JSON has no form for.
    """
    plain = _normal(msgspec.to_builtins(value))
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _normal(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a digest needs finite numbers, got {value!r}")
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {str(k): _normal(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(v) for v in value]
    return value


def digest(*parts: Any) -> str:
    """Return a 32-character hex digest of the canonical JSON of ``parts``."""
    text = canonical_json(list(parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]


def completion_key(
    *, problem: str, prompt: str, engine: str, sampling: str, sample_index: int
) -> str:
    """Return the key under which one completion exists exactly once.

    Args:
        problem: digest of task name, problem id and statement.  The target is left
            out: a corrected answer needs a regrade, not new samples.
        prompt: digest of the messages or text sent.
        engine: digest of the engine identity (engine, versions, dtype, weights).
        sampling: digest of the SamplingSpec, its seed included.
        sample_index: 0-based.  n is no part of the key, so raising n tops up.
    """
    return digest("completion", problem, prompt, engine, sampling, sample_index)


def base_seed(run_seed: int, task: str, problem_id: str) -> int:
    """Return a problem's base seed; the i-th completion uses ``base + i``."""
    return int(digest("seed", run_seed, task, problem_id), 16) % SEED_BOUND
