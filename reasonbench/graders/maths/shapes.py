r"""What kind of thing an answer is, and its parts.

Only the outermost structure is taken apart; parts are texts, read again where they are
compared.  Brackets are kept: ``[1,2]`` is neither ``(1,2)`` nor ``\{1,2\}``.
"""

import enum
import re
from dataclasses import dataclass

MAX_PARTS = 100
"""Most parts of an answer; no honest one has more."""


class Kind(enum.StrEnum):
    """Kinds of answers."""

    SCALAR = "scalar"
    """One value, in whatever form."""
    LIST = "list"
    """Several values, parted by commas, 'and' or 'or', without brackets."""
    SET = "set"
    """Values in curly brackets."""
    SEQUENCE = "sequence"
    """Values in round or square brackets: a point, a tuple, an interval."""
    MATRIX = "matrix"
    """Rows of values."""
    UNION = "union"
    """Sets joined by a union sign."""
    RELATION = "relation"
    """Sides with signs of equality or order between them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An answer, taken apart once."""

    kind: Kind
    text: str
    """The whole of it."""
    parts: tuple[str, ...] = ()
    """What it consists of; rows of a matrix are one after the other."""
    marks: str = ""
    """Opening and closing bracket, or the signs of a relation, or a matrix's row length."""
    hedged: bool = False
    """Whether 'or' or a plus-minus sign makes it several."""


_OPEN = r"\\\{|\\langle(?![A-Za-z])|\\begin\{[a-z]+\*?\}|[(\[{]"
_CLOSE = r"\\\}|\\rangle(?![A-Za-z])|\\end\{[a-z]+\*?\}|[)\]}]"
_CUT = (
    r"(?P<cut>[,;]|\\text\{ ?(?:,? ?(?:and|or)|,|;) ?\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])"
    r"|\\(?:lor|vee|land|wedge)(?![A-Za-z]))"
)
_UNION = r"(?P<union>\\cup(?![A-Za-z])|(?<=[)\]}] )U(?= ?[(\[\\]))"
_SIGN = (
    r"(?P<sign>\\(?:le|ge|ne|in|approx|equiv|sim|simeq|to|implies|Rightarrow|iff)(?![A-Za-z])"
    r"|=|<|>)"
)
_TOKEN = re.compile(
    rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})|{_CUT}|{_UNION}|{_SIGN}|(?P<plain>\\text\{{[^{{}}]*\}})|(?P<words>\\text\{{)|\\."
)
_MATRIX = re.compile(
    r"\\begin\{(?P<name>[pbvBV]?(?:small)?matrix|array)\}(?:\{[lcr| ]*\})?(?P<body>.*)"
    r"\\end\{(?P=name)\}",
    re.DOTALL,
)
_ROW = re.compile(r"\\\\(?:\[[^\]]*\])?")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])")
_FRENCH = re.compile(r"([\[\]])([^\[\](),;]+[,;][^\[\](),;]+)([\[\]])")
_BUILDER = re.compile(
    r"\\\{ ?[a-zA-Z](?: ?\\in ?\\mathbb\{R\})? ?(?:\\mid(?![A-Za-z])|:|\|) ?(?P<rule>.+?) ?\\\}"
)
_BRACKETS = {"(": ")", "[": "]"}
_EMPTY_LIST = re.compile(r"(?:\\text\{ ?(?:or|and) ?\}|,|;|or|and| )*")


def shape(text: str) -> Shape:
    """Return the outermost structure of an answer in spelled form."""
    text = text.strip()
    cuts = _top(text)
    if (found := _parted(text, cuts)) is not None:
        return found
    if (found := _related(text, cuts)) is not None:
        return found
    unions = cuts["union"]
    if unions:
        return Shape(Kind.UNION, text, _split(text, unions))
    if len(_PLUS_MINUS.findall(text)) == 1 and not _bracketed(text):
        both = tuple(_chosen(text, upper) for upper in (True, False))
        return Shape(Kind.LIST, text, both, hedged=True)
    matrix = _MATRIX.fullmatch(text)
    if matrix is not None:
        return _matrix(text, matrix)
    return _bracketed(text) or Shape(Kind.SCALAR, text)


def _parted(text: str, cuts: dict[str, list[tuple[int, int]]]) -> Shape | None:
    """Return the list that commas, 'and' or 'or' at the top make of a text."""
    spans = cuts["cut"]
    if not spans or len(spans) > MAX_PARTS:
        return None
    parts = tuple(part for part in _split(text, spans) if part)
    # 'x > 1 and x < 2' is one statement: left whole for what reads inequalities.
    if len(parts) < 2:
        return shape(parts[0]) if parts and parts[0] != text else None
    joined = {text[start:end] for start, end in spans}
    hedged = any("or" in word or "vee" in word for word in joined)
    expanded: list[str] = []
    for part in parts:
        plus_minus = len(_PLUS_MINUS.findall(part)) == 1 and not _bracketed(part)
        expanded += [_chosen(part, up) for up in (True, False)] if plus_minus else [part]
    return Shape(Kind.LIST, text, tuple(expanded), hedged=hedged)


