"""Renumbered variants of benchmark items: those of the audit, or new ones.

Variants are other problems of the audit that name an item (``original_id`` in their metadata,
as GSM-Symbolic has it) or, in a held-out task, share its ``cluster``.  Where there are none,
items of the Countdown family are minted anew: other numbers, the same level, of three numbers
as many ways to solve them, and no place in the traces.  Their prompts are the items' own with
the statement exchanged.

Not covered: other families, and tasks whose prompts do not hold the statement once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from reasonbench import plugins
from reasonbench.detectors.probes import Probe
from reasonbench.fresh.families import countdown
from reasonbench.protocols import Asked, Evidence
from reasonbench.records import Problem, Prompt
from reasonbench.results import FindingStatus, Role

VARIANTS = 2
"""Variants minted for an item, at most."""
CANDIDATES = 6
"""Problems drawn for each of them: it must be as hard as the item."""
SEED = 20_260_101
COUNTED = 3
"""Most numbers of a problem whose solution paths are counted: of five it takes seconds."""
SEARCH = "overlap"
"""Detector by which a minted variant is found in the traces."""

Pools = dict[tuple[int, int], list[countdown.CountdownProblem]]


class Variants(NamedTuple):
    """Variants of a task's items."""

    of: dict[str, tuple[tuple[str, str], ...]]
    """Task and id of the variants of each item."""
    probe: Probe | None
    """The task that asks them, where they were made here."""
    n_in_traces: int
    """Made ones that stand in the traces, and were left out."""


def variants_of(evidence: Evidence, asked: Asked) -> Variants:
    """Return the variants of a task's items, made where the audit has none."""
    named = _named(evidence, asked) if asked.role is Role.PUBLIC else {}
    return Variants(named, None, 0) if named else _minted(evidence, asked)


def _named(evidence: Evidence, asked: Asked) -> dict[str, tuple[tuple[str, str], ...]]:
    by_original: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    by_cluster: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for other in evidence.tasks:
        for problem in other.problems:
            if (original := problem.metadata.get("original_id")) is not None:
                by_original[str(original)].append((problem.task, problem.id))
            if other.role is Role.HELDOUT and problem.cluster is not None:
                by_cluster[problem.cluster].append((problem.task, problem.id))
    found = {}
    for item in asked.problems:
        pairs = by_original.get(item.id) or by_cluster.get(item.cluster or "", [])
        if others := tuple(pair for pair in pairs if pair != (item.task, item.id)):
            found[item.id] = others
    return found


def _minted(evidence: Evidence, asked: Asked) -> Variants:
    originals = {p.id: c for p in asked.problems if (c := _countdown(p)) is not None}
    taken = {c.key for a in evidence.tasks for p in a.problems if (c := _countdown(p)) is not None}
    name = f"{asked.task.spec.name}:renumbered"
    pools: Pools = {}
    for level in sorted({c.level for c in originals.values()}):
        pools |= _pool(level, CANDIDATES * VARIANTS * len(originals), taken, name)
    made = [
        pair
        for item in asked.problems
        if (original := originals.get(item.id)) is not None
        for pair in _made(item, original, asked.task.prompt(item), pools, name)
    ]
    leaked = _in_traces([problem for problem, _ in made], evidence)
    kept = [(problem, prompt) for problem, prompt in made if problem.id not in leaked]
    of: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for problem, _ in kept:
        of[problem.metadata["original_id"]].append((name, problem.id))
    probe = Probe(name, asked.task.spec.grader, kept) if kept else None
    return Variants({item: tuple(pairs) for item, pairs in of.items()}, probe, len(leaked))


def _made(
    item: Problem,
    original: countdown.CountdownProblem,
    prompt: Prompt,
    pools: Pools,
    name: str,
) -> Iterator[tuple[Problem, Prompt]]:
    """Yield variants of an item with their prompts, each out of a pool and into no other item."""
    pool = pools.get((original.level, _paths(original)), [])
    for i in range(min(VARIANTS, len(pool))):
        new = pool.pop()
        statement = countdown.statement(new)
        variant_id = f"{item.id}#{i + 1}"
        exchanged = _exchanged(prompt, item.statement, statement)
        if exchanged is not None:
            numbers = {"numbers": list(new.numbers), "target": new.target}
            yield (
                msgspec.structs.replace(
                    item,
                    task=name,
                    id=variant_id,
                    statement=statement,
                    target=None,
                    metadata={**item.metadata, **numbers, "original_id": item.id},
                ),
                msgspec.structs.replace(exchanged, task=name, problem_id=variant_id),
            )


def _countdown(problem: Problem) -> countdown.CountdownProblem | None:
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


def _pool(level: int, count: int, taken: set[countdown.Key], name: str) -> Pools:
    """Return new problems of a level by their number of solution paths, the same for a name."""
    while count:
        try:
            drawn = countdown.generate(SEED + sum(name.encode()), level, count, exclude=taken)
        except ValueError:  # the level has too few problems left
            count //= 2
            continue
        pools: Pools = defaultdict(list)
        for problem in reversed(drawn):
            pools[level, _paths(problem)].append(problem)
        return dict(pools)
    return {}


def _paths(problem: countdown.CountdownProblem) -> int:
    """Return how many ways there are to solve a problem; 0 where that would take too long."""
    if len(problem.numbers) > COUNTED:
        return 0
    return len(countdown.solutions(problem.numbers, problem.target, problem.ops))


def _exchanged(prompt: Prompt, old: str, new: str) -> Prompt | None:
    """Return a prompt with the statement exchanged; None where it does not stand there once."""
    if sum(m.content.count(old) for m in prompt.messages) + (prompt.text or "").count(old) != 1:
        return None
    messages = tuple(
        msgspec.structs.replace(m, content=m.content.replace(old, new)) for m in prompt.messages
    )
    text = None if prompt.text is None else prompt.text.replace(old, new)
    return msgspec.structs.replace(prompt, messages=messages, text=text)


def _in_traces(problems: Sequence[Problem], evidence: Evidence) -> set[str]:
    if not problems or not evidence.traces:
        return set()
    findings, _ = plugins.DETECTORS.load(SEARCH).detect(problems, evidence.traces)
    return {f.problem_id for f in findings if f.status is FindingStatus.CONTAMINATED}
