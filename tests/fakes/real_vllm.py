"""The real vLLM engine, or a loud reason why it cannot be tested here."""

import importlib.util
import os

import pytest


def vllm_engine():
    """Return the engine's module; only a machine without vLLM skips, and CI never does."""
    if importlib.util.find_spec("vllm") is None and not os.environ.get("CI"):
        pytest.skip("vLLM is not installed here; `make test` installs its CPU build")
    import reasonbench.engines.vllm

    return reasonbench.engines.vllm
