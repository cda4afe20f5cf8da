"""One row that a student is trained on."""

from dataclasses import dataclass

from reasonbench.records import Problem


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A prompt, and what the teacher wrote after it."""

    id: str
    """Where it came from: a bank's row, or a file and row."""
    messages: tuple[dict[str, str], ...]
    """The prompt as chat messages (role, content), the last of them the user's."""
    completion: str
    """The teacher's text, thinking included, without an end token."""
    problem: Problem | None = None
    """Problem that it answers, where known; a reward needs it."""
