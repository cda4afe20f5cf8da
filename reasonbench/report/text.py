"""Numbers and hostile text, made fit to print.

Everything that a model, a trace file or a benchmark wrote passes through ``visible``
(control, invisible and bidirectional characters become their code points) and then
through ``cell`` or ``fenced``, so it can neither leave its place nor hide in it.
"""

import re
import unicodedata
from collections.abc import Iterable

from reasonbench.records import Interval
from reasonbench.results import TaskResult

_MARKDOWN = re.compile(r"([\\`*{}\[\]<>#|~$&]|@(?=[A-Za-z])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""What Markdown acts on; an underscore within a word and an @ before a number do nothing."""
_NOTES = {
    "k_exceeds_n": "k > n",
    "fixed_interval_not_identified": "one completion a problem gives no interval for these",
    "missing_problems": "problems with nothing graded are left out",
    "selected_by_outcome": "unfinished problems are left out, so this is too high",
}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_INKLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Characters that show nothing, beside those of ``_HIDDEN``."""


def percent(value: float | None) -> str:
    """Return a proportion as ``31.2%``, or a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f}%"


def points(value: float | None) -> str:
    """Return a difference of proportions as ``+12.3``, in percentage points."""
    return "-" if value is None else f"{100 * value:+.1f}"


def interval(value: Interval | None) -> str:
    """Return an interval of proportions as ``25.1 to 38.0%``."""
    return "-" if value is None else f"{100 * value.low:.1f} to {100 * value.high:.1f}%"


def points_interval(value: Interval | None) -> str:
    """Return an interval of differences as ``+2.1 to +9.8``."""
    return "-" if value is None else f"{100 * value.low:+.1f} to {100 * value.high:+.1f}"


def completions_asked(task: TaskResult) -> str:
    """Return how many completions a problem was to have, such as ``16``."""
    if task.stop_after_successes is None:
        return f"{task.n:,}"
    return f"up to {task.n:,}, stopped at {task.stop_after_successes:,} right"


def level_name(level: float) -> str:
    """Return a confidence level as ``95%`` or ``99.9%``."""
    return f"{100 * level:.6g}%"


def flag_notes(flags: Iterable[str]) -> str:
    """Return an estimate's flags in words."""
    return ", ".join(_NOTES.get(flag, flag) for flag in flags)


def marked(text: str, invalid: bool) -> str:
    """Return a heading, marked where the numbers under it are no scores."""
    return f"INVALID: {text}" if invalid else text


def one_line(text: str, limit: int = 1000) -> str:
    """Return ``text`` as one line in which everything shows, at most ``limit`` characters of it."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, and how many more there are."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def visible(text: str) -> str:
    """Return ``text`` with characters that do not show replaced by ``<U+XXXX>``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"<U+{ord(ch):04X}>" if _is_hidden(ch) else ch for ch in text)


def _is_hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    return unicodedata.category(character) in _HIDDEN or bool(_INKLESS.match(character))


def cell(text: str, limit: int = 400) -> str:
    """Return ``text`` as one line of literal Markdown, at most ``limit`` characters of it."""
    return _MARKDOWN.sub(r"\\\1", one_line(text, limit))


def fenced(text: str, limit: int = 2000) -> str:
    """Return ``text`` as a literal block whose fence is longer than any run within."""
    shown = visible(text)
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"
