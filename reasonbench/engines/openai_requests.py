"""The body of a request: every sampling field, or a stated reason why one is left out.

``vllm serve`` fills whatever is not sent from the model's generation_config.json, so
nothing is left to the server but what the user names in ``omit``, and only where the value
asked for changes nothing.
"""

import json
import re
from typing import Any

from reasonbench.engines.openai_args import ServerArgs
from reasonbench.engines.rendering import required_max_tokens
from reasonbench.errors import EngineError, SpecError, UnknownNameError
from reasonbench.records import Prompt
from reasonbench.specs import SamplingSpec

NEUTRAL: dict[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.0,
    "stop": (),
}
"""The value of each sampling field that changes nothing, as the spec writes it."""
ALWAYS_OMITTABLE = ("frequency_penalty", "n", "seed")
"""Fields whose absence leaves one neutral draw; without a seed it cannot be repeated."""
NON_STANDARD = ("top_k", "min_p", "repetition_penalty")
"""Fields beyond OpenAI's own; vLLM, SGLang and llama.cpp know them."""
NO_TOP_K = -1
"""Switches top_k off.  vLLM takes 0 too since 0.9, SGLang and older vLLM only this."""
LIMITS = ("max_tokens", "max_completion_tokens")
OURS = ("messages", "prompt", "model", "stream", "logprobs", "echo", "best_of", "tools", *LIMITS)
TEMPERATURES = (0.01, 2.0)
"""Outside of these vLLM silently takes another temperature, and OpenAI refuses it."""
_ABOUT_ONE_PROMPT = r"context|length|too (?:large|long|big)|at most|limit was reached"
CONTINUED = {"add_generation_prompt": False, "continue_final_message": True}
"""What makes vLLM go on with a last turn of the assistant."""


def refuse_args(args: ServerArgs) -> None:
    """Refuse fields that cannot be left out, or that are set elsewhere.

    Raises:
        SpecError: there is such a field.
    """
    known = (*NEUTRAL, *ALWAYS_OMITTABLE)
    for name in args.omit:
        if name not in known:
            raise UnknownNameError.build("sampling field that can be omitted", name, known)
    for name in args.extra_body:
        if name in (*known, *OURS, *CONTINUED):
            raise SpecError(
                f"engine.args.extra_body cannot set {name}",
                hint="sampling fields stand under [sampling]; a field is left out by "
                "engine.args.omit",
            )


def refuse_sampling(args: ServerArgs, sampling: SamplingSpec) -> None:
    """Refuse what would be drawn otherwise than it was asked for.

    Raises:
        SpecError: an omitted field whose value matters, or a temperature out of range.
        EngineError: no token limit.
    """
    required_max_tokens(sampling)
    for name in args.omit:
        if name in NEUTRAL and getattr(sampling, name) != NEUTRAL[name]:
            raise SpecError(
                f"engine.args.omit names {name}, but sampling.{name} is "
                f"{getattr(sampling, name)!r}, which must be sent",
                hint=f"only {NEUTRAL[name]!r} can be left out; set it, or send the field",
            )
    low, high = TEMPERATURES
    if sampling.temperature != 0 and not low <= sampling.temperature <= high:
        raise SpecError(
            f"a server samples at temperature 0 or from {low} to {high}, "
            f"got {sampling.temperature}",
            hint="set sampling.temperature, or use the transformers engine",
        )


def request_body(
    model: str, prompt: Prompt, seed: int, sampling: SamplingSpec, args: ServerArgs
) -> dict[str, Any]:
    """Return the arguments of the openai client's ``create`` for one completion."""
    chat = prompt.text is None
    body: dict[str, Any] = {
        "n": 1,
        "seed": seed,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": 0.0,
        "stop": list(sampling.stop),
    }
    extra: dict[str, Any] = {
        "top_k": sampling.top_k or NO_TOP_K,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
    }
    for name in args.omit:
        body.pop(name, None)
        extra.pop(name, None)
    if chat and continues(prompt):
        extra |= CONTINUED
    limit = args.max_tokens_field if chat else "max_tokens"
    body |= {"model": model, limit: required_max_tokens(sampling)}
    body |= {"messages": turns(prompt)} if chat else {"prompt": prompt.text}
    return body | {"extra_body": extra | args.extra_body}


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages as the API takes them."""
    return [{"role": m.role, "content": m.content} for m in prompt.messages]


def continues(prompt: Prompt) -> bool:
    """Whether the completion goes on with a turn that the assistant has begun."""
    return bool(prompt.messages) and prompt.messages[-1].role == "assistant"


def refuse_continuation(prompt: Prompt, can_continue: bool) -> None:
    """Refuse a begun turn of the assistant where the server would answer it instead.

    Raises:
        EngineError: it would.
    """
    if continues(prompt) and not can_continue:
        raise EngineError(
            f"task {prompt.task!r} begins the assistant's turn, and of this server it is not "
            f"known that it goes on with it",
            hint="serve the model with vLLM, or use the vllm or transformers engine",
        )


def refused_field(refusal: bytes) -> str | None:
    """Return the field of ours that a refusal names as unknown or unusable, if it names one.

    A complaint about the length of one prompt names the token limit too, but is none.
    """
    text = refusal.decode("utf-8", "replace")
    named = _named_places(text)
    for name in (*LIMITS, *NEUTRAL, *ALWAYS_OMITTABLE):
        quoted = rf"""['"`]{name}['"`]"""
        # A word such as "stop" may stand in any sentence, a word such as "top_k" in none.
        pattern = rf"\b{name}\b" if "_" in name else quoted
        if name not in named and not re.search(pattern, text):
            continue
        if name in LIMITS and re.search(_ABOUT_ONE_PROMPT, text):
            return None
        return name
    return None


def refused_field_hint(name: str) -> str:
    """Return what helps against a server that refuses a field."""
    if name in LIMITS:
        other = LIMITS[1 - LIMITS.index(name)]
        return f"--engine-arg max_tokens_field={other}"
    if name in NEUTRAL:
        return (
            f"--engine-arg 'omit=[\"{name}\"]', which is possible where "
            f"sampling.{name} = {NEUTRAL[name]!r}"
        )
    return f"--engine-arg 'omit=[\"{name}\"]'"


def _named_places(text: str) -> set[str]:
    """Return the fields that the structure of an error names: ``param`` and ``loc``."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    error = found.get("error") if isinstance(found, dict) else None
    entries: list[Any] = [found, error]
    detail = found.get("detail") if isinstance(found, dict) else None
    entries += detail if isinstance(detail, list) else []
    places: set[str] = set()
    for entry in entries:
        if isinstance(entry, dict):
            loc = entry.get("loc")
            names = [entry.get("param"), *(loc if isinstance(loc, list) else ())]
            places |= {name for name in names if isinstance(name, str)}
    return places
