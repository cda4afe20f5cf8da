"""A minted problem: what a line of a set holds, and whether it can be put to anybody.

Line and digest are made here alone: the bytes of a line are what its receipt stands for.
"""

import hashlib
import re
from typing import Annotated, Any, Literal

import msgspec

from reasonbench.errors import ReasonbenchError
from reasonbench.fresh.catalogue import answers_of
from reasonbench.fresh.draw import Draw
from reasonbench.fresh.family import CodeFamily, MathFamily, Params
from reasonbench.fresh.seeds import draw_of

MAX_STATEMENT = 20_000
"""Characters; a statement with its examples has a few thousand."""
MAX_ANSWER = 1_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LEFT_OVER = re.compile(r"<function|<lambda|\bnan\b|\{\{|%[ds]\b|Fraction\(|Decimal\(|=None\b")
"""What an expression that was not rendered leaves behind."""
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class MintedProblem(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One problem of a set."""

    id: str
    """``family-level-index``: with the round it decides the problem."""
    kind: Literal["math", "code"]
    """Which task it belongs to."""
    family: str
    """Family that made it."""
    topic: str
    """Its field."""
    answers: str
    """What is answered: ``integer`` and the like, or ``function`` or ``stdio``."""
    level: Annotated[int, msgspec.Meta(ge=0)]
    """Difficulty within the family."""
    index: Annotated[int, msgspec.Meta(ge=0)]
    """Number within family and level."""
    statement: str
    """What is asked."""
    answer: str | None = None
    """Gold answer of a math problem."""
    tests: Digest | None = None
    """SHA-256 of the tests of a coding problem, the large ones included."""

    def line(self) -> bytes:
        """Return its line in a set, without the end of the line."""
        return msgspec.json.encode(self)

    def digest(self) -> str:
        """Return the SHA-256 of its line."""
        return sha256(self.line())


def sha256(content: bytes) -> str:
    """Return a digest as hex."""
    return hashlib.sha256(content).hexdigest()


def encoded(value: Any) -> bytes:
    """Return the one JSON text of parameters or tests."""
    return msgspec.json.encode(value, order="sorted")


def problem_id(family: str, level: int, index: int) -> str:
    """Return the id of a problem."""
    return f"{family}-{level}-{index:04d}"


def math_problem(
    family: MathFamily, params: Params, seed: bytes, level: int, index: int
) -> MintedProblem:
    """Return the problem of some parameters.

    Raises:
        ReasonbenchError: the family made something that nobody can be asked.
    """
    problem = MintedProblem(
        id=problem_id(family.name, level, index),
        kind="math",
        family=family.name,
        topic=family.topic,
        answers=answers_of(family),
        level=level,
        index=index,
        statement=stated(family, params, draw_of(seed, "statement")),
        answer=family.solve(params),
    )
    _check(problem)
    return problem


def stated(family: MathFamily | CodeFamily, params: Params, draw: Draw) -> str:
    """Return a statement in words that are drawn."""
    return draw.choice(family.templates)(params)


def check_statement(problem: MintedProblem) -> None:
    """Refuse a statement that was not rendered as it was meant.

    Raises:
        ReasonbenchError: naming the problem and what is wrong with it.
    """
    text = problem.statement
    if not text.strip() or text != text.strip():
        raise _flaw(problem, "its statement is empty, or has space around it")
    if len(text) > MAX_STATEMENT:
        raise _flaw(problem, f"its statement has {len(text):,} characters")
    if found := _CONTROL.search(text):
        raise _flaw(problem, f"its statement holds the control character {found.group()!r}")


def _check(problem: MintedProblem) -> None:
    check_statement(problem)
    answer = problem.answer
    if not isinstance(answer, str) or not answer.strip() or len(answer) > MAX_ANSWER:
        raise _flaw(problem, f"its answer is {answer!r:.80}")
    for name, text in (("statement", problem.statement), ("answer", answer)):
        if found := _LEFT_OVER.search(text):
            raise _flaw(problem, f"its {name} holds {found.group()!r}, which was not rendered")
        if text.count("{") != text.count("}") or text.replace(r"\$", "").count("$") % 2:
            raise _flaw(problem, f"the braces or dollar signs of its {name} do not pair")
    if problem.answers == "integer" and not _WHOLE.fullmatch(answer):
        raise _flaw(problem, f"its answer {answer!r:.80} is no whole number")


def _flaw(problem: MintedProblem, what: str) -> ReasonbenchError:
    return ReasonbenchError(
        f"the family {problem.family!r} made an unusable problem, {problem.id}: {what}",
        hint="report it, with the round; --family chooses other families",
    )
