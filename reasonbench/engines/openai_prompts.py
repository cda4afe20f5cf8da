"""The prompt as the server's model sees it, where the server tells.

vLLM's ``/tokenize`` applies the chat template and ``/detokenize`` turns the tokens into
text.  Elsewhere a prompt is shown as plain lines, and its length is not known.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from reasonbench.engines.openai_args import ServerArgs
from reasonbench.engines.openai_preflight import read_detokenized, read_tokens
from reasonbench.engines.openai_requests import CONTINUED, continues, turns
from reasonbench.engines.openai_transport import Transport, Trouble
from reasonbench.engines.rendering import CACHED_PROMPTS, OPENINGS
from reasonbench.records import Prompt


@dataclass(frozen=True, slots=True)
class Seen:
    """A prompt as the model sees it."""

    text: str | None
    """Text, chat template applied; None where the server does not tell."""
    n_tokens: int | None
    """Its tokens."""

    @property
    def thinking_prefilled(self) -> bool:
        """Whether it is known to end in an opened thinking part."""
        return self.text is not None and self.text.rstrip().endswith(OPENINGS)


UNKNOWN = Seen(text=None, n_tokens=None)


class Prompts:
    """Asks the server for each prompt once.  Runs in the event loop."""

    def __init__(
        self, transport: Transport, model: str, args: ServerArgs, *, tokenizes: bool
    ) -> None:
        self._transport, self._model, self._args = transport, model, args
        self._tokenizes = tokenizes
        self._seen: dict[str, Seen] = {}
        self._lock = asyncio.Lock()

    async def see(self, prompt: Prompt) -> Seen | Trouble:
        """Return what the model sees; a Trouble only where the server should tell but did not."""
        if not self._tokenizes:
            return UNKNOWN
        key = prompt.digest()
        # One at a time: the many completions of a problem come together and share its answer.
        async with self._lock:
            if key not in self._seen:
                seen = await self._ask(prompt)
                if isinstance(seen, Trouble):
                    return seen
                while len(self._seen) >= CACHED_PROMPTS:
                    del self._seen[next(iter(self._seen))]
                self._seen[key] = seen
            return self._seen[key]

    async def _ask(self, prompt: Prompt) -> Seen | Trouble:
        body = self._tokenize_body(prompt)
        tokens = await self._transport.post("/tokenize", body, read_tokens)
        if isinstance(tokens, Trouble):
            # A refusal of this prompt shows again, with its reason, when it is sampled.
            return UNKNOWN if _says_no(tokens) else tokens
        text = await self._transport.post(
            "/detokenize", {"model": self._model, "tokens": tokens}, read_detokenized
        )
        if isinstance(text, Trouble):
            return Seen(text=None, n_tokens=len(tokens)) if _says_no(text) else text
        return Seen(text=text, n_tokens=len(tokens))

    def _tokenize_body(self, prompt: Prompt) -> dict[str, Any]:
        if prompt.text is not None:
            return {"model": self._model, "prompt": prompt.text}
        body: dict[str, Any] = {"model": self._model, "messages": turns(prompt)}
        for name in ("chat_template", "chat_template_kwargs", "add_special_tokens"):
            if name in self._args.extra_body:
                body[name] = self._args.extra_body[name]
        return body | CONTINUED if continues(prompt) else body


def plain(prompt: Prompt) -> str:
    """Return a prompt as lines of ``role: content``."""
    if prompt.text is not None:
        return prompt.text
    return "\n".join(f"{m.role}: {m.content}" for m in prompt.messages)


def _says_no(trouble: Trouble) -> bool:
    return not trouble.retry and not trouble.fatal
