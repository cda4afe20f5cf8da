"""The answer must be the target, but for white space, case and Unicode spelling.

The answer is the last box, else the last line after the thinking part; several boxes that
are meant together are one answer, and ``ambiguous`` if only one of them is the target.
"""

import unicodedata

from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, gold_answer
from reasonbench.records import Completion, Grade, Problem


def normalise(text: str) -> str:
    """Return ``text`` in NFKC, case-folded, each run of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class ExactGrader:
    """String equality with the target."""

    identity = f"exact/1+{VERSION}"

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        if problem.target is None:
            return judging.without_gold(completion, self.identity)
        found = judging.final_answer(completion, fallback="line")
        if found.answer is None:
            return judging.without_answer(completion, self.identity, found.state)
        golds = {normalise(problem.target), normalise(gold_answer(problem.target))}
        answer = found.whole or found.answer
        if normalise(answer) in golds:
            return judging.correct(completion, self.identity, answer)
        some = any(normalise(box) in golds for box in found.boxes)
        return judging.incorrect(
            completion, self.identity, "ambiguous" if some else "wrong", answer
        )
