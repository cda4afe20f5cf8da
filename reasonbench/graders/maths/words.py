r"""Answers in words, and choices by letter."""

import re
import unicodedata

from reasonbench.graders.maths.spelling import group_end

_CHOICE = re.compile(
    r"(?:(?:option|choice|answer)[ :]*)?(?:\((?P<a>[A-J])\)|\\text\{ ?\(?(?P<b>[A-J])\)?[.:]? ?\}"
    r"|(?P<c>[A-J])(?=[).:]|$))[).:]?(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\([A-J]\)|^(?:or|and|&|/|,)? ?\(?[A-J]\)?(?![A-Za-z])"
    r"|^(?:is|was|isn't|wasn't|seems|looks|cannot|can't|or|maybe|perhaps|\?)"
    r"(?!\w)(?! (?:right|correct))"
)
_TEXT = re.compile(r"\\text\s*\{")
_WORDY = re.compile(r"[^\W\d_]+(?:[ '\-/.,&][ ]?[^\W\d_]+)*[.!]?")
_TIME = re.compile(r"(\d{1,2})(?::(\d\d))?\s*([ap])\.?\s*m\.?", re.IGNORECASE)
_ARTICLE = re.compile(r"\bthe\b ?")


def choice(text: str) -> tuple[str, str] | None:
    """Return the letter of '(C) 12' and what stands behind it; None for anything else."""
    found = _CHOICE.fullmatch(text)
    if found is None:
        return None
    letter = found["a"] or found["b"] or found["c"]
    bare = found["c"] is not None
    rest = found["rest"].strip()
    if bare and (not letter.isupper() or rest[:1] in "'^_=(+-*/"):
        return (letter, "") if letter.isupper() and not rest else None
    # '(C)+1' is a sum, and '(C) -5' a choice with its value.
    if (not letter.isupper() and rest) or rest[:1] in tuple("'^_+*/"):
        return None
    return letter.upper(), rest


def lettered(bracketed: str, small: str) -> bool:
    """Return whether one is a choice in brackets, and the other its letter in lower case."""
    found = _CHOICE.fullmatch(bracketed)
    if found is None or found["c"] is not None or found["rest"].strip():
        return False
    return len(small) == 1 and small.islower() and (found["a"] or found["b"]) == small.upper()


def hedges(rest: str) -> bool:
    """Return whether what stands behind a choice takes it back, or names another one."""
    return _HEDGE.search(_plain(rest)[0].strip()) is not None


def words(text: str) -> str | None:
    r"""Return the words of an answer that is nothing but words, folded; else None.

    Words are what stands in ``\text{...}``, or three letters and more; a time of day with
    'a.m.' or 'p.m.' is words as well, of 24 hours.
    """
    plain, marked = _plain(text)
    if (time := _TIME.fullmatch(plain.strip())) is not None:
        hour = int(time[1]) % 12 + (12 if time[3] in "pP" else 0)
        return f"{hour:02d}:{time[2] or '00'}"
    plain = plain.strip().strip('"').strip()
    if not _WORDY.fullmatch(plain) or "\\" in plain:
        return None
    longest = max(len(word) for word in re.findall(r"[^\W\d_]+", plain))
    if not marked and longest < 3:
        return None
    folded = unicodedata.normalize("NFKC", plain).casefold().rstrip(".!")
    return re.sub(r"[\s\-]+", " ", _ARTICLE.sub("", folded) or folded).strip()


def _plain(text: str) -> tuple[str, bool]:
    """Return a text without its marks of words, and whether all of it was marked."""
    out: list[str] = []
    at, outside = 0, 0
    for found in _TEXT.finditer(text):
        end = group_end(text, found.end() - 1)
        if found.start() < at or end < 0:
            continue
        between = text[at : found.start()]
        outside += len(between.strip(" .,"))
        out += between, text[found.end() : end - 1]
        at = end
    outside += len(text[at:].strip(" .,"))
    return "".join([*out, text[at:]]), at > 0 and not outside
