"""Minted problems as tasks: ``fresh_math`` and ``fresh_code``.

The argument names a set, and perhaps a part of it: ``fresh_math:2026-10``,
``fresh_code:level=2-3``, ``fresh_math:2026-10,level=0``, or the folder of a set.  Without a set
the newest one is taken: if any set is younger than a model's training data, that one is.

Loading checks the round and every problem against the receipt; ``reasonbench fresh verify``
derives all of it again.  Not covered: whether a model's cutoff lies before the round.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from reasonbench.errors import SpecError, TamperedError, TaskError, UnknownNameError
from reasonbench.fresh.catalogue import shipped
from reasonbench.fresh.family import CodeFamily
from reasonbench.fresh.packing import unpack
from reasonbench.fresh.problems import MintedProblem
from reasonbench.fresh.sets import RECEIPT, FreshSet, read_set, sets_in
from reasonbench.identity import digest
from reasonbench.records import Message, Problem, Prompt
from reasonbench.resources import data_dir
from reasonbench.specs import TaskSpec

Kind = Literal["math", "code"]

VERSION = "1"
"""Of the tasks: raised whenever the same set gives other prompts."""

INSTRUCTIONS: Mapping[str, str] = {
    "math": "Please reason step by step, and put your final answer within \\boxed{}.",
    "function": "Please write the function in Python 3, and put your final code within one "
    "```python code block.",
    "stdio": "Please write a Python 3 program that reads standard input and writes standard "
    "output, and put your final code within one ```python code block.",
}
"""What a prompt ends with."""


class FreshTask:
    """The problems of one kind in a set.

    Raises:
        UnknownNameError: there is no such set.
        SpecError: the argument is wrong, or no problem is left.
        TamperedError: the set is not what its receipt says.
    """

    def __init__(self, kind: Kind, argument: str | None) -> None:
        part = _parse(kind, argument)
        found = _find(part.set)
        self._kind = kind
        self._set = found
        self._minted = tuple(p for p in found.problems if p.kind == kind and part.takes(p))
        if not self._minted:
            raise SpecError(
                f"the set {found.name} holds no {kind} problem of {argument!r}",
                hint="see reasonbench fresh list",
            )
        self._name = "_".join((f"fresh_{kind}", found.name.replace("-", "_"), *part.words))

    @functools.cached_property
    def spec(self) -> TaskSpec:
        """What the task is; ``content_digest`` covers every problem, its tests included."""
        beacon = self._set.beacon
        return TaskSpec(
            name=self._name,
            version=VERSION,
            source=f"minted by reasonbench from drand quicknet round {beacon.round}",
            revision=self._set.receipt.merkle_root,
            content_digest=digest([(p.id, p.digest()) for p in self._minted]),
            prompt_template="{statement}\n\n"
            + "\n".join(dict.fromkeys(map(_ending, self._minted))),
            grader=self._kind,
            license="Apache-2.0",
            published=beacon.time.date(),
        )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems in the set's order."""
        yield from self._problems

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        minted = self._by_id.get(problem.id)
        if minted is None:
            raise TaskError(f"task {self._name!r} has no problem {problem.id!r}")
        return Prompt(
            problem_id=problem.id,
            task=self._name,
            messages=(Message(role="user", content=prompt_text(minted)),),
            template_digest=digest(INSTRUCTIONS, VERSION),
        )

    @functools.cached_property
    def _by_id(self) -> dict[str, MintedProblem]:
        return {p.id: p for p in self._minted}

    @functools.cached_property
    def _problems(self) -> tuple[Problem, ...]:
        return tuple(map(self._problem, self._minted))

    def _problem(self, minted: MintedProblem) -> Problem:
        beacon = self._set.beacon
        return Problem(
            task=self._name,
            id=minted.id,
            statement=minted.statement,
            target=minted.answer,
            tests=tests_of(self._set, minted) if minted.tests is not None else None,
            published=beacon.time.date(),
            cluster=minted.family,
            metadata={
                "level": minted.level,
                "topic": minted.topic,
                "kind": minted.answers,
                "round": beacon.round,
            },
        )


def fresh_math(argument: str | None = None) -> FreshTask:
    """Return the math problems of a set."""
    return FreshTask("math", argument)


def fresh_code(argument: str | None = None) -> FreshTask:
    """Return the coding problems of a set."""
    return FreshTask("code", argument)


def prompt_text(minted: MintedProblem) -> str:
    """Return the prompt of a problem, here and in lm-eval."""
    return f"{minted.statement}\n\n{_ending(minted)}"


def tests_of(found: FreshSet, minted: MintedProblem) -> dict[str, Any]:
    """Return the tests of a coding problem, exactly as they were minted.

    Raises:
        TamperedError: they are others, or the family here gives others.
    """
    family = shipped().get(minted.family)
    if family is not None and not isinstance(family, CodeFamily):
        raise TamperedError(f"the family of {minted.id} is one of math")
    return unpack(found.packed[minted.id], minted, family, found.beacon.randomness)


def shipped_set(name: str) -> FreshSet:
    """Return a shipped set by its name, such as ``2026-10``.

    Raises:
        UnknownNameError: there is none of that name.
    """
    folder = data_dir("fresh_problems")
    names = [path.parent.name for path in folder.glob(f"*/{RECEIPT}")]
    if name not in names:
        raise UnknownNameError.build("set of fresh problems", name, names)
    return read_set(folder / name)


class _Part(NamedTuple):
    """What an argument asks for."""

    set: str | None
    low: int
    high: int | None
    words: tuple[str, ...]

    def takes(self, problem: MintedProblem) -> bool:
        return self.low <= problem.level and (self.high is None or problem.level <= self.high)


def _parse(kind: Kind, argument: str | None) -> _Part:
    part = _Part(None, 0, None, ())
    for word in argument.split(",") if argument else ():
        key, equals, value = word.partition("=")
        low, dash, high = value.partition("-")
        if not equals and part.set is None and word:
            part = part._replace(set=word)
        elif key == "level" and low.isdecimal() and (high.isdecimal() or not dash):
            part = part._replace(low=int(low), high=int(high or low), words=("level", value))
        else:
            raise SpecError(
                f"fresh_{kind} cannot use {word!r} in its argument {argument!r}",
                hint=f"write a set, a level or both, as fresh_{kind}:2026-10,level=2-3",
            )
    return part


def _find(name: str | None) -> FreshSet:
    if name is None:
        sets = sets_in(data_dir("fresh_problems"))
        if not sets:
            raise SpecError(
                "no set of fresh problems is here",
                hint="reasonbench fresh mint writes one; name its folder, as fresh_math:FOLDER",
            )
        return sets[-1]
    try:
        is_folder = (Path(name) / RECEIPT).is_file()
    except OSError:  # such as a name that is too long
        is_folder = False
    return read_set(Path(name)) if is_folder else shipped_set(name)


def _ending(minted: MintedProblem) -> str:
    return INSTRUCTIONS["math" if minted.kind == "math" else minted.answers]
