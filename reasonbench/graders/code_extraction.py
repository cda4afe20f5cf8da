"""From a completion's text to its program; versioned, linear time, never raises.

Only what follows the thinking part is read.  In this order:

1. of the fenced blocks that are Python or have no tag, the last that defines the entry point,
   where one is known;
2. a text that begins with an indented line, where the problem has a prefix: the body of the
   function that the prompt opened, cut before the first line that leaves it;
3. the last block tagged as Python, else the last without a tag, else the last of any other
   language (which will hardly compile): an untagged block after the program is mostly sample
   output;
4. ``[PYTHON]`` and ``<code>`` marks, by the same rules;
5. a text that is code from its first line on, or that defines the entry point, without marks;
6. the body of the prompt's function that lost the indentation of its first line.

One block is the program: blocks are not put together.  A fence inside a string of the program
does not end it.  An unclosed block counts to its end where the model stopped by itself, since
the fence is a common stop string; where the token limit cut it off it does not count, and a
complete block before it does, as a complete box does in math.
"""

import dataclasses
import re

from reasonbench.graders.code_lines import Lexer, cut_body, leading_code, lines_of
from reasonbench.graders.extraction import ThinkingState, split_thinking

VERSION = "code-extraction-1"
"""Part of the code grader's identity; raised whenever any text may give another program."""

