"""A log's problems as those of one of our tasks, so that its grader and tests can judge them.

Where the log says what was asked, the statement decides: ours stands in the log's, or the
other way round, but for white space.  An id alone is trusted only where there is nothing
else, as in samples of HumanEval: numbers mean another problem in every harness.
"""

from collections.abc import Sequence

from reasonbench.errors import SpecError
from reasonbench.interchange.import_values import brief
from reasonbench.interchange.imported import MAX_NAMED, Item
from reasonbench.records import Problem

LEAST = 20
"""Characters of a statement, fewer than which may stand in another by chance."""


def map_items(items: Sequence[Item], problems: Sequence[Problem], task: str) -> list[Problem]:
    """Return our problem for each of the log's, in the log's order.

    Raises:
        SpecError: some have none, or two have the same.
    """
    by_id = {problem.id: problem for problem in problems}
    by_statement = {_flat(problem.statement): problem for problem in problems}
    found = [_find(item, by_id, by_statement) for item in items]
    strangers = [item for item, problem in zip(items, found, strict=True) if problem is None]
    if strangers:
        named = ", ".join(f"{brief(i.id)} (row {i.row:,})" for i in strangers[:MAX_NAMED])
        raise SpecError(
            f"{len(strangers):,} of {len(items):,} problems of the log are not in {task}: {named}",
            hint="name the task that was asked, or leave --task out to grade against the log's own "
            "targets",
        )
    mapped = [problem for problem in found if problem is not None]
    first: dict[str, Item] = {}
    for item, problem in zip(items, mapped, strict=True):
        other = first.setdefault(problem.id, item)
        if other is not item:
            raise SpecError(
                f"problems {brief(other.id)} (row {other.row:,}) and {brief(item.id)} (row "
                f"{item.row:,}) of the log are both {brief(problem.id)} of {task}",
                hint="leave --task out to grade against the log's own targets",
            )
    return mapped


def _find(
    item: Item, by_id: dict[str, Problem], by_statement: dict[str, Problem]
) -> Problem | None:
    asked = [_flat(text) for text in (item.statement, item.prompt) if text]
    if not asked:
        return by_id.get(item.id)
    for text in asked:
        if text in by_statement:
            return by_statement[text]
    hits = [
        (len(ours), problem)
        for ours, problem in by_statement.items()
        if any((len(ours) >= LEAST and ours in t) or (len(t) >= LEAST and t in ours) for t in asked)
    ]
    # A prompt with examples holds several problems; its own comes last, so it is not guessed.
    return hits[0][1] if len(hits) == 1 else None


def _flat(text: str) -> str:
    return " ".join(text.split())
