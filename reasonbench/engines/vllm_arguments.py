"""What a user may pass through to vLLM, read by vLLM's own parser before a model is loaded."""

import argparse
import json
from dataclasses import fields
from typing import Any, NoReturn

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.specs import EngineSpec

OURS = {
    "model": "model.id",
    "revision": "model.revision",
    "tokenizer": "model.id",
    "dtype": "engine.dtype",
    "generation_config": "sampling",
    "override_generation_config": "sampling",
    "skip_tokenizer_init": "nothing: a tokenizer is always needed",
}
"""Arguments of vLLM that reasonbench sets, and the field that sets them."""
CAPACITY = (
    "gpu_memory_utilization",
    "kv_cache_memory_bytes",
    "max_num_seqs",
    "max_num_batched_tokens",
    "max_model_len",
)
"""Arguments that change how much runs at once but not what is drawn."""
DTYPES = ("auto", "float32", "bfloat16", "float16")


def parse_arguments(engine: EngineSpec) -> dict[str, Any]:
    """Return ``engine.args`` as vLLM reads them on its own command line.

    Raises:
        SpecError: an argument that vLLM does not have, or that is set elsewhere; a value that
            vLLM does not take; a number format that vLLM does not have.
    """
    from vllm import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc]
        """One that raises."""

        def error(self, message: str) -> NoReturn:
            raise SpecError(f"vLLM refuses its arguments: {message}")

    known = [entry.name for entry in fields(EngineArgs)]
    for name in engine.args:
        if name in OURS:
            raise SpecError(f"engine.args.{name} cannot be set", hint=f"set {OURS[name]}")
        if name not in known:
            raise UnknownNameError.build("argument of vLLM", name, known)
    if engine.dtype not in DTYPES:
        raise UnknownNameError.build("dtype of vLLM", engine.dtype, DTYPES)
    parser = EngineArgs.add_cli_args(Parser(add_help=False, exit_on_error=False))
    try:
        read = parser.parse_args([_written(*pair) for pair in engine.args.items()])
    except argparse.ArgumentError as error:
        raise SpecError(
            f"vLLM refuses an argument of engine.args: {error}",
            hint="vllm serve --help lists what it takes",
        ) from error
    return {name: getattr(read, name) for name in engine.args}


def _written(name: str, value: Any) -> str:
    """Return one argument as it is written on vLLM's command line."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return f"--{flag}={text}"
