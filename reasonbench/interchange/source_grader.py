"""The source's own verdict on an imported completion, as a grader.

The score stands in the problem's metadata under ``imported``, by sample_index.  So a run whose
log holds no text has grades all the same, and ``regrade --beside source`` sets our grades of
any other import beside the source's.
"""

from collections.abc import Sequence
from typing import Any

from reasonbench.graders import judging
from reasonbench.records import Completion, Grade, Problem

SOURCE = "source"
"""Name of the grader."""
FIELD = "imported"
"""Field of a problem's metadata; benchmarks have a field ``source`` of their own."""


class SourceGrader:
    """What the log says."""

    identity = "source/1"

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Return the source's verdict; a part of a point is no correct answer."""
        source = problem.metadata.get(FIELD)
        score = at(source, "scores", completion.sample_index)
        answer = at(source, "answers", completion.sample_index)
        if score is None:
            return judging.ungraded(
                completion,
                self.identity,
                "no_score",
                answer,
                "the log holds no score of this completion alone",
                layer=SOURCE,
            )
        if score >= 1:
            return judging.correct(completion, self.identity, answer, layer=SOURCE)
        reason = "partial" if score > 0 else "wrong"
        return judging.incorrect(
            completion, self.identity, reason, answer, f"source score {score:g}", layer=SOURCE
        )


def at(source: Any, field: str, sample_index: int) -> Any:
    """Return what the log says of one completion; None where it says nothing."""
    values = source.get(field) if isinstance(source, dict) else None
    if isinstance(values, Sequence) and 0 <= sample_index < len(values):
        return values[sample_index]
    return None
