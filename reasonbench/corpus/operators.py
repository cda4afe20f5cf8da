"""The operators between words, which words alone do not hold.

``3 * 4 + 5`` and ``3 + 4 * 5`` have the same words and are two problems.  Only what stands
beside a number or a one-letter name counts: a dash in prose, a slash between words, bold
and italic marks do not.
"""

import re

from reasonbench.corpus.words import Words

_FOLDED = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
}
_FOLD = str.maketrans(_FOLDED)
_ARITHMETIC = re.compile(r"[-+*/^=<>]")
# *italics*: a mark with a blank or a stop on one side and a word on the other; a product has
# blanks on both sides, or on none.
_EMPHASIS = re.compile(r"(?<=[\s,;:(])\*(?=\w)|(?<=\w)\*(?=[\s.,;:!?)])")
_ALL = re.compile(r"[-+*/^=<>()]")


def operators_between(text: str, words: Words, start: int, count: int) -> tuple[str, ...]:
    """Return what stands between neighbours of a run of words, folded; mostly empty texts.

    Args:
        text: the text that ``words`` are of.
        words: its words and their places.
        start: first word of the run.
        count: words in the run.
    """
    return tuple(
        _operators(text[words.spans[i][1] : words.spans[i + 1][0]])
        if _in_formula(words.words[i]) or _in_formula(words.words[i + 1])
        else ""
        for i in range(start, start + count - 1)
    )


def _in_formula(word: str) -> bool:
    return len(word) == 1 or word.isdigit()


def _operators(gap: str) -> str:
    """Return the operators of a gap, its brackets too where there is an operator."""
    folded = _EMPHASIS.sub("", f"w{gap.translate(_FOLD)}w".replace("**", ""))
    if not _ARITHMETIC.search(folded):
        return ""
    return "".join(_ALL.findall(folded))