def _related(text: str, cuts: dict[str, list[tuple[int, int]]]) -> Shape | None:
    spans = cuts["sign"]
    if not spans or len(spans) > MAX_PARTS:
        return None
    parts = _split(text, spans)
    if not all(parts):
        return None
    return Shape(Kind.RELATION, text, parts, " ".join(text[s:e] for s, e in spans))


def _matrix(text: str, found: re.Match[str]) -> Shape:
    rows = [row for row in _ROW.split(found["body"].replace(r"\hline", "")) if row.strip()]
    cells = [[cell.strip() for cell in row.split("&")] for row in rows]
    widths = {len(row) for row in cells}
    if found["name"][0] in "vV" or len(widths) != 1:
        return Shape(Kind.SCALAR, text)
    return Shape(Kind.MATRIX, text, tuple(cell for row in cells for cell in row), str(widths.pop()))


def as_matrix(several: Shape) -> Shape:
    """Return '[[1,2],[3,4]]' as the matrix that it is, and anything else as it is."""
    if several.kind is not Kind.SEQUENCE or several.marks != "[]":
        return several
    rows = [_bracketed(part) for part in several.parts]
    cells = [row.parts for row in rows if row is not None and row.marks == "[]"]
    if len(cells) != len(rows) or len({len(row) for row in cells}) != 1:
        return several
    flat = tuple(cell for row in cells for cell in row)
    return Shape(Kind.MATRIX, several.text, flat, str(len(cells[0])))


def _bracketed(text: str) -> Shape | None:
    """Return the set, tuple or interval that a text is, or None."""
    if text.startswith(r"\emptyset"):
        return Shape(Kind.SET, text) if text == r"\emptyset" else None
    builder = _BUILDER.fullmatch(text)
    if builder is not None and _top(builder["rule"])["sign"]:
        return shape(builder["rule"])
    french = _FRENCH.fullmatch(text)
    if french is not None and (french[1], french[3]) != ("[", "]"):
        opening, closing = ("(" if french[1] == "]" else "["), (")" if french[3] == "[" else "]")
        return Shape(Kind.SEQUENCE, text, _inside(french[2]), opening + closing)
    for opening, closing in ((r"\{", r"\}"), (r"\langle", r"\rangle")):
        if text.startswith(opening) and text.endswith(closing) and _is_one_group(text):
            inside = text[len(opening) : -len(closing)]
            kind = Kind.SET if opening == r"\{" else Kind.SEQUENCE
            return Shape(kind, text, _inside(inside), "" if kind is Kind.SET else "()")
    if text[:1] in _BRACKETS and text[-1:] in _BRACKETS.values() and _is_one_group(text):
        parts = _inside(text[1:-1])
        # '(5)' is a 5, but '[5]' a list of one.
        if len(parts) > 1 or text[0] == "[":
            return Shape(Kind.SEQUENCE, text, parts, text[0] + text[-1])
    return None


def _inside(text: str) -> tuple[str, ...]:
    spans = _top(text)["cut"]
    if not text.strip() or len(spans) > MAX_PARTS:
        return () if not text.strip() else (text.strip(),)
    return tuple(part for part in _split(text, spans) if part)


def _is_one_group(text: str) -> bool:
    """Return whether the bracket that opens a text closes at its very end."""
    depth = 0
    for found in _TOKEN.finditer(text):
        if found["open"] or found["words"]:
            depth += 1
        elif found["close"]:
            depth -= 1
            if depth == 0:
                return found.end() == len(text)
    return False


def _top(text: str) -> dict[str, list[tuple[int, int]]]:
    """Return the places of cuts, unions and signs that stand in no bracket."""
    places: dict[str, list[tuple[int, int]]] = {"cut": [], "union": [], "sign": []}
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind in ("open", "words"):
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind in places and depth == 0:
            places[kind].append(found.span())
    return places


def _split(text: str, spans: list[tuple[int, int]]) -> tuple[str, ...]:
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(text)]
    return tuple(text[s:e].strip() for s, e in zip(starts, ends, strict=True))


def _chosen(text: str, upper: bool) -> str:
    """Return a text with its plus-minus sign read as the upper or the lower sign."""

    def sign(found: re.Match[str]) -> str:
        plus = (found[0] == r"\pm") == upper
        leads = not text[: found.start()].strip(" {(=")
        return ("" if leads else "+") if plus else "-"

    return _PLUS_MINUS.sub(sign, text).strip()
