"""Words with their places in the text.

A word is a run of letters and digits; case, punctuation, markup and line breaks make
no difference.  Places are character offsets into the text as it was given.
"""

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")


class Words(NamedTuple):
    """A text's words and where each stands."""

    words: list[str]
    """Casefolded words, in order."""
    spans: list[tuple[int, int]]
    """Start and end of each word in the text."""


def split_words(text: str) -> Words:
    """Return the words of ``text`` and their places."""
    words, spans = [], []
    for match in _WORD.finditer(text):
        words.append(match.group().casefold())
        spans.append(match.span())
    return Words(words, spans)
