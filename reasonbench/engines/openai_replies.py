"""From the bytes of a reply to a completion; whatever does not fit is refused.

Truncation is told by the finish reason and by the token count, since some servers report
``stop`` at the limit.  A completion that ends by itself exactly at the limit therefore
counts as truncated.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reasonbench.engines.rendering import TAGS, cut
from reasonbench.records import FinishReason

MAX_TOKENS_READ = 2**31
MAX_NAME = 200
"""Characters of a model's name, a fingerprint or an id."""
SLACK = 16
"""Tokens above the limit that a server's own way of counting may explain."""
FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.FILTER,
}
REASONING_FIELDS = ("reasoning", "reasoning_content")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


class ReplyError(Exception):
    """A reply that is no completion.

    ``kind`` names the class of the trouble, ``retry`` says whether another try may help, and
    ``hint`` what helps where every request would end like this one.
    """

    def __init__(
        self, message: str, *, kind: str = "BadReply", retry: bool = True, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.retry, self.hint = kind, retry and hint is None, hint


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says."""

    text: str
    """The completion, thinking included."""
    finish_reason: FinishReason
    """Why it ended."""
    n_prompt_tokens: int
    """Tokens of the prompt."""
    n_tokens: int
    """Tokens generated."""
    split: bool
    """Whether the server had taken the thinking out of the text."""
    id: str | None
    """Id of the reply."""
    model: str | None
    """Model that the server says it was."""
    fingerprint: str | None
    """The server's ``system_fingerprint``."""


def read_answer(body: bytes, *, chat: bool, max_tokens: int, stop: Sequence[str] = ()) -> Answer:
    """Read a reply to a request for one completion.

    Args:
        body: the bytes of the reply.
        chat: whether it is one of ``/chat/completions``.
        max_tokens: most tokens that were asked for.
        stop: strings at which the text must end.

    Raises:
        ReplyError: it is no reply to such a request.
    """
    reply = read_object(body)
    choice = _only_choice(reply)
    n_prompt_tokens, n_tokens = _usage(reply.get("usage"))
    if n_tokens > max_tokens + SLACK:
        raise ReplyError(
            f"the server drew {n_tokens:,} tokens where at most {max_tokens:,} were asked for",
            kind="TokenLimitIgnored",
            hint="name the limit as the server does: "
            "--engine-arg max_tokens_field=max_completion_tokens",
        )
    reason = _finish_reason(choice)
    thought, content = _parts(choice, chat)
    split = thought is not None
    thought, was_cut = cut(thought or "", stop)
    if was_cut:
        content = ""
    else:
        content, was_cut = cut(content, stop)
    if was_cut and reason is FinishReason.LENGTH:
        reason = FinishReason.STOP
    elif reason is FinishReason.STOP and n_tokens >= max_tokens and not was_cut:
        reason = FinishReason.LENGTH
    return Answer(
        text=valid(_join(thought, content, ended=reason is FinishReason.STOP)),
        finish_reason=reason,
        n_prompt_tokens=n_prompt_tokens,
        n_tokens=n_tokens,
        split=split,
        id=_name(reply.get("id")),
        model=_name(reply.get("model")),
        fingerprint=_name(reply.get("system_fingerprint")),
    )


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    Raises:
        ReplyError: it holds something else, such as half of one, or a page of HTML.
    """
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        kind = "a page of HTML" if body.lstrip()[:1] == b"<" else f"{len(body):,} bytes"
        raise ReplyError(f"the server's reply is not JSON, but {kind}") from None
    if not isinstance(found, dict):
        raise ReplyError("the server's reply is not a JSON object")
    return found


def count(value: Any) -> int | None:
    """Return a number of tokens, or None if it cannot be one."""
    usable = isinstance(value, int) and not isinstance(value, bool)
    return value if usable and 0 <= value <= MAX_TOKENS_READ else None


def valid(text: str) -> str:
    """Return ``text`` with every lone surrogate replaced, so that it can be written."""
    return text.encode("utf-8", "replace").decode("utf-8")


def sentence(text: str, limit: int = 300) -> str:
    """Return what a server said, on one line and not too long."""
    line = " ".join(_UNPRINTABLE.sub(" ", valid(text[: 20 * limit])).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _only_choice(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the one choice that was asked for.

    Of several none is taken: a server that draws more than it was asked for has not
    drawn with the seed that was sent.
    """
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        said = f", but the error {json.dumps(reply['error'])}" if reply.get("error") else ""
        raise ReplyError(f"the server's reply holds no choices{said}")
    if len(choices) > 1:
        raise ReplyError(
            f"the server returned {len(choices)} completions where one was asked for",
            kind="WrongCount",
            retry=False,
        )
    if not isinstance(choices[0], dict):
        raise ReplyError("the choice in the server's reply is not an object")
    return choices[0]


def _usage(usage: Any) -> tuple[int, int]:
    if usage is None:
        raise ReplyError(
            "the server's reply has no usage, so that a truncated completion cannot be told",
            kind="NoUsage",
            hint="make the server report usage.completion_tokens, or use another engine",
        )
    fields = usage if isinstance(usage, dict) else {}
    prompt, drawn = count(fields.get("prompt_tokens")), count(fields.get("completion_tokens"))
    if prompt is None or drawn is None:
        raise ReplyError("the token counts in the server's reply are no whole numbers")
    return prompt, drawn


def _finish_reason(choice: dict[str, Any]) -> FinishReason:
    given = choice.get("finish_reason")
    reason = FINISH.get(given) if isinstance(given, str) else None
    if reason is None:
        raise ReplyError(
            f"the server ended the completion for the reason {given}",
            kind="Unfinished",
            retry=False,
        )
    return reason


def _parts(choice: dict[str, Any], chat: bool) -> tuple[str | None, str]:
    """Return the thinking that the server split off (None if it splits none), and the rest."""
    if not chat:
        return None, _string(choice.get("text"), "text")
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ReplyError("the choice in the server's reply has no message")
    if message.get("tool_calls"):
        raise ReplyError("the model called a tool", kind="Unfinished", retry=False)
    thoughts = [
        _string(message[name], name) for name in REASONING_FIELDS if message.get(name) is not None
    ]
    distinct = {thought for thought in thoughts if thought}
    if len(distinct) > 1:
        raise ReplyError("the server's reply holds two different texts of reasoning")
    content = message.get("content")
    rest = "" if content is None else _string(content, "content")
    return (max(distinct, default="") if thoughts else None), rest


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ReplyError(f"the field {name} of the server's reply is not a text")
    return value


def _join(thought: str, content: str, *, ended: bool) -> str:
    """Put the thinking back before the rest, closed only if it ended."""
    if not thought:
        return content
    opening, closing = TAGS[0]
    if not content and not ended:
        return f"{opening}\n{thought}"
    return f"{opening}\n{thought}\n{closing}\n\n{content}"


def _name(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    if len(value) > MAX_NAME:
        raise ReplyError("a name in the server's reply is too long")
    return sentence(value)
