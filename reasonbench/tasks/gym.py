"""reasoning-gym's generators as tasks: ``gym:NAME``, ``gym:NAME,seed=7,size=50,level=2``.

``gym:NAME,round=R,signature=HEX`` takes the seed from a round of drand quicknet, which is
verified: such instances were drawn after the round's time.  A fresh instance is not a novel
distribution: the generators are public and were made to train models with, and their seeds are
below 2^32.  So a score here says how a model does on this family, not on problems unlike any
that it has seen.

A process of its own makes the entries, with the same hashes each time: four generators give
other problems where Python hashes strings otherwise, and some print.  An entry whose statement
came before is passed over.  Each entry is scored after a round trip through JSON, and a gold
answer that does not score 1.0 is an error.

Not covered: the generators in ``reasonbench.fresh.gym.REFUSED``, each with its reason.
"""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from reasonbench.errors import SpecError, TaskError
from reasonbench.fresh import gym
from reasonbench.fresh.beacon import Beacon, verify
from reasonbench.identity import digest
from reasonbench.records import Message, Problem, Prompt
from reasonbench.specs import TaskSpec

TASK_VERSION = "1"
"""Raised whenever the same seed gives other prompts."""
SIZE = 100
"""Problems where nobody says."""
MOST = 10_000
"""Problems at most; with all tries, indices stay below what the largest seed leaves."""
SECONDS = 600.0
"""A generator that takes longer is given up."""

INSTRUCTION = (
    "Think step by step, and give your final answer, in the format that is asked for, between "
    "<answer> and </answer>."
)
"""What a prompt ends with."""

_HEX = re.compile(r"[0-9a-fA-F]{1,200}")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One instance, as the process that made it sends it."""

    index: int
    """Index in the generator's dataset; its own seed is the dataset's seed plus it."""
    question: str
    """What is asked."""
    answer: str | None
    """The generator's answer; None where its scorer judges by the metadata."""
    witness: str | None
    """A right answer, for checking the scorer; None where none is known."""
    metadata: dict[str, Any]
    """The rest of the entry, packed."""


class _Wish(NamedTuple):
    """What an argument asks for."""

    name: str
    size: int
    level: int | None
    seed: int
    beacon: Beacon | None


class GymTask:
    """Instances of one generator; fresh ones are not a novel distribution.

    Raises:
        SpecError: the argument is wrong, or the generator is not offered.
        UnknownNameError: there is no such generator.
        MissingDependencyError: reasoning-gym is not there, or another version of it.
        TamperedError: the signature is not that of the round.
    """

    def __init__(self, argument: str | None) -> None:
        self._wish = _parse(argument)

    @functools.cached_property
    def spec(self) -> TaskSpec:
        """What the task is; ``content_digest`` covers every problem."""
        wish = self._wish
        drawn = f"seed {wish.seed}"
        if wish.beacon is not None:
            drawn += f" of drand quicknet round {wish.beacon.round}"
        level = "defaults" if wish.level is None else f"level {wish.level}"
        return TaskSpec(
            name=self._name,
            version=f"{TASK_VERSION}+reasoning-gym-{gym.VERSION}",
            source=f"reasoning-gym {gym.VERSION}: {wish.name}, {level}, {drawn}; fresh instances "
            f"are not a novel distribution",
            revision=gym.VERSION,
            content_digest=digest([p.full_digest() for p in self._problems]),
            prompt_template="{statement}\n\n" + INSTRUCTION,
            grader="gym",
            license="Apache-2.0",
            published=wish.beacon.time.date() if wish.beacon is not None else None,
        )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems in the generator's order."""
        yield from self._problems

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        return Prompt(
            problem_id=problem.id,
            task=self._name,
            messages=(Message(role="user", content=f"{problem.statement}\n\n{INSTRUCTION}"),),
            template_digest=digest(INSTRUCTION, TASK_VERSION),
        )

    @property
    def _name(self) -> str:
        wish = self._wish
        level = "" if wish.level is None else f"_level_{wish.level}"
        drawn = f"seed_{wish.seed}" if wish.beacon is None else f"round_{wish.beacon.round}"
        return f"gym_{wish.name}{level}_{drawn}"

    @functools.cached_property
    def _problems(self) -> tuple[Problem, ...]:
        return tuple(map(self._problem, _made(self._wish)))

    def _problem(self, entry: Entry) -> Problem:
        wish = self._wish
        about: dict[str, Any] = {
            "name": wish.name,
            "level": wish.level,
            "version": gym.VERSION,
            "entry": entry.metadata,
        }
        if entry.answer != entry.witness:
            about["answer"] = entry.answer
        return Problem(
            task=self._name,
            id=f"{wish.name}-{entry.index:05d}",
            statement=entry.question,
            target=entry.witness,
            published=wish.beacon.time.date() if wish.beacon is not None else None,
            metadata={
                "family": wish.name,
                "level": wish.level,
                **({} if wish.beacon is None else {"round": wish.beacon.round}),
                "gym": about,
            },
        )


