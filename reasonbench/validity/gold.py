r"""A problem's gold answer, and a control to tell finding it from chance.

A short gold answer, such as 5, stands in many a text by chance.  How often the gold answer of
*another* problem of the task stands in the same place says how often.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reasonbench.graders.extraction import gold_answer
from reasonbench.records import Problem

MAX_GOLD = 100
"""Longest gold answer that is looked for; longer ones are solutions, not answers."""
_SPELLING = re.compile(r"\\left|\\right|\\[,;:! ]|\\\$|[\s$]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_JOINS_LEFT = re.compile(r"[\w/^.\-+*\\]")
_JOINS_RIGHT = re.compile(r"[\w/^*+\-]|[.,]\d")


@dataclass(frozen=True, slots=True)
class Gold:
    """What would be right, as text."""

    plain: str
    """The gold answer without spaces, dollar signs and case; empty where there is none."""
    control: str
    """Another problem's; empty where neither may be searched for."""

    def equals(self, answer: str | None) -> bool:
        """Return whether an answer is the gold one but for spelling."""
        if answer is None or not self.plain or len(answer) > 2 * MAX_GOLD:
            return False
        return plain(answer) == self.plain

    def stands_in(self, text: str) -> bool:
        """Return whether the gold answer is a token of its own in ``text``."""
        return stands_alone(self.plain, text)

    def control_stands_in(self, text: str) -> bool:
        """Return whether the control is one."""
        return stands_alone(self.control, text)


def golds(problems: Iterable[Problem]) -> Iterator[tuple[Problem, Gold]]:
    """Yield the problems of one task, each with its gold answer and control."""
    listed = list(problems)
    own = [_gold_of(problem) for problem in listed]
    for at, (problem, gold) in enumerate(zip(listed, own, strict=True)):
        others = (own[(at + step) % len(own)] for step in range(1, min(len(own), 20)))
        control = next((other for other in others if other and other != gold), "")
        # A text may well restate its problem, which must not count as an answer.
        told = stands_alone(gold, problem.statement) or stands_alone(control, problem.statement)
        yield problem, Gold(gold, "" if told else control)


def _gold_of(problem: Problem) -> str:
    gold = gold_answer(problem.target or "")
    return plain(gold) if len(gold) <= MAX_GOLD else ""


def plain(text: str) -> str:
    """Return an answer without what spelling alone may change."""
    bare = _SPELLING.sub("", unicodedata.normalize("NFKC", text).casefold())
    return _THOUSANDS.sub("", bare).rstrip(".")


def stands_alone(token: str, text: str) -> bool:
    """Return whether ``token`` stands in ``text`` as no part of a longer word or number."""
    if not token:
        return False
    flat = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold())
    at = flat.find(token)
    while at >= 0:
        end = at + len(token)
        if not _JOINS_LEFT.match(flat[max(at - 1, 0) : at]) and not _JOINS_RIGHT.match(
            flat[end : end + 2]
        ):
            return True
        at = flat.find(token, at + 1)
    return False
