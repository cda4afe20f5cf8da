r"""From a completion's text to its final answer; versioned, linear time, never raises.

What is taken back in so many words ('that is wrong') or only supposed ('I thought the answer
is 5') is no answer.

The answer is looked for after the thinking part only.  ``\boxed{...}`` counts where its
braces are balanced, and the last such box that holds something wins: models restate the
instruction "put the answer in \boxed{}" and correct themselves.  A text that was cut off
by the token limit is read for complete boxes alone, since its last line, or a box without
braces at its very end, may lack its tail.

Boxes with nothing but a comma, 'and', 'or' or a label between them are meant together, and
all of them are given.  Whether several answers, or a hedge as '3 or 5', can be right is for
the grader to say, who knows the gold answer.
"""

import dataclasses
import enum
import re

VERSION = "extraction-4"
"""Part of every grader's identity; raised whenever any text may give another answer."""

TAGS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""Opening and closing marks of a thinking part, by the models that are in use."""


class ThinkingState(enum.StrEnum):
    """Which marks of the thinking part a completion holds."""

    BOTH = "both"
    """Opened and closed."""
    CLOSE_ONLY = "close_only"
    """Closed; the chat template had opened it, or the model forgot to."""
    NONE = "none"
    """No thinking part: the whole text is the answer."""
    UNCLOSED = "unclosed"
    """Opened and never closed: there is no answer, whatever stands in the thought."""


@dataclasses.dataclass(frozen=True, slots=True)
class Thinking:
    """A completion, split at the end of its thinking part."""

    thought: str
    """What was thought, without the marks."""
    answer_text: str
    """What was said after it; empty while the thought is unclosed."""
    state: ThinkingState
    """Which marks were there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Extraction:
    """What was found of a final answer."""

    answer: str | None
    """The answer, or None."""
    how: str
    """``boxed``, ``stated``, ``line`` or ``nothing``."""
    state: ThinkingState
    """Which marks of the thinking part were there."""
    boxes: tuple[str, ...] = ()
    """The last boxes that are meant together, in their order; ``answer`` is the last."""

    @property
    def whole(self) -> str | None:
        """The answer, with all the boxes that are meant together."""
        return ", ".join(self.boxes) if len(self.boxes) > 1 else self.answer


def split_thinking(text: str, prefilled: bool = False) -> Thinking:
    """Split at the last closing mark.

    Args:
        text: the completion as decoded.
        prefilled: whether the prompt had opened the thinking part already.
    """
    opening, closing = _marks(text)
    end = text.rfind(closing)
    start = text.find(opening)
    if end < 0:
        if start < 0 and not prefilled:
            return Thinking("", text, ThinkingState.NONE)
        thought = text[start + len(opening) :] if start >= 0 else text
        return Thinking(thought, "", ThinkingState.UNCLOSED)
    after = end + len(closing)
    if text.find(opening, after) >= 0:
        return Thinking(text[:after], "", ThinkingState.UNCLOSED)
    opened = 0 <= start < end
    thought = text[start + len(opening) if opened else 0 : end]
    state = ThinkingState.BOTH if opened else ThinkingState.CLOSE_ONLY
    return Thinking(thought, text[after:], state)


def _marks(text: str) -> tuple[str, str]:
    """Return the pair of marks in use: the one that closes last, else the first that opens."""
    closed = [(text.rfind(pair[1]), pair) for pair in TAGS]
    last, pair = max(closed)
    if last >= 0:
        return pair
    return next((pair for pair in TAGS if pair[0] in text), TAGS[0])


_PART = r"\s?(?:\{[^{}]{0,80}\}|\d)"
_BARE = (
    r"\\[dtc]?frac"
    + _PART
    + _PART
    + r"|\\(?:sqrt(?:\[[^\[\]]{0,9}\])?|text[a-z]{0,2}|math[a-z]{2,3})"
    + _PART
    + r"|\\[A-Za-z]{1,20}(?![A-Za-z{])|[^\s${}\\]*"
)
_TOKEN = re.compile(
    r"\\\\?(?P<box>boxed|fbox)(?![A-Za-z])\s*(?:(?P<open>\{)|(?P<bare>" + _BARE + r"))"
    r"|\\.|(?P<left>\{)|(?P<right>\})",
    re.DOTALL,
)


