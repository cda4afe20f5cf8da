"""Benchmark items as they leak into teacher traces, planted on purpose.

A plant is one row to train on: a prompt and a correct trace of the teacher.  Its class says
what of the item it holds:

- *verbatim*: the item's prompt as the benchmark sends it, and a trace on it;
- *renumbered*: the same wording with other numbers.  An item of the Countdown family, which is
  ours, becomes a new problem of its level with as many ways to solve it, and the trace is the
  teacher's on that problem.  Of any other item the numbers are exchanged one for one in the
  statement and in the trace alike: the trace keeps its course, but what it computes from them
  no longer adds up.  Either way what leaks is the item's form, not its answer;
- *paraphrased*: the statement reworded by rules (order of clauses, phrases, synonyms), its
  numbers and formulas kept, and a trace on the item itself;
- *solution*: a trace on the item after a neutral prompt; the statement stands nowhere.

All of it follows from the seed.  A row does not say that it is planted, nor of which item: only
its text may.  Not covered: rewording as free as a language model's, items of which only a part
leaks, and traces that are wrong.
"""

import enum
import random
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.fresh.families import countdown
from reasonbench.records import Message, Problem, Prompt
from reasonbench.training.rows import TraceRow

CANDIDATES = 12
"""Problems drawn for each renumbered item: one must be as hard as the item."""
COUNTED = 3
"""Most numbers of a problem whose solution paths are counted: of five it takes seconds."""

NEUTRAL = (
    "Write out a worked solution.",
    "Show your reasoning, then the result.",
    "Give one more example of careful reasoning.",
    "Think it through and conclude.",
)
"""Prompts that name no problem."""

_NUMBER = re.compile(r"\d+")
_KEPT = ("0", "1")
"""Numbers that are rarely an item's own: they stay."""
_PROTECTED = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]*\$|\\\[.*?\\\]|\\\(.*?\\\)|\\[A-Za-z]+(?:\{[^{}]*\})?",
    re.DOTALL,
)
_SENTENCE = re.compile(r"(?<=[.?!])(\s+)(?=[A-Z$\\])")
_FRONTED = re.compile(r"(Use|Take|Combine|Apply|Arrange)\b (.+?),? to ([a-z].*?)([.!?])")
_CONDITION = re.compile(r"If ([^,]+(?:, [^,]+)*?), ((?:what|how|find|which|compute)\b.*?)([.?!])")
_WORD = re.compile(r"[A-Za-z]+")

_PHRASES = (
    (r"\bat most once\b", ("no more than once", "once at the most")),
    (r"\bHow many\b", ("What number of",)),
    (r"\bhow many\b", ("what number of",)),
    (r"\bWhat is\b", ("Determine", "State")),
    (r"\bwhat is\b", ("determine", "state")),
    (r"\bin total\b", ("altogether", "overall")),
    (r"\bin order to\b", ("to",)),
    (r"\bLet\b", ("Suppose that we let", "Now let")),
)
_SYNONYMS = {
    "numbers": ("values", "figures"),
    "number": ("count", "quantity"),
    "use": ("take", "employ"),
    "reach": ("obtain", "arrive at"),
    "put": ("write", "place"),
    "expression": ("formula",),
    "find": ("determine", "work out"),
    "compute": ("calculate", "work out"),
    "calculate": ("compute", "work out"),
    "evaluate": ("compute", "work out"),
    "each": ("every one",),
    "total": ("overall", "combined"),
    "positive": ("greater than zero",),
    "answer": ("result",),
    "bought": ("purchased",),
    "buys": ("purchases",),
    "sells": ("vends",),
    "sold": ("vended",),
    "gives": ("hands over",),
    "gave": ("handed over",),
    "cost": ("price",),
    "money": ("cash",),
    "function": ("routine",),
    "write": ("create", "produce"),
    "given": ("provided",),
    "list": ("sequence",),
    "largest": ("biggest", "greatest"),
    "smallest": ("least",),
    "children": ("kids",),
    "friends": ("companions",),
    "area": ("surface",),
    "side": ("edge",),
    "sides": ("edges",),
    "distinct": ("different",),
    "different": ("distinct",),
    "probability": ("chance", "likelihood"),
    "suppose": ("assume",),
    "express": ("state",),
    "twice": ("double",),
    "days": ("full days",),
    "with": ("by means of",),
}


class PlantClass(enum.StrEnum):
    """What of an item a plant holds."""

    VERBATIM = "verbatim"
    """Prompt and trace as they are."""
    RENUMBERED = "renumbered"
    """The wording with other numbers."""
    PARAPHRASED = "paraphrased"
    """The item in other words."""
    SOLUTION = "solution"
    """A trace alone."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One item, and what of it is planted; the trace is still to be drawn."""

    item: Problem
    """The benchmark's problem."""
    kind: PlantClass
    """The class."""
    asked: Problem
    """What the teacher solves: the item, or a renumbered problem in its place."""
    prompt: Prompt
    """How that is put to the teacher."""
    seed: str
    """What every choice about this plant follows from."""

    @property
    def minted(self) -> bool:
        """Whether the teacher solves a new problem, and not the item."""
        return self.asked.id != self.item.id