def _parse(argument: str | None) -> _Wish:
    """Read ``NAME[,key=value]...``."""
    name, *words = (argument or "").split(",")
    if not name:
        raise SpecError(
            "the task gym needs a generator's name, got none",
            hint="write one, such as gym:graph_color or gym:graph_color,seed=7,size=50,level=1",
        )
    given: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        digits = value.isascii() and value.isdecimal() and len(value) <= 12
        fits = _HEX.fullmatch(value) if key == "signature" else digits
        if key not in ("seed", "size", "level", "round", "signature") or key in given or not fits:
            raise SpecError(
                f"the task gym cannot use {word[:40]!r} in its argument",
                hint="write gym:NAME, with seed=N or round=R,signature=HEX, size=N, level=N",
            )
        given[key] = value
    level = int(given["level"]) if "level" in given else None
    size = int(given.get("size", SIZE))
    if not 1 <= size <= MOST:
        raise SpecError(f"a size is a number from 1 to {MOST:,}, got {size:,}")
    gym.check_name(name)
    if ("round" in given) != ("signature" in given) or ("round" in given and "seed" in given):
        raise SpecError(
            "a round and its signature go together, and without a seed",
            hint=f"write gym:{name},round=R,signature=HEX",
        )
    if "round" in given:
        beacon = verify(int(given["round"]), given["signature"])
        return _Wish(name, size, level, gym.beacon_seed(beacon, name, level), beacon)
    seed = int(given.get("seed", 0))
    if seed >= gym.SEEDS:
        raise SpecError(f"a seed is a number below {gym.SEEDS:,}, got {seed:,}")
    return _Wish(name, size, level, seed, None)


def _made(wish: _Wish) -> list[Entry]:
    """Make the entries in a process of their own.

    Raises:
        TaskError: it failed, or took too long.
        SpecError: the generator has no such level.
    """
    request = [wish.name, str(wish.seed), str(wish.size)]
    request += [] if wish.level is None else [str(wish.level)]
    path = os.pathsep.join(os.path.abspath(p) for p in dict.fromkeys(sys.path))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "reasonbench.tasks.gym", *request],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TaskError(
            f"reasoning-gym's {wish.name} did not make {wish.size:,} problems within "
            f"{SECONDS:.0f} seconds",
            hint="ask for fewer, or for a lower level",
        ) from None
    try:
        made = msgspec.json.decode(done.stdout, type=list[Entry] | _Refused)
    except msgspec.DecodeError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise TaskError(
            f"reasoning-gym's {wish.name} failed with exit code {done.returncode}: {last[:300]}"
        ) from None
    if isinstance(made, _Refused):
        raise (SpecError if made.spec else TaskError)(made.message, hint=made.hint)
    return made


class _Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why no entries were made."""

    message: str
    hint: str | None = None
    spec: bool = False


def generate(name: str, level: int | None, *, seed: int, size: int) -> list[Entry]:
    """Return entries of a generator, each of which was scored after a round trip through JSON.

    Only a process whose hashes are fixed gives the same entries each time (see the module).

    Raises:
        SpecError: it has no such level.
        TaskError: it has not so many different problems, or its own answer does not score 1.0.
    """
    tries = 4 * size + 50
    dataset = gym.dataset_of(name, level, seed=seed, size=tries)
    entries: list[Entry] = []
    asked: set[str] = set()
    for index in range(tries):
        raw = dataset[index]
        if raw["question"] in asked:
            continue
        asked.add(raw["question"])
        entry = _entry(name, index, raw)
        _check_gold(name, dataset, entry)
        entries.append(entry)
        if len(entries) == size:
            return entries
    raise TaskError(
        f"reasoning-gym's {name} gave {len(entries):,} different problems in {tries:,} tries, and "
        f"{size:,} were asked for",
        hint="ask for fewer, or for another level",
    )


def _entry(name: str, index: int, raw: dict[str, Any]) -> Entry:
    answer, metadata = raw["answer"], raw["metadata"]
    witness = answer
    if name in gym.WITNESS:
        found = metadata[gym.WITNESS[name]]
        witness = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    for text in (raw["question"], answer, witness):
        if text is not None and not isinstance(text, str):
            raise TaskError(f"entry {index} of {name} holds a {type(text).__name__} for a text")
    return Entry(
        index=index,
        question=str(raw["question"]),
        answer=None if answer is None else str(answer),
        witness=None if witness is None else str(witness).strip(),
        metadata=gym.packed(metadata),
    )


def _check_gold(name: str, dataset: Any, entry: Entry) -> None:
    """Score an entry's answer as the grader will.

    Raises:
        TaskError: it is not fully right.
    """
    if entry.witness is None and name in gym.UNKEYED:
        return
    stored = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
    said = {
        "question": stored.question,
        "answer": stored.answer,
        "metadata": gym.unpacked(stored.metadata),
    }
    score = dataset.score_answer(stored.witness, said)
    if score != 1.0:
        raise TaskError(
            f"entry {entry.index} of reasoning-gym's {name} cannot be graded: its own answer "
            f"{entry.witness!r:.60} scores {score}",
            hint="take another seed, level or generator",
        )


def _main(arguments: list[str]) -> None:
    """Write the entries that were asked for to stdout; what generators print goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)
    name, seed, size, *level = arguments
    reply: list[Entry] | _Refused
    try:
        reply = generate(name, int(level[0]) if level else None, seed=int(seed), size=int(size))
    except (SpecError, TaskError) as error:
        reply = _Refused(message=error.message, hint=error.hint, spec=isinstance(error, SpecError))
    with open(out, "wb") as stream:
        stream.write(msgspec.json.encode(reply))


if __name__ == "__main__":
    _main(sys.argv[1:])
