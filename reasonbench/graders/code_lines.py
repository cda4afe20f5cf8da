"""Python as far as lines and quotes go: where a body ends, and what looks like code.

No parser is run on a completion here: one pass over the lines, whatever stands in them.
"""

import re

_TOKEN = re.compile(
    r"(?P<triple>\"\"\"|''')|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?"
    r"|\#.*|(?P<open>[(\[{])|(?P<close>[)\]}])"
)
_TRIPLE_END = {
    '"""': re.compile(r'\\.|"""'),
    "'''": re.compile(r"\\.|'''"),
}
_IMPORT = r"import\s+[\w.]+\s*(?:,|as\b|\#|;|\Z)|from\s+[\w.]+\s+import\b"
_DEFINITION = r"(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|@\w"
_COMPOUND = r"(?:if|for|while|with|try|async\s+for|async\s+with)\b.*:"
_ASSIGNMENT = (
    r"[^\W\d][\w.\[\], ]{0,80}(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=)|[^\W\d]\w{0,80}\s*:\s.*="
)
_CALL = r"[^\W\d][\w.]{0,80}\("
_PROGRAM = re.compile(rf"{_IMPORT}|{_DEFINITION}|{_COMPOUND}|{_ASSIGNMENT}|{_CALL}")
"""A first line that programs have and prose has not."""
_TOP = re.compile(
    rf"{_PROGRAM.pattern}|\#|(?:except|finally|else|elif)\b.*:|(?:pass|raise|assert|del)\b"
    r"|[\"')\]}]"
)
"""What else can stand at the start of a line of a program."""
_START = re.compile(rf"{_IMPORT}|{_DEFINITION}")
_STATEMENT = re.compile(rf"{_PROGRAM.pattern}|(?:return|raise|yield|assert|pass|global|nonlocal)\b")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; only a line feed ends one, as in Python's source."""
    return text.split("\n")


class Lexer:
    """Follows strings and brackets from line to line."""

    def __init__(self) -> None:
        self.quote = ""
        """The triple quote that is open after the lines so far."""
        self._depth = 0
        self._joined = False

    @property
    def inside(self) -> bool:
        """Whether the next line goes on with a string, a bracket or a joined line."""
        return bool(self.quote) or self._depth > 0 or self._joined

    def feed(self, line: str) -> None:
        """Take the next line."""
        at = 0
        while True:
            if self.quote:
                at = self._end_of_string(line, at)
                if self.quote:
                    return
            token = _TOKEN.search(line, at)
            if token is None:
                break
            at = token.end()
            self.quote = token["triple"] or ""
            if token["open"]:
                self._depth += 1
            elif token["close"] and self._depth:
                self._depth -= 1
        self._joined = line.endswith("\\")

    def _end_of_string(self, line: str, at: int) -> int:
        pattern = _TRIPLE_END[self.quote]
        while (found := pattern.search(line, at)) is not None:
            at = found.end()
            if found[0] == self.quote:
                self.quote = ""
                break
        return at


def cut_body(text: str, prefix: str, *, truncated: bool) -> str | None:
    """Return the part of a text that is the body of the function that ``prefix`` ends in.

    It ends before the first line at the margin that is no comment.  A first line without
    indentation, which chat servers strip, gets that of the prefix.

    Args:
        text: what a model wrote after the prefix.
        prefix: code that ends within a function.
        truncated: whether the text was cut off; a body that no line ends is not whole then.
    """
    lines = lines_of(text)
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        return None
    whole_lines = prefix.endswith("\n") or first > 0
    if whole_lines and not lines[first][0].isspace():
        if _STATEMENT.match(lines[first]) is None:
            return None
        lines[first] = _indentation(prefix) + lines[first]
    lexer = Lexer()
    for number, line in enumerate(lines):
        at_margin = line.strip() and not line[0].isspace() and line[0] != "#"
        if at_margin and not lexer.inside and (whole_lines or number > 0):
            return _joined(lines[:number])
        lexer.feed(line)
    return None if truncated else _joined(lines)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _indentation(prefix: str) -> str:
    last = next((line for line in reversed(lines_of(prefix)) if line.strip()), "")
    indent = last[: len(last) - len(last.lstrip())]
    return indent + "    " if last.rstrip().endswith(":") else indent or "    "


def leading_code(text: str, *, anywhere: object = False) -> str | None:
    """Return a program that no marks surround, or None.

    Args:
        text: what may be a program, or hold one.
        anywhere: whether prose may stand before it; else it starts on the first line.
    """
    lines = lines_of(text)
    start = next((i for i, line in enumerate(lines) if line.strip() and line[0] != "#"), None)
    if start is None:
        return None
    if _PROGRAM.match(lines[start]) is not None:
        start = 0
    elif anywhere:
        start = next((i for i, line in enumerate(lines) if _START.match(line)), None)
    else:
        return None
    if start is None:
        return None
    lexer = Lexer()
    for number in range(start, len(lines)):
        line = lines[number]
        margin = bool(line.strip()) and not line[0].isspace() and not lexer.inside
        if margin and _TOP.match(line) is None:
            return _joined(lines[start:number])
        lexer.feed(line)
    return _joined(lines[start:])