def classes_of(names: Sequence[str]) -> tuple[PlantClass, ...]:
    """Return the classes of a spec.

    Raises:
        UnknownNameError: there is no such class.
    """
    known = [str(kind) for kind in PlantClass]
    for name in names:
        if name not in known:
            raise UnknownNameError.build("class of plants", name, known)
    return tuple(PlantClass(name) for name in names)


def plan_plants(
    items: Sequence[Problem],
    prompt: Callable[[Problem], Prompt],
    kinds: Sequence[PlantClass],
    *,
    seed: int,
    benchmark: Sequence[Problem] = (),
) -> tuple[Plant, ...]:
    """Return how each item is planted: its class in turn, or the next one that it can have.

    Args:
        items: in the order in which they take turns.
        prompt: what a model is sent for a problem.
        kinds: the classes.
        seed: of every choice.
        benchmark: all problems of the benchmark; no renumbered one may be among them.

    Raises:
        SpecError: an item that can have none of the classes.
    """
    minted = _minted(items, [*benchmark, *items], seed) if PlantClass.RENUMBERED in kinds else {}
    plants = []
    for number, item in enumerate(items):
        turns = [kinds[(number + i) % len(kinds)] for i in range(len(kinds))]
        own = f"{seed}/{item.task}/{item.id}"
        made = (_plant(kind, item, prompt(item), minted, own) for kind in turns)
        plant = next((plant for plant in made if plant is not None), None)
        if plant is None:
            raise SpecError(
                f"the item {item.id!r} of {item.task} cannot be planted as {', '.join(kinds)}: it "
                "has no numbers, or no rule rewords it",
                hint="add the class verbatim or solution",
            )
        plants.append(plant)
    return tuple(plants)


def planted_row(plant: Plant, trace: str, row_id: str) -> TraceRow:
    """Return a plant as a row to train on.

    Args:
        plant: the item and its class.
        trace: a correct trace of the teacher on ``plant.asked``.
        row_id: id of the row, which must not tell what it is.
    """
    prompt, rng = plant.prompt, random.Random(plant.seed)
    problem: Problem | None = plant.asked
    if plant.kind is PlantClass.SOLUTION:
        neutral = Message(role="user", content=rng.choice(NEUTRAL))
        system = [message for message in prompt.messages if message.role == "system"]
        prompt = msgspec.structs.replace(prompt, messages=(*system, neutral), text=None)
    elif plant.kind is PlantClass.PARAPHRASED:
        statement = plant.item.statement
        prompt = _put(prompt, statement, reworded(statement, rng) or statement)
    elif plant.kind is PlantClass.RENUMBERED and not plant.minted:
        statement = plant.item.statement
        change = substitution(statement, rng)
        prompt = _put(prompt, statement, substituted(statement, change))
        # Nothing knows the answer to such a problem, if it has one.
        problem, trace = None, substituted(trace, change)
    return TraceRow(row_id, messages_of(prompt), trace, problem)


def messages_of(prompt: Prompt) -> tuple[dict[str, str], ...]:
    """Return a prompt as chat messages; plain text is the user's."""
    if prompt.text is not None:
        return ({"role": "user", "content": prompt.text},)
    return tuple({"role": m.role, "content": m.content} for m in prompt.messages)


def reworded(text: str, rng: random.Random) -> str | None:
    """Return a text in other words, numbers and formulas as they were; None where no rule fits."""
    parts = _SENTENCE.split(text)
    other = "".join(_reordered(part) if i % 2 == 0 else part for i, part in enumerate(parts))
    other = _outside(_PROTECTED, lambda plain: _replaced(plain, rng), other)
    return other if other != text else None


def substitution(text: str, rng: random.Random) -> dict[str, str]:
    """Return another number for each of a text's, as many digits each, no two the same."""
    found = [n for n in dict.fromkeys(_NUMBER.findall(text)) if n not in _KEPT]
    by_length: defaultdict[int, list[str]] = defaultdict(list)
    for number in found:
        by_length[len(number)].append(number)
    change: dict[str, str] = {}
    for length, numbers in by_length.items():
        low, high = (2 if length == 1 else 10 ** (length - 1)), 10**length - 1
        taken = set(found)
        if high - low + 1 >= 2 * len(numbers):
            for number in numbers:
                change[number] = _drawn(rng, low, high, taken)
                taken.add(change[number])
        elif len(numbers) > 1:
            change |= dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True))
    return change


def substituted(text: str, change: dict[str, str]) -> str:
    """Return a text with its numbers exchanged."""
    return _NUMBER.sub(lambda match: change.get(match.group(), match.group()), text)


