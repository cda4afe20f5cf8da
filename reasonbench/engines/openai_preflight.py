"""What a server says of itself before anything is asked of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from reasonbench.engines.openai_args import Secrets, ServerArgs
from reasonbench.engines.openai_replies import (
    MAX_NAME,
    ReplyError,
    count,
    read_answer,
    read_object,
    sentence,
)
from reasonbench.engines.openai_requests import refused_field, refused_field_hint
from reasonbench.engines.openai_transport import ASIDE_SECONDS, Transport, Trouble
from reasonbench.errors import EngineError, UnknownNameError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served:
    """What stands behind an address."""

    root: str | None
    """What the server loaded under the model's name, as vLLM says."""
    context_length: int | None
    """Most tokens of prompt and completion."""
    version: str | None
    """Version of the server, where it has a ``/version``."""
    tokenizes: bool
    """Whether it has vLLM's ``/tokenize``."""
    model: str | None
    """Model that its replies name."""
    fingerprint: str | None
    """The ``system_fingerprint`` of its replies."""


async def preflight(transport: Transport, model: str, args: ServerArgs, secrets: Secrets) -> Served:
    """Ask a server what it serves.

    The one-token request is for what its replies say about the server, which belongs into the
    identity; a refusal of it is no matter here, as ``check`` makes a complete one.

    Raises:
        EngineError: it cannot be reached, refuses the key, or is no such server.
        UnknownNameError: it serves other models.
    """
    listing = _or_raise(await _list(transport))
    if model not in listing:
        raise UnknownNameError.build("model on this server", model, map(secrets.redact, listing))
    card = listing[model]
    version = await _optional(transport.get("/version", _read_version))
    tokenizes = await _optional(
        transport.post("/tokenize", {"model": model, "prompt": "a"}, read_tokens)
    )
    root = card.get("root")
    answered = await _one_token(transport, model, args)
    told = count(card.get("max_model_len")) or None
    if args.context_length and told and args.context_length > told:
        raise EngineError(
            f"engine.args.context_length is {args.context_length}, but the server takes at most "
            f"{told} tokens",
            hint="leave engine.args.context_length out",
        )
    return Served(
        root=sentence(secrets.redact(root)) if isinstance(root, str) else None,
        context_length=args.context_length or told,
        version=secrets.redact(version) if version else None,
        tokenizes=tokenizes is not None,
        model=secrets.redact(answered[0]) if answered[0] else None,
        fingerprint=secrets.redact(answered[1]) if answered[1] else None,
    )


def read_tokens(body: bytes) -> list[int]:
    """Return the tokens in a reply of ``/tokenize``.

    Raises:
        ReplyError: it is no such reply; other servers have other addresses of that name.
    """
    reply = read_object(body)
    tokens = reply.get("tokens")
    if not isinstance(tokens, list) or not tokens or count(reply.get("count")) != len(tokens):
        raise ReplyError("the server's reply holds no tokens", retry=False)
    if any(count(token) is None for token in tokens):
        raise ReplyError("the tokens in the server's reply are no numbers", retry=False)
    return tokens


def read_detokenized(body: bytes) -> str:
    """Return the text in a reply of ``/detokenize``.

    Raises:
        ReplyError: it is no such reply.
    """
    text = read_object(body).get("prompt")
    if not isinstance(text, str):
        raise ReplyError("the server's reply holds no text", retry=False)
    return text


def trouble_error(trouble: Trouble) -> EngineError:
    """Return the error that ends a run for a trouble."""
    return EngineError(trouble.message, hint=trouble.hint)


def with_refused_field(trouble: Trouble) -> Trouble:
    """Return a trouble that is fatal if the server refused a field that every request has."""
    name = refused_field(trouble.body) if trouble.status in (400, 422) else None
    if name is None:
        return trouble
    return Trouble(
        "FieldRefused",
        f"the server does not take the field {name}: {trouble.message}",
        fatal=True,
        hint=refused_field_hint(name),
        status=trouble.status,
    )


async def _list(transport: Transport) -> dict[str, dict[str, Any]] | Trouble:
    """Return the server's models; whoever is not there at all is asked once only."""
    call = transport.client.models.with_raw_response.list
    first = await transport.fetch(call, _read_models, tries=1, timeout=ASIDE_SECONDS)
    if not isinstance(first, Trouble) or first.unreachable or not first.retry:
        return first
    return await transport.fetch(call, _read_models, timeout=ASIDE_SECONDS)


def _read_models(body: bytes) -> dict[str, dict[str, Any]]:
    data = read_object(body).get("data")
    if not isinstance(data, list):
        raise ReplyError("the server's list of models holds none")
    cards = [card for card in data if isinstance(card, dict) and isinstance(card.get("id"), str)]
    return {sentence(card["id"]): card for card in cards if len(card["id"]) <= MAX_NAME}


def _read_version(body: bytes) -> str:
    version = read_object(body).get("version")
    if not isinstance(version, str) or not version:
        raise ReplyError("the server's version is no text", retry=False)
    if len(version) > MAX_NAME:
        raise ReplyError("the server's version is too long", retry=False)
    return sentence(version)


async def _one_token(
    transport: Transport, model: str, args: ServerArgs
) -> tuple[str | None, str | None]:
    """Return the model and the fingerprint that the server's replies name, if they do."""
    user = [{"role": "user", "content": "Hi"}]
    client: Any = transport.client
    attempts: tuple[tuple[Any, dict[str, Any]], ...] = (
        (client.chat.completions, {"messages": user, args.max_tokens_field: 1}),
        (client.completions, {"prompt": "Hi", "max_tokens": 1}),
    )
    for resource, fields in attempts:
        chat = "messages" in fields
        body = {"model": model, "extra_body": dict(args.extra_body), **fields}
        answer = await transport.fetch(
            _creating(resource, body),
            lambda reply, chat=chat: read_answer(reply, chat=chat, max_tokens=1),  # type: ignore[misc]
            timeout=ASIDE_SECONDS,
        )
        if not isinstance(answer, Trouble):
            return answer.model, answer.fingerprint
        if answer.status in (401, 403) or answer.retry:
            raise trouble_error(answer)
    return None, None


def _creating(resource: Any, body: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    return lambda: resource.with_raw_response.create(**body)


async def _optional(call: Awaitable[T | Trouble]) -> T | None:
    """Return what an address gives, or None if the server has no such address.

    Raises:
        EngineError: it may have it, but did not answer; guessing would change the identity.
    """
    found = await call
    if isinstance(found, Trouble):
        if found.retry:
            raise trouble_error(found)
        return None
    return found


def _or_raise(found: T | Trouble) -> T:
    if isinstance(found, Trouble):
        if found.unreachable:
            raise EngineError(
                found.message,
                hint="start it, or correct base_url, which mostly ends in /v1",
            )
        raise trouble_error(found)
    return found
