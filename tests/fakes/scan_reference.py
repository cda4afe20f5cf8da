"""Tokens, matches and scores as their docstrings say them, in plain Python."""

import re
from collections.abc import Sequence

from reasonbench.corpus import canonical, tokens
from reasonbench.corpus.probe import REACH
from reasonbench.corpus.score import DIFFERS, MISSING, NAME_DIFFERS

_RUN = re.compile("[A-Za-z]+|[0-9]+")
_ESCAPE = re.compile(r'\\u([0-9a-fA-F]{4})|\\(["\\/])|\\.|\\$', re.DOTALL)
_ALPHABETS = canonical.table()
KEPT = frozenset(tokens._SPELLED)
LONGEST_WORD = 64
"""Letters or digits after which the next word begins."""


def decoded(text: str) -> str:
    """Return what the inside of a JSON text stands for; other escapes than letters are blanks."""

    def character(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return found[2] or " "

    pairs = _ESCAPE.sub(character, text).encode("utf-16", "surrogatepass")
    return pairs.decode("utf-16", "replace")


def to_ascii(text: str) -> str:
    """Return a text's characters by the table, one after another."""
    return "".join(_character(ord(c)) for c in text)


def _character(code: int) -> str:
    if code >= len(_ALPHABETS.offsets) - 1 or code < 32:
        return " "
    start, end = _ALPHABETS.offsets[code : code + 2]
    return _ALPHABETS.pool[start:end].tobytes().decode("ascii")


def tokenized(text: str, *, escaped: bool = False) -> tuple[list[str], list[str], list[int]]:
    """Return a text's words, its words and numbers, and the places of the first in the second."""
    plain = to_ascii(decoded(text) if escaped else text)
    words: list[str] = []
    both: list[str] = []
    places: list[int] = []
    for run in _RUN.finditer(plain):
        is_command = run[0].isalpha() and plain[: run.start()].endswith("\\")
        for at in range(0, len(run[0]), LONGEST_WORD):
            piece = run[0][at : at + LONGEST_WORD].lower()
            if at == 0 and is_command and piece not in KEPT:
                continue
            if piece.isalpha() and len(piece) > 1:
                places.append(len(both))
                words.append(piece)
            both.append(piece)
    return words, both, places


def alignment(  # noqa: PLR0917 - as what it is compared with
    text: Sequence[int],
    unit: Sequence[int],
    first: Sequence[float],
    follow: Sequence[float],
    names: Sequence[bool],
    begin: int = 0,
    slack: int = 10**6,
) -> float:
    """Return the bits of the best local alignment, with every cell of the table written down.

    Token i of the text and token j of the unit meet where i - j is within ``slack`` of ``begin``.
    """
    cells = [[(0.0, False)] * (len(unit) + 1) for _ in range(len(text) + 1)]
    best = 0.0
    for i, token in enumerate(text, 1):
        for j, wanted in enumerate(unit, 1):
            if abs(i - j - begin) > slack:
                continue
            (diagonal, before), name = cells[i - 1][j - 1], names[j - 1]
            if token == wanted:
                cell = diagonal + (follow if before else first)[j - 1], True
            else:
                cell = diagonal - (NAME_DIFFERS if name else DIFFERS), before and name
            above, left = cells[i - 1][j], cells[i][j - 1]
            for value, matched in (
                (above[0] - MISSING, False),
                (left[0] - MISSING, left[1] and name),
            ):
                if value > cell[0]:
                    cell = value, matched
            cells[i][j] = cell if cell[0] > 0 else (0.0, False)
            best = max(best, cell[0])
    return best


def chain(
    text: Sequence[str], unit: Sequence[str], length: int, worth: float, more: float
) -> float:
    """Return the largest sum of matching runs of one unit whose runs are all different."""
    at = {tuple(unit[i : i + length]): i for i in range(len(unit) - length + 1)}
    assert len(at) == len(unit) - length + 1
    seen: dict[int, int] = {}
    best = total = 0.0
    last, last_at = -10 * REACH, -10
    for t in range(len(text) - length + 1):
        place = at.get(tuple(text[t : t + length]))
        if place is None:
            continue
        if t - last > REACH:
            total = 0.0
        if place not in seen or t - seen[place] > REACH:
            total += more if (last, last_at) == (t - 1, place - 1) else worth
        seen[place] = last = t
        last_at = place
        best = max(best, total)
    return best