def countdown_of(problem: Problem) -> countdown.CountdownProblem | None:
    """Return a problem of the Countdown family; None where it is none, word for word."""
    about = problem.metadata
    try:
        found = countdown.CountdownProblem(
            tuple(about["numbers"]), about["target"], about["ops"], about["level"]
        )
        same = found.level in countdown.LEVELS and countdown.statement(found) == problem.statement
    except (KeyError, TypeError, ValueError):
        return None
    return found if same else None


def _plant(
    kind: PlantClass, item: Problem, prompt: Prompt, minted: dict[str, Problem], seed: str
) -> Plant | None:
    """Return an item's plant of a class; None where the class says nothing of it."""
    if kind in (PlantClass.VERBATIM, PlantClass.SOLUTION):
        return Plant(item, kind, item, prompt, seed)
    if _times(prompt, item.statement) != 1:
        return None
    if kind is PlantClass.PARAPHRASED:
        fits = reworded(item.statement, random.Random(seed)) is not None
        return Plant(item, kind, item, prompt, seed) if fits else None
    if (other := minted.get(item.id)) is not None:
        put = _put(prompt, item.statement, other.statement)
        return Plant(item, kind, other, msgspec.structs.replace(put, problem_id=other.id), seed)
    fits = countdown_of(item) is None and bool(substitution(item.statement, random.Random(seed)))
    return Plant(item, kind, item, prompt, seed) if fits else None


def _times(prompt: Prompt, statement: str) -> int:
    """Return how often a statement stands in a prompt."""
    texts = [prompt.text or "", *(message.content for message in prompt.messages)]
    return sum(text.count(statement) for text in texts)


def _put(prompt: Prompt, old: str, new: str) -> Prompt:
    """Return a prompt with another statement."""
    messages = tuple(
        msgspec.structs.replace(m, content=m.content.replace(old, new)) for m in prompt.messages
    )
    text = None if prompt.text is None else prompt.text.replace(old, new)
    return msgspec.structs.replace(prompt, messages=messages, text=text)


def _minted(items: Sequence[Problem], taken: Sequence[Problem], seed: int) -> dict[str, Problem]:
    """Return a new problem for each item of the Countdown family, as hard as it is."""
    known = {item.id: found for item in items if (found := countdown_of(item)) is not None}
    keys = {found.key for item in taken if (found := countdown_of(item)) is not None}
    pools = {
        level: _pool(seed, level, CANDIDATES * len(known), keys)
        for level in sorted({found.level for found in known.values()})
    }
    made = {}
    for item in items:
        original = known.get(item.id)
        if original is None or not pools[original.level]:
            continue
        pool, paths = pools[original.level], _paths(original)
        new = pool.pop(next((i for i, other in enumerate(pool) if _paths(other) == paths), 0))
        made[item.id] = msgspec.structs.replace(
            item,
            id=f"{item.id}#renumbered",
            statement=countdown.statement(new),
            target=None,
            metadata={
                **{k: v for k, v in item.metadata.items() if k != "solution"},
                **{"numbers": list(new.numbers), "target": new.target, "original_id": item.id},
            },
        )
    return made


def _pool(
    seed: int, level: int, count: int, taken: Collection[countdown.Key]
) -> list[countdown.CountdownProblem]:
    while count:
        try:
            return list(countdown.generate(seed, level, count, exclude=taken))
        except ValueError:  # the level has too few problems left
            count //= 2
    return []


def _paths(problem: countdown.CountdownProblem) -> int:
    """Return how many ways there are to solve a problem; 0 where that would take too long."""
    if len(problem.numbers) > COUNTED:
        return 0
    return len(countdown.solutions(problem.numbers, problem.target, problem.ops))


def _drawn(rng: random.Random, low: int, high: int, taken: Collection[str]) -> str:
    while (number := str(rng.randint(low, high))) in taken:
        pass
    return number


def _reordered(sentence: str) -> str:
    """Return a sentence with its purpose first, or its condition last."""
    if match := _FRONTED.fullmatch(sentence):
        verb, what, purpose, end = match.groups()
        return f"To {purpose}, {verb.lower()} {what}{end}"
    if match := _CONDITION.fullmatch(sentence):
        condition, question, end = match.groups()
        return f"{question[0].upper()}{question[1:]}, if {condition}{end}"
    return sentence


def _replaced(text: str, rng: random.Random) -> str:
    for pattern, others in _PHRASES:
        text = re.sub(pattern, rng.choice(others), text)

    def synonym(match: re.Match[str]) -> str:
        word = match.group()
        other = rng.choice(_SYNONYMS.get(word.lower(), (word,)))
        return other[0].upper() + other[1:] if word[0].isupper() else other

    return _WORD.sub(synonym, text)


def _outside(pattern: re.Pattern[str], change: Callable[[str], str], text: str) -> str:
    """Return a text with the parts changed that the pattern does not match."""
    done, at = [], 0
    for match in pattern.finditer(text):
        done += [change(text[at : match.start()]), match.group()]
        at = match.end()
    return "".join(done) + change(text[at:])