def last_boxed(text: str, *, truncated: bool = False) -> str | None:
    r"""Return the content of the last complete box that is not empty, or None.

    Understands ``\boxed{5}``, ``\boxed 5``, ``\fbox{5}`` and doubled backslashes; of nested
    boxes the innermost that starts last.  One pass with a stack, so a megabyte of opening
    braces costs no more than a megabyte of prose.

    Args:
        text: what follows the thinking part.
        truncated: whether the text was cut off; a box without braces at its end is then
            not complete.
    """
    boxes = last_boxes(text, truncated=truncated)
    return boxes[-1] if boxes else None


def last_boxes(text: str, *, truncated: bool = False) -> tuple[str, ...]:
    """Return the last complete box and those before it that are meant together with it.

    A box that says the same again is not repeated.
    """
    if "boxed" not in text and "fbox" not in text:
        return ()
    boxes = _boxes(text, truncated)
    if not boxes:
        return ()
    at = max(range(len(boxes)), key=lambda i: boxes[i].start)
    if _is_retracted(text[boxes[at].end :][:_RETRACTION_OF_BOX].partition("\n\n")[0]):
        return ()
    together = [boxes[at]]
    # Boxes that hold the last one end after it, and are passed over.
    for box in reversed(boxes[:at]):
        gap = text[box.end : together[-1].command]
        if box.end > together[-1].command or len(gap) > _MAX_GAP or not _GAP.fullmatch(gap):
            break
        together.append(box)
        if len(together) > _MAX_TOGETHER:
            break
    return tuple(dict.fromkeys(box.content for box in reversed(together)))


@dataclasses.dataclass(frozen=True, slots=True)
class _Box:
    command: int
    start: int
    end: int
    content: str


_MAX_GAP = 60
_MAX_TOGETHER = 20
_GAP = re.compile(
    r"(?:[\s$,;.&*]|\\[()\[\],;:!\\ ]|\\q?quad|\\hspace\{[^{}]*\})*"
    r"(?:(?:\\text\{ *(?:and|or) *\}|and|or)(?:[\s$,;*]|\\[()\[\],;:! ]|\\q?quad)*)?"
    r"(?:[-\u2022]?\s*(?:\(?[a-z0-9]{1,3}\)|[a-z0-9][.:])[\s$*]*)?"
    r"(?:[A-Za-z](?:_\{?\w\}?)?\s*=\s*)?[\s$({\[]*"
)


def _boxes(text: str, truncated: bool) -> list[_Box]:
    """Return the complete boxes that hold something, in the order in which they end."""
    boxes: list[_Box] = []
    latest = -1
    stack: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        if token["left"]:
            stack.append((-1, -1))
        elif token["right"]:
            command, start = stack.pop() if stack else (-1, -1)
            # A box around one that is complete already is not the innermost.
            content = text[start : token.start()].strip() if start > latest else ""
            if content:
                latest = start
                boxes.append(_Box(command, start, token.end(), content))
        elif token["open"]:
            stack.append((token.start(), token.end()))
        elif token["bare"] and not (truncated and token.end() == len(text)):
            content = token["bare"].rstrip(".,;:")
            if content:
                latest = token.end()
                boxes.append(_Box(token.start(), token.end(), token.end(), content))
    return boxes


