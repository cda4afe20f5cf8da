"""From a prompt to the tokens that a model sees, the same for every engine.

Both engines render with the model's own tokenizer and chat template, so that a prompt is
the same text, and the same tokens, in each.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonbench.engines.weights import read_json
from reasonbench.errors import EngineError
from reasonbench.records import Completion, Failure, FinishReason, Prompt, SampleRequest, Stage
from reasonbench.specs import SamplingSpec

TAGS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""Opening and closing marks of a thinking part, which stay in the text: graders look for them."""
OPENINGS = tuple(opening for opening, _ in TAGS)
CACHED_PROMPTS = 4096


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model sees it."""

    text: str
    """Text, chat template applied."""
    ids: tuple[int, ...]
    """Its tokens."""

    @property
    def thinking_prefilled(self) -> bool:
        """Whether the text ends in an opened thinking part."""
        return self.text.rstrip().endswith(OPENINGS)


class Renderer:
    """A model's tokenizer and chat template."""

    def __init__(self, folder: Path, name: str, *, trust_remote_code: bool = False) -> None:
        self._name = name
        self.tokenizer = _load_tokenizer(folder, name, trust_remote_code)
        self.end_ids = end_ids(folder, self.tokenizer)
        self._hidden = hidden_ids(self.tokenizer)
        self.encode = functools.lru_cache(maxsize=CACHED_PROMPTS)(self._encode)

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model sees.

        Raises:
            EngineError: there are messages but no chat template, or the template refuses them.
        """
        if prompt.text is not None:
            return prompt.text
        if not self.tokenizer.chat_template:
            raise EngineError(
                f"{self._name!r} has no chat template, and task {prompt.task!r} sends messages",
                hint="use a task whose prompt is plain text, or an instruction-tuned model",
            )
        prefilled = bool(prompt.messages) and prompt.messages[-1].role == "assistant"
        try:
            text = self.tokenizer.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in prompt.messages],
                tokenize=False,
                add_generation_prompt=not prefilled,
                continue_final_message=prefilled,
            )
        except Exception as error:
            raise EngineError(
                f"the chat template of {self._name!r} refused the messages of "
                f"problem {prompt.problem_id!r}: {error}"
            ) from error
        return str(text)

    def _encode(self, prompt: Prompt) -> Rendered:
        """Return the text and the tokens of a prompt; ``encode`` is this with a cache."""
        text = self.render(prompt)
        # A chat template writes the start token itself; so may a plain text.
        bos = self.tokenizer.bos_token
        special = prompt.text is not None and not (bos and text.startswith(bos))
        ids = self.tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
        if not ids:
            raise EngineError(f"the prompt of problem {prompt.problem_id!r} is empty")
        return Rendered(text=text, ids=tuple(ids))

    def text(self, ids: Sequence[int], ended: bool, stop: Sequence[str]) -> tuple[str, bool]:
        """Return the text of drawn tokens, and whether a stop string cut it.

        Special tokens are left out; thinking tags are kept, even where they are special.

        Args:
            ids: all tokens drawn.
            ended: whether the last one is an end token, which is no part of the text.
            stop: strings at which the text ends.
        """
        drawn = ids[:-1] if ended else ids
        text = self.tokenizer.decode(
            [token for token in drawn if token not in self._hidden],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
        return cut(str(text).encode("utf-8", "replace").decode("utf-8"), stop)

    def check(self, prompts: Sequence[Prompt], sampling: SamplingSpec, context: int) -> None:
        """Refuse prompts that the model cannot take, before anything is sampled.

        Raises:
            EngineError: see ``protocols.Engine.check``.
        """
        max_tokens = required_max_tokens(sampling)
        lengths = [len(self.encode(prompt).ids) for prompt in prompts]
        if not lengths or max(lengths) + max_tokens <= context:
            return
        longest = max(lengths)
        prompt = prompts[lengths.index(longest)]
        room = context - longest
        raise EngineError(
            f"problem {prompt.problem_id!r} of task {prompt.task!r} has a prompt of {longest} "
            f"tokens, which with sampling.max_tokens = {max_tokens} is beyond the context of "
            f"{context} tokens of {self._name!r}",
            hint=f"set sampling.max_tokens to at most {room}"
            if room > 0
            else "leave this task out, or use a model with a longer context",
        )


def required_max_tokens(sampling: SamplingSpec) -> int:
    """Return ``max_tokens``, which whoever calls an engine must have resolved.

    Raises:
        EngineError: it is None.
    """
    if sampling.max_tokens is None:
        raise EngineError(
            "an engine needs sampling.max_tokens as a number, got none",
            hint="set sampling.max_tokens",
        )
    return sampling.max_tokens


def refuse_overlong(rendered: Rendered, max_tokens: int, context: int) -> None:
    """Raise the error that one request's failure will carry, if it cannot fit.

    Raises:
        EngineError: prompt and completion together are beyond the context.
    """
    length = len(rendered.ids)
    if length + max_tokens > context:
        raise EngineError(
            f"a prompt of {length} tokens with max_tokens = {max_tokens} "
            f"is beyond the context of {context} tokens"
        )


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """Return the text before the stop string that was complete first, if there is one."""
    ends = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
    return (text[: min(ends)[1]], True) if ends else (text, False)


def grouped(requests: Iterable[SampleRequest], largest: int) -> Iterator[list[SampleRequest]]:
    """Group consecutive requests of one prompt whose seeds follow one another."""
    group: list[SampleRequest] = []
    for request in requests:
        follows = (
            0 < len(group) < largest
            and request.prompt == group[0].prompt
            and request.seed == group[-1].seed + 1
        )
        if group and not follows:
            yield group
            group = []
        group.append(request)
    if group:
        yield group


def completion(
    request: SampleRequest,
    prompt: Rendered,
    *,
    text: str,
    n_tokens: int,
    stopped: bool,
    engine: str,
) -> Completion:
    """Return the record of one completion that was drawn."""
    return Completion(
        key=request.key,
        task=request.prompt.task,
        problem_id=request.prompt.problem_id,
        sample_index=request.sample_index,
        text=text,
        finish_reason=FinishReason.STOP if stopped else FinishReason.LENGTH,
        n_prompt_tokens=len(prompt.ids),
        n_tokens=n_tokens,
        seed=request.seed,
        engine=engine,
        thinking_prefilled=prompt.thinking_prefilled,
    )


def sampling_failure(request: SampleRequest, error: Exception) -> Failure:
    """Return the record of a request that could not be sampled."""
    return Failure(
        key=request.key,
        task=request.prompt.task,
        problem_id=request.prompt.problem_id,
        sample_index=request.sample_index,
        stage=Stage.SAMPLE,
        error_type=type(error).__name__,
        message=str(error),
    )


def _load_tokenizer(folder: Path, name: str, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise EngineError(
            f"the tokenizer of {name!r} cannot be loaded from {folder}: {one_line(error)}"
        ) from error


def load_config(folder: Path, name: str, *, trust_remote_code: bool) -> Any:
    """Return a model's configuration.

    Raises:
        EngineError: it cannot be read, or transformers does not know the architecture.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise EngineError(
            f"the configuration of {name!r} cannot be loaded: {one_line(error)}"
        ) from error