_FENCE = re.compile(r"[ \t]*(?:(?P<ticks>`{3,})(?P<info>[^`]*)|(?P<tildes>~{3,})(?P<words>.*))\Z")
_TAG = re.compile(r"[\s{.]*([A-Za-z0-9+#_.-]*)")
_PYTHON = re.compile(r"py(?:thon)?[0-9.]*\Z")
_WRAPPERS = ("markdown", "md")
"""Blocks whose content is read as if their fences were not there."""
_OTHERS = re.compile(
    r"(?:bash|sh|shell|console|text|txt|plaintext|output|input|json|yaml|toml|xml|html|css|sql|diff"
    r"|c|c\+\+|cpp|csharp|java|javascript|js|typescript|ts|go|rust|ruby|php|r|julia|pycon)\Z"
)
"""Tags that are known not to be the first word of a sentence."""
_MARKS = (
    re.compile(r"\[(?P<close>/?)PYTHON\]"),
    re.compile(r"<(?P<close>/?)code(?:\s[^<>\n]{0,80})?>"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A piece of a text that is marked as code."""

    tag: str
    """Language, in lower case; empty without one."""
    text: str
    """The content."""
    closed: bool
    """Whether its end is marked."""

    @property
    def python(self) -> bool:
        """Whether the tag says Python."""
        return _PYTHON.match(self.tag) is not None


@dataclasses.dataclass(frozen=True, slots=True)
class ExtractedCode:
    """What was found of a program."""

    code: str | None
    """The program, or None."""
    how: str
    """``fence``, ``mark``, ``bare``, ``continuation`` or ``nothing``."""
    state: ThinkingState
    """Which marks of the thinking part were there."""

    @property
    def continues(self) -> bool:
        """Whether the code goes on where the problem's prefix ends."""
        return self.how == "continuation"


def extract_code(
    text: str,
    *,
    prefilled: bool = False,
    truncated: bool = False,
    entry_point: str = "",
    prefix: str = "",
) -> ExtractedCode:
    """Return the program of a completion.

    Args:
        text: the completion as decoded.
        prefilled: whether the prompt had opened the thinking part already.
        truncated: whether the token limit cut it off.
        entry_point: the function, class or ``Class.method`` that the tests use, where known.
        prefix: the code that the prompt ends with, where a completion may go on from it.
    """
    thinking = split_thinking(text, prefilled)
    said = thinking.answer_text.replace("\r\n", "\n").replace("\r", "\n")
    fenced = fenced_blocks(said)
    defining = entry_pattern(entry_point)
    how, code = "fence", _last_defining(fenced, defining, truncated=truncated)
    if code is None and begins_indented(said, prefix):
        how, code = "continuation", cut_body(said, prefix, truncated=truncated)
    if code is None:
        how, code = "fence", _last_of_best(fenced, truncated=truncated)
    for pattern in _MARKS if code is None else ():
        marked = marked_blocks(said, pattern)
        how, code = "mark", _last_defining(marked, defining, truncated=truncated)
        code = code or _last_of_best(marked, truncated=truncated)
        if code is not None:
            break
    if code is None and not fenced:
        how, code = _without_marks(said, defining, prefix, truncated=truncated)
    return ExtractedCode(code, "nothing" if code is None else how, thinking.state)


def entry_pattern(entry_point: str) -> re.Pattern[str] | None:
    """Return what a text matches that defines the entry point at its top level."""
    name, _, method = entry_point.partition(".")
    if not name:
        return None
    if method:
        return re.compile(rf"^class\s+{re.escape(name)}\b", re.MULTILINE)
    name = re.escape(name)
    return re.compile(
        rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*(?::[^=\n]*)?=(?!=)",
        re.MULTILINE,
    )


def _without_marks(
    said: str, defining: re.Pattern[str] | None, prefix: str, *, truncated: bool
) -> tuple[str, str | None]:
    """Return how a program without marks was found, and the program."""
    if not truncated:
        code = leading_code(said, anywhere=defining is not None and defining.search(said))
        if code is not None and (not prefix or defining is None or defining.search(code)):
            return "bare", code
    if prefix and not begins_indented(said, prefix):
        return "continuation", cut_body(said, prefix, truncated=truncated)
    return "nothing", None


def begins_indented(said: str, prefix: str) -> bool:
    """Return whether a text goes on within the function that the prefix ends in."""
    if not prefix:
        return False
    line = next((line for line in lines_of(said) if line.strip()), "")
    indented = line.startswith(("\t", "  "))
    return indented and _FENCE.match(line) is None


def _usable(blocks: list[Block], *, truncated: bool) -> list[Block]:
    return [b for b in blocks if (b.closed or not truncated) and b.text.strip()]


def _last_defining(
    blocks: list[Block], defining: re.Pattern[str] | None, *, truncated: bool
) -> str | None:
    if defining is None:
        return None
    for block in reversed(_usable(blocks, truncated=truncated)):
        if (block.python or not block.tag) and defining.search(block.text):
            return block.text
    return None


def _last_of_best(blocks: list[Block], *, truncated: bool) -> str | None:
    usable = _usable(blocks, truncated=truncated)
    best = [b for b in usable if b.python] or [b for b in usable if not b.tag] or usable
    return best[-1].text if best else None


def marked_blocks(text: str, pattern: re.Pattern[str]) -> list[Block]:
    """Return what stands between the marks of ``pattern``."""
    found = []
    start: int | None = None
    for mark in pattern.finditer(text):
        if not mark["close"]:
            start = mark.end()
        elif start is not None:
            found.append(Block("", text[start : mark.start()], closed=True))
            start = None
    if start is not None:
        found.append(Block("", text[start:], closed=False))
    return found


def fenced_blocks(text: str) -> list[Block]:
    """Return the blocks between fences of backticks or tildes, in their order."""
    lines = lines_of(text)
    found = []
    number = 0
    lexed = True
    while number < len(lines):
        fence = _opening(lines[number])
        number += 1
        if fence is None or fence.tag in _WRAPPERS:
            continue
        end, sure = _end_of(lines, number, fence, lexed=lexed)
        last = _opening(lines[end]) if end < len(lines) else None
        # Once strings did not tell where a block ends they are not asked again: it is two
        # passes at most.
        lexed = lexed and sure
        content = "\n".join(_dedented(line, fence.indent) for line in lines[number:end])
        found.append(Block(fence.tag, content, closed=end < len(lines)))
        # A fence with a tag begins the next block: the one before it was left open.
        number = end if last is not None and last.opens else end + 1
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Fence:
    indent: int
    mark: str
    tag: str
    words: int
    """Words after the mark."""

    def closed_by(self, other: "_Fence") -> bool:
        """Tell whether the other ends a block that this opened, if it is not in a string.

        No line of Python begins with a mark, so one with words after it ends Python as well.
        """
        same = other.mark[0] == self.mark[0] and len(other.mark) >= len(self.mark)
        return same and (self.code or not other.words)

    @property
    def opens(self) -> bool:
        """Whether what follows the mark is a tag, not prose."""
        known = _OTHERS.match(self.tag) is not None
        return (self.words == 1 and known) or _PYTHON.match(self.tag) is not None

    @property
    def code(self) -> bool:
        return not self.tag or _PYTHON.match(self.tag) is not None


def _opening(line: str) -> _Fence | None:
    found = _FENCE.match(line)
    if found is None:
        return None
    mark = found["ticks"] or found["tildes"]
    info = found["info"] if found["ticks"] else found["words"]
    tag = _TAG.match(info)
    indent = len(line) - len(line.lstrip())
    return _Fence(indent, mark, tag[1].lower() if tag else "", len(info.split()))


def _end_of(lines: list[str], start: int, fence: _Fence, *, lexed: bool) -> tuple[int, bool]:
    """Return the line that closes a block, and whether its strings were understood.

    A fence inside a triple-quoted string belongs to the string.  There fences come in pairs,
    whose second has no tag: where that does not hold, or the string never ends, the quotes
    are broken, and the first fence that could close the block does.
    """
    lexer = Lexer() if lexed and fence.code else None
    first = opened = -1
    inside = False
    for number in range(start, len(lines)):
        line = lines[number]
        other = _opening(line)
        if other is not None:
            if lexer is None or not lexer.quote:
                if fence.closed_by(other):
                    return number, True
            elif inside and other.words and opened >= 0:
                return opened, False
            else:
                closes = fence.closed_by(other) and not other.words
                opened = number if closes and not inside else -1
                first = opened if first < 0 else first
                inside = not inside
        if lexer is not None:
            lexer.feed(line)
    return (first, False) if first >= 0 else (len(lines), True)


def _dedented(line: str, indent: int) -> str:
    """Return the line without the white space that its fence stands behind, as far as it has it."""
    taken = 0
    while taken < indent and line[taken : taken + 1] in (" ", "\t"):
        taken += 1
    return line[taken:]
