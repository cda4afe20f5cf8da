"""From a trace to the tokens that a student is trained on.

The prompt is rendered by the model's own chat template, as the engines render it, and the
completion and one end token stand after it. The loss is taken on these alone. Prompt and
completion are tokenized as one text where that leaves the prompt's tokens as they are at
inference, and apart where a token would grow over the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reasonbench.engines.rendering import OPENINGS
from reasonbench.errors import SpecError
from reasonbench.training.rows import TraceRow

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as tokens."""

    prompt: tuple[int, ...]
    """Tokens of the rendered prompt."""
    completion: tuple[int, ...]
    """Tokens of the completion and the end token: the loss tokens."""

    @property
    def n_tokens(self) -> int:
        """Length of the sequence."""
        return len(self.prompt) + len(self.completion)


def refuse_tokenizer(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Refuse a tokenizer that prompts cannot be rendered or completions ended with.

    Raises:
        SpecError: it has no chat template, or no end token.
    """
    if not tokenizer.chat_template:
        raise SpecError(
            f"{name!r} has no chat template, and traces answer chat messages",
            hint="train an instruction-tuned model, or set chat_template in a copy of its "
            "tokenizer_config.json",
        )
    if tokenizer.eos_token_id is None:
        raise SpecError(
            f"the tokenizer of {name!r} has no end token, so a student could not learn to stop",
            hint="set eos_token in a copy of its tokenizer_config.json",
        )


def render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, str]]) -> str:
    """Return the prompt's text, up to where the assistant begins.

    Raises:
        SpecError: the chat template refuses the messages.
    """
    try:
        text = tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
        )
    except Exception as error:
        raise SpecError(
            f"the chat template refused a prompt of the traces: {error}",
            hint="leave out the traces' system messages, or train another model",
        ) from error
    return str(text)


def encode(tokenizer: PreTrainedTokenizerBase, row: TraceRow) -> Encoded:
    """Return a row's tokens."""
    prompt = render(tokenizer, row.messages)
    completion = after(prompt, row.completion)
    prompt_ids = _ids(tokenizer, prompt)
    both = _ids(tokenizer, prompt + completion)
    if both[: len(prompt_ids)] == prompt_ids:
        completion_ids = both[len(prompt_ids) :]
    else:
        completion_ids = _ids(tokenizer, completion)
    return Encoded(tuple(prompt_ids), (*completion_ids, tokenizer.eos_token_id))


def after(prompt: str, completion: str) -> str:
    """Return the completion without a thinking mark that the prompt has opened already."""
    written = prompt.rstrip()
    for opening in OPENINGS:
        if written.endswith(opening) and completion.lstrip().startswith(opening):
            rest = completion.lstrip().removeprefix(opening)
            return rest.removeprefix(prompt[len(written) :])
    return completion


def _ids(tokenizer: Any, text: str) -> list[int]:
    # The template writes a start token itself.
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