_STATED = re.compile(
    r"\b(?:answer|correct (?:option|choice))[*_]{0,3}(?: is\b|:)", re.IGNORECASE | re.ASCII
)
_SUPPOSED = re.compile(
    r"(?:\b(?:thought|guess(?:ed)?|assum(?:e[ds]?|ing)|suppos(?:e[ds]?|ing)|suspect(?:ed)?|if|whether"
    r"|unless|believed|claim(?:s|ed)?|hoped|doubt|wish)"
    r"|\b(?:might|would|could|don't|not|cannot|can't|never) (?:\w+ )?(?:say|think|believe|mean|true"
    r"|claim|sure))"
    r"(?: that)?,? *[*_]*(?:the|my|his|her|their|our|your|its)?(?: (?:final|correct|right))?"
    r" *[*_]*$",
    re.IGNORECASE,
)
_BEFORE = 80
_RETRACTED = re.compile(
    r"\b(?:(?:that|this|it|which|answer|result)(?:'s| is| was| must be| cannot be| can't be)"
    r"(?: (?:clearly|actually|obviously|definitely|also|just|all|still))? "
    r"(?:wrong|incorrect|false|mistaken|a mistake|an error|impossible|right|correct|not right"
    r"|not correct|not the (?:right |correct )?answer)"
    r"|(?:that|this|it|which|answer|result) (?:isn't|wasn't) (?:right|correct|the answer)"
    r"|(?:I|we)(?: have|'ve)? (?:made an? (?:\w+ )?(?:mistake|error)|was wrong|were wrong"
    r"|am wrong|take (?:that|it) back|retract)"
    r"|(?:scratch|ignore|disregard|forget|strike) (?:that|this|it)\b)",
    re.IGNORECASE,
)
_AFFIRMED = re.compile(r"\b(?:is|was|'s|must be)(?: \w+)? (?:right|correct)$", re.IGNORECASE)
_END_MARKS = 4
_END_MARK = re.compile(r"(?:<\|[a-z_]{2,30}\|>|</s>|<eos>)\s*\Z")
_RETRACTION_LIMIT = 2_000
_RETRACTION_OF_BOX = 120
_CHOICE_LINE = re.compile(r"\(?[A-J]\)?")
_FILLER = re.compile(r"[\s*_:]*(?:therefore|thus|then|hence|simply|just)\b,?", re.IGNORECASE)
_FORMULA = re.compile(r"[\s*_:]*(\$\$?)[^$]+\1[*_]*")
_ENDS = re.compile(
    r"\.(?=[*_]*\s+[A-Z*$\\(]|[*_]*\s*$)|(?<=[^\s,]),?\s+(?:because|since|as|which)\b"
)
_ENDS_FORMULA = re.compile(r",?\s+and\b[^\d$\\]*$")
_SAID_LIMIT = 400
_HASHES = "####"
_MARKED = re.compile(r"#{4,}\s*((?:(?!####)[^\n])*)")
_LATEX = re.compile(r"\\[A-Za-z]+(?:\{[^{}]*\})?|\$[^$]*\$")
_WORD = re.compile(r"[^\W\d_]{3}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BARE_LINE = re.compile(r"[-+\u2212]?[\d.,/ ]*\d[\d.,/ ]*%?")


def stated_answer(text: str) -> str | None:
    """Return what the last '#### ...' or 'the answer is ...' says, or None.

    A heading, as '#### Step 2: done', is not taken for GSM8K's mark.
    """
    marked = [found[1] for found in _MARKED.finditer(text) if _is_answer(found[1])]
    if marked and (trimmed := _trim(marked[-1])):
        return trimmed
    ends = [
        found.end()
        for found in _STATED.finditer(text)
        if _SUPPOSED.search(text, max(0, found.start() - _BEFORE), found.start()) is None
    ]
    if not ends or _is_retracted(text[ends[-1] : ends[-1] + _RETRACTION_LIMIT]):
        return None
    said = text[ends[-1] : ends[-1] + _SAID_LIMIT].partition("\n")[0]
    return _trim(_first_statement(said)) or None


def _is_retracted(behind: str) -> bool:
    """Return whether what follows an answer takes it back, as its last word on it."""
    judged = list(_RETRACTED.finditer(behind))
    return bool(judged) and _AFFIRMED.search(judged[-1][0]) is None


def _is_answer(said: str) -> bool:
    """Return whether what follows '####' is an answer, not the words of a heading."""
    if not any(char.isdigit() or char in "\\$" for char in said):
        return False
    return _WORD.search(_LATEX.sub(" ", said)) is None


def _first_statement(said: str) -> str:
    """Return the answer itself of '42 because ...' or '18 dollars. She has ...'."""
    filler = _FILLER.match(said)
    if filler is not None:
        said = said[filler.end() :]
    formula = _FORMULA.match(said)
    start = formula.end() if formula is not None else 0
    if (end := _ENDS.search(said, start)) is not None:
        said = said[: end.start()]
    if formula is not None and _ENDS_FORMULA.match(said, start):
        said = said[:start]
    return said


def final_line(text: str) -> str | None:
    """Return the last line that holds something, or None."""
    lines = text.rstrip().rsplit("\n", 1)
    return lines[-1].strip() or None


def bare_line(text: str) -> str | None:
    """Return the last line if it is nothing but a number, a formula or a choice, or None."""
    line = final_line(text)
    if line is None or len(line) > 400:
        return None
    plain = line.strip("*_ ")
    if len(plain) > 2 and plain[0] == plain[-1] == "$" and plain.count("$") in (2, 4):
        return plain.strip("$").strip() or None
    plain = plain.strip("$ .")
    return plain if _BARE_LINE.fullmatch(plain) or _CHOICE_LINE.fullmatch(plain) else None


def _trim(said: str) -> str:
    trimmed = said.strip().strip("*_`: ").strip()
    trimmed = trimmed.removesuffix(".").strip("*_` ")
    if len(trimmed) > 2 and trimmed[0] == trimmed[-1] == "$" and trimmed.count("$") == 2:
        trimmed = trimmed[1:-1].strip()
    return trimmed


def _without_end_marks(text: str) -> str:
    """Return a text without the end-of-text marks that some engines leave behind it."""
    for _ in range(_END_MARKS):
        found = _END_MARK.search(text, max(0, len(text) - 40))
        if found is None:
            break
        text = text[: found.start()]
    return text


def extract(
    text: str, *, prefilled: bool = False, truncated: bool = False, fallback: str = "none"
) -> Extraction:
    """Return the final answer of a completion.

    Args:
        text: the completion as decoded.
        prefilled: whether the prompt had opened the thinking part.
        truncated: whether the completion was cut off; fallbacks are not tried then.
        fallback: what to try where there is no box: ``none``; ``stated`` ('the answer
            is ...', '#### ...', a last line that is one number or formula); ``line`` (the
            last line, whatever it holds).
    """
    thinking = split_thinking(text, prefilled)
    said = _without_end_marks(thinking.answer_text)
    boxes = last_boxes(said, truncated=truncated)
    if boxes:
        return Extraction(boxes[-1], "boxed", thinking.state, boxes)
    if not truncated and fallback == "stated":
        stated = stated_answer(said)
        if stated is not None:
            return Extraction(stated, "stated", thinking.state)
        line = bare_line(said)
        if line is not None:
            return Extraction(line, "line", thinking.state)
    if not truncated and fallback == "line":
        line = final_line(said)
        if line is not None:
            return Extraction(line, "line", thinking.state)
    return Extraction(None, "nothing", thinking.state)


def gold_answer(target: str) -> str:
    r"""Return the final answer of a gold text that may be a whole worked solution.

    GSM8K's targets end in ``#### 42``, MATH's hold a ``\boxed{}``; anything else is taken
    as it stands.
    """
    at = target.rfind(_HASHES)
    if at >= 0:
        said = target[at + len(_HASHES) :].strip().partition("\n")[0].strip()
        return _THOUSANDS.sub("", said)
    boxed = last_boxed(target)
    return boxed if boxed is not None else target.strip()
