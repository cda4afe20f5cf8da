"""What of a benchmark's problem is searched for in traces."""

from reasonbench.corpus.items import Item
from reasonbench.records import Problem


def item_of(problem: Problem) -> Item:
    """Return a problem's texts: question, worked solution, answer and program.

    The solution of a coding problem is its program: a ``solution`` in its metadata, or else the
    reference that its tests carry.
    """
    texts = {name: text for name, text in problem.metadata.items() if isinstance(text, str)}
    solution = texts.get("solution", "")
    code = texts.get("code") or texts.get("canonical_solution", "")
    if problem.tests is not None:
        reference = problem.tests.get("reference")
        code = code or solution or (reference if isinstance(reference, str) else "")
        solution = ""
    return Item(problem.task, problem.id, problem.statement, solution, problem.target or "", code)
