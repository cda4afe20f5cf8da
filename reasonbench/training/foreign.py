"""Traces that are no bank: a record of any of the field's schemas to a prompt and a completion.

The files are read by the readers of ``reasonbench scan``.  A record is taken as, in this order:

1. a conversation under ``messages`` or ``conversations``, whose last turn is the teacher's;
2. the same with the user's turn last, and the teacher's text under a key of its own;
3. ``prompt`` (text or turns) and ``completion`` (text or turns), or other keys of that meaning.

Where the thought stands apart (``reasoning_content``, ``thinking``, ...), it is put before the
answer between ``<think>`` and ``</think>``.  Of several turns the last of the teacher's is the
completion, and all before it are the prompt.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reasonbench.corpus.fields import encodable
from reasonbench.corpus.sources import Options, Shard
from reasonbench.errors import TraceError

UNREADABLE = "unreadable"
"""Reason of a row that the readers skip: no JSON, no text, ..."""
NO_PROMPT = "no_prompt"
NO_COMPLETION = "no_completion"
"""Reasons of records that are no trace."""

TURNS = ("messages", "conversations", "conversation")
PROMPTS = ("prompt", "question", "problem", "instruction", "query", "input")
COMPLETIONS = ("completion", "response", "generation", "output", "solution", "answer", "trace")
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thought", "deepseek_reasoning")
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}
"""Authors of turns, as the field's data sets call them."""

Message = dict[str, str]


class Record(NamedTuple):
    """One row of a file."""

    document: str
    """File."""
    row: int
    """Row in it, counted from 0."""
    messages: tuple[Message, ...]
    """Prompt."""
    completion: str
    """What the teacher wrote."""
    lacks: str | None
    """Why it is no trace; None where it is one."""


def records(shards: Sequence[Shard]) -> Iterator[Record]:
    """Yield every row of a file, those that are no trace with their reason.

    Args:
        shards: all parts of one file, in their order.

    Raises:
        TraceError: a file that cannot be read to its end.
    """
    first = 0
    for shard in shards:
        reading = shard.blocks(Options(whole_rows=True))
        for block in reading:
            skipped = [(int(row), None) for row in block.skips.rows]
            usable = [(int(row), i) for i, row in enumerate(block.rows)]
            for row, i in sorted([*skipped, *usable], key=lambda pair: pair[0]):
                yield _record(shard.document, first + row, None if i is None else block.record(i))
        if reading.account.unread:
            raise TraceError(
                reading.account.unread[0], hint="fetch the file again, or name another one"
            )
        first += reading.account.lines


def _record(document: str, row: int, found: Mapping[str, Any] | None) -> Record:
    if found is None:
        return Record(document, row, (), "", UNREADABLE)
    messages, completion = parted(found)
    lacks = None
    if not messages or messages[-1]["role"] != "user":
        lacks = NO_PROMPT
    elif not completion:
        lacks = NO_COMPLETION
    return Record(document, row, messages, completion, lacks)


def parted(record: Mapping[str, Any]) -> tuple[tuple[Message, ...], str]:
    """Return the prompt and the completion of a record; what is missing is empty."""
    for key in TURNS:
        turns = _with_system(record, _turns(record.get(key)))
        if turns:
            if turns[-1]["role"] == "assistant":
                return tuple(turns[:-1]), turns[-1]["content"]
            return tuple(turns), _completion(record)
    for key in PROMPTS:
        turns = _turns(record.get(key)) or _asked(record, key)
        if turns:
            return tuple(_with_system(record, turns)), _completion(record)
    return (), _completion(record)


def _asked(record: Mapping[str, Any], key: str) -> list[Message]:
    """Return a question that is plain text; an instruction has its input after it."""
    text, more = record.get(key), record.get("input")
    if not isinstance(text, str) or not text.strip():
        return []
    if key == "instruction" and isinstance(more, str) and more.strip():
        text = f"{text}\n\n{more}"
    return [_message("user", text)]


def _with_system(record: Mapping[str, Any], turns: list[Message]) -> list[Message]:
    """Put a system message that stands apart before the turns."""
    system = record.get("system")
    if not turns or turns[0]["role"] == "system":
        return turns
    has_system = isinstance(system, str) and system.strip()
    return [_message("system", str(system)), *turns] if has_system else turns


def _completion(record: Mapping[str, Any]) -> str:
    for key in COMPLETIONS:
        value = record.get(key)
        turns = _turns(value)
        if turns and turns[-1]["role"] == "assistant":
            return turns[-1]["content"]
        if isinstance(value, str) and value.strip():
            return _with_thought(record, encodable(value))
    return ""


def _turns(value: Any) -> list[Message]:
    """Return a list of turns; none where it is no such list, or an author is not known."""
    if not isinstance(value, list | tuple):
        return []
    turns = []
    for turn in value:
        if not isinstance(turn, Mapping):
            return []
        author = turn.get("role", turn.get("from"))
        text = _text(turn.get("content", turn.get("value")))
        role = ROLES.get(author.lower()) if isinstance(author, str) else None
        if role is None or text is None:
            return []
        said = encodable(text)
        turns.append(_message(role, _with_thought(turn, said) if role == "assistant" else said))
    return turns


def _text(content: Any) -> str | None:
    """Return a turn's text, which may come in parts; None where a part is no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return None
    texts = [p.get("text") if isinstance(p, Mapping) else None for p in content]
    parts = [text for text in texts if isinstance(text, str)]
    return "".join(parts) if parts and len(parts) == len(texts) else None


def _with_thought(record: Mapping[str, Any], said: str) -> str:
    for key in THOUGHTS:
        thought = record.get(key)
        if isinstance(thought, str) and thought.strip() and "</think>" not in said:
            return f"<think>\n{encodable(thought).strip()}\n</think>\n\n{said}"
    return said


def _message(role: str, text: str) -> Message:
    return {"role": role, "content": encodable(text)}
