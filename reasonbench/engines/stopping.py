"""Stop strings, found while tokens are drawn.

A stop string need not fall on a token's border, so it is looked for in the text as it is
decoded, token by token, as vLLM does.  Tokens that ``rendering`` leaves out of the text
are left out here too.
"""

from collections.abc import Sequence
from typing import Any

from tokenizers.decoders import DecodeStream

from reasonbench.engines.rendering import hidden_ids


class StopWatch:
    """Follows the text of some rows, and says which of them have met a stop string."""

    def __init__(self, tokenizer: Any, stop: Sequence[str], rows: int) -> None:
        self._stop = tuple(stop)
        self._reach = max(map(len, stop), default=0)
        self._core: Any = tokenizer.backend_tokenizer if stop else None
        self._hidden = hidden_ids(tokenizer) if stop else frozenset()
        self._streams = [DecodeStream() for _ in range(rows if stop else 0)]
        self._tails = [""] * len(self._streams)

    @property
    def active(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._stop)

    def hit(self, row: int, token: int) -> bool:
        """Add a token to a row; return whether its text now holds a stop string."""
        if token in self._hidden:
            return False
        piece = self._streams[row].step(self._core, token)
        if not piece:
            return False
        text = self._tails[row] + piece
        self._tails[row] = text[-self._reach :]
        return any(stop in text for stop in self._stop)
