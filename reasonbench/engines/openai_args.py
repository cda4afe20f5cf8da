"""What the ``openai_server`` engine can be told, and the secrets that it must keep.

The API key comes from the environment alone.  It is taken out of every word of a server
before that becomes a message or a record: servers echo keys in their errors.
"""

import json
import os
import re
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.specs import EngineSpec

DEFAULT_CONCURRENCY = 64
"""A server queues what it cannot run; more sockets than this make it no faster."""
NO_KEY = "EMPTY"
"""Sent where no key is set: local servers take any, and the client wants one."""
TELLING_LENGTH = 16
"""A key this long in a reply is an echo; a shorter one may be a word."""
SECRET_LENGTH = 4
"""A key shorter than this is a placeholder, and would be found inside of any word."""
REDACTED = "[key removed]"

PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=7 * 24 * 3600)]
PositiveInt = Annotated[int, msgspec.Meta(ge=1)]


class ServerArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``engine.args`` of the ``openai_server`` engine."""

    base_url: str | None = None
    """Address of the API, such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL."""
    api_key_env: str = "OPENAI_API_KEY"
    """Variable of the environment that holds the API key."""
    concurrency: PositiveInt | None = None
    """Requests in flight at once; by default engine.batch_size and at most 64."""
    tries: Annotated[int, msgspec.Meta(ge=1, le=100)] = 6
    """Tries of one request before it becomes a Failure."""
    timeout: PositiveFloat = 3600.0
    """Seconds of one try, from its first byte to its last."""
    backoff: PositiveFloat = 0.5
    """Seconds before the second try; they double from try to try."""
    max_wait: PositiveFloat = 60.0
    """Most seconds between two tries, whatever the server's Retry-After says."""
    omit: tuple[str, ...] = ()
    """Sampling fields that are not sent; their values must be neutral."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Name under which a chat request carries the token limit."""
    context_length: PositiveInt | None = None
    """Most tokens of prompt and completion, where the server does not say."""
    deployment: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Name of what is served; it takes the address's place in the identity."""
    thinking_prefilled: bool | None = None
    """Whether the chat template opens the thinking part; by default as the server renders."""
    pin_fingerprint: bool = True
    """Stop when the system_fingerprint of the replies changes."""
    unique_ids: bool = True
    """Stop when two replies have one id, as those of a cache have."""
    extra_body: dict[str, Any] = {}
    """Further fields of every request, such as chat_template_kwargs."""


class Secrets:
    """The API key, and whatever else goes into headers: never shown, never stored."""

    def __init__(self, key: str | None, others: tuple[str, ...] = ()) -> None:
        self.key = key or NO_KEY
        found = {other for other in others if len(other) >= TELLING_LENGTH}
        if key is not None and len(key) >= SECRET_LENGTH:
            found.add(key)
        spellings = {s for one in found for s in (one, json.dumps(one)[1:-1], quote(one)) if s}
        self._all = sorted(spellings, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return ``text`` without them."""
        for secret in self._all:
            text = text.replace(secret, REDACTED)
        return text

    def held_by(self, text: str) -> bool:
        """Whether ``text`` holds one that is too long to stand there by chance."""
        return any(len(secret) >= TELLING_LENGTH and secret in text for secret in self._all)


def read_args(engine: EngineSpec) -> ServerArgs:
    """Return the arguments, validated.

    Raises:
        SpecError: a key among them, a value of the wrong type, or an unknown name.
    """
    if "api_key" in engine.args:
        raise SpecError(
            "engine.args.api_key cannot be set, since a run directory records its arguments",
            hint="set OPENAI_API_KEY, or name another variable: --engine-arg api_key_env=NAME",
        )
    known = ServerArgs.__struct_fields__
    for name in engine.args:
        if name not in known:
            raise UnknownNameError.build("argument of the openai_server engine", name, known)
    try:
        args = msgspec.convert(engine.args, ServerArgs)
    except msgspec.ValidationError as error:
        raise SpecError(f"engine.args cannot be used: {error}") from None
    if (args.concurrency or 1) > engine.batch_size:
        raise SpecError(
            f"engine.args.concurrency is {args.concurrency}, above engine.batch_size, which is "
            f"{engine.batch_size}",
            hint="raise engine.batch_size, or lower the concurrency",
        )
    if engine.dtype != "auto":
        raise SpecError(
            f"engine.dtype is {engine.dtype!r}, but a server has chosen its number format already",
            hint="leave engine.dtype out",
        )
    return args


def concurrency(args: ServerArgs, engine: EngineSpec) -> int:
    """Return how many requests are in flight at once."""
    return args.concurrency or min(engine.batch_size, DEFAULT_CONCURRENCY)


def read_base_url(args: ServerArgs) -> str:
    """Return the address of the API, without a slash at its end.

    Raises:
        SpecError: there is none, or it holds what must not be recorded.
    """
    url = (args.base_url or os.environ.get("OPENAI_BASE_URL") or "").strip().rstrip("/")
    if not url:
        raise SpecError(
            "the openai_server engine needs the address of a server, got none",
            hint="--engine-arg base_url=http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL",
        )
    hint = "give an address such as http://127.0.0.1:8000/v1; a key belongs in OPENAI_API_KEY"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f]", url):
        raise SpecError("base_url is no http or https address", hint=hint)
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise SpecError(
            "base_url holds a user name, a query or a fragment, and it would be recorded", hint=hint
        )
    return url


def read_secrets(args: ServerArgs) -> Secrets:
    """Return what the environment holds for the headers.

    Raises:
        SpecError: the variable that was named is not set, or holds what no header can.
    """
    # The value is not shown: whoever mistakes the argument writes the key itself there.
    named = args.api_key_env != "OPENAI_API_KEY"
    key = os.environ.get(args.api_key_env, "").strip()
    if named and not key:
        raise SpecError(
            "the variable that engine.args.api_key_env names is not set in the environment",
            hint="give the name of a variable that holds the key, not the key itself",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SpecError(
            "the API key holds a character that no header can carry",
            hint="check the variable that holds it",
        )
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    secrets = Secrets(key or None, tuple(line.partition(":")[2].strip() for line in lines))
    for name in args.__struct_fields__:
        if secrets.held_by(json.dumps(getattr(args, name), ensure_ascii=False)):
            raise SpecError(
                f"engine.args.{name} holds the API key, and a run directory records it",
                hint="leave the key in the environment alone",
            )
    return secrets