def hidden_ids(tokenizer: Any) -> frozenset[int]:
    """Return the special tokens that are no part of a text: all but the thinking tags."""
    try:
        added = tokenizer.added_tokens_decoder
    except (AttributeError, NotImplementedError):  # Mistral's own tokenizers lack it
        added = {}
    special = {*tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
    tags = {tag for pair in TAGS for tag in pair}
    return frozenset(i for i in special if tokenizer.convert_ids_to_tokens(i) not in tags)


def end_ids(folder: Path, tokenizer: Any) -> tuple[int, ...]:
    """Return every token that ends a completion.

    They stand in ``generation_config.json`` (one or several), in ``config.json`` where
    that file names none, and in the tokenizer.
    """
    config = read_json(folder / "config.json")
    sources = (read_json(folder / "generation_config.json"), config, config.get("text_config"))
    named = (source.get("eos_token_id") for source in sources if isinstance(source, dict))
    found: Any = next((ids for ids in named if ids is not None), None)
    ids = [*(found if isinstance(found, list) else [found]), tokenizer.eos_token_id]
    return tuple(sorted({i for i in ids if isinstance(i, int)}))


def context_length(config: Any, tokenizer: Any, name: str) -> int:
    """Return the most tokens that a model's positions allow.

    Raises:
        EngineError: neither the configuration nor the tokenizer says.
    """
    text = config.get_text_config(decoder=True)
    for key in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(text, key, None)
        if isinstance(value, int) and value > 0:
            return value
    if 0 < tokenizer.model_max_length < 2**31:
        return int(tokenizer.model_max_length)
    raise EngineError(
        f"the configuration of {name!r} does not say how long its context is",
        hint="set max_position_embeddings in its config.json",
    )


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return the first line of what an error says, for use inside a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."
